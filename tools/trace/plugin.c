/* SPDX-License-Identifier: MIT */
/* The babeltrace2 plugin "glassbox": babeltrace-plugin-glassbox.so. */
#include <babeltrace2/babeltrace.h>

#include "tools/trace/exits_sink.h"

BT_PLUGIN_MODULE();

BT_PLUGIN(glassbox);
BT_PLUGIN_DESCRIPTION("Analyses of Glassbox traces");
BT_PLUGIN_LICENSE("MIT");

BT_PLUGIN_SINK_COMPONENT_CLASS(exits, exits_sink_consume);
BT_PLUGIN_SINK_COMPONENT_CLASS_DESCRIPTION(
	exits, "Report VM exits: counts and latencies by reason, address, vCPU and function.");
BT_PLUGIN_SINK_COMPONENT_CLASS_HELP(exits, "See glassbox-trace(1).");
BT_PLUGIN_SINK_COMPONENT_CLASS_INITIALIZE_METHOD(exits, exits_sink_initialize);
BT_PLUGIN_SINK_COMPONENT_CLASS_GRAPH_IS_CONFIGURED_METHOD(exits, exits_sink_graph_is_configured);
BT_PLUGIN_SINK_COMPONENT_CLASS_FINALIZE_METHOD(exits, exits_sink_finalize);
