/* SPDX-License-Identifier: MIT */
/*
 * The seam between a network device and where its frames go.  net_tap.h and net_slirp.h are such
 * backends.
 *
 *     device                                     backend
 *     net_send() x n, net_commit()        ->     frames leave
 *     net_receive() x n                   ->     the next frame, or -EAGAIN
 *     ready(pair)                         <-     one has come since
 *     lost()                              <-     none will ever come again
 *
 * A device that has no room calls net_watch() with false, and frames wait where they are: in the
 * kernel's queue of a TAP interface, or in the sockets of the connections they belong to.
 *
 * Each frame has a header in front, which says what of its checksums and segmentation is yet to be
 * done.  What a backend can't do stands in its net_info, and is not asked of it.
 *
 * A multiqueue device has several pairs of queues; a backend steers frames to them by their flow.
 *
 * Threads: all functions but net_set_pairs() and net_set_offloads() are called on the loop's thread
 * (or after it), those two on any; all of them with the device's lock held.  ready() and lost()
 * take that lock; so backends call them on the loop's thread without one of their own, and never
 * from within these functions.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NET_H
#define GLASSBOX_DEVICES_BACKEND_NET_H

#include <sys/uio.h>

#include "base/util.h"

#define NET_MAC_LEN          6
#define NET_ETHER_HEADER_LEN 14
#define NET_VLAN_TAG_LEN     4

/* A frame's length without struct net_header, bytes: an IPv6 header, all that it can announce, and
 * a VLAN tag. */
#define NET_FRAME_MAX        (NET_ETHER_HEADER_LEN + NET_VLAN_TAG_LEN + 40 + 65535)

/* What one side leaves to the other.  A set of these describes what is possible, or allowed. */
#define NET_OFFLOAD_CHECKSUM 0x01u /* of TCP and UDP */
#define NET_OFFLOAD_TSO4     0x02u /* segmentation of TCP over IPv4 */
#define NET_OFFLOAD_TSO6     0x04u /* segmentation of TCP over IPv6 */
#define NET_OFFLOAD_ECN      0x08u /* segmentation of TCP with explicit congestion notification */
#define NET_OFFLOAD_UFO      0x10u /* fragmentation of UDP */
#define NET_OFFLOAD_ALL      0x1fu

/* In front of each frame: virtio's header (5.1.6), which is Linux's for TAP interfaces, too. */
struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;     /* a hint: bytes of headers */
	uint16_t gso_size;    /* bytes of payload in a segment */
	uint16_t csum_start;  /* from here to the end, offset into the frame */
	uint16_t csum_offset; /* where the sum goes, from csum_start on */
	uint16_t num_buffers; /* the device's business */
};

#define NET_HEADER_LEN 12
_Static_assert(sizeof(struct net_header) == NET_HEADER_LEN, "as in 5.1.6");

/* Flags. */
#define NET_HEADER_NEEDS_CSUM 0x01 /* csum_start and csum_offset count */
#define NET_HEADER_DATA_VALID 0x02 /* the checksums were found to be right */

/* Kinds of segmentation. */
#define NET_GSO_NONE          0
#define NET_GSO_TCPV4         1
#define NET_GSO_UDP           3
#define NET_GSO_TCPV6         4
#define NET_GSO_ECN           0x80 /* added to either TCP */

/* What a backend is like; it does not change. */
struct net_info {
	unsigned max_pairs;        /* from 1 on */
	uint32_t send_offloads;    /* NET_OFFLOAD_*: what frames that are sent may leave to it */
	uint32_t receive_offloads; /* what it may leave to who receives, by net_set_offloads() */
};

struct net_backend;

struct net_ops {
	int (*send)(struct net_backend *net, unsigned pair, const struct iovec *iov,
		    unsigned nr_iov);
	bool (*commit)(struct net_backend *net); /* may be NULL */
	ssize_t (*receive)(struct net_backend *net, unsigned pair, const struct iovec *iov,
			   unsigned nr_iov);
	void (*watch)(struct net_backend *net, unsigned pair, bool on);
	int (*set_pairs)(struct net_backend *net, unsigned count);      /* may be NULL */
	int (*set_offloads)(struct net_backend *net, uint32_t receive); /* may be NULL */
	void (*set_link)(struct net_backend *net, bool up);             /* may be NULL */
	void (*destroy)(struct net_backend *net);
};

/* What a backend tells its device. */
struct net_events {
	void (*ready)(void *ctx, unsigned pair);
	void (*lost)(void *ctx);
};

struct net_backend {
	const struct net_ops *ops;
	struct net_info info;
	const struct net_events *events; /* the device's */
	void *ctx;
};

/** net_attach() - have @events called; before anything else, both borrowed */
static inline void net_attach(struct net_backend *net, const struct net_events *events, void *ctx)
{
	net->events = events;
	net->ctx = ctx;
}

/**
 * net_send() - send a frame
 * @pair: the queue it comes from, below info.max_pairs
 * @iov: the first piece is the header alone, NET_HEADER_LEN bytes of the caller's own memory, with
 *       nothing in it that is not in info.send_offloads; the others hold the frame, and a guest may
 *       change it meanwhile
 *
 * It does not wait, and when it returns, the pieces are not touched any more.  Return: 0; -errno if
 * the frame is lost, as frames may be: -EINVAL if the header makes no sense with it.
 */
static inline int net_send(struct net_backend *net, unsigned pair, const struct iovec *iov,
			   unsigned nr_iov)
{
	return net->ops->send(net, pair, iov, nr_iov);
}

/**
 * net_commit() - no more to send for now
 *
 * Return: true if answers to what was sent can be received already; ready() will not tell of them.
 */
static inline bool net_commit(struct net_backend *net)
{
	return net->ops->commit && net->ops->commit(net);
}

/**
 * net_receive() - take the next frame
 * @iov: as for net_send(), with room for NET_FRAME_MAX bytes; what does not fit is lost
 *
 * Return: the length of header and frame; -EAGAIN if there is none; -ENODEV if there will never be
 * one: then lost() is not called any more.
 */
static inline ssize_t net_receive(struct net_backend *net, unsigned pair, const struct iovec *iov,
				  unsigned nr_iov)
{
	return net->ops->receive(net, pair, iov, nr_iov);
}

/**
 * net_watch() - whether to look for frames and to call ready(); at first it is off
 *
 * With it on, ready() is called when a frame has come after net_receive() returned -EAGAIN, and
 * lost() when there will be none.  ready() may be called with nothing there, too.
 */
static inline void net_watch(struct net_backend *net, unsigned pair, bool on)
{
	net->ops->watch(net, pair, on);
}

/** net_set_pairs() - use the first @count pairs, at first 1; Return: 0 or -errno */
static inline int net_set_pairs(struct net_backend *net, unsigned count)
{
	return net->ops->set_pairs ? net->ops->set_pairs(net, count) : 0;
}

/**
 * net_set_offloads() - what received frames may come with, of info.receive_offloads; at first 0
 *
 * A frame that came before may be received yet with what was allowed then.  Return: 0 or -errno.
 */
static inline int net_set_offloads(struct net_backend *net, uint32_t receive)
{
	return net->ops->set_offloads ? net->ops->set_offloads(net, receive) : 0;
}

/** net_set_link() - the cable was plugged in or out; at first it is in */
static inline void net_set_link(struct net_backend *net, bool up)
{
	if (net->ops->set_link)
		net->ops->set_link(net, up);
}

/** net_destroy() - on the loop's thread, or after it; NULL is fine */
static inline void net_destroy(struct net_backend *net)
{
	if (net)
		net->ops->destroy(net);
}

#endif
