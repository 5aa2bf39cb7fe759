/* SPDX-License-Identifier: MIT */
/* The network device: its control queue, pairs of queues, and offloads that change. */
#include "tests/unit/virtio_net_fixture.h"

static uint8_t set_pairs(struct net_fixture *f, uint16_t count)
{
	return net_command(f, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &count,
			   sizeof(count));
}

static uint8_t set_offloads(struct net_fixture *f, uint64_t features)
{
	return net_command(f, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
			   &features, sizeof(features));
}

static uint8_t set_mode(struct net_fixture *f, uint8_t command, const char *data, uint32_t len)
{
	return net_command(f, VIRTIO_NET_CTRL_RX, command, data, len);
}

static void net_takes_receive_modes(void **state)
{
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1), VIRTIO_NET_OK);
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\0", 1), VIRTIO_NET_OK);
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_ALLMULTI, "\1", 1), VIRTIO_NET_OK);
	assert_true(found_nothing());
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\2", 1), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\0\0", 2), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, NULL, 0), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	/* VIRTIO_NET_F_CTRL_RX_EXTRA is not offered. */
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_NOBCAST, "\1", 1), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-command"));
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

static uint8_t set_table(struct net_fixture *f, const void *data, uint32_t len)
{
	return net_command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, data, len);
}

static void net_takes_mac_tables(void **state)
{
	static const uint8_t none[8];
	static const uint8_t some[] = { 1, 0, 0, 0, 2, 0, 0, 0, 0, 7, 2, 0, 0,
					0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2 };
	uint8_t bad[sizeof(some)];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_int_equal(set_table(&f, none, sizeof(none)), VIRTIO_NET_OK);
	assert_int_equal(set_table(&f, some, sizeof(some)), VIRTIO_NET_OK);
	assert_true(found_nothing());
	for (uint32_t len = 0; len < sizeof(some); len++) {
		assert_int_equal(set_table(&f, some, len), VIRTIO_NET_ERR);
		assert_true(found_only("net-ctrl-data"));
	}
	memcpy(bad, some, sizeof(bad));
	memset(bad, 0xff, 4);
	assert_int_equal(set_table(&f, bad, sizeof(bad)), VIRTIO_NET_ERR);
	memcpy(bad, some, sizeof(bad));
	memset(bad + 10, 0xff, 4);
	assert_int_equal(set_table(&f, bad, sizeof(bad)), VIRTIO_NET_ERR);
	net_teardown(&f);
}

static void net_mac_can_be_changed(void **state)
{
	uint8_t mac[NET_MAC_LEN];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_int_equal(net_command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
				     "\2\4\6\0\0\7", 6),
			 VIRTIO_NET_OK);
	net_read_mac(&f, mac);
	assert_memory_equal(mac, "\2\4\6\0\0\7", 6);
	assert_int_equal(
		net_command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\2\4\6\0\0", 5),
		VIRTIO_NET_ERR);
	net_start(&f, NET_MODERN & ~NET_FEATURE(CTRL_MAC_ADDR));
	net_read_mac(&f, mac);
	assert_memory_equal(mac, NET_MAC, 6);
	assert_true(found_only("net-ctrl-data"));
	assert_int_equal(net_command(&f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
				     "\2\4\6\0\0\7", 6),
			 VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-command"));
	net_read_mac(&f, mac);
	assert_memory_equal(mac, NET_MAC, 6);
	net_teardown(&f);
}

static void net_unknown_commands_are_errors(void **state)
{
	static const uint8_t commands[][2] = { { 2, 0 },     { 3, 0 },   { 4, 0 },
					       { 4, 1 },     { 5, 1 },   { 6, 0 },
					       { 255, 255 }, { 0, 255 }, { 1, 255 } };
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		assert_int_equal(net_command(&f, commands[i][0], commands[i][1], "\1", 1),
				 VIRTIO_NET_ERR);
		assert_true(found_only("net-ctrl-command"));
	}
	net_teardown(&f);
}

/* Cut short, or without a place for the answer: it comes back, that is all. */
static void net_commands_of_no_form_come_back(void **state)
{
	struct mock_buffer buffers[2];
	struct net_fixture f;
	int head;

	(void)state;
	net_setup(&f, NET_MODERN);
	buffers[0] = mock_buffer(&f.ram, 1, false, 0);
	buffers[1] = mock_buffer(&f.ram, 1, true, NO_ACK);
	head = mock_ring_add(&f.rings[2], buffers, 2);
	net_kick(&f, 2);
	net_expect_used(&f, 2, head, 1);
	assert_int_equal(*(uint8_t *)mock_ram_at(&f.ram, buffers[1].gpa), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-length"));
	head = mock_ring_add(&f.rings[2], &buffers[1], 1);
	net_kick(&f, 2);
	net_expect_used(&f, 2, head, 1);
	assert_true(found_only("net-ctrl-length"));
	/* Promiscuous mode on, but nobody hears that it is. */
	buffers[0] = (struct mock_buffer){ net_bytes(&f, "\0\0\1", 3), 3, false };
	head = mock_ring_add(&f.rings[2], buffers, 1);
	net_kick(&f, 2);
	net_expect_used(&f, 2, head, 0);
	assert_true(found_only("net-ctrl-length"));
	net_teardown(&f);
}

/* 5.1.2: where the control queue is depends on what was accepted. */
static void net_control_queue_has_its_place(void **state)
{
	struct net_fixture f;

	(void)state;
	net_create(&f, 3, NET_OFFLOAD_ALL, NULL);
	net_start(&f, NET_MODERN);
	assert_int_equal(f.ctrl, 2);
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1), VIRTIO_NET_OK);
	net_start(&f, NET_MODERN | NET_FEATURE(MQ));
	assert_int_equal(f.ctrl, 6);
	assert_int_equal(set_mode(&f, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1), VIRTIO_NET_OK);
	net_expect_receives(&f, 0, 60);
	assert_true(found_nothing());
	net_teardown(&f);
}

static void net_uses_as_many_pairs_as_it_is_told(void **state)
{
	struct net_fixture f;
	uint64_t gpa;
	int head;

	(void)state;
	net_create(&f, 3, NET_OFFLOAD_ALL, NULL);
	net_start(&f, NET_MODERN | NET_FEATURE(MQ));
	/* By default, one. */
	head = net_offer_rx(&f, 1, 1000, &gpa);
	net_kick(&f, 2);
	assert_int_equal(f.fake->pairs[1].reads, 0);
	assert_int_equal(set_pairs(&f, 2), VIRTIO_NET_OK);
	assert_int_equal(f.fake->nr_pairs, 2);
	assert_true(f.fake->pairs[1].watched);
	net_arrive(&f, 1, 60);
	net_expect_used(&f, 2, head, 72);
	net_expect_receives(&f, 0, 60);
	assert_true(net_send_plain(&f, 3, 60));
	assert_int_equal(f.fake->sent_pair, 1);
	assert_true(net_send_plain(&f, 1, 60));
	assert_int_equal(f.fake->sent_pair, 0);
	assert_int_equal(set_pairs(&f, 0), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	assert_int_equal(set_pairs(&f, 4), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	f.fake->change_error = -EPERM;
	assert_int_equal(set_pairs(&f, 3), VIRTIO_NET_ERR);
	f.fake->change_error = 0;
	assert_int_equal(f.fake->nr_pairs, 2);
	assert_int_equal(set_pairs(&f, 1), VIRTIO_NET_OK);
	/* Left over from when there were two. */
	assert_true(net_send_plain(&f, 3, 60));
	assert_int_equal(f.fake->sent_pair, 0);
	head = net_offer_rx(&f, 1, 1000, &gpa);
	net_kick(&f, 2);
	assert_true(net_nothing_used(&f, 2));
	assert_false(f.fake->pairs[1].watched);
	net_teardown(&f);
}

static void net_reset_is_back_to_one_pair(void **state)
{
	struct net_fixture f;

	(void)state;
	net_create(&f, 3, NET_OFFLOAD_ALL, NULL);
	net_start(&f, NET_MODERN | NET_FEATURE(MQ));
	assert_int_equal(set_pairs(&f, 3), VIRTIO_NET_OK);
	net_start(&f, NET_MODERN | NET_FEATURE(MQ));
	assert_int_equal(f.fake->nr_pairs, 1);
	net_expect_receives(&f, 0, 60);
	net_teardown(&f);
}

static void net_offloads_follow_the_driver(void **state)
{
	static const struct net_header segments = { .flags = 1,
						    .gso_type = NET_GSO_TCPV4,
						    .gso_size = 100 };
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_int_equal(f.fake->offloads, NET_OFFLOAD_ALL);
	assert_int_equal(set_offloads(&f, NET_FEATURE(GUEST_CSUM)), VIRTIO_NET_OK);
	assert_int_equal(f.fake->offloads, NET_OFFLOAD_CHECKSUM);
	assert_int_equal(set_offloads(&f, 0), VIRTIO_NET_OK);
	assert_int_equal(f.fake->offloads, 0);
	/* One that was on its way. */
	net_expect_receives(&f, 0, 60);
	net_arrive_header(&f, 0, &segments, 3000);
	net_expect_receives(&f, 0, 60);
	assert_int_equal(virtio_net_counters(f.vdev).receive_drops, 1);
	assert_int_equal(set_offloads(&f, NET_GUEST_OFFLOADS), VIRTIO_NET_OK);
	assert_int_equal(f.fake->offloads, NET_OFFLOAD_ALL);
	f.fake->change_error = -EINVAL;
	assert_int_equal(set_offloads(&f, 0), VIRTIO_NET_ERR);
	f.fake->change_error = 0;
	recorded.findings = 0;
	net_start(&f, NET_MODERN & ~NET_FEATURE(GUEST_UFO));
	assert_int_equal(f.fake->offloads, NET_OFFLOAD_ALL & ~NET_OFFLOAD_UFO);
	/* Not accepted, or no offload at all. */
	assert_int_equal(set_offloads(&f, NET_FEATURE(GUEST_UFO)), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	assert_int_equal(set_offloads(&f, MOCK_FEATURE(50)), VIRTIO_NET_ERR);
	assert_true(found_only("net-ctrl-data"));
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f.fake->offloads, 0);
	net_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_takes_receive_modes),
		cmocka_unit_test(net_takes_mac_tables),
		cmocka_unit_test(net_mac_can_be_changed),
		cmocka_unit_test(net_unknown_commands_are_errors),
		cmocka_unit_test(net_commands_of_no_form_come_back),
		cmocka_unit_test(net_control_queue_has_its_place),
		cmocka_unit_test(net_uses_as_many_pairs_as_it_is_told),
		cmocka_unit_test(net_reset_is_back_to_one_pair),
		cmocka_unit_test(net_offloads_follow_the_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
