/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "devices/backend/host_clock.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

static void quit_of_device(struct device *dev)
{
	loop_quit((struct loop *)(void *)dev);
}

static void clocks_run(void **state)
{
	struct wall_clock wall = host_wall_clock();
	struct monotonic_clock monotonic = host_monotonic_clock();
	int64_t before = monotonic.now_ns(monotonic.ctx);

	(void)state;
	assert_true(wall.now_ns(wall.ctx) / 1000000000 - time(NULL) <= 1);
	assert_true(monotonic.now_ns(monotonic.ctx) >= before);
}

static void timer_expires_at_once_for_the_past_and_not_when_disarmed(void **state)
{
	struct loop *loop;
	struct host_timer *timer;
	struct device_timer line;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(host_timer_create(loop, &timer), 0);
	line = host_timer_line(timer);
	line.arm(line.ctx, 0);
	line.arm(line.ctx, DEVICE_TIMER_NEVER);
	loop_turn(loop);
	host_timer_set_expire(timer, quit_of_device, (struct device *)(void *)loop);
	line.arm(line.ctx, 0);
	assert_int_equal(loop_run(loop), 0);
	host_timer_destroy(timer);
	host_timer_destroy(NULL);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_run),
		cmocka_unit_test(timer_expires_at_once_for_the_past_and_not_when_disarmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
