/* SPDX-License-Identifier: MIT */
/*
 * The events of the LTTng-UST provider `glassbox`: how each event of trace/trace.h looks in a
 * trace. LTTng reads this file several times over, with other macros each time (lttng-ust(3)).
 *
 * Payload only, no contexts: a context costs more than all the fields of an event.  Log levels sort
 * the events by how many of them there are: INFO and above is what one wants always, DEBUG_MODULE
 * adds what devices do, DEBUG_FUNCTION every exit.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER glassbox

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "trace/events.h"

#if !defined(GLASSBOX_TRACE_EVENTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GLASSBOX_TRACE_EVENTS_H

#include <linux/kvm.h>
#include <lttng/tracepoint.h>
#include <stdint.h>

#include "trace/trace.h"

/* clang-format off */

/* The exit reasons of an x86 host; others of <linux/kvm.h> are shown as numbers. */
LTTNG_UST_TRACEPOINT_ENUM(glassbox, kvm_exit_reason,
	LTTNG_UST_TP_ENUM_VALUES(
		lttng_ust_field_enum_value("KVM_EXIT_UNKNOWN", KVM_EXIT_UNKNOWN)
		lttng_ust_field_enum_value("KVM_EXIT_EXCEPTION", KVM_EXIT_EXCEPTION)
		lttng_ust_field_enum_value("KVM_EXIT_IO", KVM_EXIT_IO)
		lttng_ust_field_enum_value("KVM_EXIT_HYPERCALL", KVM_EXIT_HYPERCALL)
		lttng_ust_field_enum_value("KVM_EXIT_DEBUG", KVM_EXIT_DEBUG)
		lttng_ust_field_enum_value("KVM_EXIT_HLT", KVM_EXIT_HLT)
		lttng_ust_field_enum_value("KVM_EXIT_MMIO", KVM_EXIT_MMIO)
		lttng_ust_field_enum_value("KVM_EXIT_IRQ_WINDOW_OPEN", KVM_EXIT_IRQ_WINDOW_OPEN)
		lttng_ust_field_enum_value("KVM_EXIT_SHUTDOWN", KVM_EXIT_SHUTDOWN)
		lttng_ust_field_enum_value("KVM_EXIT_FAIL_ENTRY", KVM_EXIT_FAIL_ENTRY)
		lttng_ust_field_enum_value("KVM_EXIT_INTR", KVM_EXIT_INTR)
		lttng_ust_field_enum_value("KVM_EXIT_SET_TPR", KVM_EXIT_SET_TPR)
		lttng_ust_field_enum_value("KVM_EXIT_TPR_ACCESS", KVM_EXIT_TPR_ACCESS)
		lttng_ust_field_enum_value("KVM_EXIT_NMI", KVM_EXIT_NMI)
		lttng_ust_field_enum_value("KVM_EXIT_INTERNAL_ERROR", KVM_EXIT_INTERNAL_ERROR)
		lttng_ust_field_enum_value("KVM_EXIT_WATCHDOG", KVM_EXIT_WATCHDOG)
		lttng_ust_field_enum_value("KVM_EXIT_SYSTEM_EVENT", KVM_EXIT_SYSTEM_EVENT)
		lttng_ust_field_enum_value("KVM_EXIT_IOAPIC_EOI", KVM_EXIT_IOAPIC_EOI)
		lttng_ust_field_enum_value("KVM_EXIT_HYPERV", KVM_EXIT_HYPERV)
		lttng_ust_field_enum_value("KVM_EXIT_X86_RDMSR", KVM_EXIT_X86_RDMSR)
		lttng_ust_field_enum_value("KVM_EXIT_X86_WRMSR", KVM_EXIT_X86_WRMSR)
		lttng_ust_field_enum_value("KVM_EXIT_DIRTY_RING_FULL", KVM_EXIT_DIRTY_RING_FULL)
		lttng_ust_field_enum_value("KVM_EXIT_AP_RESET_HOLD", KVM_EXIT_AP_RESET_HOLD)
		lttng_ust_field_enum_value("KVM_EXIT_X86_BUS_LOCK", KVM_EXIT_X86_BUS_LOCK)
		lttng_ust_field_enum_value("KVM_EXIT_XEN", KVM_EXIT_XEN)
		lttng_ust_field_enum_value("KVM_EXIT_NOTIFY", KVM_EXIT_NOTIFY)
	)
)

LTTNG_UST_TRACEPOINT_ENUM(glassbox, space,
	LTTNG_UST_TP_ENUM_VALUES(
		lttng_ust_field_enum_value("none", TRACE_SPACE_NONE)
		lttng_ust_field_enum_value("pio", TRACE_SPACE_PIO)
		lttng_ust_field_enum_value("mmio", TRACE_SPACE_MMIO)
	)
)

LTTNG_UST_TRACEPOINT_ENUM(glassbox, stop_reason,
	LTTNG_UST_TP_ENUM_VALUES(
		lttng_ust_field_enum_value("interrupt", TRACE_STOP_INTERRUPT)
		lttng_ust_field_enum_value("swbreak", TRACE_STOP_SWBREAK)
		lttng_ust_field_enum_value("hwbreak", TRACE_STOP_HWBREAK)
		lttng_ust_field_enum_value("watchpoint", TRACE_STOP_WATCHPOINT)
		lttng_ust_field_enum_value("step", TRACE_STOP_STEP)
		lttng_ust_field_enum_value("guest_died", TRACE_STOP_GUEST_DIED)
	)
)

LTTNG_UST_TRACEPOINT_ENUM(glassbox, irq_decision,
	LTTNG_UST_TP_ENUM_VALUES(
		lttng_ust_field_enum_value("sent", TRACE_IRQ_SENT)
		lttng_ust_field_enum_value("suppressed", TRACE_IRQ_SUPPRESSED)
		lttng_ust_field_enum_value("coalesced", TRACE_IRQ_COALESCED)
		lttng_ust_field_enum_value("masked", TRACE_IRQ_MASKED)
	)
)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, exit,
	LTTNG_UST_TP_ARGS(uint32_t, vcpu, uint64_t, seq, uint32_t, reason, uint64_t, rip,
			  uint32_t, space, uint64_t, addr, uint32_t, len, uint32_t, is_write,
			  uint64_t, data),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, vcpu, vcpu)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_enum(glassbox, kvm_exit_reason, uint32_t, reason, reason)
		lttng_ust_field_integer_hex(uint64_t, rip, rip)
		lttng_ust_field_enum(glassbox, space, uint8_t, space, space)
		lttng_ust_field_integer_hex(uint64_t, addr, addr)
		lttng_ust_field_integer(uint32_t, len, len)
		lttng_ust_field_integer(uint8_t, is_write, is_write)
		lttng_ust_field_integer_hex(uint64_t, data, data)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, exit, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_FUNCTION)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, entry,
	LTTNG_UST_TP_ARGS(uint32_t, vcpu, uint64_t, seq, const char *, device, uint64_t, data),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, vcpu, vcpu)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint64_t, data, data)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, entry, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_FUNCTION)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, device_map,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, space, uint64_t, base, uint64_t, len),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_enum(glassbox, space, uint8_t, space, space)
		lttng_ust_field_integer_hex(uint64_t, base, base)
		lttng_ust_field_integer_hex(uint64_t, len, len)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, device_map, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, device_register,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, space, uint64_t, addr,
			  const char *, access, const char *, name),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_enum(glassbox, space, uint8_t, space, space)
		lttng_ust_field_integer_hex(uint64_t, addr, addr)
		lttng_ust_field_string(access, access)
		lttng_ust_field_string(name, name)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, device_register, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, vcpu_counters,
	LTTNG_UST_TP_ARGS(uint32_t, vcpu, uint64_t, user_exits, uint64_t, kvm_exits,
			  uint64_t, kvm_io_exits, uint64_t, kvm_mmio_exits,
			  uint64_t, kvm_halt_exits, uint64_t, kvm_irq_exits),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, vcpu, vcpu)
		lttng_ust_field_integer(uint64_t, user_exits, user_exits)
		lttng_ust_field_integer(uint64_t, kvm_exits, kvm_exits)
		lttng_ust_field_integer(uint64_t, kvm_io_exits, kvm_io_exits)
		lttng_ust_field_integer(uint64_t, kvm_mmio_exits, kvm_mmio_exits)
		lttng_ust_field_integer(uint64_t, kvm_halt_exits, kvm_halt_exits)
		lttng_ust_field_integer(uint64_t, kvm_irq_exits, kvm_irq_exits)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, vcpu_counters, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, stop,
	LTTNG_UST_TP_ARGS(uint32_t, vcpu, uint32_t, reason, uint64_t, rip),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, vcpu, vcpu)
		lttng_ust_field_enum(glassbox, stop_reason, uint8_t, reason, reason)
		lttng_ust_field_integer_hex(uint64_t, rip, rip)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, stop, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, resume,
	LTTNG_UST_TP_ARGS(uint32_t, vcpu, uint32_t, step),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, vcpu, vcpu)
		lttng_ust_field_integer(uint8_t, step, step)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, resume, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, vm_start,
	LTTNG_UST_TP_ARGS(const char *, version, uint32_t, vcpus, uint64_t, memory,
			  const char *, kernel, uint64_t, text_slide),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(version, version)
		lttng_ust_field_integer(uint32_t, vcpus, vcpus)
		lttng_ust_field_integer(uint64_t, memory, memory)
		lttng_ust_field_string(kernel, kernel)
		lttng_ust_field_integer_hex(uint64_t, text_slide, text_slide)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, vm_start, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, vm_stop,
	LTTNG_UST_TP_ARGS(uint32_t, status, const char *, cause),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint32_t, status, status)
		lttng_ust_field_string(cause, cause)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, vm_stop, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

/* One serialiser for both directions. */
LTTNG_UST_TRACEPOINT_EVENT_CLASS(glassbox, serial_byte,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, byte),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint8_t, byte, byte)
	)
)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(glassbox, serial_byte, glassbox, serial_rx,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, byte))
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, serial_rx, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(glassbox, serial_byte, glassbox, serial_tx,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, byte))
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, serial_tx, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, serial_overrun,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, bytes),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint32_t, bytes, bytes)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, serial_overrun, LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, irq_line,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, level),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint8_t, level, level)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, irq_line, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, rtc_access,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, index, uint32_t, is_write,
			  uint32_t, value),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint32_t, index, index)
		lttng_ust_field_integer(uint8_t, is_write, is_write)
		lttng_ust_field_integer_hex(uint32_t, value, value)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, rtc_access, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, power,
	LTTNG_UST_TP_ARGS(const char *, device, const char *, request, uint32_t, value),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_string(request, request)
		lttng_ust_field_integer_hex(uint32_t, value, value)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, power, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_status,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, old_status, uint32_t, new_status),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint8_t, old_status, old_status)
		lttng_ust_field_integer_hex(uint8_t, new_status, new_status)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_status, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_features,
	LTTNG_UST_TP_ARGS(const char *, device, uint64_t, offered, uint64_t, accepted,
			  uint32_t, accepted_ok),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint64_t, offered, offered)
		lttng_ust_field_integer_hex(uint64_t, accepted, accepted)
		lttng_ust_field_integer(uint8_t, accepted_ok, accepted_ok)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_features, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_queue,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint32_t, size,
			  uint64_t, desc_area, uint64_t, driver_area, uint64_t, device_area,
			  uint32_t, enabled),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint16_t, size, size)
		lttng_ust_field_integer_hex(uint64_t, desc_area, desc_area)
		lttng_ust_field_integer_hex(uint64_t, driver_area, driver_area)
		lttng_ust_field_integer_hex(uint64_t, device_area, device_area)
		lttng_ust_field_integer(uint8_t, enabled, enabled)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_queue, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_kick,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint32_t, avail,
			  uint32_t, last_avail, const char *, via),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint16_t, avail, avail)
		lttng_ust_field_integer(uint16_t, last_avail, last_avail)
		lttng_ust_field_string(via, via)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_kick, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_desc,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint64_t, seq,
			  uint32_t, position, uint64_t, addr, uint32_t, len, uint32_t, flags,
			  uint32_t, next),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_integer(uint16_t, position, position)
		lttng_ust_field_integer_hex(uint64_t, addr, addr)
		lttng_ust_field_integer(uint32_t, len, len)
		lttng_ust_field_integer_hex(uint16_t, flags, flags)
		lttng_ust_field_integer(uint16_t, next, next)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_desc, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_pop,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint32_t, head, uint64_t, seq,
			  uint32_t, descriptors, uint32_t, out_len, uint32_t, in_len),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint16_t, head, head)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_integer(uint16_t, descriptors, descriptors)
		lttng_ust_field_integer(uint32_t, out_len, out_len)
		lttng_ust_field_integer(uint32_t, in_len, in_len)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_pop, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_backend_begin,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint64_t, seq,
			  const char *, operation, uint64_t, sector, uint64_t, len),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_string(operation, operation)
		lttng_ust_field_integer(uint64_t, sector, sector)
		lttng_ust_field_integer(uint64_t, len, len)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_backend_begin, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_backend_end,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint64_t, seq, uint32_t, error),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_integer(uint32_t, error, error)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_backend_end, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, vsock_packet,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint64_t, seq,
			  const char *, operation, uint32_t, guest_port, uint32_t, host_port,
			  uint32_t, len, uint32_t, flags, uint32_t, buf_alloc, uint32_t, fwd_cnt),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_string(operation, operation)
		lttng_ust_field_integer(uint32_t, guest_port, guest_port)
		lttng_ust_field_integer(uint32_t, host_port, host_port)
		lttng_ust_field_integer(uint32_t, len, len)
		lttng_ust_field_integer_hex(uint32_t, flags, flags)
		lttng_ust_field_integer(uint32_t, buf_alloc, buf_alloc)
		lttng_ust_field_integer(uint32_t, fwd_cnt, fwd_cnt)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, vsock_packet, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_used,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint32_t, head, uint64_t, seq,
			  uint32_t, len, uint32_t, position),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint16_t, head, head)
		lttng_ust_field_integer(uint64_t, seq, seq)
		lttng_ust_field_integer(uint32_t, len, len)
		lttng_ust_field_integer(uint16_t, position, position)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_used, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_irq,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, uint32_t, vector,
			  uint32_t, decision, uint32_t, used_event),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_integer(uint16_t, vector, vector)
		lttng_ust_field_enum(glassbox, irq_decision, uint8_t, decision, decision)
		lttng_ust_field_integer(uint16_t, used_event, used_event)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_irq, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_ack,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, pending, uint32_t, bits),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer_hex(uint32_t, pending, pending)
		lttng_ust_field_integer_hex(uint32_t, bits, bits)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_ack, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_reset,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, in_flight),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint32_t, in_flight, in_flight)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_reset, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(glassbox, virtio_finding,
	LTTNG_UST_TP_ARGS(const char *, device, uint32_t, queue, const char *, rule,
			  const char *, section, uint64_t, detail),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(device, device)
		lttng_ust_field_integer(uint16_t, queue, queue)
		lttng_ust_field_string(rule, rule)
		lttng_ust_field_string(section, section)
		lttng_ust_field_integer_hex(uint64_t, detail, detail)
	)
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(glassbox, virtio_finding, LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING)

/* clang-format on */

#endif

#include <lttng/tracepoint-event.h>
