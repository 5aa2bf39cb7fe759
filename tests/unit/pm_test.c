/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "devices/legacy/pm.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define STATUS      PM_EVENT_OFF
#define ENABLE      (PM_EVENT_OFF + 2)
#define PWRBTN      0x0100
#define SLP_EN      0x2000
#define SLP_TYP(x)  ((uint16_t)((x) << 10))
#define S5          5
#define RESET_VALUE 0x42

struct machine {
	struct device *dev;
	struct recorded_irq sci;
	struct recorded_power power;
	int64_t now_ns;
};

static int machine_setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pm_config config = { .name = "acpi-pm",
				    .sleep_type_s5 = S5,
				    .reset_value = RESET_VALUE };

	assert_non_null(machine);
	machine->now_ns = 123456789;
	config.sci = recorded_irq_line(&machine->sci);
	config.power = recorded_power_control(&machine->power);
	config.clock = (struct monotonic_clock){ chosen_now_ns, &machine->now_ns };
	assert_int_equal(pm_create(&config, &machine->dev), 0);
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

static uint16_t peek16(struct device *dev, uint64_t off)
{
	uint16_t value;

	dev->ops->read(dev, off, &value, 2);
	return value;
}

static void poke16(struct device *dev, uint64_t off, uint16_t value)
{
	dev->ops->write(dev, off, &value, 2);
}

static uint32_t timer(struct device *dev)
{
	uint32_t value;

	dev->ops->read(dev, PM_TIMER_OFF, &value, 4);
	return value;
}

static void pm_power_button_raises_the_sci_once_enabled(void **state)
{
	struct machine *machine = *state;

	pm_press_power_button(machine->dev);
	assert_int_equal(peek16(machine->dev, STATUS), PWRBTN);
	assert_false(machine->sci.level);
	poke16(machine->dev, ENABLE, PWRBTN);
	assert_true(machine->sci.level);
	poke16(machine->dev, STATUS, (uint16_t)~PWRBTN); /* zeros leave a bit alone */
	assert_true(machine->sci.level);
	poke16(machine->dev, STATUS, PWRBTN);
	assert_false(machine->sci.level);
	assert_int_equal(peek16(machine->dev, STATUS), 0);
	pm_press_power_button(machine->dev);
	assert_int_equal(machine->sci.rises, 2);
	/* Byte accesses reach the same bits. */
	poke(machine->dev, ENABLE + 1, 0);
	assert_false(machine->sci.level);
	assert_int_equal(peek(machine->dev, STATUS + 1), PWRBTN >> 8);
}

static void pm_enables_only_what_exists(void **state)
{
	struct machine *machine = *state;

	poke16(machine->dev, ENABLE, 0xffff);
	assert_int_equal(peek16(machine->dev, ENABLE), 0x0520);
}

static void pm_control_is_always_in_acpi_mode(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(peek16(machine->dev, PM_CONTROL_OFF), 0x0001);
	poke16(machine->dev, PM_CONTROL_OFF, SLP_TYP(7) | 0x2);
	assert_int_equal(peek16(machine->dev, PM_CONTROL_OFF), SLP_TYP(7) | 0x3);
	assert_int_equal(machine->power.requests, 0);
}

static void pm_sleep_s5_is_power_off_and_others_are_not(void **state)
{
	struct machine *machine = *state;

	poke16(machine->dev, PM_CONTROL_OFF, SLP_TYP(S5));
	poke16(machine->dev, PM_CONTROL_OFF, SLP_TYP(1) | SLP_EN);
	assert_int_equal(machine->power.requests, 0);
	poke16(machine->dev, PM_CONTROL_OFF, SLP_TYP(S5) | SLP_EN);
	assert_int_equal(machine->power.requests, 1);
	assert_int_equal(machine->power.last, POWER_REQUEST_OFF);
	assert_int_equal(peek16(machine->dev, PM_CONTROL_OFF) & SLP_EN, 0);
}

static void pm_reset_register_wants_its_value(void **state)
{
	struct machine *machine = *state;

	poke(machine->dev, PM_RESET_OFF, 0x01);
	assert_int_equal(machine->power.requests, 0);
	poke(machine->dev, PM_RESET_OFF, RESET_VALUE);
	assert_int_equal(machine->power.requests, 1);
	assert_int_equal(machine->power.last, POWER_REQUEST_RESET);
}

static void pm_timer_runs_at_its_rate_and_wraps_at_32_bits(void **state)
{
	struct machine *machine = *state;
	int64_t start = machine->now_ns;

	assert_int_equal(timer(machine->dev), 0);
	machine->now_ns = start + 1000000000;
	assert_int_equal(timer(machine->dev), PM_TIMER_HZ);
	machine->now_ns = start + 500;
	assert_int_equal(timer(machine->dev), 1);
	/* A year: far beyond where 64-bit nanoseconds times the rate overflow. */
	machine->now_ns = start + 31536000ll * 1000000000;
	assert_int_equal(timer(machine->dev), (uint32_t)(31536000ull * PM_TIMER_HZ));
	poke16(machine->dev, PM_TIMER_OFF, 0); /* read-only */
	assert_int_equal(timer(machine->dev), (uint32_t)(31536000ull * PM_TIMER_HZ));
}

static void pm_survives_nonsense_and_resets(void **state)
{
	struct machine *machine = *state;
	void *other_state;
	struct machine *other;

	machine_setup(&other_state);
	other = other_state;
	poke_nonsense(machine->dev);
	pm_press_power_button(machine->dev);
	poke16(machine->dev, ENABLE, PWRBTN);
	machine->dev->ops->reset(machine->dev);
	assert_false(machine->sci.level);
	assert_int_equal(peek16(machine->dev, STATUS), 0);
	assert_int_equal(peek16(machine->dev, PM_CONTROL_OFF), 1);
	assert_true(reads_as_ones(machine->dev, PM_NR_PORTS, 4));
	assert_true(reads_as_ones(machine->dev, PM_CONTROL_OFF + 2, 2));
	assert_int_equal(other->power.requests, 0);
	assert_int_equal(other->sci.calls, 0);
	machine_teardown(&other_state);
}

#define MACHINE_TEST(fn) cmocka_unit_test_setup_teardown(fn, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(pm_power_button_raises_the_sci_once_enabled),
		MACHINE_TEST(pm_enables_only_what_exists),
		MACHINE_TEST(pm_control_is_always_in_acpi_mode),
		MACHINE_TEST(pm_sleep_s5_is_power_off_and_others_are_not),
		MACHINE_TEST(pm_reset_register_wants_its_value),
		MACHINE_TEST(pm_timer_runs_at_its_rate_and_wraps_at_32_bits),
		MACHINE_TEST(pm_survives_nonsense_and_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
