/* SPDX-License-Identifier: MIT */
/*
 * Loop thread, without locks of its own: only wake() comes from elsewhere, and writes to an
 * eventfd.
 *
 * A stream begins as one that waits: for the line of a program, or for room in the queue of a
 * listener, neither without a limit.  From then on it is the device's.  Its events are
 * edge-triggered: a device that waits for the guest needs not be told again and again that there
 * are bytes, or that the other end is gone.
 */
#include "devices/backend/vsock_unix.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/listener.h"
#include "devices/backend/vsock_handshake.h"

#define STREAM_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

#define LINE_TICKS    (30000 / VSOCK_TICK_MS)
#define CONNECT_TICKS (2000 / VSOCK_TICK_MS)

/* What a port adds to the path. */
#define PORT_LEN      (sizeof("_4294967295") - 1)
#define MAX_PATH_LEN  (sizeof(((struct sockaddr_un *)0)->sun_path) - 1 - PORT_LEN)

struct unix_stream {
	struct vsock_stream stream;
	struct unix_host *host;
	int fd;
	struct loop_source *source; /* NULL while it connects */

	/* While it waits. */
	struct unix_stream *next,
		**link; /* in host->waiting; `link` is NULL when it doesn't wait */
	unsigned ticks; /* until it has waited too long */
	bool connects;  /* to `port`; else it is a program that has yet to say */
	uint32_t port;
	struct vsock_handshake handshake;
};

struct unix_host {
	struct vsock_host host;
	struct loop *loop;
	char *path;
	unsigned line_ticks, connect_ticks;
	struct listener *listener;
	int timer_fd, wake_fd;
	struct loop_source *timer_source, *wake_source;
	struct unix_stream *waiting;
	unsigned nr_programs; /* of `waiting`, those that have yet to say what they want */
	bool device_ticks;    /* the device wants ticks */
	bool ticks;           /* the timer runs */
};

static struct unix_host *to_host(struct vsock_host *host)
{
	return container_of(host, struct unix_host, host);
}

static struct unix_stream *to_stream(struct vsock_stream *stream)
{
	return container_of(stream, struct unix_stream, stream);
}

/* ---- time ---- */

/* The timer runs only while somebody waits for something. */
static void update_timer(struct unix_host *host)
{
	bool on = host->device_ticks || host->waiting;
	const struct timespec tick = { .tv_nsec = on ? VSOCK_TICK_MS * 1000000L : 0 };
	const struct itimerspec when = { .it_interval = tick, .it_value = tick };

	if (on == host->ticks)
		return;
	host->ticks = on;
	(void)timerfd_settime(host->timer_fd, 0, &when, NULL);
}

/* ---- streams that wait ---- */

static void link_to(struct unix_stream *stream, struct unix_stream **list)
{
	stream->next = *list;
	stream->link = list;
	if (*list)
		(*list)->link = &stream->next;
	*list = stream;
}

static void unlink_from_list(struct unix_stream *stream)
{
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	stream->next = NULL;
	stream->link = NULL;
}

static void start_waiting(struct unix_stream *stream, unsigned ticks)
{
	stream->ticks = ticks;
	link_to(stream, &stream->host->waiting);
	stream->host->nr_programs += !stream->connects;
	update_timer(stream->host);
}

static void stop_waiting(struct unix_stream *stream)
{
	struct unix_host *host = stream->host;

	if (!stream->link)
		return;
	unlink_from_list(stream);
	host->nr_programs -= !stream->connects;
	listener_hold(host->listener, false);
	update_timer(host);
}

/* ---- streams ---- */

/* Takes @fd over on success. */
static int stream_create(struct unix_host *host, int fd, struct unix_stream **ret_stream)
{
	struct unix_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->host = host;
	stream->fd = fd;
	*ret_stream = stream;
	return 0;
}

static void stream_destroy(struct unix_stream *stream)
{
	stop_waiting(stream);
	loop_remove(stream->source);
	(void)close(stream->fd);
	free(stream);
}

static void read_line(struct unix_stream *stream)
{
	struct vsock_host *host = &stream->host->host;
	uint32_t port = 0;
	int r = vsock_handshake_read(&stream->handshake, stream->fd, &port);

	if (r == -EAGAIN)
		return;
	stop_waiting(stream);
	if (r == 0)
		r = host->guest->request(host->ctx, &stream->stream, port);
	if (r < 0)
		stream_destroy(stream);
}

static void on_stream(void *ctx, uint32_t events)
{
	struct unix_stream *stream = ctx;
	const struct vsock_host *host = &stream->host->host;
	unsigned what = 0;

	if (stream->link) {
		read_line(stream);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		what |= VSOCK_READABLE;
	if (events & EPOLLOUT)
		what |= VSOCK_WRITABLE;
	if (events & (EPOLLHUP | EPOLLERR))
		what |= VSOCK_HUNG_UP;
	host->guest->ready(host->ctx, &stream->stream, what);
}

static int stream_watch(struct unix_stream *stream)
{
	return loop_add(stream->host->loop, stream->fd, STREAM_EVENTS, on_stream, stream,
			&stream->source);
}

static int unix_confirm(struct vsock_stream *stream, uint32_t host_port)
{
	return vsock_handshake_answer(to_stream(stream)->fd, host_port);
}

static int unix_peek(struct vsock_stream *stream)
{
	char c;
	ssize_t n;

	do
		n = recv(to_stream(stream)->fd, &c, sizeof(c), MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static ssize_t unix_read(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov)
{
	ssize_t n;

	do
		n = readv(to_stream(stream)->fd, iov, (int)nr_iov);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t unix_write(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov)
{
	/* Nothing is written to the pieces: struct msghdr knows no const. */
	const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
					.msg_iovlen = nr_iov };
	ssize_t n;

	do
		n = sendmsg(to_stream(stream)->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void unix_shutdown(struct vsock_stream *stream, int how)
{
	(void)shutdown(to_stream(stream)->fd, how);
}

static void unix_close(struct vsock_stream *stream)
{
	stream_destroy(to_stream(stream));
}

/* ---- from the guest to a listener of the host ---- */

/* Return: 0; -EAGAIN if its queue is full; other -errno. */
static int connect_to_port(const struct unix_host *host, int fd, uint32_t port)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int r;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s_%u", host->path, port);
	do
		r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int unix_connect(struct vsock_host *base, uint32_t port, struct vsock_stream **ret_stream)
{
	struct unix_host *host = to_host(base);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct unix_stream *stream;
	int connected, r;

	if (fd < 0)
		return -errno;
	connected = connect_to_port(host, fd, port);
	if (connected < 0 && connected != -EAGAIN)
		return connected;
	r = stream_create(host, fd, &stream);
	if (r < 0)
		return r;
	fd = -EBADF;
	if (connected == 0) {
		r = stream_watch(stream);
		if (r < 0) {
			stream_destroy(stream);
			return r;
		}
	} else {
		stream->connects = true;
		stream->port = port;
		start_waiting(stream, host->connect_ticks);
		r = -EINPROGRESS;
	}
	*ret_stream = &stream->stream;
	return r;
}

/* Once more.  @stream may be gone afterwards. */
static void try_again(struct unix_stream *stream)
{
	const struct vsock_host *host = &stream->host->host;
	int r = connect_to_port(stream->host, stream->fd, stream->port);

	if (r == -EAGAIN && --stream->ticks)
		return;
	stop_waiting(stream);
	if (r == 0)
		r = stream_watch(stream);
	host->guest->ready(host->ctx, &stream->stream, r < 0 ? VSOCK_REFUSED : VSOCK_CONNECTED);
}

/* ---- from a program of the host to the guest ---- */

/* Takes @fd over. */
static void add_program(struct unix_host *host, int fd)
{
	struct unix_stream *stream;

	if (stream_create(host, fd, &stream) < 0) {
		(void)close(fd);
		return;
	}
	start_waiting(stream, host->line_ticks);
	if (stream_watch(stream) < 0)
		stream_destroy(stream);
}

static void on_program(void *ctx)
{
	struct unix_host *host = ctx;
	int fd;

	/* Too many of them: the others wait in the listener's queue. */
	if (host->nr_programs == VSOCK_UNIX_MAX_WAITING) {
		listener_hold(host->listener, true);
		return;
	}
	fd = listener_accept(host->listener);
	if (fd >= 0)
		add_program(host, fd);
}

/* ---- the host side as a whole ---- */

static void tick_waiting(struct unix_host *host)
{
	struct unix_stream *todo = host->waiting;

	/* Each once, though they come and go meanwhile. */
	host->waiting = NULL;
	if (todo)
		todo->link = &todo;
	while (todo) {
		struct unix_stream *stream = todo;

		unlink_from_list(stream);
		link_to(stream, &host->waiting);
		if (stream->connects)
			try_again(stream);
		else if (--stream->ticks == 0)
			stream_destroy(stream);
	}
}

static void on_timer(void *ctx, uint32_t events)
{
	struct unix_host *host = ctx;
	uint64_t count;

	(void)events;
	if (read(host->timer_fd, &count, sizeof(count)) != sizeof(count))
		return;
	tick_waiting(host);
	if (host->device_ticks)
		host->host.guest->tick(host->host.ctx);
	update_timer(host);
}

static void on_wake(void *ctx, uint32_t events)
{
	struct unix_host *host = ctx;
	uint64_t count;

	(void)events;
	if (read(host->wake_fd, &count, sizeof(count)) == sizeof(count))
		host->host.guest->woken(host->host.ctx);
}

static void unix_set_ticking(struct vsock_host *base, bool on)
{
	struct unix_host *host = to_host(base);

	host->device_ticks = on;
	update_timer(host);
}

static void unix_wake(struct vsock_host *base)
{
	const uint64_t one = 1;

	/* It fails only with a full count, and then the loop's thread comes anyway. */
	if (write(to_host(base)->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* Also of one that was made half-way. */
static void unix_destroy(struct vsock_host *base)
{
	struct unix_host *host = to_host(base);

	while (host->waiting)
		stream_destroy(host->waiting);
	listener_destroy(host->listener);
	loop_remove(host->timer_source);
	loop_remove(host->wake_source);
	cleanup_close(&host->timer_fd);
	cleanup_close(&host->wake_fd);
	free(host->path);
	free(host);
}

static const struct vsock_host_ops unix_ops = {
	.connect = unix_connect,
	.confirm = unix_confirm,
	.peek = unix_peek,
	.read = unix_read,
	.write = unix_write,
	.shutdown = unix_shutdown,
	.close = unix_close,
	.set_ticking = unix_set_ticking,
	.wake = unix_wake,
	.destroy = unix_destroy,
};

static int start(struct unix_host *host)
{
	int r;

	host->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (host->timer_fd < 0)
		return -errno;
	host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (host->wake_fd < 0)
		return -errno;
	r = loop_add(host->loop, host->timer_fd, EPOLLIN, on_timer, host, &host->timer_source);
	if (r == 0)
		r = loop_add(host->loop, host->wake_fd, EPOLLIN, on_wake, host, &host->wake_source);
	return r;
}

static int listen_at(struct unix_host *host, const char *path, struct error *error)
{
	_cleanup_free_ char *address = NULL;

	host->path = strdup(path);
	if (!host->path || asprintf(&address, "unix:%s", path) < 0) {
		address = NULL;
		return error_set_errno(error, -ENOMEM, "cannot listen on 'unix:%s'", path);
	}
	return listener_create(host->loop, address, on_program, host, &host->listener, error);
}

int vsock_unix_create(const struct vsock_unix_config *config, struct loop *loop,
		      struct vsock_host **ret_host, struct error *error)
{
	const char *path = config->path;
	struct unix_host *host;
	int r;

	if (path[0] == '\0' || strlen(path) > MAX_PATH_LEN)
		return error_set_usage(error,
				       "socket path '%s' must have 1 to %zu characters, so that "
				       "there is room for a port behind it",
				       path, MAX_PATH_LEN);
	host = calloc(1, sizeof(*host));
	if (!host)
		return error_set_errno(error, -ENOMEM, "cannot listen on 'unix:%s'", path);
	host->host.ops = &unix_ops;
	host->loop = loop;
	host->line_ticks = config->line_ticks ? config->line_ticks : LINE_TICKS;
	host->connect_ticks = config->connect_ticks ? config->connect_ticks : CONNECT_TICKS;
	host->timer_fd = host->wake_fd = -EBADF;
	r = listen_at(host, path, error);
	if (r == 0) {
		r = start(host);
		if (r < 0)
			(void)error_set_errno(error, r, "cannot serve 'unix:%s'", path);
	}
	if (r < 0) {
		unix_destroy(&host->host);
		return r;
	}
	*ret_host = &host->host;
	return 0;
}
