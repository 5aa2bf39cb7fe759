/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/early_tables.h"

static uint64_t read_u64(const struct guest_mem *mem, uint64_t gpa)
{
	uint64_t value = 0;

	assert_int_equal(guest_mem_read(mem, gpa, &value, sizeof(value)), 0);
	return value;
}

/* Walks four levels as the processor does; returns UINT64_MAX where nothing is mapped. */
static uint64_t translate(const struct guest_mem *mem, uint64_t gva)
{
	uint64_t table = BOOT_PAGE_TABLES_GPA;

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t entry = read_u64(mem, table + (gva >> shift & 511) * 8);
		uint64_t address = entry & 0x000ffffffffff000ull;

		if ((entry & 3) != 3) /* present and writable */
			return UINT64_MAX;
		assert_int_equal(entry & ~(address | 0x83), 0);
		if (shift == 12 || (entry & 0x80))
			return address + (gva & ((1ull << shift) - 1));
		table = address;
	}
}

static void maps_the_first_4g_to_itself(void **state)
{
	const uint64_t mapped[] = { 0,      0x7000,           BOOT_CMDLINE_GPA, MIB(16) + 5,
				    GIB(1), GIB(3) + 0x12345, GIB(4) - 1 };
	struct guest_mem mem = guest_create(MIB(1));

	(void)state;
	assert_int_equal(early_tables_write(&mem), 0);
	for (size_t i = 0; i < ARRAY_SIZE(mapped); i++)
		assert_int_equal(translate(&mem, mapped[i]), mapped[i]);
	for (uint64_t gva = 0; gva < GIB(4); gva += MIB(2))
		assert_int_equal(translate(&mem, gva), gva);
	assert_int_equal(translate(&mem, GIB(4)), UINT64_MAX);
	assert_int_equal(translate(&mem, 1ull << 39), UINT64_MAX);
	guest_destroy(&mem);
}

struct segment {
	uint64_t base, limit;
	unsigned type; /* with S: 5 bits */
	bool present, long_mode, db;
	unsigned dpl;
};

/* Takes a descriptor apart (Intel SDM volume 3, figure 3-8). */
static struct segment decode(const struct guest_mem *mem, unsigned selector)
{
	uint64_t d = read_u64(mem, BOOT_GDT_GPA + selector);
	struct segment segment = {
		.base = (d >> 16 & 0xffffff) | (d >> 56 & 0xff) << 24,
		.limit = (d & 0xffff) | (d >> 48 & 0xf) << 16,
		.type = d >> 40 & 0x1f,
		.dpl = d >> 45 & 3,
		.present = d >> 47 & 1,
		.long_mode = d >> 53 & 1,
		.db = d >> 54 & 1,
	};

	if (d >> 55 & 1)
		segment.limit = segment.limit << 12 | 0xfff;
	return segment;
}

static void expect_segment(const struct guest_mem *mem, unsigned selector, struct segment expected)
{
	struct segment segment = decode(mem, selector);

	assert_int_equal(segment.base, expected.base);
	assert_int_equal(segment.limit, expected.limit);
	assert_int_equal(segment.type, expected.type);
	assert_int_equal(segment.dpl, 0);
	assert_true(segment.present);
	assert_int_equal(segment.long_mode, expected.long_mode);
	assert_int_equal(segment.db, expected.db);
}

static void has_the_segments_of_both_entries(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));

	(void)state;
	assert_int_equal(early_tables_write(&mem), 0);
	assert_int_equal(read_u64(&mem, BOOT_GDT_GPA), 0);
	/* 0x1b: code, readable, accessed; 0x13: data, writable, accessed; 0xb: busy TSS. */
	expect_segment(&mem, BOOT_GDT_CODE64,
		       (struct segment){ .limit = 0xffffffff, .type = 0x1b, .long_mode = true });
	expect_segment(&mem, BOOT_GDT_DATA,
		       (struct segment){ .limit = 0xffffffff, .type = 0x13, .db = true });
	expect_segment(&mem, BOOT_GDT_CODE32,
		       (struct segment){ .limit = 0xffffffff, .type = 0x1b, .db = true });
	expect_segment(&mem, BOOT_GDT_TSS, (struct segment){ .limit = 0x67, .type = 0xb });
	assert_int_equal(BOOT_GDT_LIMIT + 1, BOOT_GDT_TSS + 16);
	guest_destroy(&mem);
}

static void refuses_a_guest_without_low_memory(void **state)
{
	struct guest_mem mem = { 0 };

	(void)state;
	assert_int_equal(early_tables_write(&mem), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_the_first_4g_to_itself),
		cmocka_unit_test(has_the_segments_of_both_entries),
		cmocka_unit_test(refuses_a_guest_without_low_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
