/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub/breakpoints.h"
#include "gdbstub/x86.h"

/* Index of the first breakpoint at @gpa or behind. */
static unsigned lower_bound(const struct gdb_breakpoints *bps, uint64_t gpa)
{
	unsigned low = 0, high = bps->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (bps->list[middle].gpa < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int reserve(struct gdb_breakpoints *bps)
{
	struct gdb_breakpoint *list;
	unsigned capacity;

	if (bps->count < bps->capacity)
		return 0;
	if (bps->count == GDB_BREAKPOINTS_MAX)
		return -ENOSPC;
	capacity = bps->capacity ? 2 * bps->capacity : 16;
	list = realloc(bps->list, capacity * sizeof(*list));
	if (!list)
		return -ENOMEM;
	bps->list = list;
	bps->capacity = capacity;
	return 0;
}

int gdb_breakpoints_add(struct gdb_breakpoints *bps, uint64_t gva, uint64_t gpa)
{
	unsigned at = lower_bound(bps, gpa);
	int r;

	for (unsigned i = at; i < bps->count && bps->list[i].gpa == gpa; i++) {
		if (bps->list[i].gva == gva)
			return 0;
	}
	r = reserve(bps);
	if (r < 0)
		return r;
	memmove(&bps->list[at + 1], &bps->list[at], (bps->count - at) * sizeof(*bps->list));
	bps->list[at] =
		(struct gdb_breakpoint){ .gva = gva, .gpa = gpa, .order = bps->next_order++ };
	bps->count++;
	return 0;
}

void gdb_breakpoints_remove(struct gdb_breakpoints *bps, uint64_t gva)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < bps->count; i++) {
		if (bps->list[i].gva != gva)
			bps->list[kept++] = bps->list[i];
	}
	bps->count = kept;
}

void gdb_breakpoints_clear(struct gdb_breakpoints *bps)
{
	free(bps->list);
	*bps = (struct gdb_breakpoints){ 0 };
}

static bool is_kernel_half(uint64_t gva)
{
	return gva >> 63;
}

/* The one that gdb set first, of those that may borrow a slot and have none; NULL for none. */
static const struct gdb_breakpoint *next_to_borrow(const struct gdb_breakpoints *bps)
{
	const struct gdb_breakpoint *first = NULL;

	for (unsigned i = 0; i < bps->count; i++) {
		const struct gdb_breakpoint *bp = &bps->list[i];

		if (!bp->in_slot && is_kernel_half(bp->gva) && (!first || bp->order < first->order))
			first = bp;
	}
	return first;
}

/* An execute slot at @gva stands for all breakpoints there, whatever they meant when set. */
static void mark_in_slot(struct gdb_breakpoints *bps, uint64_t gva)
{
	for (unsigned i = 0; i < bps->count; i++) {
		if (bps->list[i].gva == gva && is_kernel_half(gva))
			bps->list[i].in_slot = true;
	}
}

void gdb_breakpoints_borrow(struct gdb_breakpoints *bps, struct gdb_hw_slot *slots)
{
	for (unsigned i = 0; i < bps->count; i++)
		bps->list[i].in_slot = false;
	if (!slots)
		return;
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (slots[i].used && slots[i].type == GDB_HW_EXECUTE)
			mark_in_slot(bps, slots[i].addr);
	}
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_breakpoint *bp;

		if (slots[i].used)
			continue;
		bp = next_to_borrow(bps);
		if (!bp)
			return;
		slots[i] = (struct gdb_hw_slot){
			.used = true, .type = GDB_HW_EXECUTE, .addr = bp->gva, .len = 1
		};
		mark_in_slot(bps, bp->gva);
	}
}

bool gdb_breakpoints_need_int3(const struct gdb_breakpoints *bps)
{
	for (unsigned i = 0; i < bps->count; i++) {
		if (!bps->list[i].in_slot)
			return true;
	}
	return false;
}

bool gdb_breakpoints_has_int3(const struct gdb_breakpoints *bps, uint64_t gpa)
{
	for (unsigned i = lower_bound(bps, gpa); i < bps->count && bps->list[i].gpa == gpa; i++) {
		if (!bps->list[i].in_slot)
			return true;
	}
	return false;
}

bool gdb_breakpoints_is_inserted(const struct gdb_breakpoints *bps, uint64_t gpa)
{
	unsigned at = lower_bound(bps, gpa);

	return at < bps->count && bps->list[at].gpa == gpa && bps->list[at].inserted;
}

static int insert_one(struct gdb_breakpoint *bp, struct gdb_target *target)
{
	const uint8_t int3 = X86_INT3;
	uint8_t byte;
	int r = target->ops->read_phys(target, bp->gpa, &byte, 1);

	if (r < 0)
		return r;
	if (bp->inserted && byte == int3)
		return 0;
	bp->saved = byte;
	r = target->ops->write_phys(target, bp->gpa, &int3, 1);
	bp->inserted = r == 0;
	return r;
}

/* The guest may have changed its code since: only our own byte is taken back. */
static void lift_one(struct gdb_breakpoint *bp, struct gdb_target *target)
{
	uint8_t byte;

	if (!bp->inserted)
		return;
	bp->inserted = false;
	if (target->ops->read_phys(target, bp->gpa, &byte, 1) < 0 || byte != X86_INT3)
		return;
	/* What could be read a moment ago is RAM, so this cannot fail. */
	(void)target->ops->write_phys(target, bp->gpa, &bp->saved, 1);
}

int gdb_breakpoints_insert(struct gdb_breakpoints *bps, struct gdb_target *target,
			   uint64_t except_gpa)
{
	for (unsigned i = 0; i < bps->count; i++) {
		struct gdb_breakpoint *bp = &bps->list[i];
		int r = 0;

		if (i > 0 && bps->list[i - 1].gpa == bp->gpa)
			continue;
		if (bp->gpa != except_gpa && gdb_breakpoints_has_int3(bps, bp->gpa))
			r = insert_one(bp, target);
		else
			lift_one(bp, target);
		if (r < 0) {
			gdb_breakpoints_lift(bps, target);
			return r;
		}
	}
	return 0;
}

void gdb_breakpoints_lift(struct gdb_breakpoints *bps, struct gdb_target *target)
{
	for (unsigned i = 0; i < bps->count; i++)
		lift_one(&bps->list[i], target);
}
