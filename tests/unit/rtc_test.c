/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "devices/legacy/rtc.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define S_NS        1000000000ll

/* 2024-02-29 23:59:58.25 UTC, a Thursday. */
#define LEAP_DAY_NS (1709251198 * S_NS + S_NS / 4)

#define UIP         0x80
#define SET         0x80
#define PIE         0x40
#define AIE         0x20
#define UIE         0x10
#define BINARY      0x04
#define HOURS_24    0x02

struct machine {
	struct device *dev;
	struct recorded_irq irq;
	int64_t now_ns, deadline_ns;
	unsigned arms;
};

static void machine_arm(void *ctx, int64_t deadline_ns)
{
	struct machine *machine = ctx;

	machine->arms++;
	machine->deadline_ns = deadline_ns;
}

/* The timer has one shot. */
static void machine_expire(struct machine *machine)
{
	machine->deadline_ns = DEVICE_TIMER_NEVER;
	rtc_expire(machine->dev);
}

static int machine_setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct rtc_config config = { .name = "rtc",
				     .memory_below_4g = GIB(3),
				     .memory_above_4g = GIB(1) };

	assert_non_null(machine);
	machine->now_ns = LEAP_DAY_NS;
	machine->deadline_ns = DEVICE_TIMER_NEVER;
	config.irq = recorded_irq_line(&machine->irq);
	config.clock = (struct wall_clock){ chosen_now_ns, &machine->now_ns };
	config.timer = (struct device_timer){ machine_arm, machine };
	assert_int_equal(rtc_create(&config, &machine->dev), 0);
	*state = machine;
	return 0;
}

static int machine_teardown(void **state)
{
	struct machine *machine = *state;

	destroy_and_null(machine->dev);
	free(machine);
	return 0;
}

static uint8_t cmos(struct machine *machine, uint8_t reg)
{
	poke(machine->dev, 0, reg);
	return peek(machine->dev, 1);
}

static void cmos_write(struct machine *machine, uint8_t reg, uint8_t value)
{
	poke(machine->dev, 0, reg);
	poke(machine->dev, 1, value);
}

static void assert_time(struct machine *machine, const uint8_t expected[static 8])
{
	static const uint8_t regs[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (int i = 0; i < 8; i++)
		assert_int_equal(cmos(machine, regs[i]), expected[i]);
}

static void rtc_shows_utc_in_every_mode(void **state)
{
	struct machine *machine = *state;

	assert_time(machine, (const uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58 });
	cmos_write(machine, 0x0b, HOURS_24 | BINARY);
	assert_time(machine, (const uint8_t[]){ 0x20, 24, 2, 29, 5, 23, 59, 58 });
	cmos_write(machine, 0x0b, BINARY);
	assert_int_equal(cmos(machine, 4), 0x80 | 11);
	cmos_write(machine, 0x0b, 0);
	assert_int_equal(cmos(machine, 4), 0x80 | 0x11);
	machine->now_ns += 2 * S_NS; /* midnight is 12 AM, and a new month */
	assert_time(machine, (const uint8_t[]){ 0x20, 0x24, 0x03, 0x01, 6, 0x12, 0x00, 0x00 });
}

static void rtc_update_in_progress_warns_and_ends(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(cmos(machine, 0x0a), 0x26);
	machine->now_ns = LEAP_DAY_NS + S_NS * 3 / 4 - 100000;
	assert_int_equal(cmos(machine, 0x0a) & UIP, UIP);
	machine->now_ns += 100000;
	assert_int_equal(cmos(machine, 0x0a) & UIP, 0);
	assert_int_equal(cmos(machine, 0), 0x59);
	cmos_write(machine, 0x0b, HOURS_24 | SET);
	machine->now_ns += S_NS - 1;
	assert_int_equal(cmos(machine, 0x0a) & UIP, 0);
}

/* As Linux does it: SET, divider in reset, the bytes, SET off, divider on. */
static void rtc_set_by_the_guest_keeps_ticking_from_there(void **state)
{
	struct machine *machine = *state;

	cmos_write(machine, 0x0b, HOURS_24 | SET);
	cmos_write(machine, 0x0a, 0x76);
	cmos_write(machine, 9, 0x99);
	cmos_write(machine, 8, 0x12);
	cmos_write(machine, 7, 0x31);
	cmos_write(machine, 4, 0x23);
	cmos_write(machine, 2, 0x59);
	cmos_write(machine, 0, 0x59);
	cmos_write(machine, 0x32, 0x19);
	assert_int_equal(cmos(machine, 0), 0x59);
	machine->now_ns += 5 * S_NS; /* SET holds the bytes */
	assert_int_equal(cmos(machine, 0), 0x59);
	cmos_write(machine, 0x0b, HOURS_24);
	cmos_write(machine, 0x0a, 0x26);
	machine->now_ns += S_NS / 2 - 1; /* the first second is half a second long */
	assert_time(machine, (const uint8_t[]){ 0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59 });
	machine->now_ns += 1;
	assert_time(machine, (const uint8_t[]){ 0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00 });
	machine->dev->ops->reset(machine->dev); /* the battery keeps it */
	assert_int_equal(cmos(machine, 9), 0x00);
}

static void rtc_ignores_a_date_that_is_none(void **state)
{
	struct machine *machine = *state;

	cmos_write(machine, 8, 0x13);
	cmos_write(machine, 0, 0xff);
	cmos_write(machine, 0x32, 0x99);
	assert_time(machine, (const uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58 });
	cmos_write(machine, 4, 0x08); /* without SET, one byte at a time works, too */
	assert_time(machine, (const uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x08, 0x59, 0x58 });
}

static void rtc_update_interrupt_comes_each_second(void **state)
{
	struct machine *machine = *state;

	(void)cmos(machine, 0x0c);
	cmos_write(machine, 0x0b, HOURS_24 | UIE);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS + S_NS * 3 / 4);
	machine->now_ns = machine->deadline_ns - 1; /* a timer that is early does no harm */
	machine_expire(machine);
	assert_false(machine->irq.level);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS + S_NS * 3 / 4);
	machine->now_ns = machine->deadline_ns;
	machine_expire(machine);
	assert_true(machine->irq.level);
	/* Nothing more until the guest takes notice. */
	assert_int_equal(machine->deadline_ns, DEVICE_TIMER_NEVER);
	assert_int_equal(cmos(machine, 0x0c) & 0x90, 0x90);
	assert_false(machine->irq.level);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS + S_NS * 7 / 4);
	cmos_write(machine, 0x0b, HOURS_24);
	assert_int_equal(machine->deadline_ns, DEVICE_TIMER_NEVER);
}

static void rtc_alarm_matches_time_and_wildcards(void **state)
{
	struct machine *machine = *state;

	cmos_write(machine, 1, 0x30);
	cmos_write(machine, 3, 0x00);
	cmos_write(machine, 5, 0xff); /* every hour */
	(void)cmos(machine, 0x0c);
	cmos_write(machine, 0x0b, HOURS_24 | AIE);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS - S_NS / 4 + 32 * S_NS);
	machine->now_ns = machine->deadline_ns;
	machine_expire(machine);
	assert_int_equal(cmos(machine, 0x0c), 0x80 | AIE | UIE | PIE);
	assert_int_equal(machine->irq.rises, 1);
	cmos_write(machine, 5, 0x22); /* the day after */
	assert_int_equal(machine->deadline_ns,
			 LEAP_DAY_NS - S_NS / 4 + 32 * S_NS + 22 * 3600 * S_NS);
	cmos_write(machine, 5, 0x33); /* never */
	assert_int_equal(machine->deadline_ns, DEVICE_TIMER_NEVER);
}

static void rtc_periodic_interrupt_has_the_rate_of_register_a(void **state)
{
	struct machine *machine = *state;

	(void)cmos(machine, 0x0c);
	cmos_write(machine, 0x0a, 0x2f); /* 2 Hz */
	cmos_write(machine, 0x0b, HOURS_24 | PIE);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS + S_NS / 4);
	machine->now_ns = machine->deadline_ns;
	machine_expire(machine);
	assert_int_equal(cmos(machine, 0x0c), 0x80 | PIE);
	assert_int_equal(machine->deadline_ns, LEAP_DAY_NS + S_NS * 3 / 4);
	cmos_write(machine, 0x0a, 0x20); /* none */
	assert_int_equal(machine->deadline_ns, DEVICE_TIMER_NEVER);
}

static void rtc_tells_memory_sizes_and_keeps_memory(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(cmos(machine, 0x15) | cmos(machine, 0x16) << 8, 640);
	assert_int_equal(cmos(machine, 0x17) | cmos(machine, 0x18) << 8, 0xffff);
	assert_int_equal(cmos(machine, 0x30) | cmos(machine, 0x31) << 8, 0xffff);
	assert_int_equal(cmos(machine, 0x34) | cmos(machine, 0x35) << 8, (3072 - 16) * 16);
	assert_int_equal(cmos(machine, 0x5b) | cmos(machine, 0x5c) << 8, 1024 * 16);
	assert_int_equal(cmos(machine, 0x0d), 0x80);
	cmos_write(machine, 0x0f, 0x0a);
	cmos_write(machine, 0x0d, 0);
	machine->dev->ops->reset(machine->dev);
	assert_int_equal(cmos(machine, 0x8f), 0x0a); /* bit 7 of the index is not the index's */
	assert_int_equal(cmos(machine, 0x0d), 0x80);
}

static void rtc_survives_nonsense(void **state)
{
	struct machine *machine = *state;
	void *other;

	machine_setup(&other);
	poke_nonsense(machine->dev);
	for (unsigned reg = 0; reg < 256; reg++) {
		for (unsigned value = 0; value < 256; value += 5) {
			cmos_write(machine, (uint8_t)reg, (uint8_t)value);
			(void)cmos(machine, (uint8_t)(reg + value));
			machine->now_ns += S_NS / 3;
			machine_expire(machine);
		}
	}
	machine->now_ns -= 1000 * S_NS; /* somebody sets the host's clock back */
	(void)cmos(machine, 0x0c);
	assert_true(reads_as_ones(machine->dev, 0, 1));
	assert_true(reads_as_ones(machine->dev, 2, 8));
	assert_int_equal(cmos(other, 0), 0x58);
	machine_teardown(&other);
}

#define MACHINE_TEST(fn) cmocka_unit_test_setup_teardown(fn, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(rtc_shows_utc_in_every_mode),
		MACHINE_TEST(rtc_update_in_progress_warns_and_ends),
		MACHINE_TEST(rtc_set_by_the_guest_keeps_ticking_from_there),
		MACHINE_TEST(rtc_ignores_a_date_that_is_none),
		MACHINE_TEST(rtc_update_interrupt_comes_each_second),
		MACHINE_TEST(rtc_alarm_matches_time_and_wildcards),
		MACHINE_TEST(rtc_periodic_interrupt_has_the_rate_of_register_a),
		MACHINE_TEST(rtc_tells_memory_sizes_and_keeps_memory),
		MACHINE_TEST(rtc_survives_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
