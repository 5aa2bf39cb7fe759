/* SPDX-License-Identifier: MIT */
/*
 * The network device as its parts see it; for net*.c only.
 *
 *     net.c       features, configuration, link, which queue is what
 *     net_rx.c    frames to the driver
 *     net_tx.c    frames from the driver
 *     net_ctrl.c  the control queue
 *
 * All functions want the lock held, and are called on the loop's thread unless they say otherwise.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_NET_DEVICE_H
#define GLASSBOX_DEVICES_VIRTIO_NET_DEVICE_H

#include <limits.h>

#include "devices/virtio/net.h"
#include "devices/virtio/net_spec.h"

#define NET_QUEUE_SIZE   256
#define NET_RX_STOCK     64      /* chains; a power of two */
#define NET_MAX_PIECES   IOV_MAX /* readv(2) takes no more */

/* In one turn of the loop, which has others to serve: frames of 64 KiB take some 10 us each. */
#define NET_TURN_FRAMES  256u
#define NET_TURN_BYTES   MIB(1)

/*
 * After so much the driver is told, if it wants to be: it can go on while we do.  A driver for TCP
 * even has to, for it sends more only when what it sent is out.  A short frame counts as if it were
 * of NET_SIGNAL_FRAME bytes.
 */
#define NET_SIGNAL_BYTES KIB(16)
#define NET_SIGNAL_FRAME KIB(1)

/* What was done in a turn. */
struct net_turn {
	unsigned frames;
	uint64_t bytes;
	uint64_t untold; /* since the driver was told, as above */
};

/*
 * Frames are read straight into the driver's buffers.  How many of these one takes is known only
 * then, so there is a stock of chains that were popped before, oldest first.  What does not fit
 * into what of the stock is used goes to the spill, and from there into buffers, too.
 */
struct net_rx {
	struct virtq_chain *stock; /* NET_RX_STOCK of them, used round and round */
	unsigned first, count;
	uint32_t room;   /* bytes in the stock */
	unsigned pieces; /* in the stock */
	uint8_t *spill;  /* NET_FRAME_MAX */
	unsigned large;  /* after so many frames of ordinary length no large one is expected */

	/* A frame that waits for more buffers. */
	uint32_t frame_len; /* with its header; 0: none */
	uint32_t split;     /* so much of it is in the stock, what comes behind in the spill */
	struct net_header header;
};

struct virtio_net {
	struct virtio_dev vdev;
	struct net_backend *backend; /* immutable, as what follows */
	struct virtio_net_settings settings;
	unsigned max_pairs;

	struct virtio_net_config config;
	struct net_rx *rx;         /* of each pair */
	unsigned pairs;            /* in use */
	uint32_t receive_offloads; /* NET_OFFLOAD_*: what the driver takes now */
	uint32_t send_offloads;    /* what it may leave to us */
	bool link_up;              /* by virtio_net_set_link() */
	bool lost;                 /* the backend */
	struct virtio_net_counters counters;

	/* Of one call only. */
	struct virtq_chain chain;
	struct iovec iov[NET_MAX_PIECES];
};

static inline unsigned net_rx_queue(unsigned pair)
{
	return 2 * pair;
}

static inline bool net_has_link(const struct virtio_net *net)
{
	return net->link_up && !net->lost;
}

/**
 * net_turn_count() - a frame of @len bytes was sent or received in queue @q
 *
 * Tells the driver now and then.  Return: is the turn over?
 */
bool net_turn_count(struct virtio_net *net, struct net_turn *turn, unsigned q, uint64_t len);

/** net_offloads_of() - what features GUEST_* (@guest) or HOST_* say of offloads */
uint32_t net_offloads_of(uint64_t features, bool guest);

/** net_backend_lost() - there is none any more: the link is down */
void net_backend_lost(struct virtio_net *net);

/** net_set_active_pairs() - use so many of the pairs; Return: 0 or -errno, nothing changed */
int net_set_active_pairs(struct virtio_net *net, unsigned count);

/** net_rx_run() - receive what there is, as far as there are buffers; at any time */
void net_rx_run(struct virtio_net *net, unsigned pair);

/** net_rx_forget() - give up all buffers of the pair; any thread */
void net_rx_forget(struct virtio_net *net, unsigned pair);

/** net_tx_run() - send what is in the transmit queue @q of the pair */
void net_tx_run(struct virtio_net *net, unsigned pair, unsigned q);

/** net_ctrl_run() - obey the commands in queue @q */
void net_ctrl_run(struct virtio_net *net, unsigned q);

#endif
