/* SPDX-License-Identifier: MIT */
/*
 * Every KVM ioctl of Glassbox, each a function that returns 0 or -errno
 * (Documentation/virt/kvm/api.rst; the section is named where it matters).
 *
 * Functions on a struct kvm_vcpu block while that vCPU is inside KVM_RUN: call them from its own
 * thread, or from another while it is parked.
 */
#ifndef GLASSBOX_VMM_KVM_H
#define GLASSBOX_VMM_KVM_H

#include <linux/kvm.h>

#include "base/error.h"
#include "base/util.h"

struct kvm {
	int fd;       /* /dev/kvm */
	int vm_fd;    /* -EBADF before kvm_create_vm() */
	int run_size; /* bytes to map for struct kvm_run */
	bool has_sync_regs;
	bool has_blockirq; /* KVM_GUESTDBG_BLOCKIRQ */
	bool has_stats_fd;
	bool has_tsc_deadline;
};

struct kvm_vcpu {
	int fd;
	int stats_fd; /* -EBADF where KVM has none */
	struct kvm_run *run;
	int run_size;
};

/* KVM's own counters of one vCPU; all exits since it was made. */
struct kvm_vcpu_stats {
	uint64_t exits, io_exits, mmio_exits, halt_exits, irq_exits;
};

/** kvm_open() - open @path (usually "/dev/kvm") and read the capabilities; @error says what to mend
 */
int kvm_open(const char *path, struct kvm *ret_kvm, struct error *error) __must_check;

/** kvm_close() - closes the VM too; fine on a struct that was never opened but set to KVM_INIT */
void kvm_close(struct kvm *kvm);

#define KVM_INIT                                                                                   \
	((struct kvm){                                                                             \
		.fd = -1,                                                                          \
		.vm_fd = -1,                                                                       \
	})

/** kvm_check_extension() - 4.4; the value of a capability, 0 when it is missing */
int kvm_check_extension(const struct kvm *kvm, unsigned capability);

/** kvm_create_vm() - 4.2, with the TSS and identity map pages (4.35, 4.37) that VMX needs, and the
 * host's own rate for the guest's TSC (4.55) */
int kvm_create_vm(struct kvm *kvm, struct error *error) __must_check;

/** kvm_create_irqchip() - in-kernel PIC, IOAPIC, LAPICs (4.24) and PIT with a silent speaker port
 * (4.71) */
int kvm_create_irqchip(struct kvm *kvm, struct error *error) __must_check;

/** kvm_set_memory() - 4.35; slot @slot is [@gpa, @gpa + @size) at @hva */
int kvm_set_memory(const struct kvm *kvm, unsigned slot, uint64_t gpa, uint64_t size, void *hva)
	__must_check;

/** kvm_irq_line() - 4.25; level of @gsi.  Any thread. */
int kvm_irq_line(const struct kvm *kvm, unsigned gsi, bool level);

/**
 * kvm_signal_msi() - 4.71; deliver an MSI message without a route.  Any thread.
 *
 * Return: the number of vCPUs that got it, 0 if none did, or -errno.
 */
int kvm_signal_msi(const struct kvm *kvm, uint64_t address, uint32_t data);

/** kvm_set_gsi_routing() - 4.52; replace the whole table, that of the interrupt controllers too */
int kvm_set_gsi_routing(const struct kvm *kvm, const struct kvm_irq_routing_entry *entries,
			unsigned nr_entries) __must_check;

/** kvm_irqfd() - 4.75; a write to eventfd @fd raises @gsi, until it is taken back (@assign false)
 */
int kvm_irqfd(const struct kvm *kvm, int fd, unsigned gsi, bool assign);

/** kvm_ioeventfd() - 4.59; a guest's write signals an eventfd and causes no exit to us */
int kvm_ioeventfd(const struct kvm *kvm, const struct kvm_ioeventfd *request);

/** kvm_get_supported_cpuid() - 4.46; free() the result */
int kvm_get_supported_cpuid(const struct kvm *kvm, struct kvm_cpuid2 **ret_cpuid) __must_check;

int kvm_vcpu_create(const struct kvm *kvm, unsigned index, struct kvm_vcpu *ret_vcpu) __must_check;
void kvm_vcpu_destroy(struct kvm_vcpu *vcpu);

#define KVM_VCPU_INIT                                                                              \
	((struct kvm_vcpu){                                                                        \
		.fd = -1,                                                                          \
		.stats_fd = -1,                                                                    \
	})

/** kvm_vcpu_run() - 4.10; 0, -EINTR or another -errno */
int kvm_vcpu_run(struct kvm_vcpu *vcpu);

int kvm_vcpu_set_cpuid(struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid) __must_check;
int kvm_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *ret_regs) __must_check;
int kvm_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *regs) __must_check;
int kvm_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *ret_sregs) __must_check;
int kvm_vcpu_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs) __must_check;
int kvm_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_fpu *ret_fpu) __must_check;
int kvm_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu) __must_check;
int kvm_vcpu_get_mp_state(struct kvm_vcpu *vcpu, uint32_t *ret_state) __must_check;
int kvm_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *ret_value);
int kvm_vcpu_set_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t value);
int kvm_vcpu_tsc_khz(struct kvm_vcpu *vcpu);

/** kvm_vcpu_set_guest_debug() - 4.87 */
int kvm_vcpu_set_guest_debug(struct kvm_vcpu *vcpu, const struct kvm_guest_debug *debug)
	__must_check;

/** kvm_vcpu_clock_paused() - 4.70: tell the guest's watchdogs that it was stopped; harmless without
 * kvmclock */
void kvm_vcpu_clock_paused(struct kvm_vcpu *vcpu);

/** kvm_vcpu_read_stats() - 4.133.  Return: 0, or -ENOTSUP where KVM has no binary statistics */
int kvm_vcpu_read_stats(struct kvm_vcpu *vcpu, struct kvm_vcpu_stats *ret_stats);

#endif
