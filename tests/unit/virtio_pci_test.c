/* SPDX-License-Identifier: MIT */
/* The registers of virtio over PCI, found as a driver finds them; its interrupts and doorbells. */
#include <sys/eventfd.h>

#include "tests/unit/virtio_pci_fixture.h"

#include "tests/unit/loop_fixture.h"

static void function_identifies_itself(void **state)
{
	const struct mock_pci_capability *caps;
	struct fixture f;

	(void)state;
	setup(&f);
	caps = f.pci.caps;
	assert_int_equal(mock_pci_config_read(&f.pci, PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(mock_pci_config_read(&f.pci, PCI_DEVICE_ID, 2), 0x1040 + MOCK_DEVICE_ID);
	assert_int_equal(mock_pci_config_read(&f.pci, PCI_REVISION_ID, 1), 1);
	assert_true(mock_pci_config_read(&f.pci, PCI_SUBSYSTEM_ID, 2) >= 0x40);
	assert_int_equal(mock_pci_config_read(&f.pci, PCI_INTERRUPT_PIN, 1), 1);
	for (unsigned type = VIRTIO_PCI_CAP_COMMON_CFG; type <= VIRTIO_PCI_CAP_PCI_CFG; type++)
		assert_true(caps[type].at != 0);
	assert_int_equal(caps[VIRTIO_PCI_CAP_COMMON_CFG].length, MOCK_PCI_QUEUE_RESET + 2);
	assert_int_equal(caps[VIRTIO_PCI_CAP_COMMON_CFG].cap_len, 16);
	assert_int_equal(caps[VIRTIO_PCI_CAP_NOTIFY_CFG].cap_len, 20);
	assert_int_equal(caps[VIRTIO_PCI_CAP_PCI_CFG].cap_len, 20);
	assert_int_equal(caps[VIRTIO_PCI_CAP_DEVICE_CFG].length, MOCK_DEVICE_CONFIG_LEN);
	assert_true(caps[VIRTIO_PCI_CAP_ISR_CFG].length >= 1);
	assert_true(f.pci.notify_multiplier > 0);
	assert_int_equal(caps[VIRTIO_PCI_CAP_NOTIFY_CFG].length,
			 f.pci.notify_multiplier * MOCK_DEVICE_QUEUES);
	assert_int_equal(mock_pci_config_read(&f.pci, f.pci.msix + PCI_MSIX_FLAGS, 2) &
				 PCI_MSIX_FLAGS_QSIZE,
			 VECTORS - 1);
	assert_true(found_nothing());
	teardown(&f);
}

static void negotiation_and_queues(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(mock_pci_offered(&f.pci) & (FEATURES | MOCK_F_PACKED | MOCK_F_EVENT_IDX),
			 FEATURES | MOCK_F_PACKED | MOCK_F_EVENT_IDX);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_NUMQ, 2), MOCK_DEVICE_QUEUES);
	assert_true(mock_pci_negotiate(&f.pci, FEATURES));
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_GF, 4), FEATURES >> 32);
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++) {
		select_queue(&f, q);
		assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_SIZE, 2),
				 MOCK_DEVICE_QUEUE_SIZE);
		assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_NOFF, 2), q);
	}
	/* One that is not there has size 0. */
	select_queue(&f, MOCK_DEVICE_QUEUES);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_MSIX, 2),
			 VIRTIO_MSI_NO_VECTOR);
	start_driver(&f, FEATURES);
	select_queue(&f, 1);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	for (unsigned i = 0; i < 3; i++) {
		unsigned off = VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i;

		assert_int_equal(mock_pci_common(&f.pci, off, 4), f.rings[1].areas[i]);
		assert_int_equal(mock_pci_common(&f.pci, off + 4, 4), 0);
	}
	assert_true(found_nothing());
	/* The driver of a device that is reset finds it as new. */
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(status_of(&f), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_SIZE, 2),
			 MOCK_DEVICE_QUEUE_SIZE);
	teardown(&f);
}

static void intx_is_asserted_until_isr_is_read(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	start_driver(&f, FEATURES);
	expect_echo(&f, 0);
	assert_true(f.intx->level);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SENT], 1);
	assert_true(mock_pci_config_read(&f.pci, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	expect_echo(&f, 1);
	assert_int_equal(recorded.irqs[TRACE_IRQ_COALESCED], 1);
	virtio_dev_config_changed(&f.device.vdev);
	assert_int_equal(f.intx->rises, 1);
	assert_int_equal(read_isr(&f), VIRTIO_PCI_ISR_CONFIG | 1);
	assert_false(f.intx->level);
	assert_int_equal(read_isr(&f), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_CFGGENERATION, 1), 1);
	/* MSI-X on: the pin goes, and what was pending is the driver's to find. */
	expect_echo(&f, 0);
	assert_true(f.intx->level);
	mock_pci_enable_msix(&f.pci, VECTORS);
	assert_false(f.intx->level);
	mock_pci_config_write(&f.pci, f.pci.msix + PCI_MSIX_FLAGS, 2, 0);
	assert_true(f.intx->level);
	/* A reset clears it. */
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_false(f.intx->level);
	assert_true(found_nothing());
	teardown(&f);
}

static void set_vector(struct fixture *f, unsigned q, uint32_t vector, uint32_t expected)
{
	select_queue(f, q);
	mock_pci_set_common(&f->pci, VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
	assert_int_equal(mock_pci_common(&f->pci, VIRTIO_PCI_COMMON_Q_MSIX, 2), expected);
}

static void msix_has_a_vector_for_each(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	mock_pci_enable_msix(&f.pci, VECTORS);
	start_driver(&f, FEATURES);
	/* None was chosen yet. */
	expect_echo(&f, 0);
	assert_int_equal(recorded.irqs[TRACE_IRQ_MASKED], 1);
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_MSIX, 2), 0);
	set_vector(&f, 0, 1, 1);
	set_vector(&f, 1, 2, 2);
	set_vector(&f, 2, 1, VIRTIO_MSI_NO_VECTOR);
	expect_echo(&f, 0);
	expect_echo(&f, 1);
	expect_echo(&f, 1);
	virtio_dev_config_changed(&f.device.vdev);
	assert_int_equal(f.sent[0], 1);
	assert_int_equal(f.sent[1], 1);
	assert_int_equal(f.sent[2], 2);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SENT], 4);
	assert_int_equal(read_isr(&f), 0);
	assert_int_equal(f.intx->rises, 0);
	/* Vectors may be shared; one that is not there is none. */
	set_vector(&f, 0, 2, 2);
	expect_echo(&f, 0);
	assert_int_equal(f.sent[2], 3);
	set_vector(&f, 0, VECTORS, VIRTIO_MSI_NO_VECTOR);
	set_vector(&f, 0, 0xfffe, VIRTIO_MSI_NO_VECTOR);
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_MSIX, 2, VECTORS);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	expect_echo(&f, 0);
	virtio_dev_config_changed(&f.device.vdev);
	assert_int_equal(f.sent[0] + f.sent[1] + f.sent[2], 5);
	/* Masked: it waits. */
	mock_pci_config_write(&f.pci, f.pci.msix + PCI_MSIX_FLAGS, 2,
			      PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	recorded.irqs[TRACE_IRQ_MASKED] = 0;
	expect_echo(&f, 1);
	assert_int_equal(f.sent[2], 3);
	assert_int_equal(recorded.irqs[TRACE_IRQ_MASKED], 1);
	mock_pci_config_write(&f.pci, f.pci.msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(f.sent[2], 4);
	/* A reset takes the vectors away. */
	start_driver(&f, FEATURES);
	select_queue(&f, 1);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_MSIX, 2),
			 VIRTIO_MSI_NO_VECTOR);
	assert_true(found_nothing());
	teardown(&f);
}

static void queue_can_be_reset_and_enabled_again(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	mock_pci_enable_msix(&f.pci, VECTORS);
	start_driver(&f, FEATURES);
	set_vector(&f, 1, 2, 2);
	mock_pci_set_common(&f.pci, MOCK_PCI_QUEUE_RESET, 2, 1);
	assert_int_equal(mock_pci_common(&f.pci, MOCK_PCI_QUEUE_RESET, 2), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_MSIX, 2),
			 VIRTIO_MSI_NO_VECTOR);
	expect_echo(&f, 0);
	mock_ring_init(&f.rings[1], &f.ram, 4, FEATURES);
	mock_pci_enable_queue(&f.pci, 1, &f.rings[1]);
	set_vector(&f, 1, 2, 2);
	expect_echo(&f, 1);
	assert_int_equal(f.sent[2], 1);
	assert_true(found_nothing());
	/* Of one that is off, or not there; anything but 1 means nothing. */
	select_queue(&f, 1);
	mock_pci_set_common(&f.pci, MOCK_PCI_QUEUE_RESET, 2, 0);
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	select_queue(&f, 9);
	mock_pci_set_common(&f.pci, MOCK_PCI_QUEUE_RESET, 2, 1);
	assert_true(found_only("queue-select"));
	/* No way off but a reset. */
	select_queue(&f, 0);
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	assert_true(found_only("queue-enable"));
	assert_int_equal(mock_pci_common(&f.pci, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	teardown(&f);
}

/* The width of each register at its offset; 0: none begins there. */
static unsigned width_of(unsigned off)
{
	if (off < VIRTIO_PCI_COMMON_MSIX || (off >= VIRTIO_PCI_COMMON_Q_DESCLO && off < 0x38))
		return off % 4 ? 0 : 4;
	if (off == VIRTIO_PCI_COMMON_STATUS || off == VIRTIO_PCI_COMMON_CFGGENERATION)
		return 1;
	return off % 2 || off == 0x38 || off >= MOCK_PCI_QUEUE_RESET + 2 ? 0 : 2;
}

static void refuses_what_registers_are_not_for(void **state)
{
	struct pci_function *fn;
	struct device *dev;
	struct fixture f;
	uint8_t bytes[8] = { 0 };

	(void)state;
	setup(&f);
	start_driver(&f, FEATURES);
	fn = virtio_pci_function(f.transport);
	dev = fn->bars[f.pci.caps[VIRTIO_PCI_CAP_COMMON_CFG].bar].dev;
	for (unsigned off = 0; off < 0x100; off++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			if (len == width_of(off))
				continue;
			assert_true(reads_as_ones(dev, off, len));
			assert_true(width_of(off) ? found_only("register-width")
						  : found_only("register-access"));
			dev->ops->write(dev, off, bytes, len);
			assert_true(width_of(off) ? found_only("register-width")
						  : found_only("register-access"));
		}
	}
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_NUMQ, 2, 7);
	assert_true(found_only("register-access"));
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_DF, 4, 7);
	assert_true(found_only("register-access"));
	mock_pci_write(&f.pci, VIRTIO_PCI_CAP_ISR_CFG, 0, 1, 7);
	assert_true(found_only("register-access"));
	assert_int_equal(mock_pci_read(&f.pci, VIRTIO_PCI_CAP_NOTIFY_CFG, 0, 2), 0xffff);
	(void)found_only("register-width");
	/* Notifications for queues that are not there. */
	mock_pci_write(&f.pci, VIRTIO_PCI_CAP_NOTIFY_CFG, 4 * MOCK_DEVICE_QUEUES, 2, 0);
	assert_true(found_only("notify-queue"));
	mock_pci_write(&f.pci, VIRTIO_PCI_CAP_NOTIFY_CFG, 0xffc, 4, 0);
	assert_true(found_only("notify-queue"));
	mock_pci_write(&f.pci, VIRTIO_PCI_CAP_NOTIFY_CFG, 2, 2, 0);
	assert_true(found_only("register-access"));
	poke_nonsense(dev);
	start_driver(&f, FEATURES);
	recorded.findings = 0;
	expect_echo(&f, 0);
	expect_echo(&f, 1);
	assert_true(found_nothing());
	teardown(&f);
}

static void register_names_are_of_the_offsets(void **state)
{
	const struct device_register *reg;
	unsigned count = 0;
	struct fixture f;

	(void)state;
	setup(&f);
	reg = virtio_pci_function(f.transport)->bars[VIRTIO_PCI_BAR].dev->registers;
	for (; reg->name; reg++, count++) {
		if (count > 0)
			assert_true(reg->off > reg[-1].off);
		assert_true(reg->off >= VIRTIO_PCI_BAR_ISR || width_of((unsigned)reg->off));
	}
	assert_string_equal(reg[-1].name, "notify[1]");
	assert_int_equal(reg[-1].off, VIRTIO_PCI_BAR_NOTIFY + f.pci.notify_multiplier);
	assert_int_equal(count, 22 + MOCK_DEVICE_QUEUES);
	teardown(&f);
}

static void device_configuration_is_of_the_device(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	start_driver(&f, FEATURES);
	assert_int_equal(mock_pci_read(&f.pci, VIRTIO_PCI_CAP_DEVICE_CFG, 4, 4), 0x07060504);
	assert_int_equal(mock_pci_read(&f.pci, VIRTIO_PCI_CAP_DEVICE_CFG, 9, 1), 9);
	assert_int_equal(mock_pci_read(&f.pci, VIRTIO_PCI_CAP_DEVICE_CFG, 12, 4), 0);
	mock_pci_write(&f.pci, VIRTIO_PCI_CAP_DEVICE_CFG, 2, 2, 0x1234);
	assert_int_equal(mock_pci_read(&f.pci, VIRTIO_PCI_CAP_DEVICE_CFG, 2, 2), 0x1234);
	teardown(&f);
}

/* Sets the window of the capability for accesses by configuration space. */
static void aim(struct fixture *f, uint8_t bar, uint32_t offset, uint32_t length)
{
	unsigned at = f->pci.caps[VIRTIO_PCI_CAP_PCI_CFG].at;

	mock_pci_config_write(&f->pci, at + VIRTIO_PCI_CAP_BAR, 1, bar);
	mock_pci_config_write(&f->pci, at + VIRTIO_PCI_CAP_OFFSET, 4, offset);
	mock_pci_config_write(&f->pci, at + VIRTIO_PCI_CAP_LENGTH, 4, length);
}

static void configuration_space_reaches_the_registers(void **state)
{
	struct fixture f;
	unsigned data;

	(void)state;
	setup(&f);
	/* Without any base address register. */
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, 0);
	data = f.pci.caps[VIRTIO_PCI_CAP_PCI_CFG].at + 16;
	/* Nothing is aimed at: a tool that reads it all disturbs nobody. */
	assert_int_equal(mock_pci_config_read(&f.pci, data, 4), 0);
	aim(&f, VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, 2);
	assert_int_equal(mock_pci_config_read(&f.pci, data, 2), MOCK_DEVICE_QUEUES);
	aim(&f, VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_STATUS, 1);
	mock_pci_config_write(&f.pci, data, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(f.device.vdev.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(mock_pci_config_read(&f.pci, data, 1), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	aim(&f, VIRTIO_PCI_BAR, VIRTIO_PCI_BAR_CONFIG + 4, 4);
	assert_int_equal(mock_pci_config_read(&f.pci, data, 4), 0x07060504);
	assert_true(found_nothing());

	static const struct {
		uint8_t bar;
		uint32_t offset, length;
	} nowhere[] = {
		{ VIRTIO_PCI_BAR, 0, 3 },
		{ VIRTIO_PCI_BAR, 0, 8 },
		{ VIRTIO_PCI_BAR, 1, 2 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_BAR_LEN, 4 },
		{ VIRTIO_PCI_BAR, UINT32_MAX - 3, 4 },
		{ 5, 0, 4 },
		{ 6, 0, 4 },
		{ UINT8_MAX, 0, UINT32_MAX },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		aim(&f, nowhere[i].bar, nowhere[i].offset, nowhere[i].length);
		(void)mock_pci_config_read(&f.pci, data, 4);
		assert_true(found_only("pci-access"));
		mock_pci_config_write(&f.pci, data, 4, 0);
		assert_true(found_only("pci-access"));
	}
	assert_int_equal(f.device.vdev.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	/* The table of MSI-X is behind a base address register, too. */
	aim(&f, VIRTIO_PCI_MSIX_BAR, PCI_MSIX_ENTRY_DATA, 4);
	mock_pci_config_write(&f.pci, data, 4, 0x1234);
	assert_int_equal(mock_pci_config_read(&f.pci, data, 4), 0x1234);
	pci_host_reset(f.host);
	assert_int_equal(f.device.vdev.status, 0);
	teardown(&f);
}

static void doorbells_follow_driver_and_address(void **state)
{
	const uint64_t elsewhere = MOCK_PCI_WINDOW + 0x80000;
	uint64_t base;
	struct loop *loop;
	struct fixture f;
	int head;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	setup_with(&f, loop);
	base = f.pci.bars[VIRTIO_PCI_BAR] + VIRTIO_PCI_BAR_NOTIFY;
	assert_int_equal(f.doorbells.count, 0);
	start_driver(&f, FEATURES);
	assert_int_equal(f.doorbells.count, MOCK_DEVICE_QUEUES);
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++) {
		assert_int_equal(f.doorbells.there[q].addr, base + q * f.pci.notify_multiplier);
		assert_int_equal(f.doorbells.there[q].len, 0);
		assert_false(f.doorbells.there[q].has_match);
	}
	loop_turns(loop, 2);
	head = offer(&f, 1);
	assert_int_equal(eventfd_write(f.doorbells.there[1].eventfd, 1), 0);
	loop_turns(loop, 2);
	assert_true(echoed(&f, 1, head));
	assert_string_equal(recorded.last_via, "doorbell");
	/* The guest moves the registers, and turns them off and on. */
	mock_pci_config_write(&f.pci, PCI_BASE_ADDRESS_0 + 4 * VIRTIO_PCI_BAR, 4,
			      (uint32_t)elsewhere);
	assert_int_equal(f.doorbells.count, MOCK_DEVICE_QUEUES);
	assert_int_equal(f.doorbells.there[0].addr, elsewhere + VIRTIO_PCI_BAR_NOTIFY);
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(f.doorbells.count, 0);
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(f.doorbells.count, MOCK_DEVICE_QUEUES);
	f.pci.bars[VIRTIO_PCI_BAR] = elsewhere;
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(f.doorbells.count, 0);
	/* The host has no more of them: exits do. */
	f.doorbells.result = -ENOSPC;
	start_driver(&f, FEATURES);
	head = offer(&f, 0);
	mock_pci_kick(&f.pci, 0);
	loop_turns(loop, 2);
	assert_true(echoed(&f, 0, head));
	assert_string_equal(recorded.last_via, "exit");
	assert_true(found_nothing());
	teardown(&f);
	loop_destroy(loop);
}

/* As with a driver that forgot it, and remembers. */
static void driver_ok_waits_for_bus_mastering(void **state)
{
	struct fixture f;
	int head;

	(void)state;
	setup(&f);
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	start_driver(&f, FEATURES);
	assert_true(found_only("bus-master"));
	head = offer(&f, 0);
	mock_pci_kick(&f.pci, 0);
	assert_false(echoed(&f, 0, head));
	assert_int_equal(recorded.pops, 0);
	assert_int_equal(f.device.activated, 0);
	assert_int_equal(f.doorbells.count, 0);
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(f.device.activated, 1);
	assert_true(echoed(&f, 0, head));
	expect_echo(&f, 1);
	assert_true(found_nothing());
	teardown(&f);
}

/* As at the end of a kernel that starts another one in its place (kexec). */
static void no_bus_master_touches_no_memory(void **state)
{
	struct fixture f;
	int head;

	(void)state;
	setup(&f);
	mock_pci_enable_msix(&f.pci, VECTORS);
	start_driver(&f, FEATURES);
	mock_pci_set_common(&f.pci, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	set_vector(&f, 0, 1, 1);
	f.device.keep = true;
	head = offer(&f, 0);
	mock_pci_kick(&f.pci, 0);
	assert_int_equal(f.device.nr_kept, 1);
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(found_only("bus-master"));
	assert_true(status_of(&f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(f.device.stopped, MOCK_DEVICE_QUEUES);
	assert_int_equal(f.device.resets, 1);
	assert_int_equal(f.doorbells.count, 0);
	mock_virtio_device_complete(&f.device);
	assert_false(echoed(&f, 0, head));
	/* Nor does it send messages, not even the one about the reset. */
	virtio_dev_config_changed(&f.device.vdev);
	assert_int_equal(f.sent[0] + f.sent[1], 0);
	/* There is no way back but a reset. */
	mock_pci_config_write(&f.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(f.device.activated, 1);
	f.device.keep = false;
	start_driver(&f, FEATURES);
	expect_echo(&f, 0);
	assert_true(found_nothing());
	teardown(&f);
}

static void machine_reset_leaves_nothing(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	start_driver(&f, FEATURES);
	expect_echo(&f, 0);
	assert_true(f.intx->level);
	pci_host_reset(f.host);
	assert_false(f.intx->level);
	assert_int_equal(f.device.vdev.status, 0);
	mock_pci_probe(&f.pci, f.host, true);
	start_driver(&f, FEATURES);
	expect_echo(&f, 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(function_identifies_itself),
		cmocka_unit_test(negotiation_and_queues),
		cmocka_unit_test(intx_is_asserted_until_isr_is_read),
		cmocka_unit_test(msix_has_a_vector_for_each),
		cmocka_unit_test(queue_can_be_reset_and_enabled_again),
		cmocka_unit_test(refuses_what_registers_are_not_for),
		cmocka_unit_test(register_names_are_of_the_offsets),
		cmocka_unit_test(device_configuration_is_of_the_device),
		cmocka_unit_test(configuration_space_reaches_the_registers),
		cmocka_unit_test(doorbells_follow_driver_and_address),
		cmocka_unit_test(driver_ok_waits_for_bus_mastering),
		cmocka_unit_test(no_bus_master_touches_no_memory),
		cmocka_unit_test(machine_reset_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
