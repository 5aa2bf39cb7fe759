/* SPDX-License-Identifier: MIT */
/*
 * The component class sink.glassbox.exits: reads messages, and at the end writes the report.
 *
 * Parameters, all optional: vmlinux (string), format ("text" or "json"), output (string: a file,
 * standard output without it), limit (unsigned: rows of each table, 0 for all), progress (boolean:
 * say on standard error how far it is, once two seconds went by).
 *
 * If the graph ends early (interrupted, or the trace is damaged) the report covers what was read
 * and says so.
 */
#ifndef GLASSBOX_TOOLS_TRACE_EXITS_SINK_H
#define GLASSBOX_TOOLS_TRACE_EXITS_SINK_H

#include <babeltrace2/babeltrace.h>

bt_component_class_initialize_method_status exits_sink_initialize(
	bt_self_component_sink *self, bt_self_component_sink_configuration *config,
	const bt_value *params, void *data);

bt_component_class_sink_graph_is_configured_method_status exits_sink_graph_is_configured(
	bt_self_component_sink *self);

bt_component_class_sink_consume_method_status exits_sink_consume(bt_self_component_sink *self);

void exits_sink_finalize(bt_self_component_sink *self);

#endif
