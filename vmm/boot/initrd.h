/* SPDX-License-Identifier: MIT */
/* Where the initial RAM disk goes. */
#ifndef GLASSBOX_VMM_BOOT_INITRD_H
#define GLASSBOX_VMM_BOOT_INITRD_H

#include "base/error.h"
#include "base/guest_mem.h"

/* Where an initrd may go. */
struct initrd_limits {
	uint64_t max_gpa;                  /* its last byte is at most here */
	uint64_t kernel_start, kernel_end; /* [start, end) is taken */
};

/**
 * initrd_load() - copy a file as high as @limits and RAM below the MMIO hole allow, page-aligned
 *
 * Return: 0, or -errno with @error naming the file: -ENOMEM when there is no room.
 */
int initrd_load(const char *path, struct guest_mem *mem, const struct initrd_limits *limits,
		uint64_t *ret_gpa, uint64_t *ret_size, struct error *error) __must_check;

#endif
