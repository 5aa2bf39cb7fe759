/* SPDX-License-Identifier: MIT */
/*
 * One machine under a debugger: what gdb has said, what runs, what is set.  Bytes come in through
 * gdb_session_feed() and go out through the buffer `out`; there is no I/O here, so tests and the
 * fuzzer drive it as the server does.
 *
 * A session lives as long as the machine; clients attach to it and detach, one at a time.  All of
 * it belongs to the loop's thread.  The structure is open to the files of gdbstub/ only.
 */
#ifndef GLASSBOX_GDBSTUB_SESSION_H
#define GLASSBOX_GDBSTUB_SESSION_H

#include "gdbstub/breakpoints.h"
#include "gdbstub/hw_points.h"
#include "gdbstub/packet.h"
#include "gdbstub/target.h"
#include "gdbstub/target_xml.h"

/* A reply of the longest kind, with acknowledgements and a stop reply before it is sent off. */
#define GDB_OUT_SIZE (GDB_PACKET_SIZE + 1024u)

enum gdb_run_state {
	GDB_RUN_STOPPED, /* every vCPU is stopped, and no breakpoint of ours is in memory */
	GDB_RUN_RUNNING, /* between resume() of the target and its next stop */
	GDB_RUN_EXITED,  /* the VM has ended */
};

/* What gdb wants a vCPU to do until the next stop it hears of. */
struct gdb_action {
	enum gdb_resume_kind kind;
	uint64_t range_start, range_end; /* of GDB_RESUME_STEP: step on while in [start, end) */
};

struct gdb_vcpu {
	struct gdb_action action;
	bool chosen; /* a vCont being read has an action for it */
	/*
	 * gdb knows that this vCPU stands at reported_pc.  A breakpoint there has had its hit, and
	 * resuming passes it.  (A vCPU that met a breakpoint in the same moment as another one's
	 * stop was reported is not marked: it meets the breakpoint again, so no hit is lost.)
	 */
	bool reported;
	uint64_t reported_pc;
};

struct gdb_session {
	struct gdb_target *target; /* borrowed */
	unsigned nr_vcpus;
	struct gdb_vcpu *vcpus;      /* nr_vcpus */
	enum gdb_resume_kind *kinds; /* nr_vcpus; scratch for resume() */

	/* The conversation; reset by gdb_session_attach(). */
	bool attached;
	bool closing; /* the client has said goodbye: close when `out` is sent */
	bool no_ack;
	bool client_swbreak, client_hwbreak; /* it understands these stop reasons */
	unsigned general_vcpu;               /* of g, m, Z ... (Hg) */
	int resume_thread;                   /* of c and s (Hc): an id, or GDB_THREAD_ALL or _ANY */
	unsigned next_listed;                /* vCPU that qsThreadInfo starts with */
	bool only_int3;                      /* breakpoints borrow no debug registers (monitor) */

	/* Run control. */
	enum gdb_run_state state;
	bool waiting;      /* the client waits for a stop reply */
	bool interrupting; /* interrupt() was called, its stop has not come yet */
	bool leftovers;    /* a client went away while running: clean up at the stop */
	struct gdb_stop last_stop;
	bool stop_was_asked; /* by the client that waited for the last stop, e.g. Ctrl-C */
	struct gdb_breakpoints breakpoints;
	struct gdb_hw_points hw;
	struct gdb_debug_setup armed; /* what the target was told last */

	struct gdb_packet_parser parser;
	bool has_replied;        /* `reply` holds the last body sent, for retransmission */
	struct gdb_buffer reply; /* the body being written */
	struct gdb_buffer out;   /* frames for the client; the server drops what it has sent */
	struct gdb_buffer xml;   /* the target description */
	uint8_t reply_data[GDB_PACKET_SIZE];
	uint8_t out_data[GDB_OUT_SIZE];
	uint8_t xml_data[GDB_TARGET_XML_SIZE];
	uint8_t scratch[GDB_PACKET_SIZE]; /* of the command being executed */
};

/**
 * gdb_session_create() - no client yet
 * @target: borrowed until gdb_session_destroy()
 * @stopped: the vCPUs are stopped now (true) or running (false)
 *
 * Return: 0 or -errno.
 */
int gdb_session_create(struct gdb_target *target, bool stopped, struct gdb_session **ret_session)
	__must_check;

/** gdb_session_destroy() - does not touch the machine; NULL is fine */
void gdb_session_destroy(struct gdb_session *session);

/** gdb_session_attach() - a client is there; running vCPUs are told to stop.  Return: 0 or -errno
 */
int gdb_session_attach(struct gdb_session *session) __must_check;

/**
 * gdb_session_detach() - the client is gone: remove what it set and let the machine run
 * @asked: it said so; a machine that has died is resumed (which ends it) only then
 */
void gdb_session_detach(struct gdb_session *session, bool asked);

/**
 * gdb_session_feed() - bytes from the client
 *
 * Return: how many were taken.  The rest must come again when `out` has been sent, or when
 * gdb_session_report_stop() says that the machine has stopped for the new client.
 */
size_t gdb_session_feed(struct gdb_session *session, const uint8_t *bytes, size_t len);

/** gdb_session_accepts() - gdb_session_feed() would take a byte now */
bool gdb_session_accepts(const struct gdb_session *session);

/** gdb_session_report_stop() - see gdb_server_report_stop() */
void gdb_session_report_stop(struct gdb_session *session, const struct gdb_stop *stop);

/** gdb_session_owns_breakpoint() - see gdb_server_owns_breakpoint() */
bool gdb_session_owns_breakpoint(struct gdb_session *session, unsigned vcpu, uint64_t gva);

/** gdb_session_send_reply() - queue what is in `reply` */
void gdb_session_send_reply(struct gdb_session *session);

/** gdb_session_machine_reset() - see gdb_server_machine_reset() */
int gdb_session_machine_reset(struct gdb_session *session) __must_check;

#endif
