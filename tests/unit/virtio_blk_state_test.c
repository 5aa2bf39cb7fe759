/* SPDX-License-Identifier: MIT */
/* The block device: configuration, cache modes, queues, and resets with requests in flight. */
#include "tests/unit/virtio_blk_fixture.h"

#define CONFIG(f, field)                                                                           \
	blk_config_read(f, offsetof(struct virtio_blk_config, field),                              \
			sizeof(((struct virtio_blk_config *)0)->field))

static void blk_configuration_says_what_the_disk_is(void **state)
{
	struct blk_fixture f;

	(void)state;
	blk_create(&f, false, 2);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 2);
	assert_true(mock_mmio_offered(f.dev) & BLK_FEATURE(MQ));
	assert_false(mock_mmio_offered(f.dev) & BLK_FEATURE(RO));
	assert_int_equal(blk_config_read(&f, 0, 4), FAKE_DISK_SECTORS);
	assert_int_equal(blk_config_read(&f, 4, 4), 0);
	assert_int_equal(CONFIG(&f, seg_max), 254);
	assert_int_equal(CONFIG(&f, blk_size), 512);
	assert_int_equal(CONFIG(&f, physical_block_exp), 3);
	assert_int_equal(CONFIG(&f, min_io_size), 8);
	assert_int_equal(CONFIG(&f, wce), 1);
	assert_int_equal(CONFIG(&f, num_queues), 2);
	assert_true(CONFIG(&f, max_discard_sectors) > 0);
	assert_int_equal(CONFIG(&f, max_discard_seg), 1);
	assert_int_equal(CONFIG(&f, discard_sector_alignment), 1);
	assert_true(CONFIG(&f, max_write_zeroes_sectors) > 0);
	assert_int_equal(CONFIG(&f, max_write_zeroes_seg), 1);
	assert_int_equal(CONFIG(&f, write_zeroes_may_unmap), 1);
	blk_teardown(&f);
}

static void blk_serial_is_bounded(void **state)
{
	struct virtio_dev_config config = { .name = "virtio-blk0" };
	struct virtio_dev *vdev = NULL;
	struct fake_disk disk;

	(void)state;
	fake_disk_init(&disk, false);
	assert_int_equal(virtio_blk_create(&config, &disk.disk, BLK_SERIAL "!", &vdev), -EINVAL);
	assert_null(vdev);
	assert_int_equal(disk.destroyed, 0);
}

static bool writes_are_durable(struct blk_fixture *f)
{
	uint8_t data[512] = { 0 };
	struct blk_call call = { .type = VIRTIO_BLK_T_OUT, .out = data, .out_len = sizeof(data) };

	assert_int_equal(blk_request(f, &call), VIRTIO_BLK_S_OK);
	return f->disk.last.durable;
}

static void set_writeback(struct blk_fixture *f, uint8_t value)
{
	f->dev->ops->write(f->dev, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce),
			   &value, 1);
}

static void blk_cache_mode_follows_the_driver(void **state)
{
	struct blk_fixture f;

	(void)state;
	blk_create(&f, false, 1);
	/* Nobody flushes: each write is safe when it completes. */
	blk_start(&f, MOCK_F_VERSION_1);
	assert_true(writes_are_durable(&f));
	set_writeback(&f, 1);
	assert_true(writes_are_durable(&f));

	blk_start(&f, MOCK_F_VERSION_1 | BLK_FEATURE(FLUSH));
	assert_false(writes_are_durable(&f));
	set_writeback(&f, 0);
	assert_false(writes_are_durable(&f));

	blk_start(&f, BLK_FEATURES);
	assert_int_equal(CONFIG(&f, wce), 1);
	assert_false(writes_are_durable(&f));
	set_writeback(&f, 0);
	assert_int_equal(CONFIG(&f, wce), 0);
	assert_true(writes_are_durable(&f));
	set_writeback(&f, 2);
	assert_int_equal(CONFIG(&f, wce), 0);
	set_writeback(&f, 1);
	assert_false(writes_are_durable(&f));
	set_writeback(&f, 0);

	/* 5.2.5.2: writethrough, before DRIVER_OK already. */
	assert_true(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | BLK_FEATURE(CONFIG_WCE)));
	assert_int_equal(CONFIG(&f, wce), 0);
	/* A new driver finds what the last one has changed as it was. */
	assert_true(mock_mmio_negotiate(f.dev, BLK_FEATURES));
	assert_int_equal(CONFIG(&f, wce), 1);
	blk_teardown(&f);
}

static void blk_other_configuration_is_not_written(void **state)
{
	uint8_t ones[64];
	struct blk_fixture f;

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	blk_setup(&f, BLK_FEATURES);
	for (unsigned off = 0; off < 64; off += 4)
		f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + off, ones, 4);
	assert_int_equal(blk_config_read(&f, 0, 4), FAKE_DISK_SECTORS);
	assert_int_equal(CONFIG(&f, wce), 1);
	assert_int_equal(CONFIG(&f, num_queues), 1);
	blk_teardown(&f);
}

static void blk_completes_in_any_order(void **state)
{
	struct blk_call calls[3];
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	for (unsigned i = 0; i < 3; i++) {
		calls[i] = (struct blk_call){ .type = VIRTIO_BLK_T_IN, .sector = i, .in_len = 512 };
		blk_offer(&f, 0, &calls[i]);
	}
	fake_disk_complete(&f.disk, 2);
	assert_int_equal(blk_collect(&f, 0, &calls[2]), VIRTIO_BLK_S_OK);
	fake_disk_complete(&f.disk, 0);
	assert_int_equal(blk_collect(&f, 0, &calls[0]), VIRTIO_BLK_S_OK);
	fake_disk_complete(&f.disk, 0);
	assert_int_equal(blk_collect(&f, 0, &calls[1]), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_data(&f, &calls[1])[0], 2);
	blk_teardown(&f);
}

/* More than the disk takes at once: they wait in the ring, none is lost. */
static void blk_bounds_what_is_in_flight(void **state)
{
	struct blk_call calls[3 * FAKE_DISK_MAX_REQUESTS];
	struct blk_fixture f;
	uint32_t len;
	uint16_t head;
	unsigned used = 0;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i] = (struct blk_call){ .type = VIRTIO_BLK_T_IN, .sector = i, .in_len = 512 };
		blk_offer(&f, 0, &calls[i]);
		assert_true(f.disk.nr_pending <= FAKE_DISK_MAX_REQUESTS);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(f.disk.nr_pending,
				 MIN(ARRAY_SIZE(calls) - i, FAKE_DISK_MAX_REQUESTS));
		fake_disk_complete(&f.disk, 0);
	}
	while (mock_ring_collect(&f.rings[0], &head, &len))
		used++;
	assert_int_equal(used, ARRAY_SIZE(calls));
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(blk_status(&f, &calls[i]), VIRTIO_BLK_S_OK);
		assert_int_equal(blk_data(&f, &calls[i])[0], i + 1);
	}
	blk_teardown(&f);
}

static void blk_serves_each_queue(void **state)
{
	struct blk_call first = { .type = VIRTIO_BLK_T_IN, .sector = 1, .in_len = 512 };
	struct blk_call second = { .type = VIRTIO_BLK_T_IN, .sector = 2, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_create(&f, false, 2);
	blk_start(&f, BLK_FEATURES | BLK_FEATURE(MQ));
	blk_offer(&f, 1, &second);
	blk_offer(&f, 0, &first);
	fake_disk_complete(&f.disk, 0);
	assert_true(blk_nothing_used(&f, 0));
	assert_int_equal(blk_collect(&f, 1, &second), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_data(&f, &second)[0], 3);
	fake_disk_complete(&f.disk, 0);
	assert_int_equal(blk_collect(&f, 0, &first), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_data(&f, &first)[0], 2);
	blk_teardown(&f);
}

/* What the loop's thread does some time after a drain. */
static void reap(struct blk_fixture *f)
{
	disk_reap(&f->disk.disk);
}

static void blk_reset_leaves_nothing_in_flight(void **state)
{
	struct blk_call old[3], call = { .type = VIRTIO_BLK_T_IN, .sector = 9, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	for (unsigned i = 0; i < 3; i++) {
		old[i] = (struct blk_call){ .type = VIRTIO_BLK_T_IN, .in_len = 512 };
		blk_offer(&f, 0, &old[i]);
	}
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(recorded.last_in_flight, 3);
	assert_int_equal(f.disk.drains, 1);
	assert_int_equal(f.disk.nr_pending, 0);
	/* The memory may be anything now, the new driver's rings for one. */
	blk_start(&f, BLK_FEATURES);
	reap(&f);
	assert_true(blk_nothing_used(&f, 0));
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_data(&f, &call)[0], 10);
	blk_teardown(&f);
}

/* The orphans hold requests that a new driver has to wait for, not in vain. */
static void blk_reset_with_all_requests_taken(void **state)
{
	struct blk_call old[FAKE_DISK_MAX_REQUESTS];
	struct blk_call call = { .type = VIRTIO_BLK_T_IN, .sector = 9, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	for (unsigned i = 0; i < FAKE_DISK_MAX_REQUESTS; i++) {
		old[i] = (struct blk_call){ .type = VIRTIO_BLK_T_IN, .in_len = 512 };
		blk_offer(&f, 0, &old[i]);
	}
	blk_start(&f, BLK_FEATURES);
	blk_offer(&f, 0, &call);
	assert_int_equal(f.disk.nr_pending, 0);
	reap(&f);
	assert_int_equal(f.disk.nr_pending, 1);
	fake_disk_complete(&f.disk, 0);
	assert_int_equal(blk_collect(&f, 0, &call), VIRTIO_BLK_S_OK);
	blk_teardown(&f);
}

static void blk_queue_reset_spares_the_other(void **state)
{
	struct blk_call gone = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_call stays = { .type = VIRTIO_BLK_T_IN, .sector = 5, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_create(&f, false, 2);
	blk_start(&f, BLK_FEATURES | BLK_FEATURE(MQ));
	blk_offer(&f, 0, &gone);
	blk_offer(&f, 1, &stays);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(f.disk.drains, 1);
	memset(mock_ram_at(&f.ram, gone.in_gpa), NO_STATUS, 513);
	reap(&f);
	assert_int_equal(blk_collect(&f, 1, &stays), VIRTIO_BLK_S_OK);
	assert_int_equal(blk_data(&f, &stays)[0], 6);
	assert_int_equal(blk_status(&f, &gone), NO_STATUS);
	blk_teardown(&f);
}

static void blk_destroyed_with_requests_in_flight(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	blk_offer(&f, 0, &call);
	blk_teardown(&f);
}

/* What was taken before the ring broke is given back, and then nothing more. */
static void blk_broken_ring_needs_reset(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	blk_offer(&f, 0, &call);
	f.rings[0].avail->idx = 1000;
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_true(found_only("avail-jump"));
	assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	fake_disk_complete_all(&f.disk);
	assert_int_equal(blk_status(&f, &call), VIRTIO_BLK_S_OK);
	blk_start(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_OK);
	blk_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk_configuration_says_what_the_disk_is),
		cmocka_unit_test(blk_serial_is_bounded),
		cmocka_unit_test(blk_cache_mode_follows_the_driver),
		cmocka_unit_test(blk_other_configuration_is_not_written),
		cmocka_unit_test(blk_completes_in_any_order),
		cmocka_unit_test(blk_bounds_what_is_in_flight),
		cmocka_unit_test(blk_serves_each_queue),
		cmocka_unit_test(blk_reset_leaves_nothing_in_flight),
		cmocka_unit_test(blk_reset_with_all_requests_taken),
		cmocka_unit_test(blk_queue_reset_spares_the_other),
		cmocka_unit_test(blk_destroyed_with_requests_in_flight),
		cmocka_unit_test(blk_broken_ring_needs_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
