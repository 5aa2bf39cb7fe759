/* SPDX-License-Identifier: MIT */
/*
 * One vCPU: its KVM descriptor, its thread, and its run loop.
 *
 * The thread alternates between parked (waits on vm->changed) and running (inside vcpu_run()).  A
 * running vCPU is asked to park by setting park, run->immediate_exit and sending a signal with an
 * empty handler: KVM_RUN then finishes the access in flight and returns -EINTR.  Whatever instant
 * the three arrive in, that return comes.
 */
#ifndef GLASSBOX_VMM_VCPU_H
#define GLASSBOX_VMM_VCPU_H

#include <stdatomic.h>

#include "vmm/boot/boot.h"
#include "vmm/vm.h"

struct vcpu {
	struct vm *vm;
	struct kvm_vcpu kvm;
	unsigned index;
	pthread_t thread;
	bool has_thread;

	atomic_bool park;            /* any thread sets it under vm->lock */
	enum gdb_resume_kind resume; /* under vm->lock; GDB_RESUME_NONE: parked */

	/* its own thread while running, the loop's while parked */
	uint64_t nr_runs;             /* KVM_RUN calls that returned */
	const char *handled_by;       /* device that handled the last exit, or TRACE_NO_DEVICE */
	uint64_t read_data;           /* what that device's read returned */
	struct kvm_guest_debug debug; /* as KVM was told */
	bool has_pending;             /* a stop of its own that was not reported yet */
	struct vm_stop pending;

	/* loop thread, while parked: registers that were read since it parked */
	bool has_regs;
	struct x86_regs regs;
};

/** vcpu_init() - make vCPU @index of @vm in the state after reset */
int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, struct error *error) __must_check;

/** vcpu_deinit() - release what vcpu_init() made */
void vcpu_deinit(struct vcpu *vcpu);

/** vcpu_set_boot_state() - the boot vCPU's registers for the first instruction (boot.h) */
int vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_state *boot) __must_check;

/** vcpu_start_thread() - start the thread, parked */
int vcpu_start_thread(struct vcpu *vcpu) __must_check;

/** vcpu_kick_locked() - have it park soon; vm->lock is held */
void vcpu_kick_locked(struct vcpu *vcpu);

/**
 * vcpu_trace_counters() - leave its vcpu_counters event; while parked or after its thread returned
 */
void vcpu_trace_counters(struct vcpu *vcpu);

#endif
