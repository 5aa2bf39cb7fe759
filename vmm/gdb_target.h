/* SPDX-License-Identifier: MIT */
/*
 * The VM as a target of the debugger (gdbstub/target.h), and the conversions between KVM's
 * registers and the stub's.  Loop thread.
 */
#ifndef GLASSBOX_VMM_GDB_TARGET_H
#define GLASSBOX_VMM_GDB_TARGET_H

#include "gdbstub/target.h"
#include "vmm/vcpu.h"

struct gdb_target_vm {
	struct gdb_target target;
	struct vm *vm;                 /* borrowed */
	const struct boot_state *boot; /* borrowed: where the kernel was loaded */
	void (*kill)(void *ctx);       /* the debugger ends the VM */
	void *kill_ctx;
	bool dead; /* the guest cannot go on: resuming it ends the VM */
};

/** gdb_target_init() - set up @target for @vm */
void gdb_target_init(struct gdb_target_vm *target, struct vm *vm, const struct boot_state *boot,
		     void (*kill)(void *ctx), void *kill_ctx);

/** gdb_target_stop() - @stop as the stub wants it.  Return: false if it is nothing for a debugger
 */
bool gdb_target_stop(const struct vm_stop *stop, struct gdb_stop *ret_stop);

/**
 * gdb_target_inject() - give the guest the exception that stopped it, for it was its own
 *
 * Takes effect at the next resume.  @stop: VM_STOP_SWBREAK or VM_STOP_GUEST_DEBUG.
 */
int gdb_target_inject(struct vm *vm, const struct vm_stop *stop) __must_check;

/** vcpu_read_x86_regs() - all registers of a parked vCPU; KVM is asked once until it runs */
int vcpu_read_x86_regs(struct vcpu *vcpu, struct x86_regs *ret_regs) __must_check;

/** vcpu_write_x86_regs() - set them all */
int vcpu_write_x86_regs(struct vcpu *vcpu, const struct x86_regs *regs) __must_check;

#endif
