/* SPDX-License-Identifier: MIT */
/*
 * The memory balloon (5.5).
 *
 *     inflateq, deflateq   arrays of page numbers; the former are given back to the host
 *     statsq               one buffer, kept until somebody wants statistics (balloon_stats.c)
 *     reporting_vq         free pages as buffers, which are given back to the host
 *
 * Threads: as virtio.h says.  A chain may name any number of pages, and each may cost a system
 * call: what a turn of the loop does is bounded, and a chain that is not finished by then waits in
 * its job for the next turn.
 */
#include "devices/virtio/balloon.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/balloon_device.h"

#define BALLOON_QUEUE_SIZE 128

/* Of one turn: some ms at the worst, with every page elsewhere. */
#define TURN_CALLS         1024u
#define TURN_BYTES         MIB(64)

/* Page numbers that are looked at together. */
#define CHUNK_PAGES        256u

_Static_assert(VIRTIO_BALLOON_PAGE_SIZE == UINT64_C(1) << VIRTIO_BALLOON_PAGE_SHIFT &&
		       VIRTIO_BALLOON_PAGE_SIZE == GUEST_MEM_PAGE_SIZE,
	       "a page is a page is a page");

/* What is left of a turn. */
struct turn {
	unsigned calls;
	uint64_t bytes;
};

static struct virtio_balloon *to_balloon(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_balloon, vdev);
}

/*
 * Some drivers number the queues of the features they have accepted without the gaps of 5.5.2;
 * Linux has done so for years.  No queue means two things by that: the statsq is 2 in both ways.
 */
static enum balloon_role role_of(const struct virtio_balloon *balloon, unsigned q)
{
	bool has_stats = virtio_dev_has_feature(&balloon->vdev, VIRTIO_BALLOON_F_STATS_VQ);
	unsigned without_gaps = has_stats ? BALLOON_STATSQ + 1 : BALLOON_STATSQ;

	if (q == BALLOON_INFLATEQ)
		return BALLOON_ROLE_INFLATE;
	if (q == BALLOON_DEFLATEQ)
		return BALLOON_ROLE_DEFLATE;
	if (q == BALLOON_STATSQ && has_stats)
		return BALLOON_ROLE_STATS;
	if (virtio_dev_has_feature(&balloon->vdev, VIRTIO_BALLOON_F_PAGE_REPORTING) &&
	    (q == BALLOON_REPORTING_VQ || q == without_gaps))
		return BALLOON_ROLE_REPORT;
	return BALLOON_ROLE_NONE;
}

static void give_back(struct virtio_balloon *balloon, uint64_t gpa, uint64_t len, uint64_t *counter)
{
	if (guest_mem_discard(balloon->mem, gpa, len) == 0)
		*counter += len;
	else
		balloon->failures++;
}

static int compare_pages(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Drops what is no RAM from @pages; Return: how many are left. */
static unsigned keep_ram(const struct virtio_balloon *balloon, unsigned q, uint32_t *pages,
			 unsigned count)
{
	uint32_t stray = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t gpa = (uint64_t)pages[i] << VIRTIO_BALLOON_PAGE_SHIFT;

		if (guest_mem_ptr(balloon->mem, gpa, VIRTIO_BALLOON_PAGE_SIZE))
			pages[kept++] = pages[i];
		else
			stray = pages[i];
	}
	/* One for all of them: a driver that is wrong is so many times over. */
	if (kept < count)
		virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_PAGE, stray);
	return kept;
}

/* Gives back runs of pages, each with one call; @pages are sorted for it. */
static void give_back_pages(struct virtio_balloon *balloon, uint32_t *pages, unsigned count)
{
	unsigned end;

	qsort(pages, count, sizeof(*pages), compare_pages);
	for (unsigned i = 0; i < count; i = end) {
		for (end = i + 1; end < count && pages[end] - pages[end - 1] <= 1; end++)
			;
		give_back(balloon, (uint64_t)pages[i] << VIRTIO_BALLOON_PAGE_SHIFT,
			  (uint64_t)(pages[end - 1] - pages[i] + 1) << VIRTIO_BALLOON_PAGE_SHIFT,
			  &balloon->inflated);
	}
}

/* Return: is the chain done with? */
static bool work_on_pages(struct virtio_balloon *balloon, unsigned q, struct turn *turn)
{
	struct balloon_job *job = &balloon->jobs[q];
	uint32_t pages[CHUNK_PAGES];

	if (job->done == 0 && job->chain.in_len)
		virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_DIRECTION,
			       job->chain.in_len);
	if (job->done == 0 && job->chain.out_len % sizeof(*pages))
		virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_LENGTH,
			       job->chain.out_len);
	while (job->chain.out_len - job->done >= sizeof(*pages)) {
		unsigned count;

		if (turn->calls < CHUNK_PAGES)
			return false;
		count = (unsigned)(virtq_chain_read(&job->chain, job->done, pages, sizeof(pages)) /
				   sizeof(*pages));
		job->done += count * sizeof(*pages);
		turn->calls -= count;
		count = keep_ram(balloon, q, pages, count);
		if (role_of(balloon, q) == BALLOON_ROLE_INFLATE)
			give_back_pages(balloon, pages, count);
	}
	return true;
}

/*
 * What is given back reads as zeros, so it must stay where the driver relies on another value
 * (5.5.6.7.2).  Pages in the balloon are the device's, whatever the driver wrote to them before.
 */
static bool may_take_reports(const struct virtio_balloon *balloon)
{
	return !virtio_dev_has_feature(&balloon->vdev, VIRTIO_BALLOON_F_PAGE_POISON) ||
	       balloon->config.poison_val == 0;
}

/* Return: is the piece done with? */
static bool take_piece(struct virtio_balloon *balloon, unsigned q, const struct iovec *piece,
		       struct turn *turn)
{
	struct balloon_job *job = &balloon->jobs[q];
	uint64_t gpa = guest_mem_gpa(balloon->mem, piece->iov_base);
	uint64_t begin = ALIGN_UP(gpa, GUEST_MEM_PAGE_SIZE);
	uint64_t end = ALIGN_DOWN(gpa + piece->iov_len, GUEST_MEM_PAGE_SIZE), len;

	if (job->done == 0 && (begin != gpa || end != gpa + piece->iov_len))
		virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_REPORT, gpa);
	if (begin + job->done >= end)
		return true;
	if (turn->calls == 0 || turn->bytes == 0)
		return false;
	len = MIN(end - begin - job->done, turn->bytes);
	give_back(balloon, begin + job->done, len, &balloon->reported);
	turn->calls--;
	turn->bytes -= len;
	job->done += len;
	return begin + job->done == end;
}

/* Return: is the chain done with? */
static bool work_on_report(struct virtio_balloon *balloon, unsigned q, struct turn *turn)
{
	struct balloon_job *job = &balloon->jobs[q];
	const struct virtq_chain *chain = &job->chain;

	if (job->piece == 0 && job->done == 0 && chain->out_len)
		virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_DIRECTION,
			       chain->out_len);
	if (!may_take_reports(balloon))
		return true;
	for (; job->piece < chain->nr_in; job->piece++, job->done = 0) {
		if (!take_piece(balloon, q, &chain->iov[chain->nr_out + job->piece], turn))
			return false;
	}
	return true;
}

/* Return: is the chain done with? */
static bool work(struct virtio_balloon *balloon, unsigned q, struct turn *turn)
{
	switch (role_of(balloon, q)) {
	case BALLOON_ROLE_INFLATE:
	case BALLOON_ROLE_DEFLATE: return work_on_pages(balloon, q, turn);
	case BALLOON_ROLE_REPORT: return work_on_report(balloon, q, turn);
	default: virtio_finding(balloon->vdev.name, q, VIRTIO_RULE_BALLOON_QUEUE, q); return true;
	}
}

/* Takes the next chain, unless there is one that is not finished; Return: as virtqueue_pop(). */
static int next_job(struct virtio_balloon *balloon, unsigned q)
{
	struct balloon_job *job = &balloon->jobs[q];
	int r;

	if (job->busy)
		return 1;
	r = virtqueue_pop(virtio_dev_queue(&balloon->vdev, q), &job->chain);
	if (r > 0) {
		job->busy = true;
		job->piece = 0;
		job->done = 0;
	}
	return r;
}

static void balloon_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_balloon *balloon = to_balloon(vdev);
	struct virtqueue *vq = virtio_dev_queue(vdev, q);
	struct turn turn = { .calls = TURN_CALLS, .bytes = TURN_BYTES };
	bool finished = true;
	int r;

	if (role_of(balloon, q) == BALLOON_ROLE_STATS) {
		balloon_serve_stats(balloon);
		return;
	}
	do {
		virtqueue_disable_notify(vq);
		while (finished && (r = next_job(balloon, q)) > 0) {
			finished = work(balloon, q, &turn);
			if (!finished)
				break;
			balloon->jobs[q].busy = false;
			virtqueue_push(vq, &balloon->jobs[q].chain, 0);
		}
	} while (finished && r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(vdev, q);
	if (!finished)
		virtio_dev_again(vdev, q);
}

/* What a driver has said is not true of the next one: its balloon is empty. */
static void forget_driver(struct virtio_dev *vdev)
{
	struct virtio_balloon *balloon = to_balloon(vdev);

	balloon->config.actual = 0;
	balloon->config.poison_val = 0;
}

static int balloon_activate(struct virtio_dev *vdev)
{
	for (unsigned q = BALLOON_STATSQ; q < BALLOON_NR_QUEUES; q++) {
		enum balloon_role role = role_of(to_balloon(vdev), q);

		if (virtio_dev_queue(vdev, q)->enabled &&
		    !(role == BALLOON_ROLE_STATS && q == BALLOON_STATSQ) &&
		    !(role == BALLOON_ROLE_REPORT && q == BALLOON_REPORTING_VQ))
			virtio_finding(vdev->name, q, VIRTIO_RULE_BALLOON_QUEUE, q);
	}
	return 0;
}

static bool is_in(unsigned at, size_t field)
{
	return at >= field && at < field + sizeof(uint32_t);
}

static void balloon_config_write(struct virtio_dev *vdev, unsigned off, const void *buf,
				 unsigned len)
{
	struct virtio_balloon *balloon = to_balloon(vdev);
	const size_t actual = offsetof(struct virtio_balloon_config, actual);
	const size_t poison_val = offsetof(struct virtio_balloon_config, poison_val);
	bool has_poison = virtio_dev_has_feature(vdev, VIRTIO_BALLOON_F_PAGE_POISON);
	uint32_t poison_before = balloon->config.poison_val;

	for (unsigned i = 0; i < len; i++) {
		if (!is_in(off + i, actual) && !(has_poison && is_in(off + i, poison_val))) {
			virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_BALLOON_CONFIG,
				       off);
			return;
		}
	}
	memcpy((uint8_t *)&balloon->config + off, buf, len);
	if (balloon->config.poison_val != poison_before && (vdev->status & VIRTIO_S_DRIVER_OK))
		virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_BALLOON_POISON,
			       balloon->config.poison_val);
}

static void balloon_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_balloon *balloon = to_balloon(vdev);

	balloon->jobs[q].busy = false;
	if (role_of(balloon, q) == BALLOON_ROLE_STATS)
		balloon_stop_stats(balloon);
}

static void balloon_destroy(struct virtio_dev *vdev)
{
	virtio_dev_deinit(vdev);
	free(to_balloon(vdev));
}

static const struct virtio_ops balloon_ops = {
	.features_chosen = forget_driver,
	.activate = balloon_activate,
	.queue_ready = balloon_queue_ready,
	.config_write = balloon_config_write,
	.queue_stop = balloon_queue_stop,
	.reset = forget_driver,
	.destroy = balloon_destroy,
};

static const struct virtio_class balloon_class = {
	.name = "virtio-balloon",
	.id = VIRTIO_DEVICE_BALLOON,
	.nr_queues = BALLOON_NR_QUEUES,
	.queue_size = BALLOON_QUEUE_SIZE,
	.features = VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
		    VIRTIO_BALLOON_F_PAGE_POISON | VIRTIO_BALLOON_F_PAGE_REPORTING,
	.config_len = VIRTIO_BALLOON_CONFIG_LEN,
	.ops = &balloon_ops,
};

int virtio_balloon_create(const struct virtio_dev_config *config, struct virtio_dev **ret_vdev)
{
	_cleanup_free_ struct virtio_balloon *balloon = calloc(1, sizeof(*balloon));
	int r;

	if (!balloon)
		return -ENOMEM;
	balloon->mem = config->mem;
	r = virtio_dev_init(&balloon->vdev, &balloon_class, config, &balloon->config);
	if (r < 0)
		return r;
	*ret_vdev = &TAKE_PTR(balloon)->vdev;
	return 0;
}

int virtio_balloon_set_target(struct virtio_dev *vdev, uint64_t pages)
{
	struct virtio_balloon *balloon = to_balloon(vdev);
	SCOPED_LOCK(&vdev->lock);

	if (pages > UINT32_MAX || pages > guest_mem_size(balloon->mem) / VIRTIO_BALLOON_PAGE_SIZE)
		return -ERANGE;
	balloon->config.num_pages = (uint32_t)pages;
	virtio_dev_config_changed(vdev);
	return 0;
}

void virtio_balloon_get_state(struct virtio_dev *vdev, struct virtio_balloon_state *ret_state)
{
	const struct virtio_balloon *balloon = to_balloon(vdev);
	SCOPED_LOCK(&vdev->lock);

	*ret_state = (struct virtio_balloon_state){
		.target = balloon->config.num_pages,
		.actual = balloon->config.actual,
		.has_driver = vdev->active,
		.inflated = balloon->inflated,
		.reported = balloon->reported,
		.failures = balloon->failures,
	};
}
