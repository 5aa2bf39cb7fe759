/* SPDX-License-Identifier: MIT */
/*
 * The connections of a socket device: a fixed number of slots, found by their ports, and the queue
 * of those that have something for the guest.  No policy here; that is vsock_conn.h.
 *
 * Nothing is allocated by the guest's say but the bytes it sends, and these have a bound: see
 * VSOCK_MAX_BUFFERED.  All under the device's lock; what calls the host side on the loop's thread
 * only.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VSOCK_TABLE_H
#define GLASSBOX_DEVICES_VIRTIO_VSOCK_TABLE_H

#include "devices/backend/byte_ring.h"
#include "devices/backend/vsock_host.h"
#include "devices/virtio/vsock_credit.h"
#include "devices/virtio/vsock_spec.h"

/* Each takes a file descriptor of the process, which has 1024 of them as a rule. */
#define VSOCK_MAX_CONNS    512

/* Space for what the guest has sent and the host has not taken yet: the first ones have more. */
#define VSOCK_LARGE_BUF    ((uint32_t)KIB(256))
#define VSOCK_SMALL_BUF    ((uint32_t)KIB(64))
#define VSOCK_LARGE_CONNS  128
#define VSOCK_MAX_BUFFERED MIB(56) /* bytes, of all connections together */
_Static_assert((uint64_t)VSOCK_LARGE_CONNS *VSOCK_LARGE_BUF +
			       (uint64_t)(VSOCK_MAX_CONNS - VSOCK_LARGE_CONNS) * VSOCK_SMALL_BUF <=
		       VSOCK_MAX_BUFFERED,
	       "the bound holds whatever the guest does");

/* Ports of the host's ends of connections that the host began; upwards, as programs know it. */
#define VSOCK_FIRST_HOST_PORT UINT32_C(0x40000000)
#define VSOCK_LAST_HOST_PORT  UINT32_C(0x7fffffff)

enum vsock_state {
	VSOCK_FREE,
	VSOCK_CONNECTING,  /* the guest began it; the host side connects */
	VSOCK_REQUESTED,   /* the host began it; the guest has not answered */
	VSOCK_ESTABLISHED, /* and until both sides are done with it */
	VSOCK_RESETTING,   /* over, but the guest does not know: RST is still to be sent */
	VSOCK_LINGERING,   /* over for the guest; the host has not taken all bytes yet */
	VSOCK_DEAD,        /* gone with a reset; the loop's thread has yet to close the stream */
};

struct vsock_conn {
	enum vsock_state state;
	uint32_t guest_port, host_port;
	struct vsock_stream *stream; /* owned; NULL once it is closed */
	struct vsock_credit credit;
	struct byte_ring ring;  /* from the guest for the host; no memory before it is needed */
	uint8_t guest_shutdown; /* VIRTIO_VSOCK_SHUTDOWN_*: what the guest said */
	uint8_t host_shutdown;  /* likewise: what is true of the host, and told or in `wanted` */
	uint8_t wanted;         /* packets to be sent: a bit for each operation */
	bool readable;          /* the stream has bytes for the guest, or its end */
	bool doubtful;          /* ... or may have: it was not asked since */
	bool hung_up;           /* the stream's other end is gone */
	bool shut_write;        /* the stream was told that there will be no more bytes */
	bool credit_asked;      /* since the guest last had space */
	bool large;             /* its buffer is a large one */
	unsigned ticks;         /* until something is overdue; 0: nothing can be */

	/* Of the table. */
	struct vsock_conn *next;                    /* free ones, or those in the same bucket */
	struct vsock_conn *next_ready, *prev_ready; /* in the queue */
	bool queued;
};

#define VSOCK_BUCKETS 256

struct vsock_table {
	/* Immutable. */
	const char *name; /* of the device, for findings */
	uint32_t guest_cid;
	struct vsock_host *host;

	struct vsock_conn conns[VSOCK_MAX_CONNS];
	struct vsock_conn *free;
	struct vsock_conn *buckets[VSOCK_BUCKETS];
	struct vsock_conn *first_ready, *last_ready;
	unsigned nr_large;
	unsigned nr_timed; /* connections with ticks */
	bool ticking;      /* the host side calls tick() */
	uint32_t next_host_port;
};

void vsock_table_init(struct vsock_table *table, const char *name, uint32_t guest_cid,
		      struct vsock_host *host);

/**
 * vsock_table_add() - a new connection, of which its user sets state and stream
 *
 * Return: NULL if there is no room.  The ports are not in use.
 */
struct vsock_conn *vsock_table_add(struct vsock_table *table, uint32_t guest_port,
				   uint32_t host_port);

/** vsock_table_find() - Return: NULL if there is none */
struct vsock_conn *vsock_table_find(const struct vsock_table *table, uint32_t guest_port,
				    uint32_t host_port);

/** vsock_table_pick_host_port() - a port for the host's end that is free for @guest_port */
uint32_t vsock_table_pick_host_port(struct vsock_table *table, uint32_t guest_port);

/** vsock_table_forget() - it is not found any more, and has nothing for the guest; any thread */
void vsock_table_forget(struct vsock_table *table, struct vsock_conn *conn);

/** vsock_table_close_stream() - with all bytes that are meant for it; fine without one */
void vsock_table_close_stream(struct vsock_table *table, struct vsock_conn *conn);

/** vsock_table_release() - forget it, close its stream, and make its slot free */
void vsock_table_release(struct vsock_table *table, struct vsock_conn *conn);

/** vsock_table_queue() - it has something for the guest; nothing happens if it is in the queue */
void vsock_table_queue(struct vsock_table *table, struct vsock_conn *conn);

/** vsock_table_dequeue() - the one that has waited longest; NULL if there is none */
struct vsock_conn *vsock_table_dequeue(struct vsock_table *table);

/** vsock_table_set_ticks() - have it overdue in @ticks; 0: never */
void vsock_table_set_ticks(struct vsock_table *table, struct vsock_conn *conn, unsigned ticks);

#endif
