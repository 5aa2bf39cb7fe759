/* SPDX-License-Identifier: MIT */
/* Pairs of exit and entry events, and the rows they belong to. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/trace/exits.h"
#include "trace/trace.h"

int exits_new(struct exits **ret_exits)
{
	struct exits *exits = calloc(1, sizeof(*exits));

	if (!exits)
		return -ENOMEM;
	rows_init(&exits->reasons, EXITS_MAX_REASONS);
	rows_init(&exits->addresses, EXITS_MAX_ADDRESSES);
	rows_init(&exits->vcpu_rows, EXITS_MAX_VCPUS);
	rows_init(&exits->instructions, EXITS_MAX_INSTRUCTIONS);
	*ret_exits = exits;
	return 0;
}

void exits_free(struct exits *exits)
{
	if (!exits)
		return;
	rows_clear(&exits->reasons);
	rows_clear(&exits->addresses);
	rows_clear(&exits->vcpu_rows);
	rows_clear(&exits->instructions);
	histogram_clear(&exits->all.vmm_time);
	histogram_clear(&exits->all.guest_time);
	for (size_t i = 0; i < EXITS_MAX_VCPUS; i++)
		free(exits->vcpus[i]);
	for (size_t i = 0; i < exits->map_count; i++)
		free(exits->maps[i].device);
	for (size_t i = 0; i < exits->register_count; i++) {
		free(exits->registers[i].device);
		free(exits->registers[i].name);
	}
	free(exits->maps);
	free(exits->registers);
	free(exits->version);
	free(exits->kernel);
	free(exits->stop_cause);
	free(exits);
}

/* The state of vCPU @id, made if it is new; *ret_vcpu is NULL if there is no such vCPU. */
static int get_vcpu(struct exits *exits, uint32_t id, struct exits_vcpu **ret_vcpu)
{
	*ret_vcpu = NULL;
	if (id >= EXITS_MAX_VCPUS) {
		exits->bad_vcpus++;
		return 0;
	}
	if (unlikely(!exits->vcpus[id])) {
		exits->vcpus[id] = calloc(1, sizeof(*exits->vcpus[id]));
		if (!exits->vcpus[id])
			return -ENOMEM;
	}
	*ret_vcpu = exits->vcpus[id];
	return 0;
}

static bool rip_is_next(const struct record *record)
{
	return record->exit.reason == KVM_EXIT_HLT ||
	       (record->exit.space != TRACE_SPACE_NONE && record->exit.is_write);
}

/* Find the rows of an exit and count it in them. */
static int count_exit(struct exits *exits, const struct record *record, struct row *rows[4])
{
	int r;

	r = rows_get(&exits->reasons, (struct row_key){ record->exit.reason, 0 }, &rows[0]);
	if (r < 0)
		return r;
	r = rows_get(&exits->vcpu_rows, (struct row_key){ record->exit.vcpu, 0 }, &rows[1]);
	if (r < 0)
		return r;
	r = rows_get(
		&exits->instructions,
		(struct row_key){ record->exit.rip, rip_is_next(record) ? EXITS_RIP_IS_NEXT : 0 },
		&rows[2]);
	if (r < 0)
		return r;
	rows[3] = NULL;
	if (record->exit.space != TRACE_SPACE_NONE) {
		uint32_t tag = EXITS_ADDRESS_TAG(record->exit.space, record->exit.is_write);

		r = rows_get(&exits->addresses, (struct row_key){ record->exit.addr, tag },
			     &rows[3]);
		if (r < 0)
			return r;
	}
	exits->all.exits++;
	for (unsigned i = 0; i < 4; i++)
		if (rows[i])
			rows[i]->exits++;
	return 0;
}

enum latency { LATENCY_VMM, LATENCY_GUEST };

static int add_latency(struct exits *exits, struct row *const rows[4], enum latency which,
		       uint64_t ns)
{
	struct row *const all[5] = { &exits->all, rows[0], rows[1], rows[2], rows[3] };

	for (unsigned i = 0; i < 5; i++) {
		int r;

		if (!all[i])
			continue;
		r = histogram_add(which == LATENCY_VMM ? &all[i]->vmm_time : &all[i]->guest_time,
				  ns);
		if (r < 0)
			return r;
	}
	return 0;
}

static int close_entry(struct exits *exits, struct exits_vcpu *vcpu, const struct record *record)
{
	if (!vcpu->entry.open) {
		if (vcpu->entries == 0 && vcpu->exits == 0)
			exits->unmatched.at_start++;
		return 0;
	}
	vcpu->entry.open = false;
	if (vcpu->entry.seq != record->exit.seq || record->time < vcpu->entry.time)
		exits->unmatched.in_between++;
	else if (vcpu->entry.lossy || exits->loss_depth > 0)
		exits->unmatched.across_loss++;
	else
		return add_latency(exits, vcpu->exit.rows, LATENCY_GUEST,
				   (uint64_t)(record->time - vcpu->entry.time));
	return 0;
}

static int feed_exit(struct exits *exits, const struct record *record)
{
	struct exits_vcpu *vcpu;
	int r;

	r = get_vcpu(exits, record->exit.vcpu, &vcpu);
	if (r < 0 || !vcpu)
		return r;
	/* An exit after an exit: the entry between them is missing. */
	if (vcpu->exit.open)
		exits->unmatched.in_between++;
	vcpu->exit.open = false;
	r = count_exit(exits, record, vcpu->exit.rows);
	if (r < 0)
		return r;
	r = close_entry(exits, vcpu, record);
	if (r < 0)
		return r;
	vcpu->exits++;
	vcpu->exit.open = true;
	vcpu->exit.lossy = exits->loss_depth > 0;
	vcpu->exit.seq = record->exit.seq;
	vcpu->exit.time = record->time;
	vcpu->exit.paused = 0;
	return 0;
}

static void note_device(struct row *row, const char *device)
{
	if (row && row->device[0] == '\0' && device && device[0] != '\0' &&
	    strcmp(device, TRACE_NO_DEVICE) != 0)
		strncpy(row->device, device, sizeof(row->device) - 1);
}

static int close_exit(struct exits *exits, struct exits_vcpu *vcpu, const struct record *record)
{
	uint64_t held;

	if (!vcpu->exit.open) {
		/* Nothing goes before the first entry of all. */
		if (vcpu->entries == 0 && vcpu->exits == 0 && record->entry.seq > 1)
			exits->unmatched.at_start++;
		return 0;
	}
	vcpu->exit.open = false;
	if (vcpu->exit.seq + 1 != record->entry.seq || record->time < vcpu->exit.time) {
		exits->unmatched.in_between++;
		return 0;
	}
	note_device(vcpu->exit.rows[3], record->entry.device);
	if (vcpu->exit.lossy || exits->loss_depth > 0) {
		exits->unmatched.across_loss++;
		return 0;
	}
	if (vcpu->stopped) {
		exits->unmatched.across_pause++;
		return 0;
	}
	held = (uint64_t)(record->time - vcpu->exit.time);
	return add_latency(exits, vcpu->exit.rows, LATENCY_VMM,
			   held - MIN(held, vcpu->exit.paused));
}

static int feed_entry(struct exits *exits, const struct record *record)
{
	struct exits_vcpu *vcpu;
	int r;

	exits->entries++;
	r = get_vcpu(exits, record->entry.vcpu, &vcpu);
	if (r < 0 || !vcpu)
		return r;
	if (vcpu->entry.open)
		exits->unmatched.in_between++;
	r = close_exit(exits, vcpu, record);
	if (r < 0)
		return r;
	vcpu->stopped = false;
	vcpu->entries++;
	vcpu->entry.open = true;
	vcpu->entry.lossy = exits->loss_depth > 0;
	vcpu->entry.seq = record->entry.seq;
	vcpu->entry.time = record->time;
	return 0;
}

static int feed_stop(struct exits *exits, const struct record *record)
{
	struct exits_vcpu *vcpu;
	int r;

	r = get_vcpu(exits, record->stop.vcpu, &vcpu);
	if (r < 0 || !vcpu)
		return r;
	/* A second stop without a resume says the same again. */
	if (!vcpu->stopped)
		vcpu->stop_time = record->time;
	vcpu->stopped = true;
	return 0;
}

static int feed_resume(struct exits *exits, const struct record *record)
{
	struct exits_vcpu *vcpu;
	uint64_t held;
	int r;

	r = get_vcpu(exits, record->resume.vcpu, &vcpu);
	if (r < 0 || !vcpu || !vcpu->stopped)
		return r;
	vcpu->stopped = false;
	held = (uint64_t)(record->time - vcpu->stop_time);
	exits->pauses++;
	exits->paused += held;
	if (vcpu->exit.open)
		vcpu->exit.paused += held;
	return 0;
}

static int feed_counters(struct exits *exits, const struct record *record)
{
	struct exits_vcpu *vcpu;
	int r;

	r = get_vcpu(exits, record->vcpu_counters.vcpu, &vcpu);
	if (r < 0 || !vcpu)
		return r;
	vcpu->last = (struct exits_counters){
		.user_exits = record->vcpu_counters.user_exits,
		.kvm_exits = record->vcpu_counters.kvm_exits,
	};
	if (vcpu->samples++ == 0) {
		vcpu->first = vcpu->last;
		vcpu->exits_before_first = vcpu->exits;
	}
	return 0;
}

/* Replaces *@text, if @value is not the same. */
static int set_text(char **text, const char *value)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

/*
 * @array with room for one more of @size bytes behind @count; grows at powers of two.  NULL if
 * there is no memory, @array is good then.
 */
static void *reserve(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return reallocarray(array, count ? 2 * count : 1, size);
}

static int feed_device_map(struct exits *exits, const struct record *record)
{
	struct exits_device_map map = {
		.space = record->device_map.space,
		.base = record->device_map.base,
		.len = record->device_map.len,
	};
	struct exits_device_map *maps;
	int r;

	if (exits->map_count >= EXITS_MAX_DEVICE_MAPS) {
		exits->names_dropped++;
		return 0;
	}
	maps = reserve(exits->maps, exits->map_count, sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	exits->maps = maps;
	r = set_text(&map.device, record->device_map.device);
	if (r < 0)
		return r;
	exits->maps[exits->map_count++] = map;
	return 0;
}

static int feed_device_register(struct exits *exits, const struct record *record)
{
	const char *access = record->device_register.access;
	_cleanup_free_ char *device = NULL;
	_cleanup_free_ char *name = NULL;
	struct exits_register *registers;
	int r;

	if (exits->register_count >= EXITS_MAX_REGISTERS) {
		exits->names_dropped++;
		return 0;
	}
	registers = reserve(exits->registers, exits->register_count, sizeof(*registers));
	if (!registers)
		return -ENOMEM;
	exits->registers = registers;
	r = set_text(&device, record->device_register.device);
	if (r < 0)
		return r;
	r = set_text(&name, record->device_register.name);
	if (r < 0)
		return r;
	exits->registers[exits->register_count++] = (struct exits_register){
		.device = TAKE_PTR(device),
		.name = TAKE_PTR(name),
		.space = record->device_register.space,
		.addr = record->device_register.addr,
		.on_read = access && strchr(access, 'r'),
		.on_write = access && strchr(access, 'w'),
	};
	return 0;
}

static int feed_vm_start(struct exits *exits, const struct record *record)
{
	int r;

	exits->starts++;
	exits->vm_vcpus = record->vm_start.vcpus;
	exits->memory = record->vm_start.memory;
	exits->text_slide = record->vm_start.text_slide;
	r = set_text(&exits->version, record->vm_start.version);
	if (r < 0)
		return r;
	return set_text(&exits->kernel, record->vm_start.kernel);
}

static int feed_vm_stop(struct exits *exits, const struct record *record)
{
	exits->stops++;
	exits->stop_status = record->vm_stop.status;
	return set_text(&exits->stop_cause, record->vm_stop.cause);
}

int exits_feed(struct exits *exits, const struct record *record)
{
	if (exits->events++ == 0)
		exits->first_time = record->time;
	exits->last_time = record->time;
	switch (record->event) {
	case TRACE_EVENT_exit: return feed_exit(exits, record);
	case TRACE_EVENT_entry: return feed_entry(exits, record);
	case TRACE_EVENT_stop: return feed_stop(exits, record);
	case TRACE_EVENT_resume: return feed_resume(exits, record);
	case TRACE_EVENT_vcpu_counters: return feed_counters(exits, record);
	case TRACE_EVENT_device_map: return feed_device_map(exits, record);
	case TRACE_EVENT_device_register: return feed_device_register(exits, record);
	case TRACE_EVENT_vm_start: return feed_vm_start(exits, record);
	case TRACE_EVENT_vm_stop: return feed_vm_stop(exits, record);
	default: return 0; /* of no matter to exits */
	}
}

static void taint_open_pairs(struct exits *exits)
{
	for (size_t i = 0; i < EXITS_MAX_VCPUS; i++) {
		if (!exits->vcpus[i])
			continue;
		exits->vcpus[i]->entry.lossy = true;
		exits->vcpus[i]->exit.lossy = true;
	}
}

void exits_lose(struct exits *exits, struct exits_loss loss)
{
	exits->lost_events += loss.events;
	exits->lost_packets += loss.packets;
	exits->losses_unknown += loss.unknown;
	exits->loss_depth++;
	taint_open_pairs(exits);
}

void exits_lose_over(struct exits *exits)
{
	exits->loss_depth--;
	taint_open_pairs(exits);
}

void exits_end(struct exits *exits)
{
	for (size_t i = 0; i < EXITS_MAX_VCPUS; i++) {
		struct exits_vcpu *vcpu = exits->vcpus[i];

		if (!vcpu)
			continue;
		exits->unmatched.at_end += vcpu->exit.open + vcpu->entry.open;
		vcpu->exit.open = vcpu->entry.open = false;
	}
}
