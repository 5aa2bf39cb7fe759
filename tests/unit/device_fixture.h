/* SPDX-License-Identifier: MIT */
/*
 * What device tests pass to a device in place of the machine: lines, clocks and controls that
 * record what was done to them.
 */
#ifndef GLASSBOX_TESTS_UNIT_DEVICE_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_DEVICE_FIXTURE_H

#include "devices/device.h"

struct recorded_irq {
	bool level;
	unsigned rises, calls;
};

static inline void recorded_irq_set(void *ctx, bool level)
{
	struct recorded_irq *irq = ctx;

	irq->calls++;
	irq->rises += level && !irq->level;
	irq->level = level;
}

static inline struct irq_line recorded_irq_line(struct recorded_irq *irq)
{
	return (struct irq_line){ .set = recorded_irq_set, .ctx = irq };
}

struct recorded_power {
	unsigned requests;
	enum power_request last;
};

static inline void recorded_power_request(void *ctx, enum power_request request)
{
	struct recorded_power *power = ctx;

	power->requests++;
	power->last = request;
}

static inline struct power_control recorded_power_control(struct recorded_power *power)
{
	return (struct power_control){ .request = recorded_power_request, .ctx = power };
}

/* A clock that stands at *@ctx. */
static inline int64_t chosen_now_ns(void *ctx)
{
	return *(int64_t *)ctx;
}

static inline uint8_t peek(struct device *dev, uint64_t off)
{
	uint8_t value = 0x5a;

	dev->ops->read(dev, off, &value, 1);
	return value;
}

static inline void poke(struct device *dev, uint64_t off, uint8_t value)
{
	dev->ops->write(dev, off, &value, 1);
}

/* Destroys @dev, and nothing, which must be fine too. */
static inline void destroy_and_null(struct device *dev)
{
	const struct device_ops *ops = dev->ops;

	ops->destroy(dev);
	ops->destroy(NULL);
}

/* Accesses that no driver makes: every length, at every offset and far beyond the last. */
static inline void poke_nonsense(struct device *dev)
{
	static const uint64_t far[] = { 0x100, 0xffffffff, UINT64_MAX - 3, UINT64_MAX };
	uint8_t bytes[8];

	for (unsigned len = 1; len <= 8; len *= 2) {
		for (uint64_t off = 0; off < 0x20; off++) {
			for (unsigned i = 0; i < len; i++)
				bytes[i] = (uint8_t)(off * 37 + i * 11 + len);
			dev->ops->write(dev, off, bytes, len);
			dev->ops->read(dev, off, bytes, len);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(far); i++) {
			dev->ops->write(dev, far[i], bytes, len);
			dev->ops->read(dev, far[i], bytes, len);
		}
	}
}

/* True if all @len bytes at @off read as ones: nothing is there. */
static inline bool reads_as_ones(struct device *dev, uint64_t off, unsigned len)
{
	uint8_t bytes[8] = { 0 };

	dev->ops->read(dev, off, bytes, len);
	for (unsigned i = 0; i < len; i++) {
		if (bytes[i] != 0xff)
			return false;
	}
	return true;
}

#endif
