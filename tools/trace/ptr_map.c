/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing, at most half full. */
#include <errno.h>
#include <stdlib.h>

#include "tools/trace/ptr_map.h"

static struct ptr_map_entry *find_slot(struct ptr_map_entry *slots, size_t slot_count,
				       const void *key)
{
	uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(hash >> 32) & (slot_count - 1);

	while (slots[at].key && slots[at].key != key)
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

void *ptr_map_get(const struct ptr_map *map, const void *key)
{
	return map->slot_count ? find_slot(map->slots, map->slot_count, key)->value : NULL;
}

static int grow(struct ptr_map *map)
{
	size_t slot_count = map->slot_count ? 2 * map->slot_count : 16;
	struct ptr_map_entry *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->slot_count; i++)
		if (map->slots[i].key)
			*find_slot(slots, slot_count, map->slots[i].key) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
	return 0;
}

int ptr_map_add(struct ptr_map *map, const void *key, void *value)
{
	if (2 * (map->count + 1) > map->slot_count) {
		int r = grow(map);

		if (r < 0)
			return r;
	}
	*find_slot(map->slots, map->slot_count, key) = (struct ptr_map_entry){ key, value };
	map->count++;
	return 0;
}

void ptr_map_clear(struct ptr_map *map)
{
	free(map->slots);
	*map = (struct ptr_map){ 0 };
}
