/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/util.h"
#include "vmm/ram.h"

int ram_map(uint64_t size, void **ret_ram)
{
	/* So much that an aligned part of the size is in it, wherever it lands. */
	uint64_t reserved, before;
	uint8_t *space, *ram;

	if (__builtin_add_overflow(size, RAM_ALIGN, &reserved))
		return -ENOMEM;
	space = mmap(NULL, reserved, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return -errno;
	before = -(uintptr_t)space & (RAM_ALIGN - 1);
	ram = space + before;
	if (before > 0)
		(void)munmap(space, before);
	(void)munmap(ram + size, RAM_ALIGN - before);
	(void)madvise(ram, size, MADV_HUGEPAGE);
	(void)madvise(ram, size, MADV_DONTDUMP);
	*ret_ram = ram;
	return 0;
}

void ram_unmap(void *ram, uint64_t size)
{
	if (ram)
		(void)munmap(ram, size);
}
