/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "gdbstub/page_walk.h"
#include "gdbstub/x86.h"

#define PTE_PRESENT   (1ull << 0)
#define PTE_ACCESSED  (1ull << 5)
#define PTE_DIRTY     (1ull << 6)
#define PTE_LARGE     (1ull << 7)
#define PTE_NX        (1ull << 63)
#define PTE_ADDR      0x000ffffffffff000ull

/* Linux's page-table isolation puts a process's two top tables into an aligned pair of pages. */
#define PTI_USER_HALF (1ull << 12)

struct walk_mode {
	unsigned levels;     /* of tables */
	unsigned index_bits; /* of one level */
	unsigned entry_size; /* bytes */
	unsigned top_bits;   /* of the topmost level's index */
	bool large_level[6]; /* [n]: an entry of level n (1: the lowest) may be a page */
	uint64_t root;       /* of the topmost table */
};

static struct walk_mode walk_mode(const struct x86_regs *regs)
{
	struct walk_mode mode = { .index_bits = 9, .entry_size = 8, .top_bits = 9 };

	mode.large_level[2] = true;
	mode.root = regs->cr3 & PTE_ADDR;
	if (regs->efer & X86_EFER_LMA) {
		mode.levels = regs->cr4 & X86_CR4_LA57 ? 5 : 4;
		mode.large_level[3] = true;
	} else if (regs->cr4 & X86_CR4_PAE) {
		mode.levels = 3;
		mode.top_bits = 2;
		mode.root = regs->cr3 & 0xffffffe0;
	} else {
		mode.levels = 2;
		mode.index_bits = 10;
		mode.top_bits = 10;
		mode.entry_size = 4;
		mode.large_level[2] = regs->cr4 & X86_CR4_PSE;
		mode.root = regs->cr3 & 0xfffff000;
	}
	return mode;
}

/* True if the bits of @gva above those that are translated say nothing else. */
static bool is_canonical(const struct walk_mode *mode, uint64_t gva)
{
	unsigned bits = 12 + (mode->levels - 1) * mode->index_bits + mode->top_bits;
	uint64_t above;

	if (mode->levels <= 3)
		return gva >> 32 == 0;
	above = gva >> (bits - 1);
	return above == 0 || above == UINT64_MAX >> (bits - 1);
}

/* The page that a large @entry maps. */
static uint64_t large_page(const struct walk_mode *mode, uint64_t entry, uint64_t page_size)
{
	/* SDM vol. 3A, table 4-4: a 4 MiB page's bits 20:13 are address bits 39:32. */
	if (mode->entry_size == 4)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return ALIGN_DOWN(entry & PTE_ADDR, page_size);
}

static int walk(struct gdb_target *target, const struct walk_mode *mode, uint64_t gva,
		uint64_t *ret_gpa, uint64_t *ret_left)
{
	uint64_t table = mode->root;

	if (!is_canonical(mode, gva))
		return -ENOENT;
	for (unsigned level = mode->levels;; level--) {
		bool top = level == mode->levels;
		unsigned bits = top ? mode->top_bits : mode->index_bits;
		unsigned shift = 12 + (level - 1) * mode->index_bits;
		uint64_t index = gva >> shift & ((1ull << bits) - 1);
		uint64_t size = 1ull << shift, entry = 0, page;

		if (target->ops->read_phys(target, table + index * mode->entry_size, &entry,
					   mode->entry_size) < 0)
			return -EFAULT;
		if (!(entry & PTE_PRESENT))
			return top ? -ENOENT : -EFAULT;
		if (level > 1 && !(mode->large_level[level] && (entry & PTE_LARGE))) {
			table = entry & PTE_ADDR;
			continue;
		}
		page = level > 1 ? large_page(mode, entry, size) : entry & PTE_ADDR;
		*ret_gpa = page + (gva & (size - 1));
		*ret_left = size - (gva & (size - 1));
		return 0;
	}
}

/*
 * True if the tables at @root without PTI_USER_HALF are the kernel's half of the pair: they map
 * user space exactly as @root does, but for the bits that the processor sets and the NX that the
 * kernel adds.
 */
static bool is_pti_pair(struct gdb_target *target, uint64_t root)
{
	uint64_t user[256], kernel[256]; /* the lower half of a table is user space */
	const uint64_t ignored = PTE_NX | PTE_ACCESSED | PTE_DIRTY;
	bool any = false;

	if (target->ops->read_phys(target, root, user, sizeof(user)) < 0 ||
	    target->ops->read_phys(target, root & ~PTI_USER_HALF, kernel, sizeof(kernel)) < 0)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(user); i++) {
		if ((user[i] & ~ignored) != (kernel[i] & ~ignored))
			return false;
		any |= user[i] & PTE_PRESENT;
	}
	return any;
}

int gdb_page_walk(struct gdb_target *target, const struct x86_regs *regs, uint64_t gva,
		  uint64_t *ret_gpa, uint64_t *ret_left)
{
	struct walk_mode mode;
	int r;

	if (!(regs->cr0 & X86_CR0_PG)) {
		if (gva >> 32)
			return -ENOENT;
		*ret_gpa = gva;
		*ret_left = 4096 - (gva & 4095);
		return 0;
	}
	mode = walk_mode(regs);
	r = walk(target, &mode, gva, ret_gpa, ret_left);
	if (r < 0 && mode.levels >= 4 && gva >> 63 && (mode.root & PTI_USER_HALF) &&
	    is_pti_pair(target, mode.root)) {
		mode.root &= ~PTI_USER_HALF;
		r = walk(target, &mode, gva, ret_gpa, ret_left);
	}
	return r;
}
