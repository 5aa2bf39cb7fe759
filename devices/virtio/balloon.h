/* SPDX-License-Identifier: MIT */
/*
 * A virtio memory balloon (5.5): memory that the guest gives up, and that the host gets back.
 *
 * Pages in the balloon, and free pages that the driver reports, are given back by
 * guest_mem_discard(), so each of them is there again, as zeros, at the guest's next touch.  That
 * is why VIRTIO_BALLOON_F_MUST_TELL_HOST is not offered: a driver may use a page of the balloon
 * before it has told anybody, and nothing is lost.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_BALLOON_H
#define GLASSBOX_DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

#define VIRTIO_BALLOON_PAGE_SIZE UINT64_C(4096)
#define VIRTIO_BALLOON_NR_STATS  10

/**
 * virtio_balloon_create() - a balloon with nothing in it, yet without a transport
 * @config: its mem is what is given back; features_off may have
 *          VIRTIO_BALLOON_F_DEFLATE_ON_OOM, lest the guest take pages back by itself
 *
 * Return: 0 or -errno.  Freed by virtio_dev_destroy(), or by the transport that takes it.
 */
int virtio_balloon_create(const struct virtio_dev_config *config, struct virtio_dev **ret_vdev)
	__must_check;

/*
 * What follows is for any thread, without the device's lock; @vdev is one of
 * virtio_balloon_create().
 */

/**
 * virtio_balloon_set_target() - ask the driver for so many pages in the balloon
 * @pages: of VIRTIO_BALLOON_PAGE_SIZE; 0: give all back to the guest
 *
 * The driver does it when it can, and as far as it can; a driver to come hears of it, too.
 * Return: 0; -ERANGE: the guest has not so many.
 */
int virtio_balloon_set_target(struct virtio_dev *vdev, uint64_t pages) __must_check;

struct virtio_balloon_state {
	uint32_t target; /* pages that are wanted in the balloon */
	uint32_t actual; /* pages that are there, as the driver says */
	bool has_driver; /* one that said DRIVER_OK */
	/* Since the device was made: bytes given back, and attempts at which the host failed. */
	uint64_t inflated, reported, failures;
};

/** virtio_balloon_get_state() - where it is now */
void virtio_balloon_get_state(struct virtio_dev *vdev, struct virtio_balloon_state *ret_state);

/* The guest's view of its memory (5.5.6.4).  values[tag] counts if bit `tag` of valid is set. */
struct virtio_balloon_stats {
	uint32_t valid;
	uint64_t values[VIRTIO_BALLOON_NR_STATS];
};

/* A statistic for people and programs, e.g. "free_memory". */
struct virtio_balloon_stat_info {
	const char *name;
	bool is_bytes; /* else it is a count of events */
};

/** virtio_balloon_stat_info() - @tag: below VIRTIO_BALLOON_NR_STATS */
const struct virtio_balloon_stat_info *virtio_balloon_stat_info(unsigned tag);

/*
 * Called once for each request, on any thread, with the device's lock held: it must not call the
 * device.  @error: 0; -ECANCELED: the driver is gone, @stats is NULL.
 */
typedef void (*virtio_balloon_stats_fn)(void *ctx, int error,
					const struct virtio_balloon_stats *stats);

/**
 * virtio_balloon_request_stats() - have the driver collect statistics, and @fn called with them
 *
 * A driver may take its time, or never answer.  Return: 0; -ENOTCONN: there is no driver;
 * -EOPNOTSUPP: there is one, without VIRTIO_BALLOON_F_STATS_VQ; -EBUSY: a request is under way.
 */
int virtio_balloon_request_stats(struct virtio_dev *vdev, virtio_balloon_stats_fn fn, void *ctx)
	__must_check;

/** virtio_balloon_cancel_stats() - when it returns the callback does not come any more */
void virtio_balloon_cancel_stats(struct virtio_dev *vdev);

#endif
