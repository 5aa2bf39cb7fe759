/* SPDX-License-Identifier: MIT */
/*
 * Messages of the vhost-user protocol (QEMU, docs/interop/vhost-user.rst) on a Unix stream socket:
 * a header, a payload of `size` bytes, descriptors beside the first byte.  All numbers are in the
 * machine's own byte order.
 *
 * We are the front-end and the other side may be anything: what it sends is checked before it is
 * used, it is never waited for without a bound, and descriptors that it sends are dropped unseen.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VHOST_USER_WIRE_H
#define GLASSBOX_DEVICES_BACKEND_VHOST_USER_WIRE_H

#include <linux/vhost_types.h> /* payloads that are those of the kernel's vhost */

#include "base/util.h"

#define VHOST_USER_MAX_REGIONS 8
#define VHOST_USER_MAX_FDS     VHOST_USER_MAX_REGIONS

enum vhost_user_type {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
};

/* Of a header's flags. */
#define VHOST_USER_VERSION             0x1u
#define VHOST_USER_VERSION_MASK        0x3u
#define VHOST_USER_REPLY               0x4u
#define VHOST_USER_NEED_REPLY          0x8u

/* Among the features of virtio: the back-end has protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

#define VHOST_USER_PROTOCOL_MQ         (UINT64_C(1) << 0)
#define VHOST_USER_PROTOCOL_REPLY_ACK  (UINT64_C(1) << 3)

struct vhost_user_header {
	uint32_t type, flags, size;
};
_Static_assert(sizeof(struct vhost_user_header) == 12, "as it is sent");

struct vhost_user_region {
	uint64_t gpa, size;
	uint64_t hva;    /* the front-end's */
	uint64_t offset; /* in the file */
};

struct vhost_user_memory {
	uint32_t count, padding;
	struct vhost_user_region regions[VHOST_USER_MAX_REGIONS]; /* `count` of them are sent */
};

struct vhost_user_request {
	enum vhost_user_type type;
	bool need_reply; /* of VHOST_USER_PROTOCOL_REPLY_ACK */
	const void *payload;
	uint32_t size; /* of the payload, bytes */
	const int *fds;
	unsigned nr_fds; /* VHOST_USER_MAX_FDS at most */
};

/** vhost_user_deadline() - for the functions below: so many milliseconds from now on */
int64_t vhost_user_deadline(unsigned timeout_ms);

/**
 * vhost_user_send() - send a whole message
 *
 * Return: 0; -ECONNRESET if the other side hung up; -ETIMEDOUT; or another -errno of sendmsg(2).
 * After a failure the stream may end in the midst of a message.
 */
int vhost_user_send(int socket, const struct vhost_user_request *request, int64_t deadline)
	__must_check;

/**
 * vhost_user_receive() - wait for the reply to a request of @type
 * @ret_payload: @size bytes, also written to on failure
 *
 * Return: 0; -EPROTO for anything but that reply; else as vhost_user_send().
 */
int vhost_user_receive(int socket, enum vhost_user_type type, void *ret_payload, uint32_t size,
		       int64_t deadline) __must_check;

#endif
