/* SPDX-License-Identifier: MIT */
/* Devices and transports of virtio.  Main thread; owns them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/pci.h"
#include "vmm/boot/acpi.h"
#include "vmm/doorbell.h"
#include "vmm/virtio/kind.h"
#include "vmm/virtio/machine.h"

#define FIRST_PCI_SLOT 1u /* 0 is the host bridge */
#define NAME_LEN       32

_Static_assert(FIRST_PCI_SLOT + VIRTIO_MAX_DEVICES <= PCI_NR_SLOTS, "each has a slot");
_Static_assert(ACPI_VIRTIO_MMIO_GPA >= ACPI_PCI_MMIO_GPA + ACPI_PCI_MMIO_SIZE &&
		       ACPI_VIRTIO_MMIO_GPA + ACPI_VIRTIO_MMIO_MAX * ACPI_VIRTIO_MMIO_STRIDE <=
			       ACPI_IOAPIC_GPA &&
		       VIRTIO_MMIO_LEN <= ACPI_VIRTIO_MMIO_STRIDE,
	       "nothing else is where virtio over MMIO is");

/* A device and its transport, which owns it: over PCI pci and vectors, over MMIO mmio and irq. */
struct slot {
	char name[NAME_LEN];
	struct virtio_dev *vdev; /* NULL: there is none */
	struct machine_virtio_place place;
	struct virtio_pci *pci;
	struct msi_vectors *vectors;
	struct device *mmio;
	struct irq irq;
};

struct machine_virtio {
	struct machine_virtio_config config;
	struct virtio_host host;
	struct doorbell_host doorbells;
	struct slot slots[VIRTIO_MAX_DEVICES];
	unsigned nr_pci, nr_mmio;
};

/* Takes @vdev over on success only. */
static int plug_into_pci(struct machine_virtio *virtio, struct slot *slot, struct virtio_dev *vdev)
{
	struct machine_pci *machine = virtio->config.pci;
	struct virtio_pci_config config = { .doorbell = virtio->doorbells };
	int r;

	r = msi_vectors_create(&virtio->config.vm->kvm, machine->routes,
			       virtio_pci_nr_vectors(vdev), vdev->name, &slot->vectors);
	if (r < 0)
		return r;
	config.msi = msi_vectors_sender(slot->vectors);
	return virtio_pci_create(&config, vdev, &slot->pci);
}

/* Of the next device over MMIO. */
static uint64_t next_gpa(const struct machine_virtio *virtio)
{
	return ACPI_VIRTIO_MMIO_GPA + (uint64_t)virtio->nr_mmio * ACPI_VIRTIO_MMIO_STRIDE;
}

static int plug_into_mmio(struct machine_virtio *virtio, struct slot *slot, struct virtio_dev *vdev)
{
	const struct virtio_mmio_config config = {
		.base = next_gpa(virtio),
		.irq = irq_wire(&slot->irq, &virtio->config.vm->kvm,
				acpi_virtio_mmio_gsi(virtio->nr_mmio)),
		.doorbell = virtio->doorbells,
	};

	return virtio_mmio_create(&config, vdev, &slot->mmio);
}

/* Where the guest finds the transport. */
static int place(struct machine_virtio *virtio, struct slot *slot)
{
	struct machine_virtio_place *place = &slot->place;

	if (slot->pci) {
		place->transport = VIRTIO_TRANSPORT_PCI;
		place->pci_slot = FIRST_PCI_SLOT + virtio->nr_pci++;
		return pci_host_add(virtio->config.pci->host, place->pci_slot,
				    virtio_pci_function(slot->pci));
	}
	place->transport = VIRTIO_TRANSPORT_MMIO;
	place->gpa = next_gpa(virtio);
	virtio->nr_mmio++;
	return bus_add(&virtio->config.vm->mmio, place->gpa, VIRTIO_MMIO_LEN, slot->mmio);
}

/* Takes @vdev over, also on failure. */
static int plug_in(struct machine_virtio *virtio, struct slot *slot,
		   enum virtio_transport transport, struct virtio_dev *vdev)
{
	int r = transport == VIRTIO_TRANSPORT_PCI ? plug_into_pci(virtio, slot, vdev)
						  : plug_into_mmio(virtio, slot, vdev);

	if (r < 0) {
		virtio_dev_destroy(vdev);
		return r;
	}
	slot->vdev = vdev;
	return place(virtio, slot);
}

/* Each kind counts its own from 0: virtio-blk0, virtio-rng0, virtio-blk1. */
static void name_device(struct machine_virtio *virtio, unsigned index)
{
	const struct virtio_options *devices = virtio->config.devices->devices;
	unsigned n = 0;

	for (unsigned i = 0; i < index; i++)
		n += devices[i].kind == devices[index].kind;
	(void)snprintf(virtio->slots[index].name, NAME_LEN, "%s%u", devices[index].kind->name, n);
}

static int add_device(struct machine_virtio *virtio, unsigned index, struct error *error)
{
	const struct virtio_list *list = virtio->config.devices;
	const struct virtio_options *options = &list->devices[index];
	struct slot *slot = &virtio->slots[index];
	const struct virtio_dev_config config = { .name = slot->name,
						  .mem = &virtio->config.vm->mem,
						  .loop = virtio->config.loop };
	struct virtio_dev *vdev;
	int r;

	name_device(virtio, index);
	r = options->kind->create(options, &virtio->host, &config, &vdev, error);
	if (r < 0)
		return r;
	r = plug_in(virtio, slot, virtio_list_transport(list, index), vdev);
	return r < 0 ? error_set_errno(error, r, "cannot plug %s in", slot->name) : 0;
}

int machine_virtio_create(const struct machine_virtio_config *config,
			  struct machine_virtio **ret_virtio, struct error *error)
{
	struct machine_virtio *virtio;
	int r = 0;

	virtio = calloc(1, sizeof(*virtio));
	if (!virtio)
		return error_set_errno(error, -ENOMEM, "cannot make the virtio devices");
	virtio->config = *config;
	virtio->host = (struct virtio_host){
		.nr_vcpus = config->vm->nr_vcpus,
		.consoles = config->consoles,
	};
	if (!config->trace_doorbells)
		virtio->doorbells = kvm_doorbells(&config->vm->kvm);
	for (unsigned i = 0; r == 0 && i < config->devices->nr; i++)
		r = add_device(virtio, i, error);
	if (r < 0) {
		machine_virtio_destroy(virtio);
		return r;
	}
	*ret_virtio = virtio;
	return 0;
}

void machine_virtio_destroy(struct machine_virtio *virtio)
{
	if (!virtio)
		return;
	/* Including one that failed half-way. */
	for (unsigned i = 0; i < ARRAY_SIZE(virtio->slots); i++) {
		struct slot *slot = &virtio->slots[i];

		virtio_pci_destroy(slot->pci);
		device_destroy(slot->mmio);
		msi_vectors_destroy(slot->vectors);
	}
	free(virtio);
}

struct virtio_dev *machine_virtio_device(const struct machine_virtio *virtio, unsigned index,
					 struct machine_virtio_place *ret_place)
{
	const struct slot *slot;

	if (!virtio || index >= ARRAY_SIZE(virtio->slots))
		return NULL;
	slot = &virtio->slots[index];
	if (slot->vdev && ret_place)
		*ret_place = slot->place;
	return slot->vdev;
}
