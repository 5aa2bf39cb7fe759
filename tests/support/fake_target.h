/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests of the gdb stub: RAM, page tables, and vCPUs that execute a handful of
 * instructions one after the other, with int3, debug registers and RFLAGS.RF behaving as the real
 * ones do.  One thread.
 *
 * Instructions: nop; inc %rax (48 ff c0); mov %rax,(%rbx) (48 89 03); mov (%rbx),%rcx (48 8b 0b);
 * jmp rel8 (eb); int3 (cc); hlt (f4: the VM ends); anything else is a triple fault.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_TARGET_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_TARGET_H

#include "gdbstub/target.h"

#define FAKE_MEMORY_SIZE ((size_t)2 << 20)

/* The address space that fake_target_init() builds, for every vCPU. */
#define FAKE_KERNEL_GVA  0xffffffff81000000ull
#define FAKE_KERNEL_GPA  0x100000ull
#define FAKE_KERNEL_SIZE 0x10000ull

struct fake_target;

struct fake_hooks {
	void *ctx;
	/* As gdb_server_report_stop() */
	void (*report_stop)(void *ctx, const struct gdb_stop *stop);
	/* As gdb_server_owns_breakpoint() */
	bool (*owns_breakpoint)(void *ctx, unsigned vcpu, uint64_t gva);
	/* resume() was called: see to it that fake_target_run() is.  May be NULL. */
	void (*resumed)(void *ctx);
	/* kill() was called.  May be NULL. */
	void (*killed)(void *ctx);
};

struct fake_target {
	struct gdb_target target;
	struct fake_hooks hooks;
	unsigned nr_vcpus;
	struct x86_regs *regs;
	enum gdb_resume_kind *kinds;
	uint8_t *memory;
	uint64_t next_table; /* where the next page table goes */

	/* What image_translate() knows: [image_gva, + image_size) at image_gpa. */
	uint64_t image_gva, image_size, image_gpa;

	struct gdb_debug_setup setup;
	bool running, interrupted, killed;
	bool ignores_rf; /* as KVM does where it emulates instructions */
	unsigned turn;   /* the vCPU that executes next */

	/* What happened, for tests to look at. */
	unsigned resumes, set_debugs, interrupts, guest_int3s;
	int fail_resume; /* -errno for the next resume() */
};

/** fake_target_init() - @nr_vcpus in long mode at the start of the kernel, stopped */
void fake_target_init(struct fake_target *fake, unsigned nr_vcpus);
void fake_target_destroy(struct fake_target *fake);

/** fake_target_map() - map one 4 KiB page in the 4-level tables at @root */
void fake_target_map(struct fake_target *fake, uint64_t root, uint64_t gva, uint64_t gpa);

/** fake_target_new_root() - an empty top-level table */
uint64_t fake_target_new_root(struct fake_target *fake);

/** fake_target_write() / fake_target_u64() - RAM, straight */
void fake_target_write(struct fake_target *fake, uint64_t gpa, const void *data, size_t len);
uint64_t fake_target_u64(const struct fake_target *fake, uint64_t gpa);

/**
 * fake_target_run() - let running vCPUs execute, in turn, up to @budget rounds
 *
 * Return: true when they have stopped (and the stop was reported), or were not running.
 */
bool fake_target_run(struct fake_target *fake, unsigned budget);

#endif
