/* SPDX-License-Identifier: MIT */
/* How a vCPU stops: by itself, by its own faults, and by force. */
#include "tests/guest/guest.h"

PROBE_LABEL(after_hlt);
PROBE_GUEST(halt, "hlt\n"
		  "after_hlt: hlt\n");

static void hlt_leaves_without_interrupt_controllers(void **state)
{
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &halt), 0);
	guest_run(probe, KVM_EXIT_HLT);
	assert_int_equal(probe_rip(probe), probe_address(&halt, after_hlt));
}

PROBE_GUEST(divide, "xor %ecx, %ecx\n"
		    "div %ecx\n");

static void an_exception_reaches_the_guests_own_handler(void **state)
{
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &divide), 0);
	guest_run(probe, KVM_EXIT_IO);
	assert_true(probe_is_out(probe, PROBE_TRAP_PORT));
	assert_int_equal(*guest_io_data(probe), 0);
}

PROBE_GUEST(triple_fault, "push $0\n"
			  "push $0\n"
			  "lidt (%rsp)\n"
			  "xor %ecx, %ecx\n"
			  "div %ecx\n"
			  "hlt\n");

static void a_triple_fault_is_a_shutdown(void **state)
{
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &triple_fault), 0);
	guest_run(probe, KVM_EXIT_SHUTDOWN);
}

PROBE_GUEST(endless, "1: jmp 1b\n");

static void an_endless_guest_is_stopped(void **state)
{
	struct probe *probe = *state;
	char found[128];

	assert_int_equal(probe_start(probe, &endless), 0);
	assert_int_equal(probe_run(probe), -ETIME);
	assert_non_null(strstr(probe_describe(probe, -ETIME, found, sizeof(found)), "0x8000"));
	/* No second run without a new budget, and a new budget is one. */
	assert_int_equal(probe_run(probe), -ETIME);
	assert_int_equal(probe_start(probe, &halt), 0);
	guest_run(probe, KVM_EXIT_HLT);
}

static int set_up_with_irqchip(void **state)
{
	return guest_set_up_with(true, state);
}

static void a_sleeping_guest_is_stopped(void **state)
{
	struct probe *probe = *state;

	/* Interrupts are off and the LAPIC's halt is KVM's own: nothing wakes it. */
	assert_int_equal(probe_start(probe, &halt), 0);
	assert_int_equal(probe_run(probe), -ETIME);
}

static void immediate_exit_runs_no_instruction(void **state)
{
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &halt), 0);
	probe->vcpu.run->immediate_exit = 1;
	assert_int_equal(kvm_vcpu_run(&probe->vcpu), -EINTR);
	assert_int_equal(probe_rip(probe), PROBE_CODE);
	probe->vcpu.run->immediate_exit = 0;
	guest_run(probe, KVM_EXIT_HLT);
}

PROBE_LABEL(after_in);
PROBE_GUEST(one_in, "in $" PROBE_STR(PROBE_PORT) ", %al\n"
						 "after_in: hlt\n");

static void settling_finishes_the_access_and_no_more(void **state)
{
	struct probe *probe = *state;
	struct kvm_regs regs;

	assert_int_equal(probe_start(probe, &one_in), 0);
	guest_run(probe, KVM_EXIT_IO);
	*guest_io_data(probe) = 0x5a;
	assert_int_equal(probe_settle(probe), 0);
	assert_int_equal(kvm_vcpu_get_regs(&probe->vcpu, &regs), 0);
	assert_int_equal(regs.rip, probe_address(&one_in, after_in));
	assert_int_equal(regs.rax & 0xff, 0x5a);
	guest_run(probe, KVM_EXIT_HLT);
}

static void a_device_that_is_not_kvm_is_refused(void **state)
{
	struct probe *probe = NULL;
	struct error error;

	(void)state;
	assert_int_equal(probe_create("/dev/null", false, &probe, &error), -ENOTSUP);
	assert_null(probe);
	assert_non_null(strstr(error.message, "/dev/null"));
	assert_int_equal(probe_create("/nonexistent", false, &probe, &error), -ENOENT);
	probe_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(hlt_leaves_without_interrupt_controllers),
		guest_test(an_exception_reaches_the_guests_own_handler),
		guest_test(a_triple_fault_is_a_shutdown),
		guest_test(an_endless_guest_is_stopped),
		cmocka_unit_test_setup_teardown(a_sleeping_guest_is_stopped, set_up_with_irqchip,
						guest_tear_down),
		guest_test(immediate_exit_runs_no_instruction),
		guest_test(settling_finishes_the_access_and_no_more),
		cmocka_unit_test(a_device_that_is_not_kvm_is_refused),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
