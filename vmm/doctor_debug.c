/* SPDX-License-Identifier: MIT */
/*
 * The doctor's checks of what a debugger needs of KVM (api.rst, 4.87; registers: SDM vol. 3B,
 * 18.2).
 */
#include <errno.h>

#include "vmm/doctor_check.h"

#define VECTOR_DB        1u
#define VECTOR_BP        3u
#define RFLAGS_IF        0x200u

#define DR6_HIT(slot)    (1ull << (slot))
#define DR6_HITS         0xfull
#define DR7_FIXED        0x400ull /* bit 10 reads as one */
#define DR7_GLOBAL(slot) (2ull << (2 * (slot)))
#define DR7_WRITE4(slot) (0xdull << (16 + 4 * (slot))) /* R/W 01: writes; LEN 11: 4 bytes */
#define DR_SLOTS         4u

/* Debug checks take the whole vCPU: @control and DR0 to DR3, DR7. */
static int set_debug(struct probe *probe, uint32_t control, const uint64_t addresses[DR_SLOTS],
		     uint64_t dr7)
{
	struct kvm_guest_debug debug = { .control = control };

	for (unsigned i = 0; addresses && i < DR_SLOTS; i++)
		debug.arch.debugreg[i] = addresses[i];
	debug.arch.debugreg[7] = DR7_FIXED | dr7;
	return kvm_vcpu_set_guest_debug(&probe->vcpu, &debug);
}

PROBE_LABEL(step_1);
PROBE_LABEL(step_2);
PROBE_LABEL(step_3);
PROBE_LABEL(step_4);
PROBE_LABEL(step_5);
PROBE_LABEL(step_6);
PROBE_LABEL(step_7);
PROBE_LABEL(step_8);
PROBE_GUEST(steps, "        nop\n"
		   "step_1: mov $7, %eax\n"
		   "step_2: push %rax\n"
		   "step_3: pop %rdx\n"
		   "step_4: call step_6\n"
		   "step_5: jmp step_8\n"
		   "step_6: add %edx, %eax\n"
		   "step_7: ret\n"
		   "step_8: hlt\n");

static void check_step(struct probe *probe, struct doctor_result *ret_result)
{
	const uint8_t *const path[] = {
		step_1, step_2, step_3, step_4, step_6, step_7, step_5, step_8,
	};
	int r = probe_start(probe, &steps);

	if (r == 0)
		r = set_debug(probe, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(path); i++) {
		if (r == 0)
			r = probe_run(probe);
		if (r < 0 || !probe_is_debug(probe, probe_address(&steps, path[i]))) {
			char what[48];

			(void)snprintf(what, sizeof(what), "step %u of %zu goes wrong", i + 1,
				       ARRAY_SIZE(path));
			doctor_fail_exit(ret_result, probe, r, what);
			return;
		}
	}
	doctor_say(ret_result, DOCTOR_OK, "%zu steps, each to the right instruction",
		   ARRAY_SIZE(path));
}

PROBE_LABEL(at_int3);
PROBE_GUEST(int3, "         nop\n"
		  "at_int3: int3\n"
		  "         hlt\n");

static void check_sw_breakpoint(struct probe *probe, struct doctor_result *ret_result)
{
	int r = probe_start(probe, &int3);

	if (r == 0)
		r = set_debug(probe, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, NULL, 0);
	if (r == 0)
		r = probe_run(probe);
	if (r < 0 || !probe_is_debug(probe, probe_address(&int3, at_int3)) ||
	    probe->vcpu.run->debug.arch.exception != VECTOR_BP) {
		doctor_fail_exit(ret_result, probe, r, "int3 does not stop for the debugger");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "int3 in a guest kernel stops for the debugger");
}

PROBE_LABEL(hw_0);
PROBE_LABEL(hw_1);
PROBE_LABEL(hw_2);
PROBE_LABEL(hw_3);
PROBE_GUEST(hw_stops, "      nop\n"
		      "hw_0: nop\n"
		      "hw_1: nop\n"
		      "hw_2: nop\n"
		      "hw_3: nop\n"
		      "      hlt\n");

static void check_hw_breakpoint(struct probe *probe, struct doctor_result *ret_result)
{
	const uint64_t addresses[DR_SLOTS] = {
		probe_address(&hw_stops, hw_0),
		probe_address(&hw_stops, hw_1),
		probe_address(&hw_stops, hw_2),
		probe_address(&hw_stops, hw_3),
	};
	uint64_t dr7 = DR7_GLOBAL(0) | DR7_GLOBAL(1) | DR7_GLOBAL(2) | DR7_GLOBAL(3);
	int r = probe_start(probe, &hw_stops);

	for (unsigned i = 0; i < DR_SLOTS; i++) {
		const struct kvm_run *run = probe->vcpu.run;

		if (r == 0)
			r = set_debug(probe, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
				      addresses, dr7);
		if (r == 0)
			r = probe_run(probe);
		if (r < 0 || !probe_is_debug(probe, addresses[i]) ||
		    run->debug.arch.exception != VECTOR_DB ||
		    (run->debug.arch.dr6 & DR6_HITS) != DR6_HIT(i)) {
			char what[64];

			(void)snprintf(what, sizeof(what),
				       "the breakpoint in slot %u does not stop", i);
			doctor_fail_exit(ret_result, probe, r, what);
			return;
		}
		/* Without it the next KVM_RUN would stop here again. */
		dr7 &= ~DR7_GLOBAL(i);
	}
	doctor_say(ret_result, DOCTOR_OK, "all %u slots stop at the right instruction", DR_SLOTS);
}

#define WATCHED   PROBE_DATA
#define UNWATCHED 0xc010
PROBE_LABEL(after_write);
PROBE_GUEST(writes,
	    "             movl $1, " PROBE_STR(
		    UNWATCHED) "\n"
			       "             mov " PROBE_STR(
				       PROBE_DATA) ", %eax\n"
						   "             movl $1, " PROBE_STR(
							   PROBE_DATA) "\n"
								       "after_write: nop\n"
								       "             hlt\n");

static void check_watchpoint(struct probe *probe, struct doctor_result *ret_result)
{
	const uint64_t addresses[DR_SLOTS] = { [1] = WATCHED };
	const struct kvm_run *run = probe->vcpu.run;
	int r = probe_start(probe, &writes);

	if (r == 0)
		r = set_debug(probe, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, addresses,
			      DR7_GLOBAL(1) | DR7_WRITE4(1));
	if (r == 0)
		r = probe_run(probe);
	if (r < 0 || !probe_is_debug(probe, probe_address(&writes, after_write)) ||
	    run->debug.arch.exception != VECTOR_DB ||
	    (run->debug.arch.dr6 & DR6_HITS) != DR6_HIT(1)) {
		doctor_fail_exit(ret_result, probe, r, "a write to watched memory does not stop");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "a write to watched memory stops after it");
}

/* The PIC, with IRQ 0 at vector 0x20 and all but IRQ 4 masked; edge triggered (Intel 8259A). */
#define IRQ        4u
#define IRQ_VECTOR 0x24u
PROBE_LABEL(irq_1);
PROBE_LABEL(irq_2);
PROBE_LABEL(irq_3);
PROBE_GUEST(irq_steps, "       mov $0x11, %al\n"
		       "       out %al, $0x20\n"
		       "       mov $0x20, %al\n"
		       "       out %al, $0x21\n"
		       "       mov $0x04, %al\n"
		       "       out %al, $0x21\n"
		       "       mov $0x01, %al\n"
		       "       out %al, $0x21\n"
		       "       mov $0xef, %al\n"
		       "       out %al, $0x21\n"
		       "       out %al, $" PROBE_STR(PROBE_PORT) "\n"
								 "irq_1: nop\n"
								 "irq_2: nop\n"
								 "irq_3: jmp irq_3\n");

/* Run to irq_1 and raise the interrupt, so that it is delivered as soon as KVM may. */
static int start_with_interrupt(struct probe *probe)
{
	struct kvm_regs regs;
	int r = probe_start(probe, &irq_steps);

	if (r == 0)
		r = probe_run(probe);
	if (r == 0 && !probe_is_out(probe, PROBE_PORT))
		return -EPROTO;
	if (r == 0)
		r = probe_settle(probe);
	if (r == 0)
		r = kvm_irq_line(&probe->kvm, IRQ, true);
	if (r == 0)
		r = kvm_vcpu_get_regs(&probe->vcpu, &regs);
	if (r < 0)
		return r;
	regs.rflags |= RFLAGS_IF;
	return kvm_vcpu_set_regs(&probe->vcpu, &regs);
}

static void check_step_interrupt(struct probe *probe, struct doctor_result *ret_result)
{
	const uint32_t held = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
	const uint8_t *const path[] = { irq_2, irq_3 };
	int r;

	if (!probe->kvm.has_blockirq) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "KVM_GUESTDBG_BLOCKIRQ is missing: steps may "
			   "end in interrupt handlers");
		doctor_mend(ret_result, "use Linux 5.16 or newer");
		return;
	}
	r = start_with_interrupt(probe);
	if (r == 0)
		r = set_debug(probe, held, NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(path); i++) {
		if (r == 0)
			r = probe_run(probe);
		if (r < 0 || !probe_is_debug(probe, probe_address(&irq_steps, path[i]))) {
			doctor_fail_exit(ret_result, probe, r == -EPROTO ? 0 : r,
					 "a step with an interrupt pending goes wrong");
			return;
		}
	}
	/* Only now may it come; if it doesn't, the steps above proved nothing. */
	r = set_debug(probe, 0, NULL, 0);
	if (r == 0)
		r = probe_run(probe);
	if (r < 0 || !probe_is_out(probe, PROBE_TRAP_PORT) ||
	    *((uint8_t *)probe->vcpu.run + probe->vcpu.run->io.data_offset) != IRQ_VECTOR) {
		doctor_fail_exit(ret_result, probe, r, "an interrupt held by a step is lost");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "held while stepping, delivered afterwards");
}

static const struct doctor_check checks[] = {
	{ .id = "step",
	  .title = "single step",
	  .area = DOCTOR_AREA_DEBUG,
	  .needs_kvm = true,
	  .probe = check_step },
	{ .id = "sw-breakpoint",
	  .title = "software breakpoint",
	  .area = DOCTOR_AREA_DEBUG,
	  .needs_kvm = true,
	  .probe = check_sw_breakpoint },
	{ .id = "hw-breakpoint",
	  .title = "hardware breakpoint",
	  .area = DOCTOR_AREA_DEBUG,
	  .needs_kvm = true,
	  .probe = check_hw_breakpoint },
	{ .id = "watchpoint",
	  .title = "data watchpoint",
	  .area = DOCTOR_AREA_DEBUG,
	  .needs_kvm = true,
	  .probe = check_watchpoint },
	{ .id = "step-interrupt",
	  .title = "interrupts of a step",
	  .area = DOCTOR_AREA_DEBUG,
	  .needs_kvm = true,
	  .irqchip = true,
	  .probe = check_step_interrupt },
};

const struct doctor_table doctor_debug_checks = { checks, ARRAY_SIZE(checks) };
