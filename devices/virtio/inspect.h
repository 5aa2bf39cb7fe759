/* SPDX-License-Identifier: MIT */
/*
 * A look into a virtio device from outside, while driver and device work: for people, never for the
 * device itself.  What is in rings is what the guest wrote there, right or wrong.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_INSPECT_H
#define GLASSBOX_DEVICES_VIRTIO_INSPECT_H

#include "devices/virtio/virtio.h"

/* When one side wants to be notified by the other (2.7.7, 2.7.10, 2.8.10). */
enum virtqueue_notify {
	VIRTQUEUE_NOTIFY_ON,
	VIRTQUEUE_NOTIFY_OFF,
	VIRTQUEUE_NOTIFY_AT, /* once the other has passed an index (EVENT_IDX) */
};

struct virtqueue_event {
	enum virtqueue_notify when;
	uint16_t index; /* of AT: split: free running; packed: a slot */
	bool wrap;      /* of AT, packed */
};

/* Indexes of split rings run freely; those of packed ones are slots, with a wrap counter. */
struct virtqueue_info {
	uint16_t size, max_size;
	bool enabled, broken, packed;
	bool elsewhere; /* served by another process: of a split ring avail and used are known,
			 * of a packed one no index; nor the chains that wait or are in flight */
	uint64_t areas[VIRTQUEUE_NR_AREAS]; /* guest physical */

	/* What follows is 0 unless the queue is enabled. */
	uint16_t avail, last_avail, used; /* offered up to; popped up to; given back up to */
	bool avail_wrap, last_avail_wrap, used_wrap; /* packed */
	struct virtqueue_event kicks;                /* what the device wants of the driver */
	struct virtqueue_event interrupts;           /* what the driver wants of the device */
	/* Heads (packed: IDs) of chains that wait to be popped, the oldest first; and of those that
	 * were popped and not given back, by number. */
	unsigned nr_waiting, nr_in_flight;
	uint16_t waiting[VIRTQUEUE_MAX_SIZE], in_flight[VIRTQUEUE_MAX_SIZE];
};

/** virtqueue_inspect() - with the lock of the queue's owner held */
void virtqueue_inspect(const struct virtqueue *vq, struct virtqueue_info *ret_info);

/* Where a device is between its driver and the specification. */
struct virtio_dev_info {
	const char *name; /* as long as the device lives */
	const char *type; /* of its class, e.g. "virtio-blk" */
	uint16_t id;      /* VIRTIO_DEVICE_* */
	uint8_t status;   /* VIRTIO_S_* */
	uint64_t offered, accepted;
	uint32_t config_generation;
	unsigned nr_queues;
};

/**
 * virtio_dev_inspect() / virtio_dev_inspect_queue() - any thread, without the lock
 * @q: below nr_queues
 */
void virtio_dev_inspect(struct virtio_dev *vdev, struct virtio_dev_info *ret_info);
void virtio_dev_inspect_queue(struct virtio_dev *vdev, unsigned q, struct virtqueue_info *ret_info);

#endif
