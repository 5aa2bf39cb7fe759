/* SPDX-License-Identifier: MIT */
/* A gdb session on a fake machine, without a socket: packets in, replies out.  For cmocka tests. */
#ifndef GLASSBOX_TESTS_SUPPORT_GDB_HARNESS_H
#define GLASSBOX_TESTS_SUPPORT_GDB_HARNESS_H

#include "gdbstub/session.h"
#include "tests/support/fake_target.h"

struct gdb_harness {
	struct fake_target fake;
	struct gdb_session *session;
	char *reply; /* the last one; freed with the next */
	size_t reply_len;
};

/** gdb_harness_setup() - @nr_vcpus, stopped, a client attached in no-ack mode that knows swbreak
 * and hwbreak */
void gdb_harness_setup(struct gdb_harness *harness, unsigned nr_vcpus);
void gdb_harness_teardown(struct gdb_harness *harness);

/**
 * gdb_harness_ask() - send one packet and return its reply's body
 *
 * A packet that starts the machine lets it run (bounded) until the stop reply.  NULL when there is
 * no reply.
 */
const char *gdb_harness_ask(struct gdb_harness *harness, const char *format, ...) __printf(2, 3);
const char *gdb_harness_ask_bytes(struct gdb_harness *harness, const void *body, size_t len);

/** gdb_harness_start() - send a packet without letting the machine run or looking for a reply */
void gdb_harness_start(struct gdb_harness *harness, const char *packet);

/** gdb_harness_send() - the same with raw bytes */
void gdb_harness_send(struct gdb_harness *harness, const void *bytes, size_t len);

/** gdb_harness_reply() - what has come since, or NULL */
const char *gdb_harness_reply(struct gdb_harness *harness);

#endif
