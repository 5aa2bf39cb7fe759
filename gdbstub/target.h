/* SPDX-License-Identifier: MIT */
/*
 * The machine as the stub sees it.
 *
 * The stub calls these on the loop's thread; each returns 0 or -errno (or a count where it says
 * so).  Threads are vCPUs, numbered from 0 here and from 1 towards gdb.  Unless it says otherwise,
 * an operation is only called while every vCPU is stopped (all-stop), so it may touch registers at
 * leisure.
 *
 * Breakpoint lists, the hiding of inserted bytes and page walks are the stub's; the target only
 * reads and writes physical memory and arms the processor's debug hardware.
 */
#ifndef GLASSBOX_GDBSTUB_TARGET_H
#define GLASSBOX_GDBSTUB_TARGET_H

#include "base/util.h"

#define GDB_HW_SLOTS 4u

/* x86-64 registers; names and widths as in the Intel SDM vol. 1, 3.4 and vol. 3A, 2.5 */
struct x86_regs {
	uint64_t gpr[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8 .. r15: gdb's order */
	uint64_t rip, rflags;
	uint32_t cs, ss, ds, es, fs, gs;
	uint64_t fs_base, gs_base, k_gs_base;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
	bool cs_long;      /* CS.L: 64-bit code */
	uint8_t st[8][16]; /* 80 bits each, in the order of the stack top; the rest 0 */
	uint16_t fctrl, fstat, ftag /* full 16-bit tag word */, fop;
	uint64_t fip, fdp;
	uint8_t xmm[16][16];
	uint32_t mxcsr;
};

enum gdb_hw_type {
	GDB_HW_EXECUTE, /* DR7.R/W = 00b */
	GDB_HW_WRITE,   /* 01b */
	GDB_HW_ACCESS,  /* 11b: read or write; x86 has no read-only watch */
};

struct gdb_hw_slot {
	bool used;
	enum gdb_hw_type type;
	uint64_t addr; /* linear address, aligned to len */
	unsigned len;  /* 1, 2, 4 or 8; 1 for execute */
};

/* What the processor's debug hardware shall do while the guest runs; the same on every vCPU. */
struct gdb_debug_setup {
	bool sw_breakpoints; /* int3 (0xCC) comes to the debugger */
	struct gdb_hw_slot hw[GDB_HW_SLOTS];
};

enum gdb_resume_kind {
	GDB_RESUME_NONE, /* stays stopped */
	GDB_RESUME_CONTINUE,
	GDB_RESUME_STEP, /* one instruction, interrupts held */
};

enum gdb_stop_kind {
	GDB_STOP_INTERRUPT,  /* asked for by interrupt() */
	GDB_STOP_STEP,       /* a step ended */
	GDB_STOP_SWBREAK,    /* an int3; RIP is its address */
	GDB_STOP_HWBREAK,    /* an execute slot; RIP is its address */
	GDB_STOP_WATCHPOINT, /* a data slot: see slot */
	GDB_STOP_DIED, /* triple fault, KVM error, panic: may be looked at, resuming ends the VM */
	GDB_STOP_GUEST_EXITED, /* the VM has ended: status */
};

struct gdb_stop {
	enum gdb_stop_kind kind;
	unsigned vcpu;
	unsigned slot; /* of GDB_STOP_HWBREAK and GDB_STOP_WATCHPOINT */
	int status;    /* of GDB_STOP_GUEST_EXITED */
};

struct gdb_target;

struct gdb_target_ops {
	/* any time, running or not */
	unsigned (*nr_vcpus)(struct gdb_target *target);

	int (*read_regs)(struct gdb_target *target, unsigned vcpu, struct x86_regs *ret_regs);
	int (*write_regs)(struct gdb_target *target, unsigned vcpu, const struct x86_regs *regs);

	/* -EFAULT unless all of [gpa, gpa + len) is RAM; any time */
	int (*read_phys)(struct gdb_target *target, uint64_t gpa, void *buf, size_t len);
	int (*write_phys)(struct gdb_target *target, uint64_t gpa, const void *buf, size_t len);

	/*
	 * Where the VMM loaded the byte that the kernel's image links at @gva: used for addresses
	 * that the guest's page tables do not map (yet).  -ENOENT when @gva is in no loaded
	 * segment.
	 */
	int (*image_translate)(struct gdb_target *target, uint64_t gva, uint64_t *ret_gpa);

	/* Takes effect when vCPUs next resume. */
	int (*set_debug)(struct gdb_target *target, const struct gdb_debug_setup *setup);

	/* @kinds has nr_vcpus() elements.  Returns at once; the stop comes through
	 * gdb_server_report_stop(). */
	int (*resume)(struct gdb_target *target, const enum gdb_resume_kind *kinds);

	/* While running: stop all vCPUs.  Returns at once; a GDB_STOP_INTERRUPT or a better reason
	 * follows. */
	int (*interrupt)(struct gdb_target *target);

	/* One line about a vCPU for `info threads`, e.g. "running in ring 0" or "halted"; any time
	 */
	int (*describe)(struct gdb_target *target, unsigned vcpu, char *buf, size_t size);

	/* End the VM (gdb's kill). */
	int (*kill)(struct gdb_target *target);
};

struct gdb_target {
	const struct gdb_target_ops *ops;
};

#endif
