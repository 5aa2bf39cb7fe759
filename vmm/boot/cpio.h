/* SPDX-License-Identifier: MIT */
/*
 * Writes an archive that Linux takes as its initial RAM disk: cpio, in the format "newc"
 * (Documentation/driver-api/early-userspace/buffer-format.rst).  Everything in it is root's.
 *
 * The first failure is kept: look at it once, with cpio_finish().
 */
#ifndef GLASSBOX_VMM_BOOT_CPIO_H
#define GLASSBOX_VMM_BOOT_CPIO_H

#include <sys/types.h>

#include "base/util.h"

struct cpio {
	int fd;     /* borrowed; written at its position */
	int error;  /* 0 or -errno */
	size_t len; /* so far, bytes */
	unsigned inode;
};

/** cpio_init() - an archive that begins at the position of @fd */
void cpio_init(struct cpio *cpio, int fd);

/** cpio_add_directory() / cpio_add_file() - @name without a slash in front; what is above it comes
 * before it */
void cpio_add_directory(struct cpio *cpio, const char *name);
void cpio_add_file(struct cpio *cpio, const char *name, mode_t permissions, const void *data,
		   size_t len);

/** cpio_add_device() - a character device */
void cpio_add_device(struct cpio *cpio, const char *name, mode_t permissions, unsigned major,
		     unsigned minor);

/** cpio_finish() - Return: 0 if all of it is written, or -errno */
int cpio_finish(struct cpio *cpio) __must_check;

#endif
