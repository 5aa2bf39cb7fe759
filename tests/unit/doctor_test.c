/* SPDX-License-Identifier: MIT */
/* The doctor's report and command line, and what it says of a host without KVM. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/doctor.h"
#include "vmm/doctor_check.h"

static const struct doctor_check run_check = { .id = "a", .title = "A", .area = DOCTOR_AREA_RUN };
static const struct doctor_check debug_check = { .id = "b",
						 .title = "B",
						 .area = DOCTOR_AREA_DEBUG };
static const struct doctor_check trace_check = { .id = "c",
						 .title = "C",
						 .area = DOCTOR_AREA_TRACE };
static const struct doctor_check other_check = { .id = "d", .title = "D" };

static void failures_and_skips_of_needed_checks_make_the_status(void **state)
{
	struct doctor_report reports[] = {
		{ .check = &run_check },
		{ .check = &debug_check },
		{ .check = &trace_check },
		{ .check = &other_check },
	};

	(void)state;
	assert_int_equal(doctor_status(reports, 4), 0);
	reports[0].result.verdict = reports[3].result.verdict = DOCTOR_WARN;
	assert_int_equal(doctor_status(reports, 4), 0);
	reports[3].result.verdict = DOCTOR_FAIL;
	assert_int_equal(doctor_status(reports, 4), 0);
	reports[1].result.verdict = DOCTOR_SKIP;
	assert_int_equal(doctor_status(reports, 4), DOCTOR_STATUS_NO_DEBUG);
	reports[0].result.verdict = reports[2].result.verdict = DOCTOR_FAIL;
	assert_int_equal(doctor_status(reports, 4),
			 DOCTOR_STATUS_NO_RUN | DOCTOR_STATUS_NO_DEBUG | DOCTOR_STATUS_NO_TRACE);
}

static void text_has_verdict_detail_and_mend(void **state)
{
	struct doctor_report report = { .check = &debug_check };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	doctor_say(&report.result, DOCTOR_FAIL, "%d wrong", 3);
	doctor_mend(&report.result, "do %s", "this");
	doctor_print(out, &report, 1, false);
	doctor_print(out, &report, 1, true);
	(void)fclose(out);
	assert_ptr_equal(strstr(text, "FAIL  B "), text);
	assert_non_null(strstr(text, " 3 wrong\n        to mend it: do this\n"));
	assert_non_null(strstr(text, "Guests can NOT be debugged.\n"));
	assert_non_null(strstr(text, "Guests can be traced.\n"));
	assert_non_null(strstr(text, "\033[1;31mFAIL\033[0m"));
}

static json_t *print_and_parse(const struct doctor_report *reports, unsigned nr)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(doctor_print_json(out, "/dev/kvm", reports, nr), 0);
	(void)fclose(out);
	return json_loads(text, 0, NULL);
}

static void json_has_everything(void **state)
{
	struct doctor_report reports[] = { { .check = &trace_check }, { .check = &other_check } };
	const char *id, *verdict, *needed_for, *detail, *mend;
	int version, status, run, trace, seven;
	json_t *json, *first;

	(void)state;
	doctor_say(&reports[0].result, DOCTOR_FAIL, "it is \"so\"");
	doctor_mend(&reports[0].result, "mend it");
	reports[0].result.value = json_pack("{si}", "seven", 7);
	json = print_and_parse(reports, ARRAY_SIZE(reports));
	assert_non_null(json);
	assert_int_equal(json_unpack(json, "{si si s{sb sb}}", "version", &version, "status",
				     &status, "summary", "run", &run, "trace", &trace),
			 0);
	assert_int_equal(version, 1);
	assert_int_equal(status, DOCTOR_STATUS_NO_TRACE);
	assert_true(run);
	assert_false(trace);
	first = json_array_get(json_object_get(json, "checks"), 0);
	assert_int_equal(json_unpack(first, "{ss ss ss ss ss s{si}}", "id", &id, "verdict",
				     &verdict, "needed_for", &needed_for, "detail", &detail, "mend",
				     &mend, "value", "seven", &seven),
			 0);
	assert_string_equal(id, "c");
	assert_string_equal(verdict, "fail");
	assert_string_equal(needed_for, "trace");
	assert_string_equal(detail, "it is \"so\"");
	assert_string_equal(mend, "mend it");
	assert_int_equal(seven, 7);
	first = json_array_get(json_object_get(json, "checks"), 1);
	assert_true(json_is_null(json_object_get(first, "needed_for")));
	assert_true(json_is_null(json_object_get(first, "mend")));
	assert_true(json_is_null(json_object_get(first, "value")));
	json_decref(json);
	json_decref(reports[0].result.value);
}

/* The exit status of a shell command that runs the doctor; its output in @ret_text, if wanted. */
static int run_doctor(const char *command, char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	FILE *pipe = popen(command, "re");
	size_t size = 0;
	int status;

	assert_non_null(pipe);
	if (getdelim(&text, &size, 0, pipe) < 0)
		free(TAKE_PTR(text));
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	if (ret_text)
		*ret_text = TAKE_PTR(text);
	return WEXITSTATUS(status);
}

static const json_t *find_check(const json_t *json, const char *id)
{
	const json_t *checks = json_object_get(json, "checks"), *check;
	size_t i;

	json_array_foreach(checks, i, check)
	{
		const char *found = json_string_value(json_object_get(check, "id"));

		if (found && strcmp(found, id) == 0)
			return check;
	}
	fail_msg("no check '%s'", id);
	return NULL;
}

static const char *verdict_of(const json_t *json, const char *id)
{
	return json_string_value(json_object_get(find_check(json, id), "verdict"));
}

static void without_a_device_nothing_runs(void **state)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;
	int status, run, debug;

	(void)state;
	status = run_doctor(DOCTOR " --json --kvm=/nonexistent/kvm", &text);
	assert_int_equal(status & ~DOCTOR_STATUS_NO_TRACE,
			 DOCTOR_STATUS_NO_RUN | DOCTOR_STATUS_NO_DEBUG);
	json = json_loads(text, 0, NULL);
	assert_int_equal(json_unpack(json, "{s{sb sb}}", "summary", "run", &run, "debug", &debug),
			 0);
	assert_false(run);
	assert_false(debug);
	assert_string_equal(verdict_of(json, "device"), "fail");
	assert_string_equal(verdict_of(json, "speed"), "skip");
	assert_string_equal(verdict_of(json, "sw-breakpoint"), "skip");
	assert_true(json_is_string(json_object_get(find_check(json, "device"), "mend")));
	json_decref(json);
}

static void a_device_that_is_not_kvm_fails(void **state)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;

	(void)state;
	assert_int_equal(run_doctor(DOCTOR " --json --kvm=/dev/null", &text) & DOCTOR_STATUS_NO_RUN,
			 DOCTOR_STATUS_NO_RUN);
	json = json_loads(text, 0, NULL);
	assert_string_equal(verdict_of(json, "device"), "ok");
	assert_string_equal(verdict_of(json, "capabilities"), "fail");
	assert_string_equal(verdict_of(json, "step"), "skip");
	json_decref(json);
}

static void programs_are_found_by_path(void **state)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;

	(void)state;
	(void)run_doctor("PATH=/nonexistent " DOCTOR " --json --kvm=/nonexistent/kvm", &text);
	json = json_loads(text, 0, NULL);
	assert_string_equal(verdict_of(json, "trace-reader"), "warn");
	/* It warns if a session daemon runs on this host. */
	assert_string_not_equal(verdict_of(json, "trace-daemon"), "ok");
	json_decref(json);
}

/* Root has /run instead; so not as root. */
#define AS_NOBODY    "setpriv --reuid=65534 --regid=65534 --clear-groups "
#define WITHOUT_HOME "env LTTNG_HOME=/nonexistent " DOCTOR " --json --kvm=/nonexistent/kvm"

static void lttng_home_must_be_writable(void **state)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;

	(void)state;
	/* A checkout in somebody's private folder. */
	if (getuid() == 0 && system(AS_NOBODY "test -x " PROGRAM) != 0) {
		print_message("only root may run " PROGRAM "\n");
		skip();
	}
	(void)run_doctor(getuid() == 0 ? AS_NOBODY WITHOUT_HOME : WITHOUT_HOME, &text);
	json = json_loads(text, 0, NULL);
	assert_string_equal(verdict_of(json, "trace-daemon"), "fail");
	assert_non_null(
		strstr(json_string_value(json_object_get(find_check(json, "trace-daemon"), "mend")),
		       "LTTNG_HOME"));
	json_decref(json);
}

static void the_command_line_is_checked(void **state)
{
	_cleanup_free_ char *help = NULL;

	(void)state;
	assert_int_equal(run_doctor(DOCTOR " --nonsense 2>&1", NULL), DOCTOR_STATUS_USAGE);
	assert_int_equal(run_doctor(DOCTOR " nonsense 2>&1", NULL), DOCTOR_STATUS_USAGE);
	assert_int_equal(run_doctor(DOCTOR " --help", &help), 0);
	assert_non_null(strstr(help, "--json"));
	assert_non_null(strstr(help, "32 (0x20)"));
	assert_int_equal(run_doctor(DOCTOR " --kvm=/nonexistent 2>&1 >/dev/full", NULL),
			 DOCTOR_STATUS_FAILURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_and_skips_of_needed_checks_make_the_status),
		cmocka_unit_test(text_has_verdict_detail_and_mend),
		cmocka_unit_test(json_has_everything),
		cmocka_unit_test(without_a_device_nothing_runs),
		cmocka_unit_test(a_device_that_is_not_kvm_fails),
		cmocka_unit_test(programs_are_found_by_path),
		cmocka_unit_test(lttng_home_must_be_writable),
		cmocka_unit_test(the_command_line_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
