/* SPDX-License-Identifier: MIT */
/* The page walk in every paging mode, on tables written here by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub/memory.h"
#include "gdbstub/page_walk.h"
#include "gdbstub/x86.h"
#include "tests/support/fake_target.h"
#include "tests/unit/cmocka_all.h"

/* Tables far from those that the fake machine has made for itself. */
#define TABLE(n) (0x180000ull + (n)*0x1000ull)
#define P        0x1ull  /* present */
#define LARGE    0x80ull /* PS */
#define NX       (1ull << 63)

static struct fake_target fake;
static struct x86_regs regs;

static int setup(void **state)
{
	(void)state;
	fake_target_init(&fake, 1);
	regs = (struct x86_regs){ .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = TABLE(0), .cs = 0x10 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_target_destroy(&fake);
	return 0;
}

static void put64(uint64_t table, unsigned index, uint64_t entry)
{
	fake_target_write(&fake, table + 8 * index, &entry, 8);
}

static void put32(uint64_t table, unsigned index, uint32_t entry)
{
	fake_target_write(&fake, table + 4 * index, &entry, 4);
}

static void assert_maps(uint64_t gva, uint64_t gpa, uint64_t left)
{
	uint64_t got_gpa, got_left;

	assert_int_equal(gdb_page_walk(&fake.target, &regs, gva, &got_gpa, &got_left), 0);
	assert_int_equal(got_gpa, gpa);
	assert_int_equal(got_left, left);
}

static void assert_fails(uint64_t gva, int error)
{
	uint64_t gpa, left;

	assert_int_equal(gdb_page_walk(&fake.target, &regs, gva, &gpa, &left), error);
}

static void no_paging_is_identity(void **state)
{
	(void)state;
	regs.cr0 = 0; /* real mode */
	assert_maps(0x7c00, 0x7c00, 0x400);
	regs.cr0 = X86_CR0_PE;
	assert_maps(0xfffff123, 0xfffff123, 0xedd);
	assert_fails(0x100000000, -ENOENT);
}

static void two_levels(void **state)
{
	(void)state;
	/* 0xc0000000: directory entry 768; page 5 */
	put32(TABLE(0), 768, TABLE(1) | P);
	put32(TABLE(1), 5, 0x123000 | P);
	assert_maps(0xc0005678, 0x123678, 0x988);
	assert_fails(0xc0006000, -EFAULT);
	assert_fails(0x1000, -ENOENT);
	assert_fails(0x1c0005678, -ENOENT);
	/* A large page is one only with CR4.PSE; its bits 20:13 are address bits 39:32. */
	put32(TABLE(0), 1, 0x00800000 | 3 << 13 | LARGE | P);
	regs.cr4 = X86_CR4_PSE;
	assert_maps(0x00612345, 0x300a12345, 0x1edcbb);
	regs.cr4 = 0;
	assert_fails(0x00612345, -EFAULT); /* what was a page is now a table that is not there */
}

static void pae_three_levels(void **state)
{
	(void)state;
	regs.cr4 = X86_CR4_PAE;
	regs.cr3 = TABLE(0) + 0x20; /* 32-byte aligned */
	put64(TABLE(0), 4 + 3, TABLE(1) | P);
	put64(TABLE(1), 1, TABLE(2) | P);
	put64(TABLE(2), 2, NX | 0x700123000 | P);
	assert_maps(0xc0202fff, 0x700123fff, 1);
	put64(TABLE(1), 2, 0x40000000 | LARGE | P);
	assert_maps(0xc0400001, 0x40000001, 0x1fffff);
	assert_fails(0xc0203000, -EFAULT);
	assert_fails(0xc0600000, -EFAULT);
	assert_fails(0x1000, -ENOENT);
	assert_fails(0x1c0202fff, -ENOENT);
}

static void four_levels(void **state)
{
	(void)state;
	regs.cr4 = X86_CR4_PAE;
	regs.efer = X86_EFER_LMA;
	regs.cr3 |= 0x123; /* a PCID */
	put64(TABLE(0), 511, TABLE(1) | P);
	put64(TABLE(1), 510, TABLE(2) | P);
	put64(TABLE(2), 8, TABLE(3) | P);
	put64(TABLE(3), 1, NX | 0x123000 | P);
	assert_maps(0xffffffff81001abc, 0x123abc, 0x544);
	assert_fails(0xffffffff81002000, -EFAULT);
	/* 2 MiB; bit 12 of a large entry is PAT, not address */
	put64(TABLE(2), 9, 0x40201000 | LARGE | P);
	assert_maps(0xffffffff81212345, 0x40212345, 0x1edcbb);
	/* 1 GiB */
	put64(TABLE(1), 511, 0x80000000 | LARGE | P);
	assert_maps(0xffffffffdeadbeef, 0x9eadbeef, 0x21524111);
	assert_fails(0xffffff8000000000, -EFAULT);
	assert_fails(0x400000, -ENOENT);
	/* not canonical */
	assert_fails(0x0000800000000000, -ENOENT);
	assert_fails(0x7fffffff81001abc, -ENOENT);
	assert_fails(0xfffe7fff81001abc, -ENOENT);
	/* In the top entry PS is reserved: it never is a page. */
	put64(TABLE(0), 1, TABLE(1) | LARGE | P);
	assert_maps(0xffffffffff, 0xbfffffff, 1);
}

static void five_levels(void **state)
{
	(void)state;
	regs.cr4 = X86_CR4_PAE | X86_CR4_LA57;
	regs.efer = X86_EFER_LMA;
	put64(TABLE(0), 511, TABLE(1) | P);
	put64(TABLE(1), 511, TABLE(2) | P);
	put64(TABLE(2), 510, TABLE(3) | P);
	put64(TABLE(3), 8, 0x200000 | LARGE | P);
	assert_maps(0xffffffff81001abc, 0x201abc, 0x1fe544);
	put64(TABLE(0), 1, TABLE(1) | P);
	/* bit 48 is an ordinary address bit now: 1 << 48 | 511 << 39 | 510 << 30 | 8 << 21 */
	assert_maps(0x0001ffff81000000, 0x200000, 0x200000);
	assert_fails(0x0100000000000000, -ENOENT);
	regs.cr4 = X86_CR4_PAE;
	assert_fails(0x0001ffff81000000, -ENOENT);
}

static void tables_beyond_ram_fail(void **state)
{
	(void)state;
	regs.cr4 = X86_CR4_PAE;
	regs.efer = X86_EFER_LMA;
	put64(TABLE(0), 0, 0xffffffffff000 | P);
	assert_fails(0x1000, -EFAULT);
	regs.cr3 = 0xffffffffff000;
	assert_fails(0x1000, -EFAULT);
}

/* Tables as page-table isolation makes them: the kernel's at 0, the user's at 0x1000, in a pair. */
static void make_pti_pair(uint64_t kernel, uint64_t user)
{
	put64(kernel, 0, NX | TABLE(8) | 0x20 | P); /* user space; accessed in one of them */
	put64(user, 0, TABLE(8) | P);
	put64(kernel, 511, TABLE(9) | P);
	put64(user, 511, TABLE(10) | P); /* maps less */
	put64(TABLE(9), 511, 0 | LARGE | P);
	put64(TABLE(8), 0, 0 | LARGE | P);
	regs.cr4 = X86_CR4_PAE;
	regs.efer = X86_EFER_LMA;
	regs.cs = 0x33;
	regs.cr3 = user | 0x801; /* and a PCID */
}

static void pti_finds_the_kernel_from_user_mode(void **state)
{
	(void)state;
	make_pti_pair(TABLE(2), TABLE(3));
	assert_maps(0x400000, 0x400000, 0x3fc00000);
	assert_maps(0xffffffffc0000123, 0x123, 0x3ffffedd);
	/* The reverse does not hold: the kernel's tables are complete. */
	regs.cr3 = TABLE(2);
	put64(TABLE(2), 511, 0);
	put64(TABLE(10), 511, 0 | LARGE | P);
	assert_fails(0xffffffffc0000123, -ENOENT);
}

/* Without page-table isolation the page beside a top-level table is anything. */
static void pti_is_not_assumed(void **state)
{
	(void)state;
	make_pti_pair(TABLE(2), TABLE(3));
	put64(TABLE(2), 7, TABLE(11) | P); /* maps user space differently */
	assert_fails(0xffffffffc0000123, -EFAULT);
	put64(TABLE(2), 7, 0);
	assert_maps(0xffffffffc0000123, 0x123, 0x3ffffedd);
	/* Two pages without any user space prove nothing. */
	put64(TABLE(2), 0, 0);
	put64(TABLE(3), 0, 0);
	assert_fails(0xffffffffc0000123, -EFAULT);
}

/* The loaded image answers only where the guest has no tables at all. */
static void image_stands_in_before_paging(void **state)
{
	uint64_t gpa, left;
	uint8_t buf[32];
	size_t len;

	(void)state;
	fake.image_gva = 0xffffffff82000000;
	fake.image_size = 0x1800;
	fake.image_gpa = 0x110000;
	fake_target_write(&fake, 0x110ffc, "glassbox", 8);
	regs.cr0 = X86_CR0_PE;
	assert_int_equal(gdb_memory_read(&fake.target, &regs, 0xffffffff82000ffc, buf, 8, &len), 0);
	assert_int_equal(len, 8);
	assert_memory_equal(buf, "glassbox", 8);
	/* It ends in the middle of a page. */
	assert_int_equal(gdb_memory_read(&fake.target, &regs, 0xffffffff820017f0, buf, 32, &len),
			 0);
	assert_int_equal(len, 16);
	assert_int_equal(gdb_memory_write(&fake.target, &regs, 0xffffffff820017f0, buf, 17),
			 -EFAULT);
	/* Empty tables: the same.  Tables that have something else there: the guest is right. */
	regs.cr0 |= X86_CR0_PG;
	regs.cr4 = X86_CR4_PAE;
	regs.efer = X86_EFER_LMA;
	assert_int_equal(gdb_memory_translate(&fake.target, &regs, 0xffffffff82000ffc, &gpa, &left),
			 0);
	assert_int_equal(gpa, 0x110ffc);
	assert_int_equal(left, 4);
	put64(TABLE(0), 511, TABLE(1) | P);
	assert_int_equal(gdb_memory_translate(&fake.target, &regs, 0xffffffff82000ffc, &gpa, &left),
			 -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_paging_is_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(two_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(pae_three_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(four_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(five_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_beyond_ram_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(pti_finds_the_kernel_from_user_mode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(pti_is_not_assumed, setup, teardown),
		cmocka_unit_test_setup_teardown(image_stands_in_before_paging, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
