/* SPDX-License-Identifier: MIT */
/*
 * A virtio socket device (5.10): stream connections between programs in the guest and programs on
 * the host, which is CID 2.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VSOCK_H
#define GLASSBOX_DEVICES_VIRTIO_VSOCK_H

#include "devices/backend/vsock_host.h"
#include "devices/virtio/virtio.h"

/* What a guest's CID may be (5.10.4). */
#define VIRTIO_VSOCK_CID_MIN 3
#define VIRTIO_VSOCK_CID_MAX UINT32_C(0xfffffffe)

/**
 * virtio_vsock_create() - a socket device, yet without a transport
 * @config: its loop is the one on which @host works
 * @guest_cid: VIRTIO_VSOCK_CID_MIN..VIRTIO_VSOCK_CID_MAX
 * @host: taken over on success: destroyed with the device
 *
 * Connections end with a reset of the device; what the guest has sent by then still reaches the
 * host.
 *
 * Return: 0; -EINVAL: no CID for a guest; or -errno.  Freed by virtio_dev_destroy(), or by the
 * transport that takes it.
 */
int virtio_vsock_create(const struct virtio_dev_config *config, uint32_t guest_cid,
			struct vsock_host *host, struct virtio_dev **ret_vdev) __must_check;

#endif
