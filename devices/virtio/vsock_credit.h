/* SPDX-License-Identifier: MIT */
/*
 * Buffer space of one connection, in both directions (5.10.6.3): arithmetic, nothing else.
 *
 * All counters are free running and wrap around; only their differences mean anything.  What the
 * guest says is checked here, so that these differences stay below 2^31.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VSOCK_CREDIT_H
#define GLASSBOX_DEVICES_VIRTIO_VSOCK_CREDIT_H

#include "base/util.h"

struct vsock_credit {
	/* From the guest to the host: the buffer is this side's. */
	uint32_t buf_alloc;    /* bytes; never changes, at most 2^31 - 1 */
	uint32_t rx_cnt;       /* bytes that came from the guest */
	uint32_t fwd_cnt;      /* bytes of them that have left the buffer */
	uint32_t told_fwd_cnt; /* as the guest knows it */

	/* From the host to the guest: the buffer is the guest's. */
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t tx_cnt; /* bytes that were sent to the guest */
};

/** vsock_credit_init() - nothing was sent, and the guest has not said how much it takes */
void vsock_credit_init(struct vsock_credit *credit, uint32_t buf_alloc);

/**
 * vsock_credit_hear() - what the header of a packet from the guest says about its buffer
 *
 * A driver with several processors may send packets in another order than it made them, so an older
 * count than the last is no mistake, but no news either.
 *
 * Return: 0; -EPROTO if it claims to have received what was not sent.
 */
int vsock_credit_hear(struct vsock_credit *credit, uint32_t buf_alloc, uint32_t fwd_cnt)
	__must_check;

/** vsock_credit_peer_free() - bytes that may be sent to the guest now */
uint32_t vsock_credit_peer_free(const struct vsock_credit *credit);

/**
 * vsock_credit_receive() - @len bytes came from the guest
 *
 * Return: 0; -EPROTO if the guest could not know of so much space, nothing is counted then.
 */
int vsock_credit_receive(struct vsock_credit *credit, uint32_t len) __must_check;

/** vsock_credit_forward() - @len bytes have left the buffer; they had been received */
static inline void vsock_credit_forward(struct vsock_credit *credit, uint32_t len)
{
	credit->fwd_cnt += len;
}

/** vsock_credit_tell() - fwd_cnt for a header that the guest is about to get */
static inline uint32_t vsock_credit_tell(struct vsock_credit *credit)
{
	credit->told_fwd_cnt = credit->fwd_cnt;
	return credit->fwd_cnt;
}

/** vsock_credit_is_news() - does the guest know of so little space that a packet is worth it? */
bool vsock_credit_is_news(const struct vsock_credit *credit);

#endif
