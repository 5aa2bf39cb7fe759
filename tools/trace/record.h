/* SPDX-License-Identifier: MIT */
/*
 * One event of a trace, decoded: what the analyses are fed with, wherever it came from.  The events
 * and their fields are those of trace/trace.h; only what the analyses read is here.
 */
#ifndef GLASSBOX_TOOLS_TRACE_RECORD_H
#define GLASSBOX_TOOLS_TRACE_RECORD_H

#include "trace/trace.h"

struct record {
	enum trace_event event; /* says which member of the union holds */
	int64_t time;           /* ns since the origin of the trace's clock */
	/* Strings are borrowed for the time of the call. */
	union {
		struct {
			uint64_t seq;
			uint64_t rip;
			uint64_t addr;
			uint64_t data;
			uint32_t vcpu;
			uint32_t reason;
			uint32_t space;
			uint32_t len;
			uint32_t is_write;
		} exit;
		struct {
			uint64_t seq;
			uint64_t data;
			const char *device;
			uint32_t vcpu;
		} entry;
		struct {
			const char *device;
			uint64_t base;
			uint64_t len;
			uint32_t space;
		} device_map;
		struct {
			const char *device;
			const char *access;
			const char *name;
			uint64_t addr;
			uint32_t space;
		} device_register;
		struct {
			uint64_t user_exits;
			uint64_t kvm_exits;
			uint32_t vcpu;
		} vcpu_counters;
		struct {
			uint64_t rip;
			uint32_t vcpu;
			uint32_t reason;
		} stop;
		struct {
			uint32_t vcpu;
			uint32_t step;
		} resume;
		struct {
			const char *version;
			const char *kernel;
			uint64_t memory;
			uint64_t text_slide;
			uint32_t vcpus;
		} vm_start;
		struct {
			const char *cause;
			uint32_t status;
		} vm_stop;
	};
};

#endif
