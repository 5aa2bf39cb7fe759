/* SPDX-License-Identifier: MIT */
#include "vmm/doorbell.h"

static int assign(const struct doorbell *doorbell, uint64_t gpa, bool on)
{
	const struct kvm_ioeventfd request = {
		.datamatch = doorbell->value,
		.addr = gpa,
		.len = doorbell->len,
		.fd = doorbell->fd,
		.flags = (doorbell->has_value ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
			 (on ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return kvm_ioeventfd(doorbell->kvm, &request);
}

int doorbell_attach(struct doorbell *doorbell, uint64_t gpa)
{
	int r;

	if (doorbell->attached && doorbell->gpa == gpa)
		return 0;
	doorbell_detach(doorbell);
	r = assign(doorbell, gpa, true);
	if (r < 0)
		return r;
	doorbell->attached = true;
	doorbell->gpa = gpa;
	return 0;
}

void doorbell_detach(struct doorbell *doorbell)
{
	if (doorbell->attached)
		(void)assign(doorbell, doorbell->gpa, false);
	doorbell->attached = false;
}
