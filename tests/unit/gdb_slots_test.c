/* SPDX-License-Identifier: MIT */
/* Breakpoints of the kernel's half, which borrow debug registers that gdb has no other use for. */
#include <string.h>

#include "gdbstub/x86.h"
#include "tests/unit/gdb_fixture.h"

#define HERE(offset) (FAKE_KERNEL_GVA + (offset))
#define USER_GVA     0x400000ull
#define NR_VCPUS     3u

/* nop; nop; inc %rax; nop; jmp to the start */
static const uint8_t loop_code[] = { 0x90, 0x90, 0x48, 0xff, 0xc0, 0x90, 0xeb, 0xf8 };

static int setup(void **state)
{
	(void)state;
	gdb_harness_setup(&harness, NR_VCPUS);
	fake_target_map(&harness.fake, harness.fake.regs[0].cr3, USER_GVA, FAKE_KERNEL_GPA);
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	return 0;
}

static void set_point(unsigned type, uint64_t addr)
{
	assert_string_equal(gdb_harness_ask(&harness, "Z%u,%llx,1", type, (unsigned long long)addr),
			    "OK");
}

static void remove_point(unsigned type, uint64_t addr)
{
	assert_string_equal(gdb_harness_ask(&harness, "z%u,%llx,1", type, (unsigned long long)addr),
			    "OK");
}

/* "breakpoints int3" or "breakpoints auto" */
static void choose_means(const char *command)
{
	uint8_t data[64];
	struct gdb_buffer packet = { .data = data, .size = sizeof(data) };

	gdb_buffer_printf(&packet, "qRcmd,");
	gdb_buffer_put_hex(&packet, command, strlen(command));
	assert_true(strlen(gdb_harness_ask_bytes(&harness, packet.data, packet.len)) > 0);
}

/* Lets vCPU 3 go, to where no breakpoint is, and stops it again: in between is the time to look. */
static void start(void)
{
	harness.fake.regs[2].rip = HERE(0x800);
	gdb_harness_start(&harness, "vCont;c:3");
	assert_true(harness.fake.running);
}

static void stop(void)
{
	gdb_harness_send(&harness, "\x03", 1);
	assert_true(fake_target_run(&harness.fake, 10));
	assert_non_null(gdb_harness_reply(&harness));
}

/* While running: which debug register is at which address (0: none is armed), and who has an int3.
 */
static void assert_slots(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t wanted[GDB_HW_SLOTS] = { a, b, c, d };

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++) {
		const struct gdb_hw_slot *slot = &harness.fake.setup.hw[i];

		assert_int_equal(slot->used ? slot->addr : 0, wanted[i]);
		if (slot->used)
			assert_int_equal(slot->len, 1);
	}
}

static void assert_int3(uint64_t offset, bool is_int3)
{
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA + offset], is_int3 ? 0xcc : 0x90);
}

static void first_set_are_first_served(void **state)
{
	static const uint64_t offsets[] = { 0x105, 0x101, 0x103, 0x102, 0x106, 0x104 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		set_point(0, HERE(offsets[i]));
	set_point(0, HERE(offsets[2]));
	start();
	assert_slots(HERE(0x105), HERE(0x101), HERE(0x103), HERE(0x102));
	assert_false(harness.fake.setup.sw_breakpoints);
	for (unsigned i = 0; i < 4; i++)
		assert_int3(offsets[i], false);
	stop();
	set_point(0, HERE(offsets[4]));
	set_point(0, HERE(offsets[5]));
	start();
	assert_slots(HERE(0x105), HERE(0x101), HERE(0x103), HERE(0x102));
	assert_true(harness.fake.setup.sw_breakpoints);
	assert_int3(0x106, true);
	assert_int3(0x104, true);
	stop();
	assert_int3(0x106, false);
	/* The place of one that goes is for the one that has waited longest. */
	remove_point(0, HERE(0x101));
	start();
	assert_slots(HERE(0x105), HERE(0x103), HERE(0x102), HERE(0x106));
	assert_int3(0x101, false);
	assert_int3(0x106, false);
	assert_int3(0x104, true);
	stop();
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		remove_point(0, HERE(offsets[i]));
	start();
	assert_slots(0, 0, 0, 0);
	assert_false(harness.fake.setup.sw_breakpoints);
}

/* The same linear address is another place in another process. */
static void user_half_borrows_nothing(void **state)
{
	(void)state;
	set_point(0, USER_GVA + 0x101);
	start();
	assert_slots(0, 0, 0, 0);
	assert_true(harness.fake.setup.sw_breakpoints);
	assert_int3(0x101, true);
}

static void gdbs_own_points_come_first(void **state)
{
	(void)state;
	set_point(0, HERE(0x101));
	set_point(0, HERE(0x102));
	start();
	assert_slots(HERE(0x101), HERE(0x102), 0, 0);
	stop();
	for (unsigned i = 0; i < 2; i++)
		set_point(1, HERE(0x201 + i));
	start();
	assert_slots(HERE(0x201), HERE(0x202), HERE(0x101), HERE(0x102));
	stop();
	set_point(1, HERE(0x203));
	start();
	assert_slots(HERE(0x201), HERE(0x202), HERE(0x203), HERE(0x101));
	assert_int3(0x101, false);
	assert_int3(0x102, true);
	stop();
	set_point(1, HERE(0x204));
	start();
	assert_slots(HERE(0x201), HERE(0x202), HERE(0x203), HERE(0x204));
	assert_int3(0x101, true);
	assert_int3(0x102, true);
	stop();
	for (unsigned i = 0; i < 4; i++)
		remove_point(1, HERE(0x201 + i));
	start();
	assert_slots(HERE(0x101), HERE(0x102), 0, 0);
	assert_int3(0x101, false);
	assert_int3(0x102, false);
	assert_false(harness.fake.setup.sw_breakpoints);
}

static void hit_is_told_as_what_gdb_has_set(void **state)
{
	(void)state;
	set_point(0, HERE(2));
	set_point(1, HERE(6));
	for (unsigned i = 0; i < 5; i++) {
		assert_stops("vCont;c:1", "T05thread:1;swbreak:;6:");
		assert_int_equal(harness.fake.regs[0].rip, HERE(2));
		assert_stops("vCont;c:1", "T05thread:1;hwbreak:;6:");
		assert_int_equal(harness.fake.regs[0].rip, HERE(6));
	}
	/* Both at one place share a slot, and it is passed once. */
	set_point(1, HERE(2));
	assert_stops("vCont;c:1", "T05thread:1;hwbreak:;6:");
	assert_int_equal(harness.fake.regs[0].rip, HERE(2));
	assert_int_equal(harness.fake.regs[0].gpr[0], 5);
	assert_false(harness.fake.setup.sw_breakpoints);
	assert_stops("vCont;c:1", "T05thread:1;hwbreak:;6:");
	assert_int_equal(harness.fake.regs[0].rip, HERE(6));
	assert_slots(HERE(6), HERE(2), 0, 0);
	remove_point(1, HERE(2));
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;6:");
	assert_int_equal(harness.fake.regs[0].gpr[0], 6);
}

/* Five breakpoints are four slots and an int3, and each pass of each vCPU is one stop at each. */
static void hit_counts_are_exact_with_both_means(void **state)
{
	static const unsigned offsets[] = { 0, 1, 2, 5, 6 };
	unsigned hits[NR_VCPUS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		set_point(0, HERE(offsets[i]));
	for (unsigned i = 0; i < 3000; i++) {
		const char *reply = gdb_harness_ask(&harness, "c");
		const struct x86_regs *regs;
		unsigned vcpu, at;

		assert_non_null(strstr(reply, "swbreak:;"));
		vcpu = (unsigned)(reply[strlen("T05thread:")] - '1');
		assert_in_range(vcpu, 0, NR_VCPUS - 1);
		regs = &harness.fake.regs[vcpu];
		/* A new session takes the vCPUs to have been reported where it found vCPU 1. */
		at = (hits[vcpu]++ + (vcpu == 0)) % ARRAY_SIZE(offsets);
		assert_int_equal(regs->rip, HERE(offsets[at]));
		assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, loop_code,
				    sizeof(loop_code));
	}
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		assert_true(hits[i] > 900);
		assert_in_range(harness.fake.regs[i].gpr[0], hits[i] / 5 - 1, hits[i] / 5 + 1);
	}
	assert_int_equal(harness.fake.guest_int3s, 0);
}

/* The others do not run while one passes: they cannot slip through. */
static void passing_is_done_alone(void **state)
{
	(void)state;
	harness.fake.regs[0].rip = HERE(2);
	harness.fake.regs[1].rip = HERE(2);
	set_point(0, HERE(2));
	assert_stops("c", "T05thread:1;swbreak:;");
	assert_stops("c", "T05thread:2;swbreak:;");
	assert_int_equal(harness.fake.regs[0].gpr[0], 1);
	assert_int_equal(harness.fake.regs[1].gpr[0], 0);
	assert_int_equal(harness.fake.regs[2].rip, HERE(0));
}

static void passing_needs_no_resume_flag(void **state)
{
	(void)state;
	harness.fake.ignores_rf = true;
	set_point(0, HERE(2));
	for (unsigned i = 0; i < 10; i++) {
		assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
		assert_int_equal(harness.fake.regs[0].gpr[0], i);
	}
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(harness.fake.regs[0].rip, HERE(5));
	/* It was away only for that step. */
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_slots(HERE(2), 0, 0, 0);
}

/* The reason for it all: a guest that checks or patches its own code, as Linux' ftrace does. */
static void guest_sees_and_patches_its_own_code(void **state)
{
	/* mov (%rbx),%rcx; mov %rax,(%rbx); nop; jmp back to the start */
	static const uint8_t code[] = { 0x48, 0x8b, 0x0b, 0x48, 0x89, 0x03, 0x90, 0xeb, 0xf7 };
	struct x86_regs *regs = &harness.fake.regs[0];

	(void)state;
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, code, sizeof(code));
	regs->gpr[1] = HERE(0x108);
	regs->gpr[0] = 0x9090909090c0ff48; /* inc %rax */
	set_point(0, HERE(0x108));
	set_point(0, HERE(6));
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(regs->rip, HERE(6));
	assert_int_equal(regs->gpr[2], 0x9090909090909090);
	assert_int_equal(fake_target_u64(&harness.fake, FAKE_KERNEL_GPA + 0x108), regs->gpr[0]);
	/* The breakpoint holds on the new code, which runs as it was written. */
	regs->rip = HERE(0x107);
	regs->gpr[0] = 7;
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(regs->rip, HERE(0x108));
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(regs->rip, HERE(0x10b));
	assert_int_equal(regs->gpr[0], 8);
}

static void write_under_a_borrowed_slot_counts(void **state)
{
	(void)state;
	set_point(0, HERE(1));
	assert_string_equal(gdb_harness_ask(&harness, "Mffffffff81000001,2:ebfe"), "OK");
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	/* The jump to itself: each time around is a hit. */
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(harness.fake.regs[0].rip, HERE(1));
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA + 1], 0xeb);
}

/* An int3 of the guest's, under a borrowed slot, while another breakpoint is an int3. */
static void int3_under_a_borrowed_slot_is_the_guests(void **state)
{
	(void)state;
	harness.fake.memory[FAKE_KERNEL_GPA + 1] = X86_INT3;
	set_point(0, HERE(1));
	set_point(0, USER_GVA + 0x200);
	start();
	assert_slots(HERE(1), 0, 0, 0);
	assert_true(harness.fake.setup.sw_breakpoints);
	/* As the target asks: before the stop is reported. */
	harness.fake.running = false;
	assert_false(gdb_session_owns_breakpoint(harness.session, 0, HERE(1)));
	assert_true(gdb_session_owns_breakpoint(harness.session, 0, USER_GVA + 0x200));
	assert_true(gdb_session_owns_breakpoint(harness.session, 0, HERE(0x200)));
	harness.fake.running = true;
	stop();
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(harness.fake.guest_int3s, 0);
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_int_equal(harness.fake.regs[0].rip, HERE(1));
	assert_int_equal(harness.fake.regs[0].gpr[0], 1);
	assert_int_equal(harness.fake.guest_int3s, 1);
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA + 1], X86_INT3);
}

/* Two addresses of one byte: one is a slot, the other one an int3 that the first meets as well. */
static void slot_and_int3_at_one_byte(void **state)
{
	struct x86_regs *regs = harness.fake.regs;

	(void)state;
	set_point(0, HERE(2));
	set_point(0, USER_GVA + 2);
	regs[1].rip = USER_GVA;
	for (unsigned i = 0; i < 20; i++) {
		assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
		assert_int_equal(regs[0].rip, HERE(2));
		assert_int_equal(regs[0].gpr[0], i);
		assert_stops("vCont;c:2", "T05thread:2;swbreak:;");
		assert_int_equal(regs[1].rip, USER_GVA + 2);
		assert_int_equal(regs[1].gpr[0], i);
	}
	remove_point(0, USER_GVA + 2);
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_false(harness.fake.setup.sw_breakpoints);
	assert_int_equal(harness.fake.guest_int3s, 0);
}

/* One address that meant two places when gdb set it, before and after a change of page tables. */
static void one_address_needs_one_slot(void **state)
{
	uint64_t other = fake_target_new_root(&harness.fake), first = harness.fake.regs[0].cr3;

	(void)state;
	fake_target_map(&harness.fake, other, HERE(0), FAKE_KERNEL_GPA + 0x3000);
	set_point(0, HERE(2));
	harness.fake.regs[0].cr3 = other;
	set_point(0, HERE(2));
	assert_int_equal(harness.session->breakpoints.count, 2);
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	assert_slots(HERE(2), 0, 0, 0);
	assert_false(harness.fake.setup.sw_breakpoints);
	harness.fake.regs[0].cr3 = first;
	assert_stops("vCont;c:2", "T05thread:2;swbreak:;");
	remove_point(0, HERE(2));
	start();
	assert_slots(0, 0, 0, 0);
}

static void monitor_switches_borrowing_off_and_on(void **state)
{
	(void)state;
	set_point(0, HERE(0x101));
	choose_means("breakpoints int3");
	start();
	assert_slots(0, 0, 0, 0);
	assert_int3(0x101, true);
	stop();
	choose_means("breakpoints auto");
	start();
	assert_slots(HERE(0x101), 0, 0, 0);
	assert_int3(0x101, false);
	stop();
	/* It is the client's choice, and ends with it. */
	choose_means("breakpoints int3");
	gdb_session_detach(harness.session, true);
	assert_int_equal(gdb_session_attach(harness.session), 0);
	assert_true(fake_target_run(&harness.fake, 1));
	gdb_harness_start(&harness, "QStartNoAckMode");
	assert_string_equal(gdb_harness_reply(&harness), "OK");
	set_point(0, HERE(0x101));
	start();
	assert_slots(HERE(0x101), 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_set_are_first_served),
		TEST(user_half_borrows_nothing),
		TEST(gdbs_own_points_come_first),
		TEST(hit_is_told_as_what_gdb_has_set),
		TEST(hit_counts_are_exact_with_both_means),
		TEST(passing_is_done_alone),
		TEST(passing_needs_no_resume_flag),
		TEST(guest_sees_and_patches_its_own_code),
		TEST(write_under_a_borrowed_slot_counts),
		TEST(int3_under_a_borrowed_slot_is_the_guests),
		TEST(slot_and_int3_at_one_byte),
		TEST(one_address_needs_one_slot),
		TEST(monitor_switches_borrowing_off_and_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
