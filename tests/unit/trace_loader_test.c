/* SPDX-License-Identifier: MIT */
/* The loader against a provider that is already in the process, ours here. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "tests/unit/cmocka_all.h"
#include "trace/loader.h"
#include "trace/provider.h"

static char signature[4096] = "1:exit(uint32_t vcpu);";
static int words[TRACE_EVENT_COUNT];
static uint32_t last_status;

static void keep_vm_stop(uint32_t status, const char *cause)
{
	(void)cause;
	last_status = status;
}

#define FAKE_ENABLED(name, params, args) [TRACE_EVENT_##name] = &words[TRACE_EVENT_##name],
__exported const struct trace_provider_export glassbox_trace_provider = {
	.signature = signature,
	.provider = { .enabled = { TRACE_EVENTS(FAKE_ENABLED) }, .vm_stop = keep_vm_stop },
};

static void a_provider_of_other_events_is_refused(void **state)
{
	struct error error = { 0 };

	(void)state;
	words[TRACE_EVENT_vm_stop] = 1;
	assert_int_equal(trace_load(TRACE_LOAD_PRELOADED, &error), -EPROTO);
	assert_non_null(strstr(error.message, "another build"));
	assert_int_equal(trace_load(TRACE_LOAD_PROVIDER, &error), -EPROTO);
	assert_false(trace_vm_stop_enabled());
}

static void a_provider_of_this_build_is_attached(void **state)
{
	struct error error = { 0 };

	(void)state;
	assert_true(sizeof(TRACE_PROVIDER_SIGNATURE) <= sizeof(signature));
	memcpy(signature, TRACE_PROVIDER_SIGNATURE, sizeof(TRACE_PROVIDER_SIGNATURE));
	words[TRACE_EVENT_vm_stop] = 1;
	assert_int_equal(trace_load(TRACE_LOAD_PRELOADED, &error), 0);
	trace_vm_stop(7, "test");
	assert_int_equal(last_status, 7);
}

static void a_request_to_record_needs_a_session(void **state)
{
	struct error error = { 0 };

	(void)state;
	words[TRACE_EVENT_vm_start] = 0;
	assert_int_equal(trace_load(TRACE_LOAD_RECORDING, &error), -ETIMEDOUT);
	words[TRACE_EVENT_vm_start] = 1;
	assert_int_equal(trace_load(TRACE_LOAD_RECORDING, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_provider_of_other_events_is_refused),
		cmocka_unit_test(a_provider_of_this_build_is_attached),
		cmocka_unit_test(a_request_to_record_needs_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
