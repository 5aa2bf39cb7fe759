/* SPDX-License-Identifier: MIT */
#include "base/listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/address.h"
#include "base/cleanup.h"

struct listener {
	listener_fn fn;
	void *ctx;
	char *address;
	int fd, timer_fd; /* there is no descriptor for a timer when one is needed */
	struct loop_source *source, *timer;
	bool held, resting;
};

static void watch(struct listener *listener)
{
	/* It changes what is there, and needs no memory. */
	if (loop_modify(listener->source, listener->held || listener->resting ? 0 : EPOLLIN) < 0)
		return;
}

static void on_connection(void *ctx, uint32_t events)
{
	struct listener *listener = ctx;

	(void)events;
	listener->fn(listener->ctx);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct listener *listener = ctx;
	uint64_t count;

	(void)events;
	if (read(listener->timer_fd, &count, sizeof(count)) < 0)
		return;
	listener->resting = false;
	watch(listener);
}

static void rest(struct listener *listener)
{
	const struct itimerspec when = { .it_value.tv_nsec = LISTENER_REST_MS * 1000000L };

	if (timerfd_settime(listener->timer_fd, 0, &when, NULL) < 0)
		return;
	listener->resting = true;
	watch(listener);
}

int listener_accept(struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

	if (fd >= 0)
		return fd;
	r = -errno;
	/* Otherwise there are no descriptors, or no memory, and it waits on. */
	if (r != -EAGAIN && r != -EINTR && r != -ECONNABORTED)
		rest(listener);
	return r;
}

void listener_hold(struct listener *listener, bool on)
{
	if (on == listener->held)
		return;
	listener->held = on;
	watch(listener);
}

const char *listener_address(const struct listener *listener)
{
	return listener->address;
}

static void cleanup_listener(struct listener **listener)
{
	listener_destroy(*listener);
}

static int start(struct listener *listener, struct loop *loop)
{
	int r;

	listener->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (listener->timer_fd < 0)
		return -errno;
	r = loop_add(loop, listener->timer_fd, EPOLLIN, on_timer, listener, &listener->timer);
	if (r < 0)
		return r;
	return loop_add(loop, listener->fd, EPOLLIN, on_connection, listener, &listener->source);
}

int listener_create(struct loop *loop, const char *address, listener_fn fn, void *ctx,
		    struct listener **ret_listener, struct error *error)
{
	_cleanup_(cleanup_listener) struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return error_set_errno(error, -ENOMEM, "cannot listen on '%s'", address);
	*listener = (struct listener){ .fn = fn, .ctx = ctx, .fd = -EBADF, .timer_fd = -EBADF };
	r = address_listen(address, &listener->fd, &listener->address, error);
	if (r < 0)
		return r;
	r = start(listener, loop);
	if (r < 0)
		return error_set_errno(error, r, "cannot listen on '%s'", address);
	*ret_listener = TAKE_PTR(listener);
	return 0;
}

void listener_destroy(struct listener *listener)
{
	if (!listener)
		return;
	loop_remove(listener->source);
	loop_remove(listener->timer);
	cleanup_close(&listener->fd);
	cleanup_close(&listener->timer_fd);
	address_unlink(listener->address);
	free(listener->address);
	free(listener);
}
