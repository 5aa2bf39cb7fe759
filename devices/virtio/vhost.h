/* SPDX-License-Identifier: MIT */
/*
 * A virtio device whose queues another process serves, over vhost-user: what all kinds of them have
 * in common, in between of the core (virtio.h) and the front-end (backend/vhost_user.h).
 *
 *     doorbell: the ioeventfd's eventfd itself, which the back-end waits for
 *     interrupt: an eventfd of the back-end -> the loop -> the transport
 *
 * To add a kind: embed a struct virtio_vhost, put the operations below into its struct virtio_ops,
 * fs.c is an example.  A device needs a loop, and guest memory that is shared.
 *
 * A back-end that is gone, or wrong, makes the device need a reset, for good; the machine goes on.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VHOST_H
#define GLASSBOX_DEVICES_VIRTIO_VHOST_H

#include "base/error.h"
#include "devices/backend/vhost_user.h"
#include "devices/virtio/virtio.h"

struct vhost_backend;

struct vhost_backend_ops {
	/*
	 * When this returns, nothing of the back-end touches the guest's memory any more: a process
	 * has ended.  Any thread, with the device's lock held; more than once is fine.
	 */
	void (*kill)(struct vhost_backend *backend);
	/*
	 * Tell the user that it is lost, by @error of vhost_user_error().  Once at most, after
	 * kill(), on the loop's thread without a lock.
	 */
	void (*lost)(struct vhost_backend *backend, int error);
	/* Ends it.  On the loop's thread, or after it. */
	void (*destroy)(struct vhost_backend *backend);
};

/* The back-end of one device, and whoever runs it. */
struct vhost_backend {
	const struct vhost_backend_ops *ops;
	int socket;          /* connected; the device takes it, and leaves -EBADF */
	unsigned timeout_ms; /* for each answer */
};

static inline void vhost_backend_destroy(struct vhost_backend *backend)
{
	if (backend)
		backend->ops->destroy(backend);
}

struct virtio_vhost_call {
	struct virtio_vhost *vhost;
	unsigned queue;
	int eventfd;
	struct loop_source *source;
};

struct virtio_vhost {
	struct virtio_dev vdev;
	struct vhost_backend *backend; /* immutable, as the rest unless it says otherwise */
	struct vhost_user *front;      /* vdev.lock */
	struct loop_source *hang_up;   /* loop thread */
	struct virtio_vhost_call *calls;
	uint32_t running; /* vdev.lock; a bit for each queue that the back-end may be serving */
};
_Static_assert(VIRTIO_MAX_QUEUES <= 32, "a bit for each queue");

/**
 * virtio_vhost_init() - for constructors of devices, as virtio_dev_init()
 * @class: its features are offered as far as the back-end has them
 * @backend: taken over on success
 *
 * Return: 0, or -errno with @error set to a clause about the back-end and nothing left behind.
 */
int virtio_vhost_init(struct virtio_vhost *vhost, const struct virtio_class *class,
		      const struct virtio_dev_config *config, void *config_space,
		      struct vhost_backend *backend, struct error *error) __must_check;

/** virtio_vhost_deinit() - for destroy operations, as virtio_dev_deinit(); ends the back-end */
void virtio_vhost_deinit(struct virtio_vhost *vhost);

/* Operations of struct virtio_ops. */
int virtio_vhost_activate(struct virtio_dev *vdev);
int virtio_vhost_queue_start(struct virtio_dev *vdev, unsigned q);
void virtio_vhost_queue_stop(struct virtio_dev *vdev, unsigned q);
void virtio_vhost_abandon(struct virtio_dev *vdev);

#endif
