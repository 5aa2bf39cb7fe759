/* SPDX-License-Identifier: MIT */
/*
 * The front-end of the vhost-user protocol: hands the rings of a virtio device to another process,
 * the back-end, together with the guest's memory.
 *
 *     vhost_user_connect()        which features, which queues; the guest's memory
 *     vhost_user_set_features()   what the driver accepted
 *     vhost_user_start_ring()     from now on the back-end takes chains from it
 *     vhost_user_stop_ring()      not any more
 *
 * The back-end may be wrong, hostile or gone.  Each call waits for it so long and no longer.  What
 * fails once has failed for good: the connection is shut down, which whoever watches
 * vhost_user_socket() sees as a hang-up, and every later call fails with -EIO.  A back-end whose
 * connection is broken may still use the memory: it has to be ended.
 *
 * Threads: one at a time; a device calls with its lock held.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VHOST_USER_H
#define GLASSBOX_DEVICES_BACKEND_VHOST_USER_H

#include "base/error.h"
#include "base/guest_mem.h"

struct vhost_user_config {
	const struct guest_mem *mem; /* each region is a shared mapping of a file */
	int socket;                  /* connected, of type SOCK_STREAM */
	unsigned nr_queues;          /* that the device has */
	unsigned timeout_ms;         /* for each answer */
};

/* A ring as the front-end has mapped it. */
struct vhost_user_ring {
	unsigned index;
	uint16_t size;
	bool packed;
	const void *desc, *driver, *device; /* the three areas (2.6), in regions of the memory */
	int kick;                           /* eventfd: the driver has made buffers available */
	int call;                           /* eventfd: the back-end has used some */
};

struct vhost_user;

/**
 * vhost_user_connect() - agree on what both sides can, and share the memory
 * @config: mem is borrowed for the call; the socket is taken over on success
 *
 * Return: 0; or -errno with @error set to a clause about the back-end: "it does not answer".
 */
int vhost_user_connect(const struct vhost_user_config *config, struct vhost_user **ret_front,
		       struct error *error) __must_check;

/** vhost_user_close() - hang up; does not wait for the back-end; NULL is fine */
void vhost_user_close(struct vhost_user *front);

/** vhost_user_features() - the features of virtio (6) that the back-end has */
uint64_t vhost_user_features(const struct vhost_user *front);

/** vhost_user_socket() - hung up (EPOLLRDHUP) only when the connection is broken; borrowed */
int vhost_user_socket(const struct vhost_user *front);

/** vhost_user_set_features() - @features of the driver; those the back-end doesn't know are kept
 * from it.  Return: 0 or -errno. */
int vhost_user_set_features(struct vhost_user *front, uint64_t features) __must_check;

/** vhost_user_start_ring() - while it is stopped.  Return: 0, or -errno; it may run even then. */
int vhost_user_start_ring(struct vhost_user *front, const struct vhost_user_ring *ring)
	__must_check;

/**
 * vhost_user_stop_ring() - when it returns 0, the back-end has completed what it had taken
 *
 * That takes as long as the requests do, or the time-out.  Return: 0 or -errno.
 */
int vhost_user_stop_ring(struct vhost_user *front, unsigned index) __must_check;

/**
 * vhost_user_fail() - break the connection
 * @cause: -errno
 *
 * For who finds the socket hung up without having asked anything.
 */
void vhost_user_fail(struct vhost_user *front, int cause);

/** vhost_user_error() - why the connection is broken, -errno; 0 if it is not */
int vhost_user_error(const struct vhost_user *front);

/** vhost_user_strerror() - @error of one of these functions as a clause: "it does not answer" */
const char *vhost_user_strerror(int error);

#endif
