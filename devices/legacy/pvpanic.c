/* SPDX-License-Identifier: MIT */
/* The panic port.  Any vCPU thread; has no state, so no lock. */
#include "devices/legacy/pvpanic.h"

#include <errno.h>
#include <stdlib.h>

#include "devices/legacy/byte_port.h"
#include "trace/trace.h"

#define EVENT_PANICKED     0x01
#define EVENT_CRASH_LOADED 0x02

struct pvpanic {
	struct device dev;
	struct pvpanic_listener listener; /* immutable */
};

static const struct device_register pvpanic_registers[] = {
	{ 0, "rw", "events" },
	{ 0, NULL, NULL },
};

static uint8_t read_events(void *ctx, unsigned reg)
{
	(void)ctx;
	(void)reg;
	return EVENT_PANICKED | EVENT_CRASH_LOADED;
}

static void tell(struct pvpanic *pvpanic, enum pvpanic_event event, const char *name, uint8_t value)
{
	trace_power(pvpanic->dev.name, name, value);
	if (pvpanic->listener.event)
		pvpanic->listener.event(pvpanic->listener.ctx, event);
}

/* Of both at once the graver one counts. */
static void write_events(void *ctx, unsigned reg, uint8_t value)
{
	(void)reg;
	if (value & EVENT_PANICKED)
		tell(ctx, PVPANIC_EVENT_PANICKED, "panicked", value);
	else if (value & EVENT_CRASH_LOADED)
		tell(ctx, PVPANIC_EVENT_CRASH_LOADED, "crash-loaded", value);
}

static void pvpanic_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	byte_port_read(off, buf, len, PVPANIC_NR_PORTS, read_events,
		       container_of(dev, struct pvpanic, dev));
}

static void pvpanic_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	byte_port_write(off, buf, len, PVPANIC_NR_PORTS, write_events,
			container_of(dev, struct pvpanic, dev));
}

static void pvpanic_reset(struct device *dev)
{
	(void)dev;
}

static void pvpanic_destroy(struct device *dev)
{
	if (dev)
		free(container_of(dev, struct pvpanic, dev));
}

static const struct device_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
	.reset = pvpanic_reset,
	.destroy = pvpanic_destroy,
};

int pvpanic_create(const char *name, const struct pvpanic_listener *listener,
		   struct device **ret_dev)
{
	struct pvpanic *pvpanic = calloc(1, sizeof(*pvpanic));

	if (!pvpanic)
		return -ENOMEM;
	pvpanic->dev.ops = &pvpanic_ops;
	pvpanic->dev.registers = pvpanic_registers;
	pvpanic->dev.name = name;
	pvpanic->listener = *listener;
	*ret_dev = &pvpanic->dev;
	return 0;
}
