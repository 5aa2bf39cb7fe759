/* SPDX-License-Identifier: MIT */
/* The socket device: connections, data, and their ends, with a driver that does what it should. */
#include "tests/unit/virtio_vsock_fixture.h"

#define RECEIVE VIRTIO_VSOCK_SHUTDOWN_RCV
#define SEND    VIRTIO_VSOCK_SHUTDOWN_SEND

static void vsock_configuration_is_the_cid(void **state)
{
	struct vsock_fixture f;
	uint32_t low = 0, high = 1;
	uint8_t byte = 0;

	(void)state;
	vsock_create(&f);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 19);
	assert_int_equal(mock_mmio_offered(f.dev) & 0xffffff, 1); /* streams */
	f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG, &low, 4);
	f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + 4, &high, 4);
	f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG, &byte, 1);
	assert_int_equal(low, CID);
	assert_int_equal(high, 0);
	assert_int_equal(byte, CID);
	vsock_start(&f, FEATURES);
	low = 7;
	f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG, &low, 4);
	f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG, &low, 4);
	assert_int_equal(low, CID);
	vsock_teardown(&f);
}

static void vsock_reserved_cids_are_refused(void **state)
{
	static const uint32_t reserved[] = { 0, 1, 2, UINT32_MAX };
	struct virtio_dev_config config = { .name = "virtio-vsock0" };
	struct virtio_dev *vdev = NULL;
	struct fake_vsock_host host;

	(void)state;
	fake_vsock_host_init(&host);
	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_int_equal(virtio_vsock_create(&config, reserved[i], &host.host, &vdev),
				 -EINVAL);
	assert_null(vdev);
	assert_int_equal(host.destroyed, 0);
}

static void exchange(struct vsock_fixture *f, struct guest_conn *conn,
		     struct fake_vsock_stream *stream)
{
	for (unsigned round = 0; round < 40; round++) {
		send_data(f, conn, 1 + round * 100);
		fake_vsock_send(stream, 1 + round * 300);
		expect_data(f, conn, 1 + round * 300);
		send_credit(f, conn);
	}
	assert_int_equal(stream->written, conn->sent);
	assert_int_equal(stream->sum, conn->sum);
}

static void vsock_guest_connects(void **state)
{
	static const uint64_t features[] = { FEATURES, FEATURES | MOCK_F_PACKED,
					     FEATURES | MOCK_F_EVENT_IDX };
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		vsock_create(&f);
		vsock_start(&f, features[i]);
		fill_rx(&f, RX_SIZE);
		stream = guest_connects(&f, &conn, 52);
		assert_int_equal(conn.peer_buf_alloc, HOST_BUF);
		assert_int_equal(conn.peer_fwd_cnt, 0);
		exchange(&f, &conn, stream);
		assert_true(found_nothing());
		vsock_teardown(&f);
	}
}

static void vsock_host_connects(void **state)
{
	struct fake_vsock_stream *stream, *other;
	struct guest_conn conn, second;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = host_connects(&f, &conn, 1234);
	other = host_connects(&f, &second, 1234);
	assert_int_equal(conn.host_port, FIRST_PORT);
	assert_int_equal(second.host_port, FIRST_PORT + 1);
	exchange(&f, &conn, stream);
	exchange(&f, &second, other);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

/* A program need not wait for the answer. */
static void vsock_host_sends_before_the_guest_accepts(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn = { .guest_port = 5, .host_port = FIRST_PORT };
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = fake_vsock_request(&f.host, 5);
	fake_vsock_send(stream, 100);
	fake_vsock_hang_up(stream);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST);
	assert_true(nothing_received(&f));
	conn.buf_alloc = GUEST_BUF;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RESPONSE, 0);
	expect_data(&f, &conn, 100);
	expect_shutdown(&f, &conn, RECEIVE | SEND);
	vsock_teardown(&f);
}

static void vsock_refusals(void **state)
{
	struct guest_conn conn = { .guest_port = 7, .host_port = 8 };
	struct fake_vsock_stream *stream;
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	/* Nobody can connect to a guest without a driver. */
	assert_null(fake_vsock_request(&f.host, 5));
	vsock_start(&f, FEATURES);
	fill_rx(&f, RX_SIZE);

	/* By the host. */
	f.host.connect_result = -ENOENT;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);

	/* By the guest. */
	stream = fake_vsock_request(&f.host, 5);
	conn = (struct guest_conn){ .guest_port = 5, .host_port = FIRST_PORT };
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_false(stream->open);
	assert_int_equal(stream->confirmed, 0);
	assert_true(nothing_received(&f));
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_host_takes_its_time_to_connect(void **state)
{
	struct guest_conn conn = { .guest_port = 7, .host_port = 8, .buf_alloc = GUEST_BUF };
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_result = -EINPROGRESS;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	assert_true(nothing_received(&f));
	fake_vsock_connected(fake_vsock_find(&f.host, 8), true);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RESPONSE);
	exchange(&f, &conn, fake_vsock_find(&f.host, 8));

	conn = (struct guest_conn){ .guest_port = 9, .host_port = 10 };
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	fake_vsock_connected(fake_vsock_find(&f.host, 10), false);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);
	assert_null(fake_vsock_find(&f.host, 10));

	/* The guest gives up first. */
	conn.host_port = 11;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_null(fake_vsock_find(&f.host, 11));
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

static void vsock_guest_that_does_not_answer(void **state)
{
	struct guest_conn conn = { .guest_port = 5, .host_port = FIRST_PORT };
	struct fake_vsock_stream *stream;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	assert_false(f.host.ticking);
	stream = fake_vsock_request(&f.host, 5);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST);
	fake_vsock_tick(&f.host, 99);
	assert_true(stream->open);
	fake_vsock_tick(&f.host, 1);
	assert_false(stream->open);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);
	/* Whatever it says now: it has its answer. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RESPONSE, 0);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);
	assert_false(f.host.ticking);
	vsock_teardown(&f);
}

static void vsock_guest_without_buffers_never_hears_of_a_request(void **state)
{
	struct fake_vsock_stream *stream;
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	stream = fake_vsock_request(&f.host, 5);
	fake_vsock_tick(&f.host, 1000);
	assert_false(stream->open);
	fill_rx(&f, RX_SIZE);
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

static void vsock_keeps_to_the_space_of_the_guest(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	fake_vsock_send(stream, 200000);
	expect_data(&f, &conn, GUEST_BUF);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	assert_true(nothing_received(&f));
	/* An answer without space is no reason to ask again at once, but later. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	fake_vsock_send(stream, 1);
	assert_true(nothing_received(&f));
	fake_vsock_tick(&f.host, 20);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	assert_true(nothing_received(&f));

	/* Any packet has news of it. */
	conn.fwd_cnt = 100;
	send_data(&f, &conn, 1);
	expect_data(&f, &conn, 100);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	/* The buffer shrinks below what is in it, and grows again. */
	conn.buf_alloc = 1000;
	conn.fwd_cnt = 200;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	assert_true(nothing_received(&f));
	conn.buf_alloc = 1000000;
	send_credit(&f, &conn);
	expect_data(&f, &conn, 200001 - conn.received);
	assert_true(nothing_received(&f));
	fake_vsock_tick(&f.host, 1);
	assert_false(f.host.ticking);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_keeps_bytes_until_the_host_takes_them(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 1000;
	stream = guest_connects(&f, &conn, 52);
	for (unsigned i = 0; i < HOST_BUF / TX_LEN; i++)
		send_data(&f, &conn, TX_LEN);
	assert_int_equal(stream->written, 1000);
	assert_true(nothing_received(&f));
	/* It may ask, and hears of what was taken. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	assert_int_equal(expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt, 1000);
	send_data(&f, &conn, 1000);
	/* It hears without asking once that is worth it, and not of each byte. */
	fake_vsock_take(stream, HOST_BUF / 4 - 1);
	assert_true(nothing_received(&f));
	fake_vsock_take(stream, 1);
	assert_int_equal(expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt,
			 1000 + HOST_BUF / 4);
	fake_vsock_take(stream, UINT32_MAX);
	assert_int_equal(expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt, conn.sent);
	assert_int_equal(stream->written, conn.sent);
	assert_int_equal(stream->sum, conn.sum);
	/* The ring wraps around. */
	stream->room = 10;
	for (unsigned i = 0; i < 30; i++) {
		send_data(&f, &conn, 50000);
		fake_vsock_take(stream, 49000 + i * 100);
		send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
		while (!nothing_received(&f))
			give_back(&f);
	}
	fake_vsock_take(stream, UINT32_MAX);
	assert_int_equal(stream->written, conn.sent);
	assert_int_equal(stream->sum, conn.sum);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_each_side_may_end_its_half(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	/* The guest first; what it had sent comes before the end. */
	f.host.connect_room = 0;
	stream = guest_connects(&f, &conn, 52);
	send_data(&f, &conn, 5000);
	send_shutdown(&f, &conn, SEND);
	assert_false(stream->shut_write);
	fake_vsock_take(stream, 5000);
	assert_true(stream->shut_write);
	assert_int_equal(stream->sum, conn.sum);
	fake_vsock_send(stream, 3000);
	expect_data(&f, &conn, 3000);
	fake_vsock_end(stream);
	expect_shutdown(&f, &conn, SEND);
	assert_true(stream->open);
	send_shutdown(&f, &conn, RECEIVE);
	assert_false(stream->open);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);

	/* The host first. */
	f.host.connect_room = UINT32_MAX;
	stream = guest_connects(&f, &conn, 53);
	fake_vsock_send(stream, 10);
	fake_vsock_end(stream);
	expect_data(&f, &conn, 10);
	expect_shutdown(&f, &conn, SEND);
	send_data(&f, &conn, 3000);
	assert_int_equal(stream->written, 3000);
	fake_vsock_hang_up(stream);
	expect_shutdown(&f, &conn, RECEIVE | SEND);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_false(stream->open);
	assert_true(nothing_received(&f));
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_guest_that_does_not_receive(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	send_shutdown(&f, &conn, RECEIVE);
	assert_true(stream->shut_read);
	fake_vsock_send(stream, 100);
	assert_true(nothing_received(&f));
	send_data(&f, &conn, 10);
	assert_int_equal(stream->written, 10);
	/* Hints are permanent: both together now. */
	send_shutdown(&f, &conn, SEND);
	assert_false(stream->open);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);

	/* Nobody reads what a program leaves behind for such a guest. */
	stream = guest_connects(&f, &conn, 53);
	send_shutdown(&f, &conn, RECEIVE);
	fake_vsock_hang_up(stream);
	expect_shutdown(&f, &conn, RECEIVE | SEND);
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

static void vsock_host_that_does_not_receive(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 100;
	stream = guest_connects(&f, &conn, 52);
	send_data(&f, &conn, 300);
	fake_vsock_stop(stream);
	fake_vsock_take(stream, 0);
	expect_shutdown(&f, &conn, RECEIVE);
	/* It cannot know yet; its space comes back nevertheless. */
	for (unsigned i = 0; i < 10; i++) {
		send_data(&f, &conn, 60000);
		send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
		assert_int_equal(expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt,
				 conn.sent);
	}
	assert_int_equal(stream->written, 100);
	fake_vsock_send(stream, 50);
	expect_data(&f, &conn, 50);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_end_by_the_host_is_overdue(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	fake_vsock_send(stream, 2 * GUEST_BUF);
	fake_vsock_hang_up(stream);
	/* That it takes nothing need not wait for what it sent. */
	expect_data(&f, &conn, GUEST_BUF);
	expect_shutdown(&f, &conn, RECEIVE);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	fake_vsock_tick(&f.host, 10);
	send_credit(&f, &conn);
	expect_data(&f, &conn, GUEST_BUF);
	expect_shutdown(&f, &conn, RECEIVE | SEND);
	assert_true(f.host.ticking);
	fake_vsock_tick(&f.host, 79);
	assert_true(stream->open && nothing_received(&f));
	fake_vsock_tick(&f.host, 1);
	assert_false(stream->open);
	(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_RST);
	/* The same ports may be used again. */
	(void)guest_connects(&f, &conn, 52);
	vsock_teardown(&f);
}

/* A program that crashes leaves no end, but an error. */
static void vsock_stream_that_breaks(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	stream->broken = true;
	fake_vsock_hang_up(stream);
	expect_shutdown(&f, &conn, RECEIVE | SEND);
	vsock_teardown(&f);
}

static void vsock_bytes_outlive_the_connection(void **state)
{
	struct fake_vsock_stream *stream, *other;
	struct guest_conn conn, again;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 0;
	stream = guest_connects(&f, &conn, 52);
	send_data(&f, &conn, 5000);
	send_shutdown(&f, &conn, RECEIVE | SEND);
	assert_true(nothing_received(&f));
	/* It does not wait for ever. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_true(stream->open);
	other = &f.host.streams[1];
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	again = conn;
	(void)expect_op(&f, &again, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(other->open);
	fake_vsock_take(stream, 4999);
	assert_true(stream->open);
	fake_vsock_take(stream, 1);
	assert_false(stream->open);
	assert_int_equal(stream->sum, conn.sum);
	assert_true(other->open);
	assert_true(nothing_received(&f));

	/* A program that closes its end ends that, too. */
	again.sent = again.sum = 0;
	send_data(&f, &again, 10);
	send_op(&f, &again, VIRTIO_VSOCK_OP_RST, 0);
	assert_true(other->open);
	fake_vsock_hang_up(other);
	assert_false(other->open);
	assert_true(nothing_received(&f));
	vsock_teardown(&f);
}

static void expect_traced(const char *operation, uint32_t len)
{
	assert_string_equal(recorded.last_operation, operation);
	assert_int_equal(recorded.last_guest_port, 1052);
	assert_int_equal(recorded.last_host_port, 52);
	assert_int_equal(recorded.last_len, len);
}

static void vsock_packets_are_traced(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	expect_traced("RESPONSE", 0);
	send_data(&f, &conn, 100);
	expect_traced("RW", 100);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	expect_traced("CREDIT_UPDATE", 0);
	assert_int_equal(recorded.packets[RX], 1);
	assert_int_equal(recorded.packets[TX], 3);
	/* A chain is taken only for a packet: nothing is popped in vain. */
	recorded.pops = 0;
	fake_vsock_send(stream, 10);
	expect_traced("RW", 10);
	fake_vsock_end(stream);
	expect_traced("SHUTDOWN", 0);
	assert_int_equal(recorded.pops, 2);
	send_op(&f, &conn, 77, 0);
	assert_int_equal(recorded.packets[TX], 4);
	expect_traced("RST", 0);
	vsock_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsock_configuration_is_the_cid),
		cmocka_unit_test(vsock_reserved_cids_are_refused),
		cmocka_unit_test(vsock_guest_connects),
		cmocka_unit_test(vsock_host_connects),
		cmocka_unit_test(vsock_host_sends_before_the_guest_accepts),
		cmocka_unit_test(vsock_refusals),
		cmocka_unit_test(vsock_host_takes_its_time_to_connect),
		cmocka_unit_test(vsock_guest_that_does_not_answer),
		cmocka_unit_test(vsock_guest_without_buffers_never_hears_of_a_request),
		cmocka_unit_test(vsock_keeps_to_the_space_of_the_guest),
		cmocka_unit_test(vsock_keeps_bytes_until_the_host_takes_them),
		cmocka_unit_test(vsock_each_side_may_end_its_half),
		cmocka_unit_test(vsock_guest_that_does_not_receive),
		cmocka_unit_test(vsock_host_that_does_not_receive),
		cmocka_unit_test(vsock_end_by_the_host_is_overdue),
		cmocka_unit_test(vsock_stream_that_breaks),
		cmocka_unit_test(vsock_bytes_outlive_the_connection),
		cmocka_unit_test(vsock_packets_are_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
