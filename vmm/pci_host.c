/* SPDX-License-Identifier: MIT */
#include "vmm/pci_host.h"
#include "base/cleanup.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot.h"

_Static_assert(ACPI_PCI_ECAM_GPA >= BOOT_MMIO_HOLE_GPA &&
		       ACPI_PCI_ECAM_GPA + PCI_ECAM_SIZE <= ACPI_PCI_MMIO_GPA &&
		       ACPI_PCI_MMIO_GPA + ACPI_PCI_MMIO_SIZE <= ACPI_IOAPIC_GPA,
	       "no base address register may reach RAM, configuration space or an APIC");

static int add_to_buses(struct vm *vm, struct pci_host *host)
{
	const struct {
		struct bus *bus;
		uint64_t base, len;
	} places[PCI_HOST_NR_PARTS] = {
		[PCI_HOST_PORTS] = { &vm->pio, PCI_CONFIG_PORT, PCI_CONFIG_PORTS },
		[PCI_HOST_ECAM] = { &vm->mmio, ACPI_PCI_ECAM_GPA, PCI_ECAM_SIZE },
		[PCI_HOST_PIO] = { &vm->pio, ACPI_PCI_PIO_PORT, ACPI_PCI_PIO_SIZE },
		[PCI_HOST_MMIO] = { &vm->mmio, ACPI_PCI_MMIO_GPA, ACPI_PCI_MMIO_SIZE },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		int r = bus_add(places[i].bus, places[i].base, places[i].len,
				pci_host_device(host, i));

		if (r < 0)
			return r;
	}
	return 0;
}

int machine_pci_create(struct vm *vm, struct machine_pci **ret_pci, struct error *error)
{
	struct pci_host_config config = {
		.mmio_base = ACPI_PCI_MMIO_GPA,
		.mmio_size = ACPI_PCI_MMIO_SIZE,
		.pio_base = ACPI_PCI_PIO_PORT,
		.pio_size = ACPI_PCI_PIO_SIZE,
	};
	struct machine_pci *pci = calloc(1, sizeof(*pci));
	int r;

	if (!pci)
		return error_set_errno(error, -ENOMEM, "cannot make the PCI host bridge");
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		config.intx[i] = irq_wire(&pci->intx[i], &vm->kvm, ACPI_PCI_INTX_GSI + i);
	r = msi_routes_create(&vm->kvm, &pci->routes);
	if (r < 0) {
		(void)error_set_errno(error, r, "KVM refuses the table of interrupt routes");
		goto fail;
	}
	r = pci_host_create(&config, &pci->host);
	if (r == 0)
		r = add_to_buses(vm, pci->host);
	if (r < 0) {
		(void)error_set_errno(error, r, "cannot make the PCI host bridge");
		goto fail;
	}
	*ret_pci = pci;
	return 0;

fail:
	machine_pci_destroy(pci);
	return r;
}

void machine_pci_destroy(struct machine_pci *pci)
{
	if (!pci)
		return;
	pci_host_destroy(pci->host);
	msi_routes_destroy(pci->routes);
	free(pci);
}
