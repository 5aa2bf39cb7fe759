/* SPDX-License-Identifier: MIT */
/* The memory balloon's statistics: the queue that works backwards. */
#include "tests/unit/virtio_balloon_fixture.h"

struct answers {
	unsigned count;
	int error;
	struct virtio_balloon_stats stats;
};

static void on_stats(void *ctx, int error, const struct virtio_balloon_stats *stats)
{
	struct answers *answers = ctx;

	answers->count++;
	answers->error = error;
	if (stats)
		answers->stats = *stats;
}

static int request(struct balloon_fixture *f, struct answers *answers)
{
	return virtio_balloon_request_stats(f->vdev, on_stats, answers);
}

/* The driver offers a buffer with two entries: free memory, and one that nobody knows. */
static int offer_stats(struct balloon_fixture *f, uint64_t free_memory)
{
	const struct virtio_balloon_stat entries[] = { { 99, 1 },
						       { VIRTIO_BALLOON_S_MEMFREE, free_memory } };
	struct mock_buffer buffer = mock_buffer(&f->ram, sizeof(entries), false, 0);

	memcpy(mock_ram_at(&f->ram, buffer.gpa), entries, sizeof(entries));
	return balloon_offer(f, STATS, &buffer, 1);
}

static void stats_are_asked_for_and_come(void **state)
{
	struct answers answers = { 0 };
	struct balloon_fixture f;
	int head;

	(void)state;
	balloon_setup(&f);
	head = offer_stats(&f, 1);
	/* Nobody has asked: the buffer stays. */
	assert_true(nothing_used(&f, STATS));
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(request(&f, &answers), 0);
		assert_int_equal(answers.count, i - 1);
		expect_used(&f, STATS, head);
		head = offer_stats(&f, 1000 * i);
		assert_int_equal(answers.count, i);
		assert_int_equal(answers.error, 0);
		assert_int_equal(answers.stats.valid, 1u << VIRTIO_BALLOON_S_MEMFREE);
		assert_int_equal(answers.stats.values[VIRTIO_BALLOON_S_MEMFREE], 1000 * i);
		assert_true(nothing_used(&f, STATS));
	}
	assert_true(found_nothing());
	balloon_teardown(&f);
}

static void stats_in_any_order_and_number(void **state)
{
	struct virtio_balloon_stat entries[VIRTIO_BALLOON_S_NR];
	struct answers answers = { 0 };
	struct mock_buffer buffer;
	struct balloon_fixture f;

	(void)state;
	balloon_setup(&f);
	(void)offer_stats(&f, 1);
	assert_int_equal(request(&f, &answers), 0);
	for (unsigned i = 0; i < VIRTIO_BALLOON_S_NR; i++)
		entries[i] = (struct virtio_balloon_stat){ (uint16_t)(VIRTIO_BALLOON_S_NR - 1 - i),
							   UINT64_MAX - i };
	buffer = mock_buffer(&f.ram, sizeof(entries), false, 0);
	memcpy(mock_ram_at(&f.ram, buffer.gpa), entries, sizeof(entries));
	(void)balloon_offer(&f, STATS, &buffer, 1);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.stats.valid, (1u << VIRTIO_BALLOON_S_NR) - 1);
	for (unsigned i = 0; i < VIRTIO_BALLOON_S_NR; i++)
		assert_int_equal(answers.stats.values[VIRTIO_BALLOON_S_NR - 1 - i], UINT64_MAX - i);
	balloon_teardown(&f);
}

static void stats_have_names(void **state)
{
	(void)state;
	assert_int_equal(VIRTIO_BALLOON_NR_STATS, VIRTIO_BALLOON_S_NR);
	for (unsigned i = 0; i < VIRTIO_BALLOON_NR_STATS; i++)
		assert_non_null(virtio_balloon_stat_info(i)->name);
	assert_string_equal(virtio_balloon_stat_info(VIRTIO_BALLOON_S_MEMFREE)->name,
			    "free_memory");
	assert_true(virtio_balloon_stat_info(VIRTIO_BALLOON_S_CACHES)->is_bytes);
	assert_false(virtio_balloon_stat_info(VIRTIO_BALLOON_S_HTLB_PGFAIL)->is_bytes);
}

/* Before the driver has left its first buffer, there is nothing to ask with. */
static void stats_wait_for_the_first_buffer(void **state)
{
	struct answers answers = { 0 };
	struct balloon_fixture f;
	int head;

	(void)state;
	balloon_setup(&f);
	assert_int_equal(request(&f, &answers), 0);
	head = offer_stats(&f, 1);
	expect_used(&f, STATS, head);
	assert_int_equal(answers.count, 0);
	(void)offer_stats(&f, 2);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.stats.values[VIRTIO_BALLOON_S_MEMFREE], 2);
	balloon_teardown(&f);
}

static void stats_without_a_driver(void **state)
{
	struct answers answers = { 0 };
	struct balloon_fixture f;

	(void)state;
	balloon_create(&f, NULL);
	assert_int_equal(request(&f, &answers), -ENOTCONN);
	balloon_start(&f, MOCK_F_VERSION_1);
	assert_int_equal(request(&f, &answers), -EOPNOTSUPP);
	balloon_start(&f, BALLOON_FEATURES);
	assert_int_equal(request(&f, &answers), 0);
	assert_int_equal(request(&f, &answers), -EBUSY);
	f.rings[INFLATE].avail->idx = 100;
	balloon_kick(&f, INFLATE);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS), 0x4f);
	/* What the broken one owes comes when it goes. */
	assert_int_equal(answers.count, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.error, -ECANCELED);
	assert_int_equal(request(&f, &answers), -ENOTCONN);
	assert_int_equal(answers.count, 1);
	balloon_teardown(&f);
}

static void stats_end_with_the_driver(void **state)
{
	struct answers answers = { 0 };
	struct balloon_fixture f;
	int head;

	(void)state;
	balloon_setup(&f);
	head = offer_stats(&f, 1);
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, head);
	/* A reset of the one queue is the end of the question, too. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, STATS);
	mock_mmio_write(f.dev, 0x0c0, 1);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.error, -ECANCELED);
	assert_int_equal(request(&f, &answers), -EOPNOTSUPP);

	balloon_start(&f, BALLOON_FEATURES);
	head = offer_stats(&f, 5);
	assert_true(nothing_used(&f, STATS));
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, head);
	/* So is the end of the device. */
	balloon_teardown(&f);
	assert_int_equal(answers.count, 2);
	assert_int_equal(answers.error, -ECANCELED);
}

static void stats_cancelled(void **state)
{
	struct answers first = { 0 }, second = { 0 };
	struct balloon_fixture f;
	int head;

	(void)state;
	balloon_setup(&f);
	/* Before there was a buffer to ask with. */
	assert_int_equal(request(&f, &first), 0);
	virtio_balloon_cancel_stats(f.vdev);
	head = offer_stats(&f, 1);
	assert_true(nothing_used(&f, STATS));
	/* After the question: the answer is for who asks next. */
	assert_int_equal(request(&f, &first), 0);
	expect_used(&f, STATS, head);
	virtio_balloon_cancel_stats(f.vdev);
	assert_int_equal(request(&f, &second), 0);
	head = offer_stats(&f, 2);
	assert_int_equal(second.count, 1);
	assert_int_equal(second.stats.values[VIRTIO_BALLOON_S_MEMFREE], 2);
	/* Or for nobody. */
	assert_int_equal(request(&f, &first), 0);
	expect_used(&f, STATS, head);
	virtio_balloon_cancel_stats(f.vdev);
	(void)offer_stats(&f, 3);
	assert_int_equal(first.count, 0);
	assert_int_equal(second.count, 1);
	balloon_teardown(&f);
}

/* 5.5.6.3.1: at most one at all times. */
static void stats_buffers_too_many(void **state)
{
	struct answers answers = { 0 };
	struct balloon_fixture f;
	int first, second;

	(void)state;
	balloon_setup(&f);
	first = offer_stats(&f, 1);
	second = offer_stats(&f, 2);
	assert_true(found_only("balloon-stats"));
	expect_used(&f, STATS, second);
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, first);
	balloon_teardown(&f);
}

static void stats_malformed(void **state)
{
	struct answers answers = { 0 };
	struct mock_buffer buffers[2];
	struct balloon_fixture f;
	int head;

	(void)state;
	balloon_setup(&f);
	head = offer_stats(&f, 1);
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, head);
	/* Half an entry. */
	buffers[0] = mock_buffer(&f.ram, 5, false, 0);
	head = balloon_offer(&f, STATS, buffers, 1);
	assert_true(found_only("balloon-length"));
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.stats.valid, 0);
	/* Nothing to read at all. */
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, head);
	buffers[0] = mock_buffer(&f.ram, 20, true, 0x55);
	head = balloon_offer(&f, STATS, buffers, 1);
	assert_true(found_only("balloon-direction"));
	assert_int_equal(answers.count, 2);
	assert_int_equal(answers.stats.valid, 0);
	/* More than anybody can have to say. */
	assert_int_equal(request(&f, &answers), 0);
	expect_used(&f, STATS, head);
	buffers[0] = mock_buffer(&f.ram, 30000, false, 0);
	buffers[1] = buffers[0];
	(void)balloon_offer(&f, STATS, buffers, 2);
	assert_int_equal(answers.count, 3);
	assert_int_equal(answers.stats.valid, 1);
	assert_true(found_nothing());
	balloon_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats_are_asked_for_and_come),
		cmocka_unit_test(stats_in_any_order_and_number),
		cmocka_unit_test(stats_have_names),
		cmocka_unit_test(stats_wait_for_the_first_buffer),
		cmocka_unit_test(stats_without_a_driver),
		cmocka_unit_test(stats_end_with_the_driver),
		cmocka_unit_test(stats_cancelled),
		cmocka_unit_test(stats_buffers_too_many),
		cmocka_unit_test(stats_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
