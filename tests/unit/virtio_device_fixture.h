/* SPDX-License-Identifier: MIT */
/* The mock device behind virtio-mmio, with a mock driver before it, for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_DEVICE_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_DEVICE_FIXTURE_H

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "devices/virtio/mmio.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/support/mock_virtio_device.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define REG_QUEUE_RESET 0x0c0 /* newer than Linux's header */
#define MMIO_BASE       UINT64_C(0xd0000000)
#define BASIC_FEATURES  (MOCK_F_VERSION_1 | MOCK_F_RING_RESET | MOCK_F_INDIRECT)

struct device_fixture {
	struct mock_ram ram;
	struct mock_ring rings[MOCK_DEVICE_QUEUES];
	struct mock_virtio_device device;
	struct recorded_irq irq;
	struct device *dev; /* the registers */
};

static inline void device_setup_with(struct device_fixture *f, struct loop *loop,
				     const struct doorbell_host *doorbell)
{
	struct virtio_dev_config config = { .name = "mock0", .loop = loop };
	struct virtio_mmio_config mmio = { .base = MMIO_BASE };

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	if (doorbell)
		mmio.doorbell = *doorbell;
	assert_int_equal(mock_virtio_device_init(&f->device, &config), 0);
	assert_int_equal(virtio_mmio_create(&mmio, &f->device.vdev, &f->dev), 0);
}

static inline void device_setup(struct device_fixture *f)
{
	device_setup_with(f, NULL, NULL);
}

static inline void device_teardown(struct device_fixture *f)
{
	destroy_and_null(f->dev);
	assert_int_equal(f->device.destroyed, 1);
	mock_ram_deinit(&f->ram);
}

static inline uint32_t status_of(struct device_fixture *f)
{
	return mock_mmio_read(f->dev, VIRTIO_MMIO_STATUS);
}

/* New rings in new memory, and a driver that starts with them. */
static inline void start_driver(struct device_fixture *f, uint64_t features)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, 8, features);
	assert_true(mock_mmio_start(f->dev, features, f->rings, MOCK_DEVICE_QUEUES));
}

/* Offers a chain that is to be echoed; Return: its head. */
static inline int offer(struct device_fixture *f, unsigned q)
{
	const struct mock_buffer buffers[] = { mock_buffer(&f->ram, 16, false, 0x77),
					       mock_buffer(&f->ram, 32, true, 0) };
	int head = mock_ring_add(&f->rings[q], buffers, 2);

	assert_true(head >= 0);
	return head;
}

static inline void kick(struct device_fixture *f, uint32_t q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static inline bool echoed(struct device_fixture *f, unsigned q, int head)
{
	uint16_t used;
	uint32_t len;

	return mock_ring_collect(&f->rings[q], &used, &len) && used == head && len == 16;
}

/* A request goes through, with its interrupt. */
static inline void expect_works(struct device_fixture *f, unsigned q)
{
	int head = offer(f, q);

	kick(f, q);
	assert_true(echoed(f, q, head));
	assert_true(f->irq.level);
	assert_int_equal(mock_mmio_acknowledge(f->dev), VIRTIO_MMIO_INT_VRING);
	assert_false(f->irq.level);
	assert_true(found_nothing());
}

/* The device needs a reset and said so by an interrupt; after the reset it works. */
static inline void expect_needs_reset(struct device_fixture *f, uint64_t features)
{
	assert_true(status_of(f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(mock_mmio_acknowledge(f->dev) & VIRTIO_MMIO_INT_CONFIG);
	start_driver(f, features);
	expect_works(f, 0);
	expect_works(f, 1);
}

#endif
