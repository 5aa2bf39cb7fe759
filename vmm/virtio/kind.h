/* SPDX-License-Identifier: MIT */
/*
 * The kinds of virtio devices, one file each: from the words of an option to a device that has no
 * transport yet.
 *
 * To add one: copy rng.c or disk.c, declare the kind here, and name it with its option in
 * vmm/options.c.
 */
#ifndef GLASSBOX_VMM_VIRTIO_KIND_H
#define GLASSBOX_VMM_VIRTIO_KIND_H

#include "devices/virtio/virtio.h"
#include "vmm/virtio/options.h"

/* What a device may want of its machine; lives as long as the device. */
struct virtio_host {
	unsigned nr_vcpus;
	struct consoles *consoles; /* has a line for each port of a console */
};

struct virtio_kind {
	const char *name; /* of the devices, with a number behind it */
	/* As suboptions_parse(); fills what belongs to the kind, and the transport. */
	int (*parse)(char *text, struct virtio_options *options, struct error *error);
	/*
	 * For a kind of which there is one device: @more goes into it, if it can.  Returns 0, or
	 * -EINVAL with @error set.  NULL: each option is a device of its own.
	 */
	int (*join)(struct virtio_options *device, const struct virtio_options *more,
		    struct error *error);
	/*
	 * @config: name, memory and loop are there, the rest is the kind's to say
	 * Return: 0, or -errno with @error set.
	 */
	int (*create)(const struct virtio_options *options, const struct virtio_host *host,
		      const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
		      struct error *error);
	bool shares_memory; /* with another process */
};

extern const struct virtio_kind virtio_kind_balloon;
extern const struct virtio_kind virtio_kind_console;
extern const struct virtio_kind virtio_kind_disk;
extern const struct virtio_kind virtio_kind_net;
extern const struct virtio_kind virtio_kind_rng;
extern const struct virtio_kind virtio_kind_share;
extern const struct virtio_kind virtio_kind_vsock;

#endif
