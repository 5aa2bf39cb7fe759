/* SPDX-License-Identifier: MIT */
/* The control queue (5.1.6.5). */
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/net_device.h"

#define COMMAND_LEN 2u /* class and command; the data follow */

static uint32_t data_len(const struct virtio_net *net)
{
	return net->chain.out_len - COMMAND_LEN;
}

/* The command's data, if there are just so many bytes. */
static bool read_data(const struct virtio_net *net, void *data, uint32_t len)
{
	return data_len(net) == len && virtq_chain_read(&net->chain, COMMAND_LEN, data, len) == len;
}

/* 5.1.6.5.1.  The driver gets all frames anyway: filtering is best-effort. */
static bool set_receive_mode(struct virtio_net *net)
{
	uint8_t on;

	return read_data(net, &on, sizeof(on)) && on <= 1;
}

/* 5.1.6.5.2: one table, for single stations, or both?  Return: its length, 0 if it isn't there. */
static uint64_t table_len(const struct virtio_net *net, uint64_t at)
{
	uint32_t entries;

	if (virtq_chain_read(&net->chain, at, &entries, sizeof(entries)) < sizeof(entries))
		return 0;
	return sizeof(entries) + (uint64_t)NET_MAC_LEN * entries;
}

/* As for modes: two tables that are there will do. */
static bool set_mac_table(struct virtio_net *net)
{
	uint64_t unicast = table_len(net, COMMAND_LEN), multicast;

	if (unicast == 0 || unicast > data_len(net))
		return false;
	multicast = table_len(net, COMMAND_LEN + unicast);
	return multicast && unicast + multicast == data_len(net);
}

static bool set_mac(struct virtio_net *net)
{
	uint8_t mac[NET_MAC_LEN];

	if (!read_data(net, mac, sizeof(mac)))
		return false;
	memcpy(net->config.mac, mac, sizeof(mac));
	/* A driver that reads it in pieces must not mix two of them (2.5.1). */
	net->vdev.config_generation++;
	return true;
}

/* 5.1.6.5.6. */
static bool set_pairs(struct virtio_net *net)
{
	uint16_t pairs;

	return read_data(net, &pairs, sizeof(pairs)) && pairs >= 1 && pairs <= net->max_pairs &&
	       net_set_active_pairs(net, pairs) == 0;
}

/* 5.1.6.5.8: bits as of the features. */
static bool set_offloads(struct virtio_net *net)
{
	uint32_t offloads;
	uint64_t features;

	if (!read_data(net, &features, sizeof(features)) || (features & ~net->vdev.accepted))
		return false;
	offloads = net_offloads_of(features, true);
	if (net_set_offloads(net->backend, offloads) < 0)
		return false;
	net->receive_offloads = offloads;
	return true;
}

static const struct {
	uint8_t class, command;
	uint64_t feature;
	bool (*obey)(struct virtio_net *net); /* Return: false if the data are wrong */
} commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, set_receive_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, set_receive_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX, set_mac_table },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR, set_mac },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, set_pairs },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
	  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, set_offloads },
};

/* Return: VIRTIO_NET_OK or VIRTIO_NET_ERR. */
static uint8_t obey(struct virtio_net *net, unsigned q)
{
	uint8_t command[COMMAND_LEN];

	if (virtq_chain_read(&net->chain, 0, command, sizeof(command)) < sizeof(command)) {
		virtio_finding(net->vdev.name, q, VIRTIO_RULE_NET_CTRL_LENGTH, net->chain.out_len);
		return VIRTIO_NET_ERR;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].class != command[0] || commands[i].command != command[1] ||
		    !virtio_dev_has_feature(&net->vdev, commands[i].feature))
			continue;
		if (commands[i].obey(net))
			return VIRTIO_NET_OK;
		virtio_finding(net->vdev.name, q, VIRTIO_RULE_NET_CTRL_DATA,
			       (uint64_t)command[0] << 8 | command[1]);
		return VIRTIO_NET_ERR;
	}
	virtio_finding(net->vdev.name, q, VIRTIO_RULE_NET_CTRL_COMMAND,
		       (uint64_t)command[0] << 8 | command[1]);
	return VIRTIO_NET_ERR;
}

void net_ctrl_run(struct virtio_net *net, unsigned q)
{
	struct virtqueue *vq = virtio_dev_queue(&net->vdev, q);
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &net->chain)) > 0) {
			uint8_t ack = obey(net, q);

			if (net->chain.in_len == 0)
				virtio_finding(net->vdev.name, q, VIRTIO_RULE_NET_CTRL_LENGTH, 0);
			virtqueue_push(vq, &net->chain,
				       (uint32_t)virtq_chain_write(&net->chain, 0, &ack, 1));
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(&net->vdev, q);
}
