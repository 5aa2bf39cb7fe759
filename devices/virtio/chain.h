/* SPDX-License-Identifier: MIT */
/*
 * A descriptor chain that was taken from a virtqueue: the request of a driver as host memory.
 *
 * The readable part comes first, then the writable one (2.7.4.2).  Every piece was checked to lie
 * in the guest's memory when the chain was popped.  The guest can change the bytes at any time:
 * copy before checking.  A chain belongs to whoever popped it, until it is pushed, undone or its
 * queue is stopped.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_CHAIN_H
#define GLASSBOX_DEVICES_VIRTIO_CHAIN_H

#include <sys/uio.h>

#include "base/util.h"

/* Queues are not larger, so chains are not longer (2.7.5.3.1). */
#define VIRTQ_MAX_CHAIN 256

struct virtq_chain {
	uint16_t head;       /* index of the first descriptor; packed: the buffer ID */
	uint16_t slots;      /* descriptors it takes in the ring */
	uint32_t generation; /* of the queue: a chain from before a reset is not pushed */
	uint64_t seq;        /* number in its queue, from 1, for traces */
	unsigned nr_desc;    /* descriptors with buffers, those of length 0 too */
	unsigned nr_out;     /* pieces the device reads: iov[0 .. nr_out) */
	unsigned nr_in;      /* pieces the device writes: iov[nr_out .. nr_out + nr_in) */
	uint32_t out_len;    /* bytes */
	uint32_t in_len;     /* bytes */
	struct iovec iov[VIRTQ_MAX_CHAIN];
};

/** virtq_chain_read() - copy up to @len bytes at @off of the readable part; Return: bytes copied */
size_t virtq_chain_read(const struct virtq_chain *chain, size_t off, void *buf, size_t len);

/** virtq_chain_write() - copy up to @len bytes to @off of the writable part; Return: bytes copied
 */
size_t virtq_chain_write(const struct virtq_chain *chain, size_t off, const void *buf, size_t len);

/**
 * virtq_chain_out_iov() / virtq_chain_in_iov() - [@off, @off + @len) of the readable or the
 * writable part as pieces, for readv(2) and the like
 * @ret_iov: room for VIRTQ_MAX_CHAIN pieces
 *
 * Clamped to the end of the part.  Return: the number of pieces.
 */
unsigned virtq_chain_out_iov(const struct virtq_chain *chain, size_t off, size_t len,
			     struct iovec *ret_iov);
unsigned virtq_chain_in_iov(const struct virtq_chain *chain, size_t off, size_t len,
			    struct iovec *ret_iov);

#endif
