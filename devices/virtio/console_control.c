/* SPDX-License-Identifier: MIT */
/*
 * The control channel of the console device (5.3.6.2).
 *
 *     driver: DEVICE_READY                 device: PORT_ADD for each port
 *     driver: PORT_READY for each          device: CONSOLE_PORT or PORT_NAME, RESIZE, PORT_OPEN
 *     both:   PORT_OPEN, whenever somebody comes or goes
 *
 * Messages are not queued up for a driver that has no buffers for them: a port knows what is to be
 * told of it, and the message is made when there is a buffer.  Threads: as virtio.h says.
 */
#include <string.h>

#include "devices/virtio/console_port.h"

struct message {
	struct virtio_console_control control;
	union {
		struct virtio_console_resize resize;
		char name[VIRTIO_CONSOLE_PORT_NAME_MAX];
	};
};

static void finding(const struct virtio_console *console, unsigned q, enum virtio_rule rule,
		    uint64_t detail)
{
	virtio_finding(console->vdev.name, q, rule, detail);
}

/* Return: the length of the message that tells @what. */
static size_t make_message(const struct console_port *port, unsigned what, struct message *message)
{
	size_t len = sizeof(message->control);

	memset(message, 0, sizeof(*message));
	message->control.id = port->id;
	message->control.value = 1;
	switch (what) {
	case TELL_ADD: message->control.event = VIRTIO_CONSOLE_PORT_ADD; break;
	case TELL_CONSOLE: message->control.event = VIRTIO_CONSOLE_CONSOLE_PORT; break;
	case TELL_NAME:
		message->control.event = VIRTIO_CONSOLE_PORT_NAME;
		memcpy(message->name, port->name, strlen(port->name));
		len += strlen(port->name);
		break;
	case TELL_RESIZE:
		message->control.event = VIRTIO_CONSOLE_RESIZE;
		message->resize.cols = port->size.cols;
		message->resize.rows = port->size.rows;
		len += sizeof(message->resize);
		break;
	default:
		message->control.event = VIRTIO_CONSOLE_PORT_OPEN;
		message->control.value = what == TELL_OPEN;
	}
	return len;
}

/* Return: 1, or as virtqueue_pop(). */
static int tell(struct console_port *port, struct virtqueue *vq)
{
	struct virtio_console *console = port->console;
	unsigned what = port->tell & -(unsigned)port->tell;
	struct virtq_chain chain;
	struct message message;
	size_t len;
	int r = virtqueue_pop(vq, &chain);

	if (r <= 0)
		return r;
	len = make_message(port, what, &message);
	if (chain.out_len)
		finding(console, CONSOLE_CONTROL_RECEIVEQ, VIRTIO_RULE_CONSOLE_READABLE,
			chain.out_len);
	if (chain.in_len < len)
		finding(console, CONSOLE_CONTROL_RECEIVEQ, VIRTIO_RULE_CONSOLE_CONTROL,
			chain.in_len);
	virtqueue_push(vq, &chain, (uint32_t)virtq_chain_write(&chain, 0, &message, len));
	port->tell &= (uint8_t)~what;
	if (what == TELL_ADD)
		port->added = true;
	return 1;
}

void console_control_send(struct virtio_console *console)
{
	struct virtqueue *vq = virtio_dev_queue(&console->vdev, CONSOLE_CONTROL_RECEIVEQ);
	int r = 1;

	if (!console->driver_ready || !vq)
		return;
	virtqueue_start_batch(vq);
	for (unsigned i = 0; i < console->nr_ports; i++) {
		struct console_port *port = &console->ports[i];

		while (r > 0 && port->tell) {
			virtqueue_disable_notify(vq);
			r = tell(port, vq);
			if (r == 0 && virtqueue_enable_notify(vq))
				r = 1;
		}
	}
	virtio_dev_signal_queue(&console->vdev, CONSOLE_CONTROL_RECEIVEQ);
	/* A ring full of buffers, and all of them used up. */
	if (virtqueue_batch_ended(vq))
		virtio_dev_again(&console->vdev, CONSOLE_CONTROL_RECEIVEQ);
}

void console_control_host_open(struct console_port *port)
{
	if (!port->ready)
		return;
	if (port->host_open)
		port->tell |= TELL_OPEN;
	else if (port->tell & TELL_OPEN)
		port->tell &= (uint8_t)~TELL_OPEN; /* came and went */
	else
		port->tell |= TELL_CLOSE;
	console_control_send(port->console);
}

/* 5.3.3: only for a driver that wants to know of sizes. */
static void tell_size(struct console_port *port)
{
	if (!port->name && port->size.cols &&
	    virtio_dev_has_feature(&port->console->vdev, VIRTIO_CONSOLE_F_SIZE))
		port->tell |= TELL_RESIZE;
}

void console_control_resized(struct console_port *port)
{
	if (!port->ready)
		return;
	tell_size(port);
	console_control_send(port->console);
}

static void device_ready(struct virtio_console *console, bool success)
{
	console->driver_ready = success;
	for (unsigned i = 0; i < console->nr_ports; i++) {
		struct console_port *port = &console->ports[i];

		/* A port must not be added twice (5.3.6.2.1). */
		if (success && port->exists && !port->added)
			port->tell |= TELL_ADD;
	}
}

static void port_ready(struct console_port *port, bool success)
{
	if (port->ready == success)
		return;
	port->ready = success;
	port->tell = 0;
	if (!success)
		return;
	port->tell |= port->name ? TELL_NAME : TELL_CONSOLE;
	tell_size(port);
	if (port->host_open)
		port->tell |= TELL_OPEN;
}

static void take_message(struct virtio_console *console,
			 const struct virtio_console_control *control)
{
	struct console_port *port;

	if (control->event == VIRTIO_CONSOLE_DEVICE_READY) {
		device_ready(console, control->value != 0);
		return;
	}
	if (control->event != VIRTIO_CONSOLE_PORT_READY &&
	    control->event != VIRTIO_CONSOLE_PORT_OPEN) {
		finding(console, CONSOLE_CONTROL_TRANSMITQ, VIRTIO_RULE_CONSOLE_EVENT,
			control->event);
		return;
	}
	if (control->id >= console->nr_ports || !console->ports[control->id].added) {
		finding(console, CONSOLE_CONTROL_TRANSMITQ, VIRTIO_RULE_CONSOLE_PORT, control->id);
		return;
	}
	port = &console->ports[control->id];
	if (control->event == VIRTIO_CONSOLE_PORT_READY)
		port_ready(port, control->value != 0);
	else
		console_port_opened(port, control->value != 0);
}

void console_control_received(struct virtio_console *console)
{
	struct virtqueue *vq = virtio_dev_queue(&console->vdev, CONSOLE_CONTROL_TRANSMITQ);
	struct virtio_console_control control;
	struct virtq_chain chain;
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &chain)) > 0) {
			if (chain.in_len)
				finding(console, CONSOLE_CONTROL_TRANSMITQ,
					VIRTIO_RULE_CONSOLE_WRITABLE, chain.in_len);
			if (virtq_chain_read(&chain, 0, &control, sizeof(control)) ==
			    sizeof(control))
				take_message(console, &control);
			else
				finding(console, CONSOLE_CONTROL_TRANSMITQ,
					VIRTIO_RULE_CONSOLE_CONTROL, chain.out_len);
			virtqueue_push(vq, &chain, 0);
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(&console->vdev, CONSOLE_CONTROL_TRANSMITQ);
	console_control_send(console);
}
