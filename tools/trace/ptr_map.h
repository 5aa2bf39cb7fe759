/* SPDX-License-Identifier: MIT */
/* From a pointer to a pointer, by hashing; entries are never removed.  Not thread-safe. */
#ifndef GLASSBOX_TOOLS_TRACE_PTR_MAP_H
#define GLASSBOX_TOOLS_TRACE_PTR_MAP_H

#include "base/util.h"

/* All bytes zero is an empty map. */
struct ptr_map {
	struct ptr_map_entry {
		const void *key; /* borrowed, NULL in a free slot */
		void *value;     /* borrowed */
	} * slots;               /* owned */
	size_t slot_count;       /* a power of two, or 0 */
	size_t count;
};

/** ptr_map_get() - what @key (not NULL) stands for, or NULL */
void *ptr_map_get(const struct ptr_map *map, const void *key);

/** ptr_map_add() - let @key (not in the map yet) stand for @value.  Return: 0, or -ENOMEM. */
int ptr_map_add(struct ptr_map *map, const void *key, void *value) __must_check;

/** ptr_map_clear() - free what the map owns, not what it points to */
void ptr_map_clear(struct ptr_map *map);

#endif
