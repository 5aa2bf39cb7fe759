/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory that completes requests when it is told to, for unit tests and fuzz targets.  It
 * aborts if a device asks for what devices/backend/disk.h rules out.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_DISK_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_DISK_H

#include "devices/backend/disk.h"

#define FAKE_DISK_SECTORS      64
#define FAKE_DISK_MAX_REQUESTS 4

struct fake_disk {
	struct disk_backend disk;
	uint8_t bytes[FAKE_DISK_SECTORS * DISK_SECTOR_SIZE]; /* sector n is filled with n + 1 */
	struct disk_request *pending[FAKE_DISK_MAX_REQUESTS];
	unsigned nr_pending;
	struct disk_request *drained; /* until they are reaped */
	int error;                    /* of what is completed from now on */
	struct disk_request last;     /* as submitted last */
	unsigned submitted, commits, drains, destroyed;
};

/** fake_disk_init() - @fake lives with the caller; destroying it frees nothing */
void fake_disk_init(struct fake_disk *fake, bool read_only);

/** fake_disk_complete() - do pending request @i, and say so */
void fake_disk_complete(struct fake_disk *fake, unsigned i);

/** fake_disk_complete_all() - all that are pending, as one list */
void fake_disk_complete_all(struct fake_disk *fake);

#endif
