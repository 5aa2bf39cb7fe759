/* SPDX-License-Identifier: MIT */
/* The host's clocks and timers, in the form that devices want them. */
#ifndef GLASSBOX_DEVICES_BACKEND_HOST_CLOCK_H
#define GLASSBOX_DEVICES_BACKEND_HOST_CLOCK_H

#include "base/loop.h"
#include "devices/device.h"

/** host_wall_clock() - CLOCK_REALTIME */
struct wall_clock host_wall_clock(void);

/** host_monotonic_clock() - CLOCK_MONOTONIC */
struct monotonic_clock host_monotonic_clock(void);

struct host_timer;

/**
 * host_timer_create() - a timer on CLOCK_REALTIME, disarmed
 * @loop: borrowed; the timer expires on its thread
 *
 * Return: 0 or -errno.
 */
int host_timer_create(struct loop *loop, struct host_timer **ret_timer) __must_check;

/** host_timer_destroy() - before the loop goes, after the device that arms it; NULL is fine */
void host_timer_destroy(struct host_timer *timer);

/** host_timer_set_expire() - what an expiry calls; before the loop runs or on its thread */
void host_timer_set_expire(struct host_timer *timer, void (*expire)(struct device *dev),
			   struct device *dev);

/** host_timer_line() - what a device arms @timer with */
struct device_timer host_timer_line(struct host_timer *timer);

#endif
