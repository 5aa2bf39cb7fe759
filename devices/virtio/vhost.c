/* SPDX-License-Identifier: MIT */
#include "devices/virtio/vhost.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/event_count.h"

/* What the core offers for every device and whoever walks the rings has to know (6). */
#define RING_FEATURES (VIRTIO_FEATURE_INDIRECT | VIRTIO_FEATURE_EVENT_IDX | VIRTIO_FEATURE_PACKED)

static struct virtio_vhost *to_vhost(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_vhost, vdev);
}

/*
 * The eventfd could be the one of the queue's MSI-X vector itself, which KVM takes as its
 * interrupt; it would then be the transport's to hand out, and again with each change of vectors,
 * and no trace would have the interrupt.  This way costs a turn of the loop.
 */
static void on_call(void *ctx, uint32_t events)
{
	struct virtio_vhost_call *call = ctx;
	struct virtio_dev *vdev = &call->vhost->vdev;
	SCOPED_LOCK(&vdev->lock);

	(void)events;
	if (event_count_take(call->eventfd))
		virtio_dev_interrupt(vdev, call->queue);
}

static int take_loss(struct virtio_vhost *vhost)
{
	SCOPED_LOCK(&vhost->vdev.lock);

	/* Unless whoever was waiting for an answer knows better. */
	vhost_user_fail(vhost->front, -ECONNRESET);
	vhost->backend->ops->kill(vhost->backend);
	if (vhost->vdev.active)
		virtio_dev_needs_reset(&vhost->vdev);
	return vhost_user_error(vhost->front);
}

/* Nothing but the end: answers are for those who wait for them, on any thread. */
static void on_hang_up(void *ctx, uint32_t events)
{
	struct virtio_vhost *vhost = ctx;
	int error;

	(void)events;
	loop_remove(vhost->hang_up);
	vhost->hang_up = NULL;
	error = take_loss(vhost);
	vhost->backend->ops->lost(vhost->backend, error);
}

int virtio_vhost_activate(struct virtio_dev *vdev)
{
	return vhost_user_set_features(to_vhost(vdev)->front, vdev->accepted);
}

int virtio_vhost_queue_start(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_vhost *vhost = to_vhost(vdev);
	const struct virtqueue *vq = virtio_dev_queue(vdev, q);
	const struct vhost_user_ring ring = {
		.index = q,
		.size = vq->size,
		.packed = virtio_dev_has_feature(vdev, VIRTIO_FEATURE_PACKED),
		.desc = vq->host[VIRTQUEUE_DESC],
		.driver = vq->host[VIRTQUEUE_DRIVER],
		.device = vq->host[VIRTQUEUE_DEVICE],
		.kick = virtio_dev_doorbell(vdev, q),
		.call = vhost->calls[q].eventfd,
	};

	vhost->running |= UINT32_C(1) << q;
	return vhost_user_start_ring(vhost->front, &ring);
}

void virtio_vhost_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_vhost *vhost = to_vhost(vdev);

	if (!(vhost->running & UINT32_C(1) << q))
		return;
	vhost->running &= ~(UINT32_C(1) << q);
	/* One that does not stop when it is told to is stopped. */
	if (vhost_user_stop_ring(vhost->front, q) < 0)
		vhost->backend->ops->kill(vhost->backend);
	/* What it had to say is not for the next driver. */
	(void)event_count_take(vhost->calls[q].eventfd);
}

/* A back-end gives its rings up after the requests it has taken, and one of them may hang. */
void virtio_vhost_abandon(struct virtio_dev *vdev)
{
	struct virtio_vhost *vhost = to_vhost(vdev);

	vhost->backend->ops->kill(vhost->backend);
	vhost_user_fail(vhost->front, -ECONNRESET);
}

static int create_calls(struct virtio_vhost *vhost)
{
	for (unsigned q = 0; q < vhost->vdev.nr_queues; q++)
		vhost->calls[q] =
			(struct virtio_vhost_call){ .vhost = vhost, .queue = q, .eventfd = -EBADF };
	for (unsigned q = 0; q < vhost->vdev.nr_queues; q++) {
		struct virtio_vhost_call *call = &vhost->calls[q];
		int r;

		call->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (call->eventfd < 0)
			return -errno;
		r = loop_add(vhost->vdev.loop, call->eventfd, EPOLLIN, on_call, call,
			     &call->source);
		if (r < 0)
			return r;
	}
	return 0;
}

static void destroy_calls(struct virtio_vhost *vhost)
{
	for (unsigned q = 0; vhost->calls && q < vhost->vdev.nr_queues; q++) {
		loop_remove(vhost->calls[q].source);
		if (vhost->calls[q].eventfd >= 0)
			(void)close(vhost->calls[q].eventfd);
	}
	free(vhost->calls);
}

/* Once there is a front-end.  On failure, too, virtio_dev_deinit() is the caller's to call. */
static int watch(struct virtio_vhost *vhost)
{
	int r;

	vhost->calls = calloc(vhost->vdev.nr_queues, sizeof(*vhost->calls));
	if (!vhost->calls)
		return -ENOMEM;
	r = create_calls(vhost);
	if (r == 0)
		r = loop_add(vhost->vdev.loop, vhost_user_socket(vhost->front), EPOLLRDHUP,
			     on_hang_up, vhost, &vhost->hang_up);
	if (r < 0)
		destroy_calls(vhost);
	return r;
}

static int init_device(struct virtio_vhost *vhost, const struct virtio_class *class,
		       const struct virtio_dev_config *config, void *config_space)
{
	struct virtio_dev_config dev = *config;
	int r;

	dev.features_off |= (RING_FEATURES | class->features) & ~vhost_user_features(vhost->front);
	r = virtio_dev_init(&vhost->vdev, class, &dev, config_space);
	if (r < 0)
		return r;
	r = watch(vhost);
	if (r < 0)
		virtio_dev_deinit(&vhost->vdev);
	return r;
}

int virtio_vhost_init(struct virtio_vhost *vhost, const struct virtio_class *class,
		      const struct virtio_dev_config *config, void *config_space,
		      struct vhost_backend *backend, struct error *error)
{
	const struct vhost_user_config front = {
		.mem = config->mem,
		.socket = backend->socket,
		.nr_queues = config->nr_queues ? config->nr_queues : class->nr_queues,
		.timeout_ms = backend->timeout_ms,
	};
	int r;

	vhost->backend = backend;
	r = vhost_user_connect(&front, &vhost->front, error);
	if (r < 0)
		return r;
	/* Now the front-end's. */
	backend->socket = -EBADF;
	r = init_device(vhost, class, config, config_space);
	if (r < 0) {
		vhost_user_close(vhost->front);
		return error_set(error, r, "%s", strerror(-r));
	}
	return 0;
}

void virtio_vhost_deinit(struct virtio_vhost *vhost)
{
	loop_remove(vhost->hang_up);
	destroy_calls(vhost);
	vhost_user_close(vhost->front);
	virtio_dev_deinit(&vhost->vdev);
	vhost_backend_destroy(vhost->backend);
}
