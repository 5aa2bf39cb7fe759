/* SPDX-License-Identifier: MIT */
/*
 * The seam between a character device (serial port, console) and the host side of its line.  A
 * device knows these few functions only; chardev.h implements the host side.
 *
 * Bytes for the guest are pushed: the host side calls receive() and keeps what was not accepted;
 * the device calls resume() when it has room again.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_CHAR_BACKEND_H
#define GLASSBOX_DEVICES_BACKEND_CHAR_BACKEND_H

#include "base/util.h"

/* What the device calls, on any thread, with its own lock held.  Each may be NULL. */
struct char_backend {
	void (*write)(void *ctx, const void *buf, size_t len); /* takes all; never blocks */
	void (*resume)(void *ctx);                             /* a refused receive() may work */
	/*
	 * Returns how many of @want bytes write() would take and lose none of; if that is less
	 * than @want, writable() follows.  For devices whose output can wait.  NULL: all of them.
	 */
	size_t (*room)(void *ctx, size_t want);
	void *ctx;
};

/* Of a terminal, in characters; 0 by 0 if it isn't known. */
struct char_size {
	uint16_t cols, rows;
};

/* What the host side calls, on the loop's thread, without a lock held. */
struct char_receiver {
	/* Returns how many of the first bytes the device took, 0..@len. */
	size_t (*receive)(void *ctx, const void *buf, size_t len);
	void *ctx;

	/* Each of these may be NULL. */
	void (*writable)(void *ctx); /* room() would say more than it did */
	/*
	 * Somebody has come to the other end, or has gone and all of their input was taken.  A
	 * device begins with nobody there.
	 */
	void (*connected)(void *ctx, bool connected);
	void (*resized)(void *ctx, struct char_size size); /* the terminal is of this size now */
};

static inline void char_backend_write(const struct char_backend *backend, const void *buf,
				      size_t len)
{
	if (backend->write)
		backend->write(backend->ctx, buf, len);
}

static inline void char_backend_resume(const struct char_backend *backend)
{
	if (backend->resume)
		backend->resume(backend->ctx);
}

static inline size_t char_backend_room(const struct char_backend *backend, size_t want)
{
	return backend->room ? backend->room(backend->ctx, want) : want;
}

#endif
