/* SPDX-License-Identifier: MIT */
#include "vmm/ctl_socket.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/monotonic.h"

int64_t ctl_deadline(unsigned ms)
{
	return monotonic_ms() + ms;
}

/* Not less than a moment: 0 would be for ever to SO_SNDTIMEO. */
static int64_t left_ms(int64_t deadline)
{
	return MAX(deadline - monotonic_ms(), 1);
}

/* connect(2) and send(2) wait for the other side no longer than that, and fail with EAGAIN. */
static int bound_waits(int fd, int64_t deadline)
{
	int64_t ms = left_ms(deadline);
	const struct timeval left = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0 ? -errno : 0;
}

static int error_of_wait(void)
{
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

int ctl_connect(const char *path, int64_t deadline, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr;
	int r;

	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	r = address_unix(path, &addr, error);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot make a unix socket");
	r = bound_waits(fd, deadline);
	if (r == 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		r = error_of_wait();
	if (r < 0)
		return error_set_errno(error, r, "no machine can be controlled at '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int send_line(int fd, const char *line, int64_t deadline)
{
	size_t len = strlen(line);

	while (len > 0) {
		int r = bound_waits(fd, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = send(fd, line, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_of_wait();
		line += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Return: bytes; 0 at the end; -errno. */
static ssize_t receive(int fd, void *buf, size_t len, int64_t deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		n = poll(&pollfd, 1, (int)left_ms(deadline));
		if (n == 0 || (n < 0 && errno == EINTR && monotonic_ms() >= deadline))
			return -ETIMEDOUT;
		if (n > 0)
			n = recv(fd, buf, len, MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

/* Up to the end of the first line. */
static int receive_line(int fd, FILE *stream, int64_t deadline, struct error *error)
{
	char buf[4096];
	size_t len = 0;
	ssize_t n;

	do {
		n = receive(fd, buf, sizeof(buf), deadline);
		if (n < 0)
			return error_set_errno(error, (int)n, "the machine does not answer");
		if (n == 0)
			return error_set(error, -ECONNRESET, "the machine ended without an answer");
		len += (size_t)n;
		if (len > CTL_ANSWER_MAX)
			return error_set(error, -EMSGSIZE, "the machine's answer is too long");
		if (monotonic_ms() >= deadline)
			return error_set_errno(error, -ETIMEDOUT, "the machine does not answer");
		if (fwrite(buf, 1, (size_t)n, stream) != (size_t)n)
			return error_set_errno(error, -ENOMEM, "cannot read the answer");
	} while (!memchr(buf, '\n', (size_t)n));
	return 0;
}

int ctl_exchange(int fd, const char *request, int64_t deadline, char **ret_answer,
		 struct error *error)
{
	_cleanup_free_ char *answer = NULL;
	size_t size = 0;
	FILE *stream;
	int r = send_line(fd, request, deadline);

	/* It hung up, but perhaps not without a word. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return error_set_errno(error, r, "the machine does not listen");
	stream = open_memstream(&answer, &size);
	if (!stream)
		return error_set_errno(error, -errno, "cannot read the answer");
	r = receive_line(fd, stream, deadline, error);
	if (fclose(stream) != 0 && r == 0)
		r = error_set_errno(error, -ENOMEM, "cannot read the answer");
	if (r < 0)
		return r;
	*ret_answer = TAKE_PTR(answer);
	return 0;
}
