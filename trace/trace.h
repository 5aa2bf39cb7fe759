/* SPDX-License-Identifier: MIT */
/*
 * The trace facade: what the rest of Glassbox calls to leave an event.
 *
 * No LTTng header, no library: a call tests one word and does nothing until a provider is attached
 * and that event is enabled in some recording session.  Any thread.  Times are stamped by the
 * tracer at the call, so call at the moment the thing happens.
 *
 * docs/tracing.md lists the events with their fields; a test holds it against the provider.
 */
#ifndef GLASSBOX_TRACE_TRACE_H
#define GLASSBOX_TRACE_TRACE_H

#include "base/util.h"

/* Which address space an access or a register belongs to. */
enum trace_space {
	TRACE_SPACE_NONE, /* the exit had no address */
	TRACE_SPACE_PIO,  /* I/O port */
	TRACE_SPACE_MMIO, /* guest physical address */
};

/* Not "": babeltrace2 2.0 prints an earlier text where a string is empty. */
#define TRACE_NO_DEVICE "none"

/* Why a vCPU stopped. */
enum trace_stop_reason {
	TRACE_STOP_INTERRUPT, /* asked for: Ctrl-C, vCont;t, another vCPU's stop, the end */
	TRACE_STOP_SWBREAK,
	TRACE_STOP_HWBREAK,
	TRACE_STOP_WATCHPOINT,
	TRACE_STOP_STEP,
	TRACE_STOP_GUEST_DIED, /* triple fault, internal error, panic */
};

/*
 * Every event: its name, its parameters, and the names of these.  In the trace it is
 * "glassbox:NAME", with fields of these names.
 *
 * exit - KVM_RUN returned.  Stamped at once.  seq counts the vCPU's KVM_RUN calls from 1; reason is
 * a KVM_EXIT_* number (KVM_EXIT_INTR if it failed); rip as KVM reported it; space, addr, len,
 * is_write, data describe a PIO or MMIO access (len bytes of data, little endian; of a read, data
 * is 0: see the entry).
 *
 * entry - about to call KVM_RUN the seq-th time.  device handled the exit before ("none" if none
 * did); data is what a read returned.
 *
 * device_map - device answers [base, base + len) of space.  At the start of the VM.
 *
 * device_register - the register of device at addr, for reads, writes or both ("r", "w", "rw").  At
 * the start.
 *
 * vcpu_counters - the VMM's own count of KVM_RUN returns of one vCPU, and KVM's count of its exits,
 * of those handled in the kernel too (0 where KVM gives no statistics).  At the start and the end.
 *
 * stop - this vCPU is out of KVM_RUN and stays so until its resume, if there is one: the debugger
 * wants it, or the machine ends.
 *
 * resume - the debugger lets this vCPU run on.
 *
 * vm_start - the machine is built, no vCPU has run yet.
 *
 * vm_stop - the last vCPU has stopped for good; status is the program's exit status.
 *
 * serial_rx, serial_tx - one byte arrived from the host for the guest, was written by the guest.
 *
 * serial_overrun - bytes from the host that the guest did not read in time.
 *
 * irq_line - a device changed its interrupt line.
 *
 * rtc_access - one CMOS register read or written.
 *
 * power - the guest asked for power-off, sleep or reset: device, and the value it wrote.
 */
#define TRACE_EVENTS(X)                                                                            \
	X(exit,                                                                                    \
	  (uint32_t vcpu, uint64_t seq, uint32_t reason, uint64_t rip, uint32_t space,             \
	   uint64_t addr, uint32_t len, uint32_t is_write, uint64_t data),                         \
	  (vcpu, seq, reason, rip, space, addr, len, is_write, data))                              \
	X(entry, (uint32_t vcpu, uint64_t seq, const char *device, uint64_t data),                 \
	  (vcpu, seq, device, data))                                                               \
	X(device_map, (const char *device, uint32_t space, uint64_t base, uint64_t len),           \
	  (device, space, base, len))                                                              \
	X(device_register,                                                                         \
	  (const char *device, uint32_t space, uint64_t addr, const char *access,                  \
	   const char *name),                                                                      \
	  (device, space, addr, access, name))                                                     \
	X(vcpu_counters,                                                                           \
	  (uint32_t vcpu, uint64_t user_exits, uint64_t kvm_exits, uint64_t kvm_io_exits,          \
	   uint64_t kvm_mmio_exits, uint64_t kvm_halt_exits, uint64_t kvm_irq_exits),              \
	  (vcpu, user_exits, kvm_exits, kvm_io_exits, kvm_mmio_exits, kvm_halt_exits,              \
	   kvm_irq_exits))                                                                         \
	X(stop, (uint32_t vcpu, uint32_t reason, uint64_t rip), (vcpu, reason, rip))               \
	X(resume, (uint32_t vcpu, uint32_t step), (vcpu, step))                                    \
	X(vm_start,                                                                                \
	  (const char *version, uint32_t vcpus, uint64_t memory, const char *kernel,               \
	   uint64_t text_slide),                                                                   \
	  (version, vcpus, memory, kernel, text_slide))                                            \
	X(vm_stop, (uint32_t status, const char *cause), (status, cause))                          \
	X(serial_rx, (const char *device, uint32_t byte), (device, byte))                          \
	X(serial_tx, (const char *device, uint32_t byte), (device, byte))                          \
	X(serial_overrun, (const char *device, uint32_t bytes), (device, bytes))                   \
	X(irq_line, (const char *device, uint32_t level), (device, level))                         \
	X(rtc_access, (const char *device, uint32_t index, uint32_t is_write, uint32_t value),     \
	  (device, index, is_write, value))                                                        \
	X(power, (const char *device, const char *request, uint32_t value),                        \
	  (device, request, value))

#define TRACE_ENUM(name, params, args) TRACE_EVENT_##name,
enum trace_event { TRACE_EVENTS(TRACE_ENUM) TRACE_EVENT_COUNT };
#undef TRACE_ENUM

/*
 * What a provider offers: for each event a function, and the word that is not 0 while a session
 * records it. Strings are copied by the function; it never blocks and never fails.
 */
struct trace_provider {
	const int *enabled[TRACE_EVENT_COUNT];
#define TRACE_MEMBER(name, params, args) void(*name) params;
	TRACE_EVENTS(TRACE_MEMBER)
#undef TRACE_MEMBER
};

/* The attached provider; one that records nothing until trace_attach(). */
extern struct trace_provider trace_provider;

/**
 * trace_attach() - use @provider (copied) from now on.  Main thread, before any other starts.
 */
void trace_attach(const struct trace_provider *provider);

#define TRACE_CALL(name, params, args)                                                             \
	static inline bool trace_##name##_enabled(void)                                            \
	{                                                                                          \
		return unlikely(                                                                   \
			*(const volatile int *)trace_provider.enabled[TRACE_EVENT_##name]);        \
	}                                                                                          \
	static inline void trace_##name params                                                     \
	{                                                                                          \
		if (trace_##name##_enabled())                                                      \
			trace_provider.name args;                                                  \
	}
TRACE_EVENTS(TRACE_CALL)
#undef TRACE_CALL

#endif
