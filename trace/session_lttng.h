/* SPDX-License-Identifier: MIT */
/* One LTTng session that records what one process traces.  The calls of liblttng-ctl. */
#ifndef GLASSBOX_TRACE_SESSION_LTTNG_H
#define GLASSBOX_TRACE_SESSION_LTTNG_H

#include <sys/types.h>

#include "base/error.h"
#include "trace/session_protocol.h"

struct session_recording {
	const char *dir; /* absolute */
	pid_t pid;       /* whose events */
	uint64_t subbuffer_size;
	char name[64]; /* written by session_recording_start() */
};

/**
 * session_recording_start() - create a session that writes to @recording->dir and start it
 *
 * Return: 0, or -errno with a sentence and without a session.
 */
int session_recording_start(struct session_recording *recording, struct error *error) __must_check;

/**
 * session_recording_stop() - stop the session, wait for its data, count what was lost, destroy it
 * @reply: all of it is written; its code is -EPIPE if a daemon of LTTng is gone
 *
 * Takes 40 s at the most, as long as the daemon answers.
 */
void session_recording_stop(const struct session_recording *recording, struct session_reply *reply);

#endif
