/* SPDX-License-Identifier: MIT */
/*
 * A network backend whose cable ends in a TAP interface of the host: what the guest sends, the
 * host's network stack receives from that interface, and the other way round.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NET_TAP_H
#define GLASSBOX_DEVICES_BACKEND_NET_TAP_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/net.h"

struct net_tap_config {
	const char *name;   /* of the interface */
	unsigned max_pairs; /* from 1 on; more than 1: the interface is a multi_queue one */
};

/**
 * net_tap_open() - attach to the TAP interface config->name, or make it
 * @loop: where frames are waited for; borrowed
 *
 * An interface that is not there is made, which takes CAP_NET_ADMIN, and goes with the backend.
 * It is not turned on, and has no addresses: that is up to whoever knows them.
 *
 * Before @loop runs, or on its thread.  Return: 0, or -errno with a message in @error: -ENOENT or
 * -EACCES for /dev/net/tun, -EPERM if the interface is another user's or may not be made, -EBUSY if
 * a program has it, -EINVAL if it is no TAP interface or none of that many queues.
 */
int net_tap_open(const struct net_tap_config *config, struct loop *loop,
		 struct net_backend **ret_net, struct error *error) __must_check;

#endif
