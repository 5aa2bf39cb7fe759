/* SPDX-License-Identifier: MIT */
/* --net */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "devices/backend/net_tap.h"
#include "devices/virtio/net.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

/* Less than IPv6 can do with makes no network. */
#define MTU_MIN      1280u
#define MTU_MAX      NET_SLIRP_MTU_MAX

#define MAC_TEXT_LEN (3u * NET_MAC_LEN - 1)

static int parse_where(char *value, void *field, struct error *error)
{
	const char **tap = field;

	if (strcmp(value, "user") == 0)
		return 0;
	if (strncmp(value, "tap=", 4) != 0 || value[4] == '\0')
		return error_set_usage(error, "'%s' is neither user nor tap=NAME", value);
	*tap = value + 4;
	return 0;
}

/* Is @text six bytes in hexadecimal, two digits each, with colons between? */
static bool is_mac(const char *text)
{
	for (unsigned i = 0; i < MAC_TEXT_LEN; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return text[MAC_TEXT_LEN] == '\0';
}

static int parse_mac(char *value, void *field, struct error *error)
{
	static const uint8_t none[NET_MAC_LEN];
	uint8_t *mac = field;

	if (value && is_mac(value)) {
		for (unsigned i = 0; i < NET_MAC_LEN; i++)
			mac[i] = (uint8_t)strtoul(value + (size_t)3 * i, NULL, 16);
		/* The lowest bit of the first byte says group. */
		if ((mac[0] & 1) == 0 && memcmp(mac, none, sizeof(none)) != 0)
			return 0;
	}
	return error_set_usage(error,
			       "'%s' is not the address of one station, such as 02:00:00:00:00:01",
			       value ? value : "");
}

static int parse_number(char *value, unsigned min, unsigned max, unsigned *ret_number,
			struct error *error)
{
	uint64_t number;

	if (!value || number_parse(value, min, max, &number) < 0)
		return error_set_usage(error, "'%s' is not a number from %u to %u",
				       value ? value : "", min, max);
	*ret_number = (unsigned)number;
	return 0;
}

static int parse_mtu(char *value, void *field, struct error *error)
{
	return parse_number(value, MTU_MIN, MTU_MAX, field, error);
}

static int parse_queues(char *value, void *field, struct error *error)
{
	return parse_number(value, 1, VIRTIO_NET_MAX_PAIRS, field, error);
}

static int parse_link(char *value, void *field, struct error *error)
{
	if (!value || (strcmp(value, "up") != 0 && strcmp(value, "down") != 0))
		return error_set_usage(error, "'%s' is neither up nor down", value ? value : "");
	*(bool *)field = strcmp(value, "down") == 0;
	return 0;
}

static int parse_hostfwd(char *value, void *field, struct error *error)
{
	struct net_options *options = field;
	int r;

	if (options->nr_forwards == ARRAY_SIZE(options->forwards))
		return error_set_usage(error, "is there more than %u times",
				       (unsigned)ARRAY_SIZE(options->forwards));
	r = net_forward_parse(value ? value : "", &options->forwards[options->nr_forwards], error);
	if (r == 0)
		options->nr_forwards++;
	return r;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION(NULL, parse_where, net.tap),
	{ .key = "hostfwd",
	  .parse = parse_hostfwd,
	  .offset = offsetof(struct virtio_options, net),
	  .repeats = true },
	VIRTIO_SUBOPTION("mac", parse_mac, net.mac),
	VIRTIO_SUBOPTION("mtu", parse_mtu, net.mtu),
	VIRTIO_SUBOPTION("queues", parse_queues, net.queues),
	VIRTIO_SUBOPTION("link", parse_link, net.link_down),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int net_parse(char *text, struct virtio_options *options, struct error *error)
{
	const struct net_options *net = &options->net;
	int r = suboptions_parse(text, suboptions, options, error);

	if (r < 0)
		return r;
	if (net->tap && net->nr_forwards)
		return error_set_usage(error, "hostfwd is for the user network only");
	if (!net->tap && net->queues > 1)
		return error_set_usage(error, "the user network has one queue");
	return 0;
}

/* Of the device's name, which ends in it. */
static uint8_t number_of(const char *name)
{
	return (uint8_t)strtoul(name + strcspn(name, "0123456789"), NULL, 10);
}

/*
 * Locally administered, another for each device of a machine, and the same each time.  Machines on
 * one bridge have interfaces of different names there, and so different addresses, most probably.
 */
static void default_mac(const char *name, const char *tap, uint8_t *ret_mac)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *at = tap; at && *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	if (!tap)
		hash = 0;
	ret_mac[0] = 0x02;
	ret_mac[1] = 'G';
	ret_mac[2] = 'B';
	ret_mac[3] = (uint8_t)(hash >> 24 ^ hash >> 8);
	ret_mac[4] = (uint8_t)(hash >> 16 ^ hash);
	ret_mac[5] = number_of(name);
}

static int open_backend(const struct net_options *options, struct loop *loop,
			struct net_backend **ret_net, struct error *error)
{
	const struct net_tap_config tap = { .name = options->tap,
					    .max_pairs = MAX(options->queues, 1u) };
	const struct net_slirp_config user = { .forwards = options->forwards,
					       .nr_forwards = options->nr_forwards,
					       .mtu = (uint16_t)options->mtu };

	return options->tap ? net_tap_open(&tap, loop, ret_net, error)
			    : net_slirp_create(&user, loop, ret_net, error);
}

static void interface_lost(void *ctx)
{
	const struct net_options *options = ctx;

	log_warning("network interface '%s' is gone, and the guest's link down with it",
		    options->tap);
}

static int net_create(const struct virtio_options *options, const struct virtio_host *host,
		      const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
		      struct error *error)
{
	const struct net_options *net = &options->net;
	static const uint8_t no_mac[NET_MAC_LEN];
	struct virtio_net_settings settings = { .mtu = (uint16_t)net->mtu,
						.link_down = net->link_down,
						.lost = interface_lost,
						.ctx = (void *)(uintptr_t)net };
	struct net_backend *backend = NULL;
	int r = open_backend(net, config->loop, &backend, error);

	(void)host;
	if (r < 0)
		return r;
	if (memcmp(net->mac, no_mac, sizeof(no_mac)) == 0)
		default_mac(config->name, net->tap, settings.mac);
	else
		memcpy(settings.mac, net->mac, sizeof(settings.mac));
	r = virtio_net_create(config, backend, &settings, ret_vdev);
	if (r == 0)
		return 0;
	net_destroy(backend);
	return error_set_errno(error, r, "cannot make %s", config->name);
}

const struct virtio_kind virtio_kind_net = {
	.name = "virtio-net",
	.parse = net_parse,
	.create = net_create,
};
