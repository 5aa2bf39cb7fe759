/* SPDX-License-Identifier: MIT */
/* Standard input and output, with the escapes of a terminal.  Loop thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/terminal.h"
#include "devices/backend/chardev_kind.h"

#define CTRL_A 0x01

static const char help[] = "\r\n"
			   "Ctrl-A x       end the machine\r\n"
			   "Ctrl-A a       send Ctrl-A to the guest (so does Ctrl-A Ctrl-A)\r\n"
			   "Ctrl-A h or ?  this help\r\n";

/*
 * Opens what @fd is a second time where it may block, for O_NONBLOCK belongs to the open file,
 * which is shared with the shell and every other program on the terminal.  Else, a mere duplicate.
 */
static int reopen(int fd, int flags, bool *ret_may_block)
{
	struct stat st;
	char path[32];
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_may_block = false;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		r = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (r >= 0)
			return r;
		*ret_may_block = true;
	}
	r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return r < 0 ? -errno : r;
}

static int stdio_open(struct chardev *chr, const char *arg, struct error *error)
{
	_cleanup_close_ int in_fd = -EBADF, out_fd = -EBADF;
	bool in_may_block = false, out_may_block = false;
	int r;

	(void)arg;
	/* A closed standard input or output is one that never says or takes anything. */
	in_fd = reopen(STDIN_FILENO, O_RDONLY, &in_may_block);
	out_fd = reopen(STDOUT_FILENO, O_WRONLY, &out_may_block);
	if ((in_fd < 0 && in_fd != -EBADF) || (out_fd < 0 && out_fd != -EBADF))
		return error_set_errno(error, MIN(in_fd, out_fd),
				       "cannot open standard input or output");
	if (in_fd >= 0 && isatty(in_fd)) {
		r = terminal_enter_raw(STDIN_FILENO);
		if (r < 0)
			return error_set_errno(error, r, "cannot put the terminal into raw mode");
		chr->escape = true;
	}
	r = chardev_attach(chr, TAKE_FD(in_fd), TAKE_FD(out_fd), out_may_block);
	return r < 0 ? error_set_errno(error, r, "cannot watch standard input") : 0;
}

static void stdio_close(struct chardev *chr)
{
	if (chr->escape)
		terminal_leave_raw();
}

static bool stdio_get_size(struct chardev *chr, struct char_size *ret_size)
{
	(void)chr;
	return chardev_terminal_size(STDOUT_FILENO, ret_size) ||
	       chardev_terminal_size(STDIN_FILENO, ret_size);
}

/* Returns true if @byte, typed after Ctrl-A, is to be sent. */
static bool run_escape(struct chardev *chr, uint8_t byte)
{
	switch (byte) {
	case CTRL_A:
	case 'a': return true;
	case 'x':
		if (chr->config.quit)
			chr->config.quit(chr->config.quit_ctx);
		return false;
	case 'h':
	case '?': chardev_write(chr, help, sizeof(help) - 1); return false;
	default: return false;
	}
}

static size_t stdio_filter(struct chardev *chr, uint8_t *buf, size_t len)
{
	size_t kept = 0;

	if (!chr->escape)
		return len;
	for (size_t i = 0; i < len; i++) {
		if (chr->escape_seen) {
			chr->escape_seen = false;
			if (run_escape(chr, buf[i]))
				buf[kept++] = CTRL_A;
		} else if (buf[i] == CTRL_A) {
			chr->escape_seen = true;
		} else {
			buf[kept++] = buf[i];
		}
	}
	return kept;
}

const struct chardev_kind chardev_stdio = {
	.prefix = "stdio",
	.output_capacity = MIB(1),
	.open = stdio_open,
	.close = stdio_close,
	.filter = stdio_filter,
	.get_size = stdio_get_size,
};
