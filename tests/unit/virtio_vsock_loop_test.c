/* SPDX-License-Identifier: MIT */
/*
 * The socket device as it is in a machine: its loop in a thread, programs of the host in others,
 * and a driver that echoes what they send, or resets the device in the midst of it.
 */
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/backend/vsock_unix.h"
#include "devices/virtio/vsock.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/board_fixture.h"
#include "tests/unit/cmocka_all.h"

enum { RX, TX, EVENT, NR_QUEUES };

#define FEATURES  (MOCK_F_VERSION_1 | MOCK_F_EVENT_IDX)
#define CID       3
#define HDR_LEN   sizeof(struct virtio_vsock_hdr)
#define RX_LEN    4096
#define RX_COUNT  32
#define PROGRAMS  4
#define CHUNK     65536
#define CHUNKS    10
#define GUEST_BUF 131072
#define ROUNDS    40

struct machine {
	char directory[64], path[80];
	struct board board;
	struct mock_ring rings[NR_QUEUES];
	uint64_t rx_gpa[MOCK_RING_MAX], tx_gpa;
	/* Of each connection, by the host's port. */
	struct echo {
		uint32_t sent, received, peer_buf_alloc, peer_fwd_cnt;
	} echoes[PROGRAMS];
};

static void setup(struct machine *m)
{
	struct virtio_dev_config config;
	struct vsock_unix_config unix_config = { .path = m->path };
	struct vsock_host *host;
	struct virtio_dev *vdev;
	struct error error;

	memset(m, 0, sizeof(*m));
	strcpy(m->directory, "/tmp/virtio_vsock_test.XXXXXX");
	assert_non_null(mkdtemp(m->directory));
	(void)snprintf(m->path, sizeof(m->path), "%s/v.sock", m->directory);
	config = board_init(&m->board, "virtio-vsock0");
	assert_int_equal(vsock_unix_create(&unix_config, m->board.loop, &host, &error), 0);
	assert_int_equal(virtio_vsock_create(&config, CID, host, &vdev), 0);
	board_start(&m->board, vdev);
}

static void teardown(struct machine *m)
{
	board_deinit(&m->board);
	assert_int_equal(rmdir(m->directory), 0);
}

static void add_rx(struct machine *m, uint64_t gpa)
{
	const struct mock_buffer buffers[] = { { gpa, HDR_LEN, true },
					       { gpa + HDR_LEN, RX_LEN, true } };
	int head = mock_ring_add(&m->rings[RX], buffers, 2);

	assert_true(head >= 0);
	m->rx_gpa[head] = gpa;
	if (mock_ring_should_kick(&m->rings[RX]))
		mock_mmio_write(m->board.dev, VIRTIO_MMIO_QUEUE_NOTIFY, RX);
}

static void start(struct machine *m)
{
	m->board.ram.next = MOCK_RAM_BASE;
	memset(m->echoes, 0, sizeof(m->echoes));
	for (unsigned q = 0; q < NR_QUEUES; q++)
		mock_ring_init(&m->rings[q], &m->board.ram, 2 * RX_COUNT, FEATURES);
	m->tx_gpa = mock_ram_alloc(&m->board.ram, HDR_LEN + RX_LEN, 8);
	assert_true(mock_mmio_start(m->board.dev, FEATURES, m->rings, NR_QUEUES));
	for (unsigned i = 0; i < RX_COUNT; i++)
		add_rx(m, mock_ram_alloc(&m->board.ram, HDR_LEN + RX_LEN, 8));
}

/* Sends an answer to @hdr, with the payload of the packet at @gpa. */
static void answer(struct machine *m, const struct virtio_vsock_hdr *hdr, unsigned op, uint64_t gpa)
{
	struct echo *echo = &m->echoes[hdr->src_port % PROGRAMS];
	struct virtio_vsock_hdr out = {
		.src_cid = CID,
		.dst_cid = hdr->src_cid,
		.src_port = hdr->dst_port,
		.dst_port = hdr->src_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.len = op == VIRTIO_VSOCK_OP_RW ? hdr->len : 0,
		.buf_alloc = GUEST_BUF,
		.fwd_cnt = echo->received,
	};
	const struct mock_buffer buffers[] = { { m->tx_gpa, HDR_LEN, false },
					       { gpa + HDR_LEN, out.len, false } };
	uint32_t len;
	uint16_t head;

	memcpy(mock_ram_at(&m->board.ram, m->tx_gpa), &out, HDR_LEN);
	assert_true(mock_ring_add(&m->rings[TX], buffers, out.len ? 2 : 1) >= 0);
	if (mock_ring_should_kick(&m->rings[TX]))
		mock_mmio_write(m->board.dev, VIRTIO_MMIO_QUEUE_NOTIFY, TX);
	while (!mock_ring_collect(&m->rings[TX], &head, &len))
		(void)poll(NULL, 0, 0);
	echo->sent += out.len;
}

static void serve_packet(struct machine *m, uint64_t gpa)
{
	struct virtio_vsock_hdr hdr;
	struct echo *echo;

	memcpy(&hdr, mock_ram_at(&m->board.ram, gpa), HDR_LEN);
	echo = &m->echoes[hdr.src_port % PROGRAMS];
	echo->peer_buf_alloc = hdr.buf_alloc;
	echo->peer_fwd_cnt = hdr.fwd_cnt;
	if (hdr.op == VIRTIO_VSOCK_OP_REQUEST) {
		*echo = (struct echo){ 0 };
		answer(m, &hdr, VIRTIO_VSOCK_OP_RESPONSE, 0);
	} else if (hdr.op == VIRTIO_VSOCK_OP_RW) {
		echo->received += hdr.len;
		/* A program reads what it wrote before it writes more: there is space. */
		assert_true(echo->sent - echo->peer_fwd_cnt + hdr.len <= echo->peer_buf_alloc);
		answer(m, &hdr, VIRTIO_VSOCK_OP_RW, gpa);
	} else if (hdr.op == VIRTIO_VSOCK_OP_SHUTDOWN && hdr.flags == 3) {
		answer(m, &hdr, VIRTIO_VSOCK_OP_RST, 0);
	}
}

/* What an interrupt would have the driver do.  Return: was there something? */
static bool serve(struct machine *m)
{
	uint32_t len;
	uint16_t head;

	if (!mock_ring_collect(&m->rings[RX], &head, &len))
		return false;
	serve_packet(m, m->rx_gpa[head]);
	add_rx(m, m->rx_gpa[head]);
	return true;
}

struct program {
	pthread_t thread;
	const char *path;
	atomic_bool done;
	bool complete;
};

/* Return: false if the connection ended early. */
static bool exchange(int fd)
{
	static const char ok[] = "OK 1073741";
	uint8_t out[CHUNK], in[CHUNK];
	char c;

	unix_peer_print(fd, "CONNECT 7\n");
	if (!unix_peer_read(fd, in, sizeof(ok) - 1) || memcmp(in, ok, sizeof(ok) - 1) != 0)
		return false;
	do {
		if (!unix_peer_read(fd, &c, 1))
			return false;
	} while (c != '\n');
	for (unsigned i = 0; i < CHUNKS; i++) {
		for (unsigned at = 0; at < CHUNK; at++)
			out[at] = (uint8_t)(at * 3 + i + at / 256);
		if (send(fd, out, CHUNK, MSG_NOSIGNAL) != CHUNK || !unix_peer_read(fd, in, CHUNK))
			return false;
		must(memcmp(in, out, CHUNK) == 0);
	}
	return true;
}

static void *program(void *ctx)
{
	struct program *p = ctx;
	int fd = unix_peer_connect(p->path);

	must(fd >= 0);
	p->complete = exchange(fd);
	(void)close(fd);
	atomic_store(&p->done, true);
	return NULL;
}

static void begin(struct machine *m, struct program *programs)
{
	memset(programs, 0, PROGRAMS * sizeof(*programs));
	for (unsigned i = 0; i < PROGRAMS; i++) {
		programs[i].path = m->path;
		assert_int_equal(pthread_create(&programs[i].thread, NULL, program, &programs[i]),
				 0);
	}
}

static bool all_done(struct program *programs)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (!atomic_load(&programs[i].done))
			return false;
	return true;
}

static void end(struct program *programs)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		assert_int_equal(pthread_join(programs[i].thread, NULL), 0);
}

static void echo_to_all(struct machine *m)
{
	struct program programs[PROGRAMS];

	begin(m, programs);
	while (!all_done(programs))
		if (!serve(m))
			(void)poll(NULL, 0, 1);
	end(programs);
	for (unsigned i = 0; i < PROGRAMS; i++)
		assert_true(programs[i].complete);
}

static void vsock_echoes_to_programs(void **state)
{
	struct machine m;

	(void)state;
	setup(&m);
	start(&m);
	echo_to_all(&m);
	echo_to_all(&m);
	teardown(&m);
}

/* Nothing may land in memory once the reset is done, and each program sees the end. */
static void vsock_reset_in_the_midst(void **state)
{
	struct program programs[PROGRAMS];
	struct machine m;

	(void)state;
	setup(&m);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned packets = round * round % 97;

		start(&m);
		begin(&m, programs);
		for (unsigned i = 0; i < packets && !all_done(programs); i += serve(&m))
			(void)poll(NULL, 0, i % 8 == 0);
		mock_mmio_write(m.board.dev, VIRTIO_MMIO_STATUS, 0);
		memset(m.board.ram.bytes, 0x77, MOCK_RAM_SIZE);
		/* Also those that come now are refused. */
		end(programs);
		for (size_t i = 0; i < MOCK_RAM_SIZE; i++)
			if (m.board.ram.bytes[i] != 0x77)
				fail_msg("round %u: byte %zu changed", round, i);
	}
	start(&m);
	echo_to_all(&m);
	teardown(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsock_echoes_to_programs),
		cmocka_unit_test(vsock_reset_in_the_midst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
