/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "vmm/bus.h"

int bus_add(struct bus *bus, uint64_t base, uint64_t len, struct device *dev)
{
	unsigned at;

	if (len == 0 || base > UINT64_MAX - len)
		return -EINVAL;
	if (bus->nr_ranges == BUS_MAX_RANGES)
		return -ENOSPC;
	for (unsigned i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *range = &bus->ranges[i];

		if (base < range->base + range->len && range->base < base + len)
			return -EEXIST;
	}
	for (at = bus->nr_ranges; at > 0 && bus->ranges[at - 1].base > base; at--)
		bus->ranges[at] = bus->ranges[at - 1];
	bus->ranges[at] = (struct bus_range){ .base = base, .len = len, .dev = dev };
	bus->nr_ranges++;
	return 0;
}

void bus_clear(struct bus *bus)
{
	bus->nr_ranges = 0;
}

static const struct bus_range *find_range(const struct bus *bus, uint64_t addr, unsigned len)
{
	unsigned low = 0, high = bus->nr_ranges;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (bus->ranges[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	if (!range_within(addr, len, bus->ranges[low - 1].base, bus->ranges[low - 1].len))
		return NULL;
	return &bus->ranges[low - 1];
}

/* The device at @addr and the offset there; NULL if none answers. */
static struct device *find_device(const struct bus *bus, uint64_t addr, unsigned len,
				  uint64_t *ret_off)
{
	const struct bus_range *range = find_range(bus, addr, len);

	if (!range)
		return NULL;
	*ret_off = addr - range->base;
	return range->dev->ops->route ? range->dev->ops->route(range->dev, ret_off, len)
				      : range->dev;
}

struct device *bus_read(const struct bus *bus, uint64_t addr, void *buf, unsigned len)
{
	uint64_t off;
	struct device *dev = find_device(bus, addr, len, &off);

	memset(buf, 0xff, len);
	if (dev)
		dev->ops->read(dev, off, buf, len);
	return dev;
}

struct device *bus_write(const struct bus *bus, uint64_t addr, const void *buf, unsigned len)
{
	uint64_t off;
	struct device *dev = find_device(bus, addr, len, &off);

	if (dev)
		dev->ops->write(dev, off, buf, len);
	return dev;
}

void bus_trace(const struct bus *bus)
{
	for (unsigned i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *range = &bus->ranges[i];
		const struct device_register *reg = range->dev->registers;

		trace_device_map(range->dev->name, bus->space, range->base, range->len);
		for (; reg && reg->name; reg++)
			if (reg->off < range->len)
				trace_device_register(range->dev->name, bus->space,
						      range->base + reg->off, reg->access,
						      reg->name);
	}
}
