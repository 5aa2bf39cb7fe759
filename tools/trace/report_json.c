/* SPDX-License-Identifier: MIT */
/* The report for programs.  Times are ns, shares are 0 to 1, addresses are numbers. */
#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/kvm_reasons.h"
#include "tools/trace/report_internal.h"

/* Owned references; NULL means out of memory, which jansson's functions pass on. */

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* JSON of jansson is signed; nothing we count comes near the bound but addresses do. */
static json_t *json_of(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Above 2^63 readers disagree about numbers, so addresses are strings. */
static json_t *json_of_address(uint64_t address)
{
	return json_sprintf("0x%llx", (unsigned long long)address);
}

/* What a guest or its file names put into strings need not be UTF-8. */
static json_t *json_of_text(const char *text)
{
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	return json ? json : json_string("(not UTF-8)");
}

static json_t *json_of_latency(const struct report_latency *latency)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", /**/
			 "count", json_of(latency->count), "sum", json_of(latency->sum), "mean",
			 json_of(latency->mean), "min", json_of(latency->min), "p50",
			 json_of(latency->p50), "p90", json_of(latency->p90), "p99",
			 json_of(latency->p99), "p999", json_of(latency->p999), "max",
			 json_of(latency->max));
}

static json_t *json_of_row(const struct report_row *row)
{
	return json_pack("{s:b, s:o, s:f, s:f, s:o, s:o}", /**/
			 "other", (int)row->is_other, "exits", json_of(row->exits), "share_exits",
			 row->share_exits, "share_time", row->share_time, "vmm_time",
			 json_of_latency(&row->vmm), "guest_time", json_of_latency(&row->guest));
}

static json_t *key_of_reason(const struct report_row *row)
{
	return json_pack("{s:o, s:o}", "reason", json_of(row->key.value), "name",
			 json_of_text(kvm_reason_name((uint32_t)row->key.value)));
}

static json_t *key_of_address(const struct report_row *row)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:o}", /**/
			 "space", report_space_name(EXITS_TAG_SPACE(row->key.tag)), "address",
			 json_of_address(row->key.value), "access",
			 EXITS_TAG_IS_WRITE(row->key.tag) ? "write" : "read", "device",
			 json_of_text(row->device), "register", json_of_text(row->register_name));
}

static json_t *key_of_vcpu(const struct report_row *row)
{
	return json_pack("{s:o}", "vcpu", json_of(row->key.value));
}

static json_t *key_of_function(const struct report_row *row)
{
	return json_pack("{s:o, s:o}", "function", json_of_text(row->function), "address",
			 json_of_address(row->key.value));
}

static json_t *json_of_table(const struct report_table *table, size_t limit,
			     json_t *(*key)(const struct report_row *row))
{
	size_t shown = limit ? MIN(limit, table->count) : table->count;
	_cleanup_json_ json_t *rows = json_array();

	for (size_t i = 0; i < shown; i++) {
		_cleanup_json_ json_t *json = json_of_row(&table->rows[i]);
		_cleanup_json_ json_t *keys = NULL;

		if (!table->rows[i].is_other) {
			keys = key(&table->rows[i]);
			if (json_object_update(json, keys) < 0)
				return NULL;
		}
		if (json_array_append(rows, json) < 0)
			return NULL;
	}
	return json_pack("{s:o, s:O}", "omitted", json_of(table->count - shown), "rows", rows);
}

static json_t *json_of_guest(const struct exits *exits)
{
	if (exits->starts == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", /**/
			 "version", json_of_text(exits->version), "kernel",
			 json_of_text(exits->kernel), "vcpus", json_of(exits->vm_vcpus), "memory",
			 json_of(exits->memory), "text_slide", json_of_address(exits->text_slide));
}

static json_t *json_of_stop(const struct exits *exits)
{
	if (exits->stops == 0)
		return json_null();
	return json_pack("{s:o, s:o}", "status", json_of(exits->stop_status), "cause",
			 json_of_text(exits->stop_cause));
}

static json_t *json_of_counters(const struct report *report)
{
	if (!report->counters_known)
		return json_null();
	return json_pack("{s:o, s:o, s:b, s:o}", /**/
			 "vmm_exits", json_of(report->counted_by_vmm), "trace_exits",
			 json_of(report->counted_in_trace), "equal",
			 report->counted_by_vmm == report->counted_in_trace, "kvm_exits",
			 report->kvm_known ? json_of(report->kvm_exits) : json_null());
}

static json_t *json_of_quality(const struct report *report)
{
	const struct exits *exits = report->exits;

	return json_pack("{s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o}}", /**/
			 "events", json_of(exits->events), "lost_events",
			 json_of(exits->lost_events), "lost_packets", json_of(exits->lost_packets),
			 "losses_of_unknown_size", json_of(exits->losses_unknown),
			 /**/
			 "unmatched", "at_start", json_of(exits->unmatched.at_start), "at_end",
			 json_of(exits->unmatched.at_end), "in_between",
			 json_of(exits->unmatched.in_between), "across_loss",
			 json_of(exits->unmatched.across_loss), "across_pause",
			 json_of(exits->unmatched.across_pause),
			 /**/
			 "debugger_pauses", "count", json_of(exits->pauses), "time",
			 json_of(exits->paused));
}

static json_t *json_of_symbols(const struct report *report)
{
	if (!report->has_symbols)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", /**/
			 "file", json_of_text(report->symbols_path), "build_id",
			 json_of_text(report->build_id), "exits_in_functions",
			 json_of(report->exits_in_functions));
}

static json_t *json_of_warnings(const struct report *report)
{
	json_t *warnings = json_array();

	for (unsigned i = 0; i < report->warning_count; i++)
		if (json_array_append_new(warnings, json_of_text(report->warnings[i])) < 0) {
			json_decref(warnings);
			return NULL;
		}
	return warnings;
}

static json_t *json_of_report(const struct report *report, size_t limit)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", /**/
			 "machine", json_of_text(report->machine), "guest",
			 json_of_guest(report->exits), "stop", json_of_stop(report->exits),
			 "duration", json_of(report->duration), "quality", json_of_quality(report),
			 "counters", json_of_counters(report), "symbols", json_of_symbols(report),
			 "warnings", json_of_warnings(report), "all", json_of_row(&report->all),
			 "by_reason", json_of_table(&report->reasons, limit, key_of_reason),
			 "by_address", json_of_table(&report->addresses, limit, key_of_address),
			 "by_vcpu", json_of_table(&report->vcpus, limit, key_of_vcpu),
			 "by_function", json_of_table(&report->functions, limit, key_of_function));
}

int report_print_json(struct report *const *reports, size_t count, size_t limit, bool complete,
		      FILE *out)
{
	_cleanup_json_ json_t *machines = json_array();
	_cleanup_json_ json_t *document = NULL;

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(machines, json_of_report(reports[i], limit)) < 0)
			return -ENOMEM;
	document = json_pack("{s:s, s:i, s:b, s:O}", "schema", REPORT_SCHEMA, "version",
			     REPORT_SCHEMA_VERSION, "complete", (int)complete, "machines",
			     machines);
	if (!document)
		return -ENOMEM;
	if (json_dumpf(document, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0)
		return -EIO;
	fputc('\n', out);
	return ferror(out) ? -EIO : 0;
}
