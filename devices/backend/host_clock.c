/* SPDX-License-Identifier: MIT */
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "devices/backend/host_clock.h"

#define NS_PER_S 1000000000ll

struct host_timer {
	int fd; /* immutable; any thread may arm it */
	struct loop_source *source;
	void (*expire)(struct device *dev);
	struct device *dev;
};

static int64_t clock_now_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t wall_now_ns(void *ctx)
{
	(void)ctx;
	return clock_now_ns(CLOCK_REALTIME);
}

static int64_t monotonic_now_ns(void *ctx)
{
	(void)ctx;
	return clock_now_ns(CLOCK_MONOTONIC);
}

struct wall_clock host_wall_clock(void)
{
	return (struct wall_clock){ .now_ns = wall_now_ns };
}

struct monotonic_clock host_monotonic_clock(void)
{
	return (struct monotonic_clock){ .now_ns = monotonic_now_ns };
}

static void on_expiry(void *ctx, uint32_t events)
{
	struct host_timer *timer = ctx;
	uint64_t count;

	(void)events;
	/* Nothing to read: it was armed anew since it expired. */
	if (read(timer->fd, &count, sizeof(count)) == sizeof(count) && timer->expire)
		timer->expire(timer->dev);
}

int host_timer_create(struct loop *loop, struct host_timer **ret_timer)
{
	_cleanup_free_ struct host_timer *timer = calloc(1, sizeof(*timer));
	_cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (!timer)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	r = loop_add(loop, fd, EPOLLIN, on_expiry, timer, &timer->source);
	if (r < 0)
		return r;
	timer->fd = TAKE_FD(fd);
	*ret_timer = TAKE_PTR(timer);
	return 0;
}

void host_timer_destroy(struct host_timer *timer)
{
	if (!timer)
		return;
	loop_remove(timer->source);
	(void)close(timer->fd);
	free(timer);
}

void host_timer_set_expire(struct host_timer *timer, void (*expire)(struct device *dev),
			   struct device *dev)
{
	timer->expire = expire;
	timer->dev = dev;
}

static void timer_arm(void *ctx, int64_t deadline_ns)
{
	struct host_timer *timer = ctx;
	struct itimerspec when = { 0 };

	if (deadline_ns != DEVICE_TIMER_NEVER) {
		/* All zeros would disarm it; what is past expires at once. */
		deadline_ns = MAX(deadline_ns, 1);
		when.it_value.tv_sec = deadline_ns / NS_PER_S;
		when.it_value.tv_nsec = deadline_ns % NS_PER_S;
	}
	(void)timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

struct device_timer host_timer_line(struct host_timer *timer)
{
	return (struct device_timer){ .arm = timer_arm, .ctx = timer };
}
