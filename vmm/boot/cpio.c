/* SPDX-License-Identifier: MIT */
#include "vmm/boot/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_LEN 110 /* six characters, and 13 numbers of eight */
#define ALIGNMENT  4u
#define END_NAME   "TRAILER!!!"

void cpio_init(struct cpio *cpio, int fd)
{
	*cpio = (struct cpio){ .fd = fd };
}

static void put(struct cpio *cpio, const void *data, size_t len)
{
	const uint8_t *from = data;

	cpio->len += len;
	while (len > 0 && cpio->error == 0) {
		ssize_t n = write(cpio->fd, from, len);

		if (n < 0 && errno != EINTR)
			cpio->error = -errno;
		if (n > 0) {
			from += n;
			len -= (size_t)n;
		}
	}
}

static void pad(struct cpio *cpio)
{
	static const uint8_t zeros[ALIGNMENT];

	put(cpio, zeros, (ALIGNMENT - cpio->len % ALIGNMENT) % ALIGNMENT);
}

static void add(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t len,
		unsigned major, unsigned minor)
{
	char header[HEADER_LEN + 1];
	unsigned inode = ++cpio->inode, links = S_ISDIR(mode) ? 2 : 1;

	if (len > UINT32_MAX) {
		cpio->error = cpio->error ? cpio->error : -EFBIG;
		return;
	}
	/*
	 * Inode, mode, user, group, links, time, size, device of the file system (two numbers), of
	 * the node (two), length of the name with its NUL, checksum (of another format).
	 */
	(void)snprintf(header, sizeof(header),
		       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode,
		       0u, 0u, links, 0u, (unsigned)len, 0u, 0u, major, minor,
		       (unsigned)strlen(name) + 1, 0u);
	put(cpio, header, HEADER_LEN);
	put(cpio, name, strlen(name) + 1);
	pad(cpio);
	put(cpio, data, len);
	pad(cpio);
}

void cpio_add_directory(struct cpio *cpio, const char *name)
{
	add(cpio, name, S_IFDIR | 0755, NULL, 0, 0, 0);
}

void cpio_add_file(struct cpio *cpio, const char *name, mode_t permissions, const void *data,
		   size_t len)
{
	add(cpio, name, S_IFREG | permissions, data, len, 0, 0);
}

void cpio_add_device(struct cpio *cpio, const char *name, mode_t permissions, unsigned major,
		     unsigned minor)
{
	add(cpio, name, S_IFCHR | permissions, NULL, 0, major, minor);
}

int cpio_finish(struct cpio *cpio)
{
	add(cpio, END_NAME, 0, NULL, 0, 0, 0);
	return cpio->error;
}
