/* SPDX-License-Identifier: MIT */
/*
 * What split and packed rings have in common: each test runs for both, with and without EVENT_IDX.
 */
#include "tests/unit/virtio_fixture.h"

static const uint64_t layouts[] = {
	MOCK_F_INDIRECT,
	MOCK_F_INDIRECT | MOCK_F_EVENT_IDX,
	MOCK_F_INDIRECT | MOCK_F_PACKED,
	MOCK_F_INDIRECT | MOCK_F_PACKED | MOCK_F_EVENT_IDX,
};

static void for_each_layout(uint16_t size, void (*test)(struct queue_fixture *f))
{
	for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct queue_fixture f;

		queue_setup(&f, size, layouts[i]);
		test(&f);
		assert_true(found_nothing());
		assert_int_equal(f.breaks, 0);
		queue_teardown(&f);
	}
}

/* Adds a chain of a readable and a writable buffer; what a request often is. */
static int add_request(struct queue_fixture *f, bool indirect)
{
	const struct mock_buffer buffers[] = { mock_buffer(&f->ram, 16, false, 0x11),
					       mock_buffer(&f->ram, 32, true, 0) };

	return indirect ? mock_ring_add_indirect(&f->ring, buffers, 2)
			: mock_ring_add(&f->ring, buffers, 2);
}

static void pop_one(struct queue_fixture *f)
{
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 1);
}

static void expect_used(struct queue_fixture *f, int head, uint32_t len)
{
	uint16_t used_head;
	uint32_t used_len;

	assert_true(mock_ring_collect(&f->ring, &used_head, &used_len));
	assert_int_equal(used_head, head);
	assert_int_equal(used_len, len);
}

static void expect_nothing_used(struct queue_fixture *f)
{
	uint16_t head;
	uint32_t len;

	assert_false(mock_ring_collect(&f->ring, &head, &len));
}

static void check_round_trips(struct queue_fixture *f)
{
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 0);
	/* Often enough to go round the ring, and round 16 bits. */
	for (unsigned i = 0; i < 66000; i++) {
		int head;

		/* Memory of the mock doesn't come back by itself. */
		f->ram.next = f->ring.areas[2] + 4096;
		head = add_request(f, i % 3 == 0);
		pop_one(f);
		assert_int_equal(f->chain.head, head);
		assert_int_equal(f->chain.out_len, 16);
		assert_int_equal(f->chain.in_len, 32);
		assert_int_equal(f->chain.nr_desc, 2);
		assert_int_equal(f->vq.in_flight, 1);
		assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 0);
		virtqueue_push(&f->vq, &f->chain, i % 33);
		assert_int_equal(f->vq.in_flight, 0);
		expect_used(f, head, i % 33);
		expect_nothing_used(f);
		virtqueue_start_batch(&f->vq);
	}
	assert_int_equal(recorded.pops, 66000);
	assert_int_equal(recorded.used, 66000);
}

static void ring_chains_go_round_and_round(void **state)
{
	(void)state;
	for_each_layout(4, check_round_trips);
}

static void check_contents(struct queue_fixture *f)
{
	struct mock_buffer buffers[] = {
		mock_buffer(&f->ram, 3, false, 0xa1),
		mock_buffer(&f->ram, 5, false, 0xa2),
		mock_buffer(&f->ram, 100, true, 0xb1),
		mock_buffer(&f->ram, 28, true, 0xb2),
	};
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	uint8_t bytes[256];

	assert_true(mock_ring_add(&f->ring, buffers, 4) >= 0);
	pop_one(f);
	assert_int_equal(f->chain.nr_out, 2);
	assert_int_equal(f->chain.nr_in, 2);
	assert_int_equal(virtq_chain_read(&f->chain, 0, bytes, sizeof(bytes)), 8);
	assert_memory_equal(bytes, "\xa1\xa1\xa1\xa2\xa2\xa2\xa2\xa2", 8);
	assert_int_equal(virtq_chain_read(&f->chain, 2, bytes, 2), 2);
	assert_memory_equal(bytes, "\xa1\xa2", 2);
	assert_int_equal(virtq_chain_read(&f->chain, 8, bytes, 1), 0);
	memset(bytes, 0xcc, sizeof(bytes));
	assert_int_equal(virtq_chain_write(&f->chain, 99, bytes, 2), 2);
	assert_int_equal(*(uint8_t *)mock_ram_at(&f->ram, buffers[2].gpa + 98), 0xb1);
	assert_int_equal(*(uint8_t *)mock_ram_at(&f->ram, buffers[2].gpa + 99), 0xcc);
	assert_int_equal(*(uint8_t *)mock_ram_at(&f->ram, buffers[3].gpa), 0xcc);
	assert_int_equal(*(uint8_t *)mock_ram_at(&f->ram, buffers[3].gpa + 1), 0xb2);
	assert_int_equal(virtq_chain_write(&f->chain, 120, bytes, 256), 8);
	assert_int_equal(virtq_chain_out_iov(&f->chain, 1, 3, pieces), 2);
	assert_int_equal(pieces[0].iov_len, 2);
	assert_int_equal(pieces[1].iov_len, 1);
	assert_ptr_equal(pieces[1].iov_base, mock_ram_at(&f->ram, buffers[1].gpa));
	assert_int_equal(virtq_chain_in_iov(&f->chain, 100, 1000, pieces), 1);
	assert_int_equal(pieces[0].iov_len, 28);
	assert_int_equal(virtq_chain_in_iov(&f->chain, 128, 1, pieces), 0);
	virtqueue_push(&f->vq, &f->chain, 128);
}

static void ring_chain_is_copied_from_and_to(void **state)
{
	(void)state;
	for_each_layout(8, check_contents);
}

/* Buffers of one packet: the driver sees none of them, then all. */
static void check_stages(struct queue_fixture *f)
{
	struct virtq_chain chains[3];
	int heads[3];

	/* Over the end of the ring, too. */
	for (unsigned round = 0; round < 5; round++) {
		f->ram.next = f->ring.areas[2] + 4096;
		for (unsigned i = 0; i < 3; i++) {
			heads[i] = add_request(f, i == 1);
			assert_int_equal(virtqueue_pop(&f->vq, &chains[i]), 1);
		}
		for (unsigned i = 0; i < 3; i++) {
			virtqueue_stage(&f->vq, &chains[i], 10 + i);
			expect_nothing_used(f);
		}
		assert_int_equal(f->vq.in_flight, 0);
		virtqueue_publish(&f->vq);
		for (unsigned i = 0; i < 3; i++)
			expect_used(f, heads[i], 10 + i);
		expect_nothing_used(f);
		virtqueue_publish(&f->vq);
		expect_nothing_used(f);
		virtqueue_start_batch(&f->vq);
	}
}

static void ring_chains_are_used_all_at_once(void **state)
{
	(void)state;
	for_each_layout(8, check_stages);
}

/* What was staged before a reset is forgotten with it. */
static void check_stage_and_reset(struct queue_fixture *f)
{
	uint64_t features = (f->ring.packed ? MOCK_F_PACKED : 0) | MOCK_F_INDIRECT;
	int head;

	(void)add_request(f, false);
	pop_one(f);
	virtqueue_stage(&f->vq, &f->chain, 1);
	virtqueue_reset(&f->vq);
	mock_ring_init(&f->ring, &f->ram, 8, features);
	assert_int_equal(enable(f, features), 0);
	virtqueue_publish(&f->vq);
	expect_nothing_used(f);
	virtqueue_stage(&f->vq, &f->chain, 1);
	virtqueue_publish(&f->vq);
	expect_nothing_used(f);
	head = add_request(f, false);
	pop_one(f);
	virtqueue_push(&f->vq, &f->chain, 7);
	expect_used(f, head, 7);
}

static void ring_staged_chains_end_with_a_reset(void **state)
{
	(void)state;
	for_each_layout(8, check_stage_and_reset);
}

static void check_longest(struct queue_fixture *f)
{
	struct mock_buffer buffers[8];
	int head;

	for (unsigned i = 0; i < 8; i++)
		buffers[i] = mock_buffer(&f->ram, 1, i >= 4, 0);
	head = mock_ring_add(&f->ring, buffers, 8);
	pop_one(f);
	assert_int_equal(f->chain.nr_desc, 8);
	virtqueue_push(&f->vq, &f->chain, 4);
	expect_used(f, head, 4);
	head = mock_ring_add_indirect(&f->ring, buffers, 8);
	pop_one(f);
	assert_int_equal(f->chain.nr_desc, 8);
	assert_int_equal(f->chain.nr_in, 4);
	virtqueue_push(&f->vq, &f->chain, 0);
	expect_used(f, head, 0);
}

static void ring_chain_of_queue_size_is_fine(void **state)
{
	(void)state;
	for_each_layout(8, check_longest);
}

static void check_out_of_order(struct queue_fixture *f)
{
	struct virtq_chain chains[4];
	int heads[4];

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 4; i++) {
			heads[i] = add_request(f, i & 1);
			assert_int_equal(virtqueue_pop(&f->vq, &chains[i]), 1);
		}
		assert_int_equal(f->vq.in_flight, 4);
		for (unsigned i = 0; i < 4; i++) {
			unsigned at = (i * 3 + 1) % 4;

			virtqueue_push(&f->vq, &chains[at], at);
			expect_used(f, heads[at], at);
		}
		expect_nothing_used(f);
		virtqueue_start_batch(&f->vq);
	}
}

static void ring_chains_complete_in_any_order(void **state)
{
	(void)state;
	for_each_layout(8, check_out_of_order);
}

static void check_undo(struct queue_fixture *f)
{
	int first, second;

	/* Begin near the end of the ring, so that undoing goes back over it. */
	for (unsigned i = 0; i < 2; i++) {
		add_request(f, true);
		pop_one(f);
		virtqueue_push(&f->vq, &f->chain, 0);
		expect_used(f, f->chain.head, 0);
	}
	first = add_request(f, false);
	second = add_request(f, true);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t seq;

		virtqueue_start_batch(&f->vq);
		pop_one(f);
		assert_int_equal(f->chain.head, first);
		seq = f->chain.seq;
		virtqueue_undo_pop(&f->vq, &f->chain);
		assert_int_equal(f->vq.in_flight, 0);
		assert_int_equal(f->vq.slots_in_flight, 0);
		pop_one(f);
		assert_int_equal(f->chain.head, first);
		assert_int_equal(f->chain.seq, seq);
		virtqueue_undo_pop(&f->vq, &f->chain);
	}
	virtqueue_start_batch(&f->vq);
	pop_one(f);
	virtqueue_push(&f->vq, &f->chain, 1);
	pop_one(f);
	assert_int_equal(f->chain.head, second);
	virtqueue_push(&f->vq, &f->chain, 2);
	expect_used(f, first, 1);
	expect_used(f, second, 2);
}

static void ring_undone_chain_comes_again(void **state)
{
	(void)state;
	for_each_layout(4, check_undo);
}

static void check_batch(struct queue_fixture *f)
{
	/* A guest that refills for ever. */
	for (unsigned i = 0; i < 4; i++) {
		assert_false(virtqueue_batch_ended(&f->vq));
		add_request(f, true);
		pop_one(f);
		virtqueue_push(&f->vq, &f->chain, 0);
		expect_used(f, f->chain.head, 0);
	}
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 0);
	assert_false(virtqueue_batch_ended(&f->vq));
	add_request(f, true);
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 0);
	assert_true(virtqueue_batch_ended(&f->vq));
	assert_false(virtqueue_enable_notify(&f->vq));
	virtqueue_start_batch(&f->vq);
	pop_one(f);
	virtqueue_push(&f->vq, &f->chain, 0);
	assert_false(virtqueue_enable_notify(&f->vq));
	assert_false(virtqueue_batch_ended(&f->vq));
}

static void ring_batch_is_bounded(void **state)
{
	(void)state;
	for_each_layout(4, check_batch);
}

static void check_notify(struct queue_fixture *f)
{
	for (unsigned i = 0; i < 20; i++) {
		virtqueue_start_batch(&f->vq);
		/* Not wanted.  With EVENT_IDX and split rings, it takes one to pass the index. */
		virtqueue_disable_notify(&f->vq);
		add_request(f, true);
		if (i > 0 || !f->ring.event_idx || f->ring.packed)
			assert_false(mock_ring_should_kick(&f->ring));
		/* The chain that came meanwhile must not be forgotten. */
		assert_true(virtqueue_enable_notify(&f->vq));
		pop_one(f);
		virtqueue_push(&f->vq, &f->chain, 0);
		expect_used(f, f->chain.head, 0);
		assert_false(virtqueue_enable_notify(&f->vq));
		(void)mock_ring_should_kick(&f->ring);
		/* Wanted: for the first, and with EVENT_IDX for no more. */
		add_request(f, true);
		assert_true(mock_ring_should_kick(&f->ring));
		add_request(f, true);
		assert_int_equal(mock_ring_should_kick(&f->ring), !f->ring.event_idx);
		for (unsigned j = 0; j < 2; j++) {
			pop_one(f);
			virtqueue_push(&f->vq, &f->chain, 0);
			expect_used(f, f->chain.head, 0);
		}
	}
}

static void ring_notifications_from_driver(void **state)
{
	(void)state;
	for_each_layout(8, check_notify);
}

static void complete_one(struct queue_fixture *f)
{
	add_request(f, true);
	virtqueue_start_batch(&f->vq);
	pop_one(f);
	virtqueue_push(&f->vq, &f->chain, 0);
}

static void check_signal(struct queue_fixture *f)
{
	assert_false(virtqueue_should_signal(&f->vq)); /* nothing to tell */
	if (!f->ring.event_idx || f->ring.packed) {
		mock_ring_want(&f->ring, MOCK_SIGNAL_NEVER);
		complete_one(f);
		assert_false(virtqueue_should_signal(&f->vq));
		mock_ring_want(&f->ring, MOCK_SIGNAL_ALWAYS);
		complete_one(f);
		assert_true(virtqueue_should_signal(&f->vq));
		expect_used(f, 0, 0);
		expect_used(f, 1, 0);
	}
	assert_false(virtqueue_should_signal(&f->vq)); /* once is enough */
	if (!f->ring.event_idx)
		return;
	for (unsigned i = 0; i < 50; i++) {
		uint16_t head;
		uint32_t len;

		mock_ring_want_after(&f->ring, 3);
		for (unsigned j = 0; j < 5; j++) {
			complete_one(f);
			assert_int_equal(virtqueue_should_signal(&f->vq), j == 2);
		}
		/* All at once, the event somewhere within. */
		while (mock_ring_collect(&f->ring, &head, &len))
			;
		mock_ring_want_after(&f->ring, 2);
		for (unsigned j = 0; j < 4; j++)
			complete_one(f);
		assert_true(virtqueue_should_signal(&f->vq));
		while (mock_ring_collect(&f->ring, &head, &len))
			;
		f->ram.next = f->ring.areas[2] + 4096;
	}
}

static void ring_signals_to_driver(void **state)
{
	(void)state;
	for_each_layout(8, check_signal);
}

static void check_stale(struct queue_fixture *f)
{
	struct virtq_chain old;
	uint64_t features = layouts[0] | (f->ring.packed ? MOCK_F_PACKED : 0);

	add_request(f, false);
	assert_int_equal(virtqueue_pop(&f->vq, &old), 1);
	virtqueue_reset(&f->vq);
	virtqueue_push(&f->vq, &old, 0);
	mock_ring_init(&f->ring, &f->ram, 8, features);
	assert_int_equal(enable(f, features), 0);
	virtqueue_push(&f->vq, &old, 0);
	virtqueue_undo_pop(&f->vq, &old);
	expect_nothing_used(f);
	assert_int_equal(f->vq.in_flight, 0);
	assert_false(virtqueue_should_signal(&f->vq));
	assert_int_equal(recorded.used, 0);
}

static void ring_chain_from_before_a_reset_is_ignored(void **state)
{
	(void)state;
	for_each_layout(8, check_stale);
}

static void ring_that_is_off_is_empty(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 4, 0);
	virtqueue_reset(&f.vq);
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 0);
	virtqueue_disable_notify(&f.vq);
	assert_false(virtqueue_enable_notify(&f.vq));
	assert_false(virtqueue_should_signal(&f.vq));
	assert_int_equal(virtqueue_avail_index(&f.vq), 0);
	queue_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_chains_go_round_and_round),
		cmocka_unit_test(ring_chain_is_copied_from_and_to),
		cmocka_unit_test(ring_chains_are_used_all_at_once),
		cmocka_unit_test(ring_staged_chains_end_with_a_reset),
		cmocka_unit_test(ring_chain_of_queue_size_is_fine),
		cmocka_unit_test(ring_chains_complete_in_any_order),
		cmocka_unit_test(ring_undone_chain_comes_again),
		cmocka_unit_test(ring_batch_is_bounded),
		cmocka_unit_test(ring_notifications_from_driver),
		cmocka_unit_test(ring_signals_to_driver),
		cmocka_unit_test(ring_chain_from_before_a_reset_is_ignored),
		cmocka_unit_test(ring_that_is_off_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
