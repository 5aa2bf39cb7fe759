/* SPDX-License-Identifier: MIT */
/*
 * Between console.c, which moves the ports' bytes, and console_control.c, which talks about the
 * ports with a driver that has accepted MULTIPORT.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_CONSOLE_PORT_H
#define GLASSBOX_DEVICES_VIRTIO_CONSOLE_PORT_H

#include "devices/virtio/console.h"
#include "devices/virtio/console_spec.h"

/* What the driver has yet to be told of a port: bits, in the order in which it is told. */
enum {
	TELL_ADD = 1 << 0,
	TELL_CONSOLE = 1 << 1,
	TELL_NAME = 1 << 2,
	TELL_RESIZE = 1 << 3,
	TELL_CLOSE = 1 << 4, /* also the end of a client when the next is there */
	TELL_OPEN = 1 << 5,
};

struct console_port {
	/* Immutable. */
	struct virtio_console *console;
	uint32_t id;
	bool exists;
	const char *name; /* NULL: a console */
	struct char_backend backend;

	/* Under the device's lock. */
	bool host_open;        /* somebody is at the other end */
	struct char_size size; /* of the terminal there */

	/* Likewise; from activate to reset. */
	bool added;      /* the driver was told */
	bool ready;      /* and can use it */
	bool guest_open; /* somebody in the guest has opened it */
	uint8_t tell;
	bool has_out; /* of chain `out`, the first out_done bytes were written */
	uint32_t out_done;
	struct virtq_chain out;
};

struct virtio_console {
	struct virtio_dev vdev;
	struct virtio_console_config config;
	unsigned nr_ports;                       /* 1 + the highest number; immutable */
	uint8_t order[VIRTIO_CONSOLE_MAX_PORTS]; /* numbers, as created; immutable */
	struct console_port ports[VIRTIO_CONSOLE_MAX_PORTS];
	bool driver_ready; /* it takes control messages; lock; from activate to reset */
};

static inline struct virtio_console *to_console(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_console, vdev);
}

static inline bool console_is_multiport(const struct virtio_console *console)
{
	return virtio_dev_has_feature(&console->vdev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* All want the lock held. */

/** console_port_opened() - the driver says whether somebody in the guest has @port open */
void console_port_opened(struct console_port *port, bool open);

/** console_control_host_open() - tell the driver of port->host_open, which has changed */
void console_control_host_open(struct console_port *port);

/** console_control_resized() - tell the driver of port->size, which has changed */
void console_control_resized(struct console_port *port);

/** console_control_received() - serve CONSOLE_CONTROL_TRANSMITQ: the driver's messages */
void console_control_received(struct virtio_console *console);

/** console_control_send() - tell the driver what it does not know yet, as far as it has buffers */
void console_control_send(struct virtio_console *console);

#endif
