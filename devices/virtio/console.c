/* SPDX-License-Identifier: MIT */
/*
 * The console device (5.3): bytes between queues and backends.  What is said about ports is in
 * console_control.c.
 *
 *     queue_ready of a transmitq: pop -> write to the backend -> push
 *     receive() of a port:        pop -> fill -> push
 *
 * Threads: as virtio.h says.  A chain of a receiveq never outlives the call that popped it.  One of
 * a transmitq does where its backend has no room, or where it is longer than one turn's share: the
 * port keeps it, with how much of it was written.
 */
#include "devices/virtio/console.h"

#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/console_port.h"

#define CONSOLE_QUEUE_SIZE  128

/* Of the output of one port: the loop's thread has others to serve. */
#define CONSOLE_TURN_BYTES  65536u
#define CONSOLE_FLUSH_TURNS 16

/* Port 0 has queues 0 and 1, port n > 0 has 2 n + 2 and 2 n + 3 (5.3.2). */
static unsigned receiveq_of(const struct console_port *port)
{
	return port->id ? 2 * port->id + 2 : 0;
}

static unsigned transmitq_of(const struct console_port *port)
{
	return receiveq_of(port) + 1;
}

static bool is_receiveq(unsigned q)
{
	return q % 2 == 0;
}

/* The port whose queue @q is, which is none of control; NULL if the driver can't mean it. */
static struct console_port *port_of(struct virtio_console *console, unsigned q)
{
	unsigned id = q < CONSOLE_NR_PORT_0_QUEUES ? 0 : q / 2 - 1;

	return console->ports[id].exists ? &console->ports[id] : NULL;
}

/* ---- output ---- */

/* As much as a turn and the backend allow.  Return: true once all of it was written. */
static bool write_out(struct console_port *port, uint32_t *turn)
{
	uint32_t left = port->out.out_len - port->out_done;
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	uint32_t len = MIN(left, *turn);
	unsigned count;

	if (port->name)
		len = (uint32_t)char_backend_room(&port->backend, len);
	count = virtq_chain_out_iov(&port->out, port->out_done, len, pieces);
	for (unsigned i = 0; i < count; i++)
		char_backend_write(&port->backend, pieces[i].iov_base, pieces[i].iov_len);
	port->out_done += len;
	*turn -= len;
	return len == left;
}

/* Takes the next chain, unless there is one that isn't written yet.  As virtqueue_pop(). */
static int next_out(struct console_port *port, struct virtqueue *vq)
{
	int r;

	if (port->has_out)
		return 1;
	r = virtqueue_pop(vq, &port->out);
	if (r <= 0)
		return r;
	if (port->out.in_len) /* 5.3.6.1 */
		virtio_finding(vq->device, vq->index, VIRTIO_RULE_CONSOLE_WRITABLE,
			       port->out.in_len);
	port->has_out = true;
	port->out_done = 0;
	return 1;
}

static void serve_output(struct console_port *port)
{
	struct virtio_dev *vdev = &port->console->vdev;
	struct virtqueue *vq = virtio_dev_queue(vdev, transmitq_of(port));
	uint32_t turn = CONSOLE_TURN_BYTES;
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = next_out(port, vq)) > 0) {
			if (!write_out(port, &turn))
				break;
			virtqueue_push(vq, &port->out, 0);
			port->has_out = false;
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	/* A rest that is no matter of the turn waits for the backend's room. */
	if (r > 0 && turn == 0)
		virtqueue_end_batch(vq);
	virtio_dev_signal_queue(vdev, vq->index);
}

/* ---- input ---- */

static bool can_receive(const struct console_port *port)
{
	const struct virtio_console *console = port->console;

	return console->vdev.active &&
	       (console_is_multiport(console) ? port->guest_open : port->id == 0);
}

/* Fills one chain.  Return: 1 with *@ret_taken bytes in it, or as virtqueue_pop(). */
static int fill_chain(struct virtqueue *vq, const uint8_t *bytes, size_t len, size_t *ret_taken)
{
	struct virtq_chain chain;
	int r = virtqueue_pop(vq, &chain);

	if (r <= 0)
		return r;
	if (chain.out_len) /* 5.3.6.1 */
		virtio_finding(vq->device, vq->index, VIRTIO_RULE_CONSOLE_READABLE, chain.out_len);
	*ret_taken = virtq_chain_write(&chain, 0, bytes, len);
	virtqueue_push(vq, &chain, (uint32_t)*ret_taken);
	return 1;
}

static size_t port_receive(void *ctx, const void *buf, size_t len)
{
	struct console_port *port = ctx;
	struct virtio_dev *vdev = &port->console->vdev;
	struct virtqueue *vq = virtio_dev_queue(vdev, receiveq_of(port));
	size_t taken = 0, n;
	int r = 1;
	SCOPED_LOCK(&vdev->lock);

	if (!can_receive(port))
		return 0;
	virtqueue_start_batch(vq);
	do {
		virtqueue_disable_notify(vq);
		while (taken < len &&
		       (r = fill_chain(vq, (const uint8_t *)buf + taken, len - taken, &n)) > 0)
			taken += n;
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(vdev, vq->index);
	/* The driver has more buffers, but none of them brought us here. */
	if (virtqueue_batch_ended(vq))
		virtio_dev_again(vdev, vq->index);
	return taken;
}

/* The driver has buffers: it need not say so again before they are filled. */
static void serve_input(struct console_port *port)
{
	virtqueue_disable_notify(virtio_dev_queue(&port->console->vdev, receiveq_of(port)));
	char_backend_resume(&port->backend);
}

void console_port_opened(struct console_port *port, bool open)
{
	port->guest_open = open;
	if (open)
		char_backend_resume(&port->backend);
}

/* ---- what else the backend says ---- */

static void port_writable(void *ctx)
{
	struct console_port *port = ctx;
	SCOPED_LOCK(&port->console->vdev.lock);

	virtio_dev_again(&port->console->vdev, transmitq_of(port));
}

static void port_connected(void *ctx, bool connected)
{
	struct console_port *port = ctx;
	SCOPED_LOCK(&port->console->vdev.lock);

	if (port->host_open == connected)
		return;
	port->host_open = connected;
	console_control_host_open(port);
}

static void port_resized(void *ctx, struct char_size size)
{
	struct console_port *port = ctx;
	struct virtio_console *console = port->console;
	SCOPED_LOCK(&console->vdev.lock);

	port->size = size;
	console_control_resized(port);
	if (port->id != 0)
		return;
	console->config.cols = size.cols;
	console->config.rows = size.rows;
	/* 5.3.6: for those that have asked for it. */
	if (virtio_dev_has_feature(&console->vdev, VIRTIO_CONSOLE_F_SIZE))
		virtio_dev_config_changed(&console->vdev);
}

struct char_receiver virtio_console_receiver(struct virtio_dev *vdev, unsigned index)
{
	struct virtio_console *console = to_console(vdev);

	return (struct char_receiver){
		.receive = port_receive,
		.ctx = &console->ports[console->order[index]],
		.writable = port_writable,
		.connected = port_connected,
		.resized = port_resized,
	};
}

void virtio_console_flush(struct virtio_dev *vdev)
{
	struct virtio_console *console = to_console(vdev);
	SCOPED_LOCK(&vdev->lock);

	for (unsigned i = 0; i < console->nr_ports; i++) {
		struct console_port *port = &console->ports[i];
		struct virtqueue *vq = virtio_dev_queue(vdev, transmitq_of(port));
		unsigned turns = 0;

		if (!port->exists || !vq)
			continue;
		do
			virtio_dev_serve(vdev, vq->index);
		while (virtqueue_batch_ended(vq) && ++turns < CONSOLE_FLUSH_TURNS);
	}
}

/* ---- the device ---- */

/* Linux reads the size when it hears that it has changed, and not before. */
static int console_activate(struct virtio_dev *vdev)
{
	const struct virtio_console *console = to_console(vdev);

	if (console->config.cols && virtio_dev_has_feature(vdev, VIRTIO_CONSOLE_F_SIZE))
		virtio_dev_config_changed(vdev);
	return 0;
}

static void console_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_console *console = to_console(vdev);
	struct console_port *port;

	if (q >= CONSOLE_NR_PORT_0_QUEUES && !console_is_multiport(console)) {
		virtio_finding(vdev->name, q, VIRTIO_RULE_CONSOLE_QUEUE, q);
		return;
	}
	if (q == CONSOLE_CONTROL_TRANSMITQ) {
		console_control_received(console);
		return;
	}
	if (q == CONSOLE_CONTROL_RECEIVEQ) {
		console_control_send(console);
		return;
	}
	port = port_of(console, q);
	if (!port)
		return;
	if (is_receiveq(q))
		serve_input(port);
	else
		serve_output(port);
}

static void console_config_write(struct virtio_dev *vdev, unsigned off, const void *buf,
				 unsigned len)
{
	struct virtio_console *console = to_console(vdev);
	unsigned at = offsetof(struct virtio_console_config, emerg_wr) - off;

	/* The lower byte of the one field that a driver writes (5.3.5.1). */
	if (off <= offsetof(struct virtio_console_config, emerg_wr) && at < len &&
	    console->ports[0].exists)
		char_backend_write(&console->ports[0].backend, (const uint8_t *)buf + at, 1);
}

static void console_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_console *console = to_console(vdev);
	struct console_port *port;

	if (q == CONSOLE_CONTROL_RECEIVEQ || q == CONSOLE_CONTROL_TRANSMITQ)
		return;
	port = port_of(console, q);
	if (port && !is_receiveq(q))
		port->has_out = false;
}

static void console_reset(struct virtio_dev *vdev)
{
	struct virtio_console *console = to_console(vdev);

	console->driver_ready = false;
	for (unsigned i = 0; i < console->nr_ports; i++) {
		struct console_port *port = &console->ports[i];

		port->added = port->ready = port->guest_open = false;
		port->tell = 0;
	}
}

static void console_destroy(struct virtio_dev *vdev)
{
	virtio_dev_deinit(vdev);
	free(to_console(vdev));
}

static const struct virtio_ops console_ops = {
	.activate = console_activate,
	.queue_ready = console_queue_ready,
	.config_write = console_config_write,
	.queue_stop = console_queue_stop,
	.reset = console_reset,
	.destroy = console_destroy,
};

static const struct virtio_class console_class = {
	.name = "virtio-console",
	.id = VIRTIO_DEVICE_CONSOLE,
	.nr_queues = VIRTIO_MAX_QUEUES,
	.queue_size = CONSOLE_QUEUE_SIZE,
	.features = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT |
		    VIRTIO_CONSOLE_F_EMERG_WRITE,
	.config_len = VIRTIO_CONSOLE_CONFIG_LEN,
	.early_config = { offsetof(struct virtio_console_config, emerg_wr), sizeof(uint32_t) },
	.ops = &console_ops,
};

static int add_port(struct virtio_console *console, unsigned index, unsigned id,
		    const struct console_port_config *config)
{
	struct console_port *port;

	if (id >= VIRTIO_CONSOLE_MAX_PORTS)
		return -EINVAL;
	if (config->name &&
	    (config->name[0] == '\0' || strlen(config->name) > VIRTIO_CONSOLE_PORT_NAME_MAX))
		return -EINVAL;
	port = &console->ports[id];
	port->console = console;
	port->id = id;
	port->exists = true;
	port->name = config->name;
	port->backend = config->backend;
	console->order[index] = (uint8_t)id;
	console->nr_ports = MAX(console->nr_ports, id + 1);
	return 0;
}

/* A driver without MULTIPORT takes port 0 for a console, so nothing else may be there. */
static int number_ports(struct virtio_console *console, const struct console_port_config *ports,
			unsigned nr_ports)
{
	bool has_console = false;
	unsigned next = 1;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < nr_ports; i++) {
		if (!ports[i].name && !has_console) {
			has_console = true;
			r = add_port(console, i, 0, &ports[i]);
		} else {
			r = add_port(console, i, next++, &ports[i]);
		}
	}
	return r;
}

int virtio_console_create(const struct virtio_dev_config *config,
			  const struct console_port_config *ports, unsigned nr_ports,
			  struct virtio_dev **ret_vdev)
{
	_cleanup_free_ struct virtio_console *console = calloc(1, sizeof(*console));
	struct virtio_dev_config dev = *config;
	int r;

	if (nr_ports == 0 || nr_ports > VIRTIO_CONSOLE_MAX_PORTS)
		return -EINVAL;
	if (!console)
		return -ENOMEM;
	r = number_ports(console, ports, nr_ports);
	if (r < 0)
		return r;
	console->config.max_nr_ports = console->nr_ports;
	if (console->nr_ports == 1) {
		dev.nr_queues = CONSOLE_NR_PORT_0_QUEUES;
		dev.features_off |= VIRTIO_CONSOLE_F_MULTIPORT;
	} else {
		dev.nr_queues = 2 * console->nr_ports + 2;
	}
	if (!console->ports[0].exists)
		dev.features_off |= VIRTIO_CONSOLE_F_EMERG_WRITE | VIRTIO_CONSOLE_F_SIZE;
	r = virtio_dev_init(&console->vdev, &console_class, &dev, &console->config);
	if (r < 0)
		return r;
	*ret_vdev = &TAKE_PTR(console)->vdev;
	return 0;
}
