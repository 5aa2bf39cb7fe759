/* SPDX-License-Identifier: MIT */
/*
 * From Babeltrace's events to records.  The places of an event class's fields are looked up once,
 * by name, so fields may stand in any order, and new ones do no harm.  Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_BT_DECODE_H
#define GLASSBOX_TOOLS_TRACE_BT_DECODE_H

#include <babeltrace2/babeltrace.h>

#include "tools/trace/record.h"

#define BT_DECODE_MAX_FIELDS 7u

/* How to decode the events of one event class. */
struct bt_decoder {
	const bt_event_class *event_class;      /* a reference of its own */
	bool is_ours;                           /* named "glassbox:..." */
	bool is_usable;                         /* and all fields that matter are there */
	enum trace_event event;                 /* TRACE_EVENT_COUNT if it is none we know */
	uint64_t members[BT_DECODE_MAX_FIELDS]; /* index in the payload, or BT_DECODE_ABSENT */
	bool is_signed[BT_DECODE_MAX_FIELDS];
};

#define BT_DECODE_ABSENT UINT64_MAX

/** bt_decode_is_ours() - whether events of the class @name are Glassbox's (@name may be NULL) */
bool bt_decode_is_ours(const char *name);

/** bt_decoder_new() - work out how to decode @event_class.  Return: 0, or -ENOMEM. */
int bt_decoder_new(const bt_event_class *event_class, struct bt_decoder **ret_decoder) __must_check;

/** bt_decoder_free() - NULL is fine */
void bt_decoder_free(struct bt_decoder *decoder);

/**
 * bt_decode() - fill in the fields of @ret_record (its time is the caller's)
 * @decoder: usable, and of the class of @event
 * @ret_record: fields that the trace lacks are 0 or ""; those that no analysis reads (len, data)
 * are left as they are; strings live as long as @event
 */
void bt_decode(const struct bt_decoder *decoder, const bt_event *event, struct record *ret_record);

#endif
