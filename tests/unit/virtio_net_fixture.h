/* SPDX-License-Identifier: MIT */
/*
 * A network device on a fake network, behind virtio-mmio, with a mock driver before it, for cmocka.
 */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_NET_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_NET_FIXTURE_H

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "tests/support/fake_net.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define NET_FEATURE(name) MOCK_FEATURE(VIRTIO_NET_F_##name)

#define NET_QUEUES_MAX    (2 * FAKE_NET_PAIRS + 1)
#define NET_RING_SIZE     128
#define NET_MAC           "\x02\x47\x42\x00\x00\x01"

/* What a driver can't do without. */
#define NET_BASIC         (MOCK_F_VERSION_1 | MOCK_F_RING_RESET | NET_FEATURE(MAC))

#define NET_HOST_OFFLOADS                                                                          \
	(NET_FEATURE(CSUM) | NET_FEATURE(HOST_TSO4) | NET_FEATURE(HOST_TSO6) |                     \
	 NET_FEATURE(HOST_ECN) | NET_FEATURE(HOST_UFO))
#define NET_GUEST_OFFLOADS                                                                         \
	(NET_FEATURE(GUEST_CSUM) | NET_FEATURE(GUEST_TSO4) | NET_FEATURE(GUEST_TSO6) |             \
	 NET_FEATURE(GUEST_ECN) | NET_FEATURE(GUEST_UFO))

/* What a driver of today accepts. */
#define NET_MODERN                                                                                 \
	(NET_BASIC | NET_HOST_OFFLOADS | NET_GUEST_OFFLOADS | NET_FEATURE(MRG_RXBUF) |             \
	 NET_FEATURE(STATUS) | NET_FEATURE(CTRL_VQ) | NET_FEATURE(CTRL_RX) |                       \
	 NET_FEATURE(CTRL_MAC_ADDR) | NET_FEATURE(CTRL_GUEST_OFFLOADS))

struct net_fixture {
	struct mock_ram ram;
	struct mock_ring rings[NET_QUEUES_MAX];
	struct recorded_irq irq;
	struct fake_net *fake;
	struct device *dev; /* the registers */
	struct virtio_dev *vdev;
	unsigned lost; /* calls of that */
	unsigned max_pairs;
	unsigned ctrl; /* queue */
	uint64_t features;
};

static inline void count_lost(void *ctx)
{
	(*(unsigned *)ctx)++;
}

/* With ring size and features as given, and the queues that go with them. */
static inline void net_start_sized(struct net_fixture *f, uint64_t features, uint16_t size)
{
	unsigned pairs = features & NET_FEATURE(MQ) ? f->max_pairs : 1;

	f->features = features;
	f->ctrl = 2 * pairs;
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q <= f->ctrl; q++)
		mock_ring_init(&f->rings[q], &f->ram, size, features);
	assert_true(mock_mmio_start(f->dev, features, f->rings, f->ctrl + 1));
	(void)mock_mmio_acknowledge(f->dev);
}

static inline void net_start(struct net_fixture *f, uint64_t features)
{
	net_start_sized(f, features, NET_RING_SIZE);
}

static inline void net_create(struct net_fixture *f, unsigned pairs, uint32_t offloads,
			      const struct virtio_net_settings *wanted)
{
	struct virtio_dev_config config = { .name = "virtio-net0" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_net_settings settings = { .mac = NET_MAC };

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	f->max_pairs = pairs;
	f->fake = calloc(1, sizeof(*f->fake));
	assert_non_null(f->fake);
	fake_net_init(f->fake, pairs, offloads);
	if (wanted)
		settings = *wanted;
	memcpy(settings.mac, NET_MAC, NET_MAC_LEN);
	settings.lost = count_lost;
	settings.ctx = &f->lost;
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_net_create(&config, &f->fake->net, &settings, &f->vdev), 0);
	assert_int_equal(virtio_mmio_create(&mmio, f->vdev, &f->dev), 0);
}

static inline void net_setup(struct net_fixture *f, uint64_t features)
{
	net_create(f, 1, NET_OFFLOAD_ALL, NULL);
	net_start(f, features);
}

static inline void net_teardown(struct net_fixture *f)
{
	destroy_and_null(f->dev);
	assert_int_equal(f->fake->destroyed, 1);
	free(f->fake);
	mock_ram_deinit(&f->ram);
}

static inline void net_kick(struct net_fixture *f, unsigned q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static inline uint64_t net_bytes(struct net_fixture *f, const void *data, uint32_t len)
{
	uint64_t gpa = mock_ram_alloc(&f->ram, len, 1);

	if (len)
		memcpy(mock_ram_at(&f->ram, gpa), data, len);
	return gpa;
}

/* Bytes that are not the same anywhere near. */
static inline void net_fill(uint8_t *bytes, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

/* ---- sending ---- */

/*
 * Offers @len bytes of header and frame in transmit queue @q, in descriptors of @piece bytes (0:
 * header, and the rest), and notifies.
 */
static inline int net_offer_tx(struct net_fixture *f, unsigned q, const void *bytes, uint32_t len,
			       uint32_t piece)
{
	uint64_t gpa = net_bytes(f, bytes, len);
	struct mock_buffer buffers[64];
	uint32_t first = piece ? piece : NET_HEADER_LEN;
	unsigned n = 0;
	int head;

	for (uint32_t at = 0, part = MIN(first, len); at < len; n++) {
		assert_true(n < ARRAY_SIZE(buffers));
		buffers[n] = (struct mock_buffer){ gpa + at, part, false };
		at += part;
		part = piece ? MIN(piece, len - at) : len - at;
	}
	head = mock_ring_add(&f->rings[q], buffers, n);
	assert_true(head >= 0);
	net_kick(f, q);
	return head;
}

static inline void net_expect_used(struct net_fixture *f, unsigned q, int head, uint32_t len)
{
	uint16_t used_head;
	uint32_t used_len;

	assert_true(mock_ring_collect(&f->rings[q], &used_head, &used_len));
	assert_int_equal(used_head, head);
	assert_int_equal(used_len, len);
}

static inline bool net_nothing_used(struct net_fixture *f, unsigned q)
{
	uint16_t head;
	uint32_t len;

	return !mock_ring_collect(&f->rings[q], &head, &len);
}

/* Sends a frame of @len bytes with that header through transmit queue @q; Return: did it get out?
 */
static inline bool net_send_header(struct net_fixture *f, unsigned q,
				   const struct virtio_net_hdr_v1 *header, uint32_t len)
{
	uint8_t *bytes = malloc(sizeof(*header) + len);
	unsigned sent = f->fake->nr_sent;
	int head;

	assert_non_null(bytes);
	memcpy(bytes, header, sizeof(*header));
	net_fill(bytes + sizeof(*header), len, len);
	head = net_offer_tx(f, q, bytes, (uint32_t)sizeof(*header) + len, 0);
	net_expect_used(f, q, head, 0);
	if (f->fake->nr_sent > sent) {
		assert_int_equal(f->fake->sent.len, len);
		assert_memory_equal(f->fake->sent.bytes, bytes + sizeof(*header), len);
	}
	free(bytes);
	return f->fake->nr_sent > sent;
}

static inline bool net_send_plain(struct net_fixture *f, unsigned q, uint32_t len)
{
	const struct virtio_net_hdr_v1 header = { 0 };

	return net_send_header(f, q, &header, len);
}

/* ---- receiving ---- */

/* Offers a buffer of @len bytes; Return: its head, and where it is. */
static inline int net_offer_rx(struct net_fixture *f, unsigned pair, uint32_t len,
			       uint64_t *ret_gpa)
{
	struct mock_buffer buffer = mock_buffer(&f->ram, len, true, 0xee);
	int head = mock_ring_add(&f->rings[2 * pair], &buffer, 1);

	assert_true(head >= 0);
	*ret_gpa = buffer.gpa;
	return head;
}

static inline void net_arrive_header(struct net_fixture *f, unsigned pair,
				     const struct net_header *header, uint32_t len)
{
	struct fake_frame *frame = fake_net_frame(f->fake, pair);

	assert_non_null(frame);
	frame->header = *header;
	frame->len = len;
	net_fill(frame->bytes, len, len);
	fake_net_arrive(f->fake, pair);
}

static inline void net_arrive(struct net_fixture *f, unsigned pair, uint32_t len)
{
	const struct net_header header = { 0 };

	net_arrive_header(f, pair, &header, len);
}

/* Are there @len bytes of the frame that net_arrive() made, from its byte @from on? */
static inline void net_expect_bytes(struct net_fixture *f, uint64_t gpa, uint32_t frame_len,
				    uint32_t from, uint32_t len)
{
	uint8_t *bytes = malloc(frame_len);

	assert_non_null(bytes);
	net_fill(bytes, frame_len, frame_len);
	assert_memory_equal(mock_ram_at(&f->ram, gpa), bytes + from, len);
	free(bytes);
}

/* It lies anywhere. */
static inline struct virtio_net_hdr_v1 net_header_at(struct net_fixture *f, uint64_t gpa)
{
	struct virtio_net_hdr_v1 header;

	memcpy(&header, mock_ram_at(&f->ram, gpa), sizeof(header));
	return header;
}

/* A frame of @len bytes gets into one buffer, with its header and an interrupt. */
static inline void net_expect_receives(struct net_fixture *f, unsigned pair, uint32_t len)
{
	uint64_t gpa;
	int head = net_offer_rx(f, pair, NET_HEADER_LEN + len, &gpa);

	net_kick(f, 2 * pair);
	net_arrive(f, pair, len);
	net_expect_used(f, 2 * pair, head, NET_HEADER_LEN + len);
	assert_true(mock_mmio_acknowledge(f->dev) & VIRTIO_MMIO_INT_VRING);
	assert_int_equal(net_header_at(f, gpa).num_buffers, 1);
	net_expect_bytes(f, gpa + NET_HEADER_LEN, len, 0, len);
}

/* ---- control ---- */

#define NO_ACK 0xee

/* Makes a command; Return: the answer, NO_ACK if there is none. */
static inline uint8_t net_command(struct net_fixture *f, uint8_t class, uint8_t command,
				  const void *data, uint32_t len)
{
	const uint8_t start[] = { class, command };
	struct mock_buffer buffers[3] = { { net_bytes(f, start, 2), 2, false } };
	unsigned n = 1;
	int head;

	if (len)
		buffers[n++] = (struct mock_buffer){ net_bytes(f, data, len), len, false };
	buffers[n] = mock_buffer(&f->ram, 1, true, NO_ACK);
	head = mock_ring_add(&f->rings[f->ctrl], buffers, n + 1);
	assert_true(head >= 0);
	net_kick(f, f->ctrl);
	net_expect_used(f, f->ctrl, head, 1);
	return *(uint8_t *)mock_ram_at(&f->ram, buffers[n].gpa);
}

/* ---- configuration ---- */

static inline uint32_t net_config_read(struct net_fixture *f, unsigned off, unsigned len)
{
	uint32_t value = 0;

	f->dev->ops->read(f->dev, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

#define NET_CONFIG(f, field)                                                                       \
	net_config_read(f, offsetof(struct virtio_net_config, field),                              \
			sizeof(((struct virtio_net_config *)0)->field))

static inline void net_read_mac(struct net_fixture *f, uint8_t *mac)
{
	for (unsigned i = 0; i < NET_MAC_LEN; i++)
		mac[i] = (uint8_t)net_config_read(f, i, 1);
}

#endif
