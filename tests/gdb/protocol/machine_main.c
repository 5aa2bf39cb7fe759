/* SPDX-License-Identifier: MIT */
/*
 * The fake machine with two vCPUs behind a real server, for a real gdb:
 *
 *     gdb_protocol_machine unix:PATH
 *
 * Prints where it listens, and ends when gdb has killed the machine or the guest has ended it.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/gdb_machine.h"

/*
 * 0xffffffff81000000: nop; nop; inc %rax; mov %rax,(%rbx); mov (%rbx),%rcx; jmp to the start
 * 0xffffffff81000100: hlt
 */
static const uint8_t code[] = { 0x90, 0x90, 0x48, 0xff, 0xc0, 0x48, 0x89,
				0x03, 0x48, 0x8b, 0x0b, 0xeb, 0xf3 };
static const uint8_t hlt[] = { 0xf4 };

static void prepare(struct fake_target *fake)
{
	fake_target_write(fake, FAKE_KERNEL_GPA, code, sizeof(code));
	fake_target_write(fake, FAKE_KERNEL_GPA + 0x100, hlt, sizeof(hlt));
	for (unsigned i = 0; i < fake->nr_vcpus; i++) {
		struct x86_regs *regs = &fake->regs[i];

		/* Each vCPU counts for itself. */
		regs->gpr[1] = FAKE_KERNEL_GVA + 0x1000 + 0x100 * i;
		regs->gpr[7] = FAKE_KERNEL_GVA + 0x4000;
		regs->fs_base = 0x7f0012345000;
		regs->gs_base = 0xffff888000010000;
		regs->k_gs_base = 0x7f00deadb000;
		regs->cr2 = 0xdeadbeef;
		regs->cr8 = 5;
		regs->efer |= 1 << 0 | 1 << 11; /* SCE, NXE */
		regs->mxcsr = 0x1f80;
		regs->fctrl = 0x37f;
		regs->ftag = 0xffff;
		memcpy(regs->xmm[3], "glassbox glassbo", 16);
	}
}

static void quit_at_end(struct gdb_machine *machine)
{
	loop_quit(machine->loop);
}

int main(int argc, char **argv)
{
	struct gdb_machine machine;
	struct error error;

	if (argc != 2) {
		fprintf(stderr, "usage: gdb_protocol_machine unix:PATH\n");
		return 2;
	}
	if (gdb_machine_create(&machine, argv[1], 2, &error) < 0) {
		fprintf(stderr, "gdb_protocol_machine: %s\n", error.message);
		return 1;
	}
	prepare(&machine.fake);
	machine.ended = quit_at_end;
	printf("%s\n", gdb_server_address(machine.server));
	(void)fflush(stdout);
	if (loop_run(machine.loop) < 0)
		return 1;
	gdb_machine_destroy(&machine);
	return 0;
}
