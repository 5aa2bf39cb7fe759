/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gdbstub/memory.h"
#include "gdbstub/page_walk.h"

#define PAGE_SIZE 4096u

/* A segment may end anywhere in a page: if it does, the byte behind @gva is looked up anew. */
static int image_translate(struct gdb_target *target, uint64_t gva, uint64_t *ret_gpa,
			   uint64_t *ret_left)
{
	uint64_t to_last = PAGE_SIZE - 1 - (gva & (PAGE_SIZE - 1));
	uint64_t last;
	int r = target->ops->image_translate(target, gva, ret_gpa);

	if (r < 0)
		return r;
	if (target->ops->image_translate(target, gva + to_last, &last) == 0 &&
	    last == *ret_gpa + to_last)
		*ret_left = to_last + 1;
	else
		*ret_left = 1;
	return 0;
}

int gdb_memory_translate(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
			 uint64_t *ret_gpa, uint64_t *ret_left)
{
	int r = gdb_page_walk(target, regs, gva, ret_gpa, ret_left);

	if (r != -ENOENT)
		return r;
	if (image_translate(target, gva, ret_gpa, ret_left) < 0)
		return -EFAULT;
	return 0;
}

/*
 * Translates a piece of at most one 4 KiB page: RAM has no smaller holes, so the piece is all RAM
 * or none of it is.
 */
static int translate_piece(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
			   size_t len, uint64_t *ret_gpa, size_t *ret_len)
{
	uint64_t left;
	int r = gdb_memory_translate(target, regs, gva, ret_gpa, &left);

	if (r < 0)
		return r;
	left = MIN(left, PAGE_SIZE - (*ret_gpa & (PAGE_SIZE - 1)));
	*ret_len = MIN(len, left);
	return 0;
}

int gdb_memory_read(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva, void *buf,
		    size_t len, size_t *ret_len)
{
	uint8_t *bytes = buf;
	size_t done = 0;

	while (done < len) {
		uint64_t gpa;
		size_t piece;

		if (translate_piece(target, regs, gva + done, len - done, &gpa, &piece) < 0 ||
		    target->ops->read_phys(target, gpa, bytes + done, piece) < 0)
			break;
		done += piece;
	}
	if (done == 0 && len > 0)
		return -EFAULT;
	*ret_len = done;
	return 0;
}

/* True if every byte of the range is mapped to RAM. */
static bool is_mapped(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
		      size_t len)
{
	for (size_t done = 0, piece; done < len; done += piece) {
		uint64_t gpa;
		uint8_t byte;

		if (translate_piece(target, regs, gva + done, len - done, &gpa, &piece) < 0 ||
		    target->ops->read_phys(target, gpa, &byte, 1) < 0)
			return false;
	}
	return true;
}

int gdb_memory_write(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
		     const void *buf, size_t len)
{
	const uint8_t *bytes = buf;

	if (!is_mapped(target, regs, gva, len))
		return -EFAULT;
	for (size_t done = 0, piece; done < len; done += piece) {
		uint64_t gpa;

		if (translate_piece(target, regs, gva + done, len - done, &gpa, &piece) < 0 ||
		    target->ops->write_phys(target, gpa, bytes + done, piece) < 0)
			return -EFAULT;
	}
	return 0;
}
