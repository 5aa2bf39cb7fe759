/* SPDX-License-Identifier: MIT */
#include "vmm/irq.h"
#include "trace/trace.h"

static void irq_set(void *ctx, bool level)
{
	struct irq *irq = ctx;

	trace_irq_line(irq->name, level);
	(void)kvm_irq_line(irq->kvm, irq->gsi, level);
}

struct irq_line irq_wire(struct irq *irq, const struct kvm *kvm, unsigned gsi, const char *name)
{
	*irq = (struct irq){ .kvm = kvm, .gsi = gsi, .name = name };
	return (struct irq_line){ .set = irq_set, .ctx = irq };
}
