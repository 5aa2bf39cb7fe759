/* SPDX-License-Identifier: MIT */
/* Listens to the trace events of virtio devices in place of a tracer, for unit tests. */
#ifndef GLASSBOX_TESTS_SUPPORT_FINDING_RECORDER_H
#define GLASSBOX_TESTS_SUPPORT_FINDING_RECORDER_H

#include <string.h>

#include "trace/trace.h"

struct recorded_events {
	unsigned findings;
	const char *last_rule; /* the last finding's; NULL: none */
	uint64_t last_detail;
	unsigned pops, used, descs, kicks;
	const char *last_via; /* of the last kick */
	unsigned irqs[TRACE_IRQ_MASKED + 1];
	unsigned resets, last_in_flight;
	unsigned packets[2];        /* of a socket device: to the guest, from it */
	const char *last_operation; /* of the last of them */
	uint32_t last_guest_port, last_host_port, last_len;
};

/* The one tracer of the process. */
static struct recorded_events recorded;

static void record_finding(const char *device, uint32_t queue, const char *rule,
			   const char *section, uint64_t detail)
{
	(void)device;
	(void)queue;
	(void)section;
	recorded.findings++;
	recorded.last_rule = rule;
	recorded.last_detail = detail;
}

static void record_pop(const char *device, uint32_t queue, uint32_t head, uint64_t seq,
		       uint32_t descriptors, uint32_t out_len, uint32_t in_len)
{
	(void)device, (void)queue, (void)head, (void)seq;
	(void)descriptors, (void)out_len, (void)in_len;
	recorded.pops++;
}

static void record_used(const char *device, uint32_t queue, uint32_t head, uint64_t seq,
			uint32_t len, uint32_t position)
{
	(void)device, (void)queue, (void)head, (void)seq, (void)len, (void)position;
	recorded.used++;
}

static void record_desc(const char *device, uint32_t queue, uint64_t seq, uint32_t position,
			uint64_t addr, uint32_t len, uint32_t flags, uint32_t next)
{
	(void)device, (void)queue, (void)seq, (void)position;
	(void)addr, (void)len, (void)flags, (void)next;
	recorded.descs++;
}

static void record_kick(const char *device, uint32_t queue, uint32_t avail, uint32_t last_avail,
			const char *via)
{
	(void)device, (void)queue, (void)avail, (void)last_avail;
	recorded.kicks++;
	recorded.last_via = via;
}

static void record_irq(const char *device, uint32_t queue, uint32_t vector, uint32_t decision,
		       uint32_t used_event)
{
	(void)device, (void)queue, (void)vector, (void)used_event;
	recorded.irqs[decision]++;
}

static void record_reset(const char *device, uint32_t in_flight)
{
	(void)device;
	recorded.resets++;
	recorded.last_in_flight = in_flight;
}

static void record_packet(const char *device, uint32_t queue, uint64_t seq, const char *operation,
			  uint32_t guest_port, uint32_t host_port, uint32_t len, uint32_t flags,
			  uint32_t buf_alloc, uint32_t fwd_cnt)
{
	(void)device, (void)seq, (void)flags, (void)buf_alloc, (void)fwd_cnt;
	recorded.packets[queue]++;
	recorded.last_operation = operation;
	recorded.last_guest_port = guest_port;
	recorded.last_host_port = host_port;
	recorded.last_len = len;
}

/* Forgets what was recorded, and records from now on. */
static inline void start_recording(void)
{
	static const int off, on = 1;
	struct trace_provider provider = { .virtio_finding = record_finding,
					   .virtio_pop = record_pop,
					   .virtio_used = record_used,
					   .virtio_desc = record_desc,
					   .virtio_kick = record_kick,
					   .virtio_irq = record_irq,
					   .virtio_reset = record_reset,
					   .vsock_packet = record_packet };
	static const enum trace_event events[] = {
		TRACE_EVENT_virtio_finding, TRACE_EVENT_virtio_pop,   TRACE_EVENT_virtio_used,
		TRACE_EVENT_virtio_desc,    TRACE_EVENT_virtio_kick,  TRACE_EVENT_virtio_irq,
		TRACE_EVENT_virtio_reset,   TRACE_EVENT_vsock_packet,
	};

	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		provider.enabled[i] = &off;
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		provider.enabled[events[i]] = &on;
	memset(&recorded, 0, sizeof(recorded));
	trace_attach(&provider);
}

/* Was @rule the one finding since the last look?  Forgets it. */
static inline bool found_only(const char *rule)
{
	bool yes = recorded.findings == 1 && strcmp(recorded.last_rule, rule) == 0;

	recorded.findings = 0;
	recorded.last_rule = NULL;
	return yes;
}

static inline bool found_nothing(void)
{
	return recorded.findings == 0;
}

#endif
