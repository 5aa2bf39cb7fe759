/* SPDX-License-Identifier: MIT */
/* Messages to machines: who an event belongs to, and whom a loss concerns. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/trace/bt_decode.h"
#include "tools/trace/machines.h"

struct machine_trace {
	const bt_trace *trace;   /* a reference, so that no other trace gets its address */
	struct exits_loss early; /* lost while no machine of the trace was running */
	unsigned losing;         /* streams that lose events at this moment */
	struct machine *last;    /* whom the event before belonged to */
};

struct machine_stream {
	const bt_stream *stream; /* a reference */
	struct machine_trace *trace;
	uint64_t pid_member; /* index of 'vpid' in the common context, or BT_DECODE_ABSENT */
	bool has_clock;
	bool losing; /* from a message about a loss to the next packet */
};

static int get_trace(struct machines *machines, const bt_trace *trace,
		     struct machine_trace **ret_trace)
{
	struct machine_trace *found = ptr_map_get(&machines->traces, trace);

	if (!found) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return -ENOMEM;
		if (ptr_map_add(&machines->traces, trace, found) < 0) {
			free(found);
			return -ENOMEM;
		}
		bt_trace_get_ref(trace);
		found->trace = trace;
	}
	*ret_trace = found;
	return 0;
}

static uint64_t find_pid_member(const bt_stream_class *stream_class)
{
	const bt_field_class *context =
		bt_stream_class_borrow_event_common_context_field_class_const(stream_class);
	const bt_field_class_structure_member *member;

	if (!context)
		return BT_DECODE_ABSENT;
	member = bt_field_class_structure_borrow_member_by_name_const(context, "vpid");
	if (!member ||
	    !bt_field_class_type_is(
		    bt_field_class_get_type(
			    bt_field_class_structure_member_borrow_field_class_const(member)),
		    BT_FIELD_CLASS_TYPE_SIGNED_INTEGER))
		return BT_DECODE_ABSENT;
	for (uint64_t i = 0;; i++)
		if (bt_field_class_structure_borrow_member_by_index_const(context, i) == member)
			return i;
}

static int get_stream(struct machines *machines, const bt_stream *stream,
		      struct machine_stream **ret_stream)
{
	struct machine_stream *found = ptr_map_get(&machines->streams, stream);
	const bt_stream_class *stream_class;
	int r;

	if (likely(found)) {
		*ret_stream = found;
		return 0;
	}
	found = calloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	r = get_trace(machines, bt_stream_borrow_trace_const(stream), &found->trace);
	if (r == 0)
		r = ptr_map_add(&machines->streams, stream, found);
	if (r < 0) {
		free(found);
		return r;
	}
	bt_stream_get_ref(stream);
	found->stream = stream;
	stream_class = bt_stream_borrow_class_const(stream);
	found->pid_member = find_pid_member(stream_class);
	found->has_clock = bt_stream_class_borrow_default_clock_class_const(stream_class) != NULL;
	*ret_stream = found;
	return 0;
}

static int get_decoder(struct machines *machines, const bt_event_class *event_class,
		       struct bt_decoder **ret_decoder)
{
	struct bt_decoder *found = ptr_map_get(&machines->decoders, event_class);
	int r;

	if (unlikely(!found)) {
		r = bt_decoder_new(event_class, &found);
		if (r < 0)
			return r;
		r = ptr_map_add(&machines->decoders, event_class, found);
		if (r < 0) {
			bt_decoder_free(found);
			return r;
		}
	}
	*ret_decoder = found;
	return 0;
}

static int64_t trace_integer(const bt_trace *trace, const char *name)
{
	const bt_value *value = bt_trace_borrow_environment_entry_value_by_name_const(trace, name);

	return value && bt_value_is_signed_integer(value) ? bt_value_integer_signed_get(value) : -1;
}

static int64_t pid_of_event(const struct machine_stream *stream, const bt_event *event)
{
	const bt_field *context;

	if (stream->pid_member == BT_DECODE_ABSENT)
		return trace_integer(stream->trace->trace, "vpid");
	context = bt_event_borrow_common_context_field_const(event);
	return bt_field_integer_signed_get_value(
		bt_field_structure_borrow_member_field_by_index_const(context, stream->pid_member));
}

/* A loss while nobody was known to run concerns who is found next: its first events were in it. */
static void charge_early(struct machine *machine)
{
	struct exits_loss *early = &machine->trace->early;

	machine->exits->lost_events += early->events;
	machine->exits->lost_packets += early->packets;
	machine->exits->losses_unknown += early->unknown;
	*early = (struct exits_loss){ 0 };
}

static int add_machine(struct machines *machines, struct machine_trace *trace, int64_t pid,
		       struct machine **ret_machine)
{
	struct machine **list;
	struct machine *machine;
	int r;

	list = reallocarray(machines->list, machines->count + 1, sizeof(struct machine *));
	if (!list)
		return -ENOMEM;
	machines->list = list;
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return -ENOMEM;
	r = exits_new(&machine->exits);
	if (r < 0) {
		free(machine);
		return r;
	}
	machine->trace = trace;
	machine->pid = pid;
	for (unsigned i = 0; i < trace->losing; i++)
		exits_lose(machine->exits, (struct exits_loss){ 0 });
	charge_early(machine);
	machines->list[machines->count++] = machine;
	*ret_machine = machine;
	return 0;
}

/* Whether @record can only come from a machine that starts, after the one before stopped. */
static bool begins_anew(const struct machine *machine, const struct record *record)
{
	if (machine->exits->stops == 0)
		return false;
	return record->event == TRACE_EVENT_vm_start || record->event == TRACE_EVENT_device_map ||
	       record->event == TRACE_EVENT_device_register ||
	       (record->event == TRACE_EVENT_entry && record->entry.seq == 1);
}

/* The newest machine of @trace that is process @pid, or NULL. */
static struct machine *find_machine(const struct machines *machines,
				    const struct machine_trace *trace, int64_t pid)
{
	for (size_t i = machines->count; i-- > 0;)
		if (machines->list[i]->trace == trace && machines->list[i]->pid == pid)
			return machines->list[i];
	return NULL;
}

/* The machine that left @record; *ret_machine is NULL if there are too many of them. */
static int get_machine(struct machines *machines, struct machine_stream *stream,
		       const bt_event *event, const struct record *record,
		       struct machine **ret_machine)
{
	struct machine_trace *trace = stream->trace;
	struct machine *found = trace->last;

	/* The usual case: all events of a trace come from one process. */
	if (!found || stream->pid_member != BT_DECODE_ABSENT) {
		int64_t pid = pid_of_event(stream, event);

		if (!found || found->pid != pid)
			found = find_machine(machines, trace, pid);
	}
	if ((!found || begins_anew(found, record)) && machines->count < MACHINES_MAX) {
		int r = add_machine(machines, trace, pid_of_event(stream, event), &found);

		if (r < 0)
			return r;
	}
	trace->last = found;
	*ret_machine = found;
	return 0;
}

static int feed_event(struct machines *machines, const bt_message *message)
{
	const bt_event *event = bt_message_event_borrow_event_const(message);
	struct machine_stream *stream;
	struct bt_decoder *decoder;
	struct machine *machine;
	struct record record = { 0 };
	int r;

	machines->messages++;
	r = get_decoder(machines, bt_event_borrow_class_const(event), &decoder);
	if (r < 0 || !decoder->is_ours)
		return r;
	machines->ours++;
	r = get_stream(machines, bt_event_borrow_stream_const(event), &stream);
	if (r < 0)
		return r;
	if (!decoder->is_usable || !stream->has_clock) {
		machines->unusable++;
		return 0;
	}
	if (bt_clock_snapshot_get_ns_from_origin(
		    bt_message_event_borrow_default_clock_snapshot_const(message), &record.time) !=
	    BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK)
		return -ERANGE;
	bt_decode(decoder, event, &record);
	r = get_machine(machines, stream, event, &record, &machine);
	if (r < 0)
		return r;
	if (!machine) {
		machines->unusable++;
		return 0;
	}
	return exits_feed(machine->exits, &record);
}

/* Whether events of ours may be in streams of this class. */
static bool carries_ours(const bt_stream_class *stream_class)
{
	uint64_t count = bt_stream_class_get_event_class_count(stream_class);

	for (uint64_t i = 0; i < count; i++)
		if (bt_decode_is_ours(bt_event_class_get_name(
			    bt_stream_class_borrow_event_class_by_index_const(stream_class, i))))
			return true;
	return false;
}

/*
 * A loss is over when the stream's next packet begins: a tracer that found no free packet has one
 * again.  (The message's own end would be the end of that packet, and would spoil all that is in
 * it.)  Streams without packets lose at one point in time.
 */
static int feed_loss(struct machines *machines, const bt_stream *bt_stream, struct exits_loss loss)
{
	const bt_stream_class *stream_class = bt_stream_borrow_class_const(bt_stream);
	struct machine_stream *stream;
	bool charged = false, over;
	int r;

	if (!carries_ours(stream_class))
		return 0;
	r = get_stream(machines, bt_stream, &stream);
	if (r < 0)
		return r;
	over = stream->losing || !bt_stream_class_supports_packets(stream_class);
	for (size_t i = 0; i < machines->count; i++) {
		struct exits *exits = machines->list[i]->exits;
		bool stopped = exits->stops > 0;

		if (machines->list[i]->trace != stream->trace)
			continue;
		/* One that has stopped leaves no events that could be lost. */
		exits_lose(exits, stopped ? (struct exits_loss){ 0 } : loss);
		if (over)
			exits_lose_over(exits);
		charged = charged || !stopped;
	}
	if (!charged) {
		stream->trace->early.events += loss.events;
		stream->trace->early.packets += loss.packets;
		stream->trace->early.unknown |= loss.unknown;
	}
	if (!over) {
		stream->losing = true;
		stream->trace->losing++;
	}
	return 0;
}

static void end_loss(struct machines *machines, const bt_stream *bt_stream)
{
	struct machine_stream *stream = ptr_map_get(&machines->streams, bt_stream);

	if (!stream || !stream->losing)
		return;
	stream->losing = false;
	stream->trace->losing--;
	for (size_t i = 0; i < machines->count; i++)
		if (machines->list[i]->trace == stream->trace)
			exits_lose_over(machines->list[i]->exits);
}

static int feed_lost_events(struct machines *machines, const bt_message *message)
{
	struct exits_loss loss = { 0 };

	loss.unknown = bt_message_discarded_events_get_count(message, &loss.events) !=
		       BT_PROPERTY_AVAILABILITY_AVAILABLE;
	return feed_loss(machines, bt_message_discarded_events_borrow_stream_const(message), loss);
}

static int feed_lost_packets(struct machines *machines, const bt_message *message)
{
	struct exits_loss loss = { 0 };

	loss.unknown = bt_message_discarded_packets_get_count(message, &loss.packets) !=
		       BT_PROPERTY_AVAILABILITY_AVAILABLE;
	return feed_loss(machines, bt_message_discarded_packets_borrow_stream_const(message), loss);
}

int machines_feed(struct machines *machines, const bt_message *message)
{
	switch (bt_message_get_type(message)) {
	case BT_MESSAGE_TYPE_EVENT: return feed_event(machines, message);
	case BT_MESSAGE_TYPE_DISCARDED_EVENTS: return feed_lost_events(machines, message);
	case BT_MESSAGE_TYPE_DISCARDED_PACKETS: return feed_lost_packets(machines, message);
	case BT_MESSAGE_TYPE_PACKET_BEGINNING:
		end_loss(machines,
			 bt_packet_borrow_stream_const(
				 bt_message_packet_beginning_borrow_packet_const(message)));
		return 0;
	case BT_MESSAGE_TYPE_STREAM_END:
		end_loss(machines, bt_message_stream_end_borrow_stream_const(message));
		return 0;
	default: return 0;
	}
}

void machines_end(struct machines *machines)
{
	/* Lost after the last one stopped: better told there than nowhere. */
	for (size_t i = machines->count; i-- > 0;)
		charge_early(machines->list[i]);
	for (size_t i = 0; i < machines->count; i++)
		exits_end(machines->list[i]->exits);
}

char *machine_describe(const struct machine *machine)
{
	const bt_trace *trace = machine->trace->trace;
	const bt_value *host =
		bt_trace_borrow_environment_entry_value_by_name_const(trace, "hostname");
	const char *name = host && bt_value_is_string(host) ? bt_value_string_get(host) : NULL;
	char *text;
	int length;

	if (machine->pid >= 0)
		length = asprintf(&text, "process %" PRId64 "%s%s", machine->pid,
				  name ? " on " : "", name ? name : "");
	else
		length = asprintf(&text, "unknown process%s%s", name ? " on " : "",
				  name ? name : "");
	return length < 0 ? NULL : text;
}

void machines_clear(struct machines *machines)
{
	for (size_t i = 0; i < machines->count; i++) {
		exits_free(machines->list[i]->exits);
		free(machines->list[i]);
	}
	free(machines->list);
	for (size_t i = 0; i < machines->decoders.slot_count; i++)
		bt_decoder_free(machines->decoders.slots[i].value);
	for (size_t i = 0; i < machines->streams.slot_count; i++) {
		struct machine_stream *stream = machines->streams.slots[i].value;

		if (stream)
			bt_stream_put_ref(stream->stream);
		free(stream);
	}
	for (size_t i = 0; i < machines->traces.slot_count; i++) {
		struct machine_trace *trace = machines->traces.slots[i].value;

		if (trace)
			bt_trace_put_ref(trace->trace);
		free(trace);
	}
	ptr_map_clear(&machines->decoders);
	ptr_map_clear(&machines->streams);
	ptr_map_clear(&machines->traces);
	*machines = (struct machines){ 0 };
}
