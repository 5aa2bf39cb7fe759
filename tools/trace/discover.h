/* SPDX-License-Identifier: MIT */
/* CTF traces under a directory, as LTTng lays them out (ust/pid/..., ust/uid/..., archives/...). */
#ifndef GLASSBOX_TOOLS_TRACE_DISCOVER_H
#define GLASSBOX_TOOLS_TRACE_DISCOVER_H

#include "base/error.h"
#include "base/util.h"

#define DISCOVER_MAX_DEPTH  16u
#define DISCOVER_MAX_TRACES 4096u

struct discovered {
	char **paths; /* owned: directories that hold a file 'metadata', in the order of names */
	size_t count;
};

/**
 * discover_traces() - find all CTF traces in and below @dir; symbolic links are not followed
 *
 * Return: 0, or -errno with @error set: @dir is missing or no directory, holds no trace, or more
 * than DISCOVER_MAX_TRACES.
 */
int discover_traces(const char *dir, struct discovered *ret_found, struct error *error)
	__must_check;

/** discovered_clear() - free what @found owns */
void discovered_clear(struct discovered *found);

#endif
