/* SPDX-License-Identifier: MIT */
/*
 * What libglassbox-trace.so exports: one symbol.  The text of all the event signatures stands
 * before the table, so that the loader refuses a provider made for other events or parameters
 * before it looks further.
 */
#ifndef GLASSBOX_TRACE_PROVIDER_H
#define GLASSBOX_TRACE_PROVIDER_H

#include "trace/trace.h"

#define TRACE_PROVIDER_SIGN(name, params, args) #name #params ";"
#define TRACE_PROVIDER_SIGNATURE                "1:" TRACE_EVENTS(TRACE_PROVIDER_SIGN)

struct trace_provider_export {
	const char *signature; /* TRACE_PROVIDER_SIGNATURE; first for ever */
	struct trace_provider provider;
};

#define TRACE_PROVIDER_SYMBOL "glassbox_trace_provider"
extern const struct trace_provider_export glassbox_trace_provider;

#endif
