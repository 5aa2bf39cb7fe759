/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/virtio_mmio.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define FEATURES MOCK_F_VERSION_1

struct rng_fixture {
	struct mock_ram ram;
	struct mock_ring ring;
	struct recorded_irq irq;
	struct device *dev;
	uint8_t next;    /* what the source gives next */
	long limit;      /* at most so much at once; negative: an error */
	unsigned filled; /* in all */
};

static long give(void *ctx, void *buf, size_t len)
{
	struct rng_fixture *f = ctx;
	long n = MIN((long)len, f->limit);

	for (long i = 0; i < n; i++)
		((uint8_t *)buf)[i] = ++f->next;
	f->filled += n > 0 ? (unsigned)n : 0;
	return n;
}

static void setup(struct rng_fixture *f)
{
	const struct byte_source source = { give, f };
	struct virtio_dev_config config = { .name = "virtio-rng0" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;

	memset(f, 0, sizeof(*f));
	f->limit = INT32_MAX;
	start_recording();
	mock_ram_init(&f->ram);
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_rng_create(&config, &source, &vdev), 0);
	assert_int_equal(virtio_mmio_create(&mmio, vdev, &f->dev), 0);
	mock_ring_init(&f->ring, &f->ram, 8, FEATURES);
	assert_true(mock_mmio_start(f->dev, FEATURES, &f->ring, 1));
}

static void teardown(struct rng_fixture *f)
{
	destroy_and_null(f->dev);
	mock_ram_deinit(&f->ram);
}

/* Return: the used length of a request of these buffers. */
static uint32_t request(struct rng_fixture *f, const struct mock_buffer *buffers, unsigned count)
{
	int head = mock_ring_add(&f->ring, buffers, count);
	uint16_t used_head;
	uint32_t len;

	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_true(mock_ring_collect(&f->ring, &used_head, &len));
	assert_int_equal(used_head, head);
	assert_int_equal(mock_mmio_acknowledge(f->dev), VIRTIO_MMIO_INT_VRING);
	return len;
}

static void rng_fills_buffers_in_order(void **state)
{
	struct rng_fixture f;
	struct mock_buffer buffers[2];

	(void)state;
	setup(&f);
	buffers[0] = mock_buffer(&f.ram, 3, true, 0);
	buffers[1] = mock_buffer(&f.ram, 5, true, 0);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 4);
	assert_int_equal(request(&f, buffers, 2), 8);
	assert_memory_equal(mock_ram_at(&f.ram, buffers[0].gpa), "\1\2\3", 3);
	assert_memory_equal(mock_ram_at(&f.ram, buffers[1].gpa), "\4\5\6\7\10", 5);
	teardown(&f);
}

static void rng_request_is_capped(void **state)
{
	struct rng_fixture f;
	struct mock_buffer buffers[8];

	(void)state;
	setup(&f);
	/* Eight times the same memory. */
	buffers[0] = mock_buffer(&f.ram, 0x10000, true, 0);
	for (unsigned i = 1; i < 8; i++)
		buffers[i] = buffers[0];
	assert_int_equal(request(&f, buffers, 8), 4096);
	assert_int_equal(f.filled, 4096);
	teardown(&f);
}

static void rng_short_source_is_told_truly(void **state)
{
	struct rng_fixture f;
	struct mock_buffer buffers[2];

	(void)state;
	setup(&f);
	buffers[0] = mock_buffer(&f.ram, 8, true, 0);
	buffers[1] = mock_buffer(&f.ram, 8, true, 0);
	f.limit = 5;
	assert_int_equal(request(&f, buffers, 2), 5);
	f.limit = 0;
	assert_int_equal(request(&f, buffers, 2), 0);
	f.limit = -EAGAIN;
	assert_int_equal(request(&f, buffers, 2), 0);
	f.limit = INT32_MAX;
	assert_int_equal(request(&f, buffers, 2), 16);
	assert_true(found_nothing());
	teardown(&f);
}

static void rng_readable_buffer_is_found(void **state)
{
	struct rng_fixture f;
	struct mock_buffer buffers[2];

	(void)state;
	setup(&f);
	buffers[0] = mock_buffer(&f.ram, 8, false, 0x33);
	buffers[1] = mock_buffer(&f.ram, 8, true, 0);
	assert_int_equal(request(&f, buffers, 2), 8);
	assert_true(found_only("rng-readable"));
	assert_int_equal(request(&f, buffers, 1), 0);
	assert_true(found_only("rng-readable"));
	assert_memory_equal(mock_ram_at(&f.ram, buffers[0].gpa), "33333333", 8);
	teardown(&f);
}

static void rng_malformed_ring_needs_reset(void **state)
{
	struct rng_fixture f;
	struct mock_buffer buffer;

	(void)state;
	setup(&f);
	f.ring.avail->idx = 100;
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_true(found_only("avail-jump"));
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	mock_ring_init(&f.ring, &f.ram, 8, FEATURES);
	assert_true(mock_mmio_start(f.dev, FEATURES, &f.ring, 1));
	buffer = mock_buffer(&f.ram, 8, true, 0);
	assert_int_equal(request(&f, &buffer, 1), 8);
	teardown(&f);
}

static void rng_host_source_differs_each_time(void **state)
{
	struct byte_source source = byte_source_host();
	uint8_t one[32] = { 0 }, other[32] = { 0 };

	(void)state;
	assert_int_equal(source.fill(source.ctx, one, sizeof(one)), sizeof(one));
	assert_int_equal(source.fill(source.ctx, other, sizeof(other)), sizeof(other));
	assert_memory_not_equal(one, other, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng_fills_buffers_in_order),
		cmocka_unit_test(rng_request_is_capped),
		cmocka_unit_test(rng_short_source_is_told_truly),
		cmocka_unit_test(rng_readable_buffer_is_found),
		cmocka_unit_test(rng_malformed_ring_needs_reset),
		cmocka_unit_test(rng_host_source_differs_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
