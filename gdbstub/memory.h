/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory by linear address, as a vCPU sees it.  Only while every vCPU is stopped; then
 * no breakpoint of ours is in memory, so what is read is what the guest wrote.
 */
#ifndef GLASSBOX_GDBSTUB_MEMORY_H
#define GLASSBOX_GDBSTUB_MEMORY_H

#include "gdbstub/target.h"

/**
 * gdb_memory_translate() - where @gva is
 *
 * As gdb_page_walk(); addresses for which the guest has no tables yet are looked up in the kernel
 * image that the VMM loaded, so that a kernel can be looked at before its first instruction.
 * Return: 0 or -EFAULT.
 */
int gdb_memory_translate(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
			 uint64_t *ret_gpa, uint64_t *ret_left) __must_check;

/** gdb_memory_read() - Return: 0 with the readable prefix's length (at least 1), or -EFAULT */
int gdb_memory_read(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva, void *buf,
		    size_t len, size_t *ret_len) __must_check;

/** gdb_memory_write() - Return: 0, or -EFAULT when part of the range is not mapped; then nothing
 * has been written */
int gdb_memory_write(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
		     const void *buf, size_t len) __must_check;

#endif
