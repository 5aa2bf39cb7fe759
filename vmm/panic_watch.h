/* SPDX-License-Identifier: MIT */
/*
 * Finds a kernel's last words in what it writes to its console.
 *
 * A kernel that panics with panic=-1 resets the machine like one that reboots; only its console
 * tells the two apart on a machine without a panic device.  The guest can lie here, about itself
 * alone.
 */
#ifndef GLASSBOX_VMM_PANIC_WATCH_H
#define GLASSBOX_VMM_PANIC_WATCH_H

#include "base/util.h"

#define PANIC_WATCH_LINE 256

struct panic_watch {
	char line[PANIC_WATCH_LINE]; /* the line being written, without its end */
	size_t len;
	char message[PANIC_WATCH_LINE]; /* the first panic's text, "" while there is none */
};

/** panic_watch_feed() - the guest wrote @len bytes */
void panic_watch_feed(struct panic_watch *watch, const void *data, size_t len);

#endif
