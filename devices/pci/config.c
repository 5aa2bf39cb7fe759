/* SPDX-License-Identifier: MIT */
/* Configuration space as bytes with masks.  Host bridge's lock; owns nothing. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci/config.h"

#define CAPABILITY_HEAD  2u /* ID and next pointer */
#define CAPABILITY_ALIGN 4u /* 6.7: the pointer's two low bits are 0 */

/* Errors that a bus would report; a guest may clear them though they are never set (6.2.3). */
#define STATUS_ERRORS                                                                              \
	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |           \
	 PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

void pci_config_init(struct pci_config *config, const struct pci_identity *identity, unsigned size)
{
	assert(size == PCI_CFG_SPACE_SIZE || size == PCI_CFG_SPACE_EXP_SIZE);
	*config = (struct pci_config){ .size = size, .end = PCI_STD_HEADER_SIZEOF };
	pci_config_set(config, PCI_VENDOR_ID, 2, identity->vendor);
	pci_config_set(config, PCI_DEVICE_ID, 2, identity->device);
	pci_config_set(config, PCI_CLASS_REVISION, 4,
		       identity->class_code << 8 | identity->revision);
	pci_config_set(config, PCI_SUBSYSTEM_VENDOR_ID, 2, identity->subsystem_vendor);
	pci_config_set(config, PCI_SUBSYSTEM_ID, 2, identity->subsystem);
	pci_config_set(config, PCI_INTERRUPT_PIN, 1, identity->interrupt_pin);
	pci_config_allow(config, PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	pci_config_allow(config, PCI_CACHE_LINE_SIZE, 1, 0xff);
	pci_config_allow(config, PCI_INTERRUPT_LINE, 1, 0xff);
	config->clearable[PCI_STATUS] = STATUS_ERRORS & 0xff;
	config->clearable[PCI_STATUS + 1] = STATUS_ERRORS >> 8;
}

void pci_config_allow(struct pci_config *config, unsigned off, unsigned len, uint64_t mask)
{
	assert(len <= sizeof(mask) && range_within(off, len, 0, config->size));
	for (unsigned i = 0; i < len; i++)
		config->writable[off + i] |= (uint8_t)(mask >> (8 * i));
}

int pci_config_add_capability(struct pci_config *config, uint8_t id, const void *body, unsigned len,
			      unsigned *ret_off)
{
	unsigned off = (unsigned)ALIGN_UP(config->end, CAPABILITY_ALIGN);

	if (!range_within(off, CAPABILITY_HEAD + (uint64_t)len, 0, PCI_CFG_SPACE_SIZE))
		return -ENOSPC;
	config->bytes[off] = id;
	memcpy(&config->bytes[off + CAPABILITY_HEAD], body, len);
	if (config->last_capability)
		config->bytes[config->last_capability + PCI_CAP_LIST_NEXT] = (uint8_t)off;
	else
		config->bytes[PCI_CAPABILITY_LIST] = (uint8_t)off;
	config->bytes[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	config->last_capability = off;
	config->end = off + CAPABILITY_HEAD + len;
	*ret_off = off;
	return 0;
}

void pci_config_read(const struct pci_config *config, uint64_t off, void *buf, unsigned len)
{
	uint64_t there = off < config->size ? MIN(len, config->size - off) : 0;

	memset(buf, 0xff, len);
	memcpy(buf, config->bytes + (there ? off : 0), there);
}

void pci_config_write(struct pci_config *config, uint64_t off, const void *buf, unsigned len)
{
	uint64_t there = off < config->size ? MIN(len, config->size - off) : 0;
	const uint8_t *values = buf;

	for (uint64_t i = 0; i < there; i++) {
		uint8_t *byte = &config->bytes[off + i], writable = config->writable[off + i];

		*byte = (uint8_t)((*byte & ~writable) | (values[i] & writable));
		*byte &= (uint8_t) ~(values[i] & config->clearable[off + i]);
	}
}

uint64_t pci_config_get(const struct pci_config *config, unsigned off, unsigned len)
{
	uint64_t value = 0;

	assert(len <= sizeof(value) && range_within(off, len, 0, config->size));
	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)config->bytes[off + i] << (8 * i);
	return value;
}

void pci_config_set(struct pci_config *config, unsigned off, unsigned len, uint64_t value)
{
	assert(len <= sizeof(value) && range_within(off, len, 0, config->size));
	for (unsigned i = 0; i < len; i++)
		config->bytes[off + i] = (uint8_t)(value >> (8 * i));
}
