/* SPDX-License-Identifier: MIT */
/* The block device: its requests, one at a time. */
#include "tests/unit/virtio_blk_fixture.h"

static void blk_read_gives_sectors(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_IN, .sector = 3, .in_len = 1024 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_OK);
	assert_int_equal(call.used_len, 1025);
	assert_memory_equal(blk_data(&f, &call), f.disk.bytes + 3 * 512, 1024);
	assert_int_equal(f.disk.commits > 0, true);
	assert_true(found_nothing());
	blk_teardown(&f);
}

static void blk_write_changes_sectors(void **state)
{
	uint8_t data[512];
	struct blk_call call = {
		.type = VIRTIO_BLK_T_OUT, .sector = 63, .out = data, .out_len = 512
	};
	struct blk_fixture f;

	(void)state;
	memset(data, 0xa7, sizeof(data));
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_OK);
	assert_int_equal(call.used_len, 1);
	assert_memory_equal(f.disk.bytes + 63 * 512, data, 512);
	assert_int_equal(f.disk.bytes[63 * 512 - 1], 63);
	blk_teardown(&f);
}

/* 2.7.4: where descriptors end means nothing. */
static void blk_descriptors_may_end_anywhere(void **state)
{
	static const unsigned pieces[] = { 1000, 513, 100, 37 };
	uint8_t data[512];

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
			struct blk_call write = { .type = VIRTIO_BLK_T_OUT, .sector = 8 };
			struct blk_call read = { .type = VIRTIO_BLK_T_IN, .sector = 7 };
			struct blk_fixture f;

			memset(data, (int)(0x80 + i), sizeof(data));
			write.piece = read.piece = pieces[i];
			write.out = data;
			write.out_len = sizeof(data);
			read.in_len = 1536;
			blk_setup(&f, BLK_FEATURES | (packed ? MOCK_F_PACKED : 0));
			assert_int_equal(blk_request(&f, &write), VIRTIO_BLK_S_OK);
			assert_memory_equal(f.disk.bytes + 4096, data, 512);
			assert_int_equal(blk_request(&f, &read), VIRTIO_BLK_S_OK);
			assert_int_equal(read.used_len, 1537);
			assert_memory_equal(blk_data(&f, &read), f.disk.bytes + 7 * 512, 1536);
			assert_true(found_nothing());
			blk_teardown(&f);
		}
	}
}

/* Header and status in descriptors of a byte each. */
static void blk_header_may_be_in_pieces(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_GET_ID, .in_len = 20, .piece = 1 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_OK);
	assert_int_equal(call.used_len, 21);
	assert_memory_equal(blk_data(&f, &call), BLK_SERIAL, 20);
	assert_int_equal(f.disk.submitted, 0);
	blk_teardown(&f);
}

static void blk_id_fits_what_there_is(void **state)
{
	struct blk_call small = { .type = VIRTIO_BLK_T_GET_ID, .in_len = 8 };
	struct blk_call large = { .type = VIRTIO_BLK_T_GET_ID, .in_len = 30 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &small), VIRTIO_BLK_S_OK);
	assert_int_equal(small.used_len, 9);
	assert_memory_equal(blk_data(&f, &small), BLK_SERIAL, 8);
	assert_true(found_only("blk-length"));
	assert_int_equal(blk_request(&f, &large), VIRTIO_BLK_S_OK);
	assert_int_equal(large.used_len, 20); /* the status lies beyond a gap */
	assert_memory_equal(blk_data(&f, &large), BLK_SERIAL, 20);
	blk_teardown(&f);
}

static void blk_flush_waits_for_the_disk(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_FLUSH };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	blk_offer(&f, 0, &call);
	assert_true(blk_nothing_used(&f, 0));
	assert_int_equal(blk_status(&f, &call), NO_STATUS);
	assert_int_equal(f.disk.last.op, DISK_FLUSH);
	fake_disk_complete(&f.disk, 0);
	assert_int_equal(blk_collect(&f, 0, &call), VIRTIO_BLK_S_OK);
	assert_int_equal(call.used_len, 1);
	blk_teardown(&f);
}

static void blk_erase(struct blk_fixture *f, uint32_t type, uint64_t sector, uint32_t sectors,
		      uint32_t flags, uint8_t status)
{
	struct virtio_blk_discard_write_zeroes range = { sector, sectors, flags };
	struct blk_call call = { .type = type, .out = &range, .out_len = sizeof(range) };

	assert_int_equal(blk_request(f, &call), status);
	assert_int_equal(call.used_len, 1);
}

static void blk_discards_and_zeroes(void **state)
{
	static const uint8_t zeroes[1024];
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	blk_erase(&f, VIRTIO_BLK_T_WRITE_ZEROES, 4, 2, 0, VIRTIO_BLK_S_OK);
	assert_memory_equal(f.disk.bytes + 2048, zeroes, 1024);
	assert_int_equal(f.disk.bytes[3072], 7);
	assert_false(f.disk.last.may_unmap);
	blk_erase(&f, VIRTIO_BLK_T_WRITE_ZEROES, 4, 2, 1, VIRTIO_BLK_S_OK);
	assert_true(f.disk.last.may_unmap);
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 62, 2, 0, VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.bytes[62 * 512], 0xdd);
	assert_int_equal(f.disk.submitted, 3);
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 64, 0, 0, VIRTIO_BLK_S_OK);
	assert_int_equal(f.disk.submitted, 3);
	assert_true(found_nothing());
	blk_teardown(&f);
}

static void blk_bad_discards_are_refused(void **state)
{
	uint8_t two_segments[32] = { 0 };
	struct blk_call call = { .type = VIRTIO_BLK_T_DISCARD,
				 .out = two_segments,
				 .out_len = sizeof(two_segments) };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	/* 5.2.6.2: flags that aren't known, and unmap for a discard. */
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 1, VIRTIO_BLK_S_UNSUPP);
	assert_true(found_only("blk-flags"));
	blk_erase(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2, VIRTIO_BLK_S_UNSUPP);
	assert_true(found_only("blk-flags"));
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 63, 2, 0, VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-range"));
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, UINT64_MAX, 2, 0, VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-range"));
	blk_erase(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-range"));
	assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-length"));
	assert_int_equal(f.disk.submitted, 0);
	blk_teardown(&f);
}

static void blk_range_is_checked(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
		bool fits;
	} cases[] = {
		{ 63, 512, true },
		{ 64, 0, true },
		{ 0, 64 * 512, true },
		{ 63, 1024, false },
		{ 64, 512, false },
		{ 65, 0, false },
		{ UINT64_MAX, 512, false },
		{ UINT64_MAX / 512 + 1, 512, false },
		{ UINT64_MAX - 1, 1024, false },
	};
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_call call = { .type = VIRTIO_BLK_T_IN,
					 .sector = cases[i].sector,
					 .in_len = cases[i].len };

		assert_int_equal(blk_request(&f, &call),
				 cases[i].fits ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
		assert_int_equal(call.used_len,
				 cases[i].fits || cases[i].len == 0 ? cases[i].len + 1 : 0);
		assert_true(cases[i].fits ? found_nothing() : found_only("blk-range"));
	}
	blk_teardown(&f);
}

static void blk_odd_lengths_are_refused(void **state)
{
	uint8_t data[700] = { 0 };
	struct blk_call read = { .type = VIRTIO_BLK_T_IN, .in_len = 511 };
	struct blk_call write = { .type = VIRTIO_BLK_T_OUT, .out = data, .out_len = sizeof(data) };
	struct blk_call header = { .type = VIRTIO_BLK_T_IN, .in_len = 512, .header_len = 15 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &read), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read.used_len, 0);
	assert_true(found_only("blk-length"));
	assert_int_equal(blk_request(&f, &write), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write.used_len, 1);
	assert_true(found_only("blk-length"));
	assert_int_equal(blk_request(&f, &header), VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-header"));
	assert_int_equal(f.disk.submitted, 0);
	blk_teardown(&f);
}

static void blk_request_without_status_comes_back(void **state)
{
	struct blk_call call = { .type = VIRTIO_BLK_T_FLUSH, .no_status = true };
	struct blk_call good = { .type = VIRTIO_BLK_T_FLUSH };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	assert_int_equal(blk_request(&f, &call), NO_STATUS);
	assert_int_equal(call.used_len, 0);
	assert_true(found_only("blk-status"));
	assert_int_equal(f.disk.submitted, 0);
	assert_int_equal(blk_request(&f, &good), VIRTIO_BLK_S_OK);
	blk_teardown(&f);
}

static void blk_unknown_requests_are_unsupported(void **state)
{
	static const uint32_t types[] = { 2, 3, 10, 12, 14, 0x80000000, UINT32_MAX };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, MOCK_F_VERSION_1);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct blk_call call = { .type = types[i], .in_len = 512 };

		assert_int_equal(blk_request(&f, &call), VIRTIO_BLK_S_UNSUPP);
	}
	/* Known, but the driver didn't ask for them. */
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 0, VIRTIO_BLK_S_UNSUPP);
	blk_erase(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0, VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(f.disk.submitted, 0);
	blk_teardown(&f);
}

static void blk_error_of_the_host_is_told(void **state)
{
	uint8_t data[512] = { 0 };
	struct blk_call read = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_call write = { .type = VIRTIO_BLK_T_OUT, .out = data, .out_len = sizeof(data) };
	struct blk_call again = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_setup(&f, BLK_FEATURES);
	f.disk.error = -EIO;
	assert_int_equal(blk_request(&f, &read), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read.used_len, 0);
	f.disk.error = -ENOSPC;
	assert_int_equal(blk_request(&f, &write), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write.used_len, 1);
	f.disk.error = 0;
	assert_int_equal(blk_request(&f, &again), VIRTIO_BLK_S_OK);
	assert_true(found_nothing());
	blk_teardown(&f);
}

static void blk_read_only_disk_is_not_written(void **state)
{
	uint8_t data[512] = { 0 };
	struct blk_call write = { .type = VIRTIO_BLK_T_OUT, .out = data, .out_len = sizeof(data) };
	struct blk_call read = { .type = VIRTIO_BLK_T_IN, .in_len = 512 };
	struct blk_fixture f;

	(void)state;
	blk_create(&f, true, 1);
	assert_int_equal(mock_mmio_offered(f.dev) &
				 (BLK_FEATURE(RO) | BLK_FEATURE(DISCARD) |
				  BLK_FEATURE(WRITE_ZEROES) | BLK_FEATURE(CONFIG_WCE)),
			 BLK_FEATURE(RO));
	/* Even if the driver did not accept that it is. */
	blk_start(&f, MOCK_F_VERSION_1);
	assert_int_equal(blk_request(&f, &write), VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-read-only"));
	blk_erase(&f, VIRTIO_BLK_T_DISCARD, 0, 1, 0, VIRTIO_BLK_S_IOERR);
	assert_true(found_only("blk-read-only"));
	assert_int_equal(f.disk.submitted, 0);
	assert_int_equal(blk_request(&f, &read), VIRTIO_BLK_S_OK);
	blk_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk_read_gives_sectors),
		cmocka_unit_test(blk_write_changes_sectors),
		cmocka_unit_test(blk_descriptors_may_end_anywhere),
		cmocka_unit_test(blk_header_may_be_in_pieces),
		cmocka_unit_test(blk_id_fits_what_there_is),
		cmocka_unit_test(blk_flush_waits_for_the_disk),
		cmocka_unit_test(blk_discards_and_zeroes),
		cmocka_unit_test(blk_bad_discards_are_refused),
		cmocka_unit_test(blk_range_is_checked),
		cmocka_unit_test(blk_odd_lengths_are_refused),
		cmocka_unit_test(blk_request_without_status_comes_back),
		cmocka_unit_test(blk_unknown_requests_are_unsupported),
		cmocka_unit_test(blk_error_of_the_host_is_told),
		cmocka_unit_test(blk_read_only_disk_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
