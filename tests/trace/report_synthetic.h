/* SPDX-License-Identifier: MIT */
/*
 * Writes CTF traces as the LTTng provider would leave them, from records, without LTTng: for tests
 * and benchmarks of what reads traces.  One stream; time in ns.
 */
#ifndef GLASSBOX_TESTS_TRACE_REPORT_SYNTHETIC_H
#define GLASSBOX_TESTS_TRACE_REPORT_SYNTHETIC_H

#include "tools/trace/record.h"

struct synthetic_item {
	/*
	 * An event, or if this is not 0 the loss of so many events since the one before; some event
	 * must have come before.
	 */
	uint64_t lost;
	int64_t pid; /* with pid_context: who left it */
	struct record record;
};

struct synthetic_trace {
	const char *path; /* directory to make, its parent exists */
	int64_t pid;      /* environment 'vpid'; 0 for none */
	bool pid_context; /* a context field 'vpid', as with per-user buffers */
	/*
	 * With the others that say so, a part of one logical trace.  All parts must have the same
	 * kinds of events.
	 */
	bool joined;
	uint64_t stream;  /* number of the stream */
	bool foreign;     /* events are named "foreign:exit" etc. */
	const char *omit; /* a field that no event has, or NULL */
	/*
	 * Gives the next item.  False: that was all.  Strings must live until synthetic_write() is
	 * over.
	 */
	bool (*next)(void *context, struct synthetic_item *ret_item);
	void *context;
};

/** synthetic_write() - write the whole trace.  Return: 0, or -1 with the cause on stderr. */
int synthetic_write(const struct synthetic_trace *trace);

#endif
