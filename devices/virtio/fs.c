/* SPDX-License-Identifier: MIT */
/*
 * The file system device (5.11).  Here is its configuration only: the requests are FUSE's, and the
 * back-end takes them from the queues by itself (vhost.h).
 */
#include "devices/virtio/fs.h"

#include <string.h>

#include "base/cleanup.h"

/* Queues (5.11.2).  There is no notification queue without its feature. */
enum { HIPRIO_QUEUE, REQUEST_QUEUE, NR_QUEUES };

/* A request of Linux has a descriptor a page: as many as fit. */
#define FS_QUEUE_SIZE VIRTQUEUE_MAX_SIZE

/* 5.11.4; notify_buf_size is not there without that feature. */
struct fs_config {
	char tag[VIRTIO_FS_TAG_MAX]; /* padded with NULs, ended by none if it is full */
	uint32_t num_request_queues;
};
_Static_assert(sizeof(struct fs_config) == 40, "as the driver sees it");

struct virtio_fs {
	struct virtio_vhost vhost;
	struct fs_config config;
};

static struct virtio_fs *to_fs(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_fs, vhost.vdev);
}

/* 5.11.4.1: not for the driver to write. */
static void fs_config_write(struct virtio_dev *vdev, unsigned off, const void *buf, unsigned len)
{
	(void)buf;
	(void)len;
	virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_FS_CONFIG, off);
}

static void fs_destroy(struct virtio_dev *vdev)
{
	struct virtio_fs *fs = to_fs(vdev);

	virtio_vhost_deinit(&fs->vhost);
	free(fs);
}

static const struct virtio_ops fs_ops = {
	.activate = virtio_vhost_activate,
	.queue_start = virtio_vhost_queue_start,
	.queue_stop = virtio_vhost_queue_stop,
	.abandon = virtio_vhost_abandon,
	.config_write = fs_config_write,
	.destroy = fs_destroy,
};

static const struct virtio_class fs_class = {
	.name = "virtio-fs",
	.id = VIRTIO_DEVICE_FS,
	.nr_queues = NR_QUEUES,
	.queue_size = FS_QUEUE_SIZE,
	.config_len = sizeof(struct fs_config),
	.ops = &fs_ops,
};

int virtio_fs_create(const struct virtio_dev_config *config, const char *tag,
		     struct vhost_backend *backend, struct virtio_dev **ret_vdev,
		     struct error *error)
{
	_cleanup_free_ struct virtio_fs *fs = calloc(1, sizeof(*fs));
	size_t len = strlen(tag);
	int r;

	if (!fs)
		return error_set(error, -ENOMEM, "%s", strerror(ENOMEM));
	if (len == 0 || len > sizeof(fs->config.tag))
		return error_set(error, -EINVAL, "its tag has not 1 to %d bytes",
				 VIRTIO_FS_TAG_MAX);
	memcpy(fs->config.tag, tag, len);
	fs->config.num_request_queues = NR_QUEUES - REQUEST_QUEUE;
	r = virtio_vhost_init(&fs->vhost, &fs_class, config, &fs->config, backend, error);
	if (r < 0)
		return r;
	*ret_vdev = &TAKE_PTR(fs)->vhost.vdev;
	return 0;
}
