/* SPDX-License-Identifier: MIT */
/*
 * Each virtio device whose rings are ours, on a fake of what it needs of the host, behind
 * virtio-mmio, with a mock driver before it, for cmocka.  (A shared folder's rings belong to
 * another process.)
 */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_EVERY_DEVICE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_EVERY_DEVICE_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "tests/support/fake_char.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_net.h"
#include "tests/support/fake_vsock_host.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define EVERY_QUEUES_MAX 6
#define EVERY_NO_QUEUE   60

#define every_queue(m, q)                                                                          \
	for (unsigned q = 0; q < EVERY_QUEUES_MAX; q++)                                            \
		if ((m)->kind->queues & 1u << q)
#define EVERY_RING_SIZE 8

struct every_machine {
	const struct every_device *kind;
	struct mock_ram ram;
	struct mock_ring rings[EVERY_QUEUES_MAX];
	uint64_t features; /* those of the driver */
	struct recorded_irq irq;
	struct virtio_dev *vdev;
	struct device *dev; /* the registers */

	/* What is on the host, as far as the device needs it. */
	struct fake_disk disk;
	struct fake_net net;
	struct fake_char lines[2];
	struct fake_vsock_host vsock;
};

struct every_device {
	const char *name;
	/* A bit each: its queues, and those that it looks into when notified, or stirred. */
	unsigned queues, heard;
	uint64_t config_len;
	int (*create)(struct every_machine *m, const struct virtio_dev_config *config);
	/* Makes the device look into a queue that it looks into for the host's sake only. */
	void (*stir)(struct every_machine *m, unsigned q);
	void (*expect_works)(struct every_machine *m);
};

static inline void every_found_nothing(const struct every_machine *m)
{
	if (!found_nothing())
		fail_msg("%s: nothing to find, got %s", m->kind->name, recorded.last_rule);
}

static inline void every_kick(struct every_machine *m, unsigned q)
{
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	if (m->kind->stir)
		m->kind->stir(m, q);
}

/*
 * Has @out_len bytes of @out and room for @in_len bytes go through queue @q; Return: the latter.
 */
static inline uint8_t *every_exchange(struct every_machine *m, unsigned q, const void *out,
				      uint32_t out_len, uint32_t in_len)
{
	struct mock_buffer buffers[2];
	unsigned n = 0;
	uint16_t used;
	uint32_t len;
	int head;

	if (out_len) {
		buffers[n] = mock_buffer(&m->ram, out_len, false, 0);
		memcpy(mock_ram_at(&m->ram, buffers[n++].gpa), out, out_len);
	}
	if (in_len)
		buffers[n++] = mock_buffer(&m->ram, in_len, true, 0xee);
	head = mock_ring_add(&m->rings[q], buffers, n);
	assert_true(head >= 0);
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	fake_disk_complete_all(&m->disk);
	assert_true(mock_ring_collect(&m->rings[q], &used, &len));
	assert_int_equal(used, head);
	assert_int_equal(len, in_len);
	every_found_nothing(m);
	return mock_ram_at(&m->ram, buffers[n - 1].gpa);
}

/* ---- the devices ---- */

static long every_rng_give(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0x44, len);
	return (long)len;
}

static inline int every_rng_create(struct every_machine *m, const struct virtio_dev_config *config)
{
	const struct byte_source source = { every_rng_give, m };

	return virtio_rng_create(config, &source, &m->vdev);
}

static inline void every_rng_works(struct every_machine *m)
{
	assert_memory_equal(every_exchange(m, 0, NULL, 0, 4), "DDDD", 4);
}

static inline int every_blk_create(struct every_machine *m, const struct virtio_dev_config *config)
{
	struct virtio_dev_config two = *config;

	two.nr_queues = 2;
	fake_disk_init(&m->disk, false);
	return virtio_blk_create(&two, &m->disk.disk, "serial", &m->vdev);
}

static inline void every_blk_works(struct every_machine *m)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = 6 };

	for (unsigned q = 0; q < 2; q++) {
		const uint8_t *in = every_exchange(m, q, &header, sizeof(header), 513);

		assert_int_equal(in[0], 7);
		assert_int_equal(in[512], VIRTIO_BLK_S_OK);
	}
}

static inline int every_net_create(struct every_machine *m, const struct virtio_dev_config *config)
{
	const struct virtio_net_settings settings = { .mac = "\x02\x47\x42\x00\x00\x01" };

	fake_net_init(&m->net, 1, NET_OFFLOAD_ALL);
	return virtio_net_create(config, &m->net.net, &settings, &m->vdev);
}

static inline void every_net_stir(struct every_machine *m, unsigned q)
{
	struct fake_frame *frame = q == 0 ? fake_net_frame(&m->net, 0) : NULL;

	if (!frame)
		return;
	frame->len = 60;
	fake_net_arrive(&m->net, 0);
}

static inline void every_net_works(struct every_machine *m)
{
	const uint8_t frame[sizeof(struct virtio_net_hdr_v1) + 60] = { 0 };
	const uint8_t promisc[] = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1 };
	unsigned sent = m->net.nr_sent;

	(void)every_exchange(m, 1, frame, sizeof(frame), 0);
	assert_int_equal(m->net.nr_sent, sent + 1);
	assert_int_equal(*every_exchange(m, 2, promisc, sizeof(promisc), 1), VIRTIO_NET_OK);
}

static inline int every_create_ports(struct every_machine *m,
				     const struct virtio_dev_config *config, unsigned count)
{
	struct console_port_config ports[2] = { { .name = NULL }, { .name = "port" } };

	for (unsigned i = 0; i < 2; i++) {
		fake_char_init(&m->lines[i]);
		ports[i].backend = fake_char_backend(&m->lines[i]);
	}
	return virtio_console_create(config, ports, count, &m->vdev);
}

static inline int every_console_create(struct every_machine *m,
				       const struct virtio_dev_config *config)
{
	return every_create_ports(m, config, 1);
}

static inline int every_ports_create(struct every_machine *m,
				     const struct virtio_dev_config *config)
{
	return every_create_ports(m, config, 2);
}

static inline void every_console_stir(struct every_machine *m, unsigned q)
{
	struct char_receiver receiver = virtio_console_receiver(m->vdev, 0);

	if (q == 0)
		(void)receiver.receive(receiver.ctx, "x", 1);
}

static inline void every_console_works(struct every_machine *m)
{
	m->lines[0].count = 0;
	(void)every_exchange(m, 1, "hello", 5, 0);
	assert_true(fake_char_wrote(&m->lines[0], "hello"));
}

static inline int every_balloon_create(struct every_machine *m,
				       const struct virtio_dev_config *config)
{
	return virtio_balloon_create(config, &m->vdev);
}

static inline void every_balloon_works(struct every_machine *m)
{
	const uint32_t page = (MOCK_RAM_BASE + MOCK_RAM_SIZE - 1) >> 12;
	struct virtio_balloon_state before, after;

	virtio_balloon_get_state(m->vdev, &before);
	(void)every_exchange(m, 0, &page, sizeof(page), 0);
	virtio_balloon_get_state(m->vdev, &after);
	assert_int_equal(after.inflated, before.inflated + 4096);
}

static inline int every_vsock_create(struct every_machine *m,
				     const struct virtio_dev_config *config)
{
	fake_vsock_host_init(&m->vsock);
	return virtio_vsock_create(config, 42, &m->vsock.host, &m->vdev);
}

static inline void every_vsock_stir(struct every_machine *m, unsigned q)
{
	if (q == 0)
		(void)fake_vsock_request(&m->vsock, 50);
}

static inline void every_vsock_works(struct every_machine *m)
{
	const struct virtio_vsock_hdr request = {
		.src_cid = 42,
		.dst_cid = 2,
		.src_port = 60,
		.dst_port = 52,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_REQUEST,
	};
	unsigned connects = m->vsock.connects;

	(void)every_exchange(m, 1, &request, sizeof(request), 0);
	assert_int_equal(m->vsock.connects, connects + 1);
}

static const struct every_device every_device[] = {
	{ "rng", 0x1, 0x1, 0, every_rng_create, NULL, every_rng_works },
	{ "blk", 0x3, 0x3, sizeof(struct virtio_blk_config), every_blk_create, NULL,
	  every_blk_works },
	{ "net", 0x7, 0x7, sizeof(struct virtio_net_config), every_net_create, every_net_stir,
	  every_net_works },
	{ "console", 0x3, 0x3, 12, every_console_create, every_console_stir, every_console_works },
	/* Ports have input, and control has news, once a driver has opened them. */
	{ "ports", 0x3f, 0x2a, 12, every_ports_create, NULL, every_console_works },
	{ "balloon", 0x17, 0x17, 16, every_balloon_create, NULL, every_balloon_works },
	{ "vsock", 0x7, 0x3, 8, every_vsock_create, every_vsock_stir, every_vsock_works },
};

/* ---- the machine ---- */

/* New rings in new memory, and a driver that starts with them. */
static inline void every_start(struct every_machine *m)
{
	m->ram.next = MOCK_RAM_BASE;
	assert_true(mock_mmio_negotiate(m->dev, m->features));
	every_queue(m, q) {
		mock_ring_init(&m->rings[q], &m->ram, EVERY_RING_SIZE, m->features);
		mock_mmio_enable_queue(m->dev, q, &m->rings[q]);
	}
	mock_mmio_write(m->dev, VIRTIO_MMIO_STATUS,
			mock_mmio_read(m->dev, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	(void)mock_mmio_acknowledge(m->dev);
	every_found_nothing(m);
}

/* With a driver that takes all that it is offered, but for packed rings. */
static inline void every_setup(struct every_machine *m, const struct every_device *kind)
{
	struct virtio_dev_config config = { .name = kind->name, .mem = &m->ram.mem };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };

	memset(m, 0, sizeof(*m));
	m->kind = kind;
	start_recording();
	mock_ram_init(&m->ram);
	mmio.irq = recorded_irq_line(&m->irq);
	assert_int_equal(kind->create(m, &config), 0);
	assert_int_equal(virtio_mmio_create(&mmio, m->vdev, &m->dev), 0);
	m->features = mock_mmio_offered(m->dev) & ~MOCK_F_PACKED;
	every_start(m);
}

static inline void every_teardown(struct every_machine *m)
{
	destroy_and_null(m->dev);
	mock_ram_deinit(&m->ram);
}

#endif
