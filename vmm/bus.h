/* SPDX-License-Identifier: MIT */
/*
 * Which device answers which I/O ports and which guest physical addresses.
 *
 * Ranges are added while the board is built and do not change while vCPUs run, so that a lookup
 * takes no lock; devices protect themselves.
 */
#ifndef GLASSBOX_VMM_BUS_H
#define GLASSBOX_VMM_BUS_H

#include "devices/device.h"
#include "trace/trace.h"

#define BUS_MAX_RANGES 64

struct bus_range {
	uint64_t base, len; /* [base, base + len) */
	struct device *dev; /* borrowed from the board */
};

struct bus {
	enum trace_space space;
	struct bus_range ranges[BUS_MAX_RANGES]; /* by rising base, no overlaps */
	unsigned nr_ranges;
};

/**
 * bus_add() - let @dev answer [@base, @base + @len)
 *
 * Return: 0; -EINVAL for an empty or overflowing range; -EEXIST on an overlap; -ENOSPC when full.
 */
int bus_add(struct bus *bus, uint64_t base, uint64_t len, struct device *dev) __must_check;

/** bus_clear() - no device answers any more, whatever becomes of them; while no vCPU runs */
void bus_clear(struct bus *bus);

/**
 * bus_read() / bus_write() - one access of 1 to 8 bytes
 *
 * An access that no device answers, or that runs over the end of a device's range, reads all ones
 * and writes nothing.  Return: the device, or NULL.
 */
struct device *bus_read(const struct bus *bus, uint64_t addr, void *buf, unsigned len);
struct device *bus_write(const struct bus *bus, uint64_t addr, const void *buf, unsigned len);

/** bus_trace() - leave device_map and device_register events for every range */
void bus_trace(const struct bus *bus);

#endif
