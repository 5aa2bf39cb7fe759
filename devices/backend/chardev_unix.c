/* SPDX-License-Identifier: MIT */
/* unix:PATH, a socket that serves one client at a time.  Loop thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "devices/backend/chardev_kind.h"

/* Has the client gone, so that it is only its last input that is still there? */
static bool has_hung_up(const struct chardev *chr)
{
	struct pollfd client = { .fd = chr->in_fd >= 0 ? chr->in_fd : chr->out_fd };

	return poll(&client, 1, 0) > 0 && (client.revents & POLLHUP);
}

static void on_client(void *ctx, uint32_t events)
{
	struct chardev *chr = ctx;
	_cleanup_close_ int in_fd = -EBADF, out_fd = -EBADF;

	(void)events;
	/* Then the next one's turn comes; see unix_detached(). */
	if (chardev_is_attached(chr) && has_hung_up(chr) && loop_modify(chr->extra_source, 0) == 0)
		return;
	in_fd = accept4(chr->extra_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (in_fd < 0 || chardev_is_attached(chr))
		return;
	/* The two sides are watched and end on their own. */
	out_fd = fcntl(in_fd, F_DUPFD_CLOEXEC, 0);
	if (out_fd < 0)
		return;
	if (chardev_attach(chr, TAKE_FD(in_fd), TAKE_FD(out_fd), false) < 0)
		return; /* the client sees it closed */
}

static int unix_open(struct chardev *chr, const char *path, struct error *error)
{
	_cleanup_free_ char *address = NULL;
	int r;

	if (asprintf(&address, "unix:%s", path) < 0) {
		address = NULL;
		return error_set_errno(error, -ENOMEM, "cannot listen on 'unix:%s'", path);
	}
	r = address_listen(address, &chr->extra_fd, &chr->address, error);
	if (r < 0)
		return r;
	r = loop_add(chr->config.loop, chr->extra_fd, EPOLLIN, on_client, chr, &chr->extra_source);
	if (r < 0)
		return error_set_errno(error, r, "cannot listen on '%s'", address);
	return 0;
}

static void unix_detached(struct chardev *chr)
{
	/* It changes what is there, and needs no memory. */
	if (loop_modify(chr->extra_source, EPOLLIN) < 0)
		return;
}

static void unix_close(struct chardev *chr)
{
	loop_remove(chr->extra_source);
	cleanup_close(&chr->extra_fd);
	address_unlink(chr->address);
}

const struct chardev_kind chardev_unix = {
	.prefix = "unix:",
	.output_capacity = KIB(64),
	.open = unix_open,
	.close = unix_close,
	.reconnects = true,
	.detached = unix_detached,
};
