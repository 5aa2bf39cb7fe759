/* SPDX-License-Identifier: MIT */
/* Devices and transports of virtio.  Main thread; owns them. */
#include <errno.h>
#include <stdlib.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/pci.h"
#include "devices/virtio/rng.h"
#include "vmm/boot/acpi.h"
#include "vmm/doorbell.h"
#include "vmm/virtio_machine.h"

#define FIRST_PCI_SLOT 1u /* 0 is the host bridge */

_Static_assert(ACPI_VIRTIO_MMIO_GPA >= ACPI_PCI_MMIO_GPA + ACPI_PCI_MMIO_SIZE &&
		       ACPI_VIRTIO_MMIO_GPA + ACPI_VIRTIO_MMIO_MAX * ACPI_VIRTIO_MMIO_STRIDE <=
			       ACPI_IOAPIC_GPA &&
		       VIRTIO_MMIO_LEN <= ACPI_VIRTIO_MMIO_STRIDE,
	       "nothing else is where virtio over MMIO is");

/* A device's transport: over PCI the first two, over MMIO the others. */
struct transport {
	struct virtio_pci *pci;
	struct msi_vectors *vectors;
	struct device *mmio;
	struct irq irq;
};

struct machine_virtio {
	struct machine_virtio_config config;
	struct doorbell_host doorbells;
	struct transport transports[ACPI_VIRTIO_MMIO_MAX];
	unsigned nr;
};

unsigned machine_virtio_count(const struct run_options *options)
{
	return options->rng ? 1 : 0;
}

/* Takes @vdev over on success only, as the next one. */
static int plug_into_pci(struct machine_virtio *virtio, struct transport *transport,
			 struct virtio_dev *vdev)
{
	struct machine_pci *machine = virtio->config.pci;
	struct virtio_pci_config config = { .doorbell = virtio->doorbells };
	int r;

	r = msi_vectors_create(&virtio->config.vm->kvm, machine->routes,
			       virtio_pci_nr_vectors(vdev), vdev->name, &transport->vectors);
	if (r < 0)
		return r;
	config.msi = msi_vectors_sender(transport->vectors);
	return virtio_pci_create(&config, vdev, &transport->pci);
}

static int plug_into_mmio(struct machine_virtio *virtio, struct transport *transport,
			  struct virtio_dev *vdev)
{
	const struct virtio_mmio_config config = {
		.base = ACPI_VIRTIO_MMIO_GPA + (uint64_t)virtio->nr * ACPI_VIRTIO_MMIO_STRIDE,
		.irq = irq_wire(&transport->irq, &virtio->config.vm->kvm,
				acpi_virtio_mmio_gsi(virtio->nr)),
		.doorbell = virtio->doorbells,
	};

	return virtio_mmio_create(&config, vdev, &transport->mmio);
}

/* Where the guest finds the transport. */
static int place(struct machine_virtio *virtio, struct transport *transport, unsigned index)
{
	uint64_t gpa = ACPI_VIRTIO_MMIO_GPA + (uint64_t)index * ACPI_VIRTIO_MMIO_STRIDE;

	if (transport->pci)
		return pci_host_add(virtio->config.pci->host, FIRST_PCI_SLOT + index,
				    virtio_pci_function(transport->pci));
	return bus_add(&virtio->config.vm->mmio, gpa, VIRTIO_MMIO_LEN, transport->mmio);
}

/* Takes @vdev over, also on failure. */
static int plug_in(struct machine_virtio *virtio, struct virtio_dev *vdev)
{
	struct transport *transport = &virtio->transports[virtio->nr];
	int r = -ENOSPC;

	if (virtio->nr < ARRAY_SIZE(virtio->transports))
		r = virtio->config.options->transport == VIRTIO_TRANSPORT_PCI
			    ? plug_into_pci(virtio, transport, vdev)
			    : plug_into_mmio(virtio, transport, vdev);
	if (r < 0) {
		virtio_dev_destroy(vdev);
		return r;
	}
	return place(virtio, transport, virtio->nr++);
}

static int add_rng(struct machine_virtio *virtio)
{
	const struct virtio_dev_config config = { .name = "virtio-rng0",
						  .mem = &virtio->config.vm->mem,
						  .loop = virtio->config.loop };
	const struct byte_source source = byte_source_host();
	struct virtio_dev *vdev;
	int r = virtio_rng_create(&config, &source, &vdev);

	return r < 0 ? r : plug_in(virtio, vdev);
}

int machine_virtio_create(const struct machine_virtio_config *config,
			  struct machine_virtio **ret_virtio, struct error *error)
{
	struct machine_virtio *virtio = calloc(1, sizeof(*virtio));
	int r = 0;

	if (!virtio)
		return error_set_errno(error, -ENOMEM, "cannot make the virtio devices");
	virtio->config = *config;
	if (!config->options->trace_doorbells)
		virtio->doorbells = kvm_doorbells(&config->vm->kvm);
	if (config->options->rng)
		r = add_rng(virtio);
	if (r < 0) {
		(void)error_set_errno(error, r, "cannot make the virtio devices");
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
	for (unsigned i = 0; i < ARRAY_SIZE(virtio->transports); i++) {
		struct transport *transport = &virtio->transports[i];

		virtio_pci_destroy(transport->pci);
		device_destroy(transport->mmio);
		msi_vectors_destroy(transport->vectors);
	}
	free(virtio);
}
