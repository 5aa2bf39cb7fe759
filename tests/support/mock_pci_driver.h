/* SPDX-License-Identifier: MIT */
/*
 * A virtio driver over PCI, for unit tests and fuzz targets: it finds the registers by the
 * capabilities, as a guest's does.  Offsets are those of Linux's headers, not of ours.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_MOCK_PCI_DRIVER_H
#define GLASSBOX_TESTS_SUPPORT_MOCK_PCI_DRIVER_H

#include <linux/virtio_pci.h>

#include "devices/pci/host.h"
#include "tests/support/mock_driver.h"

#define MOCK_PCI_WINDOW      UINT64_C(0xd0000000) /* where base address registers decode */
#define MOCK_PCI_WINDOW_SIZE UINT64_C(0x100000)
#define MOCK_PCI_SLOT        3
#define MOCK_PCI_QUEUE_RESET 0x3a /* newer than Linux's header */

/* One virtio capability. */
struct mock_pci_capability {
	unsigned at; /* in configuration space; 0: there is none */
	uint8_t cap_len, bar;
	uint32_t offset, length;
};

struct mock_pci {
	struct pci_host *host;
	struct mock_pci_capability caps[VIRTIO_PCI_CAP_PCI_CFG + 1]; /* by type */
	uint32_t notify_multiplier;
	unsigned msix; /* its capability in configuration space; 0: none */
	uint64_t bars[6];
};

uint32_t mock_pci_config_read(struct mock_pci *pci, unsigned reg, unsigned len);
void mock_pci_config_write(struct mock_pci *pci, unsigned reg, unsigned len, uint32_t value);

/** mock_pci_probe() - find the capabilities of MOCK_PCI_SLOT, and place base address registers
 * 0 to 5, each 64 KiB after the other, if @place */
void mock_pci_probe(struct mock_pci *pci, struct pci_host *host, bool place);

/** mock_pci_read() / mock_pci_write() - a register of what capability @type describes */
uint32_t mock_pci_read(struct mock_pci *pci, unsigned type, uint64_t off, unsigned len);
void mock_pci_write(struct mock_pci *pci, unsigned type, uint64_t off, unsigned len,
		    uint32_t value);

/** mock_pci_common() / mock_pci_set_common() - of the common configuration */
uint32_t mock_pci_common(struct mock_pci *pci, uint64_t off, unsigned len);
void mock_pci_set_common(struct mock_pci *pci, uint64_t off, unsigned len, uint32_t value);

/** mock_pci_window_read() / mock_pci_window_write() - 4 bytes, anywhere in the memory window */
uint32_t mock_pci_window_read(struct mock_pci *pci, uint64_t gpa);
void mock_pci_window_write(struct mock_pci *pci, uint64_t gpa, uint32_t value);

/** mock_pci_offered() - all 64 feature bits */
uint64_t mock_pci_offered(struct mock_pci *pci);

/** mock_pci_negotiate() - reset up to FEATURES_OK; Return: was it accepted? */
bool mock_pci_negotiate(struct mock_pci *pci, uint64_t features);

/** mock_pci_enable_queue() - describe @ring and turn it on */
void mock_pci_enable_queue(struct mock_pci *pci, unsigned q, const struct mock_ring *ring);

/** mock_pci_start() - negotiate @features, turn on @count queues, DRIVER_OK; Return: success */
bool mock_pci_start(struct mock_pci *pci, uint64_t features, const struct mock_ring *rings,
		    unsigned count);

/** mock_pci_kick() - notify queue @q, at the address that its queue_notify_off tells */
void mock_pci_kick(struct mock_pci *pci, unsigned q);

/** mock_pci_enable_msix() - with a message 0x40 + vector for each of @nr vectors, none masked */
void mock_pci_enable_msix(struct mock_pci *pci, unsigned nr);

#endif
