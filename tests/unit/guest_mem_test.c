/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/guest_mem.h"
#include "tests/unit/cmocka_all.h"

static uint8_t low[4096], next[4096], high[4096];

/* Two regions that touch, added in the wrong order, and one far above. */
static struct guest_mem three_regions(void)
{
	struct guest_mem mem = { 0 };

	memset(low, 1, sizeof(low));
	memset(next, 2, sizeof(next));
	memset(high, 3, sizeof(high));
	assert_int_equal(guest_mem_add_region(&mem, GIB(4), sizeof(high), high), 0);
	assert_int_equal(guest_mem_add_region(&mem, 4096, sizeof(next), next), 0);
	assert_int_equal(guest_mem_add_region(&mem, 0, sizeof(low), low), 0);
	return mem;
}

static void add_region_refuses_overlap_and_overflow(void **state)
{
	struct guest_mem mem = three_regions();

	(void)state;
	assert_int_equal(guest_mem_add_region(&mem, 8191, 1, low), -EEXIST);
	assert_int_equal(guest_mem_add_region(&mem, GIB(4) - 1, 2, low), -EEXIST);
	assert_int_equal(guest_mem_add_region(&mem, UINT64_MAX, 2, low), -EINVAL);
	assert_int_equal(guest_mem_add_region(&mem, 0x100000, 0, low), -EINVAL);
	assert_int_equal(guest_mem_size(&mem), 3 * 4096);
}

static void file_belongs_to_a_region(void **state)
{
	struct guest_mem mem = three_regions();

	(void)state;
	assert_true(mem.regions[0].fd < 0 && mem.regions[1].fd < 0 && mem.regions[2].fd < 0);
	assert_int_equal(guest_mem_set_file(&mem, GIB(4), 7, MIB(16)), 0);
	assert_int_equal(mem.regions[2].fd, 7);
	assert_int_equal(mem.regions[2].fd_offset, MIB(16));
	assert_int_equal(guest_mem_set_file(&mem, 1, 8, 0), -ENOENT);
	assert_true(mem.regions[0].fd < 0 && mem.regions[1].fd < 0);
}

static void ptr_stays_in_one_region(void **state)
{
	struct guest_mem mem = three_regions();

	(void)state;
	assert_ptr_equal(guest_mem_ptr(&mem, 4095, 1), low + 4095);
	assert_null(guest_mem_ptr(&mem, 4095, 2));
	assert_null(guest_mem_ptr(&mem, 8192, 1));
	assert_null(guest_mem_ptr(&mem, 0, UINT64_MAX));
	assert_null(guest_mem_ptr(&mem, UINT64_MAX, 2));
	assert_ptr_equal(guest_mem_ptr(&mem, GIB(4), 4096), high);
}

static void copies_cross_touching_regions_only(void **state)
{
	struct guest_mem mem = three_regions();
	uint8_t buf[4] = { 0 };

	(void)state;
	assert_int_equal(guest_mem_read(&mem, 4094, buf, 4), 0);
	assert_memory_equal(buf, "\1\1\2\2", 4);
	assert_int_equal(guest_mem_write(&mem, 4094, "abcd", 4), 0);
	assert_memory_equal(low + 4094, "ab", 2);
	assert_memory_equal(next, "cd", 2);
	/* A write that does not fit writes nothing at all. */
	assert_int_equal(guest_mem_write(&mem, 8190, "wxyz", 4), -EFAULT);
	assert_memory_equal(next + 4094, "\2\2", 2);
	assert_int_equal(guest_mem_read(&mem, UINT64_MAX - 1, buf, 4), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_region_refuses_overlap_and_overflow),
		cmocka_unit_test(file_belongs_to_a_region),
		cmocka_unit_test(ptr_stays_in_one_region),
		cmocka_unit_test(copies_cross_touching_regions_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
