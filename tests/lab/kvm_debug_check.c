/* SPDX-License-Identifier: MIT */
/*
 * Does this machine's KVM deliver guest debugging? A guest of a few instructions in real mode meets
 * a software breakpoint, a hardware breakpoint, a watchpoint and single-stepping; each has to end
 * in KVM_EXIT_DEBUG, in the right place. One thread, no library: it must run on a bare machine.
 *
 * Prints one line a check; exit status 0 if all passed, 1 if one failed, 77 without /dev/kvm.
 */
#include "kvm_machine.h"

#define DATA_GPA      0x2000

/* Debug registers: Intel SDM vol. 3, 18.2; AMD APM vol. 2, 13.1.1. */
#define DR6_B0        (1u << 0)
#define DR6_BS        (1u << 14)
#define DR7_G0        (1u << 1)
#define DR7_GE        (1u << 9)
#define DR7_FIXED_1   (1u << 10)
#define DR7_RW0_EXEC  (0u << 16)
#define DR7_RW0_WRITE (1u << 16)
#define VECTOR_DB     1
#define VECTOR_BP     3

/* Offsets into CODE_GPA stand in the comments; checks below refer to them. */
static const uint8_t code[] = {
	0x90,             /* 0: nop */
	0xcc,             /* 1: int3 */
	0xb0, 0x2a,       /* 2: mov $42, %al */
	0xa2, 0x00, 0x20, /* 4: mov %al, DATA_GPA */
	0x90,             /* 7: nop */
	0xf4,             /* 8: hlt */
};

/* Run from an offset of the code, with that debugging on, until the next exit. */
static void machine_run(struct machine *m, uint64_t offset, struct kvm_guest_debug debug)
{
	machine_set_regs(m, offset, 0);
	if (ioctl(m->vcpu, KVM_SET_GUEST_DEBUG, &debug) < 0)
		die("KVM_SET_GUEST_DEBUG");
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0)
		die("KVM_RUN");
}

/* Was the last exit a debug exit with that vector, at that offset, with those bits in DR6? */
static int check(const struct machine *m, const char *what, uint32_t vector, uint64_t offset,
		 uint64_t dr6)
{
	const struct kvm_debug_exit_arch *got = &m->run->debug.arch;
	int passed = m->run->exit_reason == KVM_EXIT_DEBUG && got->exception == vector &&
		     got->pc == CODE_GPA + offset && (got->dr6 & dr6) == dr6;

	printf("%s - %s", passed ? "ok" : "not ok", what);
	if (!passed)
		printf(" (exit reason %u, vector %u, pc %#llx, dr6 %#llx)", m->run->exit_reason,
		       got->exception, (unsigned long long)got->pc, (unsigned long long)got->dr6);
	printf("\n");
	return !passed;
}

static struct kvm_guest_debug hardware(uint64_t address, uint64_t kind)
{
	return (struct kvm_guest_debug){
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = address, [7] = DR7_FIXED_1 | DR7_GE | DR7_G0 | kind },
	};
}

int main(void)
{
	struct machine m;
	int failed = 0;

	machine_create(&m, code, sizeof(code), false);

	machine_run(&m, 0,
		    (struct kvm_guest_debug){
			    .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
		    });
	failed += check(&m, "a software breakpoint (int3)", VECTOR_BP, 1, 0);

	machine_run(&m, 2, hardware(CODE_GPA + 7, DR7_RW0_EXEC));
	failed += check(&m, "a hardware breakpoint", VECTOR_DB, 7, DR6_B0);

	m.memory[DATA_GPA] = 0;
	machine_run(&m, 2, hardware(DATA_GPA, DR7_RW0_WRITE));
	/* A data breakpoint is a trap: it reports the instruction behind the one that wrote. */
	failed += check(&m, "a watchpoint", VECTOR_DB, 7, DR6_B0);
	if (m.memory[DATA_GPA] != 42) {
		printf("not ok - the watched write was done\n");
		failed++;
	}

	machine_run(&m, 2,
		    (struct kvm_guest_debug){
			    .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
		    });
	failed += check(&m, "a single step", VECTOR_DB, 4, DR6_BS);

	/* And with debugging off nothing of it may linger. */
	machine_run(&m, 2, (struct kvm_guest_debug){ 0 });
	int halted = m.run->exit_reason == KVM_EXIT_HLT;
	printf("%s - no debug exit without debugging (exit reason %u)\n", halted ? "ok" : "not ok",
	       m.run->exit_reason);
	return failed || !halted;
}
