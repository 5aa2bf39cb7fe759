/* SPDX-License-Identifier: MIT */
/*
 * Is a processor that goes into a guest and out of it left alone by what another one does? Two
 * things have reached over in an emulator that runs each processor in a thread of its own:
 *
 * "fpu": the load of an FPU's state ends IGNNE#, a line of the first processor. Where that is kept
 * in a word with the state of VMRUN, one step of VMRUN or #VMEXIT is undone now and then.
 *
 * "lock": a locked access that the host cannot do in one piece is done while all others stand
 * still. A processor that was asked to, right behind the VMRUN that injected an interrupt (AMD APM
 * vol. 2, 15.20), took that interrupt a second time.
 *
 * So run a guest on the first processor, an interrupt each round, and let the second one do one of
 * them all the time. Each exit must be the guest's, and each interrupt counted once.
 *
 * Prints one line; exit status 0 if all is as it should be, 1 if not, 77 without /dev/kvm or a
 * second processor. With such a fault, the machine itself may go down instead.
 */
#define _GNU_SOURCE
#include "kvm_machine.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>

#define ROUNDS     100000
#define PORT       0xe9
#define VECTOR     0x20
#define IRQ        0
#define REST       50000
#define HANDLER    4
#define CACHE_LINE 64

static const uint8_t code[] = {
	0xe6, PORT, /* out PORT, al */
	0xeb, 0xfc, /* jmp to the start */
	0x66, 0x43, /* HANDLER: inc ebx */
	0xcf,       /* iret */
};

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0) {
		printf("skipped: there is no processor %d\n", cpu);
		exit(77);
	}
}

static void *load_fpu(void *unused)
{
	static uint8_t state[512] __attribute__((aligned(16)));

	stay_on(1);
	_fxsave(state);
	for (;;)
		_fxrstor(state);
	return unused;
}

/* Across two cache lines, which no host does in one piece; and then a while for the others. */
static void *lock_the_bus(void *unused)
{
	static uint8_t lines[2 * CACHE_LINE] __attribute__((aligned(CACHE_LINE)));
	void *word = lines + CACHE_LINE - sizeof(uint32_t) / 2;

	stay_on(1);
	for (;;) {
		__asm__ volatile("lock incl (%0)" : : "r"(word) : "memory", "cc");
		for (int i = 0; i < REST; i++)
			__asm__ volatile("");
	}
	return unused;
}

/* With vectors from VECTOR on, and no need for the guest to end an interrupt. */
static void set_up_pic(struct machine *m)
{
	struct kvm_irqchip chip = {
		.chip_id = KVM_IRQCHIP_PIC_MASTER,
		.chip.pic = { .irq_base = VECTOR, .auto_eoi = 1 },
	};

	if (ioctl(m->vm, KVM_SET_IRQCHIP, &chip) < 0)
		die("KVM_SET_IRQCHIP");
}

static void raise_irq(struct machine *m)
{
	struct kvm_irq_level line = { .irq = IRQ, .level = 1 };

	if (ioctl(m->vm, KVM_IRQ_LINE, &line) < 0)
		die("KVM_IRQ_LINE");
	line.level = 0;
	if (ioctl(m->vm, KVM_IRQ_LINE, &line) < 0)
		die("KVM_IRQ_LINE");
}

/* One round: the guest counts an interrupt in EBX and writes to the port. */
static bool run_round(struct machine *m, uint32_t count)
{
	struct kvm_regs regs;

	raise_irq(m);
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0)
		die("KVM_RUN");
	if (m->run->exit_reason != KVM_EXIT_IO || m->run->io.port != PORT) {
		printf("not ok - the guest leaves by its port (round %u, exit reason %u)\n", count,
		       m->run->exit_reason);
		return false;
	}
	if (ioctl(m->vcpu, KVM_GET_REGS, &regs) < 0)
		die("KVM_GET_REGS");
	if (regs.rbx != count || regs.rip < CODE_GPA || regs.rip >= CODE_GPA + sizeof(code)) {
		printf("not ok - each interrupt comes once (round %u, RBX 0x%llx, RIP 0x%llx)\n",
		       count, regs.rbx, regs.rip);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	bool lock = argc == 2 && strcmp(argv[1], "lock") == 0;
	const uint16_t handler[] = { CODE_GPA + HANDLER, 0 };
	struct machine m;
	pthread_t neighbour;

	if (!lock && (argc != 2 || strcmp(argv[1], "fpu") != 0)) {
		fprintf(stderr, "usage: %s fpu|lock\n", argv[0]);
		return 1;
	}
	machine_create(&m, code, sizeof(code), true);
	set_up_pic(&m);
	memcpy(m.memory + (VECTOR + IRQ) * sizeof(handler), handler, sizeof(handler));
	machine_set_regs(&m, 0, RFLAGS_IF);
	stay_on(0);
	errno = pthread_create(&neighbour, NULL, lock ? lock_the_bus : load_fpu, NULL);
	if (errno != 0)
		die("a thread");
	for (uint32_t count = 1; count <= ROUNDS; count++)
		if (!run_round(&m, count))
			return 1;
	printf("ok - each interrupt comes once (%d of them, beside %s)\n", ROUNDS, argv[1]);
	return 0;
}
