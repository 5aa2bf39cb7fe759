/* SPDX-License-Identifier: MIT */
/* A Babeltrace source component that makes events up, in front of sink.ctf.fs. */
#include <babeltrace2/babeltrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/trace/report_synthetic.h"

#define PACKET_EVENTS 4096u
#define FIELDS_MAX    9u

enum kind { KIND_NONE, KIND_U32, KIND_U64, KIND_TEXT, KIND_ENUM };

static const struct {
	const char *event;
	struct {
		const char *name;
		enum kind kind;
		size_t offset;
	} fields[FIELDS_MAX];
} layouts[TRACE_EVENT_COUNT] = {
/* clang-format off */
#define F(event, member, kind) \
	{ #member, KIND_##kind, offsetof(struct record, event.member) }
	/* clang-format on */
	[TRACE_EVENT_exit] = { "exit",
			       { F(exit, vcpu, U32), F(exit, seq, U64), F(exit, reason, ENUM),
				 F(exit, rip, U64), F(exit, space, ENUM), F(exit, addr, U64),
				 F(exit, len, U32), F(exit, is_write, U32), F(exit, data, U64) } },
	[TRACE_EVENT_entry] = { "entry",
				{ F(entry, vcpu, U32), F(entry, seq, U64), F(entry, device, TEXT),
				  F(entry, data, U64) } },
	[TRACE_EVENT_device_map] = { "device_map",
				     { F(device_map, device, TEXT), F(device_map, space, ENUM),
				       F(device_map, base, U64), F(device_map, len, U64) } },
	[TRACE_EVENT_device_register] = { "device_register",
					  { F(device_register, device, TEXT),
					    F(device_register, space, ENUM),
					    F(device_register, addr, U64),
					    F(device_register, access, TEXT),
					    F(device_register, name, TEXT) } },
	[TRACE_EVENT_vcpu_counters] = { "vcpu_counters",
					{ F(vcpu_counters, vcpu, U32),
					  F(vcpu_counters, user_exits, U64),
					  F(vcpu_counters, kvm_exits, U64) } },
	[TRACE_EVENT_stop] = { "stop",
			       { F(stop, vcpu, U32), F(stop, reason, ENUM), F(stop, rip, U64) } },
	[TRACE_EVENT_resume] = { "resume", { F(resume, vcpu, U32), F(resume, step, U32) } },
	[TRACE_EVENT_vm_start] = { "vm_start",
				   { F(vm_start, version, TEXT), F(vm_start, vcpus, U32),
				     F(vm_start, memory, U64), F(vm_start, kernel, TEXT),
				     F(vm_start, text_slide, U64) } },
	[TRACE_EVENT_vm_stop] = { "vm_stop", { F(vm_stop, status, U32), F(vm_stop, cause, TEXT) } },
#undef F
};

static const uint8_t joined_uuid[16] = "joined";
static const char joined_uuid_text[] = "6a6f696e-6564-0000-0000-000000000000";

enum phase { PHASE_STREAM, PHASE_FILL, PHASE_LOSS, PHASE_PACKET, PHASE_EVENTS, PHASE_END };

struct writer {
	const struct synthetic_trace *spec;
	bt_trace *trace;
	bt_stream *stream;
	bt_packet *packet;
	const bt_event_class *classes[TRACE_EVENT_COUNT];
	struct synthetic_item batch[PACKET_EVENTS];
	unsigned batch_count, at;
	uint64_t loss, next_loss; /* before this batch, before the next one */
	int64_t packet_end;       /* of the packet before */
	enum phase phase;
	bool at_end;
};

static bt_field_class *make_field_class(bt_trace_class *trace_class, enum kind kind)
{
	bt_integer_range_set_unsigned *range;
	bt_field_class *class;

	switch (kind) {
	case KIND_TEXT: return bt_field_class_string_create(trace_class);
	case KIND_U64: return bt_field_class_integer_unsigned_create(trace_class);
	case KIND_ENUM:
		/* A mapping for one value only: readers must take the number, not the name. */
		class = bt_field_class_enumeration_unsigned_create(trace_class);
		range = bt_integer_range_set_unsigned_create();
		(void)bt_integer_range_set_unsigned_add_range(range, 2, 2);
		(void)bt_field_class_enumeration_unsigned_add_mapping(class, "TWO", range);
		bt_integer_range_set_unsigned_put_ref(range);
		break;
	default: class = bt_field_class_integer_unsigned_create(trace_class); break;
	}
	bt_field_class_integer_set_field_value_range(class, 32);
	return class;
}

static void make_event_class(struct writer *writer, bt_stream_class *stream_class,
			     bt_trace_class *trace_class, unsigned event)
{
	bt_event_class *class = bt_event_class_create(stream_class);
	bt_field_class *payload = bt_field_class_structure_create(trace_class);
	char name[64];

	(void)snprintf(name, sizeof(name), "%s:%s", writer->spec->foreign ? "foreign" : "glassbox",
		       layouts[event].event);
	(void)bt_event_class_set_name(class, name);
	for (unsigned i = 0; i < FIELDS_MAX && layouts[event].fields[i].name; i++) {
		const char *field = layouts[event].fields[i].name;
		bt_field_class *field_class;

		if (writer->spec->omit && strcmp(writer->spec->omit, field) == 0)
			continue;
		field_class = make_field_class(trace_class, layouts[event].fields[i].kind);
		(void)bt_field_class_structure_append_member(payload, field, field_class);
		bt_field_class_put_ref(field_class);
	}
	(void)bt_event_class_set_payload_field_class(class, payload);
	bt_field_class_put_ref(payload);
	writer->classes[event] = class;
}

static void make_pid_context(bt_stream_class *stream_class, bt_trace_class *trace_class)
{
	bt_field_class *context = bt_field_class_structure_create(trace_class);
	bt_field_class *pid = bt_field_class_integer_signed_create(trace_class);

	bt_field_class_integer_set_field_value_range(pid, 32);
	(void)bt_field_class_structure_append_member(context, "vpid", pid);
	(void)bt_stream_class_set_event_common_context_field_class(stream_class, context);
	bt_field_class_put_ref(pid);
	bt_field_class_put_ref(context);
}

static bt_component_class_initialize_method_status source_initialize(
	bt_self_component_source *self, bt_self_component_source_configuration *config,
	const bt_value *params, void *data)
{
	bt_self_component *component = bt_self_component_source_as_self_component(self);
	struct writer *writer = data;
	bt_trace_class *trace_class = bt_trace_class_create(component);
	bt_stream_class *stream_class = bt_stream_class_create(trace_class);
	bt_clock_class *clock = bt_clock_class_create(component);

	(void)config;
	(void)params;
	bt_stream_class_set_assigns_automatic_stream_id(stream_class, BT_FALSE);
	/* Else the clocks of joined traces would not agree. */
	bt_clock_class_set_uuid(clock, joined_uuid);
	(void)bt_stream_class_set_default_clock_class(stream_class, clock);
	bt_stream_class_set_supports_packets(stream_class, BT_TRUE, BT_TRUE, BT_TRUE);
	bt_stream_class_set_supports_discarded_events(stream_class, BT_TRUE, BT_TRUE);
	if (writer->spec->pid_context)
		make_pid_context(stream_class, trace_class);
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		if (layouts[i].event)
			make_event_class(writer, stream_class, trace_class, i);
	writer->trace = bt_trace_create(trace_class);
	if (writer->spec->pid > 0)
		(void)bt_trace_set_environment_entry_integer(writer->trace, "vpid",
							     writer->spec->pid);
	(void)bt_trace_set_environment_entry_string(writer->trace, "hostname", "lab");
	writer->stream =
		bt_stream_create_with_id(stream_class, writer->trace, writer->spec->stream);
	bt_clock_class_put_ref(clock);
	bt_stream_class_put_ref(stream_class);
	bt_trace_class_put_ref(trace_class);
	bt_self_component_set_data(component, writer);
	(void)bt_self_component_source_add_output_port(self, "out", NULL, NULL);
	return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

static bt_message_iterator_class_initialize_method_status iterator_initialize(
	bt_self_message_iterator *self, bt_self_message_iterator_configuration *config,
	bt_self_component_port_output *port)
{
	(void)config;
	(void)port;
	bt_self_message_iterator_set_data(
		self, bt_self_component_get_data(bt_self_message_iterator_borrow_component(self)));
	return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

static void fill_batch(struct writer *writer)
{
	struct synthetic_item item;

	writer->loss = writer->next_loss;
	writer->next_loss = 0;
	writer->batch_count = 0;
	writer->at = 0;
	while (writer->batch_count < PACKET_EVENTS) {
		memset(&item, 0, sizeof(item));
		if (!writer->spec->next(writer->spec->context, &item)) {
			writer->at_end = true;
			return;
		}
		if (item.lost) {
			writer->next_loss = item.lost;
			return;
		}
		writer->batch[writer->batch_count++] = item;
	}
}

static void fill_fields(bt_event *event, const struct record *record, const char *omit)
{
	bt_field *payload = bt_event_borrow_payload_field(event);
	uint64_t index = 0;

	for (unsigned i = 0; i < FIELDS_MAX && layouts[record->event].fields[i].name; i++) {
		const char *from = (const char *)record + layouts[record->event].fields[i].offset;
		const char *text;
		bt_field *field;

		if (omit && strcmp(omit, layouts[record->event].fields[i].name) == 0)
			continue;
		field = bt_field_structure_borrow_member_field_by_index(payload, index++);
		switch (layouts[record->event].fields[i].kind) {
		case KIND_TEXT:
			text = *(const char *const *)from;
			(void)bt_field_string_set_value(field, text ? text : "");
			break;
		case KIND_U64:
			bt_field_integer_unsigned_set_value(field, *(const uint64_t *)from);
			break;
		default: bt_field_integer_unsigned_set_value(field, *(const uint32_t *)from); break;
		}
	}
}

static bt_message *make_event(bt_self_message_iterator *self, struct writer *writer)
{
	const struct synthetic_item *item = &writer->batch[writer->at++];
	bt_message *message = bt_message_event_create_with_packet_and_default_clock_snapshot(
		self, writer->classes[item->record.event], writer->packet,
		(uint64_t)item->record.time);
	bt_event *event = bt_message_event_borrow_event(message);

	fill_fields(event, &item->record, writer->spec->omit);
	if (writer->spec->pid_context)
		bt_field_integer_signed_set_value(
			bt_field_structure_borrow_member_field_by_index(
				bt_event_borrow_common_context_field(event), 0),
			item->pid);
	return message;
}

static bt_message *make_loss(bt_self_message_iterator *self, struct writer *writer)
{
	int64_t end = writer->batch[writer->batch_count - 1].record.time;
	bt_message *message = bt_message_discarded_events_create_with_default_clock_snapshots(
		self, writer->stream, (uint64_t)writer->packet_end, (uint64_t)end);

	bt_message_discarded_events_set_count(message, writer->loss);
	return message;
}

/* The next message, or NULL at the end. */
static bt_message *make_message(bt_self_message_iterator *self, struct writer *writer)
{
	int64_t end;

	switch (writer->phase) {
	case PHASE_STREAM:
		writer->phase = PHASE_FILL;
		return bt_message_stream_beginning_create(self, writer->stream);
	case PHASE_FILL:
		if (!writer->at_end)
			fill_batch(writer);
		else
			writer->batch_count = 0;
		if (writer->batch_count == 0) {
			writer->phase = PHASE_END;
			return bt_message_stream_end_create(self, writer->stream);
		}
		writer->phase = PHASE_PACKET;
		if (writer->loss)
			return make_loss(self, writer);
		__attribute__((fallthrough));
	case PHASE_PACKET:
		writer->phase = PHASE_EVENTS;
		writer->packet = bt_packet_create(writer->stream);
		return bt_message_packet_beginning_create_with_default_clock_snapshot(
			self, writer->packet, (uint64_t)writer->batch[0].record.time);
	case PHASE_EVENTS:
		if (writer->at < writer->batch_count)
			return make_event(self, writer);
		end = writer->batch[writer->batch_count - 1].record.time;
		writer->packet_end = end;
		writer->phase = PHASE_FILL;
		return bt_message_packet_end_create_with_default_clock_snapshot(
			self, writer->packet, (uint64_t)end);
	default: return NULL;
	}
}

static bt_message_iterator_class_next_method_status iterator_next(bt_self_message_iterator *self,
								  bt_message_array_const messages,
								  uint64_t capacity,
								  uint64_t *count)
{
	struct writer *writer = bt_self_message_iterator_get_data(self);

	for (*count = 0; *count < capacity; (*count)++) {
		bt_message *message = make_message(self, writer);

		if (!message)
			break;
		if (bt_message_get_type(message) == BT_MESSAGE_TYPE_PACKET_END)
			bt_packet_put_ref(writer->packet);
		messages[*count] = message;
	}
	return *count ? BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK
		      : BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_END;
}

static const bt_component_sink *add_sink(bt_graph *graph, const char *path)
{
	const bt_component_sink *sink = NULL;
	bt_value *params = bt_value_map_create();
	const bt_plugin *plugin = NULL;

	(void)bt_value_map_insert_string_entry(params, "path", path);
	(void)bt_value_map_insert_bool_entry(params, "assume-single-trace", BT_TRUE);
	(void)bt_value_map_insert_bool_entry(params, "quiet", BT_TRUE);
	if (bt_plugin_find("ctf", BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, BT_FALSE, &plugin) ==
	    BT_PLUGIN_FIND_STATUS_OK)
		(void)bt_graph_add_sink_component(
			graph, bt_plugin_borrow_sink_component_class_by_name_const(plugin, "fs"),
			"sink", params, BT_LOGGING_LEVEL_WARNING, &sink);
	bt_plugin_put_ref(plugin);
	bt_value_put_ref(params);
	return sink;
}

static const bt_component_source *add_source(bt_graph *graph, struct writer *writer)
{
	bt_message_iterator_class *iterator = bt_message_iterator_class_create(iterator_next);
	bt_component_class_source *class;
	const bt_component_source *source = NULL;

	(void)bt_message_iterator_class_set_initialize_method(iterator, iterator_initialize);
	class = bt_component_class_source_create("synthetic", iterator);
	(void)bt_component_class_source_set_initialize_method(class, source_initialize);
	(void)bt_graph_add_source_component_with_initialize_method_data(
		graph, class, "source", NULL, writer, BT_LOGGING_LEVEL_WARNING, &source);
	bt_component_class_source_put_ref(class);
	bt_message_iterator_class_put_ref(iterator);
	return source;
}

/* Replace @from by @to, both of @length bytes, wherever it is in the file @dir/@name. */
static int replace_in_file(const char *dir, const char *name, const void *from, const void *to,
			   size_t length)
{
	char path[512];
	FILE *file;
	char *bytes = NULL, *at;
	long size = -1;
	int r = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r+");
	if (!file)
		return -1;
	if (fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size > 0)
		bytes = malloc((size_t)size);
	rewind(file);
	if (bytes && fread(bytes, (size_t)size, 1, file) == 1) {
		at = bytes;
		while ((at = memmem(at, (size_t)(bytes + size - at), from, length)))
			memcpy(at, to, length);
		rewind(file);
		r = fwrite(bytes, (size_t)size, 1, file) == 1 ? 0 : -1;
	}
	free(bytes);
	return fclose(file) == 0 ? r : -1;
}

/* sink.ctf.fs makes up a UUID for each trace; the parts of one trace must have the same. */
static int join(const char *dir)
{
	char path[512], line[256], text[37] = "";
	uint8_t uuid[16];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/metadata", dir);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (text[0] == '\0' && fgets(line, sizeof(line), file))
		(void)sscanf(line, " uuid = \"%36[0-9a-f-]\"", text);
	(void)fclose(file);
	for (unsigned i = 0, at = 0; i < sizeof(uuid); i++, at += 2) {
		unsigned byte;

		at += text[at] == '-';
		if (sscanf(text + at, "%2x", &byte) != 1)
			return -1;
		uuid[i] = (uint8_t)byte;
	}
	if (replace_in_file(dir, "metadata", text, joined_uuid_text, 36) < 0)
		return -1;
	return replace_in_file(dir, "stream", uuid, joined_uuid, sizeof(uuid));
}

static void print_error(void)
{
	const bt_error *error = bt_current_thread_take_error();

	if (!error)
		return;
	for (uint64_t i = 0; i < bt_error_get_cause_count(error); i++)
		(void)fprintf(stderr, "synthetic trace: %s\n",
			      bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, i)));
	bt_error_release(error);
}

int synthetic_write(const struct synthetic_trace *trace)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source = NULL;
	const bt_component_sink *sink = NULL;
	int r = -1;

	if (writer && graph) {
		writer->spec = trace;
		source = add_source(graph, writer);
		sink = add_sink(graph, trace->path);
	}
	if (source && sink &&
	    bt_graph_connect_ports(graph,
				   bt_component_source_borrow_output_port_by_index_const(source, 0),
				   bt_component_sink_borrow_input_port_by_index_const(sink, 0),
				   NULL) == BT_GRAPH_CONNECT_PORTS_STATUS_OK &&
	    bt_graph_run(graph) == BT_GRAPH_RUN_STATUS_OK)
		r = 0;
	print_error();
	if (writer) {
		for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
			bt_event_class_put_ref(writer->classes[i]);
		bt_stream_put_ref(writer->stream);
		bt_trace_put_ref(writer->trace);
	}
	bt_graph_put_ref(graph);
	free(writer);
	if (r == 0 && trace->joined)
		r = join(trace->path);
	return r;
}
