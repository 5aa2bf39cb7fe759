/* SPDX-License-Identifier: MIT */
/*
 * Software breakpoints: int3 (0xCC) in the guest's memory.
 *
 * A breakpoint is tied to the guest physical address that its linear address meant when gdb set
 * it, so it does not matter which page tables are loaded when it is hit or removed.  The bytes are
 * in memory only while the guest runs: gdb_breakpoints_insert() just before, gdb_breakpoints_lift()
 * at the stop.  Between the two the list does not change; after it nobody who reads or writes the
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
	uint8_t saved; /* the guest's byte, while inserted */
	bool inserted; /* of several at one gpa only the first is */
};

struct gdb_breakpoints {
	struct gdb_breakpoint *list; /* by rising gpa */
	unsigned count, capacity;
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

/** gdb_breakpoints_has() - one is set at @gpa, inserted or not */
bool gdb_breakpoints_has(const struct gdb_breakpoints *bps, uint64_t gpa);

/** gdb_breakpoints_is_inserted() - the 0xCC at @gpa is ours */
bool gdb_breakpoints_is_inserted(const struct gdb_breakpoints *bps, uint64_t gpa);

/**
 * gdb_breakpoints_insert() - make guest memory hold exactly these, but not the ones at @except_gpa
 *
 * May be called while they are inserted: then one that the guest has overwritten comes back, with
 * the new byte saved.  On failure none is inserted.
 */
int gdb_breakpoints_insert(struct gdb_breakpoints *bps, struct gdb_target *target,
			   uint64_t except_gpa) __must_check;

/** gdb_breakpoints_lift() - take them out of memory, but leave what the guest has written there */
void gdb_breakpoints_lift(struct gdb_breakpoints *bps, struct gdb_target *target);

#endif
