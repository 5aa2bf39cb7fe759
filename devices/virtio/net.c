/* SPDX-License-Identifier: MIT */
/*
 * The network device (5.1): features, configuration, link, and which queue is what.  Threads: as
 * virtio.h says; frames are sent and received on the loop's thread.  Owns itself and the backend.
 */
#include "devices/virtio/net.h"

#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/net_device.h"

/* What TAP interfaces say of themselves; drivers want to hear something. */
#define NET_SPEED_MBIT 10000

static const struct {
	uint32_t offload;
	uint64_t host, guest; /* features */
} offload_features[] = {
	{ NET_OFFLOAD_CHECKSUM, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ NET_OFFLOAD_TSO4, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4 },
	{ NET_OFFLOAD_TSO6, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6 },
	{ NET_OFFLOAD_ECN, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_GUEST_ECN },
	{ NET_OFFLOAD_UFO, VIRTIO_NET_F_HOST_UFO, VIRTIO_NET_F_GUEST_UFO },
};

/* 5.1.3.1.  What others need comes first. */
static const struct virtio_feature_rule net_feature_rules[] = {
	{ .feature = VIRTIO_NET_F_GUEST_TSO4, .needs = VIRTIO_NET_F_GUEST_CSUM },
	{ .feature = VIRTIO_NET_F_GUEST_TSO6, .needs = VIRTIO_NET_F_GUEST_CSUM },
	{ .feature = VIRTIO_NET_F_GUEST_ECN,
	  .needs_one = VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
	{ .feature = VIRTIO_NET_F_GUEST_UFO, .needs = VIRTIO_NET_F_GUEST_CSUM },
	{ .feature = VIRTIO_NET_F_HOST_TSO4, .needs = VIRTIO_NET_F_CSUM },
	{ .feature = VIRTIO_NET_F_HOST_TSO6, .needs = VIRTIO_NET_F_CSUM },
	{ .feature = VIRTIO_NET_F_HOST_ECN,
	  .needs_one = VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
	{ .feature = VIRTIO_NET_F_HOST_UFO, .needs = VIRTIO_NET_F_CSUM },
	{ .feature = VIRTIO_NET_F_CTRL_RX, .needs = VIRTIO_NET_F_CTRL_VQ },
	{ .feature = VIRTIO_NET_F_MQ, .needs = VIRTIO_NET_F_CTRL_VQ },
	{ .feature = VIRTIO_NET_F_CTRL_MAC_ADDR, .needs = VIRTIO_NET_F_CTRL_VQ },
	{ 0 },
};

static struct virtio_net *to_net(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

uint32_t net_offloads_of(uint64_t features, bool guest)
{
	uint32_t offloads = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(offload_features); i++) {
		if (features & (guest ? offload_features[i].guest : offload_features[i].host))
			offloads |= offload_features[i].offload;
	}
	return offloads;
}

/* ---- link ---- */

static void update_link(struct virtio_net *net)
{
	uint16_t status = net_has_link(net) ? VIRTIO_NET_S_LINK_UP : 0;

	if (status == net->config.status)
		return;
	net->config.status = status;
	virtio_dev_config_changed(&net->vdev);
}

void net_backend_lost(struct virtio_net *net)
{
	if (net->lost)
		return;
	net->lost = true;
	update_link(net);
	if (net->settings.lost)
		net->settings.lost(net->settings.ctx);
}

int virtio_net_set_link(struct virtio_dev *vdev, bool up)
{
	struct virtio_net *net = to_net(vdev);
	SCOPED_LOCK(&vdev->lock);

	if (net->lost)
		return -ENODEV;
	if (up == net->link_up)
		return 0;
	net->link_up = up;
	net_set_link(net->backend, up);
	update_link(net);
	for (unsigned pair = 0; pair < net->pairs; pair++)
		net_rx_run(net, pair);
	return 0;
}

/* ---- queues ---- */

int net_set_active_pairs(struct virtio_net *net, unsigned count)
{
	unsigned before = net->pairs;
	int r = net_set_pairs(net->backend, count);

	if (r < 0)
		return r;
	net->pairs = count;
	for (unsigned pair = before; pair < count; pair++)
		virtio_dev_again(&net->vdev, net_rx_queue(pair));
	return 0;
}

/* How many pairs come before the control queue (5.1.2). */
static unsigned negotiated_pairs(const struct virtio_net *net)
{
	return virtio_dev_has_feature(&net->vdev, VIRTIO_NET_F_MQ) ? net->max_pairs : 1;
}

static void net_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_net *net = to_net(vdev);
	unsigned pairs = negotiated_pairs(net);

	if (q == 2 * pairs && virtio_dev_has_feature(vdev, VIRTIO_NET_F_CTRL_VQ))
		net_ctrl_run(net, q);
	else if (q < 2 * pairs && q % 2 == 0)
		net_rx_run(net, q / 2);
	else if (q < 2 * pairs)
		net_tx_run(net, q / 2, q);
}

static void net_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_net *net = to_net(vdev);

	/* Others than receive queues have no chain that outlives queue_ready. */
	if (q % 2 == 0 && q / 2 < net->max_pairs)
		net_rx_forget(net, q / 2);
}

bool net_turn_count(struct virtio_net *net, struct net_turn *turn, unsigned q, uint64_t len)
{
	turn->frames++;
	turn->bytes += len;
	turn->untold += MAX(len, NET_SIGNAL_FRAME);
	if (turn->untold >= NET_SIGNAL_BYTES) {
		virtio_dev_signal_queue(&net->vdev, q);
		turn->untold = 0;
	}
	return turn->frames >= NET_TURN_FRAMES || turn->bytes >= NET_TURN_BYTES;
}

/* ---- backend: on the loop's thread, without the lock ---- */

static void on_ready(void *ctx, unsigned pair)
{
	struct virtio_net *net = ctx;
	SCOPED_LOCK(&net->vdev.lock);

	net_rx_run(net, pair);
}

static void on_lost(void *ctx)
{
	struct virtio_net *net = ctx;
	SCOPED_LOCK(&net->vdev.lock);

	net_backend_lost(net);
}

static const struct net_events net_events = { .ready = on_ready, .lost = on_lost };

/* ---- life ---- */

static int net_activate(struct virtio_dev *vdev)
{
	struct virtio_net *net = to_net(vdev);

	net->send_offloads = net_offloads_of(vdev->accepted, false);
	net->receive_offloads = net_offloads_of(vdev->accepted, true);
	return net_set_offloads(net->backend, net->receive_offloads);
}

static void net_reset(struct virtio_dev *vdev)
{
	struct virtio_net *net = to_net(vdev);

	/* Both only take away, so what a backend may refuse is none of it; nor could we go on. */
	(void)net_set_pairs(net->backend, 1);
	(void)net_set_offloads(net->backend, 0);
	net->pairs = 1;
	net->receive_offloads = net->send_offloads = 0;
	memcpy(net->config.mac, net->settings.mac, NET_MAC_LEN);
}

static void net_free(struct virtio_net *net)
{
	for (unsigned pair = 0; net->rx && pair < net->max_pairs; pair++) {
		free(net->rx[pair].stock);
		free(net->rx[pair].spill);
	}
	free(net->rx);
	free(net);
}

static void net_dev_destroy(struct virtio_dev *vdev)
{
	struct virtio_net *net = to_net(vdev);

	net_destroy(net->backend);
	virtio_dev_deinit(vdev);
	net_free(net);
}

static const struct virtio_ops net_ops = {
	.activate = net_activate,
	.queue_ready = net_queue_ready,
	.queue_stop = net_queue_stop,
	.reset = net_reset,
	.destroy = net_dev_destroy,
};

static const struct virtio_class net_class = {
	.name = "virtio-net",
	.id = VIRTIO_DEVICE_NET,
	.nr_queues = 2 * VIRTIO_NET_MAX_PAIRS + 1,
	.queue_size = NET_QUEUE_SIZE,
	.features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS |
		    VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_GUEST_TSO4 |
		    VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_GUEST_UFO |
		    VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN |
		    VIRTIO_NET_F_HOST_UFO | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |
		    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_MQ |
		    VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_SPEED_DUPLEX,
	.feature_rules = net_feature_rules,
	.config_len = VIRTIO_NET_CONFIG_LEN,
	.ops = &net_ops,
};

/* What can't be offered: for want of the backend, or of another feature. */
static uint64_t features_off(const struct virtio_net *net, uint64_t off)
{
	const struct net_info *info = &net->backend->info;

	for (unsigned i = 0; i < ARRAY_SIZE(offload_features); i++) {
		if (!(info->send_offloads & offload_features[i].offload))
			off |= offload_features[i].host;
		if (!(info->receive_offloads & offload_features[i].offload))
			off |= offload_features[i].guest;
	}
	if (!info->receive_offloads || (off & VIRTIO_NET_F_CTRL_VQ))
		off |= VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
	if (net->max_pairs == 1)
		off |= VIRTIO_NET_F_MQ;
	if (!net->settings.mtu)
		off |= VIRTIO_NET_F_MTU;
	for (const struct virtio_feature_rule *rule = net_feature_rules; rule->feature; rule++) {
		if ((rule->needs & off) || (rule->needs_one && !(rule->needs_one & ~off)))
			off |= rule->feature;
	}
	return off;
}

static bool is_valid(const struct net_info *info, const struct virtio_net_settings *settings)
{
	static const uint8_t none[NET_MAC_LEN];

	return info->max_pairs >= 1 && info->max_pairs <= VIRTIO_NET_MAX_PAIRS &&
	       (settings->mac[0] & 1) == 0 && memcmp(settings->mac, none, sizeof(none)) != 0 &&
	       (settings->mtu == 0 || settings->mtu >= VIRTIO_NET_MTU_MIN);
}

static int create_receivers(struct virtio_net *net)
{
	net->rx = calloc(net->max_pairs, sizeof(*net->rx));
	if (!net->rx)
		return -ENOMEM;
	for (unsigned pair = 0; pair < net->max_pairs; pair++) {
		/* Large, but only what is used of it is ever there. */
		net->rx[pair].stock = calloc(NET_RX_STOCK, sizeof(*net->rx[pair].stock));
		net->rx[pair].spill = calloc(1, NET_FRAME_MAX);
		if (!net->rx[pair].stock || !net->rx[pair].spill)
			return -ENOMEM;
	}
	return 0;
}

int virtio_net_create(const struct virtio_dev_config *config, struct net_backend *backend,
		      const struct virtio_net_settings *settings, struct virtio_dev **ret_vdev)
{
	struct virtio_dev_config dev = *config;
	struct virtio_net *net;
	int r;

	if (!is_valid(&backend->info, settings))
		return -EINVAL;
	net = calloc(1, sizeof(*net));
	if (!net)
		return -ENOMEM;
	net->backend = backend;
	net->settings = *settings;
	net->max_pairs = backend->info.max_pairs;
	net->pairs = 1;
	net->link_up = !settings->link_down;
	net->config = (struct virtio_net_config){
		.status = net->link_up ? VIRTIO_NET_S_LINK_UP : 0,
		.max_virtqueue_pairs = (uint16_t)net->max_pairs,
		.mtu = settings->mtu,
		.speed = NET_SPEED_MBIT,
		.duplex = VIRTIO_NET_DUPLEX_FULL,
	};
	memcpy(net->config.mac, settings->mac, NET_MAC_LEN);
	dev.nr_queues = 2 * net->max_pairs + 1;
	dev.features_off = features_off(net, dev.features_off);
	r = create_receivers(net);
	if (r == 0)
		r = virtio_dev_init(&net->vdev, &net_class, &dev, (uint8_t *)&net->config);
	if (r < 0) {
		net_free(net);
		return r;
	}
	net_attach(backend, &net_events, net);
	if (!net->link_up)
		net_set_link(backend, false);
	*ret_vdev = &net->vdev;
	return 0;
}

struct virtio_net_counters virtio_net_counters(struct virtio_dev *vdev)
{
	SCOPED_LOCK(&vdev->lock);

	return to_net(vdev)->counters;
}
