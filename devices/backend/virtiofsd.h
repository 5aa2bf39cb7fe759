/* SPDX-License-Identifier: MIT */
/*
 * QEMU's virtiofsd, a back-end of virtio-fs devices, as a process of ours: started for one
 * directory, in a jail (jail.h), and ended with the device or with us.
 *
 * It is a mount that makes a directory read-only.  What keeps virtiofsd to that directory is what
 * it does itself, before it listens to the guest: a root directory of its own, and few
 * capabilities. Main thread, but for what vhost_backend_ops says otherwise.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VIRTIOFSD_H
#define GLASSBOX_DEVICES_BACKEND_VIRTIOFSD_H

#include "base/loop.h"
#include "devices/virtio/vhost.h"

struct virtiofsd_config {
	const char *program; /* NULL: the one that is installed */
	const char *path;    /* of the directory */
	bool read_only;
	struct loop *loop;
	/* It is lost, and the guest goes on without it; @why is a clause.  Loop's thread. */
	void (*lost)(void *ctx, const char *why);
	void *ctx;
};

/**
 * virtiofsd_start() - start it for a device
 * @ret_backend: ended and freed by vhost_backend_destroy(), or by the device that takes it
 *
 * Return: 0, or -errno with @error set to one line that names the directory.
 */
int virtiofsd_start(const struct virtiofsd_config *config, struct vhost_backend **ret_backend,
		    struct error *error) __must_check;

/**
 * virtiofsd_last_words() - end it, and tell what it complained of last
 * @otherwise: what to return if it said nothing
 *
 * Valid until it is destroyed.
 */
const char *virtiofsd_last_words(struct vhost_backend *backend, const char *otherwise);

#endif
