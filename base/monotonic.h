/* SPDX-License-Identifier: MIT */
/* The host's monotonic clock, for time limits. */
#ifndef GLASSBOX_BASE_MONOTONIC_H
#define GLASSBOX_BASE_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/** monotonic_ms() - milliseconds since some moment in the past.  Any thread */
static inline int64_t monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
