/* SPDX-License-Identifier: MIT */
/*
 * A disk backend that keeps block n of the disk at block n of a file or block device, by io_uring.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_DISK_RAW_H
#define GLASSBOX_DEVICES_BACKEND_DISK_RAW_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/disk.h"

struct disk_raw_config {
	const char *path;
	bool read_only;
	/* Past the host's page cache, where a request's memory and place are aligned to 4 KiB. */
	bool direct;
	bool any_content; /* also what looks like another format than one block after the other */
};

/**
 * disk_raw_open() - a disk in the file or block device at config->path, see disk_image_open()
 * @loop: where requests are completed; borrowed
 * @ret_tail: bytes at the file's end that are not part of the disk, since they fill no sector;
 *            something to warn of unless 0
 *
 * Before @loop runs, or on its thread.  Return: 0, or -errno with a message in @error: those of
 * disk_image_open(); -ENOSYS or -EPERM where the host's kernel has or allows no io_uring.
 */
int disk_raw_open(const struct disk_raw_config *config, struct loop *loop,
		  struct disk_backend **ret_disk, unsigned *ret_tail, struct error *error)
	__must_check;

#endif
