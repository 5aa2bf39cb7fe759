/* SPDX-License-Identifier: MIT */
/* Run control: from gdb's actions to the target's resume(), and from its stops to gdb's replies. */
#ifndef GLASSBOX_GDBSTUB_RUN_H
#define GLASSBOX_GDBSTUB_RUN_H

#include "gdbstub/session.h"

/**
 * gdb_run_resume() - let the vCPUs do their actions
 *
 * Vcpus that stand at a breakpoint whose hit was reported pass it first, one by one, with only that
 * breakpoint lifted and nobody else running.  Return: 0, or -errno (then all are still stopped).
 */
int gdb_run_resume(struct gdb_session *session);

/** gdb_run_interrupt() - ask a running machine to stop, as often as it is called; otherwise nothing
 */
int gdb_run_interrupt(struct gdb_session *session);

/** gdb_run_forget_breakpoints() - of a stopped machine: remove all that was set */
void gdb_run_forget_breakpoints(struct gdb_session *session);

/** gdb_run_release() - remove all breakpoints and resume every vCPU, for nobody */
void gdb_run_release(struct gdb_session *session);

/** gdb_run_set_all() - give every vCPU the same plain action */
void gdb_run_set_all(struct gdb_session *session, enum gdb_resume_kind kind);

/** gdb_run_mark_reported() - gdb is about to learn where the vCPU of the last stop stands */
void gdb_run_mark_reported(struct gdb_session *session);

/** gdb_run_write_stop_reply() - the body of a stop reply for the last stop */
void gdb_run_write_stop_reply(struct gdb_session *session, struct gdb_buffer *reply);

#endif
