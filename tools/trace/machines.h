/* SPDX-License-Identifier: MIT */
/*
 * The machines (VMM processes) whose events are in a stream of Babeltrace messages, kept apart.
 *
 * With per-process buffers each process has a CTF trace of its own.  With per-user buffers the
 * machines share one: the context field 'vpid', if it was recorded, tells them apart.  A machine
 * that starts after another one of the same trace stopped is a machine of its own.
 *
 * Memory grows with the number of traces, streams, event classes and machines, never of events.
 * Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_MACHINES_H
#define GLASSBOX_TOOLS_TRACE_MACHINES_H

#include <babeltrace2/babeltrace.h>

#include "tools/trace/exits.h"
#include "tools/trace/ptr_map.h"

#define MACHINES_MAX 1024u

struct machine {
	struct machine_trace *trace; /* borrowed */
	int64_t pid;                 /* -1: unknown */
	struct exits *exits;         /* owned */
};

struct machines {
	struct ptr_map decoders; /* bt_event_class to struct bt_decoder, owned */
	struct ptr_map streams;  /* bt_stream to struct machine_stream, owned */
	struct ptr_map traces;   /* bt_trace to struct machine_trace, owned */
	struct machine **list;   /* owned; in the order of their first event */
	size_t count;

	uint64_t messages; /* events of any trace, for the user who waits */
	uint64_t ours;     /* events named glassbox:... */
	uint64_t
		unusable; /* of these: unknown names, fields missing, no clock, too many machines */
};

/**
 * machines_feed() - take the next message, whatever it is
 *
 * Messages of traces that are not Glassbox's are passed over.  Return: 0, -ENOMEM, or -ERANGE when
 * a time does not fit in 64 bits of ns.
 */
int machines_feed(struct machines *machines, const bt_message *message) __must_check;

/** machines_end() - the trace is over: end the analysis of each machine.  Once. */
void machines_end(struct machines *machines);

/** machine_describe() - "process 1234 on host", for the user; free() it.  NULL: out of memory. */
char *machine_describe(const struct machine *machine);

/** machines_clear() - free what @machines owns and make it empty */
void machines_clear(struct machines *machines);

#endif
