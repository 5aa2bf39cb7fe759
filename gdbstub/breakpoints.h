/* SPDX-License-Identifier: MIT */
/*
 * Software breakpoints: int3 (0xCC) in the guest's memory, or a debug register that nobody needs.
 *
 * A guest that reads or patches its own code sees an int3 there: Linux' ftrace gives up over one.
 * So breakpoints of the kernel's half borrow the debug registers that gdb has no other use for.
 * The rest are int3.  So are all of the user's half, where a linear address means another place in
 * each process.
 *
 * An int3 is tied to the guest physical address that its linear address meant when gdb set it, so
 * it does not matter which page tables are loaded when it is hit or removed.  The bytes are in
 * memory only while the guest runs: gdb_breakpoints_insert() just before, gdb_breakpoints_lift() at
 * the stop.  Between the two the list does not change; after it nobody who reads or writes the
 * guest's memory meets a byte of ours.
 */
#ifndef GLASSBOX_GDBSTUB_BREAKPOINTS_H
#define GLASSBOX_GDBSTUB_BREAKPOINTS_H

#include "gdbstub/target.h"

#define GDB_BREAKPOINTS_MAX 4096u

/* No GPA: for gdb_breakpoints_insert() */
#define GDB_NO_GPA          UINT64_MAX

struct gdb_breakpoint {
	uint64_t gva, gpa;
	uint64_t order; /* rises from one to the next that gdb sets */
	bool in_slot;   /* a debug register stands for it */
	uint8_t saved;  /* the guest's byte, while inserted */
	bool inserted;  /* the 0xCC at gpa; of several there the first has it for all */
};

struct gdb_breakpoints {
	struct gdb_breakpoint *list; /* by rising gpa */
	unsigned count, capacity;
	uint64_t next_order;
};

/**
 * gdb_breakpoints_add() - set one; setting it again changes nothing
 *
 * Return: 0, -ENOSPC at GDB_BREAKPOINTS_MAX, -ENOMEM.
 */
int gdb_breakpoints_add(struct gdb_breakpoints *bps, uint64_t gva, uint64_t gpa) __must_check;

/** gdb_breakpoints_remove() - remove what was set at @gva, wherever that was; nothing is fine */
void gdb_breakpoints_remove(struct gdb_breakpoints *bps, uint64_t gva);

/** gdb_breakpoints_clear() - remove all and free the list; they must not be inserted */
void gdb_breakpoints_clear(struct gdb_breakpoints *bps);

/**
 * gdb_breakpoints_borrow() - decide which are debug registers and which int3
 * @slots: GDB_HW_SLOTS of them; those in use stay as they are.  NULL: all are int3
 *
 * Breakpoints of the kernel's half (bit 63 set) get the free @slots, first come, first served; one
 * where an execute slot is already needs no other.  To be called before each
 * gdb_breakpoints_insert(): the outcome depends on nothing but the list and @slots.
 */
void gdb_breakpoints_borrow(struct gdb_breakpoints *bps, struct gdb_hw_slot *slots);

/** gdb_breakpoints_need_int3() - not all of them are debug registers */
bool gdb_breakpoints_need_int3(const struct gdb_breakpoints *bps);

/** gdb_breakpoints_has_int3() - one at @gpa is an int3, inserted or not */
bool gdb_breakpoints_has_int3(const struct gdb_breakpoints *bps, uint64_t gpa);

/** gdb_breakpoints_is_inserted() - the 0xCC at @gpa is ours */
bool gdb_breakpoints_is_inserted(const struct gdb_breakpoints *bps, uint64_t gpa);

/**
 * gdb_breakpoints_insert() - make guest memory hold exactly the int3s, but not one at @except_gpa
 *
 * May be called while they are inserted: then one that the guest has overwritten comes back, with
 * the new byte saved.  On failure none is inserted.
 */
int gdb_breakpoints_insert(struct gdb_breakpoints *bps, struct gdb_target *target,
			   uint64_t except_gpa) __must_check;

/** gdb_breakpoints_lift() - take them out of memory, but leave what the guest has written there */
void gdb_breakpoints_lift(struct gdb_breakpoints *bps, struct gdb_target *target);

#endif
