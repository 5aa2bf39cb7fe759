/* SPDX-License-Identifier: MIT */
/* A table of the fields that the analyses read, and the loop that follows it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/bt_decode.h"

#define PREFIX "glassbox:"

enum field_kind { FIELD_U32, FIELD_U64, FIELD_TEXT };

struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	size_t offset; /* in struct record */
};

/* clang-format off */
#define FIELD(event, member, kind, required) \
	{ #member, kind, required, offsetof(struct record, event.member) }
/* clang-format on */
#define U32(event, member)      FIELD(event, member, FIELD_U32, false)
#define U64(event, member)      FIELD(event, member, FIELD_U64, false)
#define TEXT(event, member)     FIELD(event, member, FIELD_TEXT, false)
/* Without these an event says nothing. */
#define NEED_U32(event, member) FIELD(event, member, FIELD_U32, true)
#define NEED_U64(event, member) FIELD(event, member, FIELD_U64, true)

/* What no analysis reads is left out: each field costs some 20 ns of every event. */
static const struct field fields[TRACE_EVENT_COUNT][BT_DECODE_MAX_FIELDS] = {
	[TRACE_EVENT_exit] = { NEED_U32(exit, vcpu), NEED_U64(exit, seq), NEED_U32(exit, reason),
			       U64(exit, rip), U32(exit, space), U64(exit, addr),
			       U32(exit, is_write) },
	[TRACE_EVENT_entry] = { NEED_U32(entry, vcpu), NEED_U64(entry, seq), TEXT(entry, device) },
	[TRACE_EVENT_device_map] = { TEXT(device_map, device), NEED_U32(device_map, space),
				     NEED_U64(device_map, base), NEED_U64(device_map, len) },
	[TRACE_EVENT_device_register] = { TEXT(device_register, device),
					  NEED_U32(device_register, space),
					  NEED_U64(device_register, addr),
					  TEXT(device_register, access),
					  TEXT(device_register, name) },
	[TRACE_EVENT_vcpu_counters] = { NEED_U32(vcpu_counters, vcpu),
					NEED_U64(vcpu_counters, user_exits),
					U64(vcpu_counters, kvm_exits) },
	[TRACE_EVENT_stop] = { NEED_U32(stop, vcpu), U32(stop, reason), U64(stop, rip) },
	[TRACE_EVENT_resume] = { NEED_U32(resume, vcpu), U32(resume, step) },
	[TRACE_EVENT_vm_start] = { TEXT(vm_start, version), U32(vm_start, vcpus),
				   U64(vm_start, memory), TEXT(vm_start, kernel),
				   U64(vm_start, text_slide) },
	[TRACE_EVENT_vm_stop] = { U32(vm_stop, status), TEXT(vm_stop, cause) },
};

#define NAME_OF_EVENT(name, params, args) #name,
static const char *const event_names[TRACE_EVENT_COUNT] = { TRACE_EVENTS(NAME_OF_EVENT) };

bool bt_decode_is_ours(const char *name)
{
	return name && strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static enum trace_event event_of_name(const char *name)
{
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		if (strcmp(name + strlen(PREFIX), event_names[i]) == 0)
			return (enum trace_event)i;
	return TRACE_EVENT_COUNT;
}

/* Whether the payload's member at @index can be read as @kind. */
static bool member_fits(const bt_field_class *payload, uint64_t index, enum field_kind kind,
			bool *ret_signed)
{
	const bt_field_class_structure_member *member =
		bt_field_class_structure_borrow_member_by_index_const(payload, index);
	bt_field_class_type type = bt_field_class_get_type(
		bt_field_class_structure_member_borrow_field_class_const(member));

	if (kind == FIELD_TEXT)
		return type == BT_FIELD_CLASS_TYPE_STRING;
	/* Enumerations are integers too. */
	*ret_signed = bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER);
	return *ret_signed || bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER);
}

static uint64_t find_member(const bt_field_class *payload, const char *name)
{
	uint64_t count = payload ? bt_field_class_structure_get_member_count(payload) : 0;

	for (uint64_t i = 0; i < count; i++) {
		const bt_field_class_structure_member *member =
			bt_field_class_structure_borrow_member_by_index_const(payload, i);

		if (strcmp(bt_field_class_structure_member_get_name(member), name) == 0)
			return i;
	}
	return BT_DECODE_ABSENT;
}

static void resolve_fields(struct bt_decoder *decoder)
{
	const bt_field_class *payload =
		bt_event_class_borrow_payload_field_class_const(decoder->event_class);

	decoder->is_usable = true;
	for (unsigned i = 0; i < BT_DECODE_MAX_FIELDS; i++) {
		const struct field *field = &fields[decoder->event][i];
		uint64_t index;

		decoder->members[i] = BT_DECODE_ABSENT;
		if (!field->name)
			continue;
		index = find_member(payload, field->name);
		if (index != BT_DECODE_ABSENT &&
		    member_fits(payload, index, field->kind, &decoder->is_signed[i]))
			decoder->members[i] = index;
		else if (field->required)
			decoder->is_usable = false;
	}
}

int bt_decoder_new(const bt_event_class *event_class, struct bt_decoder **ret_decoder)
{
	const char *name = bt_event_class_get_name(event_class);
	struct bt_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return -ENOMEM;
	bt_event_class_get_ref(event_class);
	decoder->event_class = event_class;
	decoder->event = TRACE_EVENT_COUNT;
	decoder->is_ours = bt_decode_is_ours(name);
	if (decoder->is_ours)
		decoder->event = event_of_name(name);
	if (decoder->event != TRACE_EVENT_COUNT)
		resolve_fields(decoder);
	*ret_decoder = decoder;
	return 0;
}

void bt_decoder_free(struct bt_decoder *decoder)
{
	if (!decoder)
		return;
	bt_event_class_put_ref(decoder->event_class);
	free(decoder);
}

/* Of an empty string babeltrace2 2.0 leaves the text of the message before in the buffer. */
static const char *text_of(const bt_field *field)
{
	if (!field || bt_field_string_get_length(field) == 0)
		return "";
	return bt_field_string_get_value(field);
}

static uint64_t integer_value(const bt_field *field, bool is_signed)
{
	return is_signed ? (uint64_t)bt_field_integer_signed_get_value(field)
			 : bt_field_integer_unsigned_get_value(field);
}

void bt_decode(const struct bt_decoder *decoder, const bt_event *event, struct record *ret_record)
{
	const bt_field *payload = bt_event_borrow_payload_field_const(event);

	ret_record->event = decoder->event;
	for (unsigned i = 0; i < BT_DECODE_MAX_FIELDS; i++) {
		const struct field *spec = &fields[decoder->event][i];
		void *to = (char *)ret_record + spec->offset;
		const bt_field *field = NULL;

		if (!spec->name)
			break;
		if (decoder->members[i] != BT_DECODE_ABSENT)
			field = bt_field_structure_borrow_member_field_by_index_const(
				payload, decoder->members[i]);
		switch (spec->kind) {
		case FIELD_U32:
			*(uint32_t *)to =
				field ? (uint32_t)integer_value(field, decoder->is_signed[i]) : 0;
			break;
		case FIELD_U64:
			*(uint64_t *)to = field ? integer_value(field, decoder->is_signed[i]) : 0;
			break;
		case FIELD_TEXT: *(const char **)to = text_of(field); break;
		}
	}
}
