/* SPDX-License-Identifier: MIT */
/* The analysis core: pairs, pauses, losses, bounds, names, and what is counted as what. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tools/trace/report.h"

static void feed(struct exits *exits, struct record record)
{
	assert_int_equal(exits_feed(exits, &record), 0);
}

static void feed_entry(struct exits *exits, int64_t time, uint32_t vcpu, uint64_t seq)
{
	feed(exits, (struct record){ .event = TRACE_EVENT_entry,
				     .time = time,
				     .entry = { .vcpu = vcpu, .seq = seq, .device = "serial0" } });
}

static void feed_exit_at(struct exits *exits, int64_t time, uint32_t vcpu, uint64_t seq,
			 uint64_t rip, uint64_t port, bool is_write)
{
	feed(exits, (struct record){ .event = TRACE_EVENT_exit,
				     .time = time,
				     .exit = { .vcpu = vcpu,
					       .seq = seq,
					       .reason = KVM_EXIT_IO,
					       .rip = rip,
					       .space = TRACE_SPACE_PIO,
					       .addr = port,
					       .len = 1,
					       .is_write = is_write } });
}

static void feed_exit(struct exits *exits, int64_t time, uint32_t vcpu, uint64_t seq)
{
	feed_exit_at(exits, time, vcpu, seq, 0x1000, 0x3f8, true);
}

static void feed_stop(struct exits *exits, int64_t time, uint32_t vcpu)
{
	feed(exits,
	     (struct record){ .event = TRACE_EVENT_stop, .time = time, .stop = { .vcpu = vcpu } });
}

static void feed_resume(struct exits *exits, int64_t time, uint32_t vcpu)
{
	feed(exits, (struct record){ .event = TRACE_EVENT_resume,
				     .time = time,
				     .resume = { .vcpu = vcpu } });
}

static void feed_counters(struct exits *exits, uint32_t vcpu, uint64_t user, uint64_t kvm)
{
	feed(exits,
	     (struct record){
		     .event = TRACE_EVENT_vcpu_counters,
		     .time = exits->last_time,
		     .vcpu_counters = { .vcpu = vcpu, .user_exits = user, .kvm_exits = kvm } });
}

static struct exits *new_exits(void)
{
	struct exits *exits = NULL;

	assert_int_equal(exits_new(&exits), 0);
	return exits;
}

static struct report *build_report(struct exits *exits, const struct elf_symbols *symbols)
{
	struct report_source source = { .exits = exits, .machine = "test", .symbols = symbols };
	struct report *report = NULL;

	exits_end(exits);
	assert_int_equal(report_build(&source, &report), 0);
	return report;
}

static uint64_t all_unmatched(const struct exits *exits)
{
	const struct exits_unmatched *unmatched = &exits->unmatched;

	return unmatched->at_start + unmatched->at_end + unmatched->in_between +
	       unmatched->across_loss + unmatched->across_pause;
}

static void pairs_give_both_times(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	feed_entry(exits, 1000, 0, 1);
	feed_exit(exits, 1500, 0, 1);
	feed_entry(exits, 1700, 0, 2);
	feed_exit(exits, 4700, 0, 2);
	feed_entry(exits, 4800, 0, 3);
	exits_end(exits);
	assert_int_equal(exits->all.exits, 2);
	assert_int_equal(exits->all.vmm_time.count, 2);
	assert_int_equal(exits->all.vmm_time.sum, 300);
	assert_int_equal(exits->all.vmm_time.min, 100);
	assert_int_equal(exits->all.vmm_time.max, 200);
	assert_int_equal(exits->all.guest_time.count, 2);
	assert_int_equal(exits->all.guest_time.sum, 3500);
	/* Only the vCPU that is still in the guest. */
	assert_int_equal(exits->unmatched.at_end, 1);
	assert_int_equal(all_unmatched(exits), 1);
	exits_free(exits);
}

static void vcpus_do_not_mix(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	feed_entry(exits, 10, 0, 1);
	feed_entry(exits, 20, 7, 1);
	feed_exit(exits, 30, 7, 1);
	feed_exit(exits, 40, 0, 1);
	feed_entry(exits, 50, 0, 2);
	feed_entry(exits, 90, 7, 2);
	exits_end(exits);
	assert_int_equal(exits->all.guest_time.sum, 10 + 30);
	assert_int_equal(exits->all.vmm_time.sum, 10 + 60);
	assert_int_equal(exits->vcpu_rows.count, 2);
	exits_free(exits);
}

static void a_trace_may_begin_and_end_anywhere(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	/* vCPU 0 was in the guest, vCPU 1 in the VMM when recording began. */
	feed_exit(exits, 100, 0, 41);
	feed_entry(exits, 110, 1, 17);
	feed_entry(exits, 150, 0, 42);
	feed_exit(exits, 160, 1, 17);
	exits_end(exits);
	assert_int_equal(exits->unmatched.at_start, 2);
	assert_int_equal(exits->unmatched.at_end, 2);
	assert_int_equal(exits->all.vmm_time.sum, 50);
	assert_int_equal(exits->all.guest_time.sum, 50);
	assert_int_equal(all_unmatched(exits), 4);
	exits_free(exits);
}

static void missing_halves_are_counted(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	feed_entry(exits, 10, 0, 1);
	feed_exit(exits, 20, 0, 1);
	/* Entry 2 and exit 2 are missing: exit 1 has no VMM time. */
	feed_entry(exits, 1000, 0, 3);
	assert_int_equal(exits->unmatched.in_between, 1);
	feed_exit(exits, 1001, 0, 3);
	/* Entry 4 is missing: exit 3 has no VMM time, exit 4 no guest time. */
	feed_exit(exits, 2000, 0, 4);
	assert_int_equal(exits->unmatched.in_between, 2);
	/* Time that runs backwards is no time. */
	feed_entry(exits, 1999, 0, 5);
	assert_int_equal(exits->unmatched.in_between, 3);
	/* Exit 5 is missing: entry 5 has no guest time. */
	feed_entry(exits, 2100, 0, 6);
	assert_int_equal(exits->unmatched.in_between, 4);
	assert_int_equal(exits->all.exits, 3);
	assert_int_equal(exits->all.vmm_time.count, 0);
	assert_int_equal(exits->all.guest_time.sum, 10 + 1);
	exits_free(exits);
}

static void pauses_are_cut_out(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	/* Before the first entry: a pause, but of no exit. */
	feed_stop(exits, 0, 0);
	feed_resume(exits, 500, 0);
	feed_entry(exits, 600, 0, 1);
	feed_exit(exits, 700, 0, 1);
	feed_stop(exits, 720, 0);
	feed_stop(exits, 800, 0); /* says the same again */
	feed_resume(exits, 5000720, 0);
	feed_stop(exits, 5000730, 0);
	feed_resume(exits, 5000740, 0);
	feed_entry(exits, 5000750, 0, 2);
	assert_int_equal(exits->all.vmm_time.sum, 5000750 - 700 - 5000000 - 10);
	assert_int_equal(exits->pauses, 3);
	assert_int_equal(exits->paused, 500 + 5000000 + 10);
	feed_exit(exits, 5000760, 0, 2);
	feed_stop(exits, 5000770, 0);
	/* The resume is missing: nobody knows how much to cut. */
	feed_entry(exits, 9000000, 0, 3);
	assert_int_equal(exits->unmatched.across_pause, 1);
	assert_int_equal(exits->all.vmm_time.count, 1);
	/* The next exit is not touched by it. */
	feed_exit(exits, 9000010, 0, 3);
	feed_entry(exits, 9000020, 0, 4);
	assert_int_equal(exits->all.vmm_time.count, 2);
	/* Its last stop: every machine ends so, no debugger needed. */
	feed_stop(exits, 9000030, 0);
	feed_stop(exits, 9000050, 0);
	exits_end(exits);
	assert_int_equal(exits->pauses, 3);
	assert_int_equal(exits->paused, 500 + 5000000 + 10);
	exits_free(exits);
}

static void pairs_across_a_loss_give_no_time(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	feed_entry(exits, 10, 0, 1);
	feed_entry(exits, 10, 1, 1);
	feed_exit(exits, 20, 1, 1);
	exits_lose(exits, (struct exits_loss){ .events = 5 });
	feed_exit(exits, 30, 0, 1);  /* began before */
	feed_entry(exits, 40, 0, 2); /* began inside */
	exits_lose_over(exits);
	feed_exit(exits, 50, 0, 2);  /* began inside */
	feed_entry(exits, 60, 1, 2); /* began before, ends behind */
	assert_int_equal(exits->unmatched.across_loss, 4);
	assert_int_equal(exits->all.vmm_time.count, 0);
	assert_int_equal(exits->all.guest_time.count, 1);
	feed_entry(exits, 70, 0, 3); /* wholly behind */
	assert_int_equal(exits->all.vmm_time.sum, 20);
	assert_int_equal(exits->lost_events, 5);
	assert_int_equal(exits->unmatched.across_loss, 4);
	exits_free(exits);
}

static void two_streams_may_lose_at_once(void **state)
{
	struct exits *exits = new_exits();

	(void)state;
	feed_entry(exits, 10, 0, 1);
	exits_lose(exits, (struct exits_loss){ .packets = 1 });
	exits_lose(exits, (struct exits_loss){ .unknown = true });
	exits_lose_over(exits);
	feed_exit(exits, 20, 0, 1);
	feed_entry(exits, 30, 0, 2);
	exits_lose_over(exits);
	assert_int_equal(exits->unmatched.across_loss, 2);
	assert_int_equal(exits->lost_packets, 1);
	assert_int_equal(exits->losses_unknown, 1);
	exits_free(exits);
}

static void keys_are_bounded(void **state)
{
	struct exits *exits = new_exits();
	uint64_t seq = 0;
	struct report *report;

	(void)state;
	for (unsigned i = 0; i < EXITS_MAX_INSTRUCTIONS + 1000; i++) {
		feed_entry(exits, (int64_t)(20 * seq), 0, seq + 1);
		seq++;
		feed_exit_at(exits, (int64_t)(20 * seq - 10), 0, seq, 0xffff0000 + 7 * i,
			     0x1000 + i, false);
	}
	/* No such vCPU. */
	feed_exit(exits, (int64_t)(20 * seq), UINT32_MAX, 1);
	assert_int_equal(exits->bad_vcpus, 1);
	assert_int_equal(exits->all.exits, EXITS_MAX_INSTRUCTIONS + 1000);
	assert_int_equal(exits->addresses.count, EXITS_MAX_ADDRESSES);
	assert_int_equal(exits->addresses.other->exits,
			 EXITS_MAX_INSTRUCTIONS + 1000 - EXITS_MAX_ADDRESSES);
	report = build_report(exits, NULL);
	assert_int_equal(report->addresses.count, EXITS_MAX_ADDRESSES + 1);
	assert_true(report->addresses.rows[0].is_other);
	assert_int_equal(report->functions.count, EXITS_MAX_INSTRUCTIONS + 1);
	assert_true(report->functions.rows[0].is_other);
	assert_int_equal(report->functions.rows[0].exits, 1000);
	assert_true(report->warning_count >= 3);
	report_free(report);
	exits_free(exits);
}

static void feed_register(struct exits *exits, const char *device, uint64_t addr,
			  const char *access, const char *name)
{
	feed(exits, (struct record){ .event = TRACE_EVENT_device_register,
				     .device_register = { .device = device,
							  .space = TRACE_SPACE_PIO,
							  .addr = addr,
							  .access = access,
							  .name = name } });
}

static const struct report_row *find_address(const struct report *report, uint64_t addr,
					     bool is_write)
{
	for (size_t i = 0; i < report->addresses.count; i++)
		if (report->addresses.rows[i].key.value == addr &&
		    EXITS_TAG_IS_WRITE(report->addresses.rows[i].key.tag) == is_write)
			return &report->addresses.rows[i];
	fail_msg("no row of address 0x%llx", (unsigned long long)addr);
	return NULL;
}

static void addresses_have_names(void **state)
{
	struct exits *exits = new_exits();
	const struct report_row *row;
	struct report *report;

	(void)state;
	feed(exits, (struct record){ .event = TRACE_EVENT_device_map,
				     .device_map = { .device = "serial0",
						     .space = TRACE_SPACE_PIO,
						     .base = 0x3f8,
						     .len = 8 } });
	feed_register(exits, "serial0", 0x3f8, "r", "RBR");
	feed_register(exits, "serial0", 0x3f8, "w", "THR");
	feed_register(exits, "serial0", 0x3fb, "rw", "LCR");
	feed_exit_at(exits, 10, 0, 1, 1, 0x3f8, true);
	feed_entry(exits, 20, 0, 2);
	feed_exit_at(exits, 30, 0, 2, 1, 0x3f8, false);
	feed_exit_at(exits, 40, 0, 3, 1, 0x3fb, false);
	feed_exit_at(exits, 50, 0, 4, 1, 0x3fe, false); /* in the range, without a register */
	feed_exit_at(exits, 60, 0, 5, 1, 0x80, true);   /* nobody's */
	report = build_report(exits, NULL);
	row = find_address(report, 0x3f8, true);
	assert_string_equal(row->device, "serial0");
	assert_string_equal(row->register_name, "THR");
	assert_string_equal(find_address(report, 0x3f8, false)->register_name, "RBR");
	assert_string_equal(find_address(report, 0x3fb, false)->register_name, "LCR");
	assert_string_equal(find_address(report, 0x3fe, false)->register_name, "+0x6");
	assert_null(find_address(report, 0x80, true)->device);
	/* By time: the only timed one is first. */
	assert_ptr_equal(row, &report->addresses.rows[0]);
	report_free(report);
	exits_free(exits);
}

/* Two functions of this very program serve as a guest kernel's. */
__attribute__((noinline, used)) static int guest_function_one(int x)
{
	return x * 3;
}

__attribute__((noinline, used)) static int guest_function_two(int x)
{
	return x + guest_function_one(x);
}

static const struct report_row *find_function(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->functions.count; i++)
		if (report->functions.rows[i].function &&
		    strcmp(report->functions.rows[i].function, name) == 0)
			return &report->functions.rows[i];
	fail_msg("no row of function %s", name);
	return NULL;
}

static void functions_are_found_behind_the_slide(void **state)
{
	const uint64_t slide = 0xffffffff80000000;
	struct exits *exits = new_exits();
	struct elf_symbols *symbols = NULL;
	struct elf_symbol one, two;
	struct report *report;
	struct error error;

	(void)state;
	assert_int_equal(elf_symbols_open("/proc/self/exe", &symbols, &error), 0);
	assert_int_equal(elf_symbols_lookup(symbols, "guest_function_one", &one), 0);
	assert_int_equal(elf_symbols_lookup(symbols, "guest_function_two", &two), 0);
	feed(exits, (struct record){ .event = TRACE_EVENT_vm_start,
				     .vm_start = { .version = "1",
						   .kernel = "test",
						   .vcpus = 1,
						   .memory = MIB(64),
						   .text_slide = slide } });
	/*
	 * The last instruction of one() writes: RIP is the byte behind it, where two() may start.
	 */
	feed_exit_at(exits, 10, 0, 1, slide + one.start + one.size, 0x80, true);
	/* A read at the first byte of two(): RIP is the instruction itself. */
	feed_exit_at(exits, 20, 0, 2, slide + two.start, 0x80, false);
	feed_exit_at(exits, 30, 0, 3, slide + two.start + 1, 0x80, false);
	/* HLT leaves RIP behind it as well. */
	feed(exits, (struct record){ .event = TRACE_EVENT_exit,
				     .time = 40,
				     .exit = { .seq = 4,
					       .reason = KVM_EXIT_HLT,
					       .rip = slide + one.start + one.size } });
	feed_exit_at(exits, 50, 0, 5, 0x1234567890, 0x80, false);
	report = build_report(exits, symbols);
	assert_int_equal(find_function(report, "guest_function_one")->exits, 2);
	assert_int_equal(find_function(report, "guest_function_one")->key.value, slide + one.start);
	assert_int_equal(find_function(report, "guest_function_two")->exits, 2);
	assert_int_equal(report->functions.count, 3);
	assert_int_equal(report->exits_in_functions, 4);
	report_free(report);
	exits_free(exits);
	elf_symbols_close(symbols);
}

static bool warns(const struct report *report, const char *words)
{
	for (unsigned i = 0; i < report->warning_count; i++)
		if (strstr(report->warnings[i], words))
			return true;
	return false;
}

static void a_wrong_vmlinux_is_told(void **state)
{
	struct exits *exits = new_exits();
	struct elf_symbols *symbols = NULL;
	struct report *report;
	struct error error;

	(void)state;
	assert_int_equal(elf_symbols_open("/proc/self/exe", &symbols, &error), 0);
	for (unsigned i = 0; i < 10; i++)
		feed_exit_at(exits, i, 0, i, 0xffffffff81000000 + i, 0x80, false);
	report = build_report(exits, symbols);
	assert_true(warns(report, "does not seem to be the guest's kernel"));
	report_free(report);
	exits_free(exits);
	elf_symbols_close(symbols);
}

static void counters_are_held_against_the_trace(void **state)
{
	static const struct {
		uint64_t first_user, last_user, last_kvm;
		uint64_t vmm, trace, kvm;
	} cases[] = {
		{ 0, 2, 100, 2, 2, 100 },  /* all is there */
		{ 0, 3, 100, 3, 2, 100 },  /* one is missing in the trace */
		{ 40, 42, 100, 2, 2, 60 }, /* recording began later */
		{ 0, 2, 0, 2, 2, 0 },      /* KVM gives no statistics */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exits *exits = new_exits();
		struct report *report;

		feed_counters(exits, 0, cases[i].first_user, cases[i].first_user);
		feed_entry(exits, 10, 0, 1);
		feed_exit(exits, 20, 0, 1);
		feed_entry(exits, 30, 0, 2);
		feed_exit(exits, 40, 0, 2);
		feed_counters(exits, 0, cases[i].last_user, cases[i].last_kvm);
		report = build_report(exits, NULL);
		assert_true(report->counters_known);
		assert_int_equal(report->counted_by_vmm, cases[i].vmm);
		assert_int_equal(report->counted_in_trace, cases[i].trace);
		assert_int_equal(report->kvm_known, cases[i].kvm != 0);
		if (cases[i].kvm)
			assert_int_equal(report->kvm_exits, cases[i].kvm);
		assert_int_equal(warns(report, "the VMM counted"), cases[i].vmm != cases[i].trace);
		report_free(report);
		exits_free(exits);
	}
}

/* A second vCPU that waits to be started: KVM_RUN returns, but nothing ever left a guest. */
static void kvms_count_needs_not_every_vcpu_to_run(void **state)
{
	struct exits *exits = new_exits();
	struct report *report;

	(void)state;
	feed_counters(exits, 0, 0, 0);
	feed_counters(exits, 1, 0, 0);
	feed_entry(exits, 10, 0, 1);
	feed_exit(exits, 20, 0, 1);
	feed_entry(exits, 30, 1, 1);
	feed(exits, (struct record){ .event = TRACE_EVENT_exit,
				     .time = 40,
				     .exit = { .vcpu = 1, .seq = 1, .reason = KVM_EXIT_INTR } });
	feed_counters(exits, 0, 1, 1);
	feed_counters(exits, 1, 1, 0);
	report = build_report(exits, NULL);
	assert_int_equal(report->counted_in_trace, 2);
	assert_true(report->kvm_known);
	assert_int_equal(report->kvm_exits, 1);
	/* All of KVM's, not 200 %. */
	assert_int_equal(report->left_kernel, 1);
	report_free(report);
	exits_free(exits);
}

static void an_empty_trace_makes_a_report(void **state)
{
	struct exits *exits = new_exits();
	struct report *report = build_report(exits, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(report_print_text(report, 0, out), 0);
	assert_int_equal(report_print_json(&report, 1, 0, true, out), 0);
	(void)fclose(out);
	assert_non_null(strstr(text, "no exit events"));
	assert_null(strstr(text, "nan"));
	free(text);
	report_free(report);
	exits_free(exits);
}

static void text_fits_in_120_columns(void **state)
{
	static const int64_t times[] = { 1,      999,      1000,      9994,        9995,
					 99949,  99951,    999499,    999501,      12345678,
					 999999, 99999999, 999999999, 999999999999 };
	struct exits *exits = new_exits();
	struct report *report;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int64_t time = 0;

	(void)state;
	assert_non_null(out);
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		feed_entry(exits, time, 0, i + 1);
		time += times[i];
		feed_exit_at(exits, time, 0, i + 1, 0xffffffff81000000 + i, 0xfee00000 + i, i & 1);
		time += times[i];
	}
	feed_entry(exits, time, 0, ARRAY_SIZE(times) + 1);
	report = build_report(exits, NULL);
	assert_int_equal(report_print_text(report, 0, out), 0);
	(void)fclose(out);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 120 && strncmp(line, "Warning", 7) != 0)
			fail_msg("%zu columns: %s", strlen(line), line);
	free(text);
	report_free(report);
	exits_free(exits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_give_both_times),
		cmocka_unit_test(vcpus_do_not_mix),
		cmocka_unit_test(a_trace_may_begin_and_end_anywhere),
		cmocka_unit_test(missing_halves_are_counted),
		cmocka_unit_test(pauses_are_cut_out),
		cmocka_unit_test(pairs_across_a_loss_give_no_time),
		cmocka_unit_test(two_streams_may_lose_at_once),
		cmocka_unit_test(keys_are_bounded),
		cmocka_unit_test(addresses_have_names),
		cmocka_unit_test(functions_are_found_behind_the_slide),
		cmocka_unit_test(a_wrong_vmlinux_is_told),
		cmocka_unit_test(counters_are_held_against_the_trace),
		cmocka_unit_test(kvms_count_needs_not_every_vcpu_to_run),
		cmocka_unit_test(an_empty_trace_makes_a_report),
		cmocka_unit_test(text_fits_in_120_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
