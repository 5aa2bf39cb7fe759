/* SPDX-License-Identifier: MIT */
/*
 * What the specification defines for network devices (5.1), for net*.c.  The header of frames is in
 * devices/backend/net.h.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_NET_SPEC_H
#define GLASSBOX_DEVICES_VIRTIO_NET_SPEC_H

#include "devices/virtio/spec.h"

/* Features (5.1.3); those without use here are left out. */
#define VIRTIO_NET_F_CSUM                VIRTIO_F_BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM          VIRTIO_F_BIT(1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS VIRTIO_F_BIT(2)
#define VIRTIO_NET_F_MTU                 VIRTIO_F_BIT(3)
#define VIRTIO_NET_F_MAC                 VIRTIO_F_BIT(5)
#define VIRTIO_NET_F_GUEST_TSO4          VIRTIO_F_BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6          VIRTIO_F_BIT(8)
#define VIRTIO_NET_F_GUEST_ECN           VIRTIO_F_BIT(9)
#define VIRTIO_NET_F_GUEST_UFO           VIRTIO_F_BIT(10)
#define VIRTIO_NET_F_HOST_TSO4           VIRTIO_F_BIT(11)
#define VIRTIO_NET_F_HOST_TSO6           VIRTIO_F_BIT(12)
#define VIRTIO_NET_F_HOST_ECN            VIRTIO_F_BIT(13)
#define VIRTIO_NET_F_HOST_UFO            VIRTIO_F_BIT(14)
#define VIRTIO_NET_F_MRG_RXBUF           VIRTIO_F_BIT(15)
#define VIRTIO_NET_F_STATUS              VIRTIO_F_BIT(16)
#define VIRTIO_NET_F_CTRL_VQ             VIRTIO_F_BIT(17)
#define VIRTIO_NET_F_CTRL_RX             VIRTIO_F_BIT(18)
#define VIRTIO_NET_F_MQ                  VIRTIO_F_BIT(22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR       VIRTIO_F_BIT(23)
#define VIRTIO_NET_F_SPEED_DUPLEX        VIRTIO_F_BIT(63)

/* Configuration (5.1.4), up to what these features need. */
struct virtio_net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;   /* bytes, without the Ethernet header */
	uint32_t speed; /* Mbit/s */
	uint8_t duplex;
	uint8_t unused[3];
};

#define VIRTIO_NET_CONFIG_LEN 17
_Static_assert(offsetof(struct virtio_net_config, unused) == VIRTIO_NET_CONFIG_LEN, "as in 5.1.4");

#define VIRTIO_NET_S_LINK_UP               1 /* status */
#define VIRTIO_NET_DUPLEX_FULL             1

/* Commands of the control queue (5.1.6.5): a byte each for class and command, then data. */
#define VIRTIO_NET_CTRL_RX                 0
#define VIRTIO_NET_CTRL_RX_PROMISC         0
#define VIRTIO_NET_CTRL_RX_ALLMULTI        1
#define VIRTIO_NET_CTRL_MAC                1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET      0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET       1
#define VIRTIO_NET_CTRL_MQ                 4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET    0
#define VIRTIO_NET_CTRL_GUEST_OFFLOADS     5
#define VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET 0

/* The byte that answers. */
#define VIRTIO_NET_OK                      0
#define VIRTIO_NET_ERR                     1

#endif
