/* SPDX-License-Identifier: MIT */
/*
 * The report on one machine's exits: the numbers of an exit analysis with names, shares and
 * percentiles, sorted, ready to be printed as text or JSON.  Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_REPORT_H
#define GLASSBOX_TOOLS_TRACE_REPORT_H

#include <stdio.h>

#include "base/elf_symbols.h"
#include "tools/trace/exits.h"

#define REPORT_MAX_WARNINGS   16u
#define REPORT_SCHEMA         "glassbox.exits"
#define REPORT_SCHEMA_VERSION 1

/* All in ns but the count. */
struct report_latency {
	uint64_t count;
	uint64_t sum, mean, min, max;
	uint64_t p50, p90, p99, p999;
};

struct report_row {
	bool is_other; /* of all keys beyond the table's bound */
	uint64_t exits;
	double share_exits; /* of all exits, 0 to 1 */
	double share_time;  /* of the VMM time of all exits, 0 to 1 */
	struct report_latency vmm, guest;

	struct row_key key; /* as in struct exits; of functions, value is the address */
	/* Owned; NULL where unknown or of no meaning in this table. */
	char *device;
	char *register_name;
	char *function;
};

struct report_table {
	struct report_row *rows; /* owned; by VMM time, then exits, then key */
	size_t count;
};

struct report {
	const struct exits *exits; /* borrowed */
	char *machine;             /* owned; e.g. "process 1234 on host" */
	uint64_t duration;         /* ns from the first to the last event */
	struct report_row all;
	struct report_table reasons, addresses, vcpus, functions;

	/* The VMM's own counters against the trace. */
	bool counters_known;
	uint64_t counted_by_vmm;
	uint64_t counted_in_trace; /* the exits that the counters cover */
	bool kvm_known;
	uint64_t kvm_exits;   /* in-kernel ones too */
	uint64_t left_kernel; /* of counted_in_trace, those that are among kvm_exits */

	bool has_symbols;
	char *symbols_path; /* owned, or NULL */
	char *build_id;     /* owned, or NULL */
	uint64_t exits_in_functions;
	uint64_t exits_in_kernel; /* RIP in the upper half */

	char *warnings[REPORT_MAX_WARNINGS]; /* owned; a sentence each */
	unsigned warning_count;
};

struct report_source {
	const struct exits *exits;         /* after exits_end() */
	const char *machine;               /* how the user knows it */
	const struct elf_symbols *symbols; /* as linked, or NULL */
	const char *symbols_path;          /* what the user called them, or NULL */
	bool incomplete;                   /* the trace was not read to its end */
};

/**
 * report_build() - work out the report
 * @source: what it borrows must outlive the report
 * @ret_report: free with report_free()
 *
 * Return: 0, or -ENOMEM.
 */
int report_build(const struct report_source *source, struct report **ret_report) __must_check;

/** report_free() - NULL is fine */
void report_free(struct report *report);

/**
 * report_print_text() - for people, at most 120 columns as long as names are not longer
 * @limit: rows of each table, 0 for all of them
 *
 * Return: 0, or -EIO if @out refused it.
 */
int report_print_text(const struct report *report, size_t limit, FILE *out) __must_check;

/**
 * report_print_json() - all reports of a trace as one document (docs/report.md describes it)
 * @complete: the trace was read to its end
 *
 * Return: 0, -ENOMEM, or -EIO if @out refused it.
 */
int report_print_json(struct report *const *reports, size_t count, size_t limit, bool complete,
		      FILE *out) __must_check;

#endif
