/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/ram.h"

static bool is_mapped(void *page)
{
	unsigned char in_core;

	return mincore(page, 4096, &in_core) == 0;
}

static void begins_on_a_huge_page_and_takes_no_more_than_its_size(void **state)
{
	const uint64_t sizes[] = { 4096, RAM_ALIGN - 4096, RAM_ALIGN, 3 * RAM_ALIGN + 4096,
				   MIB(256) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i];
		uint8_t *ram;

		assert_int_equal(ram_map(size, -1, (void **)&ram), 0);
		assert_int_equal((uintptr_t)ram % RAM_ALIGN, 0);
		assert_int_equal(ram[0], 0);
		ram[0] = ram[size - 1] = 1;
		assert_true(is_mapped(ram + size - 4096));
		ram_unmap(ram, size);
		assert_false(is_mapped(ram));
	}
}

/* Where a mapping lands depends on those before it. */
static void begins_on_a_huge_page_wherever_the_kernel_puts_it(void **state)
{
	void *others[8], *rams[8];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rams); i++) {
		others[i] =
			mmap(NULL, 4096 * (i + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(others[i], MAP_FAILED);
		assert_int_equal(ram_map(MIB(64), -1, &rams[i]), 0);
		assert_int_equal((uintptr_t)rams[i] % RAM_ALIGN, 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(rams); i++) {
		ram_unmap(rams[i], MIB(64));
		(void)munmap(others[i], 4096 * (i + 1));
	}
}

static void a_file_can_be_mapped_twice_and_keeps_its_size(void **state)
{
	int fd = ram_create_file(MIB(4));
	uint8_t *ram;
	void *other;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ram_map(MIB(4), fd, (void **)&ram), 0);
	assert_int_equal((uintptr_t)ram % RAM_ALIGN, 0);
	assert_int_equal(ram_map(MIB(4), fd, &other), 0);
	ram[MIB(4) - 1] = 42;
	assert_int_equal(((uint8_t *)other)[MIB(4) - 1], 42);
	/* Nobody who has the file can take memory away, or add to it. */
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, MIB(8)), -1);
	assert_int_equal(errno, EPERM);
	ram_unmap(ram, MIB(4));
	ram_unmap(other, MIB(4));
	(void)close(fd);
}

static void what_no_address_space_holds_is_refused(void **state)
{
	void *ram;

	(void)state;
	assert_int_equal(ram_map(UINT64_C(1) << 62, -1, &ram), -ENOMEM);
	assert_int_equal(ram_map(UINT64_MAX - 4095, -1, &ram), -ENOMEM);
	ram_unmap(NULL, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_on_a_huge_page_and_takes_no_more_than_its_size),
		cmocka_unit_test(begins_on_a_huge_page_wherever_the_kernel_puts_it),
		cmocka_unit_test(a_file_can_be_mapped_twice_and_keeps_its_size),
		cmocka_unit_test(what_no_address_space_holds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
