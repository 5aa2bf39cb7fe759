/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI (4.1), without the legacy interface: a PCI function in front of a virtio_dev.
 *
 * MSI-X has a vector for each queue and one for configuration changes; a driver that does not turn
 * it on gets INTx and the ISR status.  Each queue has a notification address of its own, so that a
 * doorbell needs not to look at what is written.
 *
 * Locks, outermost first: the host bridge's, the virtio_dev's, that of the MSI-X table.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_PCI_H
#define GLASSBOX_DEVICES_VIRTIO_PCI_H

#include "devices/pci/msix.h"
#include "devices/virtio/doorbell.h"
#include "devices/virtio/virtio.h"

/* Base address registers, and what lies where behind the first of them. */
#define VIRTIO_PCI_BAR        0
#define VIRTIO_PCI_MSIX_BAR   1
#define VIRTIO_PCI_BAR_COMMON 0x0000u
#define VIRTIO_PCI_BAR_ISR    0x1000u
#define VIRTIO_PCI_BAR_CONFIG 0x2000u
#define VIRTIO_PCI_BAR_NOTIFY 0x3000u
#define VIRTIO_PCI_BAR_LEN    0x4000u

struct virtio_pci_config {
	struct msi_sender msi;         /* takes virtio_pci_nr_vectors() vectors */
	struct doorbell_host doorbell; /* may be all NULL */
};

struct virtio_pci;

/** virtio_pci_nr_vectors() - of MSI-X that @vdev will have */
static inline unsigned virtio_pci_nr_vectors(const struct virtio_dev *vdev)
{
	return vdev->nr_queues + 1;
}

/**
 * virtio_pci_create() - the registers of @vdev
 * @vdev: taken over on success: destroyed with the transport
 *
 * The function has the name of @vdev and is not yet on a bus.  Return: 0 or -ENOMEM.
 */
int virtio_pci_create(const struct virtio_pci_config *config, struct virtio_dev *vdev,
		      struct virtio_pci **ret_pci) __must_check;

/** virtio_pci_destroy() - after the vCPUs have ended, on the loop's thread or after; NULL is fine
 */
void virtio_pci_destroy(struct virtio_pci *pci);

/** virtio_pci_function() - for pci_host_add(); lives as long as @pci */
struct pci_function *virtio_pci_function(struct virtio_pci *pci);

#endif
