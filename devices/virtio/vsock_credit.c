/* SPDX-License-Identifier: MIT */
#include "devices/virtio/vsock_credit.h"

#include <errno.h>

/* More is on its way to no guest at once, whatever it allows: see the header. */
#define MAX_IN_FLIGHT ((uint32_t)INT32_MAX)

void vsock_credit_init(struct vsock_credit *credit, uint32_t buf_alloc)
{
	*credit = (struct vsock_credit){ .buf_alloc = buf_alloc };
}

int vsock_credit_hear(struct vsock_credit *credit, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	uint32_t in_flight = credit->tx_cnt - credit->peer_fwd_cnt;
	uint32_t step = fwd_cnt - credit->peer_fwd_cnt;

	if (step > MAX_IN_FLIGHT)
		return 0;
	if (step > in_flight)
		return -EPROTO;
	credit->peer_fwd_cnt = fwd_cnt;
	credit->peer_buf_alloc = MIN(buf_alloc, MAX_IN_FLIGHT);
	return 0;
}

uint32_t vsock_credit_peer_free(const struct vsock_credit *credit)
{
	uint32_t in_flight = credit->tx_cnt - credit->peer_fwd_cnt;

	/* A buffer may shrink below what is in it. */
	return credit->peer_buf_alloc > in_flight ? credit->peer_buf_alloc - in_flight : 0;
}

int vsock_credit_receive(struct vsock_credit *credit, uint32_t len)
{
	if (len > credit->buf_alloc - (credit->rx_cnt - credit->told_fwd_cnt))
		return -EPROTO;
	credit->rx_cnt += len;
	return 0;
}

bool vsock_credit_is_news(const struct vsock_credit *credit)
{
	/*
	 * A guest that waits for space has used up all that it knows of, so by the time the buffer
	 * is empty this was true at least once.
	 */
	return credit->fwd_cnt - credit->told_fwd_cnt >= credit->buf_alloc / 4;
}
