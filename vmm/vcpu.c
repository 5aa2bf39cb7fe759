/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/exits.h"
#include "vmm/vcpu.h"

#define VCPU_KICK_SIGNAL        SIGUSR1

#define MSR_IA32_MISC_ENABLE    0x1a0u /* Intel SDM vol. 4, table 2-2 */
#define MISC_ENABLE_FAST_STRING (1u << 0)
#define MSR_MTRR_DEF_TYPE       0x2ffu /* Intel SDM vol. 3A, 12.11.2.1 */
#define MTRR_ENABLE             (1u << 11)
#define MTRR_WRITE_BACK         6u

#define CR0_PE                  (1u << 0)
#define CR0_ET                  (1u << 4)
#define CR0_NE                  (1u << 5)
#define CR0_PG                  (1u << 31)
#define CR4_PAE                 (1u << 5)
#define EFER_LME                (1u << 8)
#define EFER_LMA                (1u << 10)

static void on_kick(int signal)
{
	(void)signal;
}

int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, struct error *error)
{
	int r;

	*vcpu = (struct vcpu){ .vm = vm, .index = index, .handled_by = TRACE_NO_DEVICE };
	r = kvm_vcpu_create(&vm->kvm, index, &vcpu->kvm);
	if (r < 0) {
		vcpu->kvm = KVM_VCPU_INIT;
		return error_set_errno(error, r, "KVM cannot create vCPU %u", index);
	}
	/* Firmware would do this; kernels take a default memory type of "uncached" at its word. */
	(void)kvm_vcpu_set_msr(&vcpu->kvm, MSR_MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_WRITE_BACK);
	(void)kvm_vcpu_set_msr(&vcpu->kvm, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING);
	return 0;
}

void vcpu_deinit(struct vcpu *vcpu)
{
	kvm_vcpu_destroy(&vcpu->kvm);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.l = long_mode,
		.db = !long_mode,
		.g = 1,
	};
}

int vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_state *boot)
{
	const uint8_t code = 0xb,
		      data = 0x3; /* accessed; execute/read and read/write (SDM 3A, 3.4.5.1) */
	bool long_mode = boot->entry == BOOT_ENTRY_LINUX64;
	struct kvm_regs regs = { .rip = boot->rip, .rflags = 0x2 };
	struct kvm_sregs sregs;
	int r;

	r = kvm_vcpu_get_sregs(&vcpu->kvm, &sregs);
	if (r < 0)
		return r;
	sregs.cs = flat_segment(long_mode ? BOOT_GDT_CODE64 : BOOT_GDT_CODE32, code, long_mode);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss =
		flat_segment(BOOT_GDT_DATA, data, false);
	sregs.tr = (struct kvm_segment){
		.selector = BOOT_GDT_TSS, .limit = 0x67, .type = 0xb, .present = 1
	};
	sregs.gdt.base = BOOT_GDT_GPA;
	sregs.gdt.limit = BOOT_GDT_LIMIT;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (long_mode) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = BOOT_PAGE_TABLES_GPA;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
		regs.rsi = boot->arg;
	} else {
		regs.rbx = boot->arg;
	}
	r = kvm_vcpu_set_sregs(&vcpu->kvm, &sregs);
	return r < 0 ? r : kvm_vcpu_set_regs(&vcpu->kvm, &regs);
}

void vcpu_kick_locked(struct vcpu *vcpu)
{
	atomic_store(&vcpu->park, true);
	__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (vcpu->has_thread)
		(void)pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

static bool exit_is_access(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO || run->exit_reason == KVM_EXIT_MMIO;
}

static void stop_for_step(struct vcpu *vcpu)
{
	const struct vm_stop stop = { .kind = VM_STOP_STEP, .vcpu = vcpu->index };

	vm_stop_for(vcpu->vm, &stop);
}

/*
 * Runs the guest until this vCPU has to park.  -EINTR is the only way out of KVM_RUN when somebody
 * asked for it, and by then KVM has completed the access of the exit before; so nothing else needs
 * a check here.
 */
static void vcpu_run(struct vcpu *vcpu)
{
	/* Where KVM has no such registers it refuses to run with them asked for. */
	const uint64_t sync_regs = vcpu->vm->kvm.has_sync_regs ? KVM_SYNC_X86_REGS : 0;
	struct kvm_run *run = vcpu->kvm.run;
	bool completing = false; /* the access of the instruction being stepped */

	for (;;) {
		int r;

		run->kvm_valid_regs = trace_exit_enabled() ? sync_regs : 0;
		trace_entry(vcpu->index, vcpu->nr_runs + 1, vcpu->handled_by, vcpu->read_data);
		r = kvm_vcpu_run(&vcpu->kvm);
		vcpu->nr_runs++;
		exit_trace(vcpu, r);
		vcpu->handled_by = TRACE_NO_DEVICE;
		vcpu->read_data = 0;
		if (r == -EINTR || r == -EAGAIN) {
			if (completing)
				stop_for_step(vcpu);
			if (completing || atomic_load(&vcpu->park))
				return;
			continue;
		}
		if (r < 0) {
			const struct vm_stop stop = { .kind = VM_STOP_KVM_ERROR,
						      .vcpu = vcpu->index,
						      .code = r };

			vm_stop_for(vcpu->vm, &stop);
			return;
		}
		if (exit_handle(vcpu) == EXIT_PARK)
			return;
		/*
		 * KVM forgets a step whose instruction exits for an access.  The access ends that
		 * instruction, and so the step: have KVM complete it and run nothing more.
		 */
		if ((vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP) && exit_is_access(run)) {
			__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
			completing = true;
		}
	}
}

/*
 * The pause of this vCPU begins; which stop of which vCPU caused it shows in the one with its own
 * reason.
 */
static void trace_paused(const struct vcpu *vcpu)
{
	static const uint32_t reasons[] = {
		[VM_STOP_INTERRUPT] = TRACE_STOP_INTERRUPT,
		[VM_STOP_STEP] = TRACE_STOP_STEP,
		[VM_STOP_SWBREAK] = TRACE_STOP_SWBREAK,
		[VM_STOP_HWBREAK] = TRACE_STOP_HWBREAK,
		[VM_STOP_WATCHPOINT] = TRACE_STOP_WATCHPOINT,
		[VM_STOP_GUEST_DEBUG] = TRACE_STOP_INTERRUPT,
		[VM_STOP_POWER_OFF] = TRACE_STOP_INTERRUPT,
		[VM_STOP_RESET] = TRACE_STOP_INTERRUPT,
		[VM_STOP_DEBUG_EXIT] = TRACE_STOP_INTERRUPT,
		[VM_STOP_PANIC] = TRACE_STOP_GUEST_DIED,
		[VM_STOP_TRIPLE_FAULT] = TRACE_STOP_GUEST_DIED,
		[VM_STOP_KVM_ERROR] = TRACE_STOP_GUEST_DIED,
	};

	trace_stop(vcpu->index,
		   vcpu->has_pending ? reasons[vcpu->pending.kind] : TRACE_STOP_INTERRUPT,
		   vcpu->kvm.run->s.regs.regs.rip);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	bool paused_before = false;
	char name[16];

	(void)snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	(void)pthread_setname_np(pthread_self(), name);
	(void)pthread_mutex_lock(&vm->lock);
	for (;;) {
		while (vcpu->resume == GDB_RESUME_NONE && !vm->ending)
			(void)pthread_cond_wait(&vm->changed, &vm->lock);
		if (vm->ending)
			break;
		(void)pthread_mutex_unlock(&vm->lock);
		if (paused_before)
			trace_resume(vcpu->index, vcpu->resume == GDB_RESUME_STEP);
		vcpu_run(vcpu);
		trace_paused(vcpu);
		paused_before = true;
		(void)pthread_mutex_lock(&vm->lock);
		vm_note_parked_locked(vm, vcpu);
	}
	/*
	 * It may have been resumed at the last moment: nobody is to kick a thread that was joined.
	 */
	vcpu->resume = GDB_RESUME_NONE;
	(void)pthread_mutex_unlock(&vm->lock);
	return NULL;
}

int vcpu_start_thread(struct vcpu *vcpu)
{
	struct sigaction action = { .sa_handler = on_kick };
	sigset_t kick, others, old;
	int r;

	/*
	 * The kick must interrupt KVM_RUN, so no SA_RESTART; every other signal is for the main
	 * thread.
	 */
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(VCPU_KICK_SIGNAL, &action, NULL) < 0)
		return -errno;
	(void)sigemptyset(&kick);
	(void)sigaddset(&kick, VCPU_KICK_SIGNAL);
	(void)sigfillset(&others);
	(void)sigdelset(&others, VCPU_KICK_SIGNAL);
	(void)pthread_sigmask(SIG_SETMASK, &others, &old);
	r = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return -r;
	vcpu->has_thread = true;
	return 0;
}

void vcpu_trace_counters(struct vcpu *vcpu)
{
	struct kvm_vcpu_stats stats = { 0 };

	(void)kvm_vcpu_read_stats(&vcpu->kvm, &stats);
	trace_vcpu_counters(vcpu->index, vcpu->nr_runs, stats.exits, stats.io_exits,
			    stats.mmio_exits, stats.halt_exits, stats.irq_exits);
}
