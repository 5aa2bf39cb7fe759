/* SPDX-License-Identifier: MIT */
/* A queue of bytes of fixed capacity.  Not locked: its owner does that. */
#ifndef GLASSBOX_DEVICES_BACKEND_BYTE_RING_H
#define GLASSBOX_DEVICES_BACKEND_BYTE_RING_H

#include "base/util.h"

struct byte_ring {
	uint8_t *bytes;
	size_t capacity, head, count;
};

/** byte_ring_init() - an empty ring; Return: 0 or -ENOMEM */
int byte_ring_init(struct byte_ring *ring, size_t capacity) __must_check;

/** byte_ring_deinit() - free its memory; fine for a zeroed ring */
void byte_ring_deinit(struct byte_ring *ring);

/**
 * byte_ring_push() - append @len bytes; where they don't fit, the oldest in the ring make room
 *
 * Return: how many bytes were lost, of the ring's or of @buf's own first ones.
 */
size_t byte_ring_push(struct byte_ring *ring, const void *buf, size_t len);

/**
 * byte_ring_peek() - the oldest bytes, as far as they lie in one piece
 * @ret_bytes: in the ring, until the next call that changes it
 *
 * Return: their number, 0 only for an empty ring.
 */
size_t byte_ring_peek(const struct byte_ring *ring, const uint8_t **ret_bytes);

/** byte_ring_pop() - remove the oldest @len bytes; @len is at most ring->count */
void byte_ring_pop(struct byte_ring *ring, size_t len);

static inline size_t byte_ring_space(const struct byte_ring *ring)
{
	return ring->capacity - ring->count;
}

#endif
