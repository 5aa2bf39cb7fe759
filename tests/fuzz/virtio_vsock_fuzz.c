/* SPDX-License-Identifier: MIT */
/*
 * The socket device on a fake host: the fuzzer chooses what the driver sends and which buffers it
 * offers, what programs on the host do, how time passes, and when the driver resets.  Each step has
 * 16 bytes.  The fake host aborts on what no device may do to it; what else must hold is checked
 * here; the rest is up to the sanitizers.
 */
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_vsock.h>
#include <string.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/vsock.h"
#include "tests/support/fake_vsock_host.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RX, TX, EVENT, NR_QUEUES };

#define RING_SIZE  32
#define CID        3
#define PORTS      4
#define HDR_LEN    sizeof(struct virtio_vsock_hdr)
#define RX_MAX     8192
#define TX_MAX     70000
#define FIRST_PORT 0x40000000u
#define MAX_CONNS  512

enum {
	PACKET,
	RAW_PACKET,
	OFFER_RX,
	OFFER_EVENT,
	COLLECT,
	REQUEST,
	HOST_SENDS,
	HOST_TAKES,
	HOST_ENDS,
	HOST_STOPS,
	HOST_HANGS_UP,
	CONNECT_RESULT,
	CONNECTED,
	TICK,
	WOKEN,
	QUEUE_OFF,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, op, guest_port, host_port;
	uint32_t len, value;
	uint16_t flags, cut;
};

/* What the driver has said and heard of a connection. */
struct guest_conn {
	uint32_t fwd_cnt, received, limit; /* the device may send up to `limit` bytes in all */
	bool wild;                         /* it said what cannot be true */
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[NR_QUEUES];
	struct fake_vsock_host host;
	struct device *dev;
	uint64_t features, tx, event, rx[RING_SIZE];
	unsigned rx_of[MOCK_RING_MAX]; /* which of `rx` a chain is */
	bool rx_offered[RING_SIZE];
	bool off[NR_QUEUES];
	unsigned offered, used; /* of tx */
	bool overwritten; /* a packet, while it waited in tx: nobody knows what the device got */
	struct guest_conn conns[PORTS][PORTS + 1];
};

static void start(struct machine *m)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < NR_QUEUES; q++)
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, m->features);
	m->tx = mock_ram_alloc(&m->ram, HDR_LEN + TX_MAX, 1);
	for (unsigned i = 0; i < RING_SIZE; i++)
		m->rx[i] = mock_ram_alloc(&m->ram, RX_MAX, 1);
	m->event = mock_ram_alloc(&m->ram, 64, 1);
	memset(m->off, 0, sizeof(m->off));
	memset(m->rx_offered, 0, sizeof(m->rx_offered));
	memset(m->conns, 0, sizeof(m->conns));
	m->offered = m->used = 0;
	m->overwritten = false;
	must(mock_mmio_start(m->dev, m->features, m->rings, NR_QUEUES));
}

/* Ports of connections that the host began are one kind: the fuzzer can't know them all. */
static struct guest_conn *conn_of(struct machine *m, uint32_t guest_port, uint32_t host_port)
{
	return &m->conns[guest_port % PORTS][host_port < PORTS ? host_port : PORTS];
}

static void collect_tx(struct machine *m)
{
	uint32_t len;
	uint16_t head;

	while (!m->off[TX] && mock_ring_collect(&m->rings[TX], &head, &len)) {
		must(len == 0);
		m->used++;
	}
	must(m->used <= m->offered);
}

static void check_packet(struct machine *m, const struct virtio_vsock_hdr *hdr, uint32_t len)
{
	struct guest_conn *conn = conn_of(m, hdr->dst_port, hdr->src_port);

	must(len >= HDR_LEN && hdr->len == len - HDR_LEN && hdr->dst_cid == CID);
	must(hdr->op >= VIRTIO_VSOCK_OP_REQUEST && hdr->op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	must((hdr->op == VIRTIO_VSOCK_OP_RW) == (hdr->len > 0));
	if (hdr->op == VIRTIO_VSOCK_OP_RW && hdr->src_port < PORTS && hdr->dst_port < PORTS) {
		conn->received += hdr->len;
		must(m->overwritten || conn->wild || conn->received <= conn->limit);
	}
	if (hdr->op == VIRTIO_VSOCK_OP_RST)
		*conn = (struct guest_conn){ .wild = true };
}

static void collect_rx(struct machine *m)
{
	struct virtio_vsock_hdr hdr;
	uint32_t len;
	uint16_t head;

	while (!m->off[RX] && mock_ring_collect(&m->rings[RX], &head, &len)) {
		m->rx_offered[m->rx_of[head]] = false;
		if (len == 0)
			continue;
		memcpy(&hdr, mock_ram_at(&m->ram, m->rx[m->rx_of[head]]), HDR_LEN);
		check_packet(m, &hdr, len);
	}
	while (!m->off[EVENT] && mock_ring_collect(&m->rings[EVENT], &head, &len))
		must(len <= sizeof(struct virtio_vsock_event));
}

/* Two pieces, or one; none of nothing. */
static unsigned cut(struct mock_buffer *buffers, uint64_t gpa, uint32_t len, uint32_t at, bool in)
{
	unsigned count = 0;

	at = MIN(at, len);
	if (at)
		buffers[count++] = (struct mock_buffer){ gpa, at, in };
	if (len > at)
		buffers[count++] = (struct mock_buffer){ gpa + at, len - at, in };
	return count;
}

static int add(struct machine *m, unsigned q, uint64_t gpa, uint32_t len, uint32_t at, bool in)
{
	struct mock_buffer buffers[2];
	unsigned n = cut(buffers, gpa, len, at, in);

	if (m->off[q] || n == 0 || m->rings[q].nr_free < n)
		return -1;
	return mock_ring_add(&m->rings[q], buffers, n);
}

static void kick(struct machine *m, unsigned q)
{
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void offer_rx(struct machine *m, unsigned i, uint32_t len, uint32_t at, bool in)
{
	int head;

	collect_rx(m);
	if (m->rx_offered[i])
		return;
	head = add(m, RX, m->rx[i], len, at, in);
	if (head < 0)
		return;
	m->rx_of[head] = i;
	m->rx_offered[i] = true;
	kick(m, RX);
}

static void send(struct machine *m, const struct virtio_vsock_hdr *hdr, uint32_t len, uint32_t at)
{
	collect_tx(m);
	m->overwritten |= m->used != m->offered;
	memcpy(mock_ram_at(&m->ram, m->tx), hdr, HDR_LEN);
	if (add(m, TX, m->tx, len, at, false) < 0)
		return;
	m->offered++;
	kick(m, TX);
	collect_tx(m);
}

/* One that could be right, of a driver that keeps to what it heard. */
static void send_packet(struct machine *m, const struct step *step)
{
	uint32_t guest_port = step->guest_port % PORTS, host_port = step->host_port % PORTS;
	struct guest_conn *conn;
	struct virtio_vsock_hdr hdr = {
		.src_cid = CID,
		.dst_cid = 2,
		.src_port = guest_port,
		.dst_port = step->host_port & 0x80 ? FIRST_PORT + host_port : host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)(1 + step->op % 7),
		.flags = step->flags % 4u,
		.buf_alloc = step->value % 200000,
	};

	collect_rx(m);
	collect_tx(m);
	if (m->off[TX] || m->rings[TX].nr_free < 2)
		return;
	conn = conn_of(m, guest_port, hdr.dst_port);
	if (hdr.op == VIRTIO_VSOCK_OP_REQUEST)
		*conn = (struct guest_conn){ .wild = conn->limit };
	if (hdr.op == VIRTIO_VSOCK_OP_RW)
		hdr.len = step->len % (TX_MAX - HDR_LEN);
	if (hdr.dst_port < PORTS)
		conn->fwd_cnt += step->cut % (conn->received - conn->fwd_cnt + 1);
	hdr.fwd_cnt = conn->fwd_cnt;
	conn->limit = MAX(conn->limit, hdr.fwd_cnt + hdr.buf_alloc);
	send(m, &hdr, (uint32_t)HDR_LEN + hdr.len, step->cut);
}

static void send_raw_packet(struct machine *m, const struct step *step)
{
	struct virtio_vsock_hdr hdr = {
		.src_cid = step->op & 1 ? step->value : CID,
		.dst_cid = step->op & 2 ? step->value : 2,
		.src_port = step->guest_port % PORTS,
		.dst_port = step->host_port,
		.len = step->len,
		.type = step->op & 4 ? step->flags : VIRTIO_VSOCK_TYPE_STREAM,
		.op = step->op >> 4,
		.flags = step->value,
		.buf_alloc = step->value,
		.fwd_cnt = step->op & 8 ? step->len : 0,
	};

	conn_of(m, hdr.src_port, hdr.dst_port)->wild = true;
	send(m, &hdr, step->flags % 256u, step->cut);
}

static void offer_event(struct machine *m, const struct step *step)
{
	if (add(m, EVENT, m->event, step->len % 64, step->cut, true) >= 0)
		kick(m, EVENT);
}

/* The stream that the step means, if there is one. */
static struct fake_vsock_stream *stream_of(struct machine *m, const struct step *step)
{
	struct fake_vsock_stream *stream = &m->host.streams[step->host_port % 16];

	return stream->open ? stream : NULL;
}

static void act_as_host(struct machine *m, const struct step *step)
{
	struct fake_vsock_stream *stream = stream_of(m, step);

	if (!stream)
		return;
	switch (step->action % NR_ACTIONS) {
	case HOST_SENDS: fake_vsock_send(stream, step->len % 300000); break;
	case HOST_TAKES: fake_vsock_take(stream, step->len % 300000); break;
	case HOST_ENDS: fake_vsock_end(stream); break;
	case HOST_STOPS: fake_vsock_stop(stream); break;
	case HOST_HANGS_UP: fake_vsock_hang_up(stream); break;
	default:
		if (stream->connecting)
			fake_vsock_connected(stream, step->op & 1);
		break;
	}
}

static void run_step(struct machine *m, const struct step *step)
{
	static const int results[] = { 0, -EINPROGRESS, -ENOENT, 0 };
	unsigned q = step->op % NR_QUEUES;

	switch (step->action % NR_ACTIONS) {
	case PACKET: send_packet(m, step); break;
	case RAW_PACKET: send_raw_packet(m, step); break;
	case OFFER_RX:
		offer_rx(m, step->guest_port % RING_SIZE,
			 step->op & 1 ? step->len % RX_MAX : (uint32_t)HDR_LEN + 4096, step->cut,
			 step->op < 0xf0);
		break;
	case OFFER_EVENT: offer_event(m, step); break;
	case COLLECT: collect_rx(m); break;
	case REQUEST:
		if (m->host.nr_open < FAKE_VSOCK_STREAMS)
			(void)fake_vsock_request(&m->host, step->guest_port % PORTS);
		break;
	case CONNECT_RESULT:
		m->host.connect_result = results[step->op % ARRAY_SIZE(results)];
		m->host.connect_room = step->len % 10000;
		break;
	case TICK: fake_vsock_tick(&m->host, step->op); break;
	case WOKEN: fake_vsock_woken(&m->host); break;
	case QUEUE_OFF:
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_SEL, q);
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_READY, 0);
		m->off[q] = true;
		break;
	case RESTART: start(m); break;
	default: act_as_host(m, step); break;
	}
	must(m->host.nr_open <= MAX_CONNS);
}

/* Whatever was done: with buffers for the answers, every packet is taken. */
static void check_nothing_is_lost(struct machine *m)
{
	for (unsigned i = 0; i < 4 * RING_SIZE; i++) {
		offer_rx(m, i % RING_SIZE, RX_MAX, RX_MAX, true);
	}
	collect_tx(m);
	must(m->off[TX] || m->off[RX] || m->used == m->offered);
}

/* ... and another driver finds a good device. */
static void check_good_driver(struct machine *m)
{
	const struct step request = { .op = VIRTIO_VSOCK_OP_REQUEST - 1 };

	start(m);
	fake_vsock_woken(&m->host);
	m->host.connect_result = -ENOENT;
	send_packet(m, &request);
	must(m->used == 1);
	offer_rx(m, 0, RX_MAX, RX_MAX, true);
	collect_rx(m);
	must(m->conns[0][0].wild);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	struct virtio_dev_config config = { .name = "fuzz" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	fake_vsock_host_init(&m.host);
	config.mem = &m.ram.mem;
	must(virtio_vsock_create(&config, CID, &m.host.host, &vdev) == 0);
	must(virtio_mmio_create(&mmio, vdev, &m.dev) == 0);
	m.features = mock_mmio_offered(m.dev);
	if (size && data[0] & 1)
		m.features &= ~MOCK_F_PACKED;
	start(&m);
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
	}
	check_nothing_is_lost(&m);
	check_good_driver(&m);
	m.dev->ops->destroy(m.dev);
	must(m.host.destroyed == 1);
	return 0;
}
