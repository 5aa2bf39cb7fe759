/* SPDX-License-Identifier: MIT */
/* The queues of a virtio device, for virtio.c only. */
#ifndef GLASSBOX_DEVICES_VIRTIO_VIRTIO_QUEUE_H
#define GLASSBOX_DEVICES_VIRTIO_VIRTIO_QUEUE_H

#include "devices/virtio/virtio.h"

/** virtio_queues_init() - make queues and doorbells; Return: 0 or -errno */
int virtio_queues_init(struct virtio_dev *vdev, const struct virtio_dev_config *config)
	__must_check;
void virtio_queues_deinit(struct virtio_dev *vdev);

/** virtio_queue_start() - if queue @q is on, and served elsewhere: begin to serve it */
void virtio_queue_start(struct virtio_dev *vdev, unsigned q);

/** virtio_queue_stop() - turn queue @q off, its chains given up; fine if it is off */
void virtio_queue_stop(struct virtio_dev *vdev, unsigned q);

/** virtio_queues_break() - let no chain be popped from any queue */
void virtio_queues_break(struct virtio_dev *vdev);

/** virtio_queues_in_flight() - chains popped and not pushed */
unsigned virtio_queues_in_flight(const struct virtio_dev *vdev);

#endif
