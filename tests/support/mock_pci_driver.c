/* SPDX-License-Identifier: MIT */
#include "tests/support/mock_pci_driver.h"
#include "tests/support/must.h"

#include <linux/virtio_config.h>
#include <string.h>

#define BAR_STRIDE 0x10000u

static uint32_t part_read(struct mock_pci *pci, enum pci_host_part part, uint64_t off, unsigned len)
{
	struct device *dev = pci_host_device(pci->host, part);
	uint32_t value = 0;

	dev->ops->read(dev, off, &value, len);
	return value;
}

static void part_write(struct mock_pci *pci, enum pci_host_part part, uint64_t off, unsigned len,
		       uint32_t value)
{
	struct device *dev = pci_host_device(pci->host, part);

	dev->ops->write(dev, off, &value, len);
}

uint32_t mock_pci_config_read(struct mock_pci *pci, unsigned reg, unsigned len)
{
	return part_read(pci, PCI_HOST_ECAM, MOCK_PCI_SLOT << 15 | reg, len);
}

void mock_pci_config_write(struct mock_pci *pci, unsigned reg, unsigned len, uint32_t value)
{
	part_write(pci, PCI_HOST_ECAM, MOCK_PCI_SLOT << 15 | reg, len, value);
}

static void read_capability(struct mock_pci *pci, unsigned at)
{
	unsigned type = mock_pci_config_read(pci, at + VIRTIO_PCI_CAP_CFG_TYPE, 1);
	struct mock_pci_capability *cap = &pci->caps[type];

	must(type >= VIRTIO_PCI_CAP_COMMON_CFG && type <= VIRTIO_PCI_CAP_PCI_CFG && !cap->at);
	cap->at = at;
	cap->cap_len = (uint8_t)mock_pci_config_read(pci, at + VIRTIO_PCI_CAP_LEN, 1);
	cap->bar = (uint8_t)mock_pci_config_read(pci, at + VIRTIO_PCI_CAP_BAR, 1);
	cap->offset = mock_pci_config_read(pci, at + VIRTIO_PCI_CAP_OFFSET, 4);
	cap->length = mock_pci_config_read(pci, at + VIRTIO_PCI_CAP_LENGTH, 4);
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		pci->notify_multiplier =
			mock_pci_config_read(pci, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
}

void mock_pci_probe(struct mock_pci *pci, struct pci_host *host, bool place)
{
	unsigned at;

	memset(pci, 0, sizeof(*pci));
	pci->host = host;
	for (at = mock_pci_config_read(pci, PCI_CAPABILITY_LIST, 1); at;
	     at = mock_pci_config_read(pci, at + PCI_CAP_LIST_NEXT, 1)) {
		unsigned id = mock_pci_config_read(pci, at, 1);

		if (id == PCI_CAP_ID_VNDR)
			read_capability(pci, at);
		else if (id == PCI_CAP_ID_MSIX)
			pci->msix = at;
	}
	for (unsigned i = 0; place && i < ARRAY_SIZE(pci->bars); i++) {
		pci->bars[i] = MOCK_PCI_WINDOW + i * BAR_STRIDE;
		mock_pci_config_write(pci, PCI_BASE_ADDRESS_0 + 4 * i, 4, (uint32_t)pci->bars[i]);
	}
	if (place)
		mock_pci_config_write(pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

uint32_t mock_pci_read(struct mock_pci *pci, unsigned type, uint64_t off, unsigned len)
{
	const struct mock_pci_capability *cap = &pci->caps[type];

	return part_read(pci, PCI_HOST_MMIO,
			 pci->bars[cap->bar] - MOCK_PCI_WINDOW + cap->offset + off, len);
}

void mock_pci_write(struct mock_pci *pci, unsigned type, uint64_t off, unsigned len, uint32_t value)
{
	const struct mock_pci_capability *cap = &pci->caps[type];

	part_write(pci, PCI_HOST_MMIO, pci->bars[cap->bar] - MOCK_PCI_WINDOW + cap->offset + off,
		   len, value);
}

uint32_t mock_pci_common(struct mock_pci *pci, uint64_t off, unsigned len)
{
	return mock_pci_read(pci, VIRTIO_PCI_CAP_COMMON_CFG, off, len);
}

void mock_pci_set_common(struct mock_pci *pci, uint64_t off, unsigned len, uint32_t value)
{
	mock_pci_write(pci, VIRTIO_PCI_CAP_COMMON_CFG, off, len, value);
}

uint32_t mock_pci_window_read(struct mock_pci *pci, uint64_t gpa)
{
	return part_read(pci, PCI_HOST_MMIO, gpa - MOCK_PCI_WINDOW, 4);
}

void mock_pci_window_write(struct mock_pci *pci, uint64_t gpa, uint32_t value)
{
	part_write(pci, PCI_HOST_MMIO, gpa - MOCK_PCI_WINDOW, 4, value);
}

uint64_t mock_pci_offered(struct mock_pci *pci)
{
	uint64_t features = 0;

	for (uint32_t word = 0; word < 2; word++) {
		mock_pci_set_common(pci, VIRTIO_PCI_COMMON_DFSELECT, 4, word);
		features |= (uint64_t)mock_pci_common(pci, VIRTIO_PCI_COMMON_DF, 4) << (32 * word);
	}
	return features;
}

static void add_status(struct mock_pci *pci, uint32_t bits)
{
	uint32_t status = mock_pci_common(pci, VIRTIO_PCI_COMMON_STATUS, 1);

	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_STATUS, 1, status | bits);
}

bool mock_pci_negotiate(struct mock_pci *pci, uint64_t features)
{
	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	add_status(pci, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(pci, VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		mock_pci_set_common(pci, VIRTIO_PCI_COMMON_GFSELECT, 4, word);
		mock_pci_set_common(pci, VIRTIO_PCI_COMMON_GF, 4,
				    (uint32_t)(features >> (32 * word)));
	}
	add_status(pci, VIRTIO_CONFIG_S_FEATURES_OK);
	return mock_pci_common(pci, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_FEATURES_OK;
}

void mock_pci_enable_queue(struct mock_pci *pci, unsigned q, const struct mock_ring *ring)
{
	static const unsigned low[] = { VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
					VIRTIO_PCI_COMMON_Q_USEDLO };

	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_Q_SIZE, 2, ring->size);
	for (unsigned i = 0; i < ARRAY_SIZE(low); i++) {
		mock_pci_set_common(pci, low[i], 4, (uint32_t)ring->areas[i]);
		mock_pci_set_common(pci, low[i] + 4, 4, (uint32_t)(ring->areas[i] >> 32));
	}
	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

bool mock_pci_start(struct mock_pci *pci, uint64_t features, const struct mock_ring *rings,
		    unsigned count)
{
	if (!mock_pci_negotiate(pci, features))
		return false;
	for (unsigned q = 0; q < count; q++)
		mock_pci_enable_queue(pci, q, &rings[q]);
	add_status(pci, VIRTIO_CONFIG_S_DRIVER_OK);
	return !(mock_pci_common(pci, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

void mock_pci_kick(struct mock_pci *pci, unsigned q)
{
	uint32_t off;

	mock_pci_set_common(pci, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
	off = mock_pci_common(pci, VIRTIO_PCI_COMMON_Q_NOFF, 2) * pci->notify_multiplier;
	must(off + 2 <= pci->caps[VIRTIO_PCI_CAP_NOTIFY_CFG].length);
	mock_pci_write(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, off, 2, q);
}

void mock_pci_enable_msix(struct mock_pci *pci, unsigned nr)
{
	uint32_t table = mock_pci_config_read(pci, pci->msix + PCI_MSIX_TABLE, 4);
	uint64_t gpa = pci->bars[table & PCI_MSIX_TABLE_BIR] + (table & PCI_MSIX_TABLE_OFFSET);

	for (unsigned i = 0; i < nr; i++, gpa += PCI_MSIX_ENTRY_SIZE) {
		mock_pci_window_write(pci, gpa + PCI_MSIX_ENTRY_LOWER_ADDR, 0xfee00000);
		mock_pci_window_write(pci, gpa + PCI_MSIX_ENTRY_DATA, 0x40 + i);
		mock_pci_window_write(pci, gpa + PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	}
	mock_pci_config_write(pci, pci->msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}
