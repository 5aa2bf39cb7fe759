/* SPDX-License-Identifier: MIT */
/* Where LTTng keeps what belongs to a user. */
#ifndef GLASSBOX_TRACE_LTTNG_HOME_H
#define GLASSBOX_TRACE_LTTNG_HOME_H

/**
 * lttng_home() - the directory that has .lttng of this user, as LTTng's own programs look for it
 *
 * LTTNG_HOME, else HOME, else the password file's.  Main thread.  Return: borrowed from the
 * environment or the C library.
 */
const char *lttng_home(void);

#endif
