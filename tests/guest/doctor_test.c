/* SPDX-License-Identifier: MIT */
/*
 * The doctor on this host's KVM, whatever that is: its report must agree with itself and with what
 * a guest of our own shows.
 */
#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/guest/guest.h"
#include "vmm/doctor.h"

static json_t *report;
static int status;

static int run_doctor(void **state)
{
	_cleanup_free_ char *text = NULL;
	FILE *pipe = popen(DOCTOR " --json", "re");
	size_t size = 0;
	int r;

	(void)state;
	if (!pipe)
		return -1;
	if (getdelim(&text, &size, 0, pipe) < 0)
		free(TAKE_PTR(text));
	r = pclose(pipe);
	if (!WIFEXITED(r) || !text)
		return -1;
	status = WEXITSTATUS(r);
	report = json_loads(text, 0, NULL);
	return report ? 0 : -1;
}

static int forget_report(void **state)
{
	(void)state;
	json_decref(report);
	return 0;
}

static json_t *check_of(const char *id)
{
	json_t *check;
	size_t i;

	json_array_foreach(json_object_get(report, "checks"), i, check)
	{
		if (strcmp(json_string_value(json_object_get(check, "id")), id) == 0)
			return check;
	}
	fail_msg("no check '%s'", id);
	return NULL;
}

static bool verdict_is(const char *id, const char *verdict)
{
	return strcmp(json_string_value(json_object_get(check_of(id), "verdict")), verdict) == 0;
}

/* False if a check that @area needs failed or could not be made. */
static bool area_is_fine(const char *area)
{
	json_t *check;
	size_t i;

	json_array_foreach(json_object_get(report, "checks"), i, check)
	{
		const char *needed_for = json_string_value(json_object_get(check, "needed_for"));
		const char *verdict = json_string_value(json_object_get(check, "verdict"));

		if (needed_for && strcmp(needed_for, area) == 0 &&
		    (strcmp(verdict, "fail") == 0 || strcmp(verdict, "skip") == 0))
			return false;
	}
	return true;
}

static void checks_summary_and_exit_status_agree(void **state)
{
	static const struct {
		const char *area;
		int bit;
	} areas[] = {
		{ "run", DOCTOR_STATUS_NO_RUN },
		{ "debug", DOCTOR_STATUS_NO_DEBUG },
		{ "trace", DOCTOR_STATUS_NO_TRACE },
	};
	int seen = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
		json_t *said = json_object_get(json_object_get(report, "summary"), areas[i].area);

		assert_true(json_is_boolean(said));
		assert_int_equal(json_is_true(said), area_is_fine(areas[i].area));
		if (!json_is_true(said))
			seen |= areas[i].bit;
	}
	assert_int_equal(status, seen);
	assert_int_equal(json_integer_value(json_object_get(report, "status")), seen);
}

static void no_check_is_skipped_and_each_says_something(void **state)
{
	json_t *check;
	size_t i;

	(void)state;
	assert_true(json_array_size(json_object_get(report, "checks")) > 10);
	json_array_foreach(json_object_get(report, "checks"), i, check)
	{
		assert_string_not_equal(json_string_value(json_object_get(check, "verdict")),
					"skip");
		assert_true(json_string_length(json_object_get(check, "detail")) > 0);
		if (strcmp(json_string_value(json_object_get(check, "verdict")), "fail") == 0)
			assert_true(json_string_length(json_object_get(check, "mend")) > 0);
	}
}

static void the_speed_makes_its_verdict(void **state)
{
	double mips = json_number_value(
		json_object_get(json_object_get(check_of("speed"), "value"), "mips"));

	(void)state;
	assert_true(mips > 0);
	assert_int_equal(verdict_is("speed", "fail"), mips < 20);
}

PROBE_GUEST(breakpoint, "int3\n"
			"hlt\n");

static void a_breakpoint_of_our_own_agrees(void **state)
{
	const struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &breakpoint), 0);
	assert_int_equal(kvm_vcpu_set_guest_debug(&probe->vcpu, &debug), 0);
	assert_int_equal(probe_run(probe), 0);
	assert_int_equal(verdict_is("sw-breakpoint", "ok"), probe_is_debug(probe, PROBE_CODE));
}

PROBE_GUEST(one_out, "out %al, $" PROBE_STR(PROBE_PORT) "\n"
							"hlt\n");

static void the_rip_at_an_out_is_as_it_says(void **state)
{
	json_t *value = json_object_get(check_of("exit-rip"), "value");
	struct probe *probe = *state;

	assert_int_equal(probe_start(probe, &one_out), 0);
	guest_run(probe, KVM_EXIT_IO);
	assert_string_equal(json_string_value(json_object_get(value, "out")),
			    probe_rip(probe) == PROBE_CODE ? "current" : "next");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_summary_and_exit_status_agree),
		cmocka_unit_test(no_check_is_skipped_and_each_says_something),
		cmocka_unit_test(the_speed_makes_its_verdict),
		guest_test(a_breakpoint_of_our_own_agrees),
		guest_test(the_rip_at_an_out_is_as_it_says),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, run_doctor, forget_report);
}
