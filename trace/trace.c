/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

static const int never;

/* Written once by trace_attach() before the first thread starts, only read after. */
#define TRACE_NEVER(name, params, args) [TRACE_EVENT_##name] = &never,
struct trace_provider trace_provider = { .enabled = { TRACE_EVENTS(TRACE_NEVER) } };
#undef TRACE_NEVER

void trace_attach(const struct trace_provider *provider)
{
	trace_provider = *provider;
}
