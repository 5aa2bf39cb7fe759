/* SPDX-License-Identifier: MIT */
/*
 * A PCI host bridge with bus 0: 32 slots, each with a function of one device or nothing.
 *
 * Configuration space is reached by ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, 3.2.2.3.2) and by
 * memory (PCI Express Base 5.0, 7.2.2).  Slot 0 is the bridge itself.  Interrupt pins go to
 * PCI_NR_INTX lines, shared among slots, in the way of pci_host_intx_line(), which the ACPI _PRT
 * has to repeat.  The bridge does not know what is behind addresses: the board gives it windows for
 * base address registers that nothing else is in, RAM least of all.
 *
 * Any vCPU thread; one lock for all of configuration space.  See devices/pci/function.h for the
 * order of locks.
 */
#ifndef GLASSBOX_DEVICES_PCI_HOST_H
#define GLASSBOX_DEVICES_PCI_HOST_H

#include "devices/pci/function.h"

#define PCI_NR_SLOTS     32u
#define PCI_NR_INTX      8u
#define PCI_CONFIG_PORT  0xcf8u
#define PCI_CONFIG_PORTS 8u
#define PCI_ECAM_SIZE    MIB(1) /* of one bus: 32 slots, 8 functions, 4 KiB each */

struct pci_host_config {
	uint64_t mmio_base, mmio_size; /* where memory base address registers decode */
	uint64_t pio_base, pio_size;   /* where I/O base address registers decode */
	struct irq_line intx[PCI_NR_INTX];
};

/* What the board puts on its buses. */
enum pci_host_part {
	PCI_HOST_PORTS, /* PCI_CONFIG_PORT, PCI_CONFIG_PORTS */
	PCI_HOST_ECAM,  /* PCI_ECAM_SIZE bytes of memory, aligned to that */
	PCI_HOST_PIO,   /* the window of the configuration */
	PCI_HOST_MMIO,  /* the window of the configuration */
	PCI_HOST_NR_PARTS,
};

struct pci_host;

/** pci_host_create() - a bus with nothing but the bridge.  Return: 0 or -ENOMEM. */
int pci_host_create(const struct pci_host_config *config, struct pci_host **ret_host) __must_check;

/** pci_host_destroy() - after the vCPUs have ended; functions may be gone already.  NULL is fine.
 */
void pci_host_destroy(struct pci_host *host);

/** pci_host_device() - a part for a bus; owned by the bridge, as long as it lives */
struct device *pci_host_device(struct pci_host *host, enum pci_host_part part);

/**
 * pci_host_add() - put @fn into @slot, as function 0 of its device
 * @fn: complete, with all base address registers and capabilities; borrowed as long as vCPUs run
 *
 * Before the machine runs.  Return: 0; -EINVAL if there is no such slot; -EEXIST if it is taken.
 */
int pci_host_add(struct pci_host *host, unsigned slot, struct pci_function *fn) __must_check;

/** pci_host_reset() - the bridge and every function as after power-on.  No vCPU runs. */
void pci_host_reset(struct pci_host *host);

/** pci_host_intx_line() - which of PCI_NR_INTX lines pin @pin (1: INTA#) of @slot is wired to */
unsigned pci_host_intx_line(unsigned slot, unsigned pin);

#endif
