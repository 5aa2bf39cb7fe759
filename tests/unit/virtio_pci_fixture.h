/* SPDX-License-Identifier: MIT */
/* The mock device behind virtio over PCI on a host bridge, with a mock driver before it. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_PCI_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_PCI_FIXTURE_H

#include <errno.h>
#include <linux/virtio_config.h>

#include "devices/virtio/pci.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_pci_driver.h"
#include "tests/support/mock_virtio_device.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define FEATURES (MOCK_F_VERSION_1 | MOCK_F_RING_RESET | MOCK_F_INDIRECT)
#define VECTORS  (MOCK_DEVICE_QUEUES + 1)

/* What KVM does with ioeventfds, by hand. */
struct recorded_doorbells {
	struct doorbell there[MOCK_DEVICE_QUEUES];
	unsigned count, adds;
	int result;
};

struct fixture {
	struct mock_ram ram;
	struct mock_ring rings[MOCK_DEVICE_QUEUES];
	struct mock_virtio_device device;
	struct virtio_pci *transport;
	struct pci_host *host;
	struct recorded_irq irqs[PCI_NR_INTX];
	struct recorded_irq *intx; /* of the device */
	struct mock_pci pci;
	unsigned sent[VECTORS];
	struct recorded_doorbells doorbells;
};

static inline void count_message(void *ctx, unsigned vector, const struct msi_message *message)
{
	struct fixture *f = ctx;

	assert_int_equal(message->data, 0x40 + vector);
	f->sent[vector]++;
}

static inline int record_add(void *ctx, const struct doorbell *doorbell)
{
	struct recorded_doorbells *doorbells = ctx;

	doorbells->adds++;
	if (doorbells->result == 0)
		doorbells->there[doorbells->count++] = *doorbell;
	return doorbells->result;
}

static inline void record_remove(void *ctx, const struct doorbell *doorbell)
{
	struct recorded_doorbells *doorbells = ctx;
	unsigned i = 0;

	while (i < doorbells->count && doorbells->there[i].addr != doorbell->addr)
		i++;
	assert_true(i < doorbells->count);
	assert_int_equal(doorbells->there[i].eventfd, doorbell->eventfd);
	doorbells->there[i] = doorbells->there[--doorbells->count];
}

static const struct doorbell_ops doorbell_ops = { record_add, record_remove };

static inline void setup_with(struct fixture *f, struct loop *loop)
{
	struct virtio_dev_config config = { .name = "mock0", .loop = loop };
	struct virtio_pci_config transport = { .msi = { .send = count_message, .ctx = f },
					       .doorbell = { &doorbell_ops, &f->doorbells } };
	struct pci_host_config host = { .mmio_base = MOCK_PCI_WINDOW,
					.mmio_size = MOCK_PCI_WINDOW_SIZE,
					.pio_base = 0xc000,
					.pio_size = 0x1000 };

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	config.mem = &f->ram.mem;
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		host.intx[i] = recorded_irq_line(&f->irqs[i]);
	f->intx = &f->irqs[pci_host_intx_line(MOCK_PCI_SLOT, 1)];
	assert_int_equal(pci_host_create(&host, &f->host), 0);
	assert_int_equal(mock_virtio_device_init(&f->device, &config), 0);
	assert_int_equal(virtio_pci_nr_vectors(&f->device.vdev), VECTORS);
	assert_int_equal(virtio_pci_create(&transport, &f->device.vdev, &f->transport), 0);
	assert_int_equal(pci_host_add(f->host, MOCK_PCI_SLOT, virtio_pci_function(f->transport)),
			 0);
	mock_pci_probe(&f->pci, f->host, true);
}

static inline void setup(struct fixture *f)
{
	setup_with(f, NULL);
}

static inline void teardown(struct fixture *f)
{
	virtio_pci_destroy(f->transport);
	virtio_pci_destroy(NULL);
	assert_int_equal(f->device.destroyed, 1);
	assert_int_equal(f->doorbells.count, 0);
	pci_host_destroy(f->host);
	mock_ram_deinit(&f->ram);
}

static inline void start_driver(struct fixture *f, uint64_t features)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, 8, features);
	assert_true(mock_pci_start(&f->pci, features, f->rings, MOCK_DEVICE_QUEUES));
}

static inline int offer(struct fixture *f, unsigned q)
{
	const struct mock_buffer buffers[] = { mock_buffer(&f->ram, 16, false, 0x77),
					       mock_buffer(&f->ram, 32, true, 0) };
	int head = mock_ring_add(&f->rings[q], buffers, 2);

	assert_true(head >= 0);
	return head;
}

static inline bool echoed(struct fixture *f, unsigned q, int head)
{
	uint16_t used;
	uint32_t len;

	return mock_ring_collect(&f->rings[q], &used, &len) && used == head && len == 16;
}

static inline void expect_echo(struct fixture *f, unsigned q)
{
	int head = offer(f, q);

	mock_pci_kick(&f->pci, q);
	assert_true(echoed(f, q, head));
}

static inline uint32_t read_isr(struct fixture *f)
{
	return mock_pci_read(&f->pci, VIRTIO_PCI_CAP_ISR_CFG, 0, 1);
}

static inline uint32_t status_of(struct fixture *f)
{
	return mock_pci_common(&f->pci, VIRTIO_PCI_COMMON_STATUS, 1);
}

static inline void select_queue(struct fixture *f, unsigned q)
{
	mock_pci_set_common(&f->pci, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
}

#endif
