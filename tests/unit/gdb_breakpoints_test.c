/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints in memory: hidden bytes, other address spaces, code that changes.  They are in the
 * user's half, where they are always int3; gdb_slots_test.c has those of the kernel's half.  And
 * hardware points that fill the slots.
 */
#include <errno.h>
#include <string.h>

#include "gdbstub/x86.h"
#include "tests/unit/gdb_fixture.h"

#define USER     "400000"
#define USER_GVA 0x400000ull

/* nop; nop; inc %rax; jmp to the start */
static const uint8_t loop_code[] = { 0x90, 0x90, 0x48, 0xff, 0xc0, 0xeb, 0xf9 };

static int setup(void **state)
{
	(void)state;
	gdb_harness_setup(&harness, 2);
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	for (uint64_t at = 0; at < FAKE_KERNEL_SIZE; at += 4096)
		fake_target_map(&harness.fake, harness.fake.regs[0].cr3, USER_GVA + at,
				FAKE_KERNEL_GPA + at);
	for (unsigned i = 0; i < 2; i++)
		harness.fake.regs[i].rip = USER_GVA;
	return 0;
}

/* While stopped the guest's memory is the guest's, to gdb and to everybody else. */
static void bytes_are_hidden_while_stopped(void **state)
{
	(void)state;
	assert_reply("Z0," USER ",1", "OK");
	assert_reply("Z0," USER ",1", "OK");
	assert_int_equal(harness.session->breakpoints.count, 1);
	assert_reply("m400000,2", "9090");
	assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	/* It is in memory as soon as the guest runs. */
	gdb_harness_start(&harness, "vCont;c:2");
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA], 0xcc);
}

static int setup_in_loop(void **state)
{
	(void)setup(state);
	harness.fake.regs[0].rip = USER_GVA + 1;
	harness.fake.regs[1].rip = USER_GVA + 1;
	return 0;
}

static void memory_is_clean_after_a_hit(void **state)
{
	(void)state;
	assert_reply("Z0," USER ",1", "OK");
	assert_stops("c", "T05thread:1;swbreak:;6:");
	assert_int_equal(harness.fake.regs[0].rip, USER_GVA);
	assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	assert_true(harness.fake.setup.sw_breakpoints);
	assert_reply("z0," USER ",1", "OK");
	assert_reply("z0," USER ",1", "OK");
	/* The processor is told only when it matters: at the next resume. */
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_false(harness.fake.setup.sw_breakpoints);
	assert_int_equal(harness.fake.set_debugs, 2);
}

static void write_under_a_breakpoint_counts(void **state)
{
	(void)state;
	assert_reply("Z0,400001,1", "OK");
	/* The jump is patched to itself, under the breakpoint; the guest then executes it. */
	assert_reply("M400001,2:ebfe", "OK");
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(harness.fake.regs[0].rip, USER_GVA + 1);
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA + 1], 0xeb);
	assert_reply("m400001,2", "ebfe");
}

/* Set in one address space, hit in another one at another address, removed in a third. */
static void breakpoint_belongs_to_physical_memory(void **state)
{
	struct fake_target *fake = &harness.fake;
	uint64_t other = fake_target_new_root(fake), empty = fake_target_new_root(fake);

	(void)state;
	fake_target_map(fake, other, 0x500000, FAKE_KERNEL_GPA);
	assert_reply("Z0,400002,1", "OK");
	fake->regs[1].cr3 = other;
	fake->regs[1].rip = 0x500000;
	assert_stops("vCont;c:2", "T05thread:2;swbreak:;");
	assert_int_equal(fake->regs[1].rip, 0x500002);
	fake->regs[0].cr3 = empty;
	fake->regs[1].cr3 = empty;
	assert_reply("m400002,1", "E0e");
	assert_reply("z0,400002,1", "OK");
	assert_memory_equal(fake->memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	fake->regs[1].cr3 = other;
	assert_stops("vCont;s:2", "T05thread:2;6:");
	assert_int_equal(fake->regs[1].rip, 0x500005);
	assert_int_equal(harness.session->breakpoints.count, 0);
}

/* Two addresses of one byte: it is out of memory only after both are removed. */
static void aliases_share_a_byte(void **state)
{
	struct fake_target *fake = &harness.fake;

	(void)state;
	fake_target_map(fake, fake->regs[0].cr3, 0x500000, FAKE_KERNEL_GPA);
	assert_reply("Z0,500001,1", "OK");
	assert_reply("Z0,400001,1", "OK");
	assert_int_equal(harness.session->breakpoints.count, 2);
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_reply("m500001,1", "90");
	assert_reply("z0,500001,1", "OK");
	assert_stops("vCont;c:2", "T05thread:2;swbreak:;");
	assert_reply("z0,400001,1", "OK");
	assert_stops("vCont;s:2", "T05thread:2;6:");
	assert_int_equal(fake->guest_int3s, 0);
}

/* Before the kernel has page tables: by what the VMM loaded where. */
static void break_before_paging(bool only_int3)
{
	struct fake_target *fake = &harness.fake;
	uint64_t tables = fake->regs[0].cr3;

	harness.session->only_int3 = only_int3;
	fake->image_gva = 0xffffffff81000000;
	fake->image_size = 0x1000;
	fake->image_gpa = FAKE_KERNEL_GPA;
	fake->regs[0].cr0 &= ~X86_CR0_PG;
	fake->regs[0].rip = FAKE_KERNEL_GPA;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	assert_reply("Z0,ffffffff81002000,1", "E0e");
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(fake->setup.sw_breakpoints, only_int3);
	assert_int_equal(fake->setup.hw[0].used, !only_int3);
	/* The kernel turns paging on. */
	fake->regs[0].cr0 |= X86_CR0_PG;
	fake->regs[0].cr3 = tables;
	fake->regs[0].rip = FAKE_KERNEL_GVA;
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(fake->regs[0].rip, 0xffffffff81000002);
}

static void int3_before_paging(void **state)
{
	(void)state;
	break_before_paging(true);
}

static void slot_before_paging(void **state)
{
	(void)state;
	break_before_paging(false);
}

/* The guest rewrites its code under a breakpoint: the new byte stays, and the breakpoint too. */
static void changed_code_is_left_alone(void **state)
{
	struct fake_target *fake = &harness.fake;
	/* mov %rax,(%rbx), over the nops at 0x106; nop; jmp back to it */
	static const uint8_t code[] = { 0x48, 0x89, 0x03, 0x90, 0xeb, 0xfa };

	(void)state;
	fake_target_write(fake, FAKE_KERNEL_GPA + 0x100, code, sizeof(code));
	fake->regs[0].rip = USER_GVA + 0x100;
	fake->regs[0].gpr[1] = USER_GVA + 0x106;
	fake->regs[0].gpr[0] = 0xf4f4f4f4f4f4f4f4;
	assert_reply("Z0,400106,1", "OK");
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_reply("m400106,8", "f4f4f4f4f4f4f4f4");
	/* At the next resume it is set on the new code. */
	fake->regs[0].rip = USER_GVA + 0x106;
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_reply("m400106,1", "f4");
}

/* int3 that the guest has in its own code is the guest's. */
static void own_int3_of_the_guest_is_not_ours(void **state)
{
	struct fake_target *fake = &harness.fake;

	(void)state;
	fake->memory[FAKE_KERNEL_GPA + 1] = 0xcc;
	assert_reply("Z0,400005,1", "OK");
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(fake->regs[0].rip, USER_GVA + 5);
	assert_int_equal(fake->guest_int3s, 1);
	assert_int_equal(fake->memory[FAKE_KERNEL_GPA + 1], 0xcc);
}

static void failed_resume_leaves_no_byte(void **state)
{
	(void)state;
	assert_reply("Z0,400001,1", "OK");
	harness.fake.fail_resume = -EIO;
	assert_reply("c", "E05");
	assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
}

static void list_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GDB_BREAKPOINTS_MAX; i++)
		assert_string_equal(gdb_harness_ask(&harness, "Z0,%llx,1", USER_GVA + 2 * i), "OK");
	assert_reply("Z0,400001,1", "E1c");
	assert_reply("z0,400002,1", "OK");
	assert_reply("Z0,400001,1", "OK");
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
}

static void hw_slots_are_split_and_counted(void **state)
{
	const struct gdb_hw_slot *slots = harness.session->hw.slots;

	(void)state;
	/* 11 bytes at 0x1003: 1 + 4 + 4 + 2 */
	assert_reply("Z2,1003,b", "OK");
	assert_reply("Z2,1003,b", "OK");
	assert_int_equal(slots[0].addr, 0x1003);
	assert_int_equal(slots[0].len, 1);
	assert_int_equal(slots[1].addr, 0x1004);
	assert_int_equal(slots[1].len, 4);
	assert_int_equal(slots[2].addr, 0x1008);
	assert_int_equal(slots[2].len, 4);
	assert_int_equal(slots[3].addr, 0x100c);
	assert_int_equal(slots[3].len, 2);
	assert_reply("Z1,1000,1", "E1c");
	assert_reply("z2,1003,a", "OK"); /* another one */
	assert_int_equal(gdb_hw_points_used(&harness.session->hw), 4);
	assert_reply("z2,1003,b", "OK");
	assert_int_equal(gdb_hw_points_used(&harness.session->hw), 0);
	assert_reply("Z4,1000,0", "E16");
	assert_reply("Z4,ffffffffffffffff,2", "E16");
	assert_reply("Z4,1000,ffffffff", "E1c");
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(gdb_harness_ask(&harness, "Z1,%x,1", 0x2000 + i), "OK");
	assert_reply("Z1,2004,1", "E1c");
	assert_reply("z1,2002,1", "OK");
	assert_reply("Z3,2008,8", "OK");
	assert_int_equal(slots[2].type, GDB_HW_ACCESS);
	assert_int_equal(slots[2].len, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_are_hidden_while_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_code_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_clean_after_a_hit, setup_in_loop,
						teardown),
		cmocka_unit_test_setup_teardown(write_under_a_breakpoint_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(breakpoint_belongs_to_physical_memory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(aliases_share_a_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(int3_before_paging, setup, teardown),
		cmocka_unit_test_setup_teardown(slot_before_paging, setup, teardown),
		cmocka_unit_test_setup_teardown(own_int3_of_the_guest_is_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_resume_leaves_no_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(list_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(hw_slots_are_split_and_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
