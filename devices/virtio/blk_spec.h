/* SPDX-License-Identifier: MIT */
/* What the specification defines for block devices (5.2), for blk.c and its tests. */
#ifndef GLASSBOX_DEVICES_VIRTIO_BLK_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_BLK_SPEC_H

#include "devices/virtio/spec.h"

/* Features (5.2.3); those without use here are left out. */
#define VIRTIO_BLK_F_SEG_MAX      VIRTIO_F_BIT(2)
#define VIRTIO_BLK_F_RO           VIRTIO_F_BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE     VIRTIO_F_BIT(6)
#define VIRTIO_BLK_F_FLUSH        VIRTIO_F_BIT(9)
#define VIRTIO_BLK_F_TOPOLOGY     VIRTIO_F_BIT(10)
#define VIRTIO_BLK_F_CONFIG_WCE   VIRTIO_F_BIT(11)
#define VIRTIO_BLK_F_MQ           VIRTIO_F_BIT(12)
#define VIRTIO_BLK_F_DISCARD      VIRTIO_F_BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES VIRTIO_F_BIT(14)

/* Configuration (5.2.4), up to what these features need. */
struct virtio_blk_config {
	uint64_t capacity; /* sectors of 512 bytes, as all that counts sectors */
	uint32_t size_max;
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;          /* bytes */
	uint8_t physical_block_exp; /* log2 of logical blocks in a physical one */
	uint8_t alignment_offset;   /* logical blocks */
	uint16_t min_io_size;       /* logical blocks */
	uint32_t opt_io_size;       /* logical blocks */
	uint8_t writeback;          /* 0: writethrough; the driver may write it */
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};

#define VIRTIO_BLK_CONFIG_LEN 60
_Static_assert(offsetof(struct virtio_blk_config, writeback) == 32, "as in 5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, unused1) + 3 == VIRTIO_BLK_CONFIG_LEN,
	       "as in 5.2.4");

/* Requests (5.2.6). */
#define VIRTIO_BLK_T_IN           0
#define VIRTIO_BLK_T_OUT          1
#define VIRTIO_BLK_T_FLUSH        4
#define VIRTIO_BLK_T_GET_ID       8
#define VIRTIO_BLK_T_DISCARD      11
#define VIRTIO_BLK_T_WRITE_ZEROES 13

#define VIRTIO_BLK_S_OK           0
#define VIRTIO_BLK_S_IOERR        1
#define VIRTIO_BLK_S_UNSUPP       2

/* In front of each request. */
struct virtio_blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

#define BLK_HEADER_LEN 16
_Static_assert(sizeof(struct virtio_blk_header) == BLK_HEADER_LEN, "as in 5.2.6");

/* The data of discard and write zeroes. */
struct virtio_blk_erase {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};

#define VIRTIO_BLK_ERASE_UNMAP UINT32_C(1)
_Static_assert(sizeof(struct virtio_blk_erase) == 16, "as in 5.2.6");

#endif
