/* SPDX-License-Identifier: MIT */
/* Finding plugins, wiring components, running them, and putting Babeltrace's errors in one line. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/trace/trace_graph.h"

#define PLUGIN_FILE "babeltrace-plugin-glassbox.so"
#define AGAIN_US    100000

/* For the signal handler, which can be given nothing.  Owned, and kept: see run(). */
static bt_interrupter *interrupter;

static void cleanup_plugin(const bt_plugin **plugin)
{
	bt_plugin_put_ref(*plugin);
}

static void cleanup_graph(bt_graph **graph)
{
	bt_graph_put_ref(*graph);
}

static void cleanup_value(bt_value **value)
{
	bt_value_put_ref(*value);
}

#define _cleanup_plugin_ _cleanup_(cleanup_plugin)
#define _cleanup_graph_  _cleanup_(cleanup_graph)
#define _cleanup_value_  _cleanup_(cleanup_value)

/*
 * Put what Babeltrace has to say into @error: the first cause is the one next to the fault.  Our
 * own sink speaks for itself, others need to be introduced.
 */
static int take_error(struct error *error, const char *what)
{
	const bt_error *bt_error = bt_current_thread_take_error();
	const bt_error_cause *cause;
	const char *plugin = NULL;
	int r;

	if (!bt_error)
		return error_set(error, -EIO, "%s", what);
	cause = bt_error_borrow_cause_by_index(bt_error, 0);
	if (bt_error_cause_get_actor_type(cause) == BT_ERROR_CAUSE_ACTOR_TYPE_COMPONENT)
		plugin = bt_error_cause_component_actor_get_plugin_name(cause);
	if (plugin && strcmp(plugin, "glassbox") == 0)
		r = error_set(error, -EIO, "%s", bt_error_cause_get_message(cause));
	else
		r = error_set(error, -EIO, "%s: %s", what, bt_error_cause_get_message(cause));
	/* Some of Babeltrace's messages are several sentences in several lines. */
	if (error)
		error->message[strcspn(error->message, "\n")] = '\0';
	bt_error_release(bt_error);
	return r;
}

/* The plugin in the file @path, or NULL. */
static const bt_plugin *load_plugin_file(const char *path)
{
	const bt_plugin_set *set;
	const bt_plugin *plugin = NULL;

	if (access(path, R_OK) < 0)
		return NULL;
	if (bt_plugin_find_all_from_file(path, BT_FALSE, &set) ==
	    BT_PLUGIN_FIND_ALL_FROM_FILE_STATUS_OK) {
		plugin = bt_plugin_set_borrow_plugin_by_index_const(set, 0);
		bt_plugin_get_ref(plugin);
		bt_plugin_set_put_ref(set);
	}
	bt_current_thread_clear_error();
	return plugin;
}

/*
 * Ours stands beside the program: ../lib in a build tree, babeltrace2's directory once installed.
 */
static int find_own_plugin(const bt_plugin **ret_plugin, struct error *error)
{
	static const char *const places[] = { "../lib", GLASSBOX_PLUGIN_DIR_RELATIVE };
	char program[PATH_MAX], path[PATH_MAX + 256];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (length > 0) {
		program[length] = '\0';
		slash = strrchr(program, '/');
		if (slash)
			*slash = '\0';
		for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
			(void)snprintf(path, sizeof(path), "%s/%s/%s", program, places[i],
				       PLUGIN_FILE);
			*ret_plugin = load_plugin_file(path);
			if (*ret_plugin)
				return 0;
		}
	}
	if (bt_plugin_find("glassbox", BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, BT_FALSE, ret_plugin) ==
	    BT_PLUGIN_FIND_STATUS_OK)
		return 0;
	bt_current_thread_clear_error();
	return error_set(error, -ENOENT,
			 "cannot find " PLUGIN_FILE
			 ": install it, or set BABELTRACE_PLUGIN_PATH to its directory");
}

static int find_plugin(const char *name, const bt_plugin **ret_plugin, struct error *error)
{
	if (bt_plugin_find(name, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, BT_FALSE, ret_plugin) ==
	    BT_PLUGIN_FIND_STATUS_OK)
		return 0;
	bt_current_thread_clear_error();
	return error_set(error, -ENOENT,
			 "cannot find the plugin '%s' of babeltrace2: install babeltrace2", name);
}

/*
 * The name of the logical trace that the directory @path is a part of: rotated or split traces are
 * read by one component.  NULL, with no error, if it stands alone.
 */
static int query_group(const bt_component_class_source *source, const char *path, char **ret_group,
		       struct error *error)
{
	const bt_component_class *class =
		bt_component_class_source_as_component_class_const(source);
	_cleanup_value_ bt_value *params = bt_value_map_create();
	const bt_value *result = NULL, *group;
	bt_query_executor *executor = NULL;
	int r = 0;

	if (!params ||
	    bt_value_map_insert_string_entry(params, "type", "directory") !=
		    BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK ||
	    bt_value_map_insert_string_entry(params, "input", path) !=
		    BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK)
		return take_error(error, "cannot prepare to read the trace");
	executor = bt_query_executor_create(class, "babeltrace.support-info", params);
	if (!executor ||
	    bt_query_executor_query(executor, &result) != BT_QUERY_EXECUTOR_QUERY_STATUS_OK) {
		/* What Babeltrace says here is of use to its developers only. */
		bt_current_thread_clear_error();
		r = error_set(error, -EINVAL, "'%s' is no CTF trace, or its metadata is damaged",
			      path);
	}
	group = result && bt_value_is_map(result)
			? bt_value_map_borrow_entry_value_const(result, "group")
			: NULL;
	*ret_group = NULL;
	if (r == 0 && group && bt_value_is_string(group)) {
		*ret_group = strdup(bt_value_string_get(group));
		if (!*ret_group)
			r = error_set_errno(error, -ENOMEM, "cannot read '%s'", path);
	}
	bt_value_put_ref(result);
	bt_query_executor_put_ref(executor);
	return r;
}

static int connect_to_muxer(bt_graph *graph, const bt_component_source *source,
			    const bt_component_filter *muxer, struct error *error)
{
	uint64_t count = bt_component_source_get_output_port_count(source);

	for (uint64_t i = 0; i < count; i++) {
		/* The muxer opens a new port whenever its last one is taken. */
		uint64_t last = bt_component_filter_get_input_port_count(muxer) - 1;

		if (bt_graph_connect_ports(
			    graph, bt_component_source_borrow_output_port_by_index_const(source, i),
			    bt_component_filter_borrow_input_port_by_index_const(muxer, last),
			    NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK)
			return take_error(error, "cannot connect the trace reader");
	}
	return 0;
}

/* One reader for all of @traces whose group is that of the @first one. */
static int add_source(bt_graph *graph, const bt_component_class_source *class,
		      const bt_component_filter *muxer, const struct discovered *traces,
		      char *const *groups, size_t first, struct error *error)
{
	_cleanup_value_ bt_value *params = bt_value_map_create();
	const bt_component_source *source;
	bt_value *inputs = NULL;
	char name[32];

	if (!params || bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) !=
			       BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK)
		return take_error(error, "cannot prepare to read the trace");
	for (size_t i = first; i < traces->count; i++) {
		bool same = i == first ||
			    (groups[i] && groups[first] && strcmp(groups[i], groups[first]) == 0);

		if (same && bt_value_array_append_string_element(inputs, traces->paths[i]) !=
				    BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK)
			return take_error(error, "cannot prepare to read the trace");
	}
	(void)snprintf(name, sizeof(name), "trace%zu", first);
	if (bt_graph_add_source_component(graph, class, name, params, BT_LOGGING_LEVEL_NONE,
					  &source) != BT_GRAPH_ADD_COMPONENT_STATUS_OK)
		return take_error(error, "cannot open the trace, it may be damaged or cut off");
	return connect_to_muxer(graph, source, muxer, error);
}

static bool seen_before(char *const *groups, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (groups[at] && groups[i] && strcmp(groups[i], groups[at]) == 0)
			return true;
	return false;
}

static int add_sources(bt_graph *graph, const bt_component_class_source *class,
		       const bt_component_filter *muxer, const struct discovered *traces,
		       struct error *error)
{
	char **groups = calloc(traces->count, sizeof(char *));
	int r = 0;

	if (!groups)
		return error_set_errno(error, -ENOMEM, "cannot read the trace");
	for (size_t i = 0; i < traces->count && r == 0; i++)
		r = query_group(class, traces->paths[i], &groups[i], error);
	for (size_t i = 0; i < traces->count && r == 0; i++)
		if (!seen_before(groups, i))
			r = add_source(graph, class, muxer, traces, groups, i, error);
	for (size_t i = 0; i < traces->count; i++)
		free(groups[i]);
	free(groups);
	return r;
}

static int add_sink(bt_graph *graph, const bt_plugin *plugin, const char *name,
		    const bt_component_filter *muxer, const bt_value *params, struct error *error)
{
	const bt_component_class_sink *class =
		bt_plugin_borrow_sink_component_class_by_name_const(plugin, name);
	const bt_component_sink *sink;

	if (!class)
		return error_set(error, -ENOENT, "the plugin 'glassbox' that was found has no '%s'",
				 name);
	if (bt_graph_add_sink_component(graph, class, name, params, BT_LOGGING_LEVEL_NONE, &sink) !=
	    BT_GRAPH_ADD_COMPONENT_STATUS_OK)
		return take_error(error, "cannot start the analysis");
	if (bt_graph_connect_ports(graph,
				   bt_component_filter_borrow_output_port_by_index_const(muxer, 0),
				   bt_component_sink_borrow_input_port_by_index_const(sink, 0),
				   NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK)
		return take_error(error, "cannot connect the analysis");
	return 0;
}

static int build(bt_graph *graph, const struct discovered *traces, const char *sink,
		 const bt_value *params, struct error *error)
{
	_cleanup_plugin_ const bt_plugin *own = NULL;
	_cleanup_plugin_ const bt_plugin *ctf = NULL;
	_cleanup_plugin_ const bt_plugin *utils = NULL;
	const bt_component_class_source *source_class;
	const bt_component_class_filter *muxer_class;
	const bt_component_filter *muxer;
	int r;

	r = find_own_plugin(&own, error);
	if (r == 0)
		r = find_plugin("ctf", &ctf, error);
	if (r == 0)
		r = find_plugin("utils", &utils, error);
	if (r < 0)
		return r;
	source_class = bt_plugin_borrow_source_component_class_by_name_const(ctf, "fs");
	muxer_class = bt_plugin_borrow_filter_component_class_by_name_const(utils, "muxer");
	if (!source_class || !muxer_class)
		return error_set(error, -ENOENT,
				 "babeltrace2's plugins lack ctf.fs or utils.muxer");
	if (bt_graph_add_filter_component(graph, muxer_class, "muxer", NULL, BT_LOGGING_LEVEL_NONE,
					  &muxer) != BT_GRAPH_ADD_COMPONENT_STATUS_OK)
		return take_error(error, "cannot start the muxer");
	/* The sink first: a vmlinux that cannot be read is told before a long read. */
	r = add_sink(graph, own, sink, muxer, params, error);
	if (r < 0)
		return r;
	return add_sources(graph, source_class, muxer, traces, error);
}

static void on_signal(int number)
{
	(void)number;
	bt_interrupter_set(interrupter);
}

/*
 * The handlers stay: a second signal of the same kind must not kill the program while the report of
 * what was read is written, which is soon done.
 */
static int run(bt_graph *graph, struct error *error)
{
	struct sigaction action = { .sa_handler = on_signal };
	bt_graph_run_status status;

	if (!interrupter)
		interrupter = bt_interrupter_create();
	if (!interrupter ||
	    bt_graph_add_interrupter(graph, interrupter) != BT_GRAPH_ADD_INTERRUPTER_STATUS_OK)
		return take_error(error, "cannot prepare to read the trace");
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	while ((status = bt_graph_run(graph)) == BT_GRAPH_RUN_STATUS_AGAIN) {
		if (bt_interrupter_is_set(interrupter))
			break;
		(void)usleep(AGAIN_US);
	}
	if (status == BT_GRAPH_RUN_STATUS_OK)
		return 0;
	if (bt_interrupter_is_set(interrupter)) {
		bt_current_thread_clear_error();
		return error_set(error, -EINTR, "interrupted: the report covers what was read");
	}
	return take_error(error, "cannot read the trace to its end, it may be damaged");
}

int trace_graph_run(const struct discovered *traces, const char *sink, const bt_value *params,
		    struct error *error)
{
	_cleanup_graph_ bt_graph *graph = bt_graph_create(0);
	int r;

	if (!graph)
		return take_error(error, "cannot prepare to read the trace");
	r = build(graph, traces, sink, params, error);
	if (r < 0)
		return r;
	return run(graph, error);
}
