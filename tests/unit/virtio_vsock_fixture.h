/* SPDX-License-Identifier: MIT */
/* A socket device on a fake host, behind virtio-mmio, with a mock driver before it, for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_VSOCK_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_VSOCK_FIXTURE_H

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_vsock.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/vsock.h"
#include "tests/support/fake_vsock_host.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

enum { RX, TX, EVENT, NR_QUEUES };

#define FEATURES   (MOCK_F_VERSION_1 | MOCK_F_RING_RESET)
#define CID        42
#define HOST       2
#define HDR_LEN    sizeof(struct virtio_vsock_hdr)
#define RX_SIZE    16 /* buffers */
#define RX_LEN     4096
#define TX_LEN     65536
#define GUEST_BUF  65536 /* what the driver says it has for a connection */

/* As devices/virtio/vsock_table.h and vsock_conn.h have them. */
#define HOST_BUF   262144
#define MAX_CONNS  512
#define SMALL_BUF  65536
#define FIRST_PORT 0x40000000u

struct vsock_fixture {
	struct mock_ram ram;
	struct mock_ring rings[NR_QUEUES];
	struct recorded_irq irq;
	struct fake_vsock_host host;
	struct device *dev; /* the registers */
	uint64_t rx_gpa[MOCK_RING_MAX], last_gpa, tx_gpa;
	uint64_t features;
};

/* What the driver knows of one connection; it keeps the rules of 5.10.6.3. */
struct guest_conn {
	uint32_t guest_port, host_port;
	uint32_t buf_alloc, fwd_cnt; /* its own */
	uint32_t sent, sum;          /* to the host, and as fake_vsock_sum() */
	uint32_t received;           /* byte number n is (uint8_t)n */
	uint32_t peer_buf_alloc, peer_fwd_cnt;
};

struct packet {
	struct virtio_vsock_hdr hdr;
	uint8_t data[RX_LEN];
};

static inline void kick(struct vsock_fixture *f, unsigned q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Header and payload in two descriptors, or all in one. */
static inline void add_rx(struct vsock_fixture *f, uint64_t gpa, unsigned pieces)
{
	struct mock_buffer buffers[2] = { { gpa, HDR_LEN, true }, { gpa + HDR_LEN, RX_LEN, true } };
	int head;

	if (pieces == 1)
		buffers[0].len += RX_LEN;
	head = mock_ring_add(&f->rings[RX], buffers, pieces);
	assert_true(head >= 0);
	f->rx_gpa[head] = gpa;
}

static inline void fill_rx(struct vsock_fixture *f, unsigned count)
{
	while (count--)
		add_rx(f, mock_ram_alloc(&f->ram, HDR_LEN + RX_LEN, 8), 1 + count % 2);
	kick(f, RX);
}

/* The buffer of the packet that was received last. */
static inline void give_back(struct vsock_fixture *f)
{
	add_rx(f, f->last_gpa, 2);
	kick(f, RX);
}

static inline void vsock_start(struct vsock_fixture *f, uint64_t features)
{
	f->features = features;
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < NR_QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, 2 * RX_SIZE, features);
	f->tx_gpa = mock_ram_alloc(&f->ram, HDR_LEN + TX_LEN, 8);
	assert_true(mock_mmio_start(f->dev, features, f->rings, NR_QUEUES));
}

static inline void vsock_create(struct vsock_fixture *f)
{
	struct virtio_dev_config config = { .name = "virtio-vsock0" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	fake_vsock_host_init(&f->host);
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_vsock_create(&config, CID, &f->host.host, &vdev), 0);
	assert_int_equal(virtio_mmio_create(&mmio, vdev, &f->dev), 0);
}

static inline void vsock_setup(struct vsock_fixture *f)
{
	vsock_create(f);
	vsock_start(f, FEATURES);
	fill_rx(f, RX_SIZE);
}

static inline void vsock_teardown(struct vsock_fixture *f)
{
	destroy_and_null(f->dev);
	assert_int_equal(f->host.destroyed, 1);
	mock_ram_deinit(&f->ram);
}

/* Sends any packet; byte number n of the connection's payload is what @first is for n = 0. */
static inline void send_raw(struct vsock_fixture *f, const struct virtio_vsock_hdr *hdr,
			    uint32_t first, uint32_t len)
{
	const struct mock_buffer buffers[] = { { f->tx_gpa, HDR_LEN, false },
					       { f->tx_gpa + HDR_LEN, len, false } };
	uint8_t *bytes = mock_ram_at(&f->ram, f->tx_gpa);
	uint32_t used_len;
	uint16_t head;

	memcpy(bytes, hdr, HDR_LEN);
	for (uint32_t i = 0; i < len; i++)
		bytes[HDR_LEN + i] = (uint8_t)((first + i) * 7);
	assert_true(mock_ring_add(&f->rings[TX], buffers, len ? 2 : 1) >= 0);
	kick(f, TX);
	assert_true(mock_ring_collect(&f->rings[TX], &head, &used_len));
	assert_int_equal(used_len, 0);
}

static inline struct virtio_vsock_hdr header(const struct guest_conn *conn, unsigned op)
{
	return (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = HOST,
		.src_port = conn->guest_port,
		.dst_port = conn->host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = conn->buf_alloc,
		.fwd_cnt = conn->fwd_cnt,
	};
}

static inline void send_op(struct vsock_fixture *f, const struct guest_conn *conn, unsigned op,
			   uint32_t flags)
{
	struct virtio_vsock_hdr hdr = header(conn, op);

	hdr.flags = flags;
	send_raw(f, &hdr, 0, 0);
}

static inline void send_shutdown(struct vsock_fixture *f, const struct guest_conn *conn,
				 uint32_t flags)
{
	send_op(f, conn, VIRTIO_VSOCK_OP_SHUTDOWN, flags);
}

static inline void send_data(struct vsock_fixture *f, struct guest_conn *conn, uint32_t len)
{
	struct virtio_vsock_hdr hdr = header(conn, VIRTIO_VSOCK_OP_RW);

	hdr.len = len;
	send_raw(f, &hdr, conn->sent, len);
	conn->sum = fake_vsock_sum(conn->sum, conn->sent,
				   (uint8_t *)mock_ram_at(&f->ram, f->tx_gpa) + HDR_LEN, len);
	conn->sent += len;
}

/* Takes the next packet; give_back() is for its buffer. */
static inline bool receive(struct vsock_fixture *f, struct packet *packet)
{
	uint16_t head;
	uint32_t len;
	const uint8_t *bytes;

	packet->hdr = (struct virtio_vsock_hdr){ 0 };
	if (!mock_ring_collect(&f->rings[RX], &head, &len))
		return false;
	assert_true(len >= HDR_LEN && len <= HDR_LEN + RX_LEN);
	f->last_gpa = f->rx_gpa[head];
	bytes = mock_ram_at(&f->ram, f->last_gpa);
	memcpy(&packet->hdr, bytes, HDR_LEN);
	memcpy(packet->data, bytes + HDR_LEN, len - HDR_LEN);
	assert_int_equal(packet->hdr.len, len - HDR_LEN);
	assert_int_equal(packet->hdr.dst_cid, CID);
	(void)mock_mmio_acknowledge(f->dev);
	return true;
}

static inline bool nothing_received(struct vsock_fixture *f)
{
	struct packet packet;

	return !receive(f, &packet);
}

/* The next packet is of @conn and of operation @op. */
static inline void expect(struct vsock_fixture *f, struct guest_conn *conn, unsigned op,
			  struct packet *packet)
{
	assert_true(receive(f, packet));
	assert_int_equal(packet->hdr.op, op);
	assert_int_equal(packet->hdr.src_cid, HOST);
	assert_int_equal(packet->hdr.type, VIRTIO_VSOCK_TYPE_STREAM);
	assert_int_equal(packet->hdr.src_port, conn->host_port);
	assert_int_equal(packet->hdr.dst_port, conn->guest_port);
	conn->peer_buf_alloc = packet->hdr.buf_alloc;
	conn->peer_fwd_cnt = packet->hdr.fwd_cnt;
	give_back(f);
}

static inline struct virtio_vsock_hdr expect_op(struct vsock_fixture *f, struct guest_conn *conn,
						unsigned op)
{
	struct packet packet;

	expect(f, conn, op, &packet);
	return packet.hdr;
}

static inline void expect_shutdown(struct vsock_fixture *f, struct guest_conn *conn, uint32_t flags)
{
	assert_int_equal(expect_op(f, conn, VIRTIO_VSOCK_OP_SHUTDOWN).flags, flags);
}

/* ... of @len bytes, that go on where the last ones ended. */
static inline void expect_data(struct vsock_fixture *f, struct guest_conn *conn, uint32_t len)
{
	struct packet packet;

	while (len) {
		expect(f, conn, VIRTIO_VSOCK_OP_RW, &packet);
		assert_in_range(packet.hdr.len, 1, len);
		for (uint32_t i = 0; i < packet.hdr.len; i++)
			assert_int_equal(packet.data[i], (uint8_t)(conn->received + i));
		conn->received += packet.hdr.len;
		len -= packet.hdr.len;
	}
}

/* The application in the guest has read all, and the driver says so. */
static inline void send_credit(struct vsock_fixture *f, struct guest_conn *conn)
{
	conn->fwd_cnt = conn->received;
	send_op(f, conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
}

/* The guest connects to @port of the host. */
static inline struct fake_vsock_stream *guest_connects(struct vsock_fixture *f,
						       struct guest_conn *conn, uint32_t port)
{
	struct fake_vsock_stream *stream;

	*conn = (struct guest_conn){ .guest_port = 1000 + port,
				     .host_port = port,
				     .buf_alloc = GUEST_BUF };
	send_op(f, conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	(void)expect_op(f, conn, VIRTIO_VSOCK_OP_RESPONSE);
	stream = fake_vsock_find(&f->host, port);
	assert_non_null(stream);
	return stream;
}

/* A program on the host connects to @port of the guest, which accepts. */
static inline struct fake_vsock_stream *host_connects(struct vsock_fixture *f,
						      struct guest_conn *conn, uint32_t port)
{
	struct fake_vsock_stream *stream = fake_vsock_request(&f->host, port);
	struct packet packet;

	assert_non_null(stream);
	assert_true(receive(f, &packet));
	assert_int_equal(packet.hdr.op, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(packet.hdr.dst_port, port);
	*conn = (struct guest_conn){ .guest_port = port,
				     .host_port = packet.hdr.src_port,
				     .buf_alloc = GUEST_BUF };
	give_back(f);
	assert_int_equal(stream->confirmed, 0);
	send_op(f, conn, VIRTIO_VSOCK_OP_RESPONSE, 0);
	assert_int_equal(stream->confirmed, conn->host_port);
	return stream;
}

#endif
