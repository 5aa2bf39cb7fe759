/* SPDX-License-Identifier: MIT */
/* The memory of a VM, private and shared; none of it needs KVM. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/boot/boot.h"
#include "vmm/vm.h"

#define PAGE 4096

static struct vm *create(uint64_t size, bool shared)
{
	struct error error;
	struct vm *vm;

	assert_int_equal(vm_create(size, shared, NULL, &vm, &error), 0);
	return vm;
}

static uint64_t bytes_in(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void private_memory_has_no_file(void **state)
{
	struct vm *vm = create(MIB(16), false);

	(void)state;
	assert_true(vm->mem.regions[0].fd < 0);
	memset(vm->ram, 0x55, MIB(1));
	vm_discard_ram(vm);
	assert_int_equal(((const uint8_t *)vm->ram)[0], 0);
	vm_destroy(vm);
}

static void shared_memory_is_one_file(void **state)
{
	struct vm *vm = create(GIB(4), true);
	const struct guest_mem_region *low = &vm->mem.regions[0], *high = &vm->mem.regions[1];
	uint64_t hole = GIB(4) - BOOT_MMIO_HOLE_GPA;
	uint8_t *other;

	(void)state;
	assert_int_equal(vm->mem.nr_regions, 2);
	assert_true(low->fd >= 0 && low->fd == high->fd);
	assert_int_equal(low->fd_offset, 0);
	assert_int_equal(high->gpa, BOOT_ABOVE_4G_GPA);
	assert_int_equal(high->size, hole);
	assert_int_equal(high->fd_offset, BOOT_MMIO_HOLE_GPA);
	/* Reserved, not touched. */
	assert_int_equal(bytes_in(low->fd), 0);
	assert_int_equal(guest_mem_write(&vm->mem, high->gpa, "seen", 5), 0);
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, high->fd, (off_t)high->fd_offset);
	assert_ptr_not_equal(other, MAP_FAILED);
	assert_string_equal((const char *)other, "seen");

	assert_true(bytes_in(low->fd) > 0);
	vm_discard_ram(vm);
	assert_int_equal(bytes_in(low->fd), 0);
	assert_int_equal(other[0], 0);
	assert_int_equal(munmap(other, PAGE), 0);
	vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_memory_has_no_file),
		cmocka_unit_test(shared_memory_is_one_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
