/* SPDX-License-Identifier: MIT */
/* A virtio entropy device (5.4): random bytes for the guest. */
#ifndef GLASSBOX_DEVICES_VIRTIO_RNG_H
#define GLASSBOX_DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

/*
 * Where the bytes come from.  fill() is called on the loop's thread with the device's lock held; it
 * must not block.  Return: how many of the first bytes of @buf were filled, or -errno.
 */
struct byte_source {
	long (*fill)(void *ctx, void *buf, size_t len);
	void *ctx;
};

/** byte_source_host() - the host kernel's random numbers, getrandom(2) */
struct byte_source byte_source_host(void);

/**
 * virtio_rng_create() - an entropy device, yet without a transport
 *
 * Return: 0 or -errno.  Freed by virtio_dev_destroy(), or by the transport that takes it.
 */
int virtio_rng_create(const struct virtio_dev_config *config, const struct byte_source *source,
		      struct virtio_dev **ret_vdev) __must_check;

#endif
