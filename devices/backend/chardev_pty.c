/* SPDX-License-Identifier: MIT */
/*
 * A pseudo-terminal.  Its slave is kept open here, too: otherwise the master hangs up whenever the
 * last program closes the slave, and nothing tells when the next one opens it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include "base/cleanup.h"
#include "devices/backend/chardev_kind.h"

/* Opens master and slave; 0 or -errno. */
static int open_pair(int *ret_master, int *ret_slave, char *name, size_t size)
{
	_cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_close_ int slave = -EBADF;
	struct termios settings;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	if (ptsname_r(master, name, size) != 0)
		return -errno;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &settings) < 0)
		return -errno;
	/* What the guest prints would be echoed to it as input, until someone turned that off. */
	cfmakeraw(&settings);
	if (tcsetattr(slave, TCSANOW, &settings) < 0)
		return -errno;
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return 0;
}

static int pty_open(struct chardev *chr, const char *arg, struct error *error)
{
	_cleanup_close_ int master = -EBADF, out_fd = -EBADF;
	char name[64];
	int r = open_pair(&master, &chr->extra_fd, name, sizeof(name));

	(void)arg;
	if (r == 0) {
		out_fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
		chr->address = strdup(name);
		if (out_fd < 0 || !chr->address)
			r = -errno;
	}
	if (r == 0)
		r = chardev_attach(chr, TAKE_FD(master), TAKE_FD(out_fd), false);
	if (r < 0)
		return error_set_errno(error, r, "cannot make a pseudo-terminal");
	return 0;
}

static bool pty_get_size(struct chardev *chr, struct char_size *ret_size)
{
	return chardev_terminal_size(chr->extra_fd, ret_size);
}

static void pty_close(struct chardev *chr)
{
	cleanup_close(&chr->extra_fd);
}

const struct chardev_kind chardev_pty = {
	.prefix = "pty",
	.output_capacity = KIB(64),
	.open = pty_open,
	.close = pty_close,
	.get_size = pty_get_size,
};
