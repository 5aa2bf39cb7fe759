/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void gpa_is_the_inverse_of_ptr(void **state)
{
	struct guest_mem mem = three_regions();

	(void)state;
	assert_int_equal(guest_mem_gpa(&mem, low), 0);
	assert_int_equal(guest_mem_gpa(&mem, next + 4095), 8191);
	assert_int_equal(guest_mem_gpa(&mem, high + 1), GIB(4) + 1);
	assert_int_equal(guest_mem_gpa(&mem, &mem), GUEST_MEM_NO_GPA);
}

#define PAGES 8
#define BYTES (PAGES * GUEST_MEM_PAGE_SIZE)

/* How many of @memory's pages the host keeps for us. */
static unsigned resident(void *memory)
{
	unsigned char there[PAGES];
	unsigned count = 0;

	assert_int_equal(mincore(memory, BYTES, there), 0);
	for (unsigned i = 0; i < PAGES; i++)
		count += there[i] & 1;
	return count;
}

static void assert_zero_from(const uint8_t *memory, unsigned first, unsigned end)
{
	for (unsigned i = 0; i < BYTES; i++)
		assert_int_equal(memory[i], i >= first && i < end ? 0 : 0xab);
}

static void discard_private_memory(void **state)
{
	struct guest_mem mem = { 0 };
	uint8_t *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	(void)madvise(memory, BYTES, MADV_NOHUGEPAGE);
	memset(memory, 0xab, BYTES);
	/* Two that touch, and not in the order of the host's addresses. */
	assert_int_equal(guest_mem_add_region(&mem, MIB(1), BYTES / 2, memory + BYTES / 2), 0);
	assert_int_equal(guest_mem_add_region(&mem, MIB(1) + BYTES / 2, BYTES / 2, memory), 0);
	assert_int_equal(resident(memory), PAGES);
	assert_int_equal(guest_mem_discard(&mem, MIB(1) + 3 * 4096, 2 * 4096), 0);
	assert_int_equal(resident(memory), PAGES - 2);
	assert_int_equal(memory[0], 0);
	assert_int_equal(memory[4096], 0xab);
	assert_int_equal(memory[6 * 4096], 0xab);
	assert_int_equal(memory[7 * 4096], 0);
	assert_int_equal(munmap(memory, BYTES), 0);
}

/* What another process has mapped is given back as well. */
static void discard_shared_memory(void **state)
{
	struct guest_mem mem = { 0 };
	int fd = memfd_create("guest_mem_test", MFD_CLOEXEC);
	struct stat st;
	uint8_t *memory, *other;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	other = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_ptr_not_equal(other, MAP_FAILED);
	assert_int_equal(guest_mem_add_region(&mem, 0, BYTES, memory), 0);
	assert_int_equal(guest_mem_set_file(&mem, 0, fd, 0), 0);
	memset(other, 0xab, BYTES);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks, BYTES / 512);
	assert_int_equal(guest_mem_discard(&mem, 4096, 3 * 4096), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks, (BYTES - 3 * 4096) / 512);
	assert_zero_from(other, 4096, 4 * 4096);
	assert_int_equal(munmap(memory, BYTES), 0);
	assert_int_equal(munmap(other, BYTES), 0);
	assert_int_equal(close(fd), 0);
}

static void discard_refuses_what_is_no_ram(void **state)
{
	struct guest_mem mem = { 0 };
	uint8_t *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 0xab, BYTES);
	assert_int_equal(guest_mem_add_region(&mem, 4096, BYTES, memory), 0);
	assert_int_equal(guest_mem_discard(&mem, 0, 8192), -EFAULT);
	assert_int_equal(guest_mem_discard(&mem, BYTES, 8192), -EFAULT);
	assert_int_equal(guest_mem_discard(&mem, GIB(1), 4096), -EFAULT);
	assert_int_equal(guest_mem_discard(&mem, 0ull - 4096, 4096), -EFAULT);
	assert_int_equal(guest_mem_discard(&mem, 4096, 0ull - 4096), -EFAULT);
	assert_int_equal(guest_mem_discard(&mem, 4097, 4096), -EINVAL);
	assert_int_equal(guest_mem_discard(&mem, 4096, 4095), -EINVAL);
	assert_int_equal(guest_mem_discard(&mem, 4096, 0), 0);
	assert_zero_from(memory, 0, 0);
	assert_int_equal(munmap(memory, BYTES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_region_refuses_overlap_and_overflow),
		cmocka_unit_test(file_belongs_to_a_region),
		cmocka_unit_test(ptr_stays_in_one_region),
		cmocka_unit_test(copies_cross_touching_regions_only),
		cmocka_unit_test(gpa_is_the_inverse_of_ptr),
		cmocka_unit_test(discard_private_memory),
		cmocka_unit_test(discard_shared_memory),
		cmocka_unit_test(discard_refuses_what_is_no_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
