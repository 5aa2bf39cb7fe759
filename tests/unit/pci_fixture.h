/* SPDX-License-Identifier: MIT */
/*
 * What PCI tests are made of: a host bridge on buses of the test's own, devices behind base address
 * registers that record, and configuration accesses as a guest makes them.
 */
#ifndef GLASSBOX_TESTS_UNIT_PCI_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_PCI_FIXTURE_H

#include <string.h>

#include "devices/pci/host.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define MMIO_BASE 0xd0000000ull
#define MMIO_SIZE 0x10000000ull
#define PIO_BASE  0xc000u
#define PIO_SIZE  0x4000u

/* Remembers the last access; reads give @tag in every byte. */
struct recorded_bar {
	struct device dev;
	uint8_t tag;
	uint64_t off, value;
	unsigned reads, writes, resets;
};

static inline void recorded_bar_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct recorded_bar *bar = container_of(dev, struct recorded_bar, dev);

	bar->off = off;
	bar->reads++;
	memset(buf, bar->tag, len);
}

static inline void recorded_bar_write(struct device *dev, uint64_t off, const void *buf,
				      unsigned len)
{
	struct recorded_bar *bar = container_of(dev, struct recorded_bar, dev);

	bar->off = off;
	bar->writes++;
	bar->value = 0;
	memcpy(&bar->value, buf, len);
}

static inline void recorded_bar_reset(struct device *dev)
{
	container_of(dev, struct recorded_bar, dev)->resets++;
}

static const struct device_ops recorded_bar_ops = { .read = recorded_bar_read,
						    .write = recorded_bar_write,
						    .reset = recorded_bar_reset };

static inline struct recorded_bar recorded_bar(const char *name, uint8_t tag)
{
	return (struct recorded_bar){ .dev = { .ops = &recorded_bar_ops, .name = name },
				      .tag = tag };
}

static const struct pci_identity test_identity = {
	.vendor = 0x1af4,
	.device = 0x1044,
	.revision = 1,
	.class_code = 0xff0102,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.interrupt_pin = 1,
};

struct test_bridge {
	struct pci_host *host;
	struct recorded_irq irqs[PCI_NR_INTX];
};

static inline void bridge_create(struct test_bridge *bridge)
{
	struct pci_host_config config = {
		.mmio_base = MMIO_BASE,
		.mmio_size = MMIO_SIZE,
		.pio_base = PIO_BASE,
		.pio_size = PIO_SIZE,
	};

	memset(bridge, 0, sizeof(*bridge));
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		config.intx[i] = recorded_irq_line(&bridge->irqs[i]);
	assert_int_equal(pci_host_create(&config, &bridge->host), 0);
}

static inline uint64_t part_read(struct test_bridge *bridge, enum pci_host_part part, uint64_t off,
				 unsigned len)
{
	struct device *dev = pci_host_device(bridge->host, part);
	uint64_t value = 0;

	dev->ops->read(dev, off, &value, len);
	return value;
}

static inline void part_write(struct test_bridge *bridge, enum pci_host_part part, uint64_t off,
			      unsigned len, uint64_t value)
{
	struct device *dev = pci_host_device(bridge->host, part);

	dev->ops->write(dev, off, &value, len);
}

/* Configuration accesses through memory; @reg is of function 0. */
static inline uint64_t cfg_read(struct test_bridge *bridge, unsigned slot, unsigned reg,
				unsigned len)
{
	return part_read(bridge, PCI_HOST_ECAM, (uint64_t)slot << 15 | reg, len);
}

static inline void cfg_write(struct test_bridge *bridge, unsigned slot, unsigned reg, unsigned len,
			     uint64_t value)
{
	part_write(bridge, PCI_HOST_ECAM, (uint64_t)slot << 15 | reg, len, value);
}

/* An access by address to memory that base address registers may decode. */
static inline uint64_t mmio_read(struct test_bridge *bridge, uint64_t gpa, unsigned len)
{
	return part_read(bridge, PCI_HOST_MMIO, gpa - MMIO_BASE, len);
}

static inline void mmio_write(struct test_bridge *bridge, uint64_t gpa, unsigned len,
			      uint64_t value)
{
	part_write(bridge, PCI_HOST_MMIO, gpa - MMIO_BASE, len, value);
}

#endif
