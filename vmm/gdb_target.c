/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/gdb_target.h"

#define DR7_GE        (1u << 9)  /* Intel SDM vol. 3B, 17.2.4 */
#define DR7_RESERVED1 (1u << 10) /* always 1 */

static struct vm *target_vm(struct gdb_target *target)
{
	return container_of(target, struct gdb_target_vm, target)->vm;
}

static unsigned target_nr_vcpus(struct gdb_target *target)
{
	return target_vm(target)->nr_vcpus;
}

static int target_read_regs(struct gdb_target *target, unsigned vcpu, struct x86_regs *ret_regs)
{
	return vcpu_read_x86_regs(&target_vm(target)->vcpus[vcpu], ret_regs);
}

static int target_write_regs(struct gdb_target *target, unsigned vcpu, const struct x86_regs *regs)
{
	return vcpu_write_x86_regs(&target_vm(target)->vcpus[vcpu], regs);
}

static int target_read_phys(struct gdb_target *target, uint64_t gpa, void *buf, size_t len)
{
	return guest_mem_read(&target_vm(target)->mem, gpa, buf, len);
}

static int target_write_phys(struct gdb_target *target, uint64_t gpa, const void *buf, size_t len)
{
	return guest_mem_write(&target_vm(target)->mem, gpa, buf, len);
}

static int target_image_translate(struct gdb_target *target, uint64_t gva, uint64_t *ret_gpa)
{
	const struct boot_state *boot = container_of(target, struct gdb_target_vm, target)->boot;

	for (unsigned i = 0; i < boot->nr_segments; i++) {
		const struct boot_segment *segment = &boot->segments[i];

		if (gva >= segment->gva && gva - segment->gva < segment->len) {
			*ret_gpa = segment->gpa + (gva - segment->gva);
			return 0;
		}
	}
	return -ENOENT;
}

static int target_set_debug(struct gdb_target *target, const struct gdb_debug_setup *setup)
{
	target_vm(target)->debug = *setup;
	return 0;
}

/*
 * DR7 fields of slot i: G(i) at bit 2i+1, R/W(i) at bit 16+4i, LEN(i) at bit 18+4i (SDM vol. 3B,
 * 17.2.4).
 */
static uint32_t slot_bits(const struct gdb_hw_slot *slot, unsigned i)
{
	static const uint32_t rw[] = {
		[GDB_HW_EXECUTE] = 0, [GDB_HW_WRITE] = 1, [GDB_HW_ACCESS] = 3
	};
	uint32_t len = slot->len == 8 ? 2 : slot->len - 1;

	if (slot->type == GDB_HW_EXECUTE)
		len = 0;
	return 2u << (2 * i) | rw[slot->type] << (16 + 4 * i) | len << (18 + 4 * i);
}

static struct kvm_guest_debug guest_debug(const struct vm *vm, enum gdb_resume_kind kind)
{
	const struct gdb_debug_setup *setup = &vm->debug;
	struct kvm_guest_debug debug = { 0 };
	uint32_t dr7 = 0;

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		if (!setup->hw[i].used)
			continue;
		debug.arch.debugreg[i] = setup->hw[i].addr;
		dr7 |= slot_bits(&setup->hw[i], i);
	}
	/*
	 * Each flag takes something from the guest (its own int3, its own debug registers): only
	 * when used.
	 */
	if (dr7) {
		debug.control |= KVM_GUESTDBG_USE_HW_BP;
		debug.arch.debugreg[7] = dr7 | DR7_GE | DR7_RESERVED1;
	}
	if (setup->sw_breakpoints)
		debug.control |= KVM_GUESTDBG_USE_SW_BP;
	if (kind == GDB_RESUME_STEP) {
		debug.control |= KVM_GUESTDBG_SINGLESTEP;
		if (vm->kvm.has_blockirq)
			debug.control |= KVM_GUESTDBG_BLOCKIRQ;
	}
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	return debug;
}

/* KVM arms a step for the RIP of the moment it is told, so each step has to be told anew. */
static int apply_debug(struct vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	int r;

	if (!(debug->control & KVM_GUESTDBG_SINGLESTEP) &&
	    memcmp(&vcpu->debug, debug, sizeof(*debug)) == 0)
		return 0;
	r = kvm_vcpu_set_guest_debug(&vcpu->kvm, debug);
	if (r == 0)
		vcpu->debug = *debug;
	return r;
}

static int target_kill(struct gdb_target *target)
{
	struct gdb_target_vm *self = container_of(target, struct gdb_target_vm, target);

	self->kill(self->kill_ctx);
	return 0;
}

static int target_resume(struct gdb_target *target, const enum gdb_resume_kind *kinds)
{
	struct vm *vm = target_vm(target);

	if (container_of(target, struct gdb_target_vm, target)->dead)
		return target_kill(target);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct kvm_guest_debug debug = guest_debug(vm, kinds[i]);
		int r;

		if (kinds[i] == GDB_RESUME_NONE)
			continue;
		r = apply_debug(&vm->vcpus[i], &debug);
		if (r < 0)
			return r;
		kvm_vcpu_clock_paused(&vm->vcpus[i].kvm);
	}
	vm_resume(vm, kinds);
	return 0;
}

static int target_interrupt(struct gdb_target *target)
{
	vm_request_stop(target_vm(target));
	return 0;
}

static const char *mp_state_name(uint32_t state)
{
	switch (state) {
	case KVM_MP_STATE_UNINITIALIZED: return "waiting for INIT";
	case KVM_MP_STATE_INIT_RECEIVED: return "waiting for SIPI";
	case KVM_MP_STATE_SIPI_RECEIVED: return "starting";
	case KVM_MP_STATE_HALTED: return "halted";
	default: return "running";
	}
}

static int target_describe(struct gdb_target *target, unsigned vcpu, char *buf, size_t size)
{
	struct vm *vm = target_vm(target);
	struct kvm_sregs sregs;
	uint32_t state;
	const char *mode;
	int r;

	if (vm->running) {
		(void)snprintf(buf, size, "vCPU %u", vcpu);
		return 0;
	}
	r = kvm_vcpu_get_mp_state(&vm->vcpus[vcpu].kvm, &state);
	if (r == 0)
		r = kvm_vcpu_get_sregs(&vm->vcpus[vcpu].kvm, &sregs);
	if (r < 0)
		return r;
	if (!(sregs.cr0 & 1))
		mode = "real mode";
	else if (sregs.cs.l)
		mode = sregs.ss.dpl == 3 ? "64-bit user" : "64-bit kernel";
	else
		mode = sregs.ss.dpl == 3 ? "32-bit user" : "32-bit kernel";
	(void)snprintf(buf, size, "vCPU %u, %s, %s", vcpu, mp_state_name(state), mode);
	return 0;
}

static const struct gdb_target_ops target_ops = {
	.nr_vcpus = target_nr_vcpus,
	.read_regs = target_read_regs,
	.write_regs = target_write_regs,
	.read_phys = target_read_phys,
	.write_phys = target_write_phys,
	.image_translate = target_image_translate,
	.set_debug = target_set_debug,
	.resume = target_resume,
	.interrupt = target_interrupt,
	.describe = target_describe,
	.kill = target_kill,
};

void gdb_target_init(struct gdb_target_vm *target, struct vm *vm, const struct boot_state *boot,
		     void (*kill)(void *ctx), void *kill_ctx)
{
	*target = (struct gdb_target_vm){
		.target.ops = &target_ops,
		.vm = vm,
		.boot = boot,
		.kill = kill,
		.kill_ctx = kill_ctx,
	};
}

bool gdb_target_stop(const struct vm_stop *stop, struct gdb_stop *ret_stop)
{
	static const enum gdb_stop_kind kinds[] = {
		[VM_STOP_INTERRUPT] = GDB_STOP_INTERRUPT,   [VM_STOP_STEP] = GDB_STOP_STEP,
		[VM_STOP_SWBREAK] = GDB_STOP_SWBREAK,       [VM_STOP_HWBREAK] = GDB_STOP_HWBREAK,
		[VM_STOP_WATCHPOINT] = GDB_STOP_WATCHPOINT, [VM_STOP_TRIPLE_FAULT] = GDB_STOP_DIED,
		[VM_STOP_KVM_ERROR] = GDB_STOP_DIED,        [VM_STOP_PANIC] = GDB_STOP_DIED,
	};

	switch (stop->kind) {
	case VM_STOP_GUEST_DEBUG:
	case VM_STOP_POWER_OFF:
	case VM_STOP_RESET:
	case VM_STOP_DEBUG_EXIT: return false;
	default:
		*ret_stop = (struct gdb_stop){ .kind = kinds[stop->kind],
					       .vcpu = stop->vcpu,
					       .slot = stop->slot };
		return true;
	}
}

int gdb_target_inject(struct vm *vm, const struct vm_stop *stop)
{
	struct vcpu *vcpu = &vm->vcpus[stop->vcpu];
	struct kvm_guest_debug debug = vcpu->debug;

	debug.control |=
		KVM_GUESTDBG_ENABLE |
		(stop->kind == VM_STOP_SWBREAK ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB);
	/* vcpu->debug stays as it was: the injection is an event, not a setting. */
	return kvm_vcpu_set_guest_debug(&vcpu->kvm, &debug);
}
