/* SPDX-License-Identifier: MIT */
/* The caveats of a report: each one a fact, with what it means or what to do about it. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tools/trace/report_internal.h"

static int warn(struct report *report, const char *format, ...) __printf(2, 3);

static int warn(struct report *report, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	if (report->warning_count == REPORT_MAX_WARNINGS)
		return 0;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return -ENOMEM;
	report->warnings[report->warning_count++] = text;
	return 0;
}

static int warn_of_gaps(struct report *report, const struct exits *exits, bool incomplete)
{
	int r = 0;

	if (incomplete)
		r = warn(report, "the trace was not read to its end: this is about a part of it");
	if (r == 0 && (exits->lost_events || exits->lost_packets || exits->losses_unknown))
		r = warn(report,
			 "the tracer lost events: all counts are too low; record again with larger "
			 "or more sub-buffers");
	if (r == 0 && exits->starts == 0)
		r = warn(report, "no vm_start event: the recording began later, so the kernel and "
				 "its KASLR slide are unknown (taken as 0)");
	if (r == 0 && exits->starts > 1)
		r = warn(report,
			 "%u machines wrote into the same buffers and cannot be told apart; record "
			 "with per-process buffers, or with the context 'vpid'",
			 exits->starts);
	if (r == 0 && exits->stops == 0 && exits->starts > 0)
		r = warn(report, "no vm_stop event: the recording ended before the machine did");
	return r;
}

static int warn_of_counts(struct report *report, const struct exits *exits)
{
	int r = 0;

	if (report->counters_known && report->counted_by_vmm != report->counted_in_trace)
		r = warn(report,
			 "the VMM counted %" PRIu64 " exits, the trace has %" PRIu64
			 " of them: recording began late, or events were lost or not enabled",
			 report->counted_by_vmm, report->counted_in_trace);
	if (r == 0 && exits->all.exits == 0)
		r = warn(report, "no exit events: enable glassbox:exit and glassbox:entry");
	else if (r == 0 && exits->all.exits > 1 && exits->entries == 0)
		r = warn(report, "no entry events, so no latencies: enable glassbox:entry too");
	if (r == 0 && exits->bad_vcpus)
		r = warn(report, "%" PRIu64 " events left out: no vCPU has such a number",
			 exits->bad_vcpus);
	if (r == 0 && exits->names_dropped)
		r = warn(report, "%" PRIu64 " device or register names left out: too many",
			 exits->names_dropped);
	return r;
}

static int warn_of_bounds(struct report *report, const struct exits *exits)
{
	int r = 0;

	if (exits->reasons.other)
		r = warn(report, "more than %u reasons: the rest share one row", EXITS_MAX_REASONS);
	if (r == 0 && exits->addresses.other)
		r = warn(report, "more than %u addresses: the rest share one row",
			 EXITS_MAX_ADDRESSES);
	if (r == 0 && exits->instructions.other)
		r = warn(report, "more than %u guest instructions: the rest share one row",
			 EXITS_MAX_INSTRUCTIONS);
	return r;
}

static int warn_of_symbols(struct report *report)
{
	if (!report->has_symbols || report->exits_in_kernel == 0)
		return 0;
	/* Modules and patched text have no symbol in a vmlinux, but they never are the most. */
	if (2 * report->exits_in_functions >= report->exits_in_kernel)
		return 0;
	return warn(report,
		    "'%s' does not seem to be the guest's kernel: it names %" PRIu64 " of %" PRIu64
		    " exits of kernel code",
		    report->symbols_path ? report->symbols_path : "vmlinux",
		    report->exits_in_functions, report->exits_in_kernel);
}

int report_add_warnings(struct report *report, const struct report_source *source)
{
	int r;

	r = warn_of_gaps(report, source->exits, source->incomplete);
	if (r == 0)
		r = warn_of_counts(report, source->exits);
	if (r == 0)
		r = warn_of_bounds(report, source->exits);
	if (r == 0)
		r = warn_of_symbols(report);
	return r;
}
