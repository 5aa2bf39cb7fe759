/* SPDX-License-Identifier: MIT */
/* Opening, locking and measuring a file or block device that is to be a disk.  Any thread. */
#ifndef GLASSBOX_DEVICES_BACKEND_DISK_IMAGE_H
#define GLASSBOX_DEVICES_BACKEND_DISK_IMAGE_H

#include "base/error.h"

struct disk_image {
	int fd;              /* through the host's page cache; holds the lock */
	int direct_fd;       /* past it (O_DIRECT); -EBADF if that wasn't asked for */
	uint64_t size;       /* bytes; a multiple of 512 */
	unsigned tail;       /* bytes behind it that don't fill a sector: no guest sees them */
	uint32_t block_size; /* of addressing, bytes */
	uint32_t physical_block_size;
};

/**
 * disk_image_open() - open @path for one virtual machine
 * @read_only: open it for reading, together with others that do
 * @direct: past the host's page cache, too
 *
 * The file is locked: for writing by one process only, or for reading by many.  The lock is one of
 * the open file (F_OFD_SETLK), which other programs respect only if they ask for such locks, too.
 *
 * Return: 0, or -errno with a message in @error: -EBUSY if somebody else has the lock, -ENOTBLK if
 * it is neither file nor block device, -EINVAL if it is smaller than a sector, or of open(2).
 */
int disk_image_open(const char *path, bool read_only, bool direct, struct disk_image *ret_image,
		    struct error *error) __must_check;

/**
 * disk_image_check_raw() - refuse an image that begins like one of another format
 *
 * To use it as a raw one is a mistake, most often, and writing to it destroys it.  Return: 0, or
 * -EMEDIUMTYPE with a message in @error.
 */
int disk_image_check_raw(const struct disk_image *image, const char *path, struct error *error)
	__must_check;

/** disk_image_close() - unlock and close */
void disk_image_close(struct disk_image *image);

#endif
