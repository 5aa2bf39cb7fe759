/* SPDX-License-Identifier: MIT */
/*
 * The seam between a socket device and the host's side of its connections; vsock_unix.h is such a
 * host side.  A stream is the host's end of one connection: it never blocks, and tells once when
 * what was not possible has become possible.
 *
 *     device                                host side
 *     connect(port)                  ->     for a guest that connects to the host
 *     request(stream, port)          <-     for a host program that connects to the guest
 *     read(), write(), shutdown()    ->
 *     ready(stream, events)          <-
 *     close()                        ->     the last call for a stream, whoever began it
 *
 * Threads: all on the loop's thread, but for wake().  The device calls with its lock held; the host
 * side calls with no lock held and never from within a call of the device's.  After close() there
 * is no call for that stream.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VSOCK_HOST_H
#define GLASSBOX_DEVICES_BACKEND_VSOCK_HOST_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/util.h"

#define VSOCK_TICK_MS 100

/* What ready() tells of a stream, as bits.  Told once: not again before the call said -EAGAIN. */
enum vsock_event {
	VSOCK_READABLE = 1 << 0, /* there may be bytes, or the end */
	VSOCK_WRITABLE = 1 << 1,
	VSOCK_HUNG_UP = 1 << 2,   /* the host's program takes no more bytes, for good */
	VSOCK_CONNECTED = 1 << 3, /* after connect() said -EINPROGRESS */
	VSOCK_REFUSED = 1 << 4,   /* likewise, and it failed */
};

struct vsock_stream {
	void *owner; /* the device's; the host side leaves it alone */
};

struct vsock_host;

struct vsock_host_ops {
	/*
	 * A stream to whoever listens at @port on the host.  Return: 0; -EINPROGRESS with a stream
	 * of which ready() will tell; other -errno without one.
	 */
	int (*connect)(struct vsock_host *host, uint32_t port, struct vsock_stream **ret_stream);
	/*
	 * The guest accepted what request() asked for: tell the host's program, before anything is
	 * written.  Return: 0; -errno if it is not there any more.
	 */
	int (*confirm)(struct vsock_stream *stream, uint32_t host_port);
	/* Return: bytes read, perhaps fewer than there are; 0 at the end; -EAGAIN; other -errno if
	 * the connection broke. */
	ssize_t (*read)(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov);
	/* Return: 1 if there are bytes to be read; else as read(). */
	int (*peek)(struct vsock_stream *stream);
	/* Return: bytes written, from 1 on; -EAGAIN; other -errno if nobody takes them any more. */
	ssize_t (*write)(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov);
	/* @how: SHUT_RD: bytes are not wanted any more; SHUT_WR: there will be no more */
	void (*shutdown)(struct vsock_stream *stream, int how);
	void (*close)(struct vsock_stream *stream);
	/* From now on call tick() every VSOCK_TICK_MS, or not any more. */
	void (*set_ticking)(struct vsock_host *host, bool on);
	/* Have woken() called soon.  Any thread. */
	void (*wake)(struct vsock_host *host);
	/* All streams were closed; on the loop's thread, or after it. */
	void (*destroy)(struct vsock_host *host);
};

/* The device's side. */
struct vsock_guest_ops {
	/*
	 * A host program wants to connect to the guest's @port.  Return: 0, @stream is the
	 * device's; on -errno it was not taken.
	 */
	int (*request)(void *ctx, struct vsock_stream *stream, uint32_t port);
	void (*ready)(void *ctx, struct vsock_stream *stream, unsigned events);
	void (*tick)(void *ctx);
	void (*woken)(void *ctx);
};

struct vsock_host {
	const struct vsock_host_ops *ops;
	const struct vsock_guest_ops *guest;
	void *ctx; /* of the guest's operations */
};

/** vsock_host_attach() - have the device called; before the loop runs */
static inline void vsock_host_attach(struct vsock_host *host, const struct vsock_guest_ops *guest,
				     void *ctx)
{
	host->guest = guest;
	host->ctx = ctx;
}

/** vsock_host_destroy() - NULL is fine */
static inline void vsock_host_destroy(struct vsock_host *host)
{
	if (host)
		host->ops->destroy(host);
}

#endif
