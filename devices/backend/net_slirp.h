/* SPDX-License-Identifier: MIT */
/*
 * A network backend that needs no privileges: libslirp, a small network of its own in this process,
 * whose connections go on as sockets of the host.
 *
 *     10.0.2.0/24, fec0::/64
 *     10.0.2.2,  fec0::2     the gateway; connections to it reach the host's loopback
 *     10.0.2.3,  fec0::3     the name server: the one of the host
 *     10.0.2.15              what the guest gets by DHCP
 *
 * The guest can connect to whatever the host can connect to.  Nobody can connect to the guest but
 * through forwarded ports.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NET_SLIRP_H
#define GLASSBOX_DEVICES_BACKEND_NET_SLIRP_H

#include <netinet/in.h>

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/net.h"

#define NET_SLIRP_MTU_MIN 68u
#define NET_SLIRP_MTU_MAX 65521u /* libslirp's own bounds */

/* A port of the host whose connections, or datagrams, go to the guest. */
struct net_forward {
	bool udp; /* or TCP */
	struct in_addr host, guest;
	uint16_t host_port, guest_port; /* in the host's byte order */
};

/**
 * net_forward_parse() - "tcp:[ADDRESS]:PORT-[ADDRESS]:PORT", likewise "udp:"
 *
 * The host's address is 127.0.0.1 unless told otherwise, the guest's 10.0.2.15.  Return: 0; -EINVAL
 * with @error set.
 */
int net_forward_parse(const char *text, struct net_forward *ret_forward, struct error *error)
	__must_check;

struct net_slirp_config {
	const struct net_forward *forwards;
	unsigned nr_forwards;
	uint16_t mtu; /* of the network, bytes; 0: 1500 */
};

/**
 * net_slirp_create() - a network as configured
 * @loop: where its sockets are waited for; borrowed.  Networks of one process share it: libslirp
 *        is for one thread.
 *
 * Before @loop runs, or on its thread.  Return: 0, or -errno with a message in @error, such as
 * -EADDRINUSE for a port to forward.
 */
int net_slirp_create(const struct net_slirp_config *config, struct loop *loop,
		     struct net_backend **ret_net, struct error *error) __must_check;

#endif
