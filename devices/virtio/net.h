/* SPDX-License-Identifier: MIT */
/* A virtio network device (5.1): an Ethernet interface for the guest, its cable in a net_backend.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_NET_H
#define GLASSBOX_DEVICES_VIRTIO_NET_H

#include "devices/backend/net.h"
#include "devices/virtio/virtio.h"

/* Pairs of queues: a device has VIRTIO_MAX_QUEUES at most, one of them for control. */
#define VIRTIO_NET_MAX_PAIRS ((VIRTIO_MAX_QUEUES - 1) / 2)

/* 5.1.4.1 wants 68 at least, IPv6 1280. */
#define VIRTIO_NET_MTU_MIN   68u
#define VIRTIO_NET_MTU_MAX   65535u

struct virtio_net_settings {
	uint8_t mac[NET_MAC_LEN]; /* of one station, so the lowest bit of its first byte is 0 */
	uint16_t mtu;             /* the largest that the guest may use, bytes; 0: is not said */
	bool link_down;           /* at first */
	/*
	 * The backend is gone for good, and the link down with it; may be NULL.  On the loop's
	 * thread with the device's lock held: it must not call the device.
	 */
	void (*lost)(void *ctx);
	void *ctx;
};

/* Frames since the device was made. */
struct virtio_net_counters {
	uint64_t sent, received;
	uint64_t send_drops;    /* not valid, refused by the backend, or the link was down */
	uint64_t receive_drops; /* too long for the driver's buffers, or not what it accepted */
};

/**
 * virtio_net_create() - a network device, yet without a transport
 * @config: its loop is the one of @backend; its nr_queues does not count: two for each pair of the
 *          backend, and one
 * @backend: taken over on success: destroyed with the device; at most VIRTIO_NET_MAX_PAIRS pairs
 *
 * What is offered of offloads is what the backend can do.  Return: 0; -EINVAL: a MAC address that
 * is not one station's, an MTU out of range, or too many pairs; or -errno.  Freed by
 * virtio_dev_destroy(), or by the transport that takes it.
 */
int virtio_net_create(const struct virtio_dev_config *config, struct net_backend *backend,
		      const struct virtio_net_settings *settings, struct virtio_dev **ret_vdev)
	__must_check;

/**
 * virtio_net_set_link() - plug the cable in, or out; on the loop's thread, without the lock
 *
 * Frames sent without a link are lost, and those to be received wait at the backend.  Return: 0;
 * -ENODEV: there is no backend any more to plug it into.
 */
int virtio_net_set_link(struct virtio_dev *vdev, bool up);

/** virtio_net_counters() - what was sent and received; any thread, without the lock */
struct virtio_net_counters virtio_net_counters(struct virtio_dev *vdev);

#endif
