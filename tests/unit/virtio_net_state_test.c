/* SPDX-License-Identifier: MIT */
/* The network device: features, configuration, link, resets, and drivers that mean no good. */
#include "tests/unit/virtio_net_fixture.h"

static void net_offers_what_the_backend_can(void **state)
{
	static const uint64_t offloads = NET_HOST_OFFLOADS | NET_GUEST_OFFLOADS;
	static const uint64_t always = NET_BASIC | NET_FEATURE(MRG_RXBUF) | NET_FEATURE(STATUS) |
				       NET_FEATURE(CTRL_VQ) | NET_FEATURE(CTRL_RX) |
				       NET_FEATURE(CTRL_MAC_ADDR) | NET_FEATURE(SPEED_DUPLEX);
	static const uint64_t maybe = NET_FEATURE(MQ) | NET_FEATURE(MTU) |
				      NET_FEATURE(CTRL_GUEST_OFFLOADS) | offloads;
	struct virtio_net_settings mtu = { .mtu = 9000 };
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, 0, NULL);
	assert_int_equal(mock_mmio_offered(f.dev) & (always | maybe), always);
	net_teardown(&f);
	net_create(&f, 3, NET_OFFLOAD_ALL, &mtu);
	assert_int_equal(mock_mmio_offered(f.dev) & (always | maybe), always | maybe);
	net_teardown(&f);
	/* 5.1.3.1: of what needs another, nothing without that. */
	net_create(&f, 1, NET_OFFLOAD_ALL & ~NET_OFFLOAD_CHECKSUM, NULL);
	assert_int_equal(mock_mmio_offered(f.dev) & offloads, 0);
	net_teardown(&f);
	net_create(&f, 1, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN, NULL);
	assert_int_equal(mock_mmio_offered(f.dev) & offloads,
			 NET_FEATURE(CSUM) | NET_FEATURE(HOST_TSO6) | NET_FEATURE(HOST_ECN) |
				 NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_TSO6) |
				 NET_FEATURE(GUEST_ECN));
	net_teardown(&f);
	net_create(&f, 1, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_ECN, NULL);
	assert_int_equal(mock_mmio_offered(f.dev) & offloads,
			 NET_FEATURE(CSUM) | NET_FEATURE(GUEST_CSUM));
	net_teardown(&f);
}

/* 5.1.3.1, from the driver's side. */
static void net_features_need_each_other(void **state)
{
	static const uint64_t bad[] = {
		NET_FEATURE(GUEST_TSO4), NET_FEATURE(GUEST_TSO6),
		NET_FEATURE(GUEST_UFO),  NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_ECN),
		NET_FEATURE(HOST_TSO4),  NET_FEATURE(HOST_TSO6),
		NET_FEATURE(HOST_UFO),   NET_FEATURE(CSUM) | NET_FEATURE(HOST_ECN),
		NET_FEATURE(CTRL_RX),    NET_FEATURE(CTRL_MAC_ADDR),
		NET_FEATURE(MQ),
	};
	static const uint64_t good[] = {
		0,
		NET_FEATURE(CSUM) | NET_FEATURE(HOST_TSO6) | NET_FEATURE(HOST_ECN),
		NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_TSO4) | NET_FEATURE(GUEST_ECN),
		NET_FEATURE(CTRL_VQ) | NET_FEATURE(MQ),
	};
	struct net_fixture f;

	(void)state;
	net_create(&f, 2, NET_OFFLOAD_ALL, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | bad[i]));
		assert_true(found_only("features-dependency"));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | good[i]));
	/* No VLAN filter, for one. */
	assert_false(mock_mmio_negotiate(f.dev, MOCK_F_VERSION_1 | NET_FEATURE(CTRL_VLAN)));
	assert_true(found_only("features-not-offered"));
	net_teardown(&f);
}

static void net_configuration_says_what_it_is(void **state)
{
	const struct virtio_net_settings settings = { .mtu = 1400 };
	uint8_t mac[NET_MAC_LEN];
	struct net_fixture f;

	(void)state;
	net_create(&f, 3, NET_OFFLOAD_ALL, &settings);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 1);
	net_read_mac(&f, mac);
	assert_memory_equal(mac, NET_MAC, sizeof(mac));
	assert_int_equal(NET_CONFIG(&f, status), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(NET_CONFIG(&f, max_virtqueue_pairs), 3);
	assert_int_equal(NET_CONFIG(&f, mtu), 1400);
	assert_int_equal(NET_CONFIG(&f, speed), 10000);
	assert_int_equal(NET_CONFIG(&f, duplex), 1);
	/* Every width at every offset, beyond the end too; and all of it is for reading only. */
	net_start(&f, NET_MODERN);
	for (unsigned off = 0; off < 24; off++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			uint64_t value = UINT64_MAX;

			f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + off, &value, len);
			f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + off, &value, len);
			assert_true(off < 17 ||
				    (value & ((UINT64_C(1) << 8 * (len % 8)) - 1)) == 0);
		}
	}
	net_read_mac(&f, mac);
	assert_memory_equal(mac, NET_MAC, sizeof(mac));
	assert_int_equal(NET_CONFIG(&f, status), VIRTIO_NET_S_LINK_UP);
	net_teardown(&f);
}

static void net_settings_are_checked(void **state)
{
	static const struct virtio_net_settings bad[] = {
		{ .mac = { 0 } },
		{ .mac = { 0x03, 0, 0, 0, 0, 1 } },
		{ .mac = NET_MAC, .mtu = 67 },
	};
	struct virtio_dev_config config = { .name = "virtio-net0" };
	struct virtio_dev *vdev = NULL;
	static struct fake_net fake;

	(void)state;
	fake_net_init(&fake, 1, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(virtio_net_create(&config, &fake.net, &bad[i], &vdev), -EINVAL);
	fake.net.info.max_pairs = VIRTIO_NET_MAX_PAIRS + 1;
	assert_int_equal(virtio_net_create(&config, &fake.net,
					   &(struct virtio_net_settings){ .mac = NET_MAC }, &vdev),
			 -EINVAL);
	assert_null(vdev);
	assert_int_equal(fake.destroyed, 0);
}

static void net_link_goes_down_and_up(void **state)
{
	struct net_fixture f;
	uint64_t gpa;
	int head;

	(void)state;
	net_setup(&f, NET_MODERN);
	head = net_offer_rx(&f, 0, 1000, &gpa);
	net_kick(&f, 0);
	assert_int_equal(virtio_net_set_link(f.vdev, true), 0);
	assert_int_equal(mock_mmio_acknowledge(f.dev), 0);
	assert_int_equal(virtio_net_set_link(f.vdev, false), 0);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(NET_CONFIG(&f, status), 0);
	assert_false(f.fake->link_up);
	/* Nothing in, nothing out. */
	assert_false(f.fake->pairs[0].watched);
	net_arrive(&f, 0, 60);
	net_kick(&f, 0);
	assert_true(net_nothing_used(&f, 0));
	assert_false(net_send_plain(&f, 1, 60));
	assert_int_equal(virtio_net_counters(f.vdev).send_drops, 1);
	(void)mock_mmio_acknowledge(f.dev);
	assert_int_equal(virtio_net_set_link(f.vdev, true), 0);
	assert_int_equal(mock_mmio_acknowledge(f.dev),
			 VIRTIO_MMIO_INT_CONFIG | VIRTIO_MMIO_INT_VRING);
	assert_int_equal(NET_CONFIG(&f, status), VIRTIO_NET_S_LINK_UP);
	assert_true(f.fake->link_up);
	net_expect_used(&f, 0, head, 72);
	assert_true(net_send_plain(&f, 1, 60));
	assert_true(found_nothing());
	net_teardown(&f);
}

static void net_link_may_be_down_from_the_start(void **state)
{
	const struct virtio_net_settings settings = { .link_down = true };
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, &settings);
	assert_false(f.fake->link_up);
	/* Without a driver, too. */
	assert_int_equal(virtio_net_set_link(f.vdev, true), 0);
	assert_int_equal(virtio_net_set_link(f.vdev, false), 0);
	net_start(&f, NET_MODERN);
	assert_int_equal(NET_CONFIG(&f, status), 0);
	assert_int_equal(virtio_net_set_link(f.vdev, true), 0);
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

/* For good, whoever finds out. */
static void net_lost_backend_is_no_link(void **state)
{
	struct net_fixture f;
	uint64_t gpa;

	(void)state;
	for (unsigned by_event = 0; by_event < 2; by_event++) {
		net_setup(&f, NET_MODERN);
		(void)net_offer_rx(&f, 0, 1000, &gpa);
		net_kick(&f, 0);
		f.fake->gone = true;
		if (by_event)
			f.fake->net.events->lost(f.fake->net.ctx);
		else
			f.fake->net.events->ready(f.fake->net.ctx, 0);
		assert_int_equal(f.lost, 1);
		assert_int_equal(NET_CONFIG(&f, status), 0);
		assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
		assert_int_equal(virtio_net_set_link(f.vdev, true), -ENODEV);
		assert_false(net_send_plain(&f, 1, 60));
		net_kick(&f, 0);
		f.fake->net.events->ready(f.fake->net.ctx, 0);
		assert_false(f.fake->pairs[0].watched);
		assert_int_equal(f.lost, 1);
		net_teardown(&f);
	}
}

/* 5.1.4.1: what is longer than the MTU goes neither way, with room for a VLAN tag. */
static void net_mtu_bounds_frames(void **state)
{
	static const struct net_header segments = {
		.flags = 1, .gso_type = NET_GSO_TCPV4, .gso_size = 100, .csum_start = 34
	};
	const struct virtio_net_settings settings = { .mtu = 1000 };
	struct net_fixture f;
	uint64_t gpa;
	int head;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, &settings);
	net_start(&f, NET_MODERN | NET_FEATURE(MTU));
	assert_true(net_send_plain(&f, 1, 1018));
	assert_false(net_send_plain(&f, 1, 1019));
	assert_true(found_only("net-tx-length"));
	net_expect_receives(&f, 0, 1018);
	head = net_offer_rx(&f, 0, 4000, &gpa);
	net_kick(&f, 0);
	net_arrive(&f, 0, 1019);
	assert_int_equal(virtio_net_counters(f.vdev).receive_drops, 1);
	assert_true(net_nothing_used(&f, 0));
	net_arrive_header(&f, 0, &segments, 3000);
	net_expect_used(&f, 0, head, 3012);
	net_teardown(&f);
}

/* Buffers of before are not touched, by a frame that was half there neither. */
static void net_reset_forgets_buffers(void **state)
{
	uint8_t before[2000];
	struct net_fixture f;
	uint64_t gpa;

	(void)state;
	net_setup(&f, NET_MODERN);
	(void)net_offer_rx(&f, 0, 1000, &gpa);
	(void)net_offer_rx(&f, 0, 1000, &gpa);
	net_kick(&f, 0);
	net_arrive(&f, 0, 5000);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(recorded.last_in_flight, 2);
	memcpy(before, mock_ram_at(&f.ram, gpa), 1000);
	net_arrive(&f, 0, 60);
	assert_memory_equal(mock_ram_at(&f.ram, gpa), before, 1000);
	net_start(&f, NET_MODERN);
	/* What came meanwhile waited. */
	f.fake->pairs[0].nr_frames = 0;
	net_expect_receives(&f, 0, 1000);
	net_teardown(&f);
}

static void net_queue_reset_forgets_buffers(void **state)
{
	struct net_fixture f;
	uint64_t gpa;

	(void)state;
	net_setup(&f, NET_MODERN);
	(void)net_offer_rx(&f, 0, 1000, &gpa);
	net_kick(&f, 0);
	net_arrive(&f, 0, 5000);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	net_arrive(&f, 0, 60);
	assert_int_equal(f.fake->pairs[0].nr_frames, 1);
	assert_true(net_send_plain(&f, 1, 60));
	mock_ring_init(&f.rings[0], &f.ram, NET_RING_SIZE, f.features);
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	f.fake->pairs[0].nr_frames = 0;
	net_expect_receives(&f, 0, 1000);
	assert_true(found_nothing());
	net_teardown(&f);
}

static void net_device_that_cannot_set_offloads_needs_reset(void **state)
{
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, NULL);
	f.fake->change_error = -EIO;
	for (unsigned q = 0; q < 3; q++)
		mock_ring_init(&f.rings[q], &f.ram, 8, NET_MODERN);
	assert_false(mock_mmio_start(f.dev, NET_MODERN, f.rings, 3));
	assert_true(found_only("device-failed"));
	f.fake->change_error = 0;
	net_start(&f, NET_MODERN);
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

/* Of both kinds: of no use, but of no harm. */
static void net_buffers_of_the_wrong_direction(void **state)
{
	struct mock_buffer buffers[2];
	struct net_fixture f;
	int head;

	(void)state;
	net_setup(&f, NET_MODERN);
	buffers[0] = mock_buffer(&f.ram, 100, false, 0);
	buffers[1] = mock_buffer(&f.ram, 100, true, 0xee);
	head = mock_ring_add(&f.rings[0], buffers, 2);
	net_kick(&f, 0);
	assert_true(found_only("net-rx-readable"));
	net_arrive(&f, 0, 60);
	net_expect_used(&f, 0, head, 72);
	head = mock_ring_add(&f.rings[1], buffers, 2);
	net_kick(&f, 1);
	assert_true(found_only("net-tx-writable"));
	net_expect_used(&f, 1, head, 0);
	assert_int_equal(f.fake->sent.len, 88);
	head = mock_ring_add(&f.rings[0], buffers, 1);
	net_kick(&f, 0);
	assert_int_equal(recorded.findings, 2);
	assert_string_equal(recorded.last_rule, "net-rx-length");
	net_expect_used(&f, 0, head, 0);
	head = mock_ring_add(&f.rings[1], &buffers[1], 1);
	net_kick(&f, 1);
	net_expect_used(&f, 1, head, 0);
	net_teardown(&f);
}

/* A ring full of buffers in which no header fits: each comes back, once. */
static void net_tiny_buffers_come_back(void **state)
{
	struct net_fixture f;
	uint64_t gpa;
	uint32_t len;
	uint16_t head;
	unsigned used = 0;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < NET_RING_SIZE; i++)
		(void)net_offer_rx(&f, 0, 11, &gpa);
	net_kick(&f, 0);
	while (mock_ring_collect(&f.rings[0], &head, &len)) {
		assert_int_equal(len, 0);
		used++;
	}
	assert_int_equal(used, NET_RING_SIZE);
	assert_int_equal(recorded.findings, NET_RING_SIZE);
	recorded.findings = 0;
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

/* As many pieces as there can be: more than one system call takes. */
static void net_chains_of_many_pieces(void **state)
{
	struct mock_buffer buffers[NET_RING_SIZE];
	struct net_fixture f;
	uint64_t gpa[20];
	unsigned used = 0;
	uint32_t len;
	uint16_t head;

	(void)state;
	net_setup(&f, NET_MODERN | MOCK_F_INDIRECT);
	for (unsigned i = 0; i < 20; i++) {
		gpa[i] = mock_ram_alloc(&f.ram, NET_RING_SIZE, 1);
		for (unsigned j = 0; j < NET_RING_SIZE; j++)
			buffers[j] = (struct mock_buffer){ gpa[i] + j, 1, true };
		assert_true(mock_ring_add_indirect(&f.rings[0], buffers, NET_RING_SIZE) >= 0);
	}
	net_kick(&f, 0);
	net_arrive(&f, 0, 20 * NET_RING_SIZE - NET_HEADER_LEN);
	/* Too many pieces for one frame of that length; a shorter one is fine. */
	assert_true(found_only("net-rx-length"));
	net_arrive(&f, 0, 2 * NET_RING_SIZE - NET_HEADER_LEN);
	while (mock_ring_collect(&f.rings[0], &head, &len))
		used++;
	assert_int_equal(used, 2);
	net_expect_bytes(&f, gpa[1], 2 * NET_RING_SIZE - NET_HEADER_LEN,
			 NET_RING_SIZE - NET_HEADER_LEN, NET_RING_SIZE);
	net_teardown(&f);
}

static void net_broken_ring_needs_reset(void **state)
{
	struct net_fixture f;
	uint64_t gpa;

	(void)state;
	for (unsigned q = 0; q < 3; q++) {
		net_setup(&f, NET_MODERN);
		(void)net_offer_rx(&f, 0, 1000, &gpa);
		net_kick(&f, 0);
		f.rings[q].avail->idx += 1000;
		net_kick(&f, q);
		assert_true(q == 0 || found_only("avail-jump"));
		net_arrive(&f, 0, 60);
		net_arrive(&f, 0, 60);
		assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) &
			    VIRTIO_CONFIG_S_NEEDS_RESET);
		assert_false(f.fake->pairs[0].watched);
		f.fake->pairs[0].nr_frames = 0;
		net_start(&f, NET_MODERN);
		net_expect_receives(&f, 0, 60);
		assert_true(net_send_plain(&f, 1, 60));
		net_teardown(&f);
	}
}

static void net_frames_before_driver_ok_wait(void **state)
{
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, NULL);
	f.fake->net.events->ready(f.fake->net.ctx, 0);
	assert_int_equal(f.fake->pairs[0].reads, 0);
	net_kick(&f, 0);
	assert_true(found_only("notify-early"));
	net_arrive(&f, 0, 60);
	net_start(&f, NET_MODERN);
	f.fake->pairs[0].nr_frames = 0;
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_offers_what_the_backend_can),
		cmocka_unit_test(net_features_need_each_other),
		cmocka_unit_test(net_configuration_says_what_it_is),
		cmocka_unit_test(net_settings_are_checked),
		cmocka_unit_test(net_link_goes_down_and_up),
		cmocka_unit_test(net_link_may_be_down_from_the_start),
		cmocka_unit_test(net_lost_backend_is_no_link),
		cmocka_unit_test(net_mtu_bounds_frames),
		cmocka_unit_test(net_reset_forgets_buffers),
		cmocka_unit_test(net_queue_reset_forgets_buffers),
		cmocka_unit_test(net_device_that_cannot_set_offloads_needs_reset),
		cmocka_unit_test(net_buffers_of_the_wrong_direction),
		cmocka_unit_test(net_tiny_buffers_come_back),
		cmocka_unit_test(net_chains_of_many_pieces),
		cmocka_unit_test(net_broken_ring_needs_reset),
		cmocka_unit_test(net_frames_before_driver_ok_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
