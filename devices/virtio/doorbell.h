/* SPDX-License-Identifier: MIT */
/*
 * How a transport asks the machine to turn guest writes into eventfds, so that a notification is no
 * exit to the VMM.  The board gives KVM's ioeventfds, or nothing: then each notification is an exit
 * that a trace shows with the guest's instruction.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_DOORBELL_H
#define GLASSBOX_DEVICES_VIRTIO_DOORBELL_H

#include "base/util.h"

struct doorbell {
	uint64_t addr;  /* guest physical */
	unsigned len;   /* bytes of the write; 0: any */
	bool has_match; /* only writes of `match` */
	uint64_t match;
	int eventfd; /* borrowed until remove() */
};

/* Called on any thread, with the device's lock held. */
struct doorbell_ops {
	/* Return: 0; on -errno the writes go on to be exits, which works as well. */
	int (*add)(void *ctx, const struct doorbell *doorbell);
	/* After it returns, no guest write reaches the eventfd. */
	void (*remove)(void *ctx, const struct doorbell *doorbell);
};

/* As the board passes it on; ops may be NULL. */
struct doorbell_host {
	const struct doorbell_ops *ops;
	void *ctx;
};

#endif
