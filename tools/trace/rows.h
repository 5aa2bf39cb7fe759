/* SPDX-License-Identifier: MIT */
/*
 * A table of exit statistics: one row for each distinct key, found by hashing.
 *
 * What a guest does chooses the keys, so their number is bounded: once the table is full, exits
 * with further keys share one row of their own, rows_other().  Rows keep their place in memory
 * until rows_clear().  Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_ROWS_H
#define GLASSBOX_TOOLS_TRACE_ROWS_H

#include "tools/trace/histogram.h"

#define ROW_DEVICE_MAX 32u

/* What makes two exits fall into the same row; the tables give the two numbers their meaning. */
struct row_key {
	uint64_t value;
	uint32_t tag;
};

struct row {
	struct row_key key;
	uint64_t exits;              /* all of them, timed or not */
	struct histogram vmm_time;   /* ns, exit k to entry k + 1 */
	struct histogram guest_time; /* ns, entry k to exit k */
	char device[ROW_DEVICE_MAX]; /* first device that handled one of them, "" if none did */
};

struct rows {
	struct row **slots; /* owned, like what they point to; a power of two of them, or NULL */
	size_t slot_count;
	size_t count;
	size_t limit;
	struct row *other; /* owned; NULL until the table is full and needs it */
};

/** rows_init() - an empty table of at most @limit rows; allocates nothing */
void rows_init(struct rows *rows, size_t limit);

/**
 * rows_get() - the row of @key, made if it is new
 * @ret_row: borrowed until rows_clear(); the row of all others when the table is full
 *
 * Return: 0, or -ENOMEM.
 */
int rows_get(struct rows *rows, struct row_key key, struct row **ret_row) __must_check;

/** rows_clear() - free all rows; the table may be used again after rows_init() */
void rows_clear(struct rows *rows);

#endif
