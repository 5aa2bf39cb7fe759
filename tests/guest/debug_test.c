/* SPDX-License-Identifier: MIT */
/*
 * What debuggers build on, beyond what the doctor asks: where a step ends, and how a breakpoint is
 * passed.
 */
#include "tests/guest/guest.h"

#define RFLAGS_TF 0x100u
#define DR7_SLOT0 0x402ull
#define LOOPS     5

static void set_debug(struct probe *probe, uint32_t control, uint64_t breakpoint)
{
	const struct kvm_guest_debug debug = {
		.control = control,
		.arch.debugreg = { [0] = breakpoint, [7] = breakpoint ? DR7_SLOT0 : 0 },
	};

	assert_int_equal(kvm_vcpu_set_guest_debug(&probe->vcpu, &debug), 0);
}

#define STEP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define STOP (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP)

PROBE_LABEL(step_in);
PROBE_LABEL(step_write);
PROBE_LABEL(step_read);
PROBE_LABEL(step_outs);
PROBE_LABEL(step_nop);
PROBE_LABEL(step_end);
PROBE_GUEST(
	step_accesses,
	"            out %al, $" PROBE_STR(
		PROBE_PORT) "\n"
			    "step_in:    in $" PROBE_STR(
				    PROBE_PORT) ", %al\n"
						"step_write: mov %eax, " PROBE_STR(
							PROBE_MMIO) "\n"
								    "step_read:  mov " PROBE_STR(
									    PROBE_MMIO) ", %eax\n"
											"step_outs:  outsb\n"
											"step_nop:   nop\n"
											"step_end:   hlt\n");

/*
 * KVM leaves for the device in the middle of such a step, and does not always stop again behind the
 * instruction: after an emulated access the step is forgotten or goes one too far.  Everywhere a
 * KVM_RUN with immediate_exit finishes the access, with or without a KVM_EXIT_DEBUG; then the step
 * is over, and the next one needs a KVM_SET_GUEST_DEBUG of its own.
 */
static void a_step_over_an_access_ends_when_it_is_settled(void **state)
{
	const uint8_t *const path[] = { step_in, step_write, step_read, step_outs, step_nop };
	struct probe *probe = *state;
	const struct kvm_run *run = probe->vcpu.run;

	assert_int_equal(probe_start(probe, &step_accesses), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(path); i++) {
		int r;

		set_debug(probe, STEP, 0);
		guest_run(probe, i == 2 || i == 3 ? KVM_EXIT_MMIO : KVM_EXIT_IO);
		r = probe_settle(probe);
		assert_true(r == 0 || (r == -EBUSY && run->exit_reason == KVM_EXIT_DEBUG));
		assert_int_equal(probe_rip(probe), probe_address(&step_accesses, path[i]));
	}
	set_debug(probe, STEP, 0);
	guest_run(probe, KVM_EXIT_DEBUG);
	assert_true(probe_is_debug(probe, probe_address(&step_accesses, step_end)));
	set_debug(probe, 0, 0);
	guest_run(probe, KVM_EXIT_HLT);
}

PROBE_GUEST(nops, "nop\n"
		  "nop\n"
		  "hlt\n");

/* KVM steps by the trap flag on some processors; left in RFLAGS it would trap in the guest. */
static void a_step_leaves_no_trap_flag(void **state)
{
	struct probe *probe = *state;
	struct kvm_regs regs;

	assert_int_equal(probe_start(probe, &nops), 0);
	set_debug(probe, STEP, 0);
	guest_run(probe, KVM_EXIT_DEBUG);
	assert_int_equal(kvm_vcpu_get_regs(&probe->vcpu, &regs), 0);
	assert_int_equal(regs.rflags & RFLAGS_TF, 0);
	set_debug(probe, 0, 0);
	guest_run(probe, KVM_EXIT_HLT);
}

/*
 * KVM_SET_REGS may take a step that was asked for away again: KVM_SET_GUEST_DEBUG has to come last.
 */
static void a_step_comes_after_registers_were_written(void **state)
{
	struct probe *probe = *state;
	struct kvm_regs regs;

	assert_int_equal(probe_start(probe, &nops), 0);
	set_debug(probe, STEP, 0);
	guest_run(probe, KVM_EXIT_DEBUG);
	assert_int_equal(kvm_vcpu_get_regs(&probe->vcpu, &regs), 0);
	regs.rax = 1;
	assert_int_equal(kvm_vcpu_set_regs(&probe->vcpu, &regs), 0);
	set_debug(probe, STEP, 0);
	guest_run(probe, KVM_EXIT_DEBUG);
	assert_true(probe_is_debug(probe, PROBE_CODE + 2));
}

PROBE_LABEL(looped);
PROBE_GUEST(looping, "        mov $" PROBE_STR(LOOPS) ", %ecx\n"
						      "looped: dec %ecx\n"
						      "        jnz looped\n"
						      "        hlt\n");

/* The resume flag (RF) is no way past: KVM's emulator stops again in spite of it. */
static void a_hardware_breakpoint_is_passed_by_a_step_without_it(void **state)
{
	uint64_t address = probe_address(&looping, looped);
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &looping), 0);
	for (unsigned i = 0; i < LOOPS; i++) {
		set_debug(probe, STOP, address);
		guest_run(probe, KVM_EXIT_DEBUG);
		assert_true(probe_is_debug(probe, address));
		set_debug(probe, STEP, 0);
		guest_run(probe, KVM_EXIT_DEBUG);
		assert_int_not_equal(probe_rip(probe), address);
	}
	set_debug(probe, STOP, address);
	guest_run(probe, KVM_EXIT_HLT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(a_step_over_an_access_ends_when_it_is_settled),
		guest_test(a_step_leaves_no_trap_flag),
		guest_test(a_step_comes_after_registers_were_written),
		guest_test(a_hardware_breakpoint_is_passed_by_a_step_without_it),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
