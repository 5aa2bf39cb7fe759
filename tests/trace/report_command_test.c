/* SPDX-License-Identifier: MIT */
/* How glassbox-trace behaves: usage, failures, damaged traces; and its plugin in babeltrace2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/trace/report_fixture.h"

#define EXITS 20000u

/* The trace "long": several packets, four ports. */
static int make_long_trace(void **state)
{
	struct synthetic_item *items;
	size_t count = 0;

	if (make_dir(state) != 0)
		return -1;
	items = calloc(2 * EXITS, sizeof(*items));
	if (!items)
		return -1;
	for (unsigned i = 0; i < EXITS; i++) {
		items[count++] = entry_item(1000 + 2000 * (int64_t)i, 0, i + 1, "serial0");
		items[count++] = exit_item(2000 + 2000 * (int64_t)i, 0, i + 1, 0x3f8 + i % 4);
	}
	write_trace((struct synthetic_trace){ .pid = 1 }, "long", items, count);
	free(items);
	return 0;
}

static void failures_are_one_line(void **state)
{
	const struct synthetic_item items[] = { start_item(100), entry_item(200, 0, 1, "") };

	(void)state;
	run("%s report nowhere", GLASSBOX_TRACE);
	assert_failed(1, "cannot read the trace directory 'nowhere'");
	run("mkdir -p empty && %s report empty", GLASSBOX_TRACE);
	assert_failed(1, "'empty' holds no trace");
	run("mkdir -p bogus && echo nonsense >bogus/metadata && %s report bogus", GLASSBOX_TRACE);
	assert_failed(1, "bogus");
	WRITE("foreign", items, .foreign = true);
	run("%s report foreign", GLASSBOX_TRACE);
	assert_failed(1, "the trace has no glassbox events");
	assert_string_equal(last.out, "");
	WRITE("ours", items, .pid = 100);
	run("%s report --output missing/file ours", GLASSBOX_TRACE);
	assert_failed(1, "cannot write 'missing/file'");
	run("%s report ours >/dev/full", GLASSBOX_TRACE);
	assert_failed(1, "cannot write the report to standard output");
}

static void wrong_usage_is_status_2(void **state)
{
	(void)state;
	run("%s", GLASSBOX_TRACE);
	assert_failed(2, "Usage: glassbox-trace");
	run("%s dance", GLASSBOX_TRACE);
	assert_failed(2, "unknown command 'dance'");
	run("%s report", GLASSBOX_TRACE);
	assert_failed(2, "needs a trace directory");
	run("%s report one two", GLASSBOX_TRACE);
	assert_failed(2, "one trace directory");
	run("%s report --limit many dir", GLASSBOX_TRACE);
	assert_failed(2, "--limit must be a number");
	run("%s report --frobnicate dir", GLASSBOX_TRACE);
	assert_failed(2, "unrecognized option '--frobnicate'");
	run("%s --help && %s report --help && %s --version", GLASSBOX_TRACE, GLASSBOX_TRACE,
	    GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "--vmlinux=FILE"));
	assert_non_null(strstr(last.out, "glassbox-trace 0."));
}

static void a_damaged_trace_is_reported_as_far_as_it_goes(void **state)
{
	(void)state;
	/* Events that are none: in a packet behind the first ones. */
	run("cp -r long damaged && head -c 20000 /dev/zero | tr '\\0' '\\377' | "
	    "dd of=damaged/stream bs=1 seek=1000000 conv=notrunc status=none && "
	    "%s report damaged",
	    GLASSBOX_TRACE);
	assert_failed(1, "cannot read the trace to its end");
	assert_non_null(strstr(last.out, "the trace was not read to its end"));
	assert_non_null(strstr(last.out, "KVM_EXIT_IO"));
	/* babeltrace2 does not even open what is cut off within a packet. */
	run("cp -r long cut && truncate -s 1000000 cut/stream && %s report cut", GLASSBOX_TRACE);
	assert_failed(1, "it may be damaged or cut off");
	assert_string_equal(last.out, "");
}

static void rows_are_limited(void **state)
{
	(void)state;
	run("%s report --limit 1 long", GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "(3 more rows: "));
	run("%s report --limit 4 long", GLASSBOX_TRACE);
	assert_null(strstr(last.out, "more rows"));
}

static void babeltrace2_runs_the_plugin(void **state)
{
	(void)state;
	if (GLASSBOX_SANITIZED) {
		print_message("skipped: babeltrace2 cannot load a plugin with a sanitizer in it\n");
		skip();
	}
	run("BABELTRACE_PLUGIN_PATH=%s babeltrace2 long --component=sink.glassbox.exits >a && "
	    "%s report long >b && cmp a b",
	    GLASSBOX_PLUGIN_DIR, GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	/* Any ELF file with symbols will do to see that the parameters arrive. */
	run("BABELTRACE_PLUGIN_PATH=%s babeltrace2 long --component=sink.glassbox.exits "
	    "--params='vmlinux=\"%s\",format=\"json\",limit=3'",
	    GLASSBOX_PLUGIN_DIR, GLASSBOX_TRACE);
	assert_int_equal(last.status, 0);
	assert_non_null(strstr(last.out, "\"file\": \"" GLASSBOX_TRACE));
	assert_non_null(strstr(last.out, "\"omitted\": 1"));
	run("BABELTRACE_PLUGIN_PATH=%s babeltrace2 long --component=sink.glassbox.exits "
	    "--params='colour=1'",
	    GLASSBOX_PLUGIN_DIR);
	assert_int_not_equal(last.status, 0);
	assert_non_null(strstr(last.err, "unknown parameter 'colour'"));
}

/* Every long option of @help is in the file @path. */
static void check_options_in(const char *path, const char *help)
{
	static char text[1 << 16];
	unsigned count = 0;

	read_file(path, text, sizeof(text));
	for (const char *at = strstr(help, "--"); at; at = strstr(at + 2, "--")) {
		size_t length = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
		char option[64];

		if (length == 0)
			continue;
		/* mdoc splits the two hyphens. */
		(void)snprintf(option, sizeof(option), "-%.*s", (int)length, at + 2);
		if (!strstr(text, option))
			fail_msg("%s lacks -%s", path, option);
		count++;
	}
	assert_true(count >= 2);
}

static void every_option_is_documented(void **state)
{
	(void)state;
	run("%s --help && %s report --help", GLASSBOX_TRACE, GLASSBOX_TRACE);
	check_options_in(GLASSBOX_DOCS "/man/glassbox-trace.1", last.out);
	check_options_in(GLASSBOX_DOCS "/completion/glassbox-trace", last.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_are_one_line),
		cmocka_unit_test(wrong_usage_is_status_2),
		cmocka_unit_test(a_damaged_trace_is_reported_as_far_as_it_goes),
		cmocka_unit_test(rows_are_limited),
		cmocka_unit_test(babeltrace2_runs_the_plugin),
		cmocka_unit_test(every_option_is_documented),
	};

	return cmocka_run_group_tests(tests, make_long_trace, remove_dir);
}
