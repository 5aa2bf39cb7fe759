/* SPDX-License-Identifier: MIT */
/*
 * A Babeltrace graph over the traces of a directory: source.ctf.fs, flt.utils.muxer and one sink of
 * our plugin.  One thread.
 */
#ifndef GLASSBOX_TOOLS_TRACE_TRACE_GRAPH_H
#define GLASSBOX_TOOLS_TRACE_TRACE_GRAPH_H

#include <babeltrace2/babeltrace.h>

#include "base/error.h"
#include "tools/trace/discover.h"

/**
 * trace_graph_run() - read @traces to their end through a sink
 * @traces: those of one logical trace (rotated, say) are joined
 * @sink: name of the component class in our plugin
 * @params: its parameters
 *
 * SIGINT and SIGTERM end it early.  Return: 0; -EINTR; or -errno.  @error is set on failure.
 */
int trace_graph_run(const struct discovered *traces, const char *sink, const bt_value *params,
		    struct error *error) __must_check;

#endif
