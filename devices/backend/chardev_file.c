/* SPDX-License-Identifier: MIT */
/* The chardevs without input: file:PATH and none. */
#include <errno.h>
#include <fcntl.h>

#include "devices/backend/chardev_kind.h"

static int file_open(struct chardev *chr, const char *path, struct error *error)
{
	/* Non-blocking for what isn't a regular file: a FIFO, a terminal. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	if (fd < 0 && errno == ENXIO)
		return error_set(error, -ENXIO,
				 "cannot open console file '%s': nobody reads that FIFO yet", path);
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot open console file '%s'", path);
	return chardev_attach(chr, -EBADF, fd, false);
}

const struct chardev_kind chardev_file = {
	.prefix = "file:",
	.output_capacity = MIB(1),
	.open = file_open,
};

static int none_open(struct chardev *chr, const char *arg, struct error *error)
{
	(void)chr;
	(void)arg;
	(void)error;
	return 0;
}

const struct chardev_kind chardev_none = {
	.prefix = "none",
	.open = none_open,
};
