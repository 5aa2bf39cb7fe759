/* SPDX-License-Identifier: MIT */
/* What the specification defines for console devices (5.3). */
#ifndef GLASSBOX_DEVICES_VIRTIO_CONSOLE_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_CONSOLE_SPEC_H

#include "devices/virtio/spec.h"

/* Queues (5.3.2).  Those of port 0 come first, then control, then the other ports' in pairs. */
#define CONSOLE_CONTROL_RECEIVEQ     2
#define CONSOLE_CONTROL_TRANSMITQ    3
#define CONSOLE_NR_PORT_0_QUEUES     2

/* Features (5.3.3). */
#define VIRTIO_CONSOLE_F_SIZE        VIRTIO_F_BIT(0)
#define VIRTIO_CONSOLE_F_MULTIPORT   VIRTIO_F_BIT(1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE VIRTIO_F_BIT(2)

/* Configuration (5.3.4). */
struct virtio_console_config {
	uint16_t cols, rows; /* of port 0; 0 by 0: not known */
	uint32_t max_nr_ports;
	uint32_t emerg_wr; /* reads as 0 */
};

#define VIRTIO_CONSOLE_CONFIG_LEN 12
_Static_assert(sizeof(struct virtio_console_config) == VIRTIO_CONSOLE_CONFIG_LEN, "as in 5.3.4");
_Static_assert(offsetof(struct virtio_console_config, emerg_wr) == 8, "as in 5.3.4");

/* A control message (5.3.6.2). */
struct virtio_console_control {
	uint32_t id; /* of the port */
	uint16_t event, value;
};

/* Behind a message of VIRTIO_CONSOLE_RESIZE. */
struct virtio_console_resize {
	uint16_t cols, rows;
};

#define VIRTIO_CONSOLE_CONTROL_LEN 8
_Static_assert(sizeof(struct virtio_console_control) == VIRTIO_CONSOLE_CONTROL_LEN,
	       "as in 5.3.6.2");

/* Events: who sends them. */
#define VIRTIO_CONSOLE_DEVICE_READY 0 /* driver */
#define VIRTIO_CONSOLE_PORT_ADD     1 /* device */
#define VIRTIO_CONSOLE_PORT_REMOVE  2 /* device */
#define VIRTIO_CONSOLE_PORT_READY   3 /* driver */
#define VIRTIO_CONSOLE_CONSOLE_PORT 4 /* device */
#define VIRTIO_CONSOLE_RESIZE       5 /* device */
#define VIRTIO_CONSOLE_PORT_OPEN    6 /* both */
#define VIRTIO_CONSOLE_PORT_NAME    7 /* device; the name follows, without an end */

#endif
