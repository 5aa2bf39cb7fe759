/* SPDX-License-Identifier: MIT */
/* Status, features, configuration space and queue set-up, as a driver sees them. */
#include "tests/unit/virtio_device_fixture.h"

#define ACK         VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER      VIRTIO_CONFIG_S_DRIVER
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED      VIRTIO_CONFIG_S_FAILED

static void set_status(struct device_fixture *f, uint32_t status)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_STATUS, status);
}

static void device_works_with_every_layout(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t features = MOCK_F_VERSION_1 | (i & 1 ? MOCK_F_PACKED : 0) |
				    (i & 2 ? MOCK_F_EVENT_IDX : 0) | (i & 4 ? MOCK_F_INDIRECT : 0);

		start_driver(&f, features);
		assert_int_equal(f.device.activated, i + 1);
		expect_works(&f, 0);
		expect_works(&f, 1);
	}
	assert_int_equal(recorded.pops, recorded.used);
	device_teardown(&f);
}

static void device_offers_its_features(void **state)
{
	struct device_fixture f;
	struct virtio_dev_config config = { .name = "mock1",
					    .features_off = MOCK_F_PACKED | MOCK_F_VERSION_1 };
	struct mock_virtio_device other;

	(void)state;
	device_setup(&f);
	assert_int_equal(mock_mmio_offered(f.dev),
			 MOCK_DEVICE_F_BASE | MOCK_DEVICE_F_EXTRA | MOCK_DEVICE_F_OTHER |
				 MOCK_DEVICE_F_EITHER | MOCK_F_INDIRECT | MOCK_F_EVENT_IDX |
				 MOCK_F_VERSION_1 | MOCK_F_PACKED | MOCK_F_RING_RESET);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	config.mem = &f.ram.mem;
	assert_int_equal(mock_virtio_device_init(&other, &config), 0);
	assert_false(virtio_dev_offered(&other.vdev, 1) & MOCK_F_PACKED >> 32);
	assert_true(virtio_dev_offered(&other.vdev, 1) & MOCK_F_VERSION_1 >> 32);
	virtio_dev_destroy(&other.vdev);
	virtio_dev_destroy(NULL);
	device_teardown(&f);
}

static void device_refuses_features(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | MOCK_FEATURE(20)));
	assert_true(found_only("features-not-offered"));
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | MOCK_FEATURE(63)));
	assert_true(found_only("features-not-offered"));
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_INDIRECT));
	assert_true(found_only("features-version-1"));
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | MOCK_DEVICE_F_EXTRA));
	assert_true(found_only("features-dependency"));
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | MOCK_DEVICE_F_BASE |
							MOCK_DEVICE_F_EITHER));
	assert_true(found_only("features-dependency"));
	/* Refused, so the driver can't go on. */
	set_status(&f, ACK | DRIVER | DRIVER_OK);
	assert_true(found_only("status-order"));
	assert_int_equal(status_of(&f), ACK | DRIVER);
	assert_int_equal(f.device.activated, 0);
	/* But it may think better of it. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES,
			MOCK_DEVICE_F_EXTRA | MOCK_DEVICE_F_BASE);
	set_status(&f, ACK | DRIVER | FEATURES_OK);
	assert_int_equal(status_of(&f), ACK | DRIVER | FEATURES_OK);
	/* After which they are fixed. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	assert_true(found_only("features-late"));
	assert_true(virtio_dev_has_feature(&f.device.vdev, MOCK_DEVICE_F_EXTRA));
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 7);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	assert_true(found_only("features-not-offered"));
	device_teardown(&f);
}

static void device_feature_may_need_either_of_two(void **state)
{
	static const uint64_t others[] = { MOCK_DEVICE_F_OTHER,
					   MOCK_DEVICE_F_BASE | MOCK_DEVICE_F_EXTRA };
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		assert_true(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | MOCK_DEVICE_F_EITHER |
							       others[i]));
	assert_true(found_nothing());
	device_teardown(&f);
}

static void device_keeps_the_order_of_status(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	set_status(&f, ACK);
	set_status(&f, DRIVER);
	assert_true(found_only("status-cleared"));
	assert_int_equal(status_of(&f), ACK | DRIVER);
	/* Neither the device's own bit nor reserved ones are the driver's. */
	set_status(&f, ACK | DRIVER | NEEDS_RESET | 0x30 | 0x100);
	assert_int_equal(status_of(&f), ACK | DRIVER);
	set_status(&f, 0x100);
	assert_int_equal(status_of(&f), ACK | DRIVER);
	set_status(&f, ACK | DRIVER | FAILED);
	assert_true(found_nothing());
	set_status(&f, ACK | DRIVER | FAILED | FEATURES_OK);
	assert_true(found_only("status-failed"));
	assert_int_equal(status_of(&f), ACK | DRIVER | FAILED);
	set_status(&f, 0);
	assert_int_equal(status_of(&f), 0);

	/* In a hurry: allowed, but told. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES, MOCK_F_VERSION_1 >> 32);
	set_status(&f, FEATURES_OK);
	assert_true(found_only("status-order"));
	set_status(&f, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_DRIVER_FEATURES, MOCK_F_VERSION_1 >> 32);
	set_status(&f, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	assert_true(found_only("features-not-read"));
	assert_int_equal(status_of(&f), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	assert_int_equal(f.device.activated, 1);
	device_teardown(&f);
}

static void device_does_nothing_before_driver_ok(void **state)
{
	struct device_fixture f;
	int head;

	(void)state;
	device_setup(&f);
	kick(&f, 0);
	assert_true(found_only("notify-early"));
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++)
		mock_ring_init(&f.rings[q], &f.ram, 8, BASIC_FEATURES);
	assert_true(mock_mmio_negotiate(f.dev, BASIC_FEATURES));
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	head = offer(&f, 0);
	kick(&f, 0);
	assert_true(found_only("notify-early"));
	assert_int_equal(f.device.readied, 0);
	assert_int_equal(recorded.pops, 0);
	assert_false(f.irq.level);
	/* What was offered is served then. */
	set_status(&f, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	assert_true(echoed(&f, 0, head));
	(void)mock_mmio_acknowledge(f.dev);
	expect_works(&f, 0);
	kick(&f, 1);
	assert_true(found_only("notify-queue"));
	kick(&f, MOCK_DEVICE_QUEUES);
	assert_true(found_only("notify-queue"));
	kick(&f, UINT32_MAX);
	assert_true(found_only("notify-queue"));
	device_teardown(&f);
}

static void device_that_cannot_activate_needs_reset(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	f.device.activate_result = -ENODEV;
	mock_ring_init(&f.rings[0], &f.ram, 8, BASIC_FEATURES);
	assert_false(mock_mmio_start(f.dev, BASIC_FEATURES, f.rings, 1));
	assert_true(found_only("device-failed"));
	offer(&f, 0);
	kick(&f, 0);
	assert_int_equal(f.device.readied, 0);
	f.device.activate_result = 0;
	expect_needs_reset(&f, BASIC_FEATURES);
	device_teardown(&f);
}

static void config_space_reads_any_width_at_any_offset(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (uint64_t off = 0; off < 0x100; off++) {
			uint8_t bytes[9];

			memset(bytes, 0xee, sizeof(bytes));
			f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
			for (unsigned i = 0; i < len; i++)
				assert_int_equal(bytes[i],
						 off + i < MOCK_DEVICE_CONFIG_LEN ? off + i : 0);
			assert_int_equal(bytes[len], 0xee);
		}
	}
	assert_int_equal(recorded.findings, 0x80 + 0xc0 + 0x100);
	device_teardown(&f);
}

static void config_space_writes_are_clamped(void **state)
{
	struct device_fixture f;
	const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)state;
	device_setup(&f);
	f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG, ones, 1);
	assert_true(found_only("config-early"));
	assert_int_equal(f.device.config[0], 0);
	start_driver(&f, BASIC_FEATURES);
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (uint64_t off = 0; off < 0x100; off++)
			f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + off, ones, len);
	}
	assert_memory_equal(f.device.config, ones, 8);
	/* The byte behind the configuration space is one of the device's own. */
	assert_false(f.device.keep);
	device_teardown(&f);
}

static void config_change_is_told(void **state)
{
	struct device_fixture f;
	uint32_t generation;

	(void)state;
	device_setup(&f);
	generation = mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION);
	virtio_dev_config_changed(&f.device.vdev);
	assert_false(f.irq.level); /* not before DRIVER_OK */
	assert_int_not_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	start_driver(&f, BASIC_FEATURES);
	generation = mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION);
	virtio_dev_config_changed(&f.device.vdev);
	assert_true(f.irq.level);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	assert_int_not_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	device_teardown(&f);
}

static void queue_is_frozen_while_enabled(void **state)
{
	struct device_fixture f;
	struct mock_ring other;
	const struct virtqueue *vq;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	mock_ring_init(&other, &f.ram, 4, BASIC_FEATURES);
	vq = virtio_dev_queue(&f.device.vdev, 0);
	mock_mmio_set_queue(f.dev, 0, &other);
	assert_int_equal(recorded.findings, 7);
	assert_string_equal(recorded.last_rule, "queue-live");
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(recorded.findings, 8);
	recorded.findings = 0;
	assert_int_equal(vq->size, 8);
	assert_memory_equal(vq->areas, f.rings[0].areas, sizeof(vq->areas));
	expect_works(&f, 0);
	device_teardown(&f);
}

static void queue_needs_features_first(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	mock_ring_init(&f.rings[0], &f.ram, 8, BASIC_FEATURES);
	set_status(&f, ACK | DRIVER);
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	assert_true(found_only("queue-early"));
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 0);
	device_teardown(&f);
}

static void queue_that_is_not_there_is_nothing(void **state)
{
	static const uint32_t queues[] = { MOCK_DEVICE_QUEUES, 31, 32, 0x10000, UINT32_MAX };
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
		mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, queues[i]);
		assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 0);
		mock_mmio_enable_queue(f.dev, queues[i], &f.rings[0]);
		mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
		mock_mmio_write(f.dev, REG_QUEUE_RESET, 1);
		assert_int_equal(recorded.findings, 10);
		assert_string_equal(recorded.last_rule, "queue-select");
		recorded.findings = 0;
	}
	expect_works(&f, 1);
	device_teardown(&f);
}

static void queue_of_bad_geometry_needs_reset(void **state)
{
	static const uint32_t sizes[] = { 0, 3, 32, 0x10008, UINT32_MAX };
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes) + 2; i++) {
		start_driver(&f, BASIC_FEATURES);
		mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 1);
		mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
		if (i < ARRAY_SIZE(sizes))
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		else if (i == ARRAY_SIZE(sizes))
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_USED_HIGH, 1);
		else
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_DESC_LOW, 8);
		mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(recorded.findings, 1);
		recorded.findings = 0;
		expect_needs_reset(&f, BASIC_FEATURES);
	}
	device_teardown(&f);
}

static void queue_can_be_turned_off_and_on(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f.device.stopped, 1);
	offer(&f, 0);
	kick(&f, 0);
	assert_true(found_only("notify-queue"));
	assert_int_equal(recorded.pops, 0);
	expect_works(&f, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 1);
	kick(&f, 0);
	assert_int_equal(recorded.pops, 2);
	device_teardown(&f);
}

static void queue_reset_leaves_the_others_alone(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	f.device.keep = true;
	offer(&f, 0);
	offer(&f, 1);
	kick(&f, 0);
	kick(&f, 1);
	assert_int_equal(f.device.nr_kept, 2);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, REG_QUEUE_RESET, 1);
	assert_int_equal(mock_mmio_read(f.dev, REG_QUEUE_RESET), 0);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f.device.nr_kept, 1);
	mock_mmio_write(f.dev, REG_QUEUE_RESET, 1);
	assert_true(found_only("queue-reset"));
	/* With other rings, and the other queue's chain still comes. */
	f.device.keep = false;
	mock_ring_init(&f.rings[0], &f.ram, 16, BASIC_FEATURES);
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_READY), 1);
	expect_works(&f, 0);
	mock_virtio_device_complete(&f.device);
	assert_true(echoed(&f, 1, 0));
	/* Not without the feature. */
	start_driver(&f, MOCK_F_VERSION_1);
	mock_mmio_write(f.dev, REG_QUEUE_RESET, 1);
	assert_true(found_only("queue-reset"));
	device_teardown(&f);
}

static void reset_gives_up_what_is_in_flight(void **state)
{
	struct device_fixture f;
	uint64_t features = BASIC_FEATURES;

	(void)state;
	device_setup(&f);
	for (unsigned i = 0; i < 4; i++) {
		start_driver(&f, features);
		f.device.keep = true;
		offer(&f, 0);
		offer(&f, 1);
		kick(&f, 0);
		kick(&f, 1);
		assert_int_equal(f.device.nr_kept, 2);
		virtio_dev_config_changed(&f.device.vdev);
		assert_true(f.irq.level);
		if (i < 2)
			set_status(&f, 0);
		else
			f.dev->ops->reset(f.dev);
		assert_int_equal(recorded.last_in_flight, 2);
		assert_int_equal(f.device.nr_kept, 0);
		assert_int_equal(f.device.resets, 2 * i + 1);
		assert_int_equal(f.device.vdev.accepted, 0);
		mock_virtio_device_complete(&f.device);
		assert_false(echoed(&f, 0, 0));
		assert_int_equal(status_of(&f), 0);
		assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		assert_false(f.irq.level);
		f.device.keep = false;
		features ^= MOCK_F_PACKED;
		start_driver(&f, features);
		expect_works(&f, 0);
		features ^= MOCK_F_EVENT_IDX;
	}
	device_teardown(&f);
}

static void malformed_ring_needs_reset(void **state)
{
	struct device_fixture f;
	struct virtq_chain chain;
	int head;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	f.device.keep = true;
	head = offer(&f, 1);
	kick(&f, 1);
	offer(&f, 0);
	f.rings[0].desc[0].addr = 1;
	kick(&f, 0);
	assert_true(found_only("buffer-memory"));
	assert_true(status_of(&f) & NEEDS_RESET);
	/* All of the device is out of order, but what was taken may be given back. */
	recorded.pops = 0;
	kick(&f, 1);
	kick(&f, 0);
	assert_int_equal(virtqueue_pop(virtio_dev_queue(&f.device.vdev, 1), &chain), -EIO);
	assert_int_equal(recorded.pops, 0);
	mock_virtio_device_complete(&f.device);
	assert_true(echoed(&f, 1, head));
	/* Nor does a reset of the one queue help. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, REG_QUEUE_RESET, 1);
	mock_ring_init(&f.rings[0], &f.ram, 8, BASIC_FEATURES);
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	offer(&f, 0);
	kick(&f, 0);
	assert_int_equal(virtqueue_pop(virtio_dev_queue(&f.device.vdev, 0), &chain), -EIO);
	assert_int_equal(recorded.pops, 0);
	f.device.keep = false;
	expect_needs_reset(&f, BASIC_FEATURES);
	device_teardown(&f);
}

static void two_devices_do_not_meet(void **state)
{
	struct device_fixture f, g;

	(void)state;
	device_setup(&f);
	device_setup(&g);
	start_driver(&f, BASIC_FEATURES);
	start_driver(&g, BASIC_FEATURES | MOCK_F_PACKED);
	expect_works(&f, 0);
	offer(&g, 0);
	g.rings[0].packed_desc[0].addr = 1;
	kick(&g, 0);
	assert_true(found_only("buffer-memory"));
	assert_true(status_of(&g) & NEEDS_RESET);
	expect_works(&f, 0);
	expect_works(&f, 1);
	device_teardown(&g);
	expect_works(&f, 1);
	device_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_works_with_every_layout),
		cmocka_unit_test(device_offers_its_features),
		cmocka_unit_test(device_refuses_features),
		cmocka_unit_test(device_feature_may_need_either_of_two),
		cmocka_unit_test(device_keeps_the_order_of_status),
		cmocka_unit_test(device_does_nothing_before_driver_ok),
		cmocka_unit_test(device_that_cannot_activate_needs_reset),
		cmocka_unit_test(config_space_reads_any_width_at_any_offset),
		cmocka_unit_test(config_space_writes_are_clamped),
		cmocka_unit_test(config_change_is_told),
		cmocka_unit_test(queue_is_frozen_while_enabled),
		cmocka_unit_test(queue_needs_features_first),
		cmocka_unit_test(queue_that_is_not_there_is_nothing),
		cmocka_unit_test(queue_of_bad_geometry_needs_reset),
		cmocka_unit_test(queue_can_be_turned_off_and_on),
		cmocka_unit_test(queue_reset_leaves_the_others_alone),
		cmocka_unit_test(reset_gives_up_what_is_in_flight),
		cmocka_unit_test(malformed_ring_needs_reset),
		cmocka_unit_test(two_devices_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
