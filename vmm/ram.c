/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "vmm/ram.h"

int ram_create_file(uint64_t size)
{
	_cleanup_close_ int fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int ram_map(uint64_t size, int fd, void **ret_ram)
{
	int flags = MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	/* So much that an aligned part of the size is in it, wherever it lands. */
	uint64_t reserved, before;
	uint8_t *space, *ram;
	int r;

	if (__builtin_add_overflow(size, RAM_ALIGN, &reserved))
		return -ENOMEM;
	space = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return -errno;
	before = -(uintptr_t)space & (RAM_ALIGN - 1);
	ram = mmap(space + before, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (ram == MAP_FAILED) {
		r = -errno;
		(void)munmap(space, reserved);
		return r;
	}
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
