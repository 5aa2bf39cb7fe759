/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that somebody else has, too.  Whether read(2) and write(2) wait is said by a flag that
 * all who have one share, so a process that is wrong or hostile may have changed it.
 */
#ifndef GLASSBOX_BASE_EVENT_COUNT_H
#define GLASSBOX_BASE_EVENT_COUNT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

/** event_count_take() - read the count of eventfd @fd, without waiting.  Return: 0: nothing */
static inline uint64_t event_count_take(int fd)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count) ? count : 0;
}

/**
 * event_count_add_one() - count eventfd @fd up, unless it can't go any higher
 *
 * Writing has no RWF_NOWAIT.  It would wait if somebody else filled the count up between the two
 * calls.
 *
 * Return: false if it was at its end.
 */
static inline bool event_count_add_one(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	return poll(&pollfd, 1, 0) == 1 && write(fd, &one, sizeof(one)) == sizeof(one);
}

#endif
