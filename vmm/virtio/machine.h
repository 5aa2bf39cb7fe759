/* SPDX-License-Identifier: MIT */
/* The machine's virtio devices, each behind the transport that the user chose.  Main thread. */
#ifndef GLASSBOX_VMM_VIRTIO_MACHINE_H
#define GLASSBOX_VMM_VIRTIO_MACHINE_H

#include "devices/virtio/virtio.h"
#include "vmm/pci_host.h"
#include "vmm/virtio/options.h"

struct machine_virtio_config {
	const struct virtio_list *devices;
	struct vm *vm;
	struct machine_pci *pci;
	struct loop *loop; /* serves the queues */
	struct consoles *consoles;
	bool trace_doorbells; /* notifications are exits, not ioeventfds */
};

struct machine_virtio;

/* Where a device is. */
struct machine_virtio_place {
	enum virtio_transport transport;
	unsigned pci_slot; /* of VIRTIO_TRANSPORT_PCI */
	uint64_t gpa;      /* of VIRTIO_TRANSPORT_MMIO */
};

/**
 * machine_virtio_create() - all of them, on the buses of the machine
 * @config: what it points to is borrowed until machine_virtio_destroy()
 *
 * Once the VM has its vCPUs, and before they run.  Return: 0, or -errno with @error set.
 */
int machine_virtio_create(const struct machine_virtio_config *config,
			  struct machine_virtio **ret_virtio, struct error *error) __must_check;

/**
 * machine_virtio_device() - the devices in the order of their options, from 0 on
 * @virtio: NULL is a machine without
 * @ret_place: may be NULL
 *
 * Return: the device; NULL behind the last one.
 */
struct virtio_dev *machine_virtio_device(const struct machine_virtio *virtio, unsigned index,
					 struct machine_virtio_place *ret_place);

/**
 * machine_virtio_destroy() - their disks, sockets and interfaces are free for others
 *
 * The vCPUs have ended, or are parked and never run again.  On the loop's thread; NULL is fine.
 */
void machine_virtio_destroy(struct machine_virtio *virtio);

#endif
