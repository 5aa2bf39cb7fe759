/* SPDX-License-Identifier: MIT */
/*
 * The balloon's statsq (5.5.6.3).  It works backwards: the driver leaves a buffer, which the device
 * keeps; to give it back is to ask, and what comes next is the answer, and the buffer to keep.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/balloon_device.h"

/* More entries than there are tags would only say something twice. */
#define MAX_ENTRIES 64u

static const struct virtio_balloon_stat_info infos[VIRTIO_BALLOON_NR_STATS] = {
	[VIRTIO_BALLOON_S_SWAP_IN] = { "swap_in", true },
	[VIRTIO_BALLOON_S_SWAP_OUT] = { "swap_out", true },
	[VIRTIO_BALLOON_S_MAJFLT] = { "major_faults", false },
	[VIRTIO_BALLOON_S_MINFLT] = { "minor_faults", false },
	[VIRTIO_BALLOON_S_MEMFREE] = { "free_memory", true },
	[VIRTIO_BALLOON_S_MEMTOT] = { "total_memory", true },
	[VIRTIO_BALLOON_S_AVAIL] = { "available_memory", true },
	[VIRTIO_BALLOON_S_CACHES] = { "disk_caches", true },
	[VIRTIO_BALLOON_S_HTLB_PGALLOC] = { "hugetlb_allocations", false },
	[VIRTIO_BALLOON_S_HTLB_PGFAIL] = { "hugetlb_failures", false },
};

_Static_assert(VIRTIO_BALLOON_S_HTLB_PGFAIL + 1 == VIRTIO_BALLOON_NR_STATS, "all of 5.5.6.4");

const struct virtio_balloon_stat_info *virtio_balloon_stat_info(unsigned tag)
{
	return &infos[tag];
}

static struct virtqueue *stats_queue(struct virtio_balloon *balloon)
{
	return virtio_dev_queue(&balloon->vdev, BALLOON_STATSQ);
}

static void parse(const struct virtio_balloon *balloon, struct virtio_balloon_stats *ret_stats)
{
	const struct virtq_chain *chain = &balloon->buffer;
	struct virtio_balloon_stat entry;

	memset(ret_stats, 0, sizeof(*ret_stats));
	if (chain->out_len % sizeof(entry))
		virtio_finding(balloon->vdev.name, BALLOON_STATSQ, VIRTIO_RULE_BALLOON_LENGTH,
			       chain->out_len);
	for (unsigned i = 0; i < MAX_ENTRIES; i++) {
		if (virtq_chain_read(chain, i * sizeof(entry), &entry, sizeof(entry)) <
		    sizeof(entry))
			break;
		/* Others are to be ignored (5.5.6.3.2). */
		if (entry.tag >= VIRTIO_BALLOON_NR_STATS)
			continue;
		ret_stats->valid |= UINT32_C(1) << entry.tag;
		ret_stats->values[entry.tag] = entry.val;
	}
}

static void answer(struct virtio_balloon *balloon, int error,
		   const struct virtio_balloon_stats *stats)
{
	virtio_balloon_stats_fn fn = balloon->stats_fn;

	balloon->stats_state = BALLOON_STATS_IDLE;
	balloon->stats_fn = NULL;
	if (fn)
		fn(balloon->stats_ctx, error, stats);
}

static void ask(struct virtio_balloon *balloon)
{
	virtqueue_push(stats_queue(balloon), &balloon->buffer, 0);
	balloon->has_buffer = false;
	balloon->stats_state = BALLOON_STATS_ASKED;
}

/* There is a new buffer. */
static void take_buffer(struct virtio_balloon *balloon)
{
	struct virtio_balloon_stats stats;

	balloon->has_buffer = true;
	if (balloon->buffer.in_len)
		virtio_finding(balloon->vdev.name, BALLOON_STATSQ, VIRTIO_RULE_BALLOON_DIRECTION,
			       balloon->buffer.in_len);
	if (balloon->stats_state == BALLOON_STATS_WANTED) {
		/* Older than the question: the first one, of the driver's start. */
		ask(balloon);
	} else if (balloon->stats_state == BALLOON_STATS_ASKED) {
		parse(balloon, &stats);
		answer(balloon, 0, &stats);
	}
}

void balloon_serve_stats(struct virtio_balloon *balloon)
{
	struct virtqueue *vq = stats_queue(balloon);
	struct virtq_chain chain;
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &chain)) > 0) {
			if (balloon->has_buffer) { /* 5.5.6.3.1: one at most */
				virtio_finding(balloon->vdev.name, BALLOON_STATSQ,
					       VIRTIO_RULE_BALLOON_STATS, chain.out_len);
				virtqueue_push(vq, &chain, 0);
				continue;
			}
			balloon->buffer = chain;
			take_buffer(balloon);
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(&balloon->vdev, BALLOON_STATSQ);
}

void balloon_stop_stats(struct virtio_balloon *balloon)
{
	balloon->has_buffer = false;
	answer(balloon, -ECANCELED, NULL);
}

int virtio_balloon_request_stats(struct virtio_dev *vdev, virtio_balloon_stats_fn fn, void *ctx)
{
	struct virtio_balloon *balloon = container_of(vdev, struct virtio_balloon, vdev);
	SCOPED_LOCK(&vdev->lock);

	if (!vdev->active || (vdev->status & VIRTIO_S_NEEDS_RESET))
		return -ENOTCONN;
	if (!virtio_dev_has_feature(vdev, VIRTIO_BALLOON_F_STATS_VQ) ||
	    !stats_queue(balloon)->enabled)
		return -EOPNOTSUPP;
	if (balloon->stats_fn)
		return -EBUSY;
	balloon->stats_fn = fn;
	balloon->stats_ctx = ctx;
	/* An answer may be on its way to somebody who has cancelled; it will do. */
	if (balloon->stats_state == BALLOON_STATS_ASKED)
		return 0;
	balloon->stats_state = BALLOON_STATS_WANTED;
	if (balloon->has_buffer) {
		ask(balloon);
		virtio_dev_signal_queue(vdev, BALLOON_STATSQ);
	}
	return 0;
}

void virtio_balloon_cancel_stats(struct virtio_dev *vdev)
{
	struct virtio_balloon *balloon = container_of(vdev, struct virtio_balloon, vdev);
	SCOPED_LOCK(&vdev->lock);

	balloon->stats_fn = NULL;
	if (balloon->stats_state == BALLOON_STATS_WANTED)
		balloon->stats_state = BALLOON_STATS_IDLE;
}
