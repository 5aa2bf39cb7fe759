/* SPDX-License-Identifier: MIT */
/* unix:PATH, a socket that serves one client at a time.  Loop thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/listener.h"
#include "devices/backend/chardev_kind.h"

/* Has the client gone, so that it is only its last input that is still there? */
static bool has_hung_up(const struct chardev *chr)
{
	struct pollfd client = { .fd = chr->in_fd >= 0 ? chr->in_fd : chr->out_fd };

	return poll(&client, 1, 0) > 0 && (client.revents & POLLHUP);
}

static void on_client(void *ctx)
{
	struct chardev *chr = ctx;
	_cleanup_close_ int in_fd = -EBADF, out_fd = -EBADF;

	/* Then the next one's turn comes; see unix_detached(). */
	if (chardev_is_attached(chr) && has_hung_up(chr)) {
		listener_hold(chr->listener, true);
		return;
	}
	in_fd = listener_accept(chr->listener);
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
	if (asprintf(&chr->address, "unix:%s", path) < 0) {
		chr->address = NULL;
		return error_set_errno(error, -ENOMEM, "cannot listen on 'unix:%s'", path);
	}
	return listener_create(chr->config.loop, chr->address, on_client, chr, &chr->listener,
			       error);
}

static void unix_detached(struct chardev *chr)
{
	listener_hold(chr->listener, false);
}

static void unix_close(struct chardev *chr)
{
	listener_destroy(chr->listener);
}

const struct chardev_kind chardev_unix = {
	.prefix = "unix:",
	.output_capacity = KIB(64),
	.open = unix_open,
	.close = unix_close,
	.reconnects = true,
	.detached = unix_detached,
};
