/* SPDX-License-Identifier: MIT */
/*
 * libglassbox-trace.so: the LTTng-UST provider `glassbox` behind the table of trace/trace.h.
 *
 * The generated probes of LTTng become this object's only by the two macros below, in this one
 * file. Its functions are called on the thread of the event, only while a session records it.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "trace/events.h"

#include "trace/provider.h"

#define UNWRAP(...) __VA_ARGS__

/* The caller has seen the event enabled, so the tracepoint's own test is not repeated. */
#define PROVIDER_RECORD(name, params, args)                                                        \
	static void record_##name params                                                           \
	{                                                                                          \
		lttng_ust_do_tracepoint(glassbox, name, UNWRAP args);                              \
	}
TRACE_EVENTS(PROVIDER_RECORD)

#define PROVIDER_ENABLED(name, params, args)                                                       \
	[TRACE_EVENT_##name] = &lttng_ust_tracepoint_glassbox___##name.state,
#define PROVIDER_FUNCTION(name, params, args) .name = record_##name,

__exported const struct trace_provider_export glassbox_trace_provider = {
	.signature = TRACE_PROVIDER_SIGNATURE,
	.provider = { .enabled = { TRACE_EVENTS(PROVIDER_ENABLED) },
		      TRACE_EVENTS(PROVIDER_FUNCTION) },
};
