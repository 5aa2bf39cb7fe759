/* SPDX-License-Identifier: MIT */
/*
 * A memory balloon behind virtio-mmio, with a mock driver before it, for cmocka.
 *
 * The rings and buffers are in the first quarter of the mock's RAM; the pages behind are for the
 * balloon.
 */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_BALLOON_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_BALLOON_FIXTURE_H

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/mmio.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define BALLOON_FEATURE(name) MOCK_FEATURE(VIRTIO_BALLOON_F_##name)
#define BALLOON_FEATURES                                                                           \
	(MOCK_F_VERSION_1 | MOCK_F_RING_RESET | BALLOON_FEATURE(STATS_VQ) |                        \
	 BALLOON_FEATURE(DEFLATE_ON_OOM) | BALLOON_FEATURE(REPORTING))

/* Queues, as 5.5.2 numbers them. */
enum { INFLATE, DEFLATE, STATS, FREE_PAGE, REPORT, NR_QUEUES };

#define PAGE       4096u
#define FIRST_PAGE ((uint32_t)((MOCK_RAM_BASE + MOCK_RAM_SIZE / 4) / PAGE))
#define NR_PAGES   ((unsigned)(MOCK_RAM_SIZE / 4 * 3 / PAGE))
#define FILL       0xab

struct balloon_fixture {
	struct mock_ram ram;
	struct mock_ring rings[NR_QUEUES];
	struct recorded_irq irq;
	struct virtio_dev *vdev;
	struct device *dev; /* the registers */
};

static inline uint8_t *page_at(const struct balloon_fixture *f, uint32_t page)
{
	return mock_ram_at(&f->ram, (uint64_t)page * PAGE);
}

static inline void fill_pages(struct balloon_fixture *f)
{
	memset(page_at(f, FIRST_PAGE), FILL, (size_t)NR_PAGES * PAGE);
}

static inline bool is_given_back(const struct balloon_fixture *f, uint32_t page)
{
	const uint8_t *bytes = page_at(f, page);
	bool zero = bytes[0] == 0;

	for (unsigned i = 0; i < PAGE; i++)
		assert_int_equal(bytes[i], zero ? 0 : FILL);
	return zero;
}

/* Of all pages, just @count from @page on were given back. */
static inline void assert_given_back(const struct balloon_fixture *f, uint32_t page, unsigned count)
{
	for (uint32_t i = FIRST_PAGE; i < FIRST_PAGE + NR_PAGES; i++) {
		if (is_given_back(f, i) != (i >= page && i < page + count))
			fail_msg("page %u of %u+%u", i, page, count);
	}
}

static inline void balloon_start(struct balloon_fixture *f, uint64_t features)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < NR_QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, 32, features);
	fill_pages(f);
	assert_true(mock_mmio_negotiate(f->dev, features));
	for (unsigned q = 0; q < NR_QUEUES; q++) {
		/* Those that exist. */
		if (q == FREE_PAGE || (q == STATS && !(features & BALLOON_FEATURE(STATS_VQ))) ||
		    (q == REPORT && !(features & BALLOON_FEATURE(REPORTING))))
			continue;
		mock_mmio_enable_queue(f->dev, q, &f->rings[q]);
	}
	mock_mmio_write(f->dev, VIRTIO_MMIO_STATUS, 0xf);
	assert_int_equal(mock_mmio_read(f->dev, VIRTIO_MMIO_STATUS), 0xf);
	assert_true(found_nothing());
}

static inline void balloon_create(struct balloon_fixture *f, struct loop *loop)
{
	struct virtio_dev_config config = { .name = "virtio-balloon0", .loop = loop };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_balloon_create(&config, &f->vdev), 0);
	assert_int_equal(virtio_mmio_create(&mmio, f->vdev, &f->dev), 0);
}

static inline void balloon_setup(struct balloon_fixture *f)
{
	balloon_create(f, NULL);
	balloon_start(f, BALLOON_FEATURES);
}

static inline void balloon_teardown(struct balloon_fixture *f)
{
	destroy_and_null(f->dev);
	mock_ram_deinit(&f->ram);
}

static inline void balloon_kick(struct balloon_fixture *f, uint32_t q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Offers a chain of these buffers; Return: its head. */
static inline int balloon_offer(struct balloon_fixture *f, unsigned q,
				const struct mock_buffer *buffers, unsigned count)
{
	int head = mock_ring_add(&f->rings[q], buffers, count);

	assert_true(head >= 0);
	balloon_kick(f, q);
	return head;
}

/* Offers an array of page numbers. */
static inline int offer_pages(struct balloon_fixture *f, unsigned q, const uint32_t *pages,
			      unsigned count)
{
	struct mock_buffer buffer = mock_buffer(&f->ram, count * sizeof(*pages), false, 0);

	memcpy(mock_ram_at(&f->ram, buffer.gpa), pages, count * sizeof(*pages));
	return balloon_offer(f, q, &buffer, 1);
}

/* Takes the next used chain, which has to be @head, with nothing written to it. */
static inline void expect_used(struct balloon_fixture *f, unsigned q, int head)
{
	uint16_t used;
	uint32_t len;

	assert_true(mock_ring_collect(&f->rings[q], &used, &len));
	assert_int_equal(used, head);
	assert_int_equal(len, 0);
	assert_int_equal(mock_mmio_acknowledge(f->dev), VIRTIO_MMIO_INT_VRING);
}

static inline bool nothing_used(struct balloon_fixture *f, unsigned q)
{
	uint16_t head;
	uint32_t len;

	return !mock_ring_collect(&f->rings[q], &head, &len);
}

static inline uint32_t balloon_config(struct balloon_fixture *f, size_t field)
{
	return mock_mmio_read(f->dev, VIRTIO_MMIO_CONFIG + field);
}

static inline void write_config(struct balloon_fixture *f, size_t field, uint32_t value)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_CONFIG + field, value);
}

#define CONFIG(f, field) balloon_config(f, offsetof(struct virtio_balloon_config, field))
#define WRITE_CONFIG(f, field, value)                                                              \
	write_config(f, offsetof(struct virtio_balloon_config, field), value)

#endif
