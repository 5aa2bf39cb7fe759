/* SPDX-License-Identifier: MIT */
/* A disk backend and its loop, run by hand: requests, and waiting for what becomes of them. */
#ifndef GLASSBOX_TESTS_UNIT_DISK_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_DISK_FIXTURE_H

#include <string.h>

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/disk.h"

struct disk_fixture {
	struct loop *loop;
	struct disk_backend *disk;
	struct error error;
	unsigned completed;
};

static inline void disk_on_completed(void *ctx, struct disk_request *finished)
{
	struct disk_fixture *f = ctx;

	for (; finished; finished = finished->next)
		f->completed++;
	loop_quit(f->loop);
}

static inline void disk_fixture_init(struct disk_fixture *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_create(&f->loop), 0);
}

static inline void disk_fixture_deinit(struct disk_fixture *f)
{
	disk_destroy(f->disk);
	loop_destroy(f->loop);
}

/* Runs the loop until so many are completed. */
static inline void disk_wait_for(struct disk_fixture *f, unsigned count)
{
	f->completed = 0;
	disk_commit(f->disk);
	while (f->completed < count)
		assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->completed, count);
}

static inline int disk_do(struct disk_fixture *f, struct disk_request *request)
{
	disk_submit(f->disk, request);
	disk_wait_for(f, 1);
	return request->error;
}

static inline int disk_transfer(struct disk_fixture *f, enum disk_op op, uint64_t sector, void *buf,
				size_t len)
{
	struct iovec iov = { buf, len };
	struct disk_request request = {
		.op = op, .offset = sector * 512, .len = len, .iov = &iov, .nr_iov = 1
	};

	return disk_do(f, &request);
}

/* What takes no data. */
static inline int disk_other(struct disk_fixture *f, enum disk_op op, uint64_t sector,
			     uint64_t sectors, bool may_unmap, bool durable)
{
	struct disk_request request = { .op = op,
					.offset = sector * 512,
					.len = sectors * 512,
					.may_unmap = may_unmap,
					.durable = durable };

	return disk_do(f, &request);
}

#endif
