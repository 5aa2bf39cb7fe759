/* SPDX-License-Identifier: MIT */
#include "devices/legacy/i8042.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

enum { DATA = 0, STATUS = 4, COMMAND = 4 };

#define OUTPUT_FULL 0x01
#define INPUT_FULL  0x02

static struct device *create(struct recorded_power *power)
{
	struct power_control control = recorded_power_control(power);
	struct device *dev;

	assert_int_equal(i8042_create("i8042", &control, &dev), 0);
	return dev;
}

/* Sends @command and returns its reply, which must be there at once and only once. */
static uint8_t ask(struct device *dev, uint8_t command)
{
	uint8_t reply;

	poke(dev, COMMAND, command);
	assert_int_equal(peek(dev, STATUS) & (OUTPUT_FULL | INPUT_FULL), OUTPUT_FULL);
	reply = peek(dev, DATA);
	assert_int_equal(peek(dev, STATUS) & OUTPUT_FULL, 0);
	return reply;
}

static void i8042_answers_a_probe_at_once(void **state)
{
	struct recorded_power power = { 0 };
	struct device *dev = create(&power);

	(void)state;
	assert_int_equal(peek(dev, STATUS) & (OUTPUT_FULL | INPUT_FULL), 0);
	assert_int_equal(ask(dev, 0xaa), 0x55);
	assert_int_equal(ask(dev, 0xab), 0x00);
	assert_int_equal(ask(dev, 0xa9), 0x02); /* no mouse port */
	poke(dev, COMMAND, 0x60);
	poke(dev, DATA, 0x47);
	assert_int_equal(ask(dev, 0x20), 0x47);
	poke(dev, COMMAND, 0xad);
	assert_int_equal(ask(dev, 0x20), 0x57);
	poke(dev, COMMAND, 0xa7);
	assert_int_equal(ask(dev, 0x20), 0x77);
	poke(dev, COMMAND, 0xae);
	poke(dev, COMMAND, 0xa8);
	assert_int_equal(ask(dev, 0x20), 0x47);
	/* The loop-back test of a mouse port gets its byte, but not from a mouse port. */
	poke(dev, COMMAND, 0xd3);
	poke(dev, DATA, 0x5a);
	assert_int_equal(peek(dev, STATUS) & 0x21, OUTPUT_FULL);
	assert_int_equal(peek(dev, DATA), 0x5a);
	assert_int_equal(power.requests, 0);
	dev->ops->destroy(dev);
}

static void i8042_absent_keyboard_stays_silent(void **state)
{
	struct recorded_power power = { 0 };
	struct device *dev = create(&power);

	(void)state;
	poke(dev, DATA, 0xff);
	poke(dev, COMMAND, 0xd4);
	poke(dev, DATA, 0xf2);
	assert_int_equal(peek(dev, STATUS) & OUTPUT_FULL, 0);
	dev->ops->destroy(dev);
}

static void i8042_pulse_and_output_port_reset_the_machine(void **state)
{
	struct recorded_power power = { 0 };
	struct device *dev = create(&power);

	(void)state;
	poke(dev, COMMAND, 0xfe);
	assert_int_equal(power.requests, 1);
	assert_int_equal(power.last, POWER_REQUEST_RESET);
	poke(dev, COMMAND, 0xff); /* pulses no line */
	assert_int_equal(power.requests, 1);
	poke(dev, COMMAND, 0xd1);
	poke(dev, DATA, 0xdd); /* A20 off */
	assert_int_equal(ask(dev, 0xd0), 0xdd);
	assert_int_equal(power.requests, 1);
	poke(dev, COMMAND, 0xd1);
	poke(dev, DATA, 0xfe);
	assert_int_equal(power.requests, 2);
	dev->ops->destroy(dev);
}

static void i8042_two_instances_nonsense_and_reset(void **state)
{
	struct recorded_power power = { 0 }, other_power = { 0 };
	struct device *dev = create(&power), *other = create(&other_power);

	(void)state;
	poke_nonsense(dev);
	assert_true(reads_as_ones(dev, 1, 1));
	assert_true(reads_as_ones(dev, 5, 4));
	dev->ops->reset(dev);
	assert_int_equal(peek(dev, STATUS), peek(other, STATUS));
	assert_int_equal(ask(dev, 0x20), ask(other, 0x20));
	assert_int_equal(other_power.requests, 0);
	destroy_and_null(dev);
	other->ops->destroy(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i8042_answers_a_probe_at_once),
		cmocka_unit_test(i8042_absent_keyboard_stays_silent),
		cmocka_unit_test(i8042_pulse_and_output_port_reset_the_machine),
		cmocka_unit_test(i8042_two_instances_nonsense_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
