/* SPDX-License-Identifier: MIT */
/*
 * The seam between a disk device and where its blocks are kept.  A device makes requests, a backend
 * serves them in any order and gives each back exactly once; disk_raw.h is such a backend.
 *
 *     device                                     backend
 *     disk_submit() x n, disk_commit()    ->     starts them
 *     completed(list)                     <-     on the loop's thread, without a lock held
 *
 * Threads: disk_submit(), disk_commit() and disk_drain() are called with the device's lock held, on
 * any thread.  completed() takes that lock; so backends call it without one of their own, and never
 * from within these functions.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_DISK_H
#define GLASSBOX_DEVICES_BACKEND_DISK_H

#include <sys/uio.h>

#include "base/util.h"

#define DISK_SECTOR_SIZE 512 /* bytes; offsets and lengths are multiples of it */

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,        /* writes that were completed before are safe when it completes */
	DISK_DISCARD,      /* a hint: what is there may be forgotten, and read as anything */
	DISK_WRITE_ZEROES, /* reads as zeroes afterwards */
};

struct disk_request {
	/* Of the device; offset, len and the pieces are the backend's to change until it is
	 * completed. */
	enum disk_op op;
	bool durable;      /* of writes: complete when the data is safe, as if a flush followed */
	bool may_unmap;    /* of zeroes: the space may be given back to the host */
	uint64_t offset;   /* bytes; the range lies within the disk */
	uint64_t len;      /* bytes; of reads and writes: what the pieces add up to */
	struct iovec *iov; /* of reads and writes */
	unsigned nr_iov;

	/* When it is completed. */
	int error; /* 0 or -errno; then what was read or written is undefined */
	struct disk_request *next;

	/* Of the backend. */
	unsigned step, retries, commands;
	size_t within;
};

/* What a disk is like; it does not change. */
struct disk_info {
	uint64_t size;       /* bytes; a multiple of DISK_SECTOR_SIZE, not 0 */
	uint32_t block_size; /* of addressing, bytes; a power of two from 512 on */
	uint32_t
		physical_block_size; /* best for I/O, bytes; a power of two, not below block_size */
	bool read_only;              /* only reads and flushes are submitted */
	unsigned max_requests;       /* not yet completed, at once; from 1 on */
};

struct disk_backend;

struct disk_ops {
	void (*submit)(struct disk_backend *disk, struct disk_request *request);
	void (*commit)(struct disk_backend *disk); /* may be NULL */
	void (*drain)(struct disk_backend *disk);
	void (*reap)(struct disk_backend *disk);
	void (*destroy)(struct disk_backend *disk);
};

struct disk_backend {
	const struct disk_ops *ops;
	struct disk_info info;
	/* The device's; @finished is a list by `next`, which now is the device's again. */
	void (*completed)(void *ctx, struct disk_request *finished);
	void *ctx;
};

/** disk_attach() - have @completed called; before the first request */
static inline void disk_attach(struct disk_backend *disk,
			       void (*completed)(void *ctx, struct disk_request *finished),
			       void *ctx)
{
	disk->completed = completed;
	disk->ctx = ctx;
}

/** disk_submit() - take @request, which lives until it is completed; at most info.max_requests */
static inline void disk_submit(struct disk_backend *disk, struct disk_request *request)
{
	disk->ops->submit(disk, request);
}

/** disk_commit() - no more for now: start what was submitted */
static inline void disk_commit(struct disk_backend *disk)
{
	if (disk->ops->commit)
		disk->ops->commit(disk);
}

/**
 * disk_drain() - wait until nothing touches the memory of requests any more
 *
 * It takes as long as the host's disk takes.  Requests that ended by this are completed as any
 * other: later, on the loop's thread.
 */
static inline void disk_drain(struct disk_backend *disk)
{
	disk->ops->drain(disk);
}

/** disk_reap() - call completed() for what is finished, now; on the loop's thread, or after it,
 * without the device's lock */
static inline void disk_reap(struct disk_backend *disk)
{
	disk->ops->reap(disk);
}

/** disk_destroy() - nothing is in flight; on the loop's thread, or after it; NULL is fine */
static inline void disk_destroy(struct disk_backend *disk)
{
	if (disk)
		disk->ops->destroy(disk);
}

#endif
