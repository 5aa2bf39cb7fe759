/* SPDX-License-Identifier: MIT */
/*
 * What every bus device is made of.
 *
 * A device is a state machine: its interrupt line, its backend and its clock are passed in by the
 * board.  It knows no KVM, no event loop and no LTTng, and two of a kind work in one process.
 *
 * To add a device: a file like legacy/i8042.c with a constructor, a `static const struct
 * device_ops`, a table of register names, a unit test, and one line in vmm/board.c.
 */
#ifndef GLASSBOX_DEVICES_DEVICE_H
#define GLASSBOX_DEVICES_DEVICE_H

#include "base/util.h"

struct device;

/*
 * Called on any vCPU thread, on several at once: the bus takes no lock, a device protects itself
 * with a mutex of its own.  It calls its irq_line and its backend with that mutex held, so these
 * never call back into the device; it calls power_control without.  A guest chooses @off, within
 * the range the board gave the device, and @len, one of 1, 2, 4 or 8; both may be nonsense for the
 * register there.  read() fills all @len bytes (all ones where nothing is).
 */
struct device_ops {
	void (*read)(struct device *dev, uint64_t off, void *buf, unsigned len);
	void (*write)(struct device *dev, uint64_t off, const void *buf, unsigned len);
	void (*reset)(struct device *dev);   /* to the state after power-on */
	void (*destroy)(struct device *dev); /* frees it; NULL is fine */
	/*
	 * Optional, for a device that others are behind: which of them answers, with *@off made
	 * its own; NULL: none.  The caller then calls that one.
	 */
	struct device *(*route)(struct device *dev, uint64_t *off, unsigned len);
};

/* A register's name for people and traces; tables end with a NULL name. */
struct device_register {
	uint64_t off;
	const char *access; /* "r", "w" or "rw" */
	const char *name;   /* as its data sheet says */
};

struct device {
	const struct device_ops *ops;
	const struct device_register *registers; /* may be NULL */
	const char *name;                        /* e.g. "serial0"; borrowed */
};

/** device_destroy() - free @dev; NULL is fine */
static inline void device_destroy(struct device *dev)
{
	if (dev)
		dev->ops->destroy(dev);
}

/* An interrupt line.  set() may be called from any thread; equal levels in a row are fine. */
struct irq_line {
	void (*set)(void *ctx, bool level);
	void *ctx;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->ctx, level);
}

/*
 * Nanoseconds since 1970-01-01 UTC, for devices that show the time; injected so that tests can
 * choose it.
 */
struct wall_clock {
	int64_t (*now_ns)(void *ctx);
	void *ctx;
};

/* Nanoseconds since some moment before the machine started; never goes back. */
struct monotonic_clock {
	int64_t (*now_ns)(void *ctx);
	void *ctx;
};

/*
 * A one-shot timer on the device's wall_clock.  arm() may be called from any thread, replaces the
 * deadline before, and has the device's expiry function called on the loop thread once the clock
 * reaches @deadline_ns; DEVICE_TIMER_NEVER disarms.
 */
#define DEVICE_TIMER_NEVER INT64_MAX

struct device_timer {
	void (*arm)(void *ctx, int64_t deadline_ns);
	void *ctx;
};

/*
 * What the guest asked of the machine as a whole; called on the vCPU thread that wrote the
 * register, without a lock held.
 */
enum power_request {
	POWER_REQUEST_OFF,
	POWER_REQUEST_RESET,
};

struct power_control {
	void (*request)(void *ctx, enum power_request request);
	void *ctx;
};

#endif
