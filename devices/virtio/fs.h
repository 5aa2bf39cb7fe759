/* SPDX-License-Identifier: MIT */
/* A virtio file system device (5.11), served by a vhost-user back-end such as virtiofsd. */
#ifndef GLASSBOX_DEVICES_VIRTIO_FS_H
#define GLASSBOX_DEVICES_VIRTIO_FS_H

#include "devices/virtio/vhost.h"

#define VIRTIO_FS_TAG_MAX 36 /* bytes */

/**
 * virtio_fs_create() - a file system, yet without a transport
 * @config: with a loop; every region of the memory is a shared mapping of a file
 * @tag: what the guest mounts it by; UTF-8, 1 to VIRTIO_FS_TAG_MAX bytes
 * @backend: taken over on success
 *
 * Return: 0, or -errno with @error set to a clause about the back-end.
 */
int virtio_fs_create(const struct virtio_dev_config *config, const char *tag,
		     struct vhost_backend *backend, struct virtio_dev **ret_vdev,
		     struct error *error) __must_check;

#endif
