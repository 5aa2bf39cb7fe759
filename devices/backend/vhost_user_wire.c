/* SPDX-License-Identifier: MIT */
#include "devices/backend/vhost_user_wire.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/monotonic.h"

int64_t vhost_user_deadline(unsigned timeout_ms)
{
	return monotonic_ms() + timeout_ms;
}

/* Waits for @events.  A hang-up counts as one: the call that follows meets it. */
static int wait_until(int socket, short events, int64_t deadline)
{
	struct pollfd pollfd = { .fd = socket, .events = events };

	for (;;) {
		int64_t left = MAX(deadline - monotonic_ms(), 0);
		int n = poll(&pollfd, 1, (int)MIN(left, INT32_MAX));

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* After a call that failed: is it worth another try, and when? */
static int wait_after_error(int socket, short events, int64_t deadline)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN)
		return wait_until(socket, events, deadline);
	return errno == EPIPE ? -ECONNRESET : -errno;
}

/* Descriptors go with the first byte: the back-end looks for them nowhere else. */
static void attach_fds(struct msghdr *msg, void *control, const int *fds, unsigned nr_fds)
{
	struct cmsghdr *cmsg;

	if (nr_fds == 0)
		return;
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(nr_fds * sizeof(*fds));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(*fds));
	memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(*fds));
}

int vhost_user_send(int socket, const struct vhost_user_request *request, int64_t deadline)
{
	uint8_t bytes[sizeof(struct vhost_user_header) + sizeof(struct vhost_user_memory)];
	_Alignas(struct cmsghdr)
		uint8_t control[CMSG_SPACE(VHOST_USER_MAX_FDS * sizeof(int))] = { 0 };
	const struct vhost_user_header header = {
		.type = request->type,
		.flags = VHOST_USER_VERSION | (request->need_reply ? VHOST_USER_NEED_REPLY : 0),
		.size = request->size,
	};
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(header) + request->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(request->size <= sizeof(struct vhost_user_memory) &&
	       request->nr_fds <= VHOST_USER_MAX_FDS);
	memcpy(bytes, &header, sizeof(header));
	if (request->size)
		memcpy(bytes + sizeof(header), request->payload, request->size);
	attach_fds(&msg, control, request->fds, request->nr_fds);
	while (iov.iov_len > 0) {
		ssize_t sent = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0) {
			int r = wait_after_error(socket, POLLOUT, deadline);

			if (r < 0)
				return r;
			continue;
		}
		iov.iov_base = (uint8_t *)iov.iov_base + sent;
		iov.iov_len -= (size_t)sent;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

/* Is it the header of the one reply that is right?  Return: 0 or -EPROTO. */
static int check_reply(const struct vhost_user_header *header, enum vhost_user_type type,
		       uint32_t size)
{
	uint32_t flags = header->flags & (VHOST_USER_VERSION_MASK | VHOST_USER_REPLY);

	if (header->type != (uint32_t)type || flags != (VHOST_USER_VERSION | VHOST_USER_REPLY) ||
	    header->size != size)
		return -EPROTO;
	return 0;
}

/* Without room for descriptors the kernel installs none, and says so. */
static int receive_bytes(int socket, void *ret_bytes, size_t len, int64_t deadline)
{
	struct iovec iov = { .iov_base = ret_bytes, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (iov.iov_len > 0) {
		ssize_t got = recvmsg(socket, &msg, MSG_DONTWAIT);

		if (got < 0) {
			int r = wait_after_error(socket, POLLIN, deadline);

			if (r < 0)
				return r;
			continue;
		}
		if (got == 0)
			return -ECONNRESET;
		if (msg.msg_flags & MSG_CTRUNC)
			return -EPROTO;
		iov.iov_base = (uint8_t *)iov.iov_base + got;
		iov.iov_len -= (size_t)got;
	}
	return 0;
}

int vhost_user_receive(int socket, enum vhost_user_type type, void *ret_payload, uint32_t size,
		       int64_t deadline)
{
	struct vhost_user_header header;
	int r = receive_bytes(socket, &header, sizeof(header), deadline);

	if (r == 0)
		r = check_reply(&header, type, size);
	return r < 0 ? r : receive_bytes(socket, ret_payload, size, deadline);
}
