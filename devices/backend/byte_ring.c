/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/backend/byte_ring.h"

int byte_ring_init(struct byte_ring *ring, size_t capacity)
{
	uint8_t *bytes = malloc(capacity ? capacity : 1);

	if (!bytes)
		return -ENOMEM;
	*ring = (struct byte_ring){ .bytes = bytes, .capacity = capacity };
	return 0;
}

void byte_ring_deinit(struct byte_ring *ring)
{
	free(ring->bytes);
	*ring = (struct byte_ring){ 0 };
}

size_t byte_ring_push(struct byte_ring *ring, const void *buf, size_t len)
{
	const uint8_t *bytes = buf;
	size_t lost = 0, tail, first;

	if (len > ring->capacity) {
		lost = len - ring->capacity;
		bytes += lost;
		len = ring->capacity;
	}
	if (len == 0)
		return lost;
	if (len > byte_ring_space(ring)) {
		size_t excess = len - byte_ring_space(ring);

		byte_ring_pop(ring, excess);
		lost += excess;
	}
	tail = (ring->head + ring->count) % ring->capacity;
	first = MIN(len, ring->capacity - tail);
	memcpy(ring->bytes + tail, bytes, first);
	memcpy(ring->bytes, bytes + first, len - first);
	ring->count += len;
	return lost;
}

size_t byte_ring_peek(const struct byte_ring *ring, const uint8_t **ret_bytes)
{
	*ret_bytes = ring->bytes + ring->head;
	return MIN(ring->count, ring->capacity - ring->head);
}

void byte_ring_pop(struct byte_ring *ring, size_t len)
{
	ring->count -= len;
	ring->head = ring->count ? (ring->head + len) % ring->capacity : 0;
}
