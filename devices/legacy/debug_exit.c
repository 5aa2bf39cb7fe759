/* SPDX-License-Identifier: MIT */
/* The exit port.  Any vCPU thread; has no state, so no lock. */
#include "devices/legacy/debug_exit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

struct debug_exit {
	struct device dev;
	struct exit_listener listener; /* immutable */
};

static const struct device_register debug_exit_registers[] = {
	{ 0, "w", "status" },
	{ 0, NULL, NULL },
};

static void debug_exit_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	(void)dev;
	(void)off;
	memset(buf, 0, len);
}

static void debug_exit_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	const struct debug_exit *port = container_of(dev, struct debug_exit, dev);
	uint32_t value = 0;

	(void)off;
	memcpy(&value, buf, MIN(len, sizeof(value)));
	trace_power(dev->name, "exit", value);
	/* A process has eight bits. */
	if (port->listener.exit)
		port->listener.exit(port->listener.ctx, (int)((value << 1 | 1) & 0xff));
}

static void debug_exit_reset(struct device *dev)
{
	(void)dev;
}

static void debug_exit_destroy(struct device *dev)
{
	if (dev)
		free(container_of(dev, struct debug_exit, dev));
}

static const struct device_ops debug_exit_ops = {
	.read = debug_exit_read,
	.write = debug_exit_write,
	.reset = debug_exit_reset,
	.destroy = debug_exit_destroy,
};

int debug_exit_create(const char *name, const struct exit_listener *listener,
		      struct device **ret_dev)
{
	struct debug_exit *port = calloc(1, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->dev.ops = &debug_exit_ops;
	port->dev.registers = debug_exit_registers;
	port->dev.name = name;
	port->listener = *listener;
	*ret_dev = &port->dev;
	return 0;
}
