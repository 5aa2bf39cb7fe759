/* SPDX-License-Identifier: MIT */
/* The socket device before a driver that breaks the rules. */
#include "tests/unit/virtio_vsock_fixture.h"

#define SEND VIRTIO_VSOCK_SHUTDOWN_SEND

/* The connection is over, with a finding and an RST, and others can come. */
static void expect_violation(struct vsock_fixture *f, struct guest_conn *conn, const char *rule)
{
	assert_true(found_only(rule));
	(void)expect_op(f, conn, VIRTIO_VSOCK_OP_RST);
	assert_true(nothing_received(f));
	assert_int_equal(f->host.nr_open, 0);
	(void)guest_connects(f, conn, 52);
	send_op(f, conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_true(found_nothing());
}

/* Sends @op where it has no place. */
static void violate_state(struct vsock_fixture *f, struct guest_conn *conn, unsigned op)
{
	send_op(f, conn, op, 0);
	expect_violation(f, conn, "vsock-state");
}

static void vsock_operations_out_of_place(void **state)
{
	static const unsigned early[] = { VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_SHUTDOWN,
					  VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_OP_CREDIT_UPDATE,
					  VIRTIO_VSOCK_OP_CREDIT_REQUEST };
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	(void)guest_connects(&f, &conn, 52);
	violate_state(&f, &conn, VIRTIO_VSOCK_OP_REQUEST);
	(void)guest_connects(&f, &conn, 52);
	violate_state(&f, &conn, VIRTIO_VSOCK_OP_RESPONSE);
	(void)guest_connects(&f, &conn, 52);
	send_shutdown(&f, &conn, SEND);
	violate_state(&f, &conn, VIRTIO_VSOCK_OP_RW);
	for (unsigned i = 0; i < ARRAY_SIZE(early); i++) {
		/* In place of an answer to the host's request. */
		assert_non_null(fake_vsock_request(&f.host, 9));
		conn = (struct guest_conn){ .guest_port = 9, .host_port = FIRST_PORT + i };
		(void)expect_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST);
		violate_state(&f, &conn, early[i]);
		/* Before it has one to its own. */
		f.host.connect_result = -EINPROGRESS;
		conn = (struct guest_conn){ .guest_port = 9, .host_port = 52 };
		send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
		f.host.connect_result = 0;
		violate_state(&f, &conn, early[i]);
	}
	vsock_teardown(&f);
}

/* An answer to what it cannot have seen. */
static void vsock_answer_before_the_request(void **state)
{
	struct guest_conn conn = { .guest_port = 9, .host_port = FIRST_PORT };
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	assert_non_null(fake_vsock_request(&f.host, 9));
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RESPONSE, 0);
	fill_rx(&f, RX_SIZE);
	expect_violation(&f, &conn, "vsock-state");
	vsock_teardown(&f);
}

static void vsock_more_than_there_is_space(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	f.host.connect_room = 0;
	stream = guest_connects(&f, &conn, 52);
	for (unsigned i = 0; i < HOST_BUF / TX_LEN; i++)
		send_data(&f, &conn, TX_LEN);
	assert_true(found_nothing());
	send_data(&f, &conn, 1);
	assert_int_equal(stream->written, 0);
	expect_violation(&f, &conn, "vsock-credit");

	vsock_teardown(&f);
}

/* The host takes all of it at once, but the driver, with no buffer for the news, cannot know. */
static void vsock_more_than_it_knows_of(void **state)
{
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	fill_rx(&f, 1);
	(void)guest_connects(&f, &conn, 52);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	for (unsigned i = 0; i < HOST_BUF / TX_LEN; i++)
		send_data(&f, &conn, TX_LEN);
	assert_int_equal(fake_vsock_find(&f.host, 52)->written, HOST_BUF);
	assert_true(found_nothing());
	send_data(&f, &conn, 1);
	assert_true(found_only("vsock-credit"));
	assert_int_equal(f.host.nr_open, 0);
	vsock_teardown(&f);
}

static void vsock_receipt_of_what_was_not_sent(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn = { .guest_port = 1, .host_port = 2, .fwd_cnt = 1 };
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	send_op(&f, &conn, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect_violation(&f, &conn, "vsock-credit");
	stream = guest_connects(&f, &conn, 52);
	fake_vsock_send(stream, 100);
	expect_data(&f, &conn, 100);
	conn.fwd_cnt = 101;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	expect_violation(&f, &conn, "vsock-credit");
	vsock_teardown(&f);
}

static void vsock_lengths_and_operations_that_are_none(void **state)
{
	struct virtio_vsock_hdr hdr;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	for (unsigned known = 0; known < 2; known++) {
		static const uint32_t lengths[] = { 11, 12, UINT32_MAX, UINT32_MAX - 44 };

		for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
			conn = (struct guest_conn){ .guest_port = 1, .host_port = 2 };
			if (known)
				(void)guest_connects(&f, &conn, 52);
			hdr = header(&conn, VIRTIO_VSOCK_OP_RW);
			hdr.len = lengths[i];
			send_raw(&f, &hdr, 0, 10);
			expect_violation(&f, &conn, "vsock-length");
		}
		for (uint32_t op = 0; op <= UINT16_MAX; op = op ? op * 2 : 8) {
			conn = (struct guest_conn){ .guest_port = 1, .host_port = 2 };
			if (known)
				(void)guest_connects(&f, &conn, 52);
			send_op(&f, &conn, op, 0);
			expect_violation(&f, &conn, "vsock-op");
		}
	}
	/* Not all of the buffer needs to be payload. */
	(void)guest_connects(&f, &conn, 52);
	hdr = header(&conn, VIRTIO_VSOCK_OP_RW);
	hdr.len = 10;
	send_raw(&f, &hdr, 0, 100);
	assert_int_equal(fake_vsock_find(&f.host, 52)->written, 10);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_addresses_and_types_of_others(void **state)
{
	struct virtio_vsock_hdr hdr;
	struct packet packet;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	(void)guest_connects(&f, &conn, 52);
	hdr = header(&conn, VIRTIO_VSOCK_OP_RST);
	/* In the name of others: no answer reaches them. */
	for (uint64_t cid = 1; cid; cid <<= 8) {
		hdr.src_cid = CID ^ cid;
		send_raw(&f, &hdr, 0, 0);
		assert_true(found_only("vsock-cid"));
	}
	/* To others: nobody is there. */
	hdr = header(&conn, VIRTIO_VSOCK_OP_REQUEST);
	hdr.dst_cid = HOST | UINT64_C(1) << 32;
	send_raw(&f, &hdr, 0, 0);
	assert_true(receive(&f, &packet));
	assert_int_equal(packet.hdr.op, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(packet.hdr.src_cid, hdr.dst_cid);
	assert_true(found_nothing());
	/* 5.10.6.4.2: of an unknown type. */
	hdr = header(&conn, VIRTIO_VSOCK_OP_REQUEST);
	hdr.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	send_raw(&f, &hdr, 0, 0);
	assert_true(receive(&f, &packet));
	assert_int_equal(packet.hdr.op, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(packet.hdr.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
	assert_true(found_only("vsock-type"));
	/* An RST has no answer, or there was no end of it. */
	hdr.op = VIRTIO_VSOCK_OP_RST;
	send_raw(&f, &hdr, 0, 0);
	assert_true(found_only("vsock-type"));
	conn.guest_port++;
	send_op(&f, &conn, VIRTIO_VSOCK_OP_RST, 0);
	assert_true(nothing_received(&f));
	/* The connection has nothing to do with all that. */
	conn.guest_port--;
	send_data(&f, &conn, 10);
	assert_int_equal(fake_vsock_find(&f.host, 52)->written, 10);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_flags_that_mean_nothing(void **state)
{
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	(void)guest_connects(&f, &conn, 52);
	send_shutdown(&f, &conn, 0);
	assert_true(found_only("vsock-flags"));
	send_shutdown(&f, &conn, 4);
	assert_true(found_only("vsock-flags"));
	send_data(&f, &conn, 10);
	send_shutdown(&f, &conn, UINT32_MAX);
	expect_violation(&f, &conn, "vsock-flags");
	vsock_teardown(&f);
}

/* Offers @buffers in queue @q; Return: the used length. */
static uint32_t offer(struct vsock_fixture *f, unsigned q, const struct mock_buffer *buffers,
		      unsigned count)
{
	uint32_t len;
	uint16_t head;

	assert_true(mock_ring_add(&f->rings[q], buffers, count) >= 0);
	kick(f, q);
	assert_true(mock_ring_collect(&f->rings[q], &head, &len));
	return len;
}

static void vsock_buffers_of_wrong_kinds(void **state)
{
	struct guest_conn conn = { .guest_port = 1, .host_port = 2 };
	struct mock_buffer buffers[HDR_LEN + 1];
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	vsock_start(&f, FEATURES);
	/* Packets without a header, or with a part of it. */
	buffers[0] = mock_buffer(&f.ram, HDR_LEN - 1, false, 0);
	assert_int_equal(offer(&f, TX, buffers, 1), 0);
	assert_true(found_only("vsock-header"));
	buffers[0] = mock_buffer(&f.ram, 100, true, 0);
	assert_int_equal(offer(&f, TX, buffers, 1), 0);
	assert_int_equal(recorded.findings, 2);
	assert_string_equal(recorded.last_rule, "vsock-header");
	recorded.findings = 0;

	/* Buffers for packets: read-only, without room, with too little. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_SHUTDOWN, 0);
	buffers[0] = mock_buffer(&f.ram, 100, false, 0);
	assert_int_equal(offer(&f, RX, buffers, 1), 0);
	assert_int_equal(recorded.findings, 2);
	assert_string_equal(recorded.last_rule, "vsock-buffer");
	recorded.findings = 0;
	buffers[0] = mock_buffer(&f.ram, HDR_LEN, true, 0);
	assert_int_equal(offer(&f, RX, buffers, 1), 0);
	assert_true(found_only("vsock-buffer"));
	buffers[0] = mock_buffer(&f.ram, HDR_LEN + 1, true, 0);
	assert_int_equal(offer(&f, RX, buffers, 1), HDR_LEN);
	assert_true(found_nothing());

	/* A header in as many pieces as it has bytes is fine. */
	send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	for (unsigned i = 0; i < 30; i++)
		buffers[i] = mock_buffer(&f.ram, i ? 1 : HDR_LEN - 28, true, 0xee);
	assert_int_equal(offer(&f, RX, buffers, 30), HDR_LEN);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

/* A guest that writes small pieces into large descriptors, and gives one byte of room. */
static void vsock_small_buffers_carry_data(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	stream = guest_connects(&f, &conn, 52);
	for (unsigned i = 0; i < RX_SIZE; i++)
		send_op(&f, &conn, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	while (!nothing_received(&f))
		;
	fake_vsock_send(stream, 5);
	for (unsigned i = 0; i < 5; i++) {
		struct mock_buffer buffer = mock_buffer(&f.ram, HDR_LEN + 1, true, 0);
		const uint8_t *bytes = mock_ram_at(&f.ram, buffer.gpa);

		assert_int_equal(offer(&f, RX, &buffer, 1), HDR_LEN + 1);
		assert_int_equal(bytes[HDR_LEN], i);
	}
	assert_int_equal(stream->read, 5);
	vsock_teardown(&f);
}

static void vsock_broken_ring_needs_reset(void **state)
{
	struct fake_vsock_stream *stream;
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	for (unsigned q = RX; q <= TX; q++) {
		vsock_create(&f);
		vsock_start(&f, FEATURES);
		fill_rx(&f, 1);
		stream = guest_connects(&f, &conn, 52);
		fake_vsock_send(stream, 10);
		f.rings[q].avail->idx = 1000;
		if (q == RX)
			fake_vsock_send(stream, 10);
		else
			kick(&f, q);
		assert_true(found_only("avail-jump"));
		assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) &
			    VIRTIO_CONFIG_S_NEEDS_RESET);
		/* Nobody comes in any more. */
		assert_null(fake_vsock_request(&f.host, 5));
		if (stream->open)
			fake_vsock_send(stream, 10);
		vsock_start(&f, FEATURES);
		fake_vsock_woken(&f.host);
		assert_int_equal(f.host.nr_open, 0);
		fill_rx(&f, RX_SIZE);
		(void)guest_connects(&f, &conn, 52);
		assert_true(found_nothing());
		vsock_teardown(&f);
	}
}

static void vsock_notified_before_it_is_ready(void **state)
{
	struct guest_conn conn;
	struct vsock_fixture f;

	(void)state;
	vsock_create(&f);
	for (unsigned q = 0; q < NR_QUEUES; q++) {
		kick(&f, q);
		assert_true(found_only("notify-early"));
	}
	vsock_start(&f, FEATURES);
	kick(&f, NR_QUEUES);
	assert_true(found_only("notify-queue"));
	for (unsigned q = 0; q < NR_QUEUES; q++)
		kick(&f, q);
	fill_rx(&f, RX_SIZE);
	(void)guest_connects(&f, &conn, 52);
	assert_true(found_nothing());
	vsock_teardown(&f);
}

static void vsock_configuration_in_every_width(void **state)
{
	uint8_t bytes[9];
	struct vsock_fixture f;

	(void)state;
	vsock_setup(&f);
	for (unsigned off = 0; off < 12; off++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(bytes, 0x5a, sizeof(bytes));
			f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
			for (unsigned i = 0; i < len; i++)
				assert_int_equal(bytes[i], off + i == 0 ? CID : 0);
			assert_int_equal(bytes[len], 0x5a);
			f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
		}
	}
	vsock_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsock_operations_out_of_place),
		cmocka_unit_test(vsock_answer_before_the_request),
		cmocka_unit_test(vsock_more_than_there_is_space),
		cmocka_unit_test(vsock_more_than_it_knows_of),
		cmocka_unit_test(vsock_receipt_of_what_was_not_sent),
		cmocka_unit_test(vsock_lengths_and_operations_that_are_none),
		cmocka_unit_test(vsock_addresses_and_types_of_others),
		cmocka_unit_test(vsock_flags_that_mean_nothing),
		cmocka_unit_test(vsock_buffers_of_wrong_kinds),
		cmocka_unit_test(vsock_small_buffers_carry_data),
		cmocka_unit_test(vsock_broken_ring_needs_reset),
		cmocka_unit_test(vsock_notified_before_it_is_ready),
		cmocka_unit_test(vsock_configuration_in_every_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
