/* SPDX-License-Identifier: MIT */
/*
 * What happens to one connection (5.10.6.5), by packets of the guest, by its stream on the host, or
 * by time, and which packets it has for the guest.
 *
 *     guest: REQUEST -> CONNECTING --.                        .-> free
 *                                     >-> ESTABLISHED --------+-> RESETTING -> RST sent -> free
 *     host: request() -> REQUESTED --'                        '-> LINGERING -> bytes taken -> free
 *
 * Half-closed it stays ESTABLISHED.  Both sides end it by a SHUTDOWN of both directions, which the
 * other answers by RST.  Bytes that were sent before reach the host even if the guest is gone.
 *
 * All under the device's lock; on the loop's thread but for vsock_conn_reset_all().
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VSOCK_CONN_H
#define GLASSBOX_DEVICES_VIRTIO_VSOCK_CONN_H

#include "devices/virtio/chain.h"
#include "devices/virtio/rules.h"
#include "devices/virtio/vsock_table.h"

/* Of one packet to the guest: a driver may offer far larger buffers. */
#define VSOCK_MAX_PAYLOAD    ((uint32_t)KIB(64))

/* How long a guest may take, in ticks. */
#define VSOCK_REQUEST_TICKS  (10000 / VSOCK_TICK_MS) /* to answer REQUEST */
#define VSOCK_SHUTDOWN_TICKS (8000 / VSOCK_TICK_MS)  /* to answer SHUTDOWN of both directions */
#define VSOCK_CREDIT_TICKS   (2000 / VSOCK_TICK_MS)  /* without space, until it is asked again */

/**
 * vsock_conn_connect() - the guest wants a connection, and there is none with these ports
 *
 * Return: 0; -errno if it is to be refused.
 */
int vsock_conn_connect(struct vsock_table *table, const struct virtio_vsock_hdr *hdr) __must_check;

/** vsock_conn_request() - a program of the host wants one; as request() of vsock_host.h */
int vsock_conn_request(struct vsock_table *table, struct vsock_stream *stream, uint32_t port)
	__must_check;

/**
 * vsock_conn_packet() - the guest sent a packet that belongs to @conn
 * @chain: the packet; it holds at least the hdr->len bytes that its header announces
 *
 * @conn may be gone afterwards.
 */
void vsock_conn_packet(struct vsock_table *table, struct vsock_conn *conn,
		       const struct virtio_vsock_hdr *hdr, const struct virtq_chain *chain);

/** vsock_conn_violate() - the driver broke a rule: finding, and the end of the connection */
void vsock_conn_violate(struct vsock_table *table, struct vsock_conn *conn, enum virtio_rule rule,
			uint64_t detail);

/** vsock_conn_ready() - as ready() of vsock_host.h */
void vsock_conn_ready(struct vsock_table *table, struct vsock_conn *conn, unsigned events);

/** vsock_conn_tick_all() - VSOCK_TICK_MS have passed */
void vsock_conn_tick_all(struct vsock_table *table);

/** vsock_conn_has_packet() - is there one for the guest, of any connection? */
bool vsock_conn_has_packet(struct vsock_table *table);

/**
 * vsock_conn_next_packet() - make a packet for the guest, of whatever connection waits longest
 * @chain: has room for a header and one byte; the payload is written to it, behind the header
 *
 * Return: false if there is nothing to be sent.
 */
bool vsock_conn_next_packet(struct vsock_table *table, const struct virtq_chain *chain,
			    struct virtio_vsock_hdr *ret_hdr);

/**
 * vsock_conn_reset_all() - none is left for the guest; any thread
 *
 * Streams stay open until vsock_conn_reap().
 */
void vsock_conn_reset_all(struct vsock_table *table);

/** vsock_conn_reap() - close the streams of those that a reset has ended */
void vsock_conn_reap(struct vsock_table *table);

/** vsock_conn_destroy_all() - close all streams; the loop may have ended */
void vsock_conn_destroy_all(struct vsock_table *table);

#endif
