/* SPDX-License-Identifier: MIT */
/*
 * The configuration space of a virtio device: who it is, the capabilities that say where its
 * registers are, and access to them by way of configuration space itself (4.1.2, 4.1.4).  For pci.c
 * only.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_PCI_CAPS_H
#define GLASSBOX_DEVICES_VIRTIO_PCI_CAPS_H

#include "devices/pci/function.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_PCI_COMMON_LEN 0x3cu
#define VIRTIO_PCI_NOTIFY_MULTIPLIER                                                               \
	4u /* bytes from one queue's notification address to the next */

struct virtio_pci_caps {
	struct pci_function *fn;
	unsigned access; /* offset of the capability for accesses by configuration space */
};

/** virtio_pci_identity() - of a device of type @device, VIRTIO_DEVICE_* */
struct pci_identity virtio_pci_identity(uint16_t device);

/**
 * virtio_pci_caps_add() - give @fn the capabilities that @vdev needs
 * @caps: lives as long as @fn
 * @fn: not yet on a bus
 *
 * Return: 0 or -ENOSPC; then @fn is of no use.
 */
int virtio_pci_caps_add(struct virtio_pci_caps *caps, struct pci_function *fn,
			const struct virtio_dev *vdev) __must_check;

#endif
