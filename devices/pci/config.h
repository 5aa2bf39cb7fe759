/* SPDX-License-Identifier: MIT */
/*
 * The configuration space of a PCI function: bytes, what of them a guest can change, and the list
 * of capabilities (PCI Local Bus 3.0, chapter 6; PCI Express Base 5.0, 7.5).
 *
 * Registers and bits have the names of <linux/pci_regs.h>.  Built by the device before the machine
 * runs; afterwards whoever holds the host bridge's lock may call, which is the case in every
 * callback of a struct pci_watch.  Plain data, to be embedded.
 */
#ifndef GLASSBOX_DEVICES_PCI_CONFIG_H
#define GLASSBOX_DEVICES_PCI_CONFIG_H

#include <linux/pci_regs.h>

#include "base/util.h"

struct pci_config {
	unsigned size; /* PCI_CFG_SPACE_SIZE, or PCI_CFG_SPACE_EXP_SIZE of a PCI Express function */
	unsigned last_capability;                  /* offset, 0: none */
	unsigned end;                              /* of the space that is taken */
	uint8_t bytes[PCI_CFG_SPACE_EXP_SIZE];     /* what a read gives */
	uint8_t writable[PCI_CFG_SPACE_EXP_SIZE];  /* bits that take what is written */
	uint8_t clearable[PCI_CFG_SPACE_EXP_SIZE]; /* bits that a written 1 clears (RW1C) */
};

/* What a type 0 header says about a function (6.2.1, 6.2.4). */
struct pci_identity {
	uint16_t vendor, device;
	uint8_t revision;
	uint32_t class_code; /* base class, sub-class, interface: 0xBBSSII */
	uint16_t subsystem_vendor, subsystem;
	uint8_t interrupt_pin; /* 1: INTA# .. 4: INTD#; 0: none */
};

/**
 * pci_config_init() - a type 0 header without base addresses and capabilities
 * @size: PCI_CFG_SPACE_SIZE or PCI_CFG_SPACE_EXP_SIZE
 *
 * Of the command register only Bus Master and INTx Disable can be changed until
 * pci_config_allow() says otherwise; of the rest, Cache Line Size and Interrupt Line.
 */
void pci_config_init(struct pci_config *config, const struct pci_identity *identity, unsigned size);

/** pci_config_allow() - let a guest change those bits of [@off, @off + @len) that are set in @mask
 * (little endian) */
void pci_config_allow(struct pci_config *config, unsigned off, unsigned len, uint64_t mask);

/**
 * pci_config_add_capability() - put one more capability behind the others (6.7)
 * @id: PCI_CAP_ID_*
 * @body: what follows ID and next pointer
 * @len: of @body
 * @ret_off: offset of the capability (of its ID) in the configuration space
 *
 * All of it is read-only until pci_config_allow().  Return: 0, or -ENOSPC if it does not fit into
 * the first 256 bytes.
 */
int pci_config_add_capability(struct pci_config *config, uint8_t id, const void *body, unsigned len,
			      unsigned *ret_off) __must_check;

/**
 * pci_config_read() / pci_config_write() - an access of the guest
 *
 * Any @off and @len.  What is not there reads as ones and cannot be written.
 */
void pci_config_read(const struct pci_config *config, uint64_t off, void *buf, unsigned len);
void pci_config_write(struct pci_config *config, uint64_t off, const void *buf, unsigned len);

/**
 * pci_config_get() / pci_config_set() - the device's own view of a register
 * @off, @len: a register inside of the space, 1, 2, 4 or 8 bytes
 *
 * pci_config_set() changes read-only bits, too.
 */
uint64_t pci_config_get(const struct pci_config *config, unsigned off, unsigned len);
void pci_config_set(struct pci_config *config, unsigned off, unsigned len, uint64_t value);

#endif
