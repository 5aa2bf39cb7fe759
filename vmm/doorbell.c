/* SPDX-License-Identifier: MIT */
#include "vmm/doorbell.h"

static int assign(const struct kvm *kvm, const struct doorbell *doorbell, uint32_t flags)
{
	const struct kvm_ioeventfd request = {
		.datamatch = doorbell->match,
		.addr = doorbell->addr,
		.len = doorbell->len,
		.fd = doorbell->eventfd,
		.flags = flags | (doorbell->has_match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u),
	};

	return kvm_ioeventfd(kvm, &request);
}

static int add(void *ctx, const struct doorbell *doorbell)
{
	return assign(ctx, doorbell, 0);
}

static void remove_doorbell(void *ctx, const struct doorbell *doorbell)
{
	(void)assign(ctx, doorbell, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

struct doorbell_host kvm_doorbells(const struct kvm *kvm)
{
	static const struct doorbell_ops ops = { .add = add, .remove = remove_doorbell };

	/* It comes back as const: only the table of operations knows what it is. */
	return (struct doorbell_host){ .ops = &ops, .ctx = (void *)(uintptr_t)kvm };
}
