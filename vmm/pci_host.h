/* SPDX-License-Identifier: MIT */
/*
 * The machine's PCI host bridge: on its buses, with its interrupt lines and its MSI routes.  Main
 * thread.
 */
#ifndef GLASSBOX_VMM_PCI_HOST_H
#define GLASSBOX_VMM_PCI_HOST_H

#include "devices/pci/host.h"
#include "vmm/irq.h"
#include "vmm/msi.h"
#include "vmm/vm.h"

struct machine_pci {
	struct pci_host *host; /* devices are added with pci_host_add() */
	struct msi_routes *routes;
	struct irq intx[PCI_NR_INTX];
};

/**
 * machine_pci_create() - a host bridge where pci.asl says it is
 * @vm: takes the bridge's devices on its buses
 *
 * Before vCPUs run.  Return: 0, or -errno with @error set.
 */
int machine_pci_create(struct vm *vm, struct machine_pci **ret_pci, struct error *error)
	__must_check;

/** machine_pci_destroy() - after the vCPUs have ended and the devices on it are gone; NULL is fine
 */
void machine_pci_destroy(struct machine_pci *pci);

#endif
