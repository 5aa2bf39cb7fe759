/* SPDX-License-Identifier: MIT */
/* The ports by which a guest says that it is at its end: pvpanic and debug-exit. */
#include <string.h>

#include "devices/legacy/debug_exit.h"
#include "devices/legacy/pvpanic.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

struct told {
	unsigned panics, crashes, exits;
	int status;
};

static void on_event(void *ctx, enum pvpanic_event event)
{
	struct told *told = ctx;

	if (event == PVPANIC_EVENT_PANICKED)
		told->panics++;
	else
		told->crashes++;
}

static void on_exit_status(void *ctx, int status)
{
	struct told *told = ctx;

	told->exits++;
	told->status = status;
}

static struct device *create_pvpanic(struct told *told)
{
	const struct pvpanic_listener listener = { on_event, told };
	struct device *dev;

	memset(told, 0, sizeof(*told));
	assert_int_equal(pvpanic_create("pvpanic", &listener, &dev), 0);
	return dev;
}

static void pvpanic_tells_what_it_knows(void **state)
{
	struct told told;
	struct device *dev = create_pvpanic(&told);
	uint32_t wide = 0;

	(void)state;
	assert_int_equal(peek(dev, 0), 0x03);
	dev->ops->read(dev, 0, &wide, 4);
	assert_int_equal(wide, 0xffffff03);
	dev->ops->reset(dev);
	assert_int_equal(peek(dev, 0), 0x03);
	destroy_and_null(dev);
}

static void pvpanic_passes_events_on(void **state)
{
	struct told told;
	struct device *dev = create_pvpanic(&told);
	uint16_t wide = 0x0100;

	(void)state;
	poke(dev, 0, 0x01);
	assert_int_equal(told.panics, 1);
	poke(dev, 0, 0x02);
	assert_int_equal(told.crashes, 1);
	poke(dev, 0, 0x03); /* the graver one */
	assert_int_equal(told.panics, 2);
	assert_int_equal(told.crashes, 1);
	/* Unknown bits, and what is written behind the port. */
	poke(dev, 0, 0x00);
	poke(dev, 0, 0xfc);
	dev->ops->write(dev, 0, &wide, 2);
	assert_int_equal(told.panics, 2);
	assert_int_equal(told.crashes, 1);
	destroy_and_null(dev);
}

static void debug_exit_makes_a_status(void **state)
{
	static const struct {
		uint32_t value;
		unsigned len;
		int status;
	} cases[] = {
		{ 0, 1, 1 },       { 0x10, 1, 33 },  { 0x10, 4, 33 },       { 0x11, 2, 35 },
		{ 0x7f, 1, 255 },  { 0x80, 1, 1 },   { 0xff, 1, 255 },      { 0x1234, 2, 0x69 },
		{ 0x1ff, 1, 255 }, { 0x110, 4, 33 }, { 0x80000010, 4, 33 },
	};
	struct told told = { 0 };
	const struct exit_listener listener = { on_exit_status, &told };
	struct device *dev;
	uint32_t value = UINT32_MAX;

	(void)state;
	assert_int_equal(debug_exit_create("debug-exit", &listener, &dev), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		dev->ops->write(dev, i % DEBUG_EXIT_NR_PORTS, &cases[i].value, cases[i].len);
		assert_int_equal(told.status, cases[i].status);
	}
	assert_int_equal(told.exits, ARRAY_SIZE(cases));
	dev->ops->read(dev, 0, &value, 4);
	assert_int_equal(value, 0);
	dev->ops->reset(dev);
	assert_int_equal(told.exits, ARRAY_SIZE(cases));
	destroy_and_null(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvpanic_tells_what_it_knows),
		cmocka_unit_test(pvpanic_passes_events_on),
		cmocka_unit_test(debug_exit_makes_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
