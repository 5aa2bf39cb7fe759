/* SPDX-License-Identifier: MIT */
/* An interrupt line of a device, wired to an input (GSI) of the in-kernel interrupt controllers. */
#ifndef GLASSBOX_VMM_IRQ_H
#define GLASSBOX_VMM_IRQ_H

#include "devices/device.h"
#include "vmm/kvm.h"

struct irq {
	const struct kvm *kvm; /* borrowed */
	unsigned gsi;
};

/** irq_wire() - @irq drives @gsi; the line is valid as long as @irq */
struct irq_line irq_wire(struct irq *irq, const struct kvm *kvm, unsigned gsi);

#endif
