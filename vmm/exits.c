/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "vmm/exits.h"

#define EXCEPTION_BP 3u /* Intel SDM vol. 3A, table 6-1 */

static uint64_t to_u64(const void *data, unsigned len)
{
	uint64_t value = 0;

	memcpy(&value, data, MIN(len, sizeof(value)));
	return value;
}

static void note_device(struct vcpu *vcpu, const struct device *dev)
{
	vcpu->handled_by = dev ? dev->name : TRACE_NO_DEVICE;
}

/* INS and OUTS with a REP prefix come as one exit of count elements. */
static enum exit_verdict handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	const struct device *dev = NULL;

	for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			dev = bus_write(&vcpu->vm->pio, run->io.port, data, run->io.size);
		else
			dev = bus_read(&vcpu->vm->pio, run->io.port, data, run->io.size);
	}
	note_device(vcpu, dev);
	if (run->io.direction == KVM_EXIT_IO_IN)
		vcpu->read_data = to_u64((uint8_t *)run + run->io.data_offset, run->io.size);
	return EXIT_RESUME;
}

static enum exit_verdict handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	unsigned len = MIN(run->mmio.len, (unsigned)sizeof(run->mmio.data));

	if (run->mmio.is_write) {
		note_device(vcpu,
			    bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, len));
	} else {
		note_device(vcpu,
			    bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, len));
		vcpu->read_data = to_u64(run->mmio.data, len);
	}
	return EXIT_RESUME;
}

static enum exit_verdict stop(struct vcpu *vcpu, enum vm_stop_kind kind, unsigned slot)
{
	const struct vm_stop event = { .kind = kind, .vcpu = vcpu->index, .slot = slot };

	vm_stop_for(vcpu->vm, &event);
	return EXIT_PARK;
}

/*
 * A data slot that fired wins over a step that ended at the same instruction: the step's end is
 * plain to see, the access is not.  A #DB we did not ask for is the guest's.
 */
static enum exit_verdict handle_debug(struct vcpu *vcpu)
{
	const struct kvm_debug_exit_arch *arch = &vcpu->kvm.run->debug.arch;
	const struct gdb_debug_setup *setup = &vcpu->vm->debug;

	if (arch->exception == EXCEPTION_BP)
		return stop(vcpu, VM_STOP_SWBREAK, 0);
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		if (setup->hw[i].used && (arch->dr6 & (1u << i)))
			return stop(vcpu,
				    setup->hw[i].type == GDB_HW_EXECUTE ? VM_STOP_HWBREAK
									: VM_STOP_WATCHPOINT,
				    i);
	if (vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP)
		return stop(vcpu, VM_STOP_STEP, 0);
	return stop(vcpu, VM_STOP_GUEST_DEBUG, 0);
}

static enum exit_verdict handle_shutdown(struct vcpu *vcpu)
{
	return stop(vcpu, VM_STOP_TRIPLE_FAULT, 0);
}

static enum exit_verdict handle_system_event(struct vcpu *vcpu)
{
	switch (vcpu->kvm.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN: return stop(vcpu, VM_STOP_POWER_OFF, 0);
	case KVM_SYSTEM_EVENT_RESET: return stop(vcpu, VM_STOP_RESET, 0);
	default: return stop(vcpu, VM_STOP_KVM_ERROR, 0);
	}
}

static enum exit_verdict handle_error(struct vcpu *vcpu)
{
	return stop(vcpu, VM_STOP_KVM_ERROR, 0);
}

/* Nothing to do but to run on. */
static enum exit_verdict handle_nothing(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_RESUME;
}

static enum exit_verdict (*const handlers[])(struct vcpu *vcpu) = {
	[KVM_EXIT_IO] = handle_io,
	[KVM_EXIT_MMIO] = handle_mmio,
	[KVM_EXIT_DEBUG] = handle_debug,
	[KVM_EXIT_SHUTDOWN] = handle_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = handle_system_event,
	[KVM_EXIT_INTERNAL_ERROR] = handle_error,
	[KVM_EXIT_FAIL_ENTRY] = handle_error,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = handle_nothing,
	[KVM_EXIT_INTR] = handle_nothing,
	[KVM_EXIT_IOAPIC_EOI] = handle_nothing,
};

enum exit_verdict exit_handle(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->kvm.run->exit_reason;

	if (reason >= ARRAY_SIZE(handlers) || !handlers[reason])
		return handle_error(vcpu);
	return handlers[reason](vcpu);
}

void exit_trace(const struct vcpu *vcpu, int r)
{
	const struct kvm_run *run = vcpu->kvm.run;
	uint32_t reason = r < 0 ? KVM_EXIT_INTR : run->exit_reason, len = 0;
	enum trace_space space = TRACE_SPACE_NONE;
	uint64_t addr = 0, written = 0;
	bool is_write = false;

	if (!trace_exit_enabled())
		return;
	if (reason == KVM_EXIT_IO) {
		space = TRACE_SPACE_PIO;
		addr = run->io.port;
		len = run->io.size * run->io.count;
		is_write = run->io.direction == KVM_EXIT_IO_OUT;
		written = to_u64((const uint8_t *)run + run->io.data_offset, len);
	} else if (reason == KVM_EXIT_MMIO) {
		space = TRACE_SPACE_MMIO;
		addr = run->mmio.phys_addr;
		len = run->mmio.len;
		is_write = run->mmio.is_write;
		written = to_u64(run->mmio.data, len);
	}
	trace_exit(vcpu->index, vcpu->nr_runs, reason, run->s.regs.regs.rip, space, addr, len,
		   is_write, is_write ? written : 0);
}
