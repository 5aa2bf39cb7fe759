/* SPDX-License-Identifier: MIT */
/* The report for people. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/kvm_reasons.h"
#include "tools/trace/report_internal.h"

#define NAME_COLUMNS 34
#define TEXT_MAX     192u

const char *report_space_name(uint32_t space)
{
	return space == TRACE_SPACE_PIO ? "pio" : space == TRACE_SPACE_MMIO ? "mmio" : "none";
}

/* Three significant digits and a unit, at most 6 characters: "7.82us", "999ns", "12.3ms". */
static const char *format_time(uint64_t ns, char *buf, size_t size)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = { { 1e3, "us" }, { 1e6, "ms" }, { 1e9, "s" } };
	unsigned unit = 0;
	double value;

	if (ns < 1000) {
		(void)snprintf(buf, size, "%" PRIu64 "ns", ns);
		return buf;
	}
	/* 999.5 would be rounded to four digits. */
	while (unit + 1 < ARRAY_SIZE(units) && (double)ns / units[unit].ns >= 999.5)
		unit++;
	value = (double)ns / units[unit].ns;
	(void)snprintf(buf, size, "%.*f%s",
		       value < 9.995   ? 2
		       : value < 99.95 ? 1
				       : 0,
		       value, units[unit].name);
	return buf;
}

static void print_times(FILE *out, const uint64_t *times, size_t count, bool known)
{
	for (size_t i = 0; i < count; i++) {
		char buf[32];

		fprintf(out, " %6s", known ? format_time(times[i], buf, sizeof(buf)) : "-");
	}
}

static void print_row(FILE *out, const char *name, const struct report_row *row)
{
	const uint64_t vmm[] = { row->vmm.p50, row->vmm.p90, row->vmm.p99, row->vmm.p999,
				 row->vmm.max };
	const uint64_t guest[] = { row->guest.p50, row->guest.p90, row->guest.p99, row->guest.max };

	/* A long name gets a line of its own, so that the columns stay columns. */
	if (strlen(name) > NAME_COLUMNS)
		fprintf(out, "%s\n%-*s", name, NAME_COLUMNS, "");
	else
		fprintf(out, "%-*s", NAME_COLUMNS, name);
	fprintf(out, " %9" PRIu64 " %5.1f %5.1f", row->exits, 100 * row->share_exits,
		100 * row->share_time);
	print_times(out, vmm, ARRAY_SIZE(vmm), row->vmm.count > 0);
	print_times(out, guest, ARRAY_SIZE(guest), row->guest.count > 0);
	fputc('\n', out);
}

static void print_columns(FILE *out, const char *title)
{
	fprintf(out, "\n%-*s %9s %5s %5s %34s %27s\n", NAME_COLUMNS, "", "", "% of", "% of",
		"---------- time in VMM -----------", "------ time in guest ------");
	fprintf(out, "%-*s %9s %5s %5s", NAME_COLUMNS, title, "exits", "exits", "time");
	fprintf(out, " %6s %6s %6s %6s %6s %6s %6s %6s %6s\n", "p50", "p90", "p99", "p99.9", "max",
		"p50", "p90", "p99", "max");
}

static void name_reason(const struct report_row *row, char *buf, size_t size)
{
	const char *name = kvm_reason_name((uint32_t)row->key.value);

	if (name)
		(void)snprintf(buf, size, "%s", name);
	else
		(void)snprintf(buf, size, "KVM_EXIT %" PRIu64, row->key.value);
}

static void name_address(const struct report_row *row, char *buf, size_t size)
{
	bool is_pio = EXITS_TAG_SPACE(row->key.tag) == TRACE_SPACE_PIO;

	(void)snprintf(buf, size, "%s%s%s %s0x%" PRIx64 " %c", row->device ? row->device : "?",
		       row->register_name ? " " : "", row->register_name ? row->register_name : "",
		       is_pio ? "" : "@", row->key.value,
		       EXITS_TAG_IS_WRITE(row->key.tag) ? 'w' : 'r');
}

static void name_vcpu(const struct report_row *row, char *buf, size_t size)
{
	(void)snprintf(buf, size, "vCPU %" PRIu64, row->key.value);
}

static void name_function(const struct report_row *row, char *buf, size_t size)
{
	if (row->function)
		(void)snprintf(buf, size, "%s", row->function);
	else
		(void)snprintf(buf, size, "0x%" PRIx64, row->key.value);
}

static void print_table(FILE *out, const char *title, const struct report_table *table,
			size_t limit,
			void (*name)(const struct report_row *row, char *buf, size_t size))
{
	size_t shown = limit ? MIN(limit, table->count) : table->count;
	uint64_t exits = 0;
	double time = 0;
	char buf[TEXT_MAX];

	if (table->count == 0)
		return;
	print_columns(out, title);
	for (size_t i = 0; i < table->count; i++) {
		const struct report_row *row = &table->rows[i];

		if (i >= shown) {
			exits += row->exits;
			time += row->share_time;
			continue;
		}
		if (row->is_other)
			(void)snprintf(buf, sizeof(buf), "(all others)");
		else
			name(row, buf, sizeof(buf));
		print_row(out, buf, row);
	}
	if (shown < table->count)
		fprintf(out, "(%zu more rows: %" PRIu64 " exits, %.1f %% of the time)\n",
			table->count - shown, exits, 100 * time);
}

static void print_machine(FILE *out, const struct report *report)
{
	const struct exits *exits = report->exits;
	char buf[32];

	fprintf(out, "Machine    %s\n", report->machine ? report->machine : "unknown");
	if (exits->starts > 0)
		fprintf(out,
			"Guest      glassbox %s, %" PRIu32 " vCPU%s, %" PRIu64
			" MiB, kernel %s, text slide 0x%" PRIx64 "\n",
			exits->version, exits->vm_vcpus, exits->vm_vcpus == 1 ? "" : "s",
			exits->memory >> 20, exits->kernel[0] ? exits->kernel : "unknown",
			exits->text_slide);
	fprintf(out, "Duration   %s", format_time(report->duration, buf, sizeof(buf)));
	if (exits->stop_cause)
		fprintf(out, ", ended with status %" PRIu32 "%s%s", exits->stop_status,
			exits->stop_cause[0] ? ": " : "", exits->stop_cause);
	fputc('\n', out);
}

static void print_counts(FILE *out, const struct report *report)
{
	const struct exits *exits = report->exits;

	fprintf(out, "Events     %" PRIu64 " read, ", exits->events);
	if (exits->lost_packets)
		fprintf(out, "%" PRIu64 " packets and ", exits->lost_packets);
	if (exits->losses_unknown)
		fprintf(out, "at least ");
	fprintf(out, "%" PRIu64 " events lost\n", exits->lost_events);

	fprintf(out, "Exits      %" PRIu64 " to the VMM; ", exits->all.exits);
	if (!report->counters_known)
		fprintf(out, "the trace has no counters of the VMM to check this by\n");
	else if (report->counted_by_vmm == report->counted_in_trace)
		fprintf(out, "the VMM's own count is equal\n");
	else
		fprintf(out, "the VMM's own count differs: %" PRIu64 "\n", report->counted_by_vmm);
	if (report->kvm_known)
		fprintf(out,
			"           %.1f %% of KVM's %" PRIu64
			" exits; the rest never left the kernel and is not in the trace\n",
			100 * (double)report->left_kernel / (double)report->kvm_exits,
			report->kvm_exits);
	else
		fprintf(out, "           KVM's count is unknown; exits handled in the kernel are "
			     "not in the trace\n");
}

static void print_pairs(FILE *out, const struct report *report)
{
	const struct exits_unmatched *unmatched = &report->exits->unmatched;
	char buf[32];

	fprintf(out,
		"Pairs      %" PRIu64 " VMM times, %" PRIu64 " guest times; unmatched: %" PRIu64
		" at the start, %" PRIu64 " at the end, %" PRIu64 " in between",
		report->all.vmm.count, report->all.guest.count, unmatched->at_start,
		unmatched->at_end, unmatched->in_between);
	if (unmatched->across_loss)
		fprintf(out, ", %" PRIu64 " across losses", unmatched->across_loss);
	if (unmatched->across_pause)
		fprintf(out, ", %" PRIu64 " across a pause without end", unmatched->across_pause);
	fputc('\n', out);
	fprintf(out, "Debugger   %" PRIu64 " pause%s of vCPUs", report->exits->pauses,
		report->exits->pauses == 1 ? "" : "s");
	if (report->exits->pauses)
		fprintf(out, ", %s in all, cut out of the times below",
			format_time(report->exits->paused, buf, sizeof(buf)));
	fputc('\n', out);
	if (report->has_symbols)
		fprintf(out,
			"Symbols    %s, build ID %s: %" PRIu64 " of %" PRIu64
			" exits are in its functions\n",
			report->symbols_path ? report->symbols_path : "given",
			report->build_id ? report->build_id : "none", report->exits_in_functions,
			report->exits->all.exits);
}

int report_print_text(const struct report *report, size_t limit, FILE *out)
{
	print_machine(out, report);
	print_counts(out, report);
	print_pairs(out, report);
	for (unsigned i = 0; i < report->warning_count; i++)
		fprintf(out, "Warning    %s\n", report->warnings[i]);
	if (report->all.exits > 0) {
		print_columns(out, "All");
		print_row(out, "all exits", &report->all);
	}
	print_table(out, "By reason", &report->reasons, limit, name_reason);
	print_table(out, "By address", &report->addresses, limit, name_address);
	print_table(out, "By vCPU", &report->vcpus, limit, name_vcpu);
	print_table(out, "By guest function", &report->functions, limit, name_function);
	return ferror(out) ? -EIO : 0;
}
