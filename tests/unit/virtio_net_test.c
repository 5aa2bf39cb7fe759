/* SPDX-License-Identifier: MIT */
/* The network device: frames out and in, their headers, and how they are spread over buffers. */
#include "tests/unit/virtio_net_fixture.h"

#define PACKED(i) ((i) ? MOCK_F_PACKED : 0)

/* A header and a frame cut anywhere are the same frame. */
static void net_sends_frames(void **state)
{
	static const uint32_t pieces[] = { 0, 5, 12, 37, 1000 };
	uint8_t bytes[NET_HEADER_LEN + 300] = { 0 };
	struct net_fixture f;

	(void)state;
	net_fill(bytes + NET_HEADER_LEN, 300, 1);
	for (unsigned packed = 0; packed < 2; packed++) {
		net_setup(&f, NET_BASIC | PACKED(packed));
		for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
			uint32_t len = pieces[i] == 5 ? 200 : 300;
			int head = net_offer_tx(&f, 1, bytes, NET_HEADER_LEN + len, pieces[i]);

			net_expect_used(&f, 1, head, 0);
			assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_VRING);
			assert_int_equal(f.fake->nr_sent, i + 1);
			assert_int_equal(f.fake->sent.len, len);
			assert_memory_equal(f.fake->sent.bytes, bytes + NET_HEADER_LEN, len);
		}
		assert_true(f.fake->commits > 0);
		assert_int_equal(virtio_net_counters(f.vdev).sent, ARRAY_SIZE(pieces));
		assert_true(found_nothing());
		net_teardown(&f);
	}
}

static void net_passes_checksums_and_segments_on(void **state)
{
	static const struct virtio_net_hdr_v1 headers[] = {
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 298, .csum_offset = 0 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		  .hdr_len = 54,
		  .gso_size = 100,
		  .csum_start = 34,
		  .csum_offset = 16 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
		  .hdr_len = 74,
		  .gso_size = 1,
		  .csum_start = 54,
		  .csum_offset = 16 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_UDP,
		  .gso_size = 65535,
		  .csum_start = 34,
		  .csum_offset = 6 },
	};
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		assert_true(net_send_header(&f, 1, &headers[i], 300));
		assert_memory_equal(&f.fake->sent.header, &headers[i], sizeof(headers[i]));
	}
	assert_true(found_nothing());
	net_teardown(&f);
}

/* 5.1.6.2.2: unknown flags are ignored; so is what counts only with a flag, and a wrong hint. */
static void net_takes_from_headers_what_counts(void **state)
{
	struct virtio_net_hdr_v1 header = { .flags = 0xfe,
					    .hdr_len = 301,
					    .gso_size = 77,
					    .csum_start = 9999,
					    .csum_offset = 9999,
					    .num_buffers = 5 };
	static const struct net_header none;
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_true(net_send_header(&f, 1, &header, 300));
	assert_memory_equal(&f.fake->sent.header, &none, sizeof(none));
	header.hdr_len = 300;
	assert_true(net_send_header(&f, 1, &header, 300));
	assert_int_equal(f.fake->sent.header.hdr_len, 300);
	net_teardown(&f);
}

#define PARTIAL .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16

/* They come back, and nothing goes out. */
static void net_refuses_headers_of_no_sense(void **state)
{
	static const struct {
		uint64_t without; /* feature */
		struct virtio_net_hdr_v1 header;
	} cases[] = {
		{ 0, { PARTIAL, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 } },
		{ 0, { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 } },
		{ 0, { PARTIAL, .gso_type = 2, .gso_size = 100 } },
		{ 0, { PARTIAL, .gso_type = 0x7f, .gso_size = 100 } },
		{ 0, { PARTIAL, .gso_type = VIRTIO_NET_HDR_GSO_ECN, .gso_size = 100 } },
		{ 0, { PARTIAL, .gso_type = 0x80 | VIRTIO_NET_HDR_GSO_UDP, .gso_size = 100 } },
		{ 0, { .flags = 1, .csum_start = 299 } },
		{ 0, { .flags = 1, .csum_start = 65535, .csum_offset = 65535 } },
		{ NET_FEATURE(HOST_TSO4),
		  { PARTIAL, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 } },
		{ NET_FEATURE(HOST_TSO6),
		  { PARTIAL, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 100 } },
		{ NET_FEATURE(HOST_UFO),
		  { PARTIAL, .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 100 } },
		{ NET_FEATURE(HOST_ECN),
		  { PARTIAL, .gso_type = 0x80 | VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 } },
		{ NET_HOST_OFFLOADS, { PARTIAL } },
	};
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		net_start(&f, NET_MODERN & ~cases[i].without);
		assert_false(net_send_header(&f, 1, &cases[i].header, 300));
		assert_true(found_only("net-tx-header"));
	}
	assert_int_equal(virtio_net_counters(f.vdev).send_drops, ARRAY_SIZE(cases));
	assert_true(net_send_plain(&f, 1, 60));
	net_teardown(&f);
}

static void net_refuses_lengths_of_no_frame(void **state)
{
	static const uint8_t zeroes[NET_HEADER_LEN + 14];
	static const uint32_t lens[] = { 1, 11, 12, 25 };
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		net_expect_used(&f, 1, net_offer_tx(&f, 1, zeroes, lens[i], 0), 0);
		assert_true(found_only("net-tx-length"));
	}
	assert_int_equal(f.fake->nr_sent, 0);
	assert_true(net_send_plain(&f, 1, 14));
	assert_true(net_send_plain(&f, 1, NET_FRAME_MAX));
	assert_true(found_nothing());
	assert_false(net_send_plain(&f, 1, NET_FRAME_MAX + 1));
	assert_true(found_only("net-tx-length"));
	net_teardown(&f);
}

/* Gigabytes, by one buffer again and again. */
static void net_refuses_endless_frames(void **state)
{
	struct net_fixture f;
	struct mock_buffer buffers[64];
	int head;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < 64; i++)
		buffers[i] = (struct mock_buffer){ MOCK_RAM_BASE, MOCK_RAM_SIZE, false };
	head = mock_ring_add_indirect(&f.rings[1], buffers, 64);
	net_kick(&f, 1);
	/* The test's driver accepted no indirect descriptors. */
	assert_true(found_only("indirect-feature"));
	net_start(&f, NET_MODERN | MOCK_F_INDIRECT);
	head = mock_ring_add_indirect(&f.rings[1], buffers, 64);
	net_kick(&f, 1);
	net_expect_used(&f, 1, head, 0);
	assert_true(found_only("net-tx-length"));
	net_teardown(&f);
}

static void net_refused_frame_is_counted(void **state)
{
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	f.fake->send_error = -EINVAL;
	assert_true(net_send_plain(&f, 1, 60));
	assert_int_equal(virtio_net_counters(f.vdev).sent, 0);
	assert_int_equal(virtio_net_counters(f.vdev).send_drops, 1);
	net_teardown(&f);
}

/* More than one turn takes: no frame is forgotten. */
static void net_sends_whole_rings(void **state)
{
	static uint8_t bytes[NET_HEADER_LEN + 60000];
	struct mock_buffer buffer;
	struct net_fixture f;
	uint16_t head;
	uint32_t len;
	unsigned used = 0;

	(void)state;
	net_setup(&f, NET_MODERN);
	buffer = (struct mock_buffer){ net_bytes(&f, bytes, sizeof(bytes)), sizeof(bytes), false };
	for (unsigned i = 0; i < NET_RING_SIZE; i++)
		assert_true(mock_ring_add(&f.rings[1], &buffer, 1) >= 0);
	net_kick(&f, 1);
	while (mock_ring_collect(&f.rings[1], &head, &len))
		used++;
	assert_int_equal(used, NET_RING_SIZE);
	assert_int_equal(f.fake->nr_sent, NET_RING_SIZE);
	/* 7.5 MB: several turns. */
	assert_true(f.fake->commits >= 4);
	net_teardown(&f);
}

static unsigned times_told(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(recorded.irqs); i++)
		count += recorded.irqs[i];
	return count;
}

/* In the midst of a turn: of each large frame, of some small ones at once. */
static void net_driver_hears_of_frames_soon(void **state)
{
	static uint8_t bytes[NET_HEADER_LEN + 20000];
	static const struct {
		uint32_t len;
		unsigned told;
	} cases[] = { { 20000, 32 }, { 60, 2 } };
	struct net_fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock_buffer buffer = { 0, NET_HEADER_LEN + cases[i].len, false };

		net_setup(&f, NET_MODERN);
		buffer.gpa = net_bytes(&f, bytes, buffer.len);
		for (unsigned n = 0; n < 32; n++)
			assert_true(mock_ring_add(&f.rings[1], &buffer, 1) >= 0);
		net_kick(&f, 1);
		assert_int_equal(f.fake->nr_sent, 32);
		assert_int_equal(times_told(), cases[i].told);
		buffer.writable = true;
		for (unsigned n = 0; n < 16; n++) {
			net_arrive(&f, 0, cases[i].len);
			assert_true(mock_ring_add(&f.rings[0], &buffer, 1) >= 0);
		}
		net_kick(&f, 0);
		assert_int_equal(virtio_net_counters(f.vdev).received, 16);
		assert_int_equal(times_told(), cases[i].told + cases[i].told / 2);
		net_teardown(&f);
	}
}

static void net_receives_frames(void **state)
{
	struct net_fixture f;

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (unsigned merge = 0; merge < 2; merge++) {
			net_setup(&f, NET_BASIC | PACKED(packed) |
					      (merge ? NET_FEATURE(MRG_RXBUF) : 0));
			net_expect_receives(&f, 0, 60);
			net_expect_receives(&f, 0, 14);
			net_expect_receives(&f, 0, 1514);
			assert_int_equal(virtio_net_counters(f.vdev).received, 3);
			assert_true(found_nothing());
			net_teardown(&f);
		}
	}
}

static void net_header_may_be_in_pieces(void **state)
{
	struct mock_buffer buffers[20];
	struct net_fixture f;
	uint64_t gpa;
	int head;

	(void)state;
	net_setup(&f, NET_BASIC);
	gpa = mock_ram_alloc(&f.ram, 100, 1);
	for (unsigned i = 0; i < 20; i++)
		buffers[i] = (struct mock_buffer){ gpa + 5 * i, 5, true };
	head = mock_ring_add(&f.rings[0], buffers, 20);
	net_kick(&f, 0);
	net_arrive(&f, 0, 88);
	net_expect_used(&f, 0, head, 100);
	net_expect_bytes(&f, gpa + NET_HEADER_LEN, 88, 0, 88);
	net_teardown(&f);
}

/* Offers @count buffers of @len bytes. */
static void offer_many(struct net_fixture *f, unsigned count, uint32_t len, int *heads,
		       uint64_t *gpas)
{
	for (unsigned i = 0; i < count; i++)
		heads[i] = net_offer_rx(f, 0, len, &gpas[i]);
	net_kick(f, 0);
}

/* The frame is in these buffers, each full but the last. */
static void expect_spread(struct net_fixture *f, uint32_t frame_len, uint32_t len, const int *heads,
			  const uint64_t *gpas)
{
	uint32_t left = frame_len + NET_HEADER_LEN, at = 0;
	unsigned count = 0;

	while (left) {
		uint32_t part = MIN(left, len), skip = count ? 0 : NET_HEADER_LEN;

		net_expect_used(f, 0, heads[count], part);
		net_expect_bytes(f, gpas[count] + skip, frame_len, at, part - skip);
		at += part - skip;
		left -= part;
		count++;
	}
	assert_int_equal(net_header_at(f, gpas[0]).num_buffers, count);
}

/* 5.1.6.4.1. */
static void net_spreads_frames_over_buffers(void **state)
{
	static const uint32_t lens[] = { 60, 1514, 1526, 3040, 9000, 65549 };
	int heads[NET_RING_SIZE];
	uint64_t gpas[NET_RING_SIZE];
	struct net_fixture f;

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
			unsigned count = (NET_HEADER_LEN + lens[i] + 1525) / 1526;

			net_setup(&f, NET_MODERN | PACKED(packed));
			offer_many(&f, 2 * count + 1, 1526, heads, gpas);
			net_arrive(&f, 0, lens[i]);
			expect_spread(&f, lens[i], 1526, heads, gpas);
			assert_true(net_nothing_used(&f, 0));
			/* The second one is no surprise; and what is left is good for others. */
			net_arrive(&f, 0, lens[i]);
			expect_spread(&f, lens[i], 1526, heads + count, gpas + count);
			net_arrive(&f, 0, 60);
			expect_spread(&f, 60, 1526, heads + 2 * count, gpas + 2 * count);
			assert_true(found_nothing());
			net_teardown(&f);
		}
	}
}

/* Larger than what the stock has: the rest follows, with the offloads that say so or without. */
static void net_frame_larger_than_expected_is_whole(void **state)
{
	int heads[64];
	uint64_t gpas[64];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_BASIC | NET_FEATURE(MRG_RXBUF));
	offer_many(&f, 40, 500, heads, gpas);
	net_arrive(&f, 0, 9014);
	expect_spread(&f, 9014, 500, heads, gpas);
	net_teardown(&f);
}

/* The frame was read before there were enough buffers for it. */
static void net_frame_waits_for_buffers(void **state)
{
	int heads[64];
	uint64_t gpas[64];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	offer_many(&f, 2, 1000, heads, gpas);
	net_arrive(&f, 0, 5000);
	assert_true(net_nothing_used(&f, 0));
	assert_false(f.fake->pairs[0].watched);
	offer_many(&f, 2, 1000, heads + 2, gpas + 2);
	assert_true(net_nothing_used(&f, 0));
	offer_many(&f, 4, 1000, heads + 4, gpas + 4);
	assert_true(f.fake->pairs[0].watched);
	expect_spread(&f, 5000, 1000, heads, gpas);
	net_arrive(&f, 0, 60);
	expect_spread(&f, 60, 1000, heads + 6, gpas + 6);
	assert_true(found_nothing());
	net_teardown(&f);
}

/* It would wait for ever. */
static void net_frame_too_large_for_the_ring_is_dropped(void **state)
{
	int heads[4];
	uint64_t gpas[4];
	struct net_fixture f;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, NULL);
	net_start_sized(&f, NET_MODERN, 4);
	offer_many(&f, 4, 1000, heads, gpas);
	net_arrive(&f, 0, 5000);
	assert_true(found_only("net-rx-length"));
	assert_int_equal(virtio_net_counters(f.vdev).receive_drops, 1);
	assert_true(net_nothing_used(&f, 0));
	net_arrive(&f, 0, 3000);
	expect_spread(&f, 3000, 1000, heads, gpas);
	net_teardown(&f);
}

static void net_frame_too_large_for_its_buffer_is_dropped(void **state)
{
	int heads[4];
	uint64_t gpas[4];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_BASIC);
	offer_many(&f, 4, 1526, heads, gpas);
	net_arrive(&f, 0, 1515);
	assert_true(found_only("net-rx-length"));
	assert_true(net_nothing_used(&f, 0));
	net_arrive(&f, 0, 1514);
	expect_spread(&f, 1514, 1526, heads, gpas);
	assert_int_equal(virtio_net_counters(f.vdev).receive_drops, 1);
	net_teardown(&f);
}

/* Without buffers the backend is left alone; with new ones it goes on. */
static void net_backend_waits_for_buffers(void **state)
{
	int heads[4];
	uint64_t gpas[4];
	struct net_fixture f;
	unsigned reads;

	(void)state;
	net_setup(&f, NET_MODERN);
	assert_false(f.fake->pairs[0].watched);
	reads = f.fake->pairs[0].reads;
	for (unsigned i = 0; i < 5; i++)
		net_arrive(&f, 0, 60);
	net_kick(&f, 0);
	assert_int_equal(f.fake->pairs[0].reads, reads);
	assert_int_equal(virtio_net_counters(f.vdev).receive_drops, 0);
	offer_many(&f, 4, 100, heads, gpas);
	for (unsigned i = 0; i < 4; i++)
		expect_spread(&f, 60, 100, heads + i, gpas + i);
	assert_int_equal(f.fake->pairs[0].nr_frames, 1);
	assert_false(f.fake->pairs[0].watched);
	offer_many(&f, 4, 100, heads, gpas);
	expect_spread(&f, 60, 100, heads, gpas);
	assert_true(f.fake->pairs[0].watched);
	net_teardown(&f);
}

/* More than one turn takes, and none of them comes again by itself. */
static void net_receives_all_that_waits(void **state)
{
	struct net_fixture f;
	struct mock_buffer buffer;

	(void)state;
	net_setup(&f, NET_MODERN);
	buffer = mock_buffer(&f.ram, NET_HEADER_LEN + 65000, true, 0xee);
	for (unsigned i = 0; i < FAKE_NET_FRAMES; i++) {
		assert_true(mock_ring_add(&f.rings[0], &buffer, 1) >= 0);
		net_arrive(&f, 0, 65000);
	}
	net_kick(&f, 0);
	assert_int_equal(virtio_net_counters(f.vdev).received, FAKE_NET_FRAMES);
	net_teardown(&f);
}

/* The stock forgets what it gave away. */
static void net_receives_for_long(void **state)
{
	int heads[64];
	uint64_t gpas[64];
	struct net_fixture f;

	(void)state;
	net_setup(&f, NET_MODERN);
	for (unsigned i = 0; i < 3000; i++) {
		f.ram.next = f.rings[2].areas[2] + 4096;
		net_expect_receives(&f, 0, 60);
	}
	offer_many(&f, 64, 1000, heads, gpas);
	net_arrive(&f, 0, 60000);
	expect_spread(&f, 60000, 1000, heads, gpas);
	assert_true(found_nothing());
	net_teardown(&f);
}

/* 5.1.6.4.1: nothing in the header that the driver did not accept; and what it did, is there. */
static void net_headers_say_what_was_accepted(void **state)
{
	static const struct net_header headers[] = {
		{ .flags = NET_HEADER_DATA_VALID },
		{ .flags = NET_HEADER_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 },
		{ .flags = 1, .gso_type = NET_GSO_TCPV4, .gso_size = 100, .hdr_len = 54 },
		{ .flags = 1, .gso_type = NET_GSO_TCPV6, .gso_size = 100 },
		{ .flags = 1, .gso_type = NET_GSO_UDP, .gso_size = 100 },
		{ .flags = 1, .gso_type = NET_GSO_TCPV4 | NET_GSO_ECN, .gso_size = 100 },
	};
	static const uint64_t needs[] = { 0,
					  NET_FEATURE(GUEST_CSUM),
					  NET_FEATURE(GUEST_TSO4),
					  NET_FEATURE(GUEST_TSO6),
					  NET_FEATURE(GUEST_UFO),
					  NET_FEATURE(GUEST_ECN) };
	struct virtio_net_hdr_v1 got;
	struct net_fixture f;
	uint64_t gpa;

	(void)state;
	net_create(&f, 1, NET_OFFLOAD_ALL, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		uint64_t without = i == 1 ? NET_GUEST_OFFLOADS : needs[i];
		int head;

		net_start(&f, NET_MODERN);
		head = net_offer_rx(&f, 0, 1000, &gpa);
		net_kick(&f, 0);
		net_arrive_header(&f, 0, &headers[i], 300);
		net_expect_used(&f, 0, head, 312);
		got = net_header_at(&f, gpa);
		assert_int_equal(got.flags, headers[i].flags);
		assert_int_equal(got.gso_type, headers[i].gso_type);
		assert_int_equal(got.gso_size, headers[i].gso_size);
		assert_int_equal(got.csum_start, headers[i].csum_start);
		assert_int_equal(got.num_buffers, 1);
		if (!without)
			continue;
		/* It came before the driver said that it does not take that. */
		net_start(&f, NET_MODERN & ~without);
		(void)net_offer_rx(&f, 0, 1000, &gpa);
		net_kick(&f, 0);
		net_arrive_header(&f, 0, &headers[i], 300);
		assert_true(net_nothing_used(&f, 0));
	}
	net_start(&f, NET_MODERN & ~NET_GUEST_OFFLOADS);
	(void)net_offer_rx(&f, 0, 1000, &gpa);
	net_kick(&f, 0);
	net_arrive_header(&f, 0, &headers[0], 300);
	got = net_header_at(&f, gpa);
	assert_int_equal(got.flags, 0);
	net_teardown(&f);
}

/* What is sent is answered in the same turn. */
static void net_answers_come_at_once(void **state)
{
	struct net_fixture f;
	uint64_t gpa;
	int head;

	(void)state;
	net_setup(&f, NET_MODERN);
	f.fake->echo = true;
	head = net_offer_rx(&f, 0, 1000, &gpa);
	net_kick(&f, 0);
	assert_true(net_send_plain(&f, 1, 100));
	net_expect_used(&f, 0, head, 112);
	net_expect_bytes(&f, gpa + NET_HEADER_LEN, 100, 0, 100);
	net_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_sends_frames),
		cmocka_unit_test(net_passes_checksums_and_segments_on),
		cmocka_unit_test(net_takes_from_headers_what_counts),
		cmocka_unit_test(net_refuses_headers_of_no_sense),
		cmocka_unit_test(net_refuses_lengths_of_no_frame),
		cmocka_unit_test(net_refuses_endless_frames),
		cmocka_unit_test(net_refused_frame_is_counted),
		cmocka_unit_test(net_sends_whole_rings),
		cmocka_unit_test(net_driver_hears_of_frames_soon),
		cmocka_unit_test(net_receives_frames),
		cmocka_unit_test(net_header_may_be_in_pieces),
		cmocka_unit_test(net_spreads_frames_over_buffers),
		cmocka_unit_test(net_frame_larger_than_expected_is_whole),
		cmocka_unit_test(net_frame_waits_for_buffers),
		cmocka_unit_test(net_frame_too_large_for_the_ring_is_dropped),
		cmocka_unit_test(net_frame_too_large_for_its_buffer_is_dropped),
		cmocka_unit_test(net_backend_waits_for_buffers),
		cmocka_unit_test(net_receives_all_that_waits),
		cmocka_unit_test(net_receives_for_long),
		cmocka_unit_test(net_headers_say_what_was_accepted),
		cmocka_unit_test(net_answers_come_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
