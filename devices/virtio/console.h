/* SPDX-License-Identifier: MIT */
/*
 * A virtio console device (5.3): up to 15 ports, each a console of the guest (hvc0 and on in Linux)
 * or, with a name, a line between programs (/dev/virtio-ports/NAME).
 *
 * Output of a console never waits: Linux holds a lock and spins until its output was taken, so a
 * terminal that stands still would stop the guest.  What the host does not take is up to the
 * backend.  Output of a named port waits in the guest until the backend has room for it.  Input
 * waits on the host until the guest has opened the port and offers buffers.
 *
 * A device with a single console does not offer VIRTIO_CONSOLE_F_MULTIPORT: there is nothing that
 * a driver would need it for, and the terminal's size is then in the configuration space.  The
 * order of its fields in the message that MULTIPORT has instead is the specification's here; Linux
 * had the other one until 2025.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_CONSOLE_H
#define GLASSBOX_DEVICES_VIRTIO_CONSOLE_H

#include "devices/backend/char_backend.h"
#include "devices/virtio/virtio.h"

/* Each has two queues, and so has the control channel. */
#define VIRTIO_CONSOLE_MAX_PORTS     (VIRTIO_MAX_QUEUES / 2 - 1)

#define VIRTIO_CONSOLE_PORT_NAME_MAX 63 /* bytes */

struct console_port_config {
	const char *name; /* borrowed; 1 to VIRTIO_CONSOLE_PORT_NAME_MAX bytes; NULL: a console */
	struct char_backend backend;
};

/**
 * virtio_console_create() - a console device, yet without a transport
 * @ports: the first console is port 0, the others are numbered from 1 on as they come; without a
 *	console there is no port 0
 * @nr_ports: 1 to VIRTIO_CONSOLE_MAX_PORTS, one less without a console
 *
 * Return: 0; -EINVAL for too many ports or a bad name; -errno.  Freed by virtio_dev_destroy(), or
 *by the transport that takes it.
 */
int virtio_console_create(const struct virtio_dev_config *config,
			  const struct console_port_config *ports, unsigned nr_ports,
			  struct virtio_dev **ret_vdev) __must_check;

/** virtio_console_receiver() - what the backend of @ports[@index] calls; lives as long as @vdev */
struct char_receiver virtio_console_receiver(struct virtio_dev *vdev, unsigned index);

/**
 * virtio_console_flush() - bring the backends what the guest has put into the queues until now
 *
 * At most 1 MiB a port.  On the loop's thread, without the lock; for a moment at which the guest
 * has stopped, perhaps for ever.
 */
void virtio_console_flush(struct virtio_dev *vdev);

#endif
