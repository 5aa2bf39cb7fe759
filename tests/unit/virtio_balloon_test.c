/* SPDX-License-Identifier: MIT */
/* The memory balloon: inflating, deflating, free page reports, configuration. */
#include "tests/unit/virtio_balloon_fixture.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/loop_fixture.h"

/* In place of libc's: what the device asks of the host, and what it gets. */
static unsigned nr_madvise;
static int madvise_errno;

int madvise(void *addr, size_t len, int advice)
{
	nr_madvise++;
	if (madvise_errno) {
		errno = madvise_errno;
		return -1;
	}
	return (int)syscall(SYS_madvise, addr, len, advice);
}

static struct virtio_balloon_state state_of(struct balloon_fixture *f)
{
	struct virtio_balloon_state state;

	virtio_balloon_get_state(f->vdev, &state);
	return state;
}

static void balloon_offers_what_it_can(void **state)
{
	struct balloon_fixture f;
	uint64_t offered;

	(void)state;
	balloon_create(&f, NULL);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 5);
	offered = mock_mmio_offered(f.dev);
	assert_int_equal(offered & 0xffffff,
			 BALLOON_FEATURE(STATS_VQ) | BALLOON_FEATURE(DEFLATE_ON_OOM) |
				 BALLOON_FEATURE(PAGE_POISON) | BALLOON_FEATURE(REPORTING));
	assert_false(state_of(&f).has_driver);
	balloon_teardown(&f);
}

static void balloon_inflates_runs(void **state)
{
	struct balloon_fixture f;
	uint32_t pages[64];

	(void)state;
	balloon_setup(&f);
	/* A run downwards, as an allocator gives them. */
	for (unsigned i = 0; i < 64; i++)
		pages[i] = FIRST_PAGE + 70 - i;
	nr_madvise = 0;
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, pages, 64));
	assert_given_back(&f, FIRST_PAGE + 7, 64);
	assert_int_equal(nr_madvise, 1);
	assert_int_equal(state_of(&f).inflated, 64 * PAGE);
	assert_true(state_of(&f).has_driver);
	/* They are there again when the guest touches them, told or not. */
	fill_pages(&f);
	expect_used(&f, DEFLATE, offer_pages(&f, DEFLATE, pages, 64));
	assert_given_back(&f, 0, 0);
	assert_int_equal(nr_madvise, 1);
	assert_true(found_nothing());
	balloon_teardown(&f);
}

static void balloon_inflates_what_is_scattered(void **state)
{
	const uint32_t pages[] = { FIRST_PAGE + 9, FIRST_PAGE + 3, FIRST_PAGE + 4,
				   FIRST_PAGE + 9, FIRST_PAGE,     FIRST_PAGE + 5 };
	struct balloon_fixture f;

	(void)state;
	balloon_setup(&f);
	nr_madvise = 0;
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, pages, ARRAY_SIZE(pages)));
	/* A page that is named twice is one page. */
	assert_int_equal(nr_madvise, 3);
	assert_int_equal(state_of(&f).inflated, 5 * PAGE);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		assert_int_equal(is_given_back(&f, FIRST_PAGE + i),
				 i == 0 || i == 3 || i == 4 || i == 5 || i == 9);
	balloon_teardown(&f);
}

/* Where descriptors end means nothing (2.7.4): here, in the midst of a number. */
static void balloon_array_in_pieces(void **state)
{
	const uint32_t pages[] = { FIRST_PAGE + 1, FIRST_PAGE + 2 };
	struct balloon_fixture f;
	struct mock_buffer buffers[3];
	const uint8_t *bytes = (const uint8_t *)pages;

	(void)state;
	balloon_setup(&f);
	buffers[0] = mock_buffer(&f.ram, 3, false, 0);
	buffers[1] = mock_buffer(&f.ram, 3, false, 0);
	buffers[2] = mock_buffer(&f.ram, 2, false, 0);
	memcpy(mock_ram_at(&f.ram, buffers[0].gpa), bytes, 3);
	memcpy(mock_ram_at(&f.ram, buffers[1].gpa), bytes + 3, 3);
	memcpy(mock_ram_at(&f.ram, buffers[2].gpa), bytes + 6, 2);
	expect_used(&f, INFLATE, balloon_offer(&f, INFLATE, buffers, 3));
	assert_given_back(&f, FIRST_PAGE + 1, 2);
	balloon_teardown(&f);
}

static void balloon_pages_elsewhere_are_found(void **state)
{
	const uint32_t end = (uint32_t)((MOCK_RAM_BASE + MOCK_RAM_SIZE) / PAGE);
	const uint32_t pages[] = { 0,   FIRST_PAGE, UINT32_MAX,
				   end, end - 1,    (uint32_t)(MOCK_RAM_BASE / PAGE) - 1 };
	struct balloon_fixture f;

	(void)state;
	balloon_setup(&f);
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, pages, ARRAY_SIZE(pages)));
	/* One finding, however many they are; the others are given back. */
	assert_int_equal(recorded.last_detail, pages[5]);
	assert_true(found_only("balloon-page"));
	assert_true(is_given_back(&f, FIRST_PAGE));
	assert_true(is_given_back(&f, end - 1));
	assert_int_equal(state_of(&f).inflated, 2 * PAGE);
	expect_used(&f, DEFLATE, offer_pages(&f, DEFLATE, pages, 1));
	assert_true(found_only("balloon-page"));
	balloon_teardown(&f);
}

static void balloon_buffers_of_a_wrong_kind_are_found(void **state)
{
	const uint32_t page = FIRST_PAGE;
	struct balloon_fixture f;
	struct mock_buffer buffers[2];

	(void)state;
	balloon_setup(&f);
	buffers[0] = mock_buffer(&f.ram, 7, false, 0);
	memcpy(mock_ram_at(&f.ram, buffers[0].gpa), &page, sizeof(page));
	expect_used(&f, INFLATE, balloon_offer(&f, INFLATE, buffers, 1));
	assert_true(found_only("balloon-length"));
	assert_given_back(&f, FIRST_PAGE, 1);

	buffers[0] = mock_buffer(&f.ram, 3, false, 0xff);
	expect_used(&f, DEFLATE, balloon_offer(&f, DEFLATE, buffers, 1));
	assert_true(found_only("balloon-length"));

	buffers[0] = mock_buffer(&f.ram, 16, true, 0x11);
	expect_used(&f, INFLATE, balloon_offer(&f, INFLATE, buffers, 1));
	assert_true(found_only("balloon-direction"));
	assert_memory_equal(mock_ram_at(&f.ram, buffers[0].gpa), "\x11\x11\x11\x11", 4);

	buffers[0] = mock_buffer(&f.ram, 16, false, 0x11);
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, buffers, 1));
	assert_true(found_only("balloon-direction"));
	balloon_teardown(&f);
}

static struct mock_buffer report_of(uint32_t page, unsigned count)
{
	return (struct mock_buffer){ (uint64_t)page * PAGE, count * PAGE, true };
}

static void balloon_takes_reports(void **state)
{
	struct balloon_fixture f;
	struct mock_buffer buffers[3];

	(void)state;
	balloon_setup(&f);
	buffers[0] = report_of(FIRST_PAGE + 20, 10);
	buffers[1] = report_of(FIRST_PAGE + 40, 1);
	buffers[2] = report_of(FIRST_PAGE + 30, 10);
	nr_madvise = 0;
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, buffers, 3));
	assert_given_back(&f, FIRST_PAGE + 20, 21);
	assert_int_equal(nr_madvise, 3);
	assert_int_equal(state_of(&f).reported, 21 * PAGE);
	assert_int_equal(state_of(&f).inflated, 0);
	assert_true(found_nothing());
	balloon_teardown(&f);
}

static void balloon_reports_of_parts_of_pages(void **state)
{
	struct balloon_fixture f;
	struct mock_buffer buffer = report_of(FIRST_PAGE + 5, 2);

	(void)state;
	balloon_setup(&f);
	/* From the middle of one page to the middle of another, two after. */
	buffer.gpa += 2048;
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, &buffer, 1));
	assert_int_equal(recorded.last_detail, buffer.gpa);
	assert_true(found_only("balloon-report"));
	assert_given_back(&f, FIRST_PAGE + 6, 1);
	/* Within one page. */
	buffer.len = 100;
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, &buffer, 1));
	assert_true(found_only("balloon-report"));
	buffer.gpa = (uint64_t)FIRST_PAGE * PAGE + 1;
	buffer.len = PAGE - 1;
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, &buffer, 1));
	assert_true(found_only("balloon-report"));
	assert_given_back(&f, FIRST_PAGE + 6, 1);
	balloon_teardown(&f);
}

/* Linux numbers the queues of the features it accepted without gaps. */
static void balloon_report_queue_without_gaps(void **state)
{
	const struct {
		uint64_t features;
		unsigned q;
	} ways[] = {
		{ BALLOON_FEATURES, FREE_PAGE },
		{ BALLOON_FEATURES & ~BALLOON_FEATURE(STATS_VQ), STATS },
	};
	struct mock_buffer buffer = report_of(FIRST_PAGE, 3);
	struct balloon_fixture f;

	(void)state;
	balloon_create(&f, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		unsigned q = ways[i].q;

		f.ram.next = MOCK_RAM_BASE;
		mock_ring_init(&f.rings[q], &f.ram, 8, ways[i].features);
		fill_pages(&f);
		assert_true(mock_mmio_negotiate(f.dev, ways[i].features));
		mock_mmio_enable_queue(f.dev, q, &f.rings[q]);
		mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0xf);
		assert_int_equal(recorded.last_detail, q);
		assert_true(found_only("balloon-queue"));
		expect_used(&f, q, balloon_offer(&f, q, &buffer, 1));
		assert_true(found_nothing());
		assert_given_back(&f, FIRST_PAGE, 3);
	}
	balloon_teardown(&f);
}

static void balloon_queue_without_its_feature(void **state)
{
	const uint64_t features = MOCK_F_VERSION_1;
	struct mock_buffer buffer = report_of(FIRST_PAGE, 3);
	struct balloon_fixture f;

	(void)state;
	balloon_create(&f, NULL);
	for (unsigned q = STATS; q < NR_QUEUES; q++) {
		balloon_start(&f, features);
		assert_true(mock_mmio_negotiate(f.dev, features));
		mock_mmio_enable_queue(f.dev, q, &f.rings[q]);
		mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0xf);
		assert_true(found_only("balloon-queue"));
		expect_used(&f, q, balloon_offer(&f, q, &buffer, 1));
		assert_true(found_only("balloon-queue"));
		assert_given_back(&f, 0, 0);
	}
	balloon_teardown(&f);
}

/* 5.5.6.7.2: what is reported must not change to anything but poison_val. */
static void balloon_poison_keeps_reports(void **state)
{
	const uint64_t features = BALLOON_FEATURES | BALLOON_FEATURE(PAGE_POISON);
	const uint32_t page = FIRST_PAGE;
	struct mock_buffer buffer = report_of(FIRST_PAGE + 1, 3);
	struct balloon_fixture f;

	(void)state;
	balloon_create(&f, NULL);
	assert_true(mock_mmio_negotiate(f.dev, features));
	WRITE_CONFIG(&f, poison_val, 0xabababab);
	balloon_start(&f, features);
	/* Of the driver before, which is gone. */
	assert_int_equal(CONFIG(&f, poison_val), 0);
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, &buffer, 1));
	assert_given_back(&f, FIRST_PAGE + 1, 3);

	/* After DRIVER_OK it is late, but heeded. */
	fill_pages(&f);
	WRITE_CONFIG(&f, poison_val, 0xabababab);
	assert_true(found_only("balloon-poison"));
	WRITE_CONFIG(&f, poison_val, 0xabababab);
	assert_true(found_nothing());
	expect_used(&f, REPORT, balloon_offer(&f, REPORT, &buffer, 1));
	assert_given_back(&f, 0, 0);
	/* What is in the balloon is the device's all the same. */
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, &page, 1));
	assert_given_back(&f, FIRST_PAGE, 1);
	balloon_teardown(&f);
}

static void balloon_target_reaches_the_driver(void **state)
{
	struct balloon_fixture f;

	(void)state;
	balloon_create(&f, NULL);
	/* For a driver to come. */
	assert_int_equal(virtio_balloon_set_target(f.vdev, 100), 0);
	assert_int_equal(f.irq.rises, 0);
	balloon_start(&f, BALLOON_FEATURES);
	assert_int_equal(CONFIG(&f, num_pages), 100);
	assert_int_equal(virtio_balloon_set_target(f.vdev, 50), 0);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(CONFIG(&f, num_pages), 50);
	WRITE_CONFIG(&f, actual, 50);
	assert_int_equal(state_of(&f).actual, 50);
	assert_int_equal(CONFIG(&f, actual), 50);

	assert_int_equal(virtio_balloon_set_target(f.vdev, MOCK_RAM_SIZE / PAGE + 1), -ERANGE);
	assert_int_equal(virtio_balloon_set_target(f.vdev, UINT64_C(1) << 32), -ERANGE);
	assert_int_equal(state_of(&f).target, 50);
	assert_int_equal(mock_mmio_acknowledge(f.dev), 0);
	assert_int_equal(virtio_balloon_set_target(f.vdev, MOCK_RAM_SIZE / PAGE), 0);

	/* A driver that starts anew has an empty balloon, and the same target. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(state_of(&f).actual, 0);
	assert_false(state_of(&f).has_driver);
	assert_int_equal(state_of(&f).target, MOCK_RAM_SIZE / PAGE);
	balloon_teardown(&f);
}

static void balloon_configuration_of_every_width(void **state)
{
	const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct balloon_fixture f;
	uint8_t bytes[8];

	(void)state;
	balloon_setup(&f);
	assert_int_equal(virtio_balloon_set_target(f.vdev, 1), 0);
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned off = 0; off < 24; off++) {
			f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + off, ones, len);
			f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
		}
	}
	/* The driver's field, and no other; poison_val is none of its without the feature. */
	assert_int_equal(CONFIG(&f, num_pages), 1);
	assert_int_equal(CONFIG(&f, actual), 0xffffffff);
	assert_int_equal(CONFIG(&f, free_page_hint_cmd_id), 0);
	assert_int_equal(CONFIG(&f, poison_val), 0);
	recorded.findings = 0;
	WRITE_CONFIG(&f, num_pages, 7);
	assert_true(found_only("balloon-config"));
	f.dev->ops->write(f.dev, VIRTIO_MMIO_CONFIG + 6, "\1\2", 2);
	assert_true(found_nothing());
	assert_int_equal(CONFIG(&f, actual), 0x0201ffff);
	balloon_teardown(&f);
}

static void balloon_host_that_refuses(void **state)
{
	const uint32_t page = FIRST_PAGE;
	struct balloon_fixture f;

	(void)state;
	balloon_setup(&f);
	madvise_errno = EINVAL;
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, &page, 1));
	madvise_errno = 0;
	assert_int_equal(state_of(&f).inflated, 0);
	assert_int_equal(state_of(&f).failures, 1);
	balloon_teardown(&f);
}

static void balloon_malformed_ring_needs_reset(void **state)
{
	const uint32_t page = FIRST_PAGE;
	struct balloon_fixture f;

	(void)state;
	balloon_setup(&f);
	f.rings[REPORT].avail->idx = 100;
	balloon_kick(&f, REPORT);
	assert_true(found_only("avail-jump"));
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	balloon_start(&f, BALLOON_FEATURES);
	expect_used(&f, INFLATE, offer_pages(&f, INFLATE, &page, 1));
	assert_given_back(&f, FIRST_PAGE, 1);
	balloon_teardown(&f);
}

#define PIECE_LEN 16384u

/* A chain with far more page numbers than there are pages: the same ones, many times over. */
static int offer_many(struct balloon_fixture *f, unsigned q)
{
	struct mock_buffer buffers[32] = { { mock_ram_alloc(&f->ram, PIECE_LEN, 4), PIECE_LEN,
					     false } };
	uint32_t *pages = mock_ram_at(&f->ram, buffers[0].gpa);

	for (unsigned i = 0; i < PIECE_LEN / sizeof(*pages); i++)
		pages[i] = FIRST_PAGE + i * 2 % NR_PAGES;
	for (unsigned i = 1; i < 32; i++)
		buffers[i] = buffers[0];
	return balloon_offer(f, q, buffers, 32);
}

static void balloon_turns_are_bounded(void **state)
{
	const unsigned numbers = 32 * PIECE_LEN / sizeof(uint32_t);
	struct balloon_fixture f;
	struct loop *loop;
	unsigned turns = 0;
	int head;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	balloon_create(&f, loop);
	balloon_start(&f, BALLOON_FEATURES);
	loop_turn(loop);
	head = offer_many(&f, INFLATE);
	while (f.rings[INFLATE].used->idx == 0) {
		nr_madvise = 0;
		loop_turn(loop);
		turns++;
		assert_true(nr_madvise <= 1024);
		assert_true(turns <= numbers);
	}
	assert_true(turns >= numbers / 1024);
	expect_used(&f, INFLATE, head);
	assert_true(is_given_back(&f, FIRST_PAGE));
	assert_false(is_given_back(&f, FIRST_PAGE + 1));
	destroy_and_null(f.dev);
	loop_destroy(loop);
	mock_ram_deinit(&f.ram);
}

/* What was begun is not gone on with: neither after a reset, nor after one of the queue alone. */
static void balloon_reset_in_the_midst(void **state)
{
	const uint32_t page = FIRST_PAGE + 1;
	struct balloon_fixture f;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	balloon_create(&f, loop);
	for (unsigned i = 0; i < 2; i++) {
		balloon_start(&f, BALLOON_FEATURES);
		(void)offer_many(&f, INFLATE);
		loop_turns(loop, 3);
		assert_true(nothing_used(&f, INFLATE));
		if (i == 0) {
			mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
			balloon_start(&f, BALLOON_FEATURES);
		} else {
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, INFLATE);
			mock_mmio_write(f.dev, 0x0c0, 1);
			mock_ring_init(&f.rings[INFLATE], &f.ram, 32, BALLOON_FEATURES);
			fill_pages(&f);
			mock_mmio_enable_queue(f.dev, INFLATE, &f.rings[INFLATE]);
		}
		loop_turns(loop, 3);
		assert_given_back(&f, 0, 0);
		(void)offer_pages(&f, INFLATE, &page, 1);
		loop_turns(loop, 3);
		assert_false(nothing_used(&f, INFLATE));
		assert_given_back(&f, page, 1);
	}
	destroy_and_null(f.dev);
	loop_destroy(loop);
	mock_ram_deinit(&f.ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloon_offers_what_it_can),
		cmocka_unit_test(balloon_inflates_runs),
		cmocka_unit_test(balloon_inflates_what_is_scattered),
		cmocka_unit_test(balloon_array_in_pieces),
		cmocka_unit_test(balloon_pages_elsewhere_are_found),
		cmocka_unit_test(balloon_buffers_of_a_wrong_kind_are_found),
		cmocka_unit_test(balloon_takes_reports),
		cmocka_unit_test(balloon_reports_of_parts_of_pages),
		cmocka_unit_test(balloon_report_queue_without_gaps),
		cmocka_unit_test(balloon_queue_without_its_feature),
		cmocka_unit_test(balloon_poison_keeps_reports),
		cmocka_unit_test(balloon_target_reaches_the_driver),
		cmocka_unit_test(balloon_configuration_of_every_width),
		cmocka_unit_test(balloon_host_that_refuses),
		cmocka_unit_test(balloon_malformed_ring_needs_reset),
		cmocka_unit_test(balloon_turns_are_bounded),
		cmocka_unit_test(balloon_reset_in_the_midst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
