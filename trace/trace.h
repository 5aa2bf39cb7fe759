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

/* What became of a notification of a virtio device. */
enum trace_irq_decision {
	TRACE_IRQ_SENT,
	TRACE_IRQ_SUPPRESSED, /* the driver doesn't want it (VIRTIO 1.2, 2.7.7, 2.8.10) */
	TRACE_IRQ_COALESCED,  /* the line was high already */
	TRACE_IRQ_MASKED,     /* no vector, or masked */
};

/* In place of a queue's number where none is meant. */
#define TRACE_NO_QUEUE UINT16_MAX

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
 * device_map - device answers [base, base + len) of space.  At the start of the VM, and whenever
 * the guest places a PCI device.
 *
 * device_register - the register of device at addr, for reads, writes or both ("r", "w", "rw").
 * After the device_map.
 *
 * vcpu_counters - the VMM's own count of KVM_RUN returns of one vCPU, and KVM's count of its exits,
 * of those handled in the kernel too (0 where KVM gives no statistics).  At the start and the end.
 *
 * stop - this vCPU is out of KVM_RUN and stays so until its resume, if there is one: the debugger
 * or a control client wants it, or the machine ends.
 *
 * resume - it runs on, by the will of the same.
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
 * power - the guest asked for power-off, sleep, reset or an exit, or said that it has panicked:
 * device, and the value it wrote.
 *
 * virtio_status - a device's status changed (VIRTIO 1.2, 2.1), by the driver or by the device.
 *
 * virtio_features - the driver set FEATURES_OK: what was offered, what accepted, and whether the
 * device can work with that.
 *
 * virtio_queue - a queue was turned on or off.
 *
 * virtio_kick - the driver notified the device; by a doorbell, this is when the loop came to it.
 *
 * virtio_desc - one descriptor was read.  seq is that of the chain it belongs to.
 *
 * virtio_pop - a chain was taken from the ring; head is its first descriptor, or its buffer ID.
 *
 * virtio_backend_begin - a request went to the host side of its device: what is to be done, from
 * which sector on, how many bytes.
 *
 * virtio_backend_end - it came back; error is an errno, or 0.
 *
 * vsock_packet - a packet of a socket device, in the chain with that seq, on its way to the guest
 * (queue 0) or from it (1); what its header says.
 *
 * virtio_used - the chain was given back, len bytes of it written; position is where in the ring.
 *
 * virtio_irq - the device had something to tell, and whether the driver was interrupted for it.
 *
 * virtio_ack - the driver acknowledged bits of the pending ones.
 *
 * virtio_reset - a device was reset, with in_flight chains that had been taken and not given back.
 *
 * virtio_finding - the driver broke a rule of the specification; detail is the value that did.
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
	  (device, request, value))                                                                \
	X(virtio_status, (const char *device, uint32_t old_status, uint32_t new_status),           \
	  (device, old_status, new_status))                                                        \
	X(virtio_features,                                                                         \
	  (const char *device, uint64_t offered, uint64_t accepted, uint32_t accepted_ok),         \
	  (device, offered, accepted, accepted_ok))                                                \
	X(virtio_queue,                                                                            \
	  (const char *device, uint32_t queue, uint32_t size, uint64_t desc_area,                  \
	   uint64_t driver_area, uint64_t device_area, uint32_t enabled),                          \
	  (device, queue, size, desc_area, driver_area, device_area, enabled))                     \
	X(virtio_kick,                                                                             \
	  (const char *device, uint32_t queue, uint32_t avail, uint32_t last_avail,                \
	   const char *via),                                                                       \
	  (device, queue, avail, last_avail, via))                                                 \
	X(virtio_desc,                                                                             \
	  (const char *device, uint32_t queue, uint64_t seq, uint32_t position, uint64_t addr,     \
	   uint32_t len, uint32_t flags, uint32_t next),                                           \
	  (device, queue, seq, position, addr, len, flags, next))                                  \
	X(virtio_pop,                                                                              \
	  (const char *device, uint32_t queue, uint32_t head, uint64_t seq, uint32_t descriptors,  \
	   uint32_t out_len, uint32_t in_len),                                                     \
	  (device, queue, head, seq, descriptors, out_len, in_len))                                \
	X(virtio_backend_begin,                                                                    \
	  (const char *device, uint32_t queue, uint64_t seq, const char *operation,                \
	   uint64_t sector, uint64_t len),                                                         \
	  (device, queue, seq, operation, sector, len))                                            \
	X(virtio_backend_end, (const char *device, uint32_t queue, uint64_t seq, uint32_t error),  \
	  (device, queue, seq, error))                                                             \
	X(vsock_packet,                                                                            \
	  (const char *device, uint32_t queue, uint64_t seq, const char *operation,                \
	   uint32_t guest_port, uint32_t host_port, uint32_t len, uint32_t flags,                  \
	   uint32_t buf_alloc, uint32_t fwd_cnt),                                                  \
	  (device, queue, seq, operation, guest_port, host_port, len, flags, buf_alloc, fwd_cnt))  \
	X(virtio_used,                                                                             \
	  (const char *device, uint32_t queue, uint32_t head, uint64_t seq, uint32_t len,          \
	   uint32_t position),                                                                     \
	  (device, queue, head, seq, len, position))                                               \
	X(virtio_irq,                                                                              \
	  (const char *device, uint32_t queue, uint32_t vector, uint32_t decision,                 \
	   uint32_t used_event),                                                                   \
	  (device, queue, vector, decision, used_event))                                           \
	X(virtio_ack, (const char *device, uint32_t pending, uint32_t bits),                       \
	  (device, pending, bits))                                                                 \
	X(virtio_reset, (const char *device, uint32_t in_flight), (device, in_flight))             \
	X(virtio_finding,                                                                          \
	  (const char *device, uint32_t queue, const char *rule, const char *section,              \
	   uint64_t detail),                                                                       \
	  (device, queue, rule, section, detail))

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
