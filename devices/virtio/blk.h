/* SPDX-License-Identifier: MIT */
/* A virtio block device (5.2): a disk for the guest, its blocks in a disk_backend. */
#ifndef GLASSBOX_DEVICES_VIRTIO_BLK_H
#define GLASSBOX_DEVICES_VIRTIO_BLK_H

#include "devices/backend/disk.h"
#include "devices/virtio/virtio.h"

/* What a driver reads by VIRTIO_BLK_T_GET_ID; the last may be there without a 0 behind it. */
#define VIRTIO_BLK_SERIAL_MAX 20
#define VIRTIO_BLK_MAX_QUEUES 16

/**
 * virtio_blk_create() - a block device, yet without a transport
 * @config: its nr_queues may be 1..VIRTIO_BLK_MAX_QUEUES, 0 is 1; its loop is the one on which
 *          @disk completes requests
 * @disk: taken over on success: destroyed with the device
 * @serial: ASCII, copied; NULL: none
 *
 * A writable disk starts with a cache to be flushed, as VIRTIO_BLK_F_FLUSH says; a driver may
 * change that (VIRTIO_BLK_F_CONFIG_WCE), and one without these features has each write safe when it
 * completes.
 *
 * Return: 0; -EINVAL: @serial is too long; or -errno.  Freed by virtio_dev_destroy(), or by the
 * transport that takes it.
 */
int virtio_blk_create(const struct virtio_dev_config *config, struct disk_backend *disk,
		      const char *serial, struct virtio_dev **ret_vdev) __must_check;

#endif
