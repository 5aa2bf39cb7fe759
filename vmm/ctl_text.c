/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/balloon.h"
#include "vmm/ctl_table.h"
#include "vmm/ctl_text.h"

/* The columns of what has a name and a value. */
#define PAIRS                                                                                      \
	{                                                                                          \
		.nr_columns = 2                                                                    \
	}

/* Of a list of heads; there can be as many as a queue is large. */
#define MAX_HEADS 8u

#define TEXT_MAX  128

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "?";
}

static bool is_true(const json_t *object, const char *member)
{
	return json_is_true(json_object_get(object, member));
}

static json_int_t number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* "128 MiB", "187.3 MiB", "12 KiB" */
static const char *size_text(json_int_t bytes, char *buf)
{
	if (bytes < 0 || bytes % 1024)
		(void)snprintf(buf, TEXT_MAX, "%" JSON_INTEGER_FORMAT " B", bytes);
	else if (bytes % (1 << 20) == 0)
		(void)snprintf(buf, TEXT_MAX, "%" JSON_INTEGER_FORMAT " MiB", bytes >> 20);
	else if (bytes < 1 << 20)
		(void)snprintf(buf, TEXT_MAX, "%" JSON_INTEGER_FORMAT " KiB", bytes >> 10);
	else
		(void)snprintf(buf, TEXT_MAX, "%.1f MiB", (double)bytes / (1 << 20));
	return buf;
}

/* The strings of an array, with blanks between. */
static const char *join(const json_t *array, char *buf)
{
	const json_t *word;
	size_t i, len = 0;

	buf[0] = '\0';
	json_array_foreach(array, i, word)
	{
		const char *text = json_string_value(word);

		if (!text || len + strlen(text) + 2 > TEXT_MAX)
			continue;
		len += (size_t)snprintf(buf + len, TEXT_MAX - len, "%s%s", len ? " " : "", text);
	}
	return buf;
}

void ctl_print_nothing(FILE *out, const json_t *result)
{
	(void)out;
	(void)result;
}

static const char *state_text(const json_t *result)
{
	const char *state = text_of(result, "state");

	if (strcmp(state, "stopped") == 0)
		return is_true(result, "paused") ? "stopped by the debugger, and paused"
						 : "stopped by the debugger";
	return state;
}

void ctl_print_state(FILE *out, const json_t *result)
{
	struct ctl_table table = { .nr_columns = 1 };

	ctl_table_add(&table, "%s", state_text(result));
	ctl_table_print(&table, out);
}

void ctl_print_status(FILE *out, const json_t *result)
{
	const json_t *debugger = json_object_get(result, "debugger");
	json_int_t vcpus = number_of(result, "vcpus");
	struct ctl_table table = PAIRS;
	char buf[TEXT_MAX];

	ctl_table_add(&table, "state");
	ctl_table_add(&table, "%s", state_text(result));
	ctl_table_add(&table, "guest");
	ctl_table_add(&table, "%" JSON_INTEGER_FORMAT " vCPU%s, %s", vcpus, vcpus == 1 ? "" : "s",
		      size_text(number_of(result, "memory"), buf));
	ctl_table_add(&table, "kernel");
	ctl_table_add(&table, "%s (%s)", text_of(result, "kernel"), text_of(result, "boot"));
	ctl_table_add(&table, "debugger");
	if (json_is_object(debugger))
		ctl_table_add(&table, "%s at %s",
			      is_true(debugger, "attached") ? "attached" : "none attached",
			      text_of(debugger, "address"));
	else
		ctl_table_add(&table, "none");
	ctl_table_add(&table, "trace");
	ctl_table_add(&table, "%s",
		      json_is_string(json_object_get(result, "trace")) ? text_of(result, "trace")
								       : "none");
	ctl_table_add(&table, "process");
	ctl_table_add(&table, "%" JSON_INTEGER_FORMAT ", glassbox %s", number_of(result, "pid"),
		      text_of(result, "version"));
	ctl_table_print(&table, out);
}

/* "0x3f8-0x3ff", or just the address. */
static void add_place(struct ctl_table *table, const json_t *device)
{
	const char *address = text_of(device, "address");
	json_int_t size = number_of(device, "size");

	ctl_table_add(table, "%s", text_of(device, "bus"));
	if (size > 0)
		ctl_table_add(table, "%s-0x%llx", address,
			      strtoull(address, NULL, 16) + (unsigned long long)size - 1);
	else
		ctl_table_add(table, "%s", address);
}

void ctl_print_devices(FILE *out, const json_t *result)
{
	struct ctl_table table = { .nr_columns = 4 };
	const json_t *device;
	char buf[TEXT_MAX];
	size_t i;

	ctl_table_add(&table, "DEVICE");
	ctl_table_add(&table, "BUS");
	ctl_table_add(&table, "ADDRESS");
	ctl_table_add(&table, "DRIVER");
	json_array_foreach(json_object_get(result, "devices"), i, device)
	{
		const json_t *status = json_object_get(device, "status");

		ctl_table_add(&table, "%s", text_of(device, "name"));
		add_place(&table, device);
		ctl_table_add(&table, "%s", json_array_size(status) ? join(status, buf) : "-");
	}
	ctl_table_print(&table, out);
}

static void print_features(FILE *out, const json_t *features)
{
	struct ctl_table table = { .nr_columns = 4, .right = 1u << 1 };
	const json_t *feature;
	size_t i;

	ctl_table_add(&table, "FEATURE");
	ctl_table_add(&table, "BIT");
	ctl_table_add(&table, "OFFERED");
	ctl_table_add(&table, "ACCEPTED");
	json_array_foreach(features, i, feature)
	{
		ctl_table_add(&table, "%s", text_of(feature, "name"));
		ctl_table_add(&table, "%" JSON_INTEGER_FORMAT, number_of(feature, "bit"));
		ctl_table_add(&table, "%s", is_true(feature, "offered") ? "yes" : "no");
		ctl_table_add(&table, "%s", is_true(feature, "accepted") ? "yes" : "no");
	}
	ctl_table_print(&table, out);
}

/* An index of a split ring, or of a packed one: "17", "17/1" with the wrap counter. */
static void add_index(struct ctl_table *table, const json_t *index)
{
	if (json_is_object(index))
		ctl_table_add(table, "%" JSON_INTEGER_FORMAT "/%d", number_of(index, "index"),
			      is_true(index, "wrap"));
	else if (json_is_integer(index))
		ctl_table_add(table, "%" JSON_INTEGER_FORMAT, json_integer_value(index));
	else
		ctl_table_add(table, "-");
}

/* "on", "off", "at 17" */
static void add_event(struct ctl_table *table, const json_t *event)
{
	const char *when = json_string_value(json_object_get(event, "when"));

	if (!when)
		ctl_table_add(table, "-");
	else if (strcmp(when, "at") != 0)
		ctl_table_add(table, "%s", when);
	else if (json_object_get(event, "wrap"))
		ctl_table_add(table, "at %" JSON_INTEGER_FORMAT "/%d", number_of(event, "index"),
			      is_true(event, "wrap"));
	else
		ctl_table_add(table, "at %" JSON_INTEGER_FORMAT, number_of(event, "index"));
}

/* "3 5 7", "0 1 2 3 4 5 6 7 and 12 more", "-" */
static void add_heads(struct ctl_table *table, const json_t *heads)
{
	size_t count = json_array_size(heads), len = 0;
	char buf[TEXT_MAX] = "-";

	for (size_t i = 0; i < MIN(count, MAX_HEADS); i++)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s%" JSON_INTEGER_FORMAT,
					i ? " " : "", json_integer_value(json_array_get(heads, i)));
	if (count > MAX_HEADS)
		ctl_table_add(table, "%s and %zu more", buf, count - MAX_HEADS);
	else
		ctl_table_add(table, "%s", buf);
}

static const char *queue_state(const json_t *queue)
{
	if (is_true(queue, "broken"))
		return "broken";
	return is_true(queue, "enabled") ? text_of(queue, "layout") : "off";
}

static void print_queues(FILE *out, const json_t *queues)
{
	static const char *const heads[] = {
		"QUEUE", "STATE", "SIZE",       "AVAIL",   "TAKEN",
		"USED",  "KICKS", "INTERRUPTS", "WAITING", "IN FLIGHT"
	};
	struct ctl_table table = { .nr_columns = ARRAY_SIZE(heads), .right = 0x3d };
	const json_t *queue;
	size_t i;

	for (unsigned column = 0; column < ARRAY_SIZE(heads); column++)
		ctl_table_add(&table, "%s", heads[column]);
	json_array_foreach(queues, i, queue)
	{
		ctl_table_add(&table, "%" JSON_INTEGER_FORMAT, number_of(queue, "queue"));
		ctl_table_add(&table, "%s", queue_state(queue));
		ctl_table_add(&table, "%" JSON_INTEGER_FORMAT, number_of(queue, "size"));
		add_index(&table, json_object_get(queue, "avail"));
		add_index(&table, json_object_get(queue, "last_avail"));
		add_index(&table, json_object_get(queue, "used"));
		add_event(&table, json_object_get(queue, "kicks"));
		add_event(&table, json_object_get(queue, "interrupts"));
		add_heads(&table, json_object_get(queue, "waiting"));
		add_heads(&table, json_object_get(queue, "in_flight"));
	}
	ctl_table_print(&table, out);
}

void ctl_print_virtio(FILE *out, const json_t *result)
{
	const json_t *status = json_object_get(result, "status");
	struct ctl_table table = PAIRS;
	char buf[TEXT_MAX];

	ctl_table_add(&table, "device");
	ctl_table_add(&table, "%s, type %" JSON_INTEGER_FORMAT " (%s)", text_of(result, "name"),
		      number_of(result, "device_id"), text_of(result, "type"));
	ctl_table_add(&table, "place");
	ctl_table_add(&table, "%s %s", text_of(result, "bus"), text_of(result, "address"));
	ctl_table_add(&table, "status");
	ctl_table_add(&table, "0x%02x %s", (unsigned)number_of(status, "value"),
		      join(json_object_get(status, "bits"), buf));
	ctl_table_print(&table, out);
	(void)fputc('\n', out);
	print_features(out, json_object_get(result, "features"));
	(void)fputc('\n', out);
	print_queues(out, json_object_get(result, "queues"));
}

static void add_size(struct ctl_table *table, const char *name, json_int_t bytes)
{
	char buf[TEXT_MAX];

	ctl_table_add(table, "%s", name);
	ctl_table_add(table, "%s", size_text(bytes, buf));
}

void ctl_print_balloon(FILE *out, const json_t *result)
{
	struct ctl_table table = PAIRS;

	add_size(&table, "wanted in the balloon", number_of(result, "target"));
	add_size(&table, "in the balloon", number_of(result, "actual"));
	add_size(&table, "given back by inflating", number_of(result, "inflated"));
	add_size(&table, "given back as free pages", number_of(result, "reported"));
	if (!is_true(result, "driver")) {
		ctl_table_add(&table, "driver");
		ctl_table_add(&table, "none, or not yet");
	}
	if (number_of(result, "failures")) {
		ctl_table_add(&table, "refused by the host");
		ctl_table_add(&table, "%" JSON_INTEGER_FORMAT " times",
			      number_of(result, "failures"));
	}
	ctl_table_print(&table, out);
}

void ctl_print_stats(FILE *out, const json_t *result)
{
	struct ctl_table table = PAIRS;

	for (unsigned tag = 0; tag < VIRTIO_BALLOON_NR_STATS; tag++) {
		const struct virtio_balloon_stat_info *info = virtio_balloon_stat_info(tag);
		char words[TEXT_MAX];

		if (!json_object_get(result, info->name))
			continue;
		(void)snprintf(words, sizeof(words), "%s", info->name);
		for (char *at = words; *at; at++)
			*at = *at == '_' ? ' ' : *at;
		if (info->is_bytes) {
			add_size(&table, words, number_of(result, info->name));
			continue;
		}
		ctl_table_add(&table, "%s", words);
		ctl_table_add(&table, "%" JSON_INTEGER_FORMAT, number_of(result, info->name));
	}
	ctl_table_print(&table, out);
}
