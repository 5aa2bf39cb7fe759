/* SPDX-License-Identifier: MIT */
/* Frames to the driver (5.1.6.3, 5.1.6.4): see struct net_rx for how they get there. */
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/net_device.h"

#define RX_MASK         (NET_RX_STOCK - 1u)

#define RX_OVERHEAD     (NET_HEADER_LEN + NET_ETHER_HEADER_LEN + NET_VLAN_TAG_LEN)
#define RX_LARGEST_LEN  (NET_HEADER_LEN + NET_FRAME_MAX)

/* Large frames come one after the other.  After so many that aren't, the next is no surprise. */
#define RX_LARGE_FRAMES 64u

/* Beside the driver's buffers: header and spill. */
#define RX_OWN_PIECES   2u

static struct virtq_chain *stock_at(const struct net_rx *rx, unsigned i)
{
	return &rx->stock[(rx->first + i) & RX_MASK];
}

/* Bytes of a frame that the chain can hold; nobody needs more. */
static uint32_t room_of(const struct virtq_chain *chain)
{
	return MIN(chain->in_len, RX_LARGEST_LEN);
}

static struct virtqueue *rx_queue(struct virtio_net *net, unsigned pair)
{
	return virtio_dev_queue(&net->vdev, net_rx_queue(pair));
}

void net_rx_forget(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];

	rx->first = rx->count = rx->pieces = 0;
	rx->room = rx->frame_len = 0;
	rx->large = 0;
}

/*
 * Can the stock take no more chains?  Without merged buffers a frame has just one (5.1.6.3.2); and
 * all pieces go into one system call, those of the longest chain, too.
 */
static bool is_full(const struct virtio_net *net, const struct net_rx *rx)
{
	return rx->count == NET_RX_STOCK ||
	       rx->pieces > NET_MAX_PIECES - RX_OWN_PIECES - VIRTQ_MAX_CHAIN ||
	       (rx->count && !virtio_dev_has_feature(&net->vdev, VIRTIO_NET_F_MRG_RXBUF));
}

/* Return: 1 for another chain in the stock or given back, 0 for none, -EIO. */
static int stock_one(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];
	struct virtqueue *vq = rx_queue(net, pair);
	struct virtq_chain *chain = stock_at(rx, rx->count);
	int r = virtqueue_pop(vq, chain);

	if (r <= 0)
		return r;
	if (chain->out_len)
		virtio_finding(net->vdev.name, net_rx_queue(pair), VIRTIO_RULE_NET_RX_READABLE,
			       chain->out_len);
	if (chain->in_len < NET_HEADER_LEN) {
		virtio_finding(net->vdev.name, net_rx_queue(pair), VIRTIO_RULE_NET_RX_LENGTH,
			       chain->in_len);
		virtqueue_push(vq, chain, 0);
		return 1;
	}
	rx->count++;
	rx->room += room_of(chain);
	rx->pieces += chain->nr_in;
	return 1;
}

/*
 * Takes chains until there is room for @want bytes, or none are left.  Return: 0 with room for
 * @must; -ENOBUFS if the driver has to add some, of which it will notify; -EIO.
 */
static int take_stock(struct virtio_net *net, unsigned pair, uint32_t want, uint32_t must)
{
	struct net_rx *rx = &net->rx[pair];
	struct virtqueue *vq = rx_queue(net, pair);

	while (rx->room < want && !is_full(net, rx)) {
		int r = stock_one(net, pair);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (rx->room >= must || !virtqueue_enable_notify(vq))
			break;
		virtqueue_disable_notify(vq);
	}
	return rx->room >= must ? 0 : -ENOBUFS;
}

/*
 * How long the next frame is, with its header, if it is like the last ones.  To offer room for the
 * largest each time would cost more than to read a small one.
 */
static uint32_t expected_len(const struct virtio_net *net, const struct net_rx *rx)
{
	return rx->large ? RX_LARGEST_LEN : RX_OVERHEAD + MAX(net->settings.mtu, 1500u);
}

static void learn(const struct virtio_net *net, struct net_rx *rx)
{
	if (rx->frame_len > RX_OVERHEAD + MAX(net->settings.mtu, 1500u))
		rx->large = RX_LARGE_FRAMES;
	else if (rx->large)
		rx->large--;
}

/*
 * Takes what the backend has into as much of the stock as is expected to be enough, and the spill.
 * Return: as net_receive(); then frame_len and split are set.
 */
static ssize_t receive(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];
	uint32_t expected = expected_len(net, rx), room = 0;
	struct iovec *iov = net->iov;
	unsigned count = 0;
	ssize_t len;

	iov[count++] = (struct iovec){ &rx->header, NET_HEADER_LEN };
	for (unsigned i = 0; i < rx->count && room < expected; i++) {
		const struct virtq_chain *chain = stock_at(rx, i);
		uint32_t skip = i ? 0 : NET_HEADER_LEN;

		count += virtq_chain_in_iov(chain, skip, room_of(chain) - skip, &iov[count]);
		room += room_of(chain);
	}
	if (room < RX_LARGEST_LEN)
		iov[count++] = (struct iovec){ rx->spill, RX_LARGEST_LEN - room };
	len = net_receive(net->backend, pair, iov, count);
	if (len < 0)
		return len;
	rx->frame_len = (uint32_t)len;
	rx->split = room;
	learn(net, rx);
	return len;
}

/* May the driver be given a frame with this header?  It may be from before it said what it takes.
 */
static bool is_acceptable(const struct virtio_net *net, const struct net_header *header,
			  uint32_t frame_len)
{
	uint32_t offloads = net->receive_offloads;
	uint32_t most = net->settings.mtu + NET_ETHER_HEADER_LEN + NET_VLAN_TAG_LEN;

	if ((header->flags & NET_HEADER_NEEDS_CSUM) && !(offloads & NET_OFFLOAD_CHECKSUM))
		return false;
	if ((header->gso_type & NET_GSO_ECN) && !(offloads & NET_OFFLOAD_ECN))
		return false;
	switch (header->gso_type & ~NET_GSO_ECN) {
	case NET_GSO_NONE: /* 5.1.4.1 */
		return frame_len <= most || !virtio_dev_has_feature(&net->vdev, VIRTIO_NET_F_MTU);
	case NET_GSO_TCPV4: return offloads & NET_OFFLOAD_TSO4;
	case NET_GSO_TCPV6: return offloads & NET_OFFLOAD_TSO6;
	case NET_GSO_UDP: return offloads & NET_OFFLOAD_UFO;
	default: return false;
	}
}

static void drop(struct virtio_net *net, unsigned pair)
{
	net->rx[pair].frame_len = 0;
	net->counters.receive_drops++;
}

/* The frame begins in the stock, where there is room for all of it now. */
static void place_spill(const struct net_rx *rx)
{
	const uint8_t *from = rx->spill;
	uint32_t start = 0, end; /* of the chain, in the frame */

	for (unsigned i = 0; start < rx->frame_len; start = end, i++) {
		const struct virtq_chain *chain = stock_at(rx, i);
		uint32_t at = MAX(start, rx->split), len;

		end = start + room_of(chain);
		if (end <= at)
			continue;
		len = MIN(end, rx->frame_len) - at;
		(void)virtq_chain_write(chain, at - start, from, len);
		from += len;
	}
}

static unsigned buffers_of_frame(const struct net_rx *rx)
{
	unsigned count = 0;

	for (uint32_t len = 0; len < rx->frame_len; count++)
		len += room_of(stock_at(rx, count));
	return count;
}

/* Gives the driver the frame, all of whose bytes but the header are in the stock. */
static void deliver(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];
	struct virtqueue *vq = rx_queue(net, pair);
	unsigned count = buffers_of_frame(rx);
	uint64_t seq = stock_at(rx, 0)->seq;
	uint32_t left = rx->frame_len;

	trace_virtio_backend_begin(net->vdev.name, net_rx_queue(pair), seq, "receive", 0,
				   left - NET_HEADER_LEN);
	trace_virtio_backend_end(net->vdev.name, net_rx_queue(pair), seq, 0);
	rx->header.num_buffers = (uint16_t)count;
	/* 5.1.6.4.1: not even that it is valid. */
	if (!(net->receive_offloads & NET_OFFLOAD_CHECKSUM))
		rx->header.flags = 0;
	(void)virtq_chain_write(stock_at(rx, 0), 0, &rx->header, NET_HEADER_LEN);
	while (left) {
		const struct virtq_chain *chain = stock_at(rx, 0);
		uint32_t len = MIN(left, chain->in_len);

		virtqueue_stage(vq, chain, len);
		left -= len;
		rx->room -= room_of(chain);
		rx->pieces -= chain->nr_in;
		rx->first = (rx->first + 1) & RX_MASK;
		rx->count--;
	}
	virtqueue_publish(vq);
	rx->frame_len = 0;
	net->counters.received++;
}

/* Return: 0 if the frame was delivered, or dropped; as take_stock() if that has to wait. */
static int finish(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];
	int r = take_stock(net, pair, rx->frame_len, rx->frame_len);

	/* All that the driver can ever give is there: it would wait for nothing. */
	if (r == -ENOBUFS && (is_full(net, rx) || rx->count == rx_queue(net, pair)->size)) {
		virtio_finding(net->vdev.name, net_rx_queue(pair), VIRTIO_RULE_NET_RX_LENGTH,
			       rx->room);
		drop(net, pair);
		return 0;
	}
	if (r < 0)
		return r;
	if (rx->split < rx->frame_len)
		place_spill(rx);
	deliver(net, pair);
	return 0;
}

/* Return: bytes of a frame that was delivered or dropped; -ENOBUFS, -EIO, -EAGAIN or -ENODEV. */
static ssize_t receive_one(struct virtio_net *net, unsigned pair)
{
	struct net_rx *rx = &net->rx[pair];
	ssize_t len;
	int r;

	virtqueue_start_batch(rx_queue(net, pair));
	if (rx->frame_len == 0) {
		r = take_stock(net, pair, expected_len(net, rx), NET_HEADER_LEN);
		if (r < 0)
			return r;
		len = receive(net, pair);
		if (len < 0)
			return len;
		if (len < NET_HEADER_LEN + NET_ETHER_HEADER_LEN ||
		    !is_acceptable(net, &rx->header, rx->frame_len - NET_HEADER_LEN)) {
			drop(net, pair);
			return MAX(len, 1);
		}
	}
	len = rx->frame_len;
	r = finish(net, pair);
	return r < 0 ? r : len;
}

static bool can_receive(struct virtio_net *net, unsigned pair)
{
	const struct virtqueue *vq = rx_queue(net, pair);

	return net->vdev.active && pair < net->pairs && vq->enabled && !vq->broken &&
	       net_has_link(net);
}

void net_rx_run(struct virtio_net *net, unsigned pair)
{
	unsigned q = net_rx_queue(pair);
	struct virtqueue *vq = rx_queue(net, pair);
	struct net_turn turn = { 0 };
	ssize_t r;

	if (!can_receive(net, pair)) {
		net_watch(net->backend, pair, false);
		return;
	}
	virtqueue_disable_notify(vq);
	do
		r = receive_one(net, pair);
	while (r > 0 && !net_turn_count(net, &turn, q, (uint64_t)r));
	net_watch(net->backend, pair, r > 0 || r == -EAGAIN);
	/* Also after so many chains that were of no use that the guest refills them for ever. */
	if (r > 0 || (r == -ENOBUFS && virtqueue_batch_ended(vq)))
		virtio_dev_again(&net->vdev, q);
	virtio_dev_signal_queue(&net->vdev, q);
	if (r == -ENODEV)
		net_backend_lost(net);
}
