/* SPDX-License-Identifier: MIT */
/* One virtqueue with a mock driver at its other end, for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_FIXTURE_H

#include <errno.h>
#include <string.h>

#include "devices/virtio/virtqueue.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"

struct queue_fixture {
	struct mock_ram ram;
	struct mock_ring ring;
	struct virtqueue vq;
	struct virtq_chain chain;
	unsigned breaks;
};

static inline void count_break(void *ctx)
{
	((struct queue_fixture *)ctx)->breaks++;
}

static inline int enable(struct queue_fixture *f, uint64_t features)
{
	f->vq.size = f->ring.size;
	memcpy(f->vq.areas, f->ring.areas, sizeof(f->vq.areas));
	return virtqueue_enable(&f->vq, features);
}

static inline void queue_setup(struct queue_fixture *f, uint16_t size, uint64_t features)
{
	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	mock_ring_init(&f->ring, &f->ram, size, features);
	virtqueue_init(&f->vq, &f->ram.mem, "test", 0, 256);
	virtqueue_set_on_broken(&f->vq, count_break, f);
	assert_int_equal(enable(f, features), 0);
}

static inline void queue_teardown(struct queue_fixture *f)
{
	virtqueue_reset(&f->vq);
	mock_ram_deinit(&f->ram);
}

/* The ring breaks with @rule, stays broken, and works again after a reset, with new rings. */
static inline void expect_break(struct queue_fixture *f, uint64_t features, const char *rule)
{
	struct mock_buffer buffer;

	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), -EIO);
	if (!found_only(rule))
		fail_msg("expected the finding %s, got %s", rule,
			 recorded.last_rule ? recorded.last_rule : "others");
	assert_int_equal(f->breaks, 1);
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), -EIO);
	assert_false(virtqueue_enable_notify(&f->vq));
	assert_true(found_nothing());

	virtqueue_reset(&f->vq);
	mock_ring_init(&f->ring, &f->ram, f->ring.size, features);
	assert_int_equal(enable(f, features), 0);
	buffer = mock_buffer(&f->ram, 8, true, 0);
	assert_true(mock_ring_add(&f->ring, &buffer, 1) >= 0);
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 1);
	virtqueue_push(&f->vq, &f->chain, 8);
}

#endif
