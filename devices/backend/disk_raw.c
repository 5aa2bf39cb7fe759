/* SPDX-License-Identifier: MIT */
/*
 * Each request is one operation of io_uring at a time, with as many steps as it takes: what was
 * read or written short goes on, zeroes that the file system can't make are written.
 *
 * Threads: the device's come in by submit, commit and drain, the loop's by on_event.  The kernel
 * counts the eventfd up with each completion, so that the loop comes even if drain has taken it.
 */
#include "devices/backend/disk_raw.h"

#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "devices/backend/disk_image.h"

#define MAX_REQUESTS 128u /* a power of two; the ring has as many entries */
#define MAX_RETRIES  16u  /* of one step that was interrupted or found the host short of memory */
#define DIRECT_ALIGN 4096u
#define ZEROES_LEN   KIB(256) /* written at once */

/* How zeroes are made, the cheapest way first; ZEROES_SAFE follows the first two. */
enum {
	ZEROES_UNMAP,
	ZEROES_ALLOCATE,
	ZEROES_WRITE,
	ZEROES_SAFE,
};

struct raw_disk {
	struct disk_backend disk;
	/* Immutable. */
	struct disk_image image;
	void *zeroes;
	int eventfd;
	struct loop_source *source;

	pthread_mutex_t lock; /* protects what follows; none is taken within */
	struct io_uring ring;
	unsigned in_kernel; /* operations prepared whose completion was not yet taken */
	struct disk_request *finished, **finished_tail;
};

static struct raw_disk *to_raw(struct disk_backend *disk)
{
	return container_of(disk, struct raw_disk, disk);
}

/* Has the loop's thread come. */
static void ring_event(struct raw_disk *raw)
{
	const uint64_t one = 1;

	/* It fails only with a full count, and then the loop's thread comes anyway. */
	if (write(raw->eventfd, &one, sizeof(one)) < 0)
		return;
}

static void finish(struct raw_disk *raw, struct disk_request *request, int error)
{
	request->error = error;
	request->next = NULL;
	*raw->finished_tail = request;
	raw->finished_tail = &request->next;
}

/* Gives the kernel what was prepared.  What it can't take now stays in the ring for next time. */
static void enter(struct raw_disk *raw)
{
	int r;

	if (io_uring_sq_ready(&raw->ring) == 0)
		return;
	do
		r = io_uring_submit(&raw->ring);
	while (r == -EINTR);
	if (r < 0)
		ring_event(raw);
}

static bool is_aligned(const struct disk_request *request)
{
	uint64_t bits = request->offset | request->len;

	for (unsigned i = 0; i < request->nr_iov; i++)
		bits |= (uintptr_t)request->iov[i].iov_base | request->iov[i].iov_len;
	return bits % DIRECT_ALIGN == 0;
}

/*
 * Direct I/O has demands that guests do not know of.  A request that doesn't meet them goes through
 * the page cache, which the kernel keeps in step with direct I/O on the same host.
 */
static int pick_fd(const struct raw_disk *raw, const struct disk_request *request)
{
	return raw->image.direct_fd >= 0 && is_aligned(request) ? raw->image.direct_fd
								: raw->image.fd;
}

static void prepare_zeroes(struct raw_disk *raw, struct io_uring_sqe *sqe,
			   const struct disk_request *request)
{
	static const int modes[] = {
		[ZEROES_UNMAP] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		[ZEROES_ALLOCATE] = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};

	if (request->step == ZEROES_SAFE) {
		io_uring_prep_fsync(sqe, raw->image.fd, IORING_FSYNC_DATASYNC);
	} else if (request->step == ZEROES_WRITE) {
		io_uring_prep_write(sqe, raw->image.fd, raw->zeroes,
				    (unsigned)MIN(request->len, ZEROES_LEN), request->offset);
		sqe->rw_flags = request->durable ? RWF_DSYNC : 0;
	} else {
		io_uring_prep_fallocate(sqe, raw->image.fd, modes[request->step],
					(off_t)request->offset, (off_t)request->len);
	}
}

/* Puts the next step of @request into the ring. */
static void prepare(struct raw_disk *raw, struct disk_request *request)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&raw->ring);

	if (!sqe) {
		/* Only if the kernel took nothing for long. */
		finish(raw, request, -EAGAIN);
		ring_event(raw);
		return;
	}
	switch (request->op) {
	case DISK_READ:
		io_uring_prep_readv(sqe, pick_fd(raw, request), request->iov, request->nr_iov,
				    request->offset);
		break;
	case DISK_WRITE:
		io_uring_prep_writev2(sqe, pick_fd(raw, request), request->iov, request->nr_iov,
				      request->offset, request->durable ? RWF_DSYNC : 0);
		break;
	case DISK_FLUSH: io_uring_prep_fsync(sqe, raw->image.fd, IORING_FSYNC_DATASYNC); break;
	case DISK_DISCARD:
		io_uring_prep_fallocate(sqe, raw->image.fd,
					FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)request->offset, (off_t)request->len);
		break;
	case DISK_WRITE_ZEROES: prepare_zeroes(raw, sqe, request); break;
	}
	io_uring_sqe_set_data(sqe, request);
	raw->in_kernel++;
}

/* @count bytes are done. */
static void advance(struct disk_request *request, uint64_t count)
{
	request->offset += count;
	request->len -= count;
	while (request->nr_iov && count >= request->iov->iov_len) {
		count -= request->iov->iov_len;
		request->iov++;
		request->nr_iov--;
	}
	if (request->nr_iov) {
		request->iov->iov_base = (uint8_t *)request->iov->iov_base + count;
		request->iov->iov_len -= count;
	}
}

/* The result of one step.  Return: 1 if another is to follow; 0 or -errno if that was the last. */
static int after_transfer(struct disk_request *request, int result)
{
	if (result < 0)
		return result;
	/* The file became shorter than the disk. */
	if (result == 0 && request->len)
		return -EIO;
	advance(request, (uint64_t)result);
	request->retries = 0;
	return request->len > 0;
}

static int after_zeroes(struct disk_request *request, int result)
{
	switch (request->step) {
	case ZEROES_UNMAP:
	case ZEROES_ALLOCATE:
		if (result == -EOPNOTSUPP) {
			request->step++;
			return 1;
		}
		if (result < 0 || !request->durable)
			return result;
		request->step = ZEROES_SAFE;
		return 1;
	case ZEROES_WRITE: return after_transfer(request, result);
	default: return result;
	}
}

static int after_step(struct disk_request *request, int result)
{
	if ((result == -EINTR || result == -EAGAIN) && request->retries++ < MAX_RETRIES)
		return 1;
	switch (request->op) {
	case DISK_READ:
	case DISK_WRITE: return after_transfer(request, result);
	case DISK_WRITE_ZEROES: return after_zeroes(request, result);
	case DISK_DISCARD: return result == -EOPNOTSUPP ? 0 : result;
	default: return result;
	}
}

/* Takes what the kernel has completed. */
static void take_completions(struct raw_disk *raw)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&raw->ring, &cqe) == 0) {
		struct disk_request *request = io_uring_cqe_get_data(cqe);
		int r = after_step(request, cqe->res);

		io_uring_cqe_seen(&raw->ring, cqe);
		raw->in_kernel--;
		if (r > 0)
			prepare(raw, request);
		else
			finish(raw, request, r);
	}
}

static void raw_submit(struct disk_backend *disk, struct disk_request *request)
{
	struct raw_disk *raw = to_raw(disk);
	SCOPED_LOCK(&raw->lock);

	request->retries = 0;
	request->step = request->may_unmap ? ZEROES_UNMAP : ZEROES_ALLOCATE;
	prepare(raw, request);
}

static void raw_commit(struct disk_backend *disk)
{
	struct raw_disk *raw = to_raw(disk);
	SCOPED_LOCK(&raw->lock);

	enter(raw);
}

static void raw_drain(struct disk_backend *disk)
{
	struct raw_disk *raw = to_raw(disk);
	SCOPED_LOCK(&raw->lock);

	/* An operation of a disk can't be cancelled once the kernel has begun with it. */
	take_completions(raw);
	while (raw->in_kernel) {
		if (io_uring_submit_and_wait(&raw->ring, 1) < 0)
			(void)usleep(1000);
		take_completions(raw);
	}
}

static void raw_reap(struct disk_backend *disk)
{
	struct raw_disk *raw = to_raw(disk);
	struct disk_request *finished;

	(void)pthread_mutex_lock(&raw->lock);
	take_completions(raw);
	enter(raw);
	finished = raw->finished;
	raw->finished = NULL;
	raw->finished_tail = &raw->finished;
	(void)pthread_mutex_unlock(&raw->lock);
	if (finished)
		disk->completed(disk->ctx, finished);
}

static void on_event(void *ctx, uint32_t events)
{
	struct raw_disk *raw = ctx;
	uint64_t count;

	(void)events;
	if (read(raw->eventfd, &count, sizeof(count)) == sizeof(count))
		raw_reap(&raw->disk);
}

static void raw_destroy(struct disk_backend *disk)
{
	struct raw_disk *raw = to_raw(disk);

	loop_remove(raw->source);
	io_uring_queue_exit(&raw->ring);
	(void)close(raw->eventfd);
	disk_image_close(&raw->image);
	(void)pthread_mutex_destroy(&raw->lock);
	free(raw->zeroes);
	free(raw);
}

static const struct disk_ops raw_ops = {
	.submit = raw_submit,
	.commit = raw_commit,
	.drain = raw_drain,
	.reap = raw_reap,
	.destroy = raw_destroy,
};

static int start_ring(struct raw_disk *raw, const char *path, struct error *error)
{
	int r = io_uring_queue_init(MAX_REQUESTS, &raw->ring, 0);

	if (r == -ENOSYS || r == -EPERM)
		return error_set_errno(error, r,
				       "cannot serve disk image '%s': this host does not allow "
				       "io_uring (see the sysctl kernel.io_uring_disabled, and the "
				       "container's seccomp profile)",
				       path);
	if (r < 0)
		return error_set_errno(error, r, "cannot serve disk image '%s': io_uring", path);
	r = io_uring_register_eventfd(&raw->ring, raw->eventfd);
	if (r < 0) {
		io_uring_queue_exit(&raw->ring);
		return error_set_errno(error, r, "cannot serve disk image '%s': eventfd", path);
	}
	return 0;
}

/* All but the image, which is there. */
static int start(struct raw_disk *raw, const char *path, struct loop *loop, struct error *error)
{
	_cleanup_close_ int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (event_fd < 0)
		return error_set_errno(error, -errno, "cannot serve disk image '%s'", path);
	raw->eventfd = event_fd;
	r = start_ring(raw, path, error);
	if (r < 0)
		return r;
	r = loop_add(loop, event_fd, EPOLLIN, on_event, raw, &raw->source);
	if (r < 0) {
		io_uring_queue_exit(&raw->ring);
		return error_set_errno(error, r, "cannot serve disk image '%s'", path);
	}
	raw->eventfd = TAKE_FD(event_fd);
	(void)pthread_mutex_init(&raw->lock, NULL);
	return 0;
}

int disk_raw_open(const struct disk_raw_config *config, struct loop *loop,
		  struct disk_backend **ret_disk, unsigned *ret_tail, struct error *error)
{
	_cleanup_free_ struct raw_disk *raw = calloc(1, sizeof(*raw));
	_cleanup_free_ void *zeroes = calloc(1, ZEROES_LEN);
	int r;

	if (!raw || !zeroes)
		return error_set_errno(error, -ENOMEM, "cannot open disk image '%s'", config->path);
	r = disk_image_open(config->path, config->read_only, config->direct, &raw->image, error);
	if (r < 0)
		return r;
	raw->finished_tail = &raw->finished;
	if (!config->any_content)
		r = disk_image_check_raw(&raw->image, config->path, error);
	if (r == 0)
		r = start(raw, config->path, loop, error);
	if (r < 0) {
		disk_image_close(&raw->image);
		return r;
	}
	raw->zeroes = TAKE_PTR(zeroes);
	raw->disk.ops = &raw_ops;
	raw->disk.info = (struct disk_info){
		.size = raw->image.size,
		.block_size = raw->image.block_size,
		.physical_block_size = raw->image.physical_block_size,
		.read_only = config->read_only,
		.max_requests = MAX_REQUESTS,
	};
	*ret_tail = raw->image.tail;
	*ret_disk = &TAKE_PTR(raw)->disk;
	return 0;
}
