/* SPDX-License-Identifier: MIT */
/*
 * Does KVM know how far a guest's TSC has counted? If the host's kernel measures the rate of its
 * TSC again after KVM was loaded, and finds it higher, a KVM that can't scale TSCs takes each
 * guest's for 0 (Linux, set_tsc_khz()), and a timer that a guest arms for a TSC comes too late by
 * all that this has counted. No library.
 *
 * Prints one line; exit status 0 if the TSC counts, 1 if not, 77 without /dev/kvm.
 */
#include "kvm_machine.h"

#define MSR_IA32_TSC 0x10

static const uint8_t code[] = {
	0xf4, /* hlt */
};

static uint64_t guest_tsc(const struct machine *m)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = MSR_IA32_TSC };

	if (ioctl(m->vcpu, KVM_GET_MSRS, &msr) != 1)
		die("KVM_GET_MSRS");
	return msr.entry.data;
}

int main(void)
{
	struct machine m;
	uint64_t before, after;

	machine_create(&m, code, sizeof(code), true);
	before = guest_tsc(&m);
	after = guest_tsc(&m);
	printf("%s - the guest's TSC counts (%llu, then %llu)\n", after > before ? "ok" : "not ok",
	       (unsigned long long)before, (unsigned long long)after);
	return after <= before;
}
