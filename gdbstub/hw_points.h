/* SPDX-License-Identifier: MIT */
/*
 * Hardware breakpoints and watchpoints: gdb's requests laid out over the processor's four debug
 * address registers.  SDM vol. 3B, 18.2.
 */
#ifndef GLASSBOX_GDBSTUB_HW_POINTS_H
#define GLASSBOX_GDBSTUB_HW_POINTS_H

#include "gdbstub/target.h"

/* The number in gdb's Z packets. */
enum gdb_point_type {
	GDB_POINT_SOFTWARE = 0,
	GDB_POINT_HARDWARE = 1,
	GDB_POINT_WRITE = 2,
	GDB_POINT_READ = 3, /* x86 can only watch for reads and writes together */
	GDB_POINT_ACCESS = 4,
};

/* What gdb asked for. */
struct gdb_hw_point {
	enum gdb_point_type type;
	uint64_t addr, len;
};

struct gdb_hw_points {
	struct gdb_hw_slot slots[GDB_HW_SLOTS];
	struct gdb_hw_point points[GDB_HW_SLOTS]; /* [n]: whose part slots[n] is, if used */
};

/**
 * gdb_hw_points_add() - lay @point out; doing it again changes nothing
 *
 * A range that is not aligned or longer than 8 bytes takes several slots.  Return: 0; -EINVAL for
 * an empty or overflowing range; -ENOSPC when the free slots do not suffice (then nothing changed).
 */
int gdb_hw_points_add(struct gdb_hw_points *hw, const struct gdb_hw_point *point) __must_check;

/** gdb_hw_points_remove() - free the slots of @point; none is fine */
void gdb_hw_points_remove(struct gdb_hw_points *hw, const struct gdb_hw_point *point);

/** gdb_hw_points_used() - how many slots are in use */
unsigned gdb_hw_points_used(const struct gdb_hw_points *hw);

/** gdb_hw_points_executes_at() - an execute slot is at this linear address */
bool gdb_hw_points_executes_at(const struct gdb_hw_points *hw, uint64_t addr);

#endif
