/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI with an echoing device behind it: the fuzzer writes and reads configuration space
 * and whatever the base address registers decode, starts good drivers in between, and lets the
 * device complete what it kept.  Rings are the business of virtio_ring_fuzz.  Each step has 12
 * bytes.
 */
#include <string.h>

#include "devices/virtio/pci.h"
#include "tests/support/mock_pci_driver.h"
#include "tests/support/mock_virtio_device.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 8
#define REQUIRED  MOCK_F_VERSION_1
#define VECTORS   (MOCK_DEVICE_QUEUES + 1)

enum {
	CONFIG_READ,
	CONFIG_WRITE,
	ACCESS, /* through configuration space */
	READ,
	WRITE,
	WRITE_COMMON,
	START,
	REQUEST,
	KICK,
	KEEP,
	COMPLETE,
	CONFIG_CHANGE,
	MSIX,
	RESET,
	NR_ACTIONS,
};

struct step {
	uint8_t action, index;
	uint16_t off;
	uint32_t low, high;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[MOCK_DEVICE_QUEUES];
	struct mock_virtio_device device;
	struct virtio_pci *transport;
	struct pci_host *host;
	struct mock_pci pci;
	bool line;
	uint64_t free; /* memory behind rings */
};

static void set_line(void *ctx, bool level)
{
	struct machine *m = ctx;

	must(level != m->line);
	m->line = level;
}

static void send_message(void *ctx, unsigned vector, const struct msi_message *message)
{
	(void)ctx;
	(void)message;
	must(vector < VECTORS);
}

static void make_rings(struct machine *m, uint64_t features)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++)
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, features);
}

/* A driver that places the registers itself, wherever they were. */
static void start(struct machine *m, uint64_t choice)
{
	uint64_t features = REQUIRED | (choice & (MOCK_F_PACKED | MOCK_F_EVENT_IDX |
						  MOCK_F_INDIRECT | MOCK_F_RING_RESET));

	mock_pci_probe(&m->pci, m->host, true);
	mock_pci_set_common(&m->pci, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	make_rings(m, features);
	must(mock_pci_start(&m->pci, features, m->rings, MOCK_DEVICE_QUEUES));
}

static void request(struct machine *m, const struct step *step)
{
	struct mock_ring *ring = &m->rings[step->index % MOCK_DEVICE_QUEUES];
	const struct mock_buffer buffers[] = {
		{ m->free + step->off % 4096, 1 + step->low % 100, false },
		{ m->free + 8192 + step->high % 4096, 1 + step->high % 200, true },
	};

	(void)mock_ring_add(ring, buffers, 2);
}

/* By any width, at any place of a base address register as the good driver had them. */
static void access_any(struct machine *m, const struct step *step, bool write)
{
	struct device *dev = pci_host_device(m->host, PCI_HOST_MMIO);
	uint64_t off = m->pci.bars[step->index >> 7] - MOCK_PCI_WINDOW +
		       (step->index & 4 ? step->off % 0x40 : step->off % VIRTIO_PCI_BAR_LEN);
	uint64_t value = (uint64_t)step->high << 32 | step->low;
	unsigned len = 1u << step->index % 4;
	uint8_t buf[8 + 1];

	if (write) {
		dev->ops->write(dev, off, &value, len);
		return;
	}
	memset(buf, 0x5a, sizeof(buf));
	dev->ops->read(dev, off, buf, len);
	must(buf[len] == 0x5a);
}

static void access_by_configuration(struct machine *m, const struct step *step)
{
	unsigned at = m->pci.caps[VIRTIO_PCI_CAP_PCI_CFG].at;

	mock_pci_config_write(&m->pci, at + VIRTIO_PCI_CAP_BAR, 1, step->index >> 4);
	mock_pci_config_write(&m->pci, at + VIRTIO_PCI_CAP_OFFSET, 4,
			      step->index & 8 ? step->high : step->off % VIRTIO_PCI_BAR_LEN);
	mock_pci_config_write(&m->pci, at + VIRTIO_PCI_CAP_LENGTH, 4, 1u << (step->index & 3));
	if (step->index & 4)
		(void)mock_pci_config_read(&m->pci, at + sizeof(struct virtio_pci_cap), 4);
	else
		mock_pci_config_write(&m->pci, at + sizeof(struct virtio_pci_cap), 4, step->low);
}

static void run_step(struct machine *m, const struct step *step)
{
	unsigned len = 1u << step->index % 3;

	switch (step->action % NR_ACTIONS) {
	case CONFIG_READ: (void)mock_pci_config_read(&m->pci, step->off % 0x110, len); break;
	case CONFIG_WRITE: mock_pci_config_write(&m->pci, step->off % 0x110, len, step->low); break;
	case ACCESS: access_by_configuration(m, step); break;
	case READ: access_any(m, step, false); break;
	case WRITE: access_any(m, step, true); break;
	case WRITE_COMMON: mock_pci_set_common(&m->pci, step->off % 0x40, len, step->low); break;
	case START: start(m, (uint64_t)step->high << 32 | step->low); break;
	case REQUEST: request(m, step); break;
	case KICK:
		mock_pci_write(&m->pci, VIRTIO_PCI_CAP_NOTIFY_CFG,
			       step->index % MOCK_DEVICE_QUEUES * 4u, 2, 0);
		break;
	case KEEP: m->device.keep = step->index & 1; break;
	case COMPLETE: mock_virtio_device_complete(&m->device); break;
	case CONFIG_CHANGE:
		(void)pthread_mutex_lock(&m->device.vdev.lock);
		virtio_dev_config_changed(&m->device.vdev);
		(void)pthread_mutex_unlock(&m->device.vdev.lock);
		break;
	case MSIX: mock_pci_enable_msix(&m->pci, VECTORS); break;
	case RESET: pci_host_reset(m->host); break;
	default: break;
	}
	/* The pin has no work while MSI-X is on. */
	if (mock_pci_config_read(&m->pci, m->pci.msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE)
		must(!m->line);
	/* Nothing is taken before DRIVER_OK. */
	must(m->device.nr_kept == 0 || (m->device.vdev.status & VIRTIO_S_DRIVER_OK));
	/* Nor by a function that is no bus master. */
	must(!m->device.vdev.active ||
	     mock_pci_config_read(&m->pci, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
}

/* Whatever was done to it, a good driver finds a good device. */
static void check_good_driver(struct machine *m)
{
	const struct step plain = { .index = 0 };
	uint16_t head;
	uint32_t len;

	m->device.keep = false;
	mock_pci_config_write(&m->pci, m->pci.msix + PCI_MSIX_FLAGS, 2, 0);
	start(m, 0);
	must(!m->line);
	request(m, &plain);
	mock_pci_kick(&m->pci, 0);
	must(mock_ring_collect(&m->rings[0], &head, &len) && len == 1);
	must(m->line && mock_pci_read(&m->pci, VIRTIO_PCI_CAP_ISR_CFG, 0, 1) == 1 && !m->line);
}

static void machine_create(struct machine *m)
{
	struct virtio_dev_config config = { .name = "fuzz", .mem = &m->ram.mem };
	const struct virtio_pci_config transport = { .msi = { .send = send_message, .ctx = m } };
	struct pci_host_config host = { .mmio_base = MOCK_PCI_WINDOW,
					.mmio_size = MOCK_PCI_WINDOW_SIZE,
					.pio_base = 0xc000,
					.pio_size = 0x1000 };

	host.intx[pci_host_intx_line(MOCK_PCI_SLOT, 1)] = (struct irq_line){ set_line, m };
	make_rings(m, 0);
	must(pci_host_create(&host, &m->host) == 0);
	must(mock_virtio_device_init(&m->device, &config) == 0);
	must(virtio_pci_create(&transport, &m->device.vdev, &m->transport) == 0);
	must(pci_host_add(m->host, MOCK_PCI_SLOT, virtio_pci_function(m->transport)) == 0);
	mock_pci_probe(&m->pci, m->host, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	m.free = MOCK_RAM_BASE + MOCK_RAM_SIZE / 2;
	machine_create(&m);
	for (; size >= sizeof(struct step);
	     data += sizeof(struct step), size -= sizeof(struct step)) {
		struct step step;

		memcpy(&step, data, sizeof(step));
		run_step(&m, &step);
	}
	check_good_driver(&m);
	virtio_pci_destroy(m.transport);
	pci_host_destroy(m.host);
	return 0;
}
