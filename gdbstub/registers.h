/* SPDX-License-Identifier: MIT */
/*
 * The registers as gdb sees them: one table, from which the target description, `g`, `G`, `p` and
 * `P` follow.  A register's number is its index.  The layout is the 64-bit one for the whole
 * session, whatever mode the processor is in, so that a change of mode never confuses gdb.
 */
#ifndef GLASSBOX_GDBSTUB_REGISTERS_H
#define GLASSBOX_GDBSTUB_REGISTERS_H

#include "gdbstub/target.h"

/* The longest register, bytes. */
#define GDB_REGISTER_MAX 16u

/* Numbers that stop replies use. */
enum {
	GDB_REG_RBP = 6,
	GDB_REG_RSP = 7,
	GDB_REG_RIP = 16,
};

struct gdb_register {
	const char *feature; /* the target description's feature it belongs to */
	const char *name;
	const char *type;
	const char *group; /* gdb's register group, or NULL for its choice by type */
	unsigned bytes;    /* as gdb sees it */
	unsigned offset;   /* in struct x86_regs */
	unsigned stored;   /* bytes in struct x86_regs; gdb's further bytes read as 0 */
};

extern const struct gdb_register gdb_registers[];
extern const unsigned gdb_nr_registers;

/** gdb_register_get() - write register @reg, little endian, into @ret_bytes (reg->bytes of them) */
void gdb_register_get(const struct gdb_register *reg, const struct x86_regs *regs,
		      uint8_t *ret_bytes);

/** gdb_register_set() - the reverse; bytes that the processor does not have are ignored */
void gdb_register_set(const struct gdb_register *reg, struct x86_regs *regs, const uint8_t *bytes);

#endif
