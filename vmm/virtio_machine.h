/* SPDX-License-Identifier: MIT */
/*
 * The machine's virtio devices, each behind the transport that the user chose.
 *
 * To add one: count it in machine_virtio_count(), make it in a function like add_rng().  Main
 * thread.
 */
#ifndef GLASSBOX_VMM_VIRTIO_MACHINE_H
#define GLASSBOX_VMM_VIRTIO_MACHINE_H

#include "vmm/options.h"
#include "vmm/pci_host.h"

struct machine_virtio_config {
	const struct run_options *options;
	struct vm *vm;
	struct machine_pci *pci;
	struct loop *loop; /* serves the queues */
};

struct machine_virtio;

/** machine_virtio_count() - how many devices the options ask for; for the ACPI tables */
unsigned machine_virtio_count(const struct run_options *options);

/**
 * machine_virtio_create() - all of them, on the buses of the machine
 * @config: what it points to is borrowed until machine_virtio_destroy()
 *
 * Before vCPUs run.  Return: 0, or -errno with @error set.
 */
int machine_virtio_create(const struct machine_virtio_config *config,
			  struct machine_virtio **ret_virtio, struct error *error) __must_check;

/** machine_virtio_destroy() - after the vCPUs have ended, on the loop's thread; NULL is fine */
void machine_virtio_destroy(struct machine_virtio *virtio);

#endif
