/* SPDX-License-Identifier: MIT */
/*
 * The exit analysis of one machine: fed with its events in the order of their times, it keeps
 * counts and latencies by reason, by address, by vCPU and by guest instruction.
 *
 * Guest time of exit k: entry k to exit k.  VMM time of exit k: exit k to entry k + 1, less the
 * time the debugger held the vCPU.  A pair whose other half is missing, or that a loss of events
 * may have cut, gives no latency; it is counted instead, and the report says so.
 *
 * Memory grows with the number of distinct reasons, addresses, vCPUs and instructions, each
 * bounded, never with the number of events.  Knows nothing of Babeltrace.  Not thread-safe.
 */
#ifndef GLASSBOX_TOOLS_TRACE_EXITS_H
#define GLASSBOX_TOOLS_TRACE_EXITS_H

#include "tools/trace/record.h"
#include "tools/trace/rows.h"

#define EXITS_MAX_VCPUS                    4096u  /* vCPU numbers that KVM knows */
#define EXITS_MAX_REASONS                  256u   /* rows */
#define EXITS_MAX_ADDRESSES                4096u  /* rows */
#define EXITS_MAX_INSTRUCTIONS             8192u  /* rows */
#define EXITS_MAX_DEVICE_MAPS              4096u  /* names kept */
#define EXITS_MAX_REGISTERS                16384u /* names kept */

/* The tag of a key of the table by address: a space and a direction. */
#define EXITS_ADDRESS_TAG(space, is_write) ((uint32_t)(space) << 1 | !!(is_write))
#define EXITS_TAG_SPACE(tag)               ((tag) >> 1)
#define EXITS_TAG_IS_WRITE(tag)            ((tag)&1u)

/*
 * The tag of a key of the table by instruction: RIP points behind the instruction that caused the
 * exit.  So it does after a write and after HLT on the hosts known; to look up RIP - 1 is right
 * there and harmless where KVM reports the instruction itself, unless that starts its function.
 */
#define EXITS_RIP_IS_NEXT                  1u

struct exits_device_map {
	char *device; /* owned */
	uint32_t space;
	uint64_t base, len;
};

struct exits_register {
	char *device, *name; /* owned */
	uint32_t space;
	uint64_t addr;
	bool on_read, on_write;
};

/* Where the pairs went that gave no latency. */
struct exits_unmatched {
	uint64_t at_start;     /* began before the first event of their vCPU */
	uint64_t at_end;       /* not over at the end; one for each vCPU is normal */
	uint64_t in_between;   /* the sequence numbers leave a gap or repeat */
	uint64_t across_loss;  /* whole, but the tracer lost events while they lasted */
	uint64_t across_pause; /* entered while the debugger's pause had no end in the trace */
};

struct exits_counters {
	uint64_t user_exits;
	uint64_t kvm_exits;
};

struct exits_vcpu {
	uint64_t exits;
	uint64_t entries;
	/* The vCPU's own counts: at the first and at the last sample. */
	struct exits_counters first, last;
	uint64_t samples;
	uint64_t exits_before_first; /* exits in the trace when the first sample came */

	/* What is open. */
	struct {
		bool open, lossy;
		uint64_t seq;
		int64_t time;
	} entry;
	struct {
		bool open, lossy;
		uint64_t seq;
		int64_t time;
		uint64_t paused; /* ns to cut out */
		struct row *rows[4];
	} exit;
	bool stopped;
	int64_t stop_time;
};

/* Read by the report; changed by the functions below only. */
struct exits {
	struct rows reasons, addresses, vcpu_rows, instructions;
	struct row all; /* every exit */
	struct exits_vcpu *vcpus[EXITS_MAX_VCPUS];
	unsigned loss_depth; /* streams that lose events at this moment */

	uint64_t events;         /* fed, of any kind */
	uint64_t entries;        /* entry events */
	uint64_t lost_events;    /* as the tracer counted; a lower bound if lost_unknown */
	uint64_t lost_packets;   /* likewise */
	uint64_t losses_unknown; /* losses whose size the trace does not tell */
	uint64_t bad_vcpus;      /* events left out: no such vCPU number */
	uint64_t names_dropped;  /* device_map and device_register events beyond the bounds */
	struct exits_unmatched unmatched;
	uint64_t pauses; /* of the debugger, over all vCPUs; a last stop is none, it is the end */
	uint64_t paused; /* ns of these */
	int64_t first_time; /* ns, of the first and the last event */
	int64_t last_time;

	unsigned starts, stops; /* vm_start and vm_stop events */
	char *version, *kernel; /* owned; NULL without a vm_start */
	uint32_t vm_vcpus;
	uint64_t memory; /* bytes */
	uint64_t text_slide;
	char *stop_cause; /* owned; NULL without a vm_stop */
	uint32_t stop_status;

	struct exits_device_map *maps; /* owned */
	size_t map_count;
	struct exits_register *registers; /* owned */
	size_t register_count;
};

/** exits_new() - an analysis that has seen nothing.  Return: 0, or -ENOMEM. */
int exits_new(struct exits **ret_exits) __must_check;

/** exits_free() - NULL is fine */
void exits_free(struct exits *exits);

/**
 * exits_feed() - take the next event
 * @record: its time is not before that of the one fed before
 *
 * Return: 0, or -ENOMEM.  Events that make no sense are counted, not refused.
 */
int exits_feed(struct exits *exits, const struct record *record) __must_check;

/* How much was lost at once. */
struct exits_loss {
	uint64_t events, packets;
	bool unknown; /* the trace tells that something was lost, not how much */
};

/**
 * exits_lose() - some stream that carries the machine's events lost some, from now on
 *
 * No pair that is open now, or begins before exits_lose_over(), gives a latency.
 */
void exits_lose(struct exits *exits, struct exits_loss loss);

/** exits_lose_over() - the stream of an exits_lose() records again */
void exits_lose_over(struct exits *exits);

/** exits_end() - the trace is over: count what is still open.  Once, before a report. */
void exits_end(struct exits *exits);

#endif
