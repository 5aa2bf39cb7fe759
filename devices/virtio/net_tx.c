/* SPDX-License-Identifier: MIT */
/* Frames from the driver (5.1.6.2). */
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/net_device.h"

/* What of segmentation a driver may ask for, with the offload that allows it. */
static bool gso_is_allowed(const struct virtio_net *net, uint8_t gso_type)
{
	uint32_t offloads = net->send_offloads;

	switch (gso_type & ~NET_GSO_ECN) {
	case NET_GSO_TCPV4: return offloads & NET_OFFLOAD_TSO4;
	case NET_GSO_TCPV6: return offloads & NET_OFFLOAD_TSO6;
	case NET_GSO_UDP: return (offloads & NET_OFFLOAD_UFO) && gso_type == NET_GSO_UDP;
	default: return false;
	}
}

/*
 * Keeps of the driver's header what it may say, and what makes sense with the frame (5.1.6.2.1,
 * 5.1.6.2.2).  Return: false if the frame can't be sent with that.
 */
static bool check_header(const struct virtio_net *net, struct net_header *header,
			 uint32_t frame_len)
{
	bool partial = header->flags & NET_HEADER_NEEDS_CSUM;

	if (partial) {
		if (!(net->send_offloads & NET_OFFLOAD_CHECKSUM) ||
		    (uint32_t)header->csum_start + header->csum_offset + sizeof(uint16_t) >
			    frame_len)
			return false;
	} else {
		header->csum_start = header->csum_offset = 0;
	}
	header->flags = partial ? NET_HEADER_NEEDS_CSUM : 0;
	if (header->gso_type == NET_GSO_NONE) {
		header->gso_size = 0;
	} else if (!gso_is_allowed(net, header->gso_type) || !partial || header->gso_size == 0) {
		return false;
	} else if (!(net->send_offloads & NET_OFFLOAD_ECN)) {
		if (header->gso_type & NET_GSO_ECN)
			return false;
	}
	/* A hint, which may be wrong. */
	if (header->hdr_len > frame_len)
		header->hdr_len = 0;
	header->num_buffers = 0;
	return true;
}

/* The longest that a frame with this header may be. */
static uint32_t longest(const struct virtio_net *net, const struct net_header *header)
{
	if (header->gso_type == NET_GSO_NONE &&
	    virtio_dev_has_feature(&net->vdev, VIRTIO_NET_F_MTU))
		return net->settings.mtu + NET_ETHER_HEADER_LEN + NET_VLAN_TAG_LEN;
	return NET_FRAME_MAX;
}

static bool refuse(const struct virtio_net *net, unsigned q, enum virtio_rule rule, uint64_t detail)
{
	virtio_finding(net->vdev.name, q, rule, detail);
	return false;
}

/* Return: is there something to send? */
static bool parse(struct virtio_net *net, unsigned q, struct net_header *ret_header)
{
	const struct virtq_chain *chain = &net->chain;
	uint32_t len;

	if (chain->in_len)
		virtio_finding(net->vdev.name, q, VIRTIO_RULE_NET_TX_WRITABLE, chain->in_len);
	if (virtq_chain_read(chain, 0, ret_header, NET_HEADER_LEN) < NET_HEADER_LEN)
		return refuse(net, q, VIRTIO_RULE_NET_TX_LENGTH, chain->out_len);
	len = chain->out_len - NET_HEADER_LEN;
	if (len < NET_ETHER_HEADER_LEN || len > longest(net, ret_header))
		return refuse(net, q, VIRTIO_RULE_NET_TX_LENGTH, len);
	if (!check_header(net, ret_header, len))
		return refuse(net, q, VIRTIO_RULE_NET_TX_HEADER,
			      (uint64_t)ret_header->flags << 8 | ret_header->gso_type);
	return true;
}

/* Return: 0 or -errno. */
static int send_frame(struct virtio_net *net, unsigned pair, unsigned q, struct net_header *header)
{
	const struct virtq_chain *chain = &net->chain;
	uint32_t len = chain->out_len - NET_HEADER_LEN;
	unsigned count;
	int r;

	/* What was checked is what is sent, whatever the guest does to its own meanwhile. */
	net->iov[0] = (struct iovec){ header, NET_HEADER_LEN };
	count = virtq_chain_out_iov(chain, NET_HEADER_LEN, len, &net->iov[1]);
	trace_virtio_backend_begin(net->vdev.name, q, chain->seq, "send", 0, len);
	r = net_send(net->backend, pair, net->iov, count + 1);
	trace_virtio_backend_end(net->vdev.name, q, chain->seq, (uint32_t)-r);
	return r;
}

/* Return: bytes of the frame. */
static uint32_t serve(struct virtio_net *net, unsigned pair, unsigned q)
{
	struct net_header header;
	bool sent;

	/* A pair that is no longer in use may have frames left from when it was. */
	sent = net_has_link(net) && parse(net, q, &header) &&
	       send_frame(net, pair < net->pairs ? pair : 0, q, &header) == 0;
	net->counters.sent += sent;
	net->counters.send_drops += !sent;
	virtqueue_push(virtio_dev_queue(&net->vdev, q), &net->chain, 0);
	return net->chain.out_len;
}

void net_tx_run(struct virtio_net *net, unsigned pair, unsigned q)
{
	struct virtqueue *vq = virtio_dev_queue(&net->vdev, q);
	struct net_turn turn = { 0 };
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &net->chain)) > 0) {
			if (net_turn_count(net, &turn, q, serve(net, pair, q)))
				break;
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	if (r > 0)
		virtio_dev_again(&net->vdev, q);
	virtio_dev_signal_queue(&net->vdev, q);
	if (net_commit(net->backend))
		net_rx_run(net, 0);
}
