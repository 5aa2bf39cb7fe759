/* SPDX-License-Identifier: MIT */
/*
 * Linear to guest physical addresses, by the guest's own page tables as a vCPU's control registers
 * select them.  SDM vol. 3A, chapter 4.  Nothing is cached, accessed bits stay as they are.
 */
#ifndef GLASSBOX_GDBSTUB_PAGE_WALK_H
#define GLASSBOX_GDBSTUB_PAGE_WALK_H

#include "gdbstub/target.h"

/**
 * gdb_page_walk() - translate @gva
 * @target: gives the physical memory
 * @regs: of the vCPU in whose address space to look
 * @ret_gpa: where @gva is
 * @ret_left: bytes from @gva to the end of its page (at least 1)
 *
 * With page-table isolation a vCPU in user mode runs on tables that lack most of the kernel.  When
 * a kernel address is not mapped there, and the tables beside it (CR3 bit 12 clear) are proven to
 * be the kernel's half of the pair, these are walked.
 *
 * Return: 0; -ENOENT when the tables have nothing at all around @gva (the top entry is empty, or
 * @gva is beyond what the mode can address), as for kernel addresses before the kernel has built
 * its tables; -EFAULT when they have, but @gva is not mapped.
 */
int gdb_page_walk(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
		  uint64_t *ret_gpa, uint64_t *ret_left) __must_check;

#endif
