/* SPDX-License-Identifier: MIT */
/* Babeltrace's side of the exit report: parameters, messages in, report out. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/elf_symbols.h"
#include "tools/trace/exits_sink.h"
#include "tools/trace/machines.h"
#include "tools/trace/report.h"

#define LIMIT_DEFAULT      20u
#define PROGRESS_AFTER_NS  2000000000
#define PROGRESS_PERIOD_NS 500000000

struct exits_sink {
	bt_self_component *self;
	bt_message_iterator *messages; /* owned */
	struct machines machines;
	struct elf_symbols *symbols; /* owned, or NULL */
	char *vmlinux;               /* owned, or NULL */
	char *output;                /* owned, or NULL for standard output */
	bool json;
	bool progress;
	bool progress_shown;
	bool written; /* the report, or the reason why there is none */
	uint64_t limit;
	int64_t next_progress; /* ns of the monotonic clock */
};

#define FAIL(sink, ...)                                                                            \
	BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_COMPONENT((sink)->self, __VA_ARGS__)

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int take_text(struct exits_sink *sink, const char *name, const bt_value *value,
		     char **ret_text)
{
	char *copy;

	if (!bt_value_is_string(value)) {
		FAIL(sink, "parameter '%s' must be a string", name);
		return -EINVAL;
	}
	copy = strdup(bt_value_string_get(value));
	if (!copy)
		return -ENOMEM;
	free(*ret_text);
	*ret_text = copy;
	return 0;
}

static int take_bool(struct exits_sink *sink, const char *name, const bt_value *value,
		     bool *ret_value)
{
	if (!bt_value_is_bool(value)) {
		FAIL(sink, "parameter '%s' must be true or false", name);
		return -EINVAL;
	}
	*ret_value = bt_value_bool_get(value);
	return 0;
}

static int take_limit(struct exits_sink *sink, const bt_value *value)
{
	/* "limit=5" on babeltrace2's command line is signed, "limit=+5" is not. */
	if (bt_value_is_unsigned_integer(value)) {
		sink->limit = bt_value_integer_unsigned_get(value);
	} else if (bt_value_is_signed_integer(value) && bt_value_integer_signed_get(value) >= 0) {
		sink->limit = (uint64_t)bt_value_integer_signed_get(value);
	} else {
		FAIL(sink, "parameter 'limit' must be a number of rows, 0 for all");
		return -EINVAL;
	}
	return 0;
}

static int take_format(struct exits_sink *sink, const bt_value *value)
{
	const char *format = bt_value_is_string(value) ? bt_value_string_get(value) : "";

	sink->json = strcmp(format, "json") == 0;
	if (sink->json || strcmp(format, "text") == 0)
		return 0;
	FAIL(sink, "parameter 'format' must be \"text\" or \"json\"");
	return -EINVAL;
}

struct take_context {
	struct exits_sink *sink;
	int result;
};

static bt_value_map_foreach_entry_const_func_status take_param(const char *name,
							       const bt_value *value, void *data)
{
	struct take_context *context = data;
	struct exits_sink *sink = context->sink;

	if (strcmp(name, "vmlinux") == 0) {
		context->result = take_text(sink, name, value, &sink->vmlinux);
	} else if (strcmp(name, "output") == 0) {
		context->result = take_text(sink, name, value, &sink->output);
	} else if (strcmp(name, "format") == 0) {
		context->result = take_format(sink, value);
	} else if (strcmp(name, "limit") == 0) {
		context->result = take_limit(sink, value);
	} else if (strcmp(name, "progress") == 0) {
		context->result = take_bool(sink, name, value, &sink->progress);
	} else {
		FAIL(sink,
		     "unknown parameter '%s': there are vmlinux, format, output, limit, progress",
		     name);
		context->result = -EINVAL;
	}
	if (context->result == -ENOMEM)
		return BT_VALUE_MAP_FOREACH_ENTRY_CONST_FUNC_STATUS_MEMORY_ERROR;
	return context->result < 0 ? BT_VALUE_MAP_FOREACH_ENTRY_CONST_FUNC_STATUS_ERROR
				   : BT_VALUE_MAP_FOREACH_ENTRY_CONST_FUNC_STATUS_OK;
}

static void sink_free(struct exits_sink *sink)
{
	bt_message_iterator_put_ref(sink->messages);
	machines_clear(&sink->machines);
	elf_symbols_close(sink->symbols);
	free(sink->vmlinux);
	free(sink->output);
	free(sink);
}

static int configure(struct exits_sink *sink, const bt_value *params)
{
	struct take_context context = { .sink = sink };
	struct error error;

	(void)bt_value_map_foreach_entry_const(params, take_param, &context);
	if (context.result < 0)
		return context.result;
	if (sink->vmlinux && elf_symbols_open(sink->vmlinux, &sink->symbols, &error) < 0) {
		FAIL(sink, "%s", error.message);
		return -EINVAL;
	}
	return 0;
}

bt_component_class_initialize_method_status exits_sink_initialize(
	bt_self_component_sink *self, bt_self_component_sink_configuration *config,
	const bt_value *params, void *data)
{
	struct exits_sink *sink = calloc(1, sizeof(*sink));
	int r;

	(void)config;
	(void)data;
	if (!sink)
		return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR;
	sink->self = bt_self_component_sink_as_self_component(self);
	sink->limit = LIMIT_DEFAULT;
	r = configure(sink, params);
	if (r < 0 || bt_self_component_sink_add_input_port(self, "in", NULL, NULL) !=
			     BT_SELF_COMPONENT_ADD_PORT_STATUS_OK) {
		sink_free(sink);
		return r == -ENOMEM ? BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR
				    : BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
	}
	bt_self_component_set_data(sink->self, sink);
	return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

bt_component_class_sink_graph_is_configured_method_status exits_sink_graph_is_configured(
	bt_self_component_sink *self)
{
	struct exits_sink *sink =
		bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
	bt_self_component_port_input *port =
		bt_self_component_sink_borrow_input_port_by_index(self, 0);

	if (bt_message_iterator_create_from_sink_component(self, port, &sink->messages) !=
	    BT_MESSAGE_ITERATOR_CREATE_FROM_SINK_COMPONENT_STATUS_OK)
		return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_ERROR;
	sink->next_progress = now_ns() + PROGRESS_AFTER_NS;
	return BT_COMPONENT_CLASS_SINK_GRAPH_IS_CONFIGURED_METHOD_STATUS_OK;
}

static void show_progress(struct exits_sink *sink)
{
	int64_t now = now_ns();

	if (now < sink->next_progress)
		return;
	sink->next_progress = now + PROGRESS_PERIOD_NS;
	sink->progress_shown = true;
	(void)fprintf(stderr, "\r%.1f million events read ", (double)sink->machines.messages / 1e6);
}

static void hide_progress(struct exits_sink *sink)
{
	if (sink->progress_shown)
		(void)fprintf(stderr, "\r%*s\r", 40, "");
	sink->progress_shown = false;
}

static int print_reports(struct exits_sink *sink, struct report *const *reports, bool complete,
			 FILE *out)
{
	int r;

	if (sink->json)
		return report_print_json(reports, sink->machines.count, sink->limit, complete, out);
	for (size_t i = 0; i < sink->machines.count; i++) {
		if (i > 0)
			(void)fprintf(out, "\n\n");
		r = report_print_text(reports[i], sink->limit, out);
		if (r < 0)
			return r;
	}
	if (sink->machines.unusable)
		(void)fprintf(out,
			      "\n%" PRIu64 " glassbox events were of no use: unknown names, "
			      "missing fields or no clock\n",
			      sink->machines.unusable);
	return 0;
}

static int build_reports(struct exits_sink *sink, bool complete, struct report **reports)
{
	for (size_t i = 0; i < sink->machines.count; i++) {
		const struct machine *machine = sink->machines.list[i];
		_cleanup_free_ char *name = machine_describe(machine);
		struct report_source source = {
			.exits = machine->exits,
			.machine = name,
			.symbols = sink->symbols,
			.symbols_path = sink->vmlinux,
			.incomplete = !complete,
		};
		int r;

		r = report_build(&source, &reports[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int print_to_output(struct exits_sink *sink, struct report *const *reports, bool complete)
{
	FILE *out = sink->output ? fopen(sink->output, "we") : stdout;
	int r;

	if (!out) {
		FAIL(sink, "cannot write '%s': %s", sink->output, strerror(errno));
		return -EIO;
	}
	r = print_reports(sink, reports, complete, out);
	if (sink->output ? fclose(out) != 0 : fflush(out) != 0)
		r = r < 0 ? r : -EIO;
	if (r == -EIO)
		FAIL(sink, "cannot write the report to %s",
		     sink->output ? sink->output : "standard output");
	return r;
}

static int write_report(struct exits_sink *sink, bool complete)
{
	struct report **reports = NULL;
	int r = 0;

	hide_progress(sink);
	sink->written = true;
	if (sink->machines.count == 0) {
		FAIL(sink, "%s",
		     sink->machines.ours
			     ? "the trace has glassbox events, but none with the expected fields"
			     : "the trace has no glassbox events");
		return -ENODATA;
	}
	reports = calloc(sink->machines.count, sizeof(struct report *));
	if (!reports)
		return -ENOMEM;
	machines_end(&sink->machines);
	r = build_reports(sink, complete, reports);
	if (r == 0)
		r = print_to_output(sink, reports, complete);
	for (size_t i = 0; i < sink->machines.count; i++)
		report_free(reports[i]);
	free(reports);
	return r;
}

static int feed_batch(struct exits_sink *sink, bt_message_array_const batch, uint64_t count)
{
	int r = 0;

	for (uint64_t i = 0; i < count; i++) {
		if (r == 0)
			r = machines_feed(&sink->machines, batch[i]);
		bt_message_put_ref(batch[i]);
	}
	if (r == -ERANGE)
		FAIL(sink, "an event's time does not fit in 64 bits of nanoseconds");
	return r;
}

static bt_component_class_sink_consume_method_status status_of(int r)
{
	return r == -ENOMEM ? BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_MEMORY_ERROR
	       : r < 0      ? BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_ERROR
			    : BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_OK;
}

bt_component_class_sink_consume_method_status exits_sink_consume(bt_self_component_sink *self)
{
	struct exits_sink *sink =
		bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
	bt_message_array_const batch;
	uint64_t count;
	int r;

	switch (bt_message_iterator_next(sink->messages, &batch, &count)) {
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_OK:
		r = feed_batch(sink, batch, count);
		if (sink->progress)
			show_progress(sink);
		return status_of(r);
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_END:
		r = write_report(sink, true);
		return r < 0 ? status_of(r) : BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_END;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN:
		return BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_AGAIN;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_MEMORY_ERROR:
		return BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_MEMORY_ERROR;
	default: return BT_COMPONENT_CLASS_SINK_CONSUME_METHOD_STATUS_ERROR;
	}
}

/* No end of the messages was seen: interrupted, or the reader failed.  What was read is of use. */
void exits_sink_finalize(bt_self_component_sink *self)
{
	struct exits_sink *sink =
		bt_self_component_get_data(bt_self_component_sink_as_self_component(self));
	const bt_error *error = bt_current_thread_take_error();

	hide_progress(sink);
	if (!sink->written && sink->machines.count > 0 && write_report(sink, false) < 0)
		bt_current_thread_clear_error();
	if (error)
		bt_current_thread_move_error(error);
	sink_free(sink);
}
