/* SPDX-License-Identifier: MIT */
/* Run control: exact hit counts, stepping over, ranges, stop reasons, clients that come and go. */
#include <errno.h>
#include <string.h>

#include "gdbstub/x86.h"
#include "tests/unit/gdb_fixture.h"

#define HERE(offset) (FAKE_KERNEL_GVA + (offset))

/* nop; nop; inc %rax; jmp to the start */
static const uint8_t loop_code[] = { 0x90, 0x90, 0x48, 0xff, 0xc0, 0xeb, 0xf9 };
/* inc %rax; mov %rax,(%rbx); mov (%rbx),%rcx; jmp to itself */
static const uint8_t store_code[] = { 0x48, 0xff, 0xc0, 0x48, 0x89, 0x03,
				      0x48, 0x8b, 0x0b, 0xeb, 0xfe };

static int setup(void **state)
{
	(void)state;
	gdb_harness_setup(&harness, 3);
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	return 0;
}

/* With breakpoints in memory only; otherwise these, in the kernel's half, borrow debug registers.
 */
static int setup_int3(void **state)
{
	(void)setup(state);
	harness.session->only_int3 = true;
	return 0;
}

static int setup_store(void **state)
{
	(void)setup(state);
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, store_code, sizeof(store_code));
	for (unsigned i = 0; i < 3; i++)
		harness.fake.regs[i].gpr[1] = HERE(0x2000);
	return 0;
}

static uint64_t rip(unsigned vcpu)
{
	return harness.fake.regs[vcpu].rip;
}

static void assert_memory_is_clean(void)
{
	assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
}

/* While running: the one breakpoint is there, where it should be. */
static void assert_is_set(uint64_t offset)
{
	const struct gdb_debug_setup *armed = &harness.fake.setup;
	bool in_memory = harness.fake.memory[FAKE_KERNEL_GPA + offset] == 0xcc, in_slot = false;

	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		in_slot |= armed->hw[i].used && armed->hw[i].addr == HERE(offset);
	assert_int_equal(in_memory, harness.session->only_int3);
	assert_int_equal(armed->sw_breakpoints, harness.session->only_int3);
	assert_int_equal(in_slot, !harness.session->only_int3);
}

static void assert_nothing_is_armed(void)
{
	assert_false(harness.fake.setup.sw_breakpoints);
	for (unsigned i = 0; i < GDB_HW_SLOTS; i++)
		assert_false(harness.fake.setup.hw[i].used);
}

static void stop_reply_has_reason_and_registers(void **state)
{
	(void)state;
	harness.fake.regs[0].gpr[6] = 0x0123456789abcdef;
	harness.fake.regs[0].gpr[7] = 0x1122334455667788;
	assert_reply("Z0,ffffffff81000005,1", "OK");
	assert_reply("vCont;c:1", "T05thread:1;swbreak:;6:efcdab8967452301;7:8877665544332211;"
				  "10:05000081ffffffff;");
	/* `?` says the same again. */
	assert_stops("?", "T05thread:1;swbreak:;");
	/* A client that does not know the reason is not told. */
	(void)gdb_harness_ask(&harness, "qSupported:");
	assert_stops("?", "T05thread:1;6:");
}

/* Every pass of every vCPU through a breakpoint is one stop: none lost, none twice. */
static void hit_counts_are_exact(void **state)
{
	unsigned hits[3] = { 0 };

	(void)state;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	for (unsigned i = 0; i < 3000; i++) {
		const char *reply = gdb_harness_ask(&harness, "c");
		unsigned vcpu;

		assert_non_null(strstr(reply, "swbreak:;"));
		vcpu = (unsigned)(reply[strlen("T05thread:")] - '1');
		assert_in_range(vcpu, 0, 2);
		assert_int_equal(rip(vcpu), HERE(2));
		/* Between two hits lies exactly one pass. */
		assert_int_equal(harness.fake.regs[vcpu].gpr[0], hits[vcpu]);
		hits[vcpu]++;
		assert_memory_is_clean();
	}
	assert_int_equal(hits[0] + hits[1] + hits[2], 3000);
	assert_true(hits[0] > 900 && hits[1] > 900 && hits[2] > 900);
	assert_int_equal(harness.fake.guest_int3s, 0);
}

/* The others do not run while one passes: they cannot slip through. */
static void passing_a_breakpoint_is_done_alone(void **state)
{
	(void)state;
	harness.fake.regs[0].rip = HERE(2);
	harness.fake.regs[1].rip = HERE(2);
	assert_reply("Z0,ffffffff81000002,1", "OK");
	assert_stops("c", "T05thread:1;swbreak:;"); /* set_pc by the test: not passed */
	assert_stops("c", "T05thread:2;swbreak:;");
	assert_int_equal(harness.fake.regs[0].gpr[0], 1);
	assert_int_equal(harness.fake.regs[1].gpr[0], 0);
	assert_int_equal(rip(2), HERE(0));
}

static void hw_breakpoint_makes_progress(void **state)
{
	(void)state;
	assert_reply("Z1,ffffffff81000002,1", "OK");
	for (unsigned i = 0; i < 10; i++) {
		assert_stops("vCont;c:1", "T05thread:1;hwbreak:;6:");
		assert_int_equal(rip(0), HERE(2));
		assert_int_equal(harness.fake.regs[0].gpr[0], i);
	}
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_int_equal(rip(0), HERE(5));
	assert_int_equal(harness.fake.regs[0].rflags & X86_RFLAGS_RF, 0);
	assert_false(harness.fake.setup.sw_breakpoints);
	assert_reply("z1,ffffffff81000002,1", "OK");
	assert_stops("vCont;s:1", "T05");
	assert_false(harness.fake.setup.hw[0].used);
}

static void watchpoints_name_their_address(void **state)
{
	(void)state;
	assert_reply("Z2,ffffffff81002000,8", "OK");
	assert_stops("vCont;c:1", "T05thread:1;watch:ffffffff81002000;6:");
	assert_int_equal(rip(0), HERE(6));
	assert_reply("z2,ffffffff81002000,8", "OK");
	assert_reply("Z4,ffffffff81002004,4", "OK");
	assert_stops("vCont;c:1", "T05thread:1;awatch:ffffffff81002004;6:");
	assert_int_equal(rip(0), HERE(9));
	assert_reply("z4,ffffffff81002004,4", "OK");
	assert_reply("Z3,ffffffff81002000,8", "OK");
	assert_stops("vCont;c:2", "T05thread:2;rwatch:ffffffff81002000;6:");
}

static void steps_are_for_the_chosen_vcpu(void **state)
{
	(void)state;
	assert_stops("vCont;s:2", "T05thread:2;6:");
	assert_int_equal(rip(0), HERE(0));
	assert_int_equal(rip(1), HERE(1));
	assert_reply("Hc3", "OK");
	assert_stops("s", "T05thread:3;6:");
	assert_int_equal(rip(2), HERE(1));
	assert_stops("S05", "T05thread:3;6:");
	assert_stops("sffffffff81000000", "T05thread:3;6:");
	assert_int_equal(rip(2), HERE(1));
	assert_stops("S05;ffffffff81000000", "T05thread:3;6:");
	assert_int_equal(rip(2), HERE(1));
	assert_int_equal(rip(0), HERE(0));
	/* One steps, the others run. */
	assert_stops("vCont;s:2;c", "T05thread:2;6:");
	assert_int_equal(rip(0), HERE(1));
	assert_int_equal(rip(1), HERE(2));
	/* The leftmost action counts; signals are ignored. */
	assert_stops("vCont;S05:1;C05:1;t", "T05thread:1;6:");
	assert_int_equal(rip(0), HERE(2));
	assert_int_equal(rip(1), HERE(2));
	assert_stops("vCont;s:p1.1", "T05thread:1;6:");
	assert_int_equal(rip(0), HERE(5));
}

static void continue_obeys_the_chosen_thread(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000005,1", "OK");
	assert_reply("Hc2", "OK");
	assert_stops("c", "T05thread:2;swbreak:;");
	assert_int_equal(rip(0), HERE(0));
	assert_stops("C05", "T05thread:2;swbreak:;");
	assert_stops("cffffffff81000002", "T05thread:2;swbreak:;");
	assert_int_equal(rip(0), HERE(0));
	assert_reply("Hc-1", "OK");
	assert_stops("c", "T05thread:3;swbreak:;");
	assert_true(rip(0) != HERE(0));
}

static void nothing_to_resume_is_answered_at_once(void **state)
{
	(void)state;
	assert_stops("vCont;t", "T05thread:1;");
	assert_stops("vCont;t:2", "T05thread:1;");
	assert_reply("vCont;c:9", "E03");
	assert_reply("vCont;s:1;c:9", "E03");
	assert_int_equal(harness.fake.resumes, 0);
	assert_stops("vCont;s:-1", "T05thread:1;");
	assert_stops("vCont;s:0", "T05thread:2;");
}

static void range_steps_run_inside_the_stub(void **state)
{
	(void)state;
	assert_stops("vCont;rffffffff81000000,ffffffff81000005:1", "T05thread:1;6:");
	assert_int_equal(rip(0), HERE(5));
	assert_int_equal(harness.fake.resumes, 3);
	/* Of an empty range, one step. */
	assert_stops("vCont;rffffffff81000005,ffffffff81000005:1", "T05thread:1;6:");
	assert_int_equal(rip(0), HERE(0));
	/* A range that it never leaves ends at a breakpoint ... */
	assert_reply("Z0,ffffffff81000005,1", "OK");
	assert_stops("vCont;rffffffff81000000,ffffffff81000007:1", "T05thread:1;swbreak:;6:");
	assert_int_equal(rip(0), HERE(5));
	/* ... which is passed when a range starts there. */
	assert_stops("vCont;rffffffff81000000,ffffffff81000007:1", "T05thread:1;swbreak:;6:");
	assert_int_equal(harness.fake.regs[0].gpr[0], 3);
	assert_memory_is_clean();
}

/* Or at Ctrl-C. */
static void range_step_can_be_interrupted(void **state)
{
	(void)state;
	gdb_harness_start(&harness, "vCont;rffffffff81000000,ffffffff81000007:1");
	assert_false(fake_target_run(&harness.fake, 100));
	assert_null(gdb_harness_reply(&harness));
	gdb_harness_send(&harness, "\x03\x03", 2);
	assert_int_equal(harness.fake.interrupts, 2);
	assert_true(fake_target_run(&harness.fake, 100));
	assert_string_equal(gdb_harness_reply(&harness), "T02thread:1;6:0000000000000000;"
							 "7:0000000000000000;"
							 "10:00000081ffffffff;");
}

/* A step that ends just as Ctrl-C comes, in the middle of a range: the interrupt is not lost. */
static void interrupt_is_not_lost_to_an_inner_step(void **state)
{
	static const struct gdb_stop step = { .kind = GDB_STOP_STEP };

	(void)state;
	gdb_harness_start(&harness, "vCont;rffffffff81000000,ffffffff81000007:1");
	gdb_harness_send(&harness, "\x03", 1);
	harness.fake.running = false;
	gdb_session_report_stop(harness.session, &step);
	assert_non_null(strstr(gdb_harness_reply(&harness), "T02thread:1;"));
	assert_false(harness.fake.running);
}

/*
 * vCPU 2's breakpoint overtakes the end of vCPU 1's step, which the target tells later.  By then
 * gdb has let vCPU 1 go on, and is not bothered.
 */
static void overtaken_step_is_not_told(void **state)
{
	static const struct gdb_stop step = { .kind = GDB_STOP_STEP, .vcpu = 0 };
	static const struct gdb_stop hit = { .kind = GDB_STOP_SWBREAK, .vcpu = 1 };

	(void)state;
	gdb_harness_start(&harness, "vCont;s:1;c");
	harness.fake.running = false;
	gdb_session_report_stop(harness.session, &hit);
	assert_non_null(strstr(gdb_harness_reply(&harness), "T05thread:2;swbreak"));
	gdb_harness_start(&harness, "vCont;c");
	harness.fake.running = false;
	gdb_session_report_stop(harness.session, &step);
	assert_null(gdb_harness_reply(&harness));
	assert_true(harness.fake.running);
}

static void interrupt_stops_and_packets_meanwhile_are_refused(void **state)
{
	(void)state;
	gdb_harness_start(&harness, "c");
	assert_false(fake_target_run(&harness.fake, 10));
	gdb_harness_start(&harness, "g");
	assert_string_equal(gdb_harness_reply(&harness), "E10");
	gdb_harness_start(&harness, "Z0,0,1");
	assert_string_equal(gdb_harness_reply(&harness), "E10");
	gdb_harness_send(&harness, "\x03", 1);
	assert_true(fake_target_run(&harness.fake, 10));
	assert_non_null(strstr(gdb_harness_reply(&harness), "T02thread:1;"));
	/* A late Ctrl-C finds it stopped: nothing to do, nothing said. */
	gdb_harness_send(&harness, "\x03", 1);
	assert_null(gdb_harness_reply(&harness));
	assert_int_equal(harness.fake.interrupts, 1);
	assert_stops("vCont;s:1", "T05");
}

static void death_and_exit_are_told(void **state)
{
	static const uint8_t ud2[] = { 0x0f, 0x0b }, hlt[] = { 0xf4 };

	(void)state;
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, ud2, sizeof(ud2));
	assert_stops("vCont;c:2", "T0bthread:2;");
	assert_reply("p10", "00000081ffffffff");
	assert_reply("m"
		     "ffffffff81000000,2",
		     "0f0b");
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, hlt, sizeof(hlt));
	assert_reply("c", "W00");
	assert_reply("?", "W00");
	assert_reply("g", "E03");
	assert_reply("m0,1", "E03");
	assert_reply("qRcmd,63617073", "E03");
	assert_reply("c", "W00");
	assert_reply("vCont;c", "W00");
	assert_reply("qfThreadInfo", "l");
	assert_reply("vKill;1", "OK");
	assert_reply("D", "OK");
	assert_false(harness.fake.running);
}

static void exit_status_is_told(void **state)
{
	static const struct gdb_stop stop = { .kind = GDB_STOP_GUEST_EXITED, .status = 0x1f };

	(void)state;
	gdb_harness_start(&harness, "c");
	harness.fake.running = false;
	gdb_session_report_stop(harness.session, &stop);
	assert_string_equal(gdb_harness_reply(&harness), "W1f");
}

static void kill_ends_the_machine(void **state)
{
	(void)state;
	assert_null(gdb_harness_ask(&harness, "k"));
	assert_true(harness.fake.killed);
	assert_true(harness.session->closing);
	assert_int_equal(gdb_session_attach(harness.session), 0);
	gdb_harness_start(&harness, "?");
	assert_string_equal(gdb_harness_reply(&harness), "W00");
}

static void kill_is_heard_while_running(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	gdb_harness_start(&harness, "c");
	assert_reply("vKill;1", "OK");
	assert_true(harness.fake.killed);
	assert_memory_is_clean();
}

/* Goodbye: nothing of ours stays, everything runs. */
static void detach_cleans_up_and_resumes(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	assert_reply("Z1,ffffffff81000005,1", "OK");
	assert_stops("vCont;c:1", "T05thread:1;swbreak:;");
	gdb_harness_start(&harness, "D;1");
	assert_string_equal(gdb_harness_reply(&harness), "OK");
	assert_true(harness.fake.running);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(harness.fake.kinds[i], GDB_RESUME_CONTINUE);
	assert_memory_is_clean();
	assert_nothing_is_armed();
	assert_false(fake_target_run(&harness.fake, 100));
	/* The next one finds it running, has it stopped, and is answered after that. */
	assert_int_equal(gdb_session_attach(harness.session), 0);
	assert_int_equal(harness.fake.interrupts, 1);
	assert_false(gdb_session_accepts(harness.session));
	assert_true(fake_target_run(&harness.fake, 10));
	assert_true(gdb_session_accepts(harness.session));
	assert_stops("?", "T05thread:1;6:");
	assert_int_equal(harness.session->breakpoints.count, 0);
}

/* The same when the client vanishes while the machine runs, one vCPU being held. */
static void lost_client_while_running_is_cleaned_up(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000102,1", "OK");
	gdb_harness_start(&harness, "vCont;c:1");
	assert_false(fake_target_run(&harness.fake, 10));
	assert_is_set(0x102);
	gdb_session_detach(harness.session, false);
	assert_int_equal(harness.fake.interrupts, 1);
	assert_false(fake_target_run(&harness.fake, 10));
	assert_int_equal(harness.fake.memory[FAKE_KERNEL_GPA + 0x102], 0x90);
	assert_int_equal(harness.fake.kinds[2], GDB_RESUME_CONTINUE);
	assert_nothing_is_armed();
}

/* A client that left nothing behind is not worth a stop. */
static void lost_client_without_breakpoints_does_not_stop(void **state)
{
	(void)state;
	gdb_harness_start(&harness, "c");
	gdb_session_detach(harness.session, false);
	assert_int_equal(harness.fake.interrupts, 0);
	assert_false(fake_target_run(&harness.fake, 10));
}

/* The next client comes before the machine has stopped for the clean-up of the last. */
static void new_client_meets_no_leftovers(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	gdb_harness_start(&harness, "c");
	gdb_session_detach(harness.session, false);
	assert_int_equal(gdb_session_attach(harness.session), 0);
	assert_true(fake_target_run(&harness.fake, 1));
	assert_memory_is_clean();
	assert_stops("?", "T05thread:1;6:");
	assert_stops("vCont;s:1", "T05thread:1;6:");
	assert_nothing_is_armed();
}

/* A client comes and goes before the machine has stopped for it: nobody wants that stop. */
static void unwanted_interrupt_is_resumed(void **state)
{
	(void)state;
	gdb_session_detach(harness.session, false);
	assert_true(harness.fake.running);
	assert_int_equal(gdb_session_attach(harness.session), 0);
	gdb_session_detach(harness.session, false);
	assert_int_equal(harness.fake.interrupts, 1);
	assert_false(fake_target_run(&harness.fake, 10));
}

/* What has died is kept for the next client, until one lets it go. */
static void death_waits_for_a_client(void **state)
{
	static const uint8_t ud2[] = { 0x0f, 0x0b };

	(void)state;
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, ud2, sizeof(ud2));
	gdb_session_detach(harness.session, false);
	assert_true(fake_target_run(&harness.fake, 100));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(gdb_session_attach(harness.session), 0);
		gdb_harness_start(&harness, "QStartNoAckMode");
		assert_string_equal(gdb_harness_reply(&harness), "OK");
		assert_stops("?", "T0bthread:1;");
		gdb_session_detach(harness.session, false);
		assert_false(harness.fake.running);
	}
	assert_int_equal(gdb_session_attach(harness.session), 0);
	gdb_harness_start(&harness, "D");
	assert_true(harness.fake.running);
}

/* As the target does it: a new machine in the place of the old one, with nothing of ours in it. */
static void replace_machine(void)
{
	harness.fake.running = false;
	harness.fake.setup = (struct gdb_debug_setup){ 0 };
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, loop_code, sizeof(loop_code));
	assert_int_equal(gdb_session_machine_reset(harness.session), 0);
}

static void breakpoints_survive_a_reset(void **state)
{
	(void)state;
	assert_reply("Z0,ffffffff81000002,1", "OK");
	assert_reply("Z1,ffffffff81000005,1", "OK");
	gdb_harness_start(&harness, "vCont;c:1");
	replace_machine();
	assert_true(harness.fake.running);
	assert_is_set(2);
	assert_true(harness.fake.setup.hw[0].used && harness.fake.setup.hw[0].addr == HERE(5));
	assert_true(fake_target_run(&harness.fake, 100));
	assert_non_null(strstr(gdb_harness_reply(&harness), "swbreak:;"));
	assert_memory_is_clean();
}

/* Ctrl-C, or a client that comes or goes, in the moment of the reset. */
static void interrupt_survives_a_reset(void **state)
{
	(void)state;
	gdb_harness_start(&harness, "c");
	gdb_harness_send(&harness, "\x03", 1);
	replace_machine();
	assert_true(fake_target_run(&harness.fake, 100));
	assert_non_null(strstr(gdb_harness_reply(&harness), "T02"));
	assert_reply("Z0,ffffffff81000002,1", "OK");
	gdb_harness_start(&harness, "c");
	gdb_session_detach(harness.session, false);
	replace_machine();
	assert_false(fake_target_run(&harness.fake, 100));
	assert_memory_is_clean();
	assert_nothing_is_armed();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define INT3(name)                                                                                 \
	{                                                                                          \
#name "_int3", name, setup_int3, teardown, NULL                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stop_reply_has_reason_and_registers),
		INT3(stop_reply_has_reason_and_registers),
		TEST(hit_counts_are_exact),
		INT3(hit_counts_are_exact),
		TEST(passing_a_breakpoint_is_done_alone),
		INT3(passing_a_breakpoint_is_done_alone),
		TEST(hw_breakpoint_makes_progress),
		cmocka_unit_test_setup_teardown(watchpoints_name_their_address, setup_store,
						teardown),
		TEST(steps_are_for_the_chosen_vcpu),
		TEST(continue_obeys_the_chosen_thread),
		INT3(continue_obeys_the_chosen_thread),
		TEST(nothing_to_resume_is_answered_at_once),
		TEST(range_steps_run_inside_the_stub),
		INT3(range_steps_run_inside_the_stub),
		TEST(range_step_can_be_interrupted),
		TEST(interrupt_is_not_lost_to_an_inner_step),
		TEST(overtaken_step_is_not_told),
		TEST(interrupt_stops_and_packets_meanwhile_are_refused),
		TEST(death_and_exit_are_told),
		TEST(exit_status_is_told),
		TEST(kill_ends_the_machine),
		TEST(kill_is_heard_while_running),
		INT3(kill_is_heard_while_running),
		TEST(detach_cleans_up_and_resumes),
		INT3(detach_cleans_up_and_resumes),
		TEST(lost_client_while_running_is_cleaned_up),
		INT3(lost_client_while_running_is_cleaned_up),
		TEST(lost_client_without_breakpoints_does_not_stop),
		TEST(new_client_meets_no_leftovers),
		INT3(new_client_meets_no_leftovers),
		TEST(unwanted_interrupt_is_resumed),
		TEST(death_waits_for_a_client),
		TEST(breakpoints_survive_a_reset),
		INT3(breakpoints_survive_a_reset),
		TEST(interrupt_survives_a_reset),
		INT3(interrupt_survives_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
