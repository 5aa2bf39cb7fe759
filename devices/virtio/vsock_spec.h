/* SPDX-License-Identifier: MIT */
/* What the specification defines for socket devices (5.10), for vsock*.c and its tests. */
#ifndef GLASSBOX_DEVICES_VIRTIO_VSOCK_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_VSOCK_SPEC_H

#include "devices/virtio/spec.h"

/* Features (5.10.3). */
#define VIRTIO_VSOCK_F_STREAM VIRTIO_F_BIT(0)

/* Queues (5.10.2). */
enum {
	VSOCK_RX_QUEUE, /* to the guest */
	VSOCK_TX_QUEUE,
	VSOCK_EVENT_QUEUE,
	VSOCK_NR_QUEUES,
};

/* Context IDs (5.10.4); those below VSOCK_CID_GUEST_MIN and above _MAX are no guest's. */
#define VSOCK_CID_HOST      2
#define VSOCK_CID_GUEST_MIN 3
#define VSOCK_CID_GUEST_MAX UINT32_C(0xfffffffe)

/* Configuration (5.10.4). */
struct virtio_vsock_config {
	uint64_t guest_cid;
};

/* In front of each packet (5.10.6). */
struct virtio_vsock_hdr {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len; /* of the payload, bytes */
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc; /* bytes */
	uint32_t fwd_cnt;   /* bytes, free running */
} __attribute__((packed));

#define VSOCK_HDR_LEN 44
_Static_assert(sizeof(struct virtio_vsock_hdr) == VSOCK_HDR_LEN, "as in 5.10.6");

/* Types (5.10.6.2). */
#define VIRTIO_VSOCK_TYPE_STREAM 1

/* Operations (5.10.6). */
enum virtio_vsock_op {
	VIRTIO_VSOCK_OP_REQUEST = 1,
	VIRTIO_VSOCK_OP_RESPONSE = 2,
	VIRTIO_VSOCK_OP_RST = 3,
	VIRTIO_VSOCK_OP_SHUTDOWN = 4,
	VIRTIO_VSOCK_OP_RW = 5,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE = 6,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST = 7,
};

/* Flags of SHUTDOWN: who sends it will not do this any more (5.10.6.5). */
#define VIRTIO_VSOCK_SHUTDOWN_RECEIVE 1
#define VIRTIO_VSOCK_SHUTDOWN_SEND    2
#define VIRTIO_VSOCK_SHUTDOWN_BOTH    3

#endif
