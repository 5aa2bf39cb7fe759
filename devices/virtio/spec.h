/* SPDX-License-Identifier: MIT */
/*
 * What Virtual I/O Device (VIRTIO) Version 1.2 defines for every device.  Section numbers below,
 * and all over this folder, are its own.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_SPEC_H

#include "base/util.h"

/* Device types (5). */
#define VIRTIO_DEVICE_NET        1
#define VIRTIO_DEVICE_BLOCK      2
#define VIRTIO_DEVICE_CONSOLE    3
#define VIRTIO_DEVICE_RNG        4
#define VIRTIO_DEVICE_BALLOON    5
#define VIRTIO_DEVICE_SOCKET     19
#define VIRTIO_DEVICE_FS         26

/* Device status (2.1). */
#define VIRTIO_S_ACKNOWLEDGE     0x01
#define VIRTIO_S_DRIVER          0x02
#define VIRTIO_S_DRIVER_OK       0x04
#define VIRTIO_S_FEATURES_OK     0x08
#define VIRTIO_S_NEEDS_RESET     0x40
#define VIRTIO_S_FAILED          0x80

/* Features that are not of one device type (6). */
#define VIRTIO_F_BIT(n)          (UINT64_C(1) << (n))
#define VIRTIO_FEATURE_INDIRECT  VIRTIO_F_BIT(28) /* VIRTIO_F_INDIRECT_DESC */
#define VIRTIO_FEATURE_EVENT_IDX VIRTIO_F_BIT(29) /* VIRTIO_F_EVENT_IDX */
#define VIRTIO_FEATURE_VERSION_1 VIRTIO_F_BIT(32) /* VIRTIO_F_VERSION_1 */
#define VIRTIO_FEATURE_PACKED    VIRTIO_F_BIT(34) /* VIRTIO_F_RING_PACKED */
#define VIRTIO_FEATURE_RESET     VIRTIO_F_BIT(40) /* VIRTIO_F_RING_RESET */

/* Descriptor flags (2.7.5, 2.8.1). */
#define VIRTQ_F_NEXT             0x0001
#define VIRTQ_F_WRITE            0x0002
#define VIRTQ_F_INDIRECT         0x0004
#define VIRTQ_F_AVAIL            0x0080 /* packed only */
#define VIRTQ_F_USED             0x8000 /* packed only */

/* All fields in guest memory are little endian (1.4), as every host of ours is. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is little endian");

/* A descriptor of a split ring (2.7.5). */
struct virtq_desc {
	uint64_t addr; /* guest physical */
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* A descriptor of a packed ring (2.8.13). */
struct virtq_packed_desc {
	uint64_t addr; /* guest physical */
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

#define VIRTQ_DESC_SIZE 16
_Static_assert(sizeof(struct virtq_desc) == VIRTQ_DESC_SIZE, "as in 2.7.5");
_Static_assert(sizeof(struct virtq_packed_desc) == VIRTQ_DESC_SIZE, "as in 2.8.13");

/* One entry of the used ring (2.7.8). */
struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

/* Suppression of notifications, split (2.7.7, 2.7.10). */
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
#define VIRTQ_USED_F_NO_NOTIFY     1

/* Event suppression, packed (2.8.10); the value 3 is reserved. */
#define VIRTQ_EVENT_ENABLE         0
#define VIRTQ_EVENT_DISABLE        1
#define VIRTQ_EVENT_DESC           2

#endif
