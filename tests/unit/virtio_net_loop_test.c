/* SPDX-License-Identifier: MIT */
/*
 * The network device as it is in a machine: its loop in a thread, a user network behind it, and a
 * driver in another thread that resets it in the midst of its work.
 */
#include <arpa/inet.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <string.h>

#include "devices/backend/net_slirp.h"
#include "devices/virtio/net.h"
#include "tests/unit/board_fixture.h"
#include "tests/unit/cmocka_all.h"

#define FEATURES                                                                                   \
	(MOCK_F_VERSION_1 | MOCK_F_EVENT_IDX | MOCK_FEATURE(VIRTIO_NET_F_MAC) |                    \
	 MOCK_FEATURE(VIRTIO_NET_F_MRG_RXBUF))
#define RX        0
#define TX        1
#define RING_SIZE 64
#define REQUESTS  40
#define ROUNDS    60
#define FRAME_LEN (NET_HEADER_LEN + 14 + sizeof(struct ether_arp))

struct machine {
	struct board board;
	struct mock_ring rings[2];
	struct virtio_dev *vdev;
};

static void setup(struct machine *m)
{
	struct virtio_dev_config config;
	const struct virtio_net_settings settings = { .mac = { 2, 0, 0, 0, 0, 7 } };
	const struct net_slirp_config user = { 0 };
	struct net_backend *net;
	struct error error;

	memset(m, 0, sizeof(*m));
	config = board_init(&m->board, "virtio-net0");
	assert_int_equal(net_slirp_create(&user, m->board.loop, &net, &error), 0);
	assert_int_equal(virtio_net_create(&config, net, &settings, &m->vdev), 0);
	board_start(&m->board, m->vdev);
}

static void teardown(struct machine *m)
{
	board_deinit(&m->board);
}

static void kick(struct machine *m, unsigned q)
{
	if (mock_ring_should_kick(&m->rings[q]))
		mock_mmio_write(m->board.dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* With buffers for @replies frames. */
static void start(struct machine *m, unsigned replies)
{
	m->board.ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < 2; q++)
		mock_ring_init(&m->rings[q], &m->board.ram, RING_SIZE, FEATURES);
	assert_true(mock_mmio_start(m->board.dev, FEATURES, m->rings, 2));
	for (unsigned i = 0; i < replies; i++) {
		struct mock_buffer buffer = mock_buffer(&m->board.ram, 1526, true, 0xee);

		assert_true(mock_ring_add(&m->rings[RX], &buffer, 1) >= 0);
		kick(m, RX);
	}
}

/* Asks for the gateway, which answers. */
static void ask(struct machine *m)
{
	struct ether_arp arp = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
					     .ar_pro = htons(ETHERTYPE_IP),
					     .ar_hln = 6,
					     .ar_pln = 4,
					     .ar_op = htons(ARPOP_REQUEST) } };
	struct mock_buffer buffer = mock_buffer(&m->board.ram, FRAME_LEN, false, 0);
	uint8_t *frame = mock_ram_at(&m->board.ram, buffer.gpa);

	memcpy(arp.arp_sha, "\2\0\0\0\0\7", 6);
	memcpy(arp.arp_spa, "\x0a\0\2\x0f", 4);
	memcpy(arp.arp_tpa, "\x0a\0\2\2", 4);
	memcpy(frame + NET_HEADER_LEN, "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\7\x08\x06", 14);
	memcpy(frame + NET_HEADER_LEN + 14, &arp, sizeof(arp));
	assert_true(mock_ring_add(&m->rings[TX], &buffer, 1) >= 0);
	kick(m, TX);
}

static void collect(struct machine *m, unsigned q, unsigned count)
{
	while (count) {
		uint16_t head;
		uint32_t len;

		if (!mock_ring_collect(&m->rings[q], &head, &len)) {
			(void)poll(NULL, 0, 1);
			continue;
		}
		assert_true(q == TX ? len == 0 : len >= FRAME_LEN);
		count--;
	}
}

static void net_asks_and_is_answered(void **state)
{
	struct machine m;

	(void)state;
	setup(&m);
	start(&m, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++)
		ask(&m);
	collect(&m, TX, REQUESTS);
	collect(&m, RX, REQUESTS);
	assert_int_equal(virtio_net_counters(m.vdev).sent, REQUESTS);
	assert_int_equal(virtio_net_counters(m.vdev).received, REQUESTS);
	teardown(&m);
}

/* Answers for which there are no buffers yet wait; each new buffer gets one. */
static void net_buffers_may_come_late(void **state)
{
	struct machine m;

	(void)state;
	setup(&m);
	start(&m, 0);
	for (unsigned i = 0; i < REQUESTS; i++)
		ask(&m);
	collect(&m, TX, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct mock_buffer buffer = mock_buffer(&m.board.ram, 1526, true, 0xee);

		assert_true(mock_ring_add(&m.rings[RX], &buffer, 1) >= 0);
		kick(&m, RX);
		collect(&m, RX, 1);
	}
	teardown(&m);
}

/* Nothing may land in memory once the reset is done. */
static void net_reset_in_the_midst(void **state)
{
	struct machine m;

	(void)state;
	setup(&m);
	for (unsigned round = 0; round < ROUNDS; round++) {
		start(&m, REQUESTS);
		for (unsigned i = 0; i < REQUESTS; i++)
			ask(&m);
		collect(&m, RX, round % (REQUESTS / 2));
		mock_mmio_write(m.board.dev, VIRTIO_MMIO_STATUS, 0);
		memset(m.board.ram.bytes, 0x77, MOCK_RAM_SIZE);
		if (round % 10 == 0)
			(void)poll(NULL, 0, 2);
		for (size_t i = 0; i < MOCK_RAM_SIZE; i++) {
			if (m.board.ram.bytes[i] != 0x77)
				fail_msg("round %u: byte %zu changed", round, i);
		}
	}
	/* With its driver there, and buffers. */
	start(&m, REQUESTS);
	ask(&m);
	teardown(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_asks_and_is_answered),
		cmocka_unit_test(net_buffers_may_come_late),
		cmocka_unit_test(net_reset_in_the_midst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
