/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gdbstub/hw_points.h"

static bool same_point(const struct gdb_hw_point *a, const struct gdb_hw_point *b)
{
	return a->type == b->type && a->addr == b->addr && a->len == b->len;
}

static enum gdb_hw_type hw_type(enum gdb_point_type type)
{
	switch (type) {
	case GDB_POINT_HARDWARE: return GDB_HW_EXECUTE;
	case GDB_POINT_WRITE: return GDB_HW_WRITE;
	default: return GDB_HW_ACCESS;
	}
}

/* Takes the first free slot for [@addr, @addr + @len), for @point. */
static bool take_slot(struct gdb_hw_points *hw, const struct gdb_hw_point *point, uint64_t addr,
		      unsigned len)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (hw->slots[i].used)
			continue;
		hw->slots[i] = (struct gdb_hw_slot){
			.used = true, .type = hw_type(point->type), .addr = addr, .len = len
		};
		hw->points[i] = *point;
		return true;
	}
	return false;
}

/* The longest piece at the start of a range that one slot can watch. */
static unsigned piece_len(uint64_t addr, uint64_t len)
{
	unsigned piece = 8;

	while (piece > len || addr % piece != 0)
		piece /= 2;
	return piece;
}

int gdb_hw_points_add(struct gdb_hw_points *hw, const struct gdb_hw_point *point)
{
	struct gdb_hw_points next = *hw;
	uint64_t addr = point->addr, len = point->len;

	/* gdb's "length" of an execute breakpoint is a kind; the hardware wants 1. */
	if (point->type == GDB_POINT_HARDWARE)
		len = 1;
	if (len == 0 || addr + (len - 1) < addr)
		return -EINVAL;
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (hw->slots[i].used && same_point(&hw->points[i], point))
			return 0;
	}
	while (len > 0) {
		unsigned piece = piece_len(addr, len);

		if (!take_slot(&next, point, addr, piece))
			return -ENOSPC;
		addr += piece;
		len -= piece;
	}
	*hw = next;
	return 0;
}

void gdb_hw_points_remove(struct gdb_hw_points *hw, const struct gdb_hw_point *point)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (hw->slots[i].used && same_point(&hw->points[i], point))
			hw->slots[i] = (struct gdb_hw_slot){ 0 };
	}
}

unsigned gdb_hw_points_used(const struct gdb_hw_points *hw)
{
	unsigned used = 0;

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		used += hw->slots[i].used;
	return used;
}

bool gdb_hw_points_executes_at(const struct gdb_hw_points *hw, uint64_t addr)
{
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_hw_slot *slot = &hw->slots[i];

		if (slot->used && slot->type == GDB_HW_EXECUTE && slot->addr == addr)
			return true;
	}
	return false;
}
