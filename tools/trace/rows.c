/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing; at most half of the slots are in use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/trace/rows.h"

#define SLOTS_AT_FIRST 64u

void rows_init(struct rows *rows, size_t limit)
{
	*rows = (struct rows){ .limit = limit };
}

static uint64_t hash_key(struct row_key key)
{
	/* Multiplication by the golden ratio spreads neighbouring addresses over the high half. */
	uint64_t hash = (key.value + ((uint64_t)key.tag << 56)) * UINT64_C(0x9e3779b97f4a7c15);

	return hash ^ (hash >> 32);
}

static bool keys_equal(struct row_key a, struct row_key b)
{
	return a.value == b.value && a.tag == b.tag;
}

/* The slot that holds @key, or the empty one where it belongs. */
static struct row **find_slot(struct row **slots, size_t slot_count, struct row_key key)
{
	size_t mask = slot_count - 1, at = hash_key(key) & mask;

	while (slots[at] && !keys_equal(slots[at]->key, key))
		at = (at + 1) & mask;
	return &slots[at];
}

static int grow(struct rows *rows)
{
	size_t slot_count = rows->slot_count ? rows->slot_count * 2 : SLOTS_AT_FIRST;
	struct row **slots = calloc(slot_count, sizeof(struct row *));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < rows->slot_count; i++)
		if (rows->slots[i])
			*find_slot(slots, slot_count, rows->slots[i]->key) = rows->slots[i];
	free(rows->slots);
	rows->slots = slots;
	rows->slot_count = slot_count;
	return 0;
}

static int get_other(struct rows *rows, struct row **ret_row)
{
	if (!rows->other)
		rows->other = calloc(1, sizeof(*rows->other));
	if (!rows->other)
		return -ENOMEM;
	*ret_row = rows->other;
	return 0;
}

int rows_get(struct rows *rows, struct row_key key, struct row **ret_row)
{
	struct row **slot;
	int r;

	if (rows->slot_count > 0) {
		slot = find_slot(rows->slots, rows->slot_count, key);
		if (likely(*slot)) {
			*ret_row = *slot;
			return 0;
		}
	}
	if (rows->count >= rows->limit)
		return get_other(rows, ret_row);
	if (2 * (rows->count + 1) > rows->slot_count) {
		r = grow(rows);
		if (r < 0)
			return r;
	}
	slot = find_slot(rows->slots, rows->slot_count, key);
	*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		return -ENOMEM;
	(*slot)->key = key;
	rows->count++;
	*ret_row = *slot;
	return 0;
}

static void row_free(struct row *row)
{
	if (!row)
		return;
	histogram_clear(&row->vmm_time);
	histogram_clear(&row->guest_time);
	free(row);
}

void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->slot_count; i++)
		row_free(rows->slots[i]);
	row_free(rows->other);
	free(rows->slots);
	*rows = (struct rows){ .limit = rows->limit };
}
