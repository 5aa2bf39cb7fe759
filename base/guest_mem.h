/* SPDX-License-Identifier: MIT */
/*
 * A checked view of the guest's RAM by guest physical address (GPA).
 *
 * The one place where a GPA becomes a host pointer.  The regions are added while the machine is
 * built and never change after the first vCPU runs; any thread may then read and write.  The memory
 * belongs to whoever added it.
 */
#ifndef GLASSBOX_BASE_GUEST_MEM_H
#define GLASSBOX_BASE_GUEST_MEM_H

#include "base/util.h"

#define GUEST_MEM_MAX_REGIONS 8
#define GUEST_MEM_PAGE_SIZE   4096u /* of the host, and of what is given back to it */
#define GUEST_MEM_NO_GPA      UINT64_MAX

struct guest_mem_region {
	uint64_t gpa;  /* first address */
	uint64_t size; /* bytes; the region is [gpa, gpa + size) */
	uint8_t *hva;
	int fd;             /* the file that hva is a shared mapping of; -EBADF: none */
	uint64_t fd_offset; /* of the region in it */
};

struct guest_mem {
	struct guest_mem_region regions[GUEST_MEM_MAX_REGIONS]; /* by rising gpa, no overlaps */
	unsigned nr_regions;
};

/**
 * guest_mem_add_region() - make [@gpa, @gpa + @size) visible, backed by @hva
 *
 * Return: 0; -EINVAL for an empty or overflowing range; -EEXIST on an overlap; -ENOSPC when full.
 */
int guest_mem_add_region(struct guest_mem *mem, uint64_t gpa, uint64_t size, void *hva)
	__must_check;

/**
 * guest_mem_set_file() - say that the region at @gpa is a shared mapping of @fd
 * @fd: borrowed for as long as the memory is; negative: it is none
 * @offset: of the region's first byte in the file
 *
 * For those who hand the memory to another process, and for guest_mem_discard().  Return: 0;
 * -ENOENT if no region begins at
 * @gpa.
 */
int guest_mem_set_file(struct guest_mem *mem, uint64_t gpa, int fd, uint64_t offset) __must_check;

/**
 * guest_mem_ptr() - host pointer to [@gpa, @gpa + @len)
 *
 * Return: the pointer, or NULL unless the whole range lies in one region.  What it points to may be
 * changed by the guest at any time: copy before checking.
 */
void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/**
 * guest_mem_read() / guest_mem_write() - copy between guest RAM and @buf
 *
 * A range may span regions that touch.  Return: 0, or -EFAULT (then nothing was written to the
 * guest).
 */
int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, uint64_t len) __must_check;
int guest_mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, uint64_t len)
	__must_check;

/** guest_mem_gpa() - the guest physical address of *@ptr; GUEST_MEM_NO_GPA if it is in no region */
uint64_t guest_mem_gpa(const struct guest_mem *mem, const void *ptr);

/**
 * guest_mem_discard() - give pages back to the host; they read as zeros until they are written
 * @gpa, @len: multiples of GUEST_MEM_PAGE_SIZE; may span regions that touch
 *
 * Any thread, while the guest runs: whoever may touch the pages has to expect the zeros.  Return:
 * 0; -EINVAL if it is not of whole pages; -EFAULT if it is not all RAM; these two change nothing.
 * -errno of madvise(2).
 */
int guest_mem_discard(const struct guest_mem *mem, uint64_t gpa, uint64_t len) __must_check;

/** guest_mem_size() - RAM in all regions, bytes */
uint64_t guest_mem_size(const struct guest_mem *mem);

#endif
