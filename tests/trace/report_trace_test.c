/* SPDX-License-Identifier: MIT */
/* The numbers of glassbox-trace report, held against what the test works out by itself. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/trace/report_fixture.h"

#define EXITS 20000u
#define PORTS 4u

/* The report on @name as JSON, which the caller owns. */
static json_t *json_report(const char *name)
{
	json_error_t error;
	json_t *document;

	run("%s report --limit 0 --json %s", GLASSBOX_TRACE, name);
	if (last.status != 0)
		fail_msg("status %d: %s", last.status, last.err);
	document = json_loads(last.out, 0, &error);
	if (!document)
		fail_msg("line %d: %s", error.line, error.text);
	assert_string_equal(json_string_value(json_object_get(document, "schema")),
			    "glassbox.exits");
	assert_int_equal(json_integer_value(json_object_get(document, "version")), 1);
	return document;
}

static json_t *machine_of(json_t *document, size_t index)
{
	json_t *machine = json_array_get(json_object_get(document, "machines"), index);

	assert_non_null(machine);
	return machine;
}

/* The number at a path like "quality.unmatched.at_end". */
static int64_t number_at(json_t *json, const char *path)
{
	char copy[128], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *name = strtok_r(copy, ".", &save); name; name = strtok_r(NULL, ".", &save))
		json = json_object_get(json, name);
	if (!json_is_integer(json))
		fail_msg("no number '%s'", path);
	return json_integer_value(json);
}

static bool has_warning(json_t *machine, const char *words)
{
	json_t *warnings = json_object_get(machine, "warnings");

	for (size_t i = 0; i < json_array_size(warnings); i++)
		if (strstr(json_string_value(json_array_get(warnings, i)), words))
			return true;
	return false;
}

/* Latencies kept for an exact sort. */
struct samples {
	uint64_t vmm[EXITS], guest[EXITS];
	size_t vmm_count, guest_count, exits;
};

static int compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void check_latency(json_t *latency, uint64_t *values, size_t count)
{
	static const struct {
		const char *name;
		unsigned basis_points;
	} shares[] = { { "p50", 5000 }, { "p90", 9000 }, { "p99", 9900 }, { "p999", 9990 } };
	uint64_t sum = 0;

	qsort(values, count, sizeof(*values), compare_values);
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	assert_int_equal(number_at(latency, "count"), count);
	assert_int_equal(number_at(latency, "sum"), sum);
	assert_int_equal(number_at(latency, "min"), values[0]);
	assert_int_equal(number_at(latency, "max"), values[count - 1]);
	for (unsigned i = 0; i < ARRAY_SIZE(shares); i++) {
		double exact = (double)values[(count * shares[i].basis_points + 9999) / 10000 - 1];
		double found = (double)number_at(latency, shares[i].name);

		if (fabs(found - exact) > exact / 100)
			fail_msg("%s: %f, exactly %f", shares[i].name, found, exact);
	}
}

static void check_row(json_t *row, struct samples *samples)
{
	assert_int_equal(number_at(row, "exits"), samples->exits);
	check_latency(json_object_get(row, "vmm_time"), samples->vmm, samples->vmm_count);
	check_latency(json_object_get(row, "guest_time"), samples->guest, samples->guest_count);
}

/* Two vCPUs in turn; each exit takes long or short by chance. */
static struct synthetic_item *make_long_trace(struct samples *all, struct samples *ports,
					      size_t *ret_count)
{
	struct synthetic_item *items = calloc(4 * EXITS, sizeof(*items));
	uint64_t random = 42;
	int64_t time = 1000;
	size_t count = 0;

	assert_non_null(items);
	items[count++] = start_item(time);
	for (unsigned i = 0; i < EXITS; i++) {
		uint32_t vcpu = i / (EXITS / 2);
		uint64_t seq = i % (EXITS / 2) + 1;
		struct samples *port;
		uint64_t guest, vmm;

		random = random * 6364136223846793005u + 1442695040888963407u;
		guest = (random >> 40) % 100000;
		vmm = (random >> 20) % 1000 ? 5000 + (random >> 30) % 3000 : 4000000;
		port = &ports[(random >> 60) % PORTS];
		items[count++] = entry_item(time, vcpu, seq, seq == 1 ? "" : "serial0");
		time += (int64_t)guest;
		items[count++] = exit_item(time, vcpu, seq, 0x3f8 + (uint64_t)(port - ports));
		time += (int64_t)vmm;
		all->exits++;
		port->exits++;
		all->guest[all->guest_count++] = guest;
		port->guest[port->guest_count++] = guest;
		/* The last exit of a vCPU is followed by no entry. */
		if (seq == EXITS / 2)
			continue;
		all->vmm[all->vmm_count++] = vmm;
		port->vmm[port->vmm_count++] = vmm;
	}
	items[count++] = counters_item(time, 0, EXITS / 2, 4 * EXITS);
	items[count++] = counters_item(time, 1, EXITS / 2, 4 * EXITS);
	items[count++] = stop_item(time);
	*ret_count = count;
	return items;
}

static void numbers_are_those_of_the_trace(void **state)
{
	struct samples *all = calloc(1, sizeof(*all)), *ports = calloc(PORTS, sizeof(*ports));
	struct synthetic_item *items;
	json_t *document, *machine, *rows, *row;
	size_t count, i;

	(void)state;
	assert_true(all && ports);
	items = make_long_trace(all, ports, &count);
	write_trace((struct synthetic_trace){ .pid = 4711 }, "long", items, count);
	document = json_report("long");
	machine = machine_of(document, 0);
	assert_string_equal(json_string_value(json_object_get(machine, "machine")),
			    "process 4711 on lab");
	assert_int_equal(number_at(machine, "quality.events"), count);
	assert_int_equal(number_at(machine, "quality.lost_events"), 0);
	assert_int_equal(number_at(machine, "quality.unmatched.at_start"), 0);
	assert_int_equal(number_at(machine, "quality.unmatched.at_end"), 2);
	assert_int_equal(number_at(machine, "quality.unmatched.in_between"), 0);
	assert_int_equal(number_at(machine, "counters.vmm_exits"), EXITS);
	assert_true(json_is_true(json_object_get(json_object_get(machine, "counters"), "equal")));
	assert_int_equal(number_at(machine, "counters.kvm_exits"), 8 * EXITS);
	assert_int_equal(json_array_size(json_object_get(machine, "warnings")), 0);
	check_row(json_object_get(machine, "all"), all);
	rows = json_object_get(json_object_get(machine, "by_address"), "rows");
	assert_int_equal(json_array_size(rows), PORTS);
	json_array_foreach(rows, i, row)
	{
		const char *address = json_string_value(json_object_get(row, "address"));

		check_row(row, &ports[strtoul(address, NULL, 16) - 0x3f8]);
		assert_string_equal(json_string_value(json_object_get(row, "device")), "serial0");
	}
	json_decref(document);
	free(items);
	free(all);
	free(ports);
}

static void text_says_the_same(void **state)
{
	const struct synthetic_item items[] = { start_item(1000),
						entry_item(2000, 0, 1, ""),
						exit_item(3000, 0, 1, 0x3f8),
						entry_item(10500, 0, 2, "serial0"),
						exit_item(12000, 0, 2, 0x3f8),
						counters_item(13000, 0, 2, 8),
						stop_item(14000) };

	(void)state;
	WRITE("text", items, .pid = 100);
	run("%s report text", GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_string_equal(last.err, "");
	assert_non_null(
		strstr(last.out, "Guest      glassbox 0.1.0, 2 vCPUs, 256 MiB, kernel " KERNEL));
	assert_non_null(strstr(last.out, "Duration   13.0us, ended with status 0: power-off"));
	assert_non_null(strstr(last.out, "7 read, 0 events lost"));
	assert_non_null(strstr(last.out, "2 to the VMM; the VMM's own count is equal"));
	assert_non_null(strstr(last.out, "25.0 % of KVM's 8 exits"));
	assert_non_null(strstr(last.out, "\nKVM_EXIT_IO "));
	assert_non_null(strstr(last.out, "\nserial0 0x3f8 w "));
	assert_non_null(strstr(last.out, "7.50us"));
	/* To a file: the same, and nothing on standard output. */
	run("%s report text >expected && %s report --output report.txt text && "
	    "cmp expected report.txt",
	    GLASSBOX_TRACE, GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_string_equal(last.out, "");
}

static void losses_are_told(void **state)
{
	const struct synthetic_item items[] = {
		start_item(1000),
		entry_item(2000, 0, 1, ""),
		exit_item(3000, 0, 1, 0x3f8), /* whole */
		{ .lost = 17 },
		entry_item(9000, 0, 2, "serial0"), /* VMM time of exit 1 is not to be had */
		exit_item(9500, 0, 2, 0x3f8),
		entry_item(9700, 0, 3, "serial0"),
		{ .lost = 4 },
		entry_item(20000, 0, 6, "serial0"), /* guest time of exit 3 neither */
		exit_item(20300, 0, 6, 0x3f8),      /* whole again */
		stop_item(30000),
	};
	json_t *document, *machine;

	(void)state;
	WRITE("loss", items, .pid = 100);
	document = json_report("loss");
	machine = machine_of(document, 0);
	assert_int_equal(number_at(machine, "quality.lost_events"), 21);
	assert_int_equal(number_at(machine, "quality.unmatched.across_loss"), 1);
	assert_int_equal(number_at(machine, "quality.unmatched.in_between"), 1);
	assert_int_equal(number_at(machine, "all.vmm_time.count"), 1);
	assert_int_equal(number_at(machine, "all.vmm_time.sum"), 200);
	assert_int_equal(number_at(machine, "all.guest_time.sum"), 1000 + 500 + 300);
	assert_true(has_warning(machine, "lost events"));
	json_decref(document);
}

static void a_rotated_trace_is_one(void **state)
{
	const struct synthetic_item one[] = { entry_item(200, 0, 1, ""),
					      exit_item(300, 0, 1, 0x3f8) };
	const struct synthetic_item two[] = { entry_item(400, 0, 2, "serial0"),
					      exit_item(500, 0, 2, 0x3f8) };
	json_t *document;

	(void)state;
	run("mkdir -p rotated/archives");
	WRITE("rotated/archives/1", one, .pid = 1, .joined = true);
	WRITE("rotated/archives/2", two, .pid = 1, .joined = true);
	document = json_report("rotated");
	assert_int_equal(json_array_size(json_object_get(document, "machines")), 1);
	assert_int_equal(number_at(machine_of(document, 0), "quality.events"), 4);
	assert_int_equal(number_at(machine_of(document, 0), "all.vmm_time.sum"), 100);
	json_decref(document);
}

/* A loss in one stream lasts to the next packet there, and concerns the vCPUs of the others too. */
static void a_loss_concerns_all_streams(void **state)
{
	const struct synthetic_item quiet[] = {
		entry_item(100, 0, 1, ""),  exit_item(200, 0, 1, 1), /* before */
		exit_item(1500, 0, 1, 1),   /* inside: no pair, the number repeats */
		entry_item(1600, 0, 2, ""), /* inside as a whole */
		exit_item(2500, 0, 2, 1),   /* begins inside */
		entry_item(2700, 0, 3, ""), /* behind */
	};
	const struct synthetic_item lossy[] = { entry_item(1000, 1, 1, ""),
						{ .lost = 9 },
						entry_item(2000, 1, 7, ""),
						exit_item(9000, 1, 7, 1) };
	json_t *document, *machine;

	(void)state;
	run("mkdir -p streams");
	WRITE("streams/0", quiet, .pid = 1, .joined = true, .stream = 0);
	WRITE("streams/1", lossy, .pid = 1, .joined = true, .stream = 1);
	document = json_report("streams");
	machine = machine_of(document, 0);
	assert_int_equal(json_array_size(json_object_get(document, "machines")), 1);
	assert_int_equal(number_at(machine, "quality.lost_events"), 9);
	assert_int_equal(number_at(machine, "quality.unmatched.across_loss"), 2);
	assert_int_equal(number_at(machine, "all.guest_time.sum"), 100 + 7000);
	assert_int_equal(number_at(machine, "all.vmm_time.sum"), 200);
	json_decref(document);
}

static void processes_are_kept_apart(void **state)
{
	const struct synthetic_item one[] = { start_item(100), entry_item(200, 0, 1, ""),
					      exit_item(300, 0, 1, 0x3f8),
					      entry_item(400, 0, 2, "serial0") };
	const struct synthetic_item two[] = { start_item(150), entry_item(250, 0, 1, ""),
					      exit_item(450, 0, 1, 0x80),
					      entry_item(500, 0, 2, "") };
	const struct synthetic_item noise[] = {
		start_item(120), entry_item(220, 0, 1, ""), { .lost = 3 }, entry_item(330, 0, 2, "")
	};
	json_t *document;

	(void)state;
	run("mkdir -p many/ust/pid/deep");
	WRITE("many/ust/pid/one", one, .pid = 1);
	WRITE("many/ust/pid/deep/two", two, .pid = 2);
	/* Another program's trace, with a loss of its own, in the same directory. */
	WRITE("many/noise", noise, .foreign = true);
	document = json_report("many");
	assert_int_equal(json_array_size(json_object_get(document, "machines")), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *machine = machine_of(document, i);

		assert_int_equal(number_at(machine, "all.exits"), 1);
		assert_int_equal(number_at(machine, "all.vmm_time.sum"), i == 0 ? 100 : 50);
		assert_int_equal(number_at(machine, "quality.lost_events"), 0);
		assert_int_equal(number_at(machine, "quality.events"), 4);
	}
	json_decref(document);
}

static void machines_that_share_buffers(void **state)
{
	struct synthetic_item items[] = {
		start_item(100),           start_item(110),           entry_item(200, 0, 1, ""),
		entry_item(210, 0, 1, ""), exit_item(300, 0, 1, 1),   exit_item(320, 0, 1, 2),
		entry_item(330, 0, 2, ""), entry_item(340, 0, 2, ""),
	};
	const struct synthetic_item again[] = { start_item(100),         entry_item(200, 0, 1, ""),
						exit_item(300, 0, 1, 1), stop_item(400),
						start_item(500),         entry_item(600, 0, 1, ""),
						exit_item(700, 0, 1, 2), stop_item(800) };
	json_t *document;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(items); i++)
		items[i].pid = 50 + i % 2;
	/* The context tells them apart... */
	WRITE("shared", items, .pid_context = true);
	document = json_report("shared");
	assert_int_equal(json_array_size(json_object_get(document, "machines")), 2);
	assert_int_equal(number_at(machine_of(document, 0), "all.vmm_time.sum"), 30);
	assert_int_equal(number_at(machine_of(document, 1), "all.vmm_time.sum"), 20);
	json_decref(document);
	/* ...without it that cannot be done, and is said. */
	WRITE("mixed", items, .pid = 0);
	document = json_report("mixed");
	assert_true(has_warning(machine_of(document, 0), "cannot be told apart"));
	json_decref(document);
	/* One after the other they are two in any case. */
	WRITE("again", again, .pid = 0);
	document = json_report("again");
	assert_int_equal(json_array_size(json_object_get(document, "machines")), 2);
	assert_int_equal(number_at(machine_of(document, 1), "all.exits"), 1);
	json_decref(document);
}

static void fields_may_be_missing(void **state)
{
	const struct synthetic_item items[] = { start_item(100), entry_item(200, 0, 1, ""),
						exit_item(300, 0, 1, 0x3f8),
						entry_item(400, 0, 2, "serial0") };
	json_t *document;

	(void)state;
	/* Without RIP there still is a report... */
	WRITE("norip", items, .omit = "rip");
	document = json_report("norip");
	assert_int_equal(number_at(machine_of(document, 0), "all.vmm_time.sum"), 100);
	json_decref(document);
	/* ...without sequence numbers exits and entries say nothing. */
	WRITE("noseq", items, .omit = "seq");
	run("%s report noseq", GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "no exit events"));
	assert_non_null(strstr(last.out, "3 glassbox events were of no use"));
}

static void names_by_vmlinux(void **state)
{
	struct synthetic_item items[] = { start_item(100), entry_item(200, 0, 1, ""),
					  exit_item(300, 0, 1, 0x3f8), entry_item(400, 0, 2, ""),
					  stop_item(500) };

	(void)state;
	/* A kernel of one function, linked at 0x1000, of 16 bytes; the exit is its last. */
	run("printf '.globl kernel_fn\\n.type kernel_fn, @function\\nkernel_fn: .skip 16, 0x90\\n"
	    ".size kernel_fn, 16\\n.globl next_fn\\n.type next_fn, @function\\n"
	    "next_fn: .skip 16, 0x90\\n.size next_fn, 16\\n' >k.s && "
	    "cc -c -o k.o k.s && ld -Ttext=0x1000 -e 0x1000 -o vmlinux k.o && "
	    "strip -o stripped vmlinux");
	assert_int_equal(last.status, 0);
	items[2].record.exit.rip = SLIDE + 0x1010;
	WRITE("named", items, .pid = 100);
	run("%s report --vmlinux vmlinux named", GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "\nkernel_fn "));
	assert_null(strstr(last.out, "next_fn"));
	assert_non_null(strstr(last.out, "1 of 1 exits are in its functions"));
	items[2].record.exit.rip = SLIDE + 0x5000;
	WRITE("unnamed", items, .pid = 100);
	run("%s report --vmlinux vmlinux unnamed", GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "does not seem to be the guest's kernel"));
	run("%s report --vmlinux stripped named", GLASSBOX_TRACE);
	assert_failed(1, "'stripped' has no symbols");
	run("%s report --vmlinux k.s named", GLASSBOX_TRACE);
	assert_failed(1, "'k.s' is not an ELF file");
	run("%s report --vmlinux missing named", GLASSBOX_TRACE);
	assert_failed(1, "cannot open 'missing'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_trace),
		cmocka_unit_test(text_says_the_same),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(a_rotated_trace_is_one),
		cmocka_unit_test(a_loss_concerns_all_streams),
		cmocka_unit_test(processes_are_kept_apart),
		cmocka_unit_test(machines_that_share_buffers),
		cmocka_unit_test(fields_may_be_missing),
		cmocka_unit_test(names_by_vmlinux),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
