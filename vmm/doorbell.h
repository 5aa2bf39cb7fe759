/* SPDX-License-Identifier: MIT */
/*
 * A register that only rings: the guest's write signals an eventfd inside of KVM, and no exit
 * reaches us.
 *
 * A doorbell moves along with its base address register (pci_function_ops.bar_moved).  When KVM has
 * no room for it, the write comes as an exit to the device, which has to ring by itself: slower,
 * not wrong.  One thread at a time, which the host bridge's lock sees to.
 */
#ifndef GLASSBOX_VMM_DOORBELL_H
#define GLASSBOX_VMM_DOORBELL_H

#include "vmm/kvm.h"

struct doorbell {
	const struct kvm *kvm; /* borrowed */
	int fd;                /* eventfd, borrowed */
	unsigned len;          /* of the write in bytes; 0: any */
	bool has_value;        /* only a write of this value rings; not with len 0 */
	uint64_t value;

	bool attached; /* set by the functions */
	uint64_t gpa;
};

/** doorbell_attach() - let it be at @gpa, and no longer where it was.  Return: 0, or what
 * KVM_IOEVENTFD says; then it is nowhere. */
int doorbell_attach(struct doorbell *doorbell, uint64_t gpa) __must_check;

/** doorbell_detach() - fine if it is nowhere; before the eventfd is closed */
void doorbell_detach(struct doorbell *doorbell);

#endif
