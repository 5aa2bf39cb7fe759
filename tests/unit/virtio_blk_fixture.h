/* SPDX-License-Identifier: MIT */
/* A block device on a fake disk, behind virtio-mmio, with a mock driver before it, for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_BLK_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_BLK_FIXTURE_H

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "tests/support/fake_disk.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define BLK_FEATURE(name) MOCK_FEATURE(VIRTIO_BLK_F_##name)
#define BLK_QUEUES        2
#define BLK_SERIAL        "a serial of 20 bytes"

/* What a driver of today accepts. */
#define BLK_FEATURES                                                                               \
	(MOCK_F_VERSION_1 | MOCK_F_RING_RESET | BLK_FEATURE(FLUSH) | BLK_FEATURE(CONFIG_WCE) |     \
	 BLK_FEATURE(DISCARD) | BLK_FEATURE(WRITE_ZEROES))

/* In place of a status, until there is one. */
#define NO_STATUS 0xee

struct blk_fixture {
	struct mock_ram ram;
	struct mock_ring rings[BLK_QUEUES];
	struct recorded_irq irq;
	struct fake_disk disk;
	struct device *dev; /* the registers */
	uint64_t features;
	unsigned nr_queues;
};

/* A request of the driver. */
struct blk_call {
	uint32_t type;
	uint64_t sector;
	const void *out; /* data behind the header */
	uint32_t out_len;
	uint32_t in_len;     /* data before the status */
	unsigned piece;      /* bytes in a descriptor; 0: one for header, data and status each */
	uint32_t header_len; /* 0: all of it */
	bool no_status;

	/* When it was made. */
	int head;
	uint64_t out_gpa, in_gpa;
	uint32_t used_len;
};

static inline void blk_start(struct blk_fixture *f, uint64_t features)
{
	f->features = features;
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < f->nr_queues; q++)
		mock_ring_init(&f->rings[q], &f->ram, 64, features);
	assert_true(mock_mmio_start(f->dev, features, f->rings, f->nr_queues));
}

static inline void blk_create(struct blk_fixture *f, bool read_only, unsigned nr_queues)
{
	struct virtio_dev_config config = { .name = "virtio-blk0", .nr_queues = nr_queues };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	fake_disk_init(&f->disk, read_only);
	f->nr_queues = nr_queues;
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_blk_create(&config, &f->disk.disk, BLK_SERIAL, &vdev), 0);
	assert_int_equal(virtio_mmio_create(&mmio, vdev, &f->dev), 0);
}

static inline void blk_setup(struct blk_fixture *f, uint64_t features)
{
	blk_create(f, false, 1);
	blk_start(f, features);
}

static inline void blk_teardown(struct blk_fixture *f)
{
	destroy_and_null(f->dev);
	assert_int_equal(f->disk.destroyed, 1);
	mock_ram_deinit(&f->ram);
}

/* Cuts [@gpa, @gpa + @len) into descriptors. */
static inline unsigned cut(struct mock_buffer *buffers, uint64_t gpa, uint32_t len, unsigned piece,
			   bool writable)
{
	unsigned count = 0;

	for (uint32_t at = 0; at < len; at += piece)
		buffers[count++] = (struct mock_buffer){ gpa + at, MIN(piece, len - at), writable };
	return count;
}

/* Offers the request in queue @q and notifies. */
static inline void blk_offer(struct blk_fixture *f, unsigned q, struct blk_call *call)
{
	struct virtio_blk_outhdr header = { call->type, 0, call->sector };
	uint32_t header_len = call->header_len ? call->header_len : sizeof(header);
	uint32_t out_len = header_len + call->out_len, in_len = call->in_len + !call->no_status;
	struct mock_buffer buffers[64];
	unsigned n;

	call->out_gpa = mock_ram_alloc(&f->ram, out_len, 1);
	call->in_gpa = mock_ram_alloc(&f->ram, in_len + 1, 1);
	memcpy(mock_ram_at(&f->ram, call->out_gpa), &header, header_len);
	if (call->out_len)
		memcpy((uint8_t *)mock_ram_at(&f->ram, call->out_gpa) + header_len, call->out,
		       call->out_len);
	memset(mock_ram_at(&f->ram, call->in_gpa), NO_STATUS, in_len + 1);
	if (call->piece) {
		n = cut(buffers, call->out_gpa, out_len, call->piece, false);
		n += cut(buffers + n, call->in_gpa, in_len, call->piece, true);
	} else {
		n = cut(buffers, call->out_gpa, header_len, header_len, false);
		n += cut(buffers + n, call->out_gpa + header_len, call->out_len, call->out_len,
			 false);
		n += cut(buffers + n, call->in_gpa, call->in_len, call->in_len, true);
		n += cut(buffers + n, call->in_gpa + call->in_len, in_len - call->in_len, 1, true);
	}
	call->head = mock_ring_add(&f->rings[q], buffers, n);
	assert_true(call->head >= 0);
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static inline uint8_t blk_status(const struct blk_fixture *f, const struct blk_call *call)
{
	return ((const uint8_t *)mock_ram_at(&f->ram, call->in_gpa))[call->in_len];
}

static inline const uint8_t *blk_data(const struct blk_fixture *f, const struct blk_call *call)
{
	return mock_ram_at(&f->ram, call->in_gpa);
}

/* Takes the next used chain, which has to be that of @call; Return: its status. */
static inline uint8_t blk_collect(struct blk_fixture *f, unsigned q, struct blk_call *call)
{
	uint16_t head;

	assert_true(mock_ring_collect(&f->rings[q], &head, &call->used_len));
	assert_int_equal(head, call->head);
	assert_int_equal(mock_mmio_acknowledge(f->dev), VIRTIO_MMIO_INT_VRING);
	return blk_status(f, call);
}

static inline bool blk_nothing_used(struct blk_fixture *f, unsigned q)
{
	uint16_t head;
	uint32_t len;

	return !mock_ring_collect(&f->rings[q], &head, &len);
}

/* From the offer to the status. */
static inline uint8_t blk_request(struct blk_fixture *f, struct blk_call *call)
{
	blk_offer(f, 0, call);
	fake_disk_complete_all(&f->disk);
	return blk_collect(f, 0, call);
}

static inline uint32_t blk_config_read(struct blk_fixture *f, unsigned off, unsigned len)
{
	uint32_t value = 0;

	f->dev->ops->read(f->dev, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

#endif
