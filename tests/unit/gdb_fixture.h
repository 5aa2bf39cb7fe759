/* SPDX-License-Identifier: MIT */
/* One session of the stub on the fake machine, for the tests of a file; each test sets it up its
 * way. */
#ifndef GLASSBOX_TESTS_UNIT_GDB_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_GDB_FIXTURE_H

#include <string.h>

#include "tests/support/gdb_harness.h"
#include "tests/unit/cmocka_all.h"

static struct gdb_harness harness;

static inline int teardown(void **state)
{
	(void)state;
	gdb_harness_teardown(&harness);
	return 0;
}

static inline void assert_reply(const char *packet, const char *reply)
{
	const char *got = gdb_harness_ask(&harness, "%s", packet);

	if (!got || strcmp(got, reply) != 0)
		fail_msg("%s: got '%s', wanted '%s'", packet, got ? got : "nothing", reply);
}

/* A stop reply says more than a test cares for: it begins with @reply_head. */
static inline void assert_stops(const char *packet, const char *reply_head)
{
	const char *got = gdb_harness_ask(&harness, "%s", packet);

	if (!got || strncmp(got, reply_head, strlen(reply_head)) != 0)
		fail_msg("%s: got '%s', wanted '%s...'", packet, got ? got : "nothing", reply_head);
}

#endif
