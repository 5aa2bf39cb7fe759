/* SPDX-License-Identifier: MIT */
/*
 * Between trace/session.c and the program glassbox-trace-session, both of one build: a
 * SOCK_SEQPACKET pair on the helper's standard input.
 *
 *	helper -> VMM	a reply once it records, or why it does not
 *	VMM -> helper	end of file: stop (a crash of the VMM says the same)
 *	helper -> VMM	a reply once the trace is on disk
 *	helper -> VMM	end of file: everything of this session is gone, or SESSION_REPLY_STAYS
 */
#ifndef GLASSBOX_TRACE_SESSION_PROTOCOL_H
#define GLASSBOX_TRACE_SESSION_PROTOCOL_H

#include "base/error.h"

#define SESSION_HELPER "glassbox-trace-session"

enum session_reply_flags {
	SESSION_REPLY_DISK_FULL = 1 << 0,
	SESSION_REPLY_UNFINISHED = 1 << 1,
	/* The helper lives on: its daemon serves sessions of other Glassbox processes. */
	SESSION_REPLY_STAYS = 1 << 2,
};

struct session_reply {
	int32_t code;   /* 0, or a negative errno that `error` explains */
	uint32_t flags; /* SESSION_REPLY_* */
	uint64_t lost_events;
	uint64_t lost_packets;
	struct error error;
};

#endif
