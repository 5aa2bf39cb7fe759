/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "devices/virtio/chain.h"

/* A walk over pieces, from some offset on. */
struct cursor {
	const struct iovec *iov, *end;
	size_t off; /* into *iov */
};

static struct cursor cursor_at(const struct iovec *iov, unsigned count, size_t off)
{
	struct cursor cursor = { .iov = iov, .end = iov + count, .off = off };

	while (cursor.iov < cursor.end && cursor.off >= cursor.iov->iov_len) {
		cursor.off -= cursor.iov->iov_len;
		cursor.iov++;
	}
	return cursor;
}

/* Up to @len bytes that lie together; Return: false at the end. */
static bool cursor_next(struct cursor *cursor, size_t len, struct iovec *ret_piece)
{
	if (len == 0 || cursor->iov == cursor->end)
		return false;
	ret_piece->iov_base = (uint8_t *)cursor->iov->iov_base + cursor->off;
	ret_piece->iov_len = MIN(len, cursor->iov->iov_len - cursor->off);
	cursor->off += ret_piece->iov_len;
	if (cursor->off == cursor->iov->iov_len) {
		cursor->iov++;
		cursor->off = 0;
	}
	return true;
}

size_t virtq_chain_read(const struct virtq_chain *chain, size_t off, void *buf, size_t len)
{
	struct cursor cursor = cursor_at(chain->iov, chain->nr_out, off);
	struct iovec piece;
	size_t done = 0;

	for (; cursor_next(&cursor, len - done, &piece); done += piece.iov_len)
		memcpy((uint8_t *)buf + done, piece.iov_base, piece.iov_len);
	return done;
}

size_t virtq_chain_write(const struct virtq_chain *chain, size_t off, const void *buf, size_t len)
{
	struct cursor cursor = cursor_at(chain->iov + chain->nr_out, chain->nr_in, off);
	struct iovec piece;
	size_t done = 0;

	for (; cursor_next(&cursor, len - done, &piece); done += piece.iov_len)
		memcpy(piece.iov_base, (const uint8_t *)buf + done, piece.iov_len);
	return done;
}

static unsigned slice(struct cursor cursor, size_t len, struct iovec *ret_iov)
{
	unsigned count = 0;

	while (cursor_next(&cursor, len, &ret_iov[count]))
		len -= ret_iov[count++].iov_len;
	return count;
}

unsigned virtq_chain_out_iov(const struct virtq_chain *chain, size_t off, size_t len,
			     struct iovec *ret_iov)
{
	return slice(cursor_at(chain->iov, chain->nr_out, off), len, ret_iov);
}

unsigned virtq_chain_in_iov(const struct virtq_chain *chain, size_t off, size_t len,
			    struct iovec *ret_iov)
{
	return slice(cursor_at(chain->iov + chain->nr_out, chain->nr_in, off), len, ret_iov);
}
