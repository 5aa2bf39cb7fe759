/* SPDX-License-Identifier: MIT */
/* The socket device: queues that are full or empty, many connections, resets. */
#include "tests/unit/virtio_vsock_fixture.h"

#define BOTH        (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define MAX_REPLIES 64 /* as devices/virtio/vsock.c has it */

/* 5.10.6.1: tx goes on while rx is empty, and what is due comes once there are buffers. */
static void vsock_tx_does_not_wait_for_rx(void **state)
{
	struct guest_conn conns[3] = { 0 };
	struct fake_vsock_stream *stream;
	struct packet packet;
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	for (uint32_t i = 0; i < 3; i++) {
		conns[i] = (struct guest_conn){ .guest_port = i,
						.host_port = i,
						.buf_alloc = GUEST_BUF };
		send_op(&f, &conns[i], VIRTIO_VSOCK_OP_REQUEST, 0);
		send_op(&f, &conns[i], VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
		stream = fake_vsock_find(&f.host, i);
		fake_vsock_send(stream, 10);
	}
	/* Fairly, and each in the order that it must have. */
	fill_rx(&f, 1);
	for (unsigned round = 0; round < 3; round++) {
		static const unsigned ops[] = { VIRTIO_VSOCK_OP_RESPONSE,
						VIRTIO_VSOCK_OP_CREDIT_UPDATE, VIRTIO_VSOCK_OP_RW };

		for (unsigned i = 0; i < 3; i++)
			expect(&f, &conns[i], ops[round], &packet);
	}
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

/* What belongs to no connection takes room, and when that is used up tx waits. */
static void vsock_replies_are_bounded(void **state)
{
	struct guest_conn conn = { .guest_port = 1, .host_port = 2 };
	struct virtio_vsock_hdr hdr = header(&conn, VIRTIO_VSOCK_OP_RW);
	struct packet packet;
	struct vsock_fixture f;
	uint32_t len;
	uint16_t head;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	for (uint32_t i = 0; i < MAX_REPLIES; i++) {
		hdr.src_port = i;
		send_raw(&f, &hdr, 0, 0);
	}
	/* The next is not taken before there was room. */
	hdr.src_port = MAX_REPLIES;
	memcpy(mock_ram_at(&f.ram, f.tx_gpa), &hdr, sizeof(hdr));
	assert_true(mock_ring_add(&f.rings[TX], &(struct mock_buffer){ f.tx_gpa, HDR_LEN, false },
				  1) >= 0);
	kick(&f, TX);
	assert_false(mock_ring_collect(&f.rings[TX], &head, &len));
	fill_rx(&f, 1);
	assert_true(mock_ring_collect(&f.rings[TX], &head, &len));
	for (uint32_t i = 0; i <= MAX_REPLIES; i++) {
		assert_true(receive(&f, &packet));
		assert_int_equal(packet.hdr.op, VIRTIO_VSOCK_OP_RST);
		assert_int_equal(packet.hdr.dst_port, i);
		give_back(&f);
	}
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

/* Each has what it was promised, and all together have a bound. */
static void vsock_connections_are_bounded(void **state)
{
	struct guest_conn conn;
	uint64_t promised = 0;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	for (uint32_t i = 0; i < MAX_CONNS; i++) {
		(void)guest_connects(&f, &conn, i);
		assert_true(conn.peer_buf_alloc == HOST_BUF || conn.peer_buf_alloc == SMALL_BUF);
		promised += conn.peer_buf_alloc;
	}
	assert_int_equal(conn.peer_buf_alloc, SMALL_BUF);
	assert_true(promised <= 64u << 20);
	/* 5.10.6.5: insufficient resources. */
	conn = (struct guest_conn){ .guest_port = 5, .host_port = 6 };
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);
	assert_null(fake_vsock_request(&f.host, 77));
	assert_int_equal(f.host.nr_open, MAX_CONNS);
	/* One goes, one can come. */
	conn = (struct guest_conn){ .guest_port = 1000, .host_port = 0 };
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	(void)host_connects(&f, &conn, 77);
	assert_null(fake_vsock_request(&f.host, 78));
	assert_true(found_nothing());
	vsock_teardown(&f);
}

/* The guest chooses ports so that all of them are in one bucket. */
static void vsock_finds_each_of_many(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conns[100];
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	for (uint32_t i = 0; i < ARRAY_SIZE(conns); i++)
		(void)guest_connects(&f, &conns[i], i << 16);
	for (uint32_t i = 0; i < ARRAY_SIZE(conns); i++) {
		send_data(&f, &conns[i], i + 1);
		stream = fake_vsock_find(&f.host, i << 16);
		assert_int_equal(stream->written, i + 1);
		if (i % 3 == 0)
			send_op(&f, &conns[i], VIRTIO_VSOCK_OP_RST, 0);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(conns); i++) {
		if (i % 3 == 0) {
			assert_null(fake_vsock_find(&f.host, i << 16));
			continue;
		}
		send_shutdown(&f, &conns[i], BOTH);
		(void)expect_op(&f, &conns[i], VIRTIO_VSOCK_OP_RST);
	}
	assert_int_equal(f.host.nr_open, 0);
	vsock_teardown(&f);
}

static void vsock_reset_ends_connections(void **state)
{
	struct fake_vsock_stream *first, *second, *third;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	first = guest_connects(&f, &conn, 1);
	second = fake_vsock_request(&f.host, 2);
	f.host.connect_result = -EINPROGRESS;
	conn.guest_port++;
	conn.host_port = 3;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	third = fake_vsock_find(&f.host, 3);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	/* The thread that resets is not the one to close them; events may still come. */
	assert_true(first->open && second->open && third->open);
	assert_int_equal(f.host.wakes, 1);
	fake_vsock_send(first, 10);
	fake_vsock_hang_up(second);
	fake_vsock_connected(third, true);
	assert_null(fake_vsock_request(&f.host, 2));

	/* A new driver, before and after they are closed. */
	vsock_start(&f, FEATURES);
	fill_rx(&f, RX_SIZE);
	f.host.connect_result = 0;
	fake_vsock_send(first, 10);
	assert_true(nothing_received(&f));
	first->port = UINT32_MAX;
	(void)guest_connects(&f, &conn, 1);
	fake_vsock_woken(&f.host);
	assert_false(first->open || second->open || third->open);
	send_data(&f, &conn, 10);
	assert_int_equal(fake_vsock_find(&f.host, 1)->written, 10);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

/* What was sent before a reset, the guest's last words perhaps, is delivered after it. */
static void vsock_bytes_outlive_a_reset(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 0;
	stream = guest_connects(&f, &conn, 1);
	send_data(&f, &conn, 4000);
	vsock_start(&f, FEATURES);
	fake_vsock_woken(&f.host);
	assert_true(stream->open);
	fake_vsock_take(stream, 4000);
	assert_int_equal(stream->sum, conn.sum);
	assert_false(stream->open);
	vsock_teardown(&f);
}

static void vsock_destroyed_with_everything_open(void **state)
{
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 0;
	(void)guest_connects(&f, &conn, 1);
	send_data(&f, &conn, 4000);
	(void)guest_connects(&f, &conn, 2);
	(void)fake_vsock_request(&f.host, 3);
	vsock_teardown(&f);
}

static void vsock_queue_reset_spares_connections(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, RX);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	fake_vsock_send(stream, 100);
	send_data(&f, &conn, 100);
	assert_int_equal(stream->written, 100);
	mock_ring_init(&f.rings[RX], &f.ram, 2 * RX_SIZE, FEATURES);
	mock_mmio_enable_queue(f.dev, RX, &f.rings[RX]);
	fill_rx(&f, RX_SIZE);
	expect_data(&f, &conn, 100);
	vsock_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsock_tx_does_not_wait_for_rx),
		cmocka_unit_test(vsock_replies_are_bounded),
		cmocka_unit_test(vsock_connections_are_bounded),
		cmocka_unit_test(vsock_finds_each_of_many),
		cmocka_unit_test(vsock_reset_ends_connections),
		cmocka_unit_test(vsock_bytes_outlive_a_reset),
		cmocka_unit_test(vsock_destroyed_with_everything_open),
		cmocka_unit_test(vsock_queue_reset_spares_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
