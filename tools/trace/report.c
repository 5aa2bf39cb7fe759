/* SPDX-License-Identifier: MIT */
/* From an analysis to a report: names, shares, percentiles, order. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/trace/report.h"
#include "tools/trace/report_internal.h"

static struct report_latency latency_of(const struct histogram *histogram)
{
	return (struct report_latency){
		.count = histogram->count,
		.sum = histogram->sum,
		.mean = histogram_mean(histogram),
		.min = histogram->min,
		.max = histogram->max,
		.p50 = histogram_percentile(histogram, 5000),
		.p90 = histogram_percentile(histogram, 9000),
		.p99 = histogram_percentile(histogram, 9900),
		.p999 = histogram_percentile(histogram, 9990),
	};
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0.0;
}

static struct report_row row_of(const struct row *row, const struct exits *exits)
{
	return (struct report_row){
		.exits = row->exits,
		.share_exits = share(row->exits, exits->all.exits),
		.share_time = share(row->vmm_time.sum, exits->all.vmm_time.sum),
		.vmm = latency_of(&row->vmm_time),
		.guest = latency_of(&row->guest_time),
		.key = row->key,
	};
}

static int compare_rows(const void *left, const void *right)
{
	const struct report_row *a = left, *b = right;

	if (a->vmm.sum != b->vmm.sum)
		return a->vmm.sum > b->vmm.sum ? -1 : 1;
	if (a->exits != b->exits)
		return a->exits > b->exits ? -1 : 1;
	if (a->key.value != b->key.value)
		return a->key.value < b->key.value ? -1 : 1;
	return (a->key.tag > b->key.tag) - (a->key.tag < b->key.tag);
}

/* The rows of @rows, unnamed and unsorted. */
static int fill_table(struct report_table *table, const struct rows *rows,
		      const struct exits *exits)
{
	size_t count = rows->count + (rows->other != NULL);

	table->rows = calloc(count ? count : 1, sizeof(*table->rows));
	if (!table->rows)
		return -ENOMEM;
	for (size_t i = 0; i < rows->slot_count; i++)
		if (rows->slots[i])
			table->rows[table->count++] = row_of(rows->slots[i], exits);
	if (rows->other) {
		table->rows[table->count] = row_of(rows->other, exits);
		table->rows[table->count++].is_other = true;
	}
	return 0;
}

static void sort_table(struct report_table *table)
{
	qsort(table->rows, table->count, sizeof(*table->rows), compare_rows);
}

static int copy_text(char **ret_copy, const char *text)
{
	*ret_copy = NULL;
	if (!text || text[0] == '\0')
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

/* The last announcement wins: a guest may move a PCI device's ranges. */
static const struct exits_register *find_register(const struct exits *exits, struct row_key key)
{
	for (size_t i = exits->register_count; i-- > 0;) {
		const struct exits_register *reg = &exits->registers[i];

		if (reg->addr == key.value && reg->space == EXITS_TAG_SPACE(key.tag) &&
		    (EXITS_TAG_IS_WRITE(key.tag) ? reg->on_write : reg->on_read))
			return reg;
	}
	return NULL;
}

static const struct exits_device_map *find_map(const struct exits *exits, struct row_key key)
{
	for (size_t i = exits->map_count; i-- > 0;) {
		const struct exits_device_map *map = &exits->maps[i];

		if (map->space == EXITS_TAG_SPACE(key.tag) &&
		    range_within(key.value, 1, map->base, map->len))
			return map;
	}
	return NULL;
}

static int name_address(const struct exits *exits, struct report_row *row, const char *handled_by)
{
	const struct exits_register *reg = find_register(exits, row->key);
	const struct exits_device_map *map = find_map(exits, row->key);
	char offset[32];
	int r;

	/* Who handled the access knows best; the maps name what nobody handled. */
	if (handled_by[0] == '\0')
		handled_by = reg ? reg->device : map ? map->device : NULL;
	r = copy_text(&row->device, handled_by);
	if (r < 0 || !row->device)
		return r;
	if (reg && strcmp(reg->device, row->device) == 0)
		return copy_text(&row->register_name, reg->name);
	if (map && strcmp(map->device, row->device) == 0) {
		(void)snprintf(offset, sizeof(offset), "+0x%llx",
			       (unsigned long long)(row->key.value - map->base));
		return copy_text(&row->register_name, offset);
	}
	return 0;
}

static int build_addresses(struct report *report, const struct exits *exits)
{
	const struct rows *rows = &exits->addresses;
	int r;

	r = fill_table(&report->addresses, rows, exits);
	if (r < 0)
		return r;
	/* fill_table() keeps the order of the slots. */
	for (size_t slot = 0, at = 0; slot < rows->slot_count; slot++) {
		if (!rows->slots[slot])
			continue;
		r = name_address(exits, &report->addresses.rows[at++], rows->slots[slot]->device);
		if (r < 0)
			return r;
	}
	sort_table(&report->addresses);
	return 0;
}

static int merge_row(struct row *into, const struct row *from)
{
	int r;

	into->exits += from->exits;
	r = histogram_merge(&into->vmm_time, &from->vmm_time);
	if (r < 0)
		return r;
	return histogram_merge(&into->guest_time, &from->guest_time);
}

#define FUNCTION_TAG_UNKNOWN 0u /* the key is RIP as KVM gave it */
#define FUNCTION_TAG_KNOWN   1u /* the key is the function's start, as linked */

/* Which function an instruction belongs to. */
static struct row_key function_of(struct report *report, const struct report_source *source,
				  const struct row *row)
{
	uint64_t slide = source->exits->text_slide;
	uint64_t address = row->key.value;
	struct elf_symbol symbol;

	if (address >> 63)
		report->exits_in_kernel += row->exits;
	if (row->key.tag & EXITS_RIP_IS_NEXT)
		address--;
	if (!source->symbols || elf_symbols_find(source->symbols, address - slide, &symbol) < 0)
		return (struct row_key){ row->key.value, FUNCTION_TAG_UNKNOWN };
	report->exits_in_functions += row->exits;
	return (struct row_key){ symbol.start, FUNCTION_TAG_KNOWN };
}

static int name_functions(struct report *report, const struct report_source *source)
{
	for (size_t i = 0; i < report->functions.count; i++) {
		struct report_row *row = &report->functions.rows[i];
		struct elf_symbol symbol;
		int r;

		if (row->is_other || row->key.tag != FUNCTION_TAG_KNOWN)
			continue;
		if (elf_symbols_find(source->symbols, row->key.value, &symbol) < 0)
			continue;
		r = copy_text(&row->function, symbol.name);
		if (r < 0)
			return r;
		/* For the user it is where the guest has it. */
		row->key.value += source->exits->text_slide;
	}
	return 0;
}

static int build_functions(struct report *report, const struct report_source *source)
{
	const struct rows *instructions = &source->exits->instructions;
	_cleanup_(rows_clear) struct rows functions;
	struct row *into;
	int r;

	rows_init(&functions, EXITS_MAX_INSTRUCTIONS);
	for (size_t i = 0; i < instructions->slot_count; i++) {
		const struct row *row = instructions->slots[i];

		if (!row)
			continue;
		r = rows_get(&functions, function_of(report, source, row), &into);
		if (r < 0)
			return r;
		r = merge_row(into, row);
		if (r < 0)
			return r;
	}
	r = fill_table(&report->functions, &functions, source->exits);
	if (r < 0)
		return r;
	r = name_functions(report, source);
	if (r < 0)
		return r;
	if (instructions->other) {
		/* At most EXITS_MAX_INSTRUCTIONS functions came out, so there was no other row. */
		size_t count = report->functions.count + 1;
		struct report_row *rows = reallocarray(report->functions.rows, count,
						       sizeof(*report->functions.rows));

		if (!rows)
			return -ENOMEM;
		report->functions.rows = rows;
		rows[count - 1] = row_of(instructions->other, source->exits);
		rows[count - 1].is_other = true;
		report->functions.count = count;
	}
	sort_table(&report->functions);
	return 0;
}

/* Returns of KVM_RUN for the VMM's own sake: a signal, a vCPU that nobody has started yet. */
static uint64_t count_interrupted(const struct report *report)
{
	for (size_t i = 0; i < report->reasons.count; i++) {
		const struct report_row *row = &report->reasons.rows[i];

		if (!row->is_other && row->key.value == KVM_EXIT_INTR)
			return row->exits;
	}
	return 0;
}

static void check_counters(struct report *report, const struct exits *exits)
{
	bool sampled = true;

	for (size_t i = 0; i < EXITS_MAX_VCPUS; i++) {
		const struct exits_vcpu *vcpu = exits->vcpus[i];

		if (!vcpu)
			continue;
		report->counted_in_trace += vcpu->exits;
		if (vcpu->samples == 0) {
			if (vcpu->exits > 0)
				sampled = false;
			continue;
		}
		report->counters_known = true;
		report->counted_by_vmm += vcpu->last.user_exits;
		report->kvm_exits += vcpu->last.kvm_exits;
		/* A recording that began later is held against what came since. */
		if (vcpu->samples > 1) {
			report->counted_in_trace -= vcpu->exits_before_first;
			report->counted_by_vmm -= vcpu->first.user_exits;
			report->kvm_exits -= vcpu->first.kvm_exits;
		}
	}
	/* KVM has statistics for all vCPUs or for none; one that never ran has 0. */
	report->kvm_known = sampled && report->kvm_exits > 0;
	report->left_kernel = report->counted_in_trace -
			      MIN(count_interrupted(report), report->counted_in_trace);
}

static int build_tables(struct report *report, const struct report_source *source)
{
	const struct exits *exits = source->exits;
	int r;

	report->all = row_of(&exits->all, exits);
	r = fill_table(&report->reasons, &exits->reasons, exits);
	if (r < 0)
		return r;
	sort_table(&report->reasons);
	r = fill_table(&report->vcpus, &exits->vcpu_rows, exits);
	if (r < 0)
		return r;
	sort_table(&report->vcpus);
	r = build_addresses(report, exits);
	if (r < 0)
		return r;
	return build_functions(report, source);
}

static int build(struct report *report, const struct report_source *source)
{
	int r;

	report->exits = source->exits;
	report->duration = (uint64_t)(source->exits->last_time - source->exits->first_time);
	report->has_symbols = source->symbols != NULL;
	r = copy_text(&report->machine, source->machine);
	if (r < 0)
		return r;
	if (source->symbols) {
		r = copy_text(&report->symbols_path, source->symbols_path);
		if (r < 0)
			return r;
		r = copy_text(&report->build_id, elf_symbols_build_id(source->symbols));
		if (r < 0)
			return r;
	}
	r = build_tables(report, source);
	if (r < 0)
		return r;
	check_counters(report, source->exits);
	return report_add_warnings(report, source);
}

int report_build(const struct report_source *source, struct report **ret_report)
{
	struct report *report = calloc(1, sizeof(*report));
	int r;

	if (!report)
		return -ENOMEM;
	r = build(report, source);
	if (r < 0) {
		report_free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

static void clear_table(struct report_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->rows[i].device);
		free(table->rows[i].register_name);
		free(table->rows[i].function);
	}
	free(table->rows);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	clear_table(&report->reasons);
	clear_table(&report->addresses);
	clear_table(&report->vcpus);
	clear_table(&report->functions);
	for (unsigned i = 0; i < report->warning_count; i++)
		free(report->warnings[i]);
	free(report->machine);
	free(report->symbols_path);
	free(report->build_id);
	free(report);
}
