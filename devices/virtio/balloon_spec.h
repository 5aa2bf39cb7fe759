/* SPDX-License-Identifier: MIT */
/* What the specification defines for memory balloons (5.5), for balloon.c and its tests. */
#ifndef GLASSBOX_DEVICES_VIRTIO_BALLOON_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_BALLOON_SPEC_H

#include "devices/virtio/spec.h"

/* Queues (5.5.2). */
enum {
	BALLOON_INFLATEQ,
	BALLOON_DEFLATEQ,
	BALLOON_STATSQ,       /* with VIRTIO_BALLOON_F_STATS_VQ */
	BALLOON_FREE_PAGE_VQ, /* with VIRTIO_BALLOON_F_FREE_PAGE_HINT, which is never offered */
	BALLOON_REPORTING_VQ, /* with VIRTIO_BALLOON_F_PAGE_REPORTING */
	BALLOON_NR_QUEUES,
};

/* Features (5.5.3); those without use here are left out. */
#define VIRTIO_BALLOON_F_STATS_VQ       VIRTIO_F_BIT(1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM VIRTIO_F_BIT(2)
#define VIRTIO_BALLOON_F_PAGE_POISON    VIRTIO_F_BIT(4)
#define VIRTIO_BALLOON_F_PAGE_REPORTING VIRTIO_F_BIT(5)

/* Configuration (5.5.4). */
struct virtio_balloon_config {
	uint32_t num_pages; /* that the device wants in the balloon */
	uint32_t actual;    /* that are there; the driver writes it */
	uint32_t free_page_hint_cmd_id;
	uint32_t poison_val; /* with VIRTIO_BALLOON_F_PAGE_POISON; the driver writes it */
};

#define VIRTIO_BALLOON_CONFIG_LEN 16
_Static_assert(sizeof(struct virtio_balloon_config) == VIRTIO_BALLOON_CONFIG_LEN, "as in 5.5.4");

/* A page's 32-bit number is its address without so many bits, whatever the guest's pages are
 * (5.5.6). */
#define VIRTIO_BALLOON_PAGE_SHIFT 12

/* An entry of the driver's statistics (5.5.6.3). */
struct virtio_balloon_stat {
	uint16_t tag;
	uint64_t val;
} __attribute__((packed));

#define VIRTIO_BALLOON_STAT_LEN 10
_Static_assert(sizeof(struct virtio_balloon_stat) == VIRTIO_BALLOON_STAT_LEN, "as in 5.5.6.3");

/* Tags (5.5.6.4). */
enum {
	VIRTIO_BALLOON_S_SWAP_IN,
	VIRTIO_BALLOON_S_SWAP_OUT,
	VIRTIO_BALLOON_S_MAJFLT,
	VIRTIO_BALLOON_S_MINFLT,
	VIRTIO_BALLOON_S_MEMFREE,
	VIRTIO_BALLOON_S_MEMTOT,
	VIRTIO_BALLOON_S_AVAIL,
	VIRTIO_BALLOON_S_CACHES,
	VIRTIO_BALLOON_S_HTLB_PGALLOC,
	VIRTIO_BALLOON_S_HTLB_PGFAIL,
};

#endif
