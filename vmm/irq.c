/* SPDX-License-Identifier: MIT */
#include "vmm/irq.h"

static void irq_set(void *ctx, bool level)
{
	struct irq *irq = ctx;

	(void)kvm_irq_line(irq->kvm, irq->gsi, level);
}

struct irq_line irq_wire(struct irq *irq, const struct kvm *kvm, unsigned gsi)
{
	*irq = (struct irq){ .kvm = kvm, .gsi = gsi };
	return (struct irq_line){ .set = irq_set, .ctx = irq };
}
