/* SPDX-License-Identifier: MIT */
/* Programs on the host that use unix sockets, for tests: blocking, with a bound on every wait. */
#ifndef GLASSBOX_TESTS_SUPPORT_UNIX_PEER_H
#define GLASSBOX_TESTS_SUPPORT_UNIX_PEER_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/must.h"

#define UNIX_PEER_PATIENCE_S 60

static inline struct sockaddr_un unix_peer_address(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	must(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	return addr;
}

static inline int unix_peer_socket(int flags)
{
	const struct timeval patience = { .tv_sec = UNIX_PEER_PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	must(fd >= 0);
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
	return fd;
}

/* Return: a descriptor, or -errno. */
static inline int unix_peer_connect(const char *path)
{
	struct sockaddr_un addr = unix_peer_address(path);
	int fd = unix_peer_socket(0), r;

	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

/* The same for a test that does not wait, for its thread is the loop's, too. */
static inline int unix_peer_connect_nonblocking(const char *path)
{
	int fd = unix_peer_connect(path);

	must(fd >= 0);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

static inline int unix_peer_listen(const char *path, int backlog)
{
	struct sockaddr_un addr = unix_peer_address(path);
	int fd = unix_peer_socket(0);

	must(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0);
	must(listen(fd, backlog) == 0);
	return fd;
}

static inline void unix_peer_write(int fd, const void *bytes, size_t len)
{
	must(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline void unix_peer_print(int fd, const char *text)
{
	unix_peer_write(fd, text, strlen(text));
}

/* All @len bytes; Return: false at the end. */
static inline bool unix_peer_read(int fd, void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, (char *)bytes + done, len - done, 0);

		if (n <= 0) {
			must(n == 0 || errno == ECONNRESET);
			return false;
		}
		done += (size_t)n;
	}
	return true;
}

/* Is it at its end, with nothing before? */
static inline bool unix_peer_ended(int fd)
{
	char c;

	return !unix_peer_read(fd, &c, 1);
}

#endif
