/* SPDX-License-Identifier: MIT */
/* The few bits of x86-64 registers that the stub looks at.  SDM: Intel 64 and IA-32 Software
 * Developer's Manual. */
#ifndef GLASSBOX_GDBSTUB_X86_H
#define GLASSBOX_GDBSTUB_X86_H

#include "gdbstub/target.h"

/* SDM vol. 3A, 2.5 */
#define X86_CR0_PE    (1ull << 0)
#define X86_CR0_PG    (1ull << 31)
#define X86_CR4_PSE   (1ull << 4)
#define X86_CR4_PAE   (1ull << 5)
#define X86_CR4_LA57  (1ull << 12)

/* SDM vol. 3A, 2.2.1 */
#define X86_EFER_LMA  (1ull << 10)

/* SDM vol. 1, 3.4.3 */
#define X86_RFLAGS_RF (1ull << 16)
#define X86_RFLAGS_VM (1ull << 17)

#define X86_INT3      0xccu

/**
 * x86_linear_pc() - the linear address of the next instruction
 *
 * Segment bases are known for real and virtual-8086 mode, where they follow from the selector; in
 * protected mode code is taken to be flat, as every kernel of today has it.
 */
static inline uint64_t x86_linear_pc(const struct x86_regs *regs)
{
	if (!(regs->cr0 & X86_CR0_PE) || (regs->rflags & X86_RFLAGS_VM))
		return ((uint64_t)(regs->cs & 0xffff) << 4) + regs->rip;
	return regs->rip;
}

#endif
