/* SPDX-License-Identifier: MIT */
/* The inside of a memory balloon, for balloon*.c only. */
#ifndef GLASSBOX_DEVICES_VIRTIO_BALLOON_DEVICE_H
#define GLASSBOX_DEVICES_VIRTIO_BALLOON_DEVICE_H

#include "devices/virtio/balloon.h"
#include "devices/virtio/balloon_spec.h"

/* What a queue is for, with the features of the driver. */
enum balloon_role {
	BALLOON_ROLE_NONE,
	BALLOON_ROLE_INFLATE,
	BALLOON_ROLE_DEFLATE,
	BALLOON_ROLE_STATS,
	BALLOON_ROLE_REPORT,
};

/* A chain that is being worked on, maybe over several turns of the loop. */
struct balloon_job {
	struct virtq_chain chain;
	bool busy;
	unsigned piece; /* of a report: the one that is next, or begun */
	uint64_t done;  /* bytes: of the array; of a report, of its piece */
};

enum balloon_stats_state {
	BALLOON_STATS_IDLE,
	BALLOON_STATS_WANTED, /* but there is no buffer to ask with */
	BALLOON_STATS_ASKED,  /* the next buffer is the answer */
};

struct virtio_balloon {
	struct virtio_dev vdev;
	const struct guest_mem *mem; /* immutable */

	/* Under the device's lock. */
	struct virtio_balloon_config config;
	struct balloon_job jobs[BALLOON_NR_QUEUES];
	uint64_t inflated, reported, failures;

	enum balloon_stats_state stats_state;
	bool has_buffer;                  /* the one to ask with */
	struct virtq_chain buffer;        /* popped, and kept */
	virtio_balloon_stats_fn stats_fn; /* NULL: nobody wants the answer */
	void *stats_ctx;
};

/** balloon_serve_stats() - queue_ready of the statsq */
void balloon_serve_stats(struct virtio_balloon *balloon);

/** balloon_stop_stats() - queue_stop of the statsq */
void balloon_stop_stats(struct virtio_balloon *balloon);

#endif
