/* SPDX-License-Identifier: MIT */
/*
 * Drives every legacy device with accesses, input bytes and jumps of the clock that the fuzzer
 * chooses, as a hostile guest would.  What must hold whatever it does is checked here; the rest is
 * up to the sanitizers.
 */
#include <string.h>

#include "devices/legacy/debug_exit.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pm.h"
#include "devices/legacy/pvpanic.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/serial.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERIAL, RTC, I8042, PM, PVPANIC, DEBUG_EXIT, NR_DEVICES };

/* One step of the input: what to do, with which device and length, where, and the bytes. */
#define STEP_SIZE 11

enum { READ, WRITE, RECEIVE, PASS_TIME, EXPIRE, RESET, POWER_BUTTON, NR_ACTIONS };

struct machine {
	struct device *devices[NR_DEVICES];
	int64_t now_ns;
	unsigned arms, resumes, requests;
};

static int64_t machine_now_ns(void *ctx)
{
	return ((struct machine *)ctx)->now_ns;
}

static void machine_arm(void *ctx, int64_t deadline_ns)
{
	(void)deadline_ns;
	((struct machine *)ctx)->arms++;
}

static void machine_resume(void *ctx)
{
	((struct machine *)ctx)->resumes++;
}

static void machine_power(void *ctx, enum power_request request)
{
	must(request == POWER_REQUEST_OFF || request == POWER_REQUEST_RESET);
	((struct machine *)ctx)->requests++;
}

static void machine_panicked(void *ctx, enum pvpanic_event event)
{
	must(event == PVPANIC_EVENT_PANICKED || event == PVPANIC_EVENT_CRASH_LOADED);
	((struct machine *)ctx)->requests++;
}

static void machine_exits(void *ctx, int status)
{
	must(status % 2 == 1 && status > 0 && status < 256);
	((struct machine *)ctx)->requests++;
}

static void machine_create(struct machine *machine)
{
	const struct power_control power = { machine_power, machine };
	const struct serial_config serial = {
		.name = "serial0", .backend = { .resume = machine_resume, .ctx = machine }
	};
	const struct rtc_config rtc = {
		.name = "rtc",
		.clock = { machine_now_ns, machine },
		.timer = { machine_arm, machine },
		.memory_below_4g = MIB(512),
	};
	const struct pm_config pm = { .name = "acpi-pm",
				      .clock = { machine_now_ns, machine },
				      .power = power,
				      .sleep_type_s5 = 5,
				      .reset_value = 0x42 };
	const struct pvpanic_listener panic = { machine_panicked, machine };
	const struct exit_listener exits = { machine_exits, machine };
	int r = serial_create(&serial, &machine->devices[SERIAL]);

	r |= rtc_create(&rtc, &machine->devices[RTC]);
	r |= i8042_create("i8042", &power, &machine->devices[I8042]);
	r |= pm_create(&pm, &machine->devices[PM]);
	r |= pvpanic_create("pvpanic", &panic, &machine->devices[PVPANIC]);
	r |= debug_exit_create("debug-exit", &exits, &machine->devices[DEBUG_EXIT]);
	must(r == 0);
}

/* Seconds to centuries, so that every unit of the clock rolls over. */
static void pass_time(struct machine *machine, uint64_t amount, unsigned scale)
{
	const int64_t latest = 4000000000ll * 1000000000;

	machine->now_ns += (int64_t)(amount >> (8 + scale % 40));
	if (machine->now_ns > latest || machine->now_ns < 0)
		machine->now_ns = 0;
}

static void step(struct machine *machine, const uint8_t *bytes)
{
	struct device *dev = machine->devices[bytes[0] / 4 % NR_DEVICES];
	unsigned action = bytes[1] % NR_ACTIONS, len = 1u << (bytes[0] % 4);
	uint64_t off = bytes[2], value;
	uint8_t buf[8 + 1];

	memcpy(&value, bytes + 3, sizeof(value));
	if (off >= 0xf0) /* now and then far out of range */
		off = UINT64_MAX - (off & 0xf);
	else
		off %= 0x14;
	switch (action) {
	case READ:
		memset(buf, 0x5a, sizeof(buf));
		dev->ops->read(dev, off, buf, len);
		must(buf[len] == 0x5a);
		break;
	case WRITE: dev->ops->write(dev, off, &value, len); break;
	case RECEIVE: must(serial_receive(machine->devices[SERIAL], &value, len) <= len); break;
	case PASS_TIME: pass_time(machine, value, bytes[2]); break;
	case EXPIRE: rtc_expire(machine->devices[RTC]); break;
	case RESET: dev->ops->reset(dev); break;
	case POWER_BUTTON: pm_press_power_button(machine->devices[PM]); break;
	default: break;
	}
}

/* After a reset, a driver finds its device as it should be, whatever was done to it before. */
static void check_after_reset(struct machine *machine)
{
	uint8_t iir, lsr, status;
	uint16_t control;

	for (unsigned i = 0; i < NR_DEVICES; i++)
		machine->devices[i]->ops->reset(machine->devices[i]);
	machine->devices[SERIAL]->ops->read(machine->devices[SERIAL], 2, &iir, 1);
	machine->devices[SERIAL]->ops->read(machine->devices[SERIAL], 5, &lsr, 1);
	machine->devices[I8042]->ops->read(machine->devices[I8042], 4, &status, 1);
	machine->devices[PM]->ops->read(machine->devices[PM], PM_CONTROL_OFF, &control, 2);
	must(iir == 0x01);
	must(lsr == 0x60);
	must((status & 0x03) == 0);
	must(control == 0x0001);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine machine = { .now_ns = 1700000000ll * 1000000000 };

	machine_create(&machine);
	for (; size >= STEP_SIZE; data += STEP_SIZE, size -= STEP_SIZE)
		step(&machine, data);
	check_after_reset(&machine);
	for (unsigned i = 0; i < NR_DEVICES; i++)
		device_destroy(machine.devices[i]);
	return 0;
}
