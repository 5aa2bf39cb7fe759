/* SPDX-License-Identifier: MIT */
/* Runs an event loop by hand. */
#ifndef GLASSBOX_TESTS_UNIT_LOOP_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_LOOP_FIXTURE_H

#include "base/loop.h"

static inline void quit_loop(void *ctx)
{
	loop_quit(ctx);
}

/* One batch: whatever is ready now is served. */
static inline void loop_turn(struct loop *loop)
{
	assert_int_equal(loop_post(loop, quit_loop, loop), 0);
	assert_int_equal(loop_run(loop), 0);
}

static inline void loop_turns(struct loop *loop, unsigned count)
{
	while (count--)
		loop_turn(loop);
}

#endif
