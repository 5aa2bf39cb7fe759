/* SPDX-License-Identifier: MIT */
/* A guest's TSC has the rate of the host's, though KVM was loaded before that was known. */
#include <stdarg.h>
#include <sys/ioctl.h>

#include "tests/guest/guest.h"

#define MSR_IA32_TSC 0x10

static int host_khz; /* 0: KVM can't be told a rate for a VM */

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* With each VM comes the rate that KVM would have found too low by one percent. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	r = __real_ioctl(fd, request, arg);
	if (request != KVM_CREATE_VM || r < 0)
		return r;
	host_khz = __real_ioctl(r, KVM_GET_TSC_KHZ, 0);
	if (host_khz < 0 || __real_ioctl(r, KVM_SET_TSC_KHZ, host_khz / 100 * 99) < 0)
		host_khz = 0;
	return r;
}

static void the_rate_is_that_of_the_host(void **state)
{
	struct probe *probe = *state;

	if (!host_khz)
		skip();
	/* KVM's own may differ by little, for the very reason. */
	assert_in_range(kvm_vcpu_tsc_khz(&probe->vcpu), host_khz / 1000 * 995,
			host_khz / 1000 * 1005);
}

static void it_does_not_stand_still(void **state)
{
	struct probe *probe = *state;
	uint64_t before, after;

	assert_int_equal(kvm_vcpu_get_msr(&probe->vcpu, MSR_IA32_TSC, &before), 0);
	assert_int_equal(kvm_vcpu_get_msr(&probe->vcpu, MSR_IA32_TSC, &after), 0);
	assert_true(after > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(the_rate_is_that_of_the_host),
		guest_test(it_does_not_stand_still),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
