/* SPDX-License-Identifier: MIT */
/* As assert(), in every build: for fuzz targets, where a release must find what a debug build
 * finds. */
#ifndef GLASSBOX_TESTS_SUPPORT_MUST_H
#define GLASSBOX_TESTS_SUPPORT_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool condition)
{
	if (!condition)
		abort();
}

#endif
