/* SPDX-License-Identifier: MIT */
/* MSI-X as a driver and a device use it: masks, pending bits, and what the sender is told. */
#include <errno.h>

#include "devices/pci/msix.h"
#include "tests/unit/pci_fixture.h"

enum { SLOT = 1, NR_VECTORS = 40, BAR_GPA = 0xd0000000, PBA = 0x1000, CAPABILITY = 0x40 };
enum { ENABLE = 0x8000, MASK_ALL = 0x4000 };

struct recorded_sender {
	unsigned sends, last_vector, changes;
	struct msi_message last;
	bool deliverable[NR_VECTORS];
	uint64_t pending; /* a bit a vector */
};

static void record_send(void *ctx, unsigned vector, const struct msi_message *message)
{
	struct recorded_sender *sender = ctx;

	sender->sends++;
	sender->last_vector = vector;
	sender->last = *message;
}

static void record_change(void *ctx, unsigned vector, const struct msi_message *message)
{
	struct recorded_sender *sender = ctx;

	sender->changes++;
	sender->deliverable[vector] = message != NULL;
	if (message)
		sender->last = *message;
}

static bool recorded_pending(void *ctx, unsigned vector)
{
	struct recorded_sender *sender = ctx;

	return sender->pending >> vector & 1;
}

struct machine {
	struct test_bridge bridge;
	struct pci_function fn;
	struct recorded_sender sender;
	struct msix *msix;
};

static void machine_create(struct machine *machine)
{
	struct msi_sender sender = { record_send, record_change, recorded_pending,
				     &machine->sender };

	memset(machine, 0, sizeof(*machine));
	bridge_create(&machine->bridge);
	pci_function_init(&machine->fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_EXP_SIZE);
	assert_int_equal(msix_create(&machine->fn, 4, NR_VECTORS, &sender, &machine->msix), 0);
	assert_int_equal(pci_host_add(machine->bridge.host, SLOT, &machine->fn), 0);
	cfg_write(&machine->bridge, SLOT, 0x20, 4, BAR_GPA);
	cfg_write(&machine->bridge, SLOT, 0x04, 2, 2);
}

static void machine_destroy(struct machine *machine)
{
	pci_host_destroy(machine->bridge.host);
	msix_destroy(machine->msix);
	msix_destroy(NULL);
	pci_function_deinit(&machine->fn);
}

static void control(struct machine *machine, uint16_t value)
{
	cfg_write(&machine->bridge, SLOT, CAPABILITY + 2, 2, value);
}

static void table_write(struct machine *machine, unsigned vector, unsigned reg, unsigned len,
			uint64_t value)
{
	mmio_write(&machine->bridge, BAR_GPA + vector * 16 + reg, len, value);
}

static uint64_t table_read(struct machine *machine, unsigned vector, unsigned reg, unsigned len)
{
	return mmio_read(&machine->bridge, BAR_GPA + vector * 16 + reg, len);
}

static uint64_t pba_read(struct machine *machine, unsigned off, unsigned len)
{
	return mmio_read(&machine->bridge, BAR_GPA + PBA + off, len);
}

static void set_message(struct machine *machine, unsigned vector, uint64_t address, uint32_t data)
{
	table_write(machine, vector, 0, 4, (uint32_t)address);
	table_write(machine, vector, 4, 4, address >> 32);
	table_write(machine, vector, 8, 4, data);
}

static void unmask(struct machine *machine, unsigned vector)
{
	table_write(machine, vector, 12, 4, 0);
}

static void mask(struct machine *machine, unsigned vector)
{
	table_write(machine, vector, 12, 4, 1);
}

static void capability_describes_table_and_pba(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, 0x34, 1), CAPABILITY);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY, 1), PCI_CAP_ID_MSIX);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY + 2, 2), NR_VECTORS - 1);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY + 4, 4), 4);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY + 8, 4), PBA | 4);
	/* Only the two control bits can be changed. */
	for (unsigned off = 0; off < 12; off++)
		cfg_write(&machine.bridge, SLOT, CAPABILITY + off, 1, 0xff);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY + 2, 2),
			 ENABLE | MASK_ALL | (NR_VECTORS - 1));
	assert_int_equal(cfg_read(&machine.bridge, SLOT, CAPABILITY + 8, 4), PBA | 4);
	machine_destroy(&machine);
}

static void masks_are_set_after_power_on(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		assert_int_equal(table_read(&machine, i, 12, 4), 1);
	control(&machine, ENABLE);
	msix_notify(machine.msix, 0);
	assert_int_equal(machine.sender.sends, 0);
	assert_int_equal(machine.sender.changes, 0);
	machine_destroy(&machine);
}

static void message_is_sent_as_written(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	set_message(&machine, 3, 0x1fee01003ull, 0x4041);
	unmask(&machine, 3);
	msix_notify(machine.msix, 3);
	assert_int_equal(machine.sender.sends, 0);
	assert_false(msix_is_enabled(machine.msix));
	control(&machine, ENABLE);
	assert_true(msix_is_enabled(machine.msix));
	assert_true(machine.sender.deliverable[3]);
	msix_notify(machine.msix, 3);
	assert_int_equal(machine.sender.sends, 1);
	assert_int_equal(machine.sender.last_vector, 3);
	/* The two low bits of an address are always 0. */
	assert_int_equal(machine.sender.last.address, 0x1fee01000ull);
	assert_int_equal(machine.sender.last.data, 0x4041);
	msix_notify(machine.msix, NR_VECTORS);
	msix_notify(machine.msix, UINT32_MAX);
	assert_int_equal(machine.sender.sends, 1);
	machine_destroy(&machine);
}

static void masked_vector_waits_and_is_sent_once(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	control(&machine, ENABLE);
	set_message(&machine, 33, 0xfee00000, 7);
	msix_notify(machine.msix, 33);
	msix_notify(machine.msix, 33);
	assert_int_equal(machine.sender.sends, 0);
	assert_int_equal(pba_read(&machine, 0, 8), 1ull << 33);
	assert_int_equal(pba_read(&machine, 4, 4), 2);
	assert_int_equal(pba_read(&machine, 4, 1), 2);
	unmask(&machine, 33);
	assert_int_equal(machine.sender.sends, 1);
	assert_int_equal(machine.sender.last.data, 7);
	assert_int_equal(pba_read(&machine, 0, 8), 0);
	mask(&machine, 33);
	unmask(&machine, 33);
	assert_int_equal(machine.sender.sends, 1);
	machine_destroy(&machine);
}

static void function_mask_covers_all_vectors(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	for (unsigned i = 0; i < 2; i++) {
		set_message(&machine, i, 0xfee00000, i);
		unmask(&machine, i);
	}
	control(&machine, ENABLE | MASK_ALL);
	assert_int_equal(machine.sender.changes, 0);
	msix_notify(machine.msix, 0);
	msix_notify(machine.msix, 1);
	msix_notify(machine.msix, 2);
	assert_int_equal(pba_read(&machine, 0, 4), 7);
	control(&machine, ENABLE);
	assert_int_equal(machine.sender.sends, 2);
	assert_int_equal(pba_read(&machine, 0, 4), 4);
	assert_true(machine.sender.deliverable[0] && machine.sender.deliverable[1]);
	assert_false(machine.sender.deliverable[2]);
	control(&machine, MASK_ALL);
	assert_false(machine.sender.deliverable[0] || machine.sender.deliverable[1]);
	machine_destroy(&machine);
}

static void sender_is_told_changes_and_nothing_else(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	control(&machine, ENABLE);
	set_message(&machine, 0, 0xfee00000, 1);
	assert_int_equal(machine.sender.changes, 0);
	unmask(&machine, 0);
	unmask(&machine, 0);
	control(&machine, ENABLE);
	assert_int_equal(machine.sender.changes, 1);
	/* A new message without a mask is unwise, but must not go to the old place. */
	table_write(&machine, 0, 8, 4, 2);
	assert_int_equal(machine.sender.changes, 2);
	assert_int_equal(machine.sender.last.data, 2);
	table_write(&machine, 0, 8, 4, 2);
	assert_int_equal(machine.sender.changes, 2);
	mask(&machine, 0);
	set_message(&machine, 0, 0xfee01000, 3);
	assert_int_equal(machine.sender.changes, 3);
	assert_false(machine.sender.deliverable[0]);
	/* Data and mask in one access. */
	table_write(&machine, 0, 8, 8, 4);
	assert_int_equal(machine.sender.changes, 4);
	assert_int_equal(machine.sender.last.data, 4);
	assert_int_equal(machine.sender.last.address, 0xfee01000);
	machine_destroy(&machine);
}

static void pending_at_the_receiver_is_shown(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	control(&machine, ENABLE);
	machine.sender.pending = 0x3;
	assert_int_equal(pba_read(&machine, 0, 4), 3);
	/* What can be delivered is on its way, not pending. */
	unmask(&machine, 0);
	assert_int_equal(pba_read(&machine, 0, 4), 2);
	assert_int_equal(machine.sender.sends, 0);
	machine_destroy(&machine);
}

static void odd_accesses_do_no_harm(void **state)
{
	struct machine machine;
	uint8_t table[NR_VECTORS * 16];

	(void)state;
	machine_create(&machine);
	control(&machine, ENABLE);
	for (unsigned i = 0; i < sizeof(table); i++)
		table[i] = (uint8_t)mmio_read(&machine.bridge, BAR_GPA + i, 1);
	table_write(&machine, 0, 0, 1, 0xff);
	table_write(&machine, 0, 0, 2, 0xffff);
	table_write(&machine, 0, 2, 4, UINT32_MAX);
	table_write(&machine, 0, 4, 8, UINT64_MAX);
	table_write(&machine, 0, 12, 8, UINT64_MAX);
	/* Behind the table, the pending bits, the end. */
	table_write(&machine, NR_VECTORS, 0, 8, UINT64_MAX);
	mmio_write(&machine.bridge, BAR_GPA + PBA, 8, UINT64_MAX);
	mmio_write(&machine.bridge, BAR_GPA + 0x1ff8, 8, UINT64_MAX);
	for (unsigned i = 0; i < sizeof(table); i++)
		assert_int_equal(mmio_read(&machine.bridge, BAR_GPA + i, 1), table[i]);
	assert_int_equal(table_read(&machine, 1, 10, 4), 1 << 16);
	assert_int_equal(table_read(&machine, NR_VECTORS, 0, 8), 0);
	assert_int_equal(pba_read(&machine, 8, 8), 0);
	assert_int_equal(mmio_read(&machine.bridge, BAR_GPA + 0x1fff, 1), 0);
	machine_destroy(&machine);
}

static void reset_masks_and_forgets(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	control(&machine, ENABLE);
	set_message(&machine, 0, 0xfee00000, 1);
	unmask(&machine, 0);
	msix_notify(machine.msix, 1);
	pci_host_reset(machine.bridge.host);
	assert_false(msix_is_enabled(machine.msix));
	assert_false(machine.sender.deliverable[0]);
	cfg_write(&machine.bridge, SLOT, 0x20, 4, BAR_GPA);
	cfg_write(&machine.bridge, SLOT, 0x04, 2, 2);
	assert_int_equal(table_read(&machine, 0, 8, 8), 1ull << 32);
	assert_int_equal(pba_read(&machine, 0, 4), 0);
	machine_destroy(&machine);
}

static void sizes_are_checked(void **state)
{
	const struct msi_sender sender = { .send = record_send };
	struct msix *msix = NULL;
	struct pci_function fn;

	(void)state;
	pci_function_init(&fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_SIZE);
	assert_int_equal(msix_create(&fn, 0, 0, &sender, &msix), -EINVAL);
	assert_int_equal(msix_create(&fn, 0, 2049, &sender, &msix), -EINVAL);
	assert_int_equal(msix_create(&fn, 6, 1, &sender, &msix), -EINVAL);
	assert_null(msix);
	assert_int_equal(msix_create(&fn, 0, 2048, &sender, &msix), 0);
	assert_int_equal(pci_config_get(&fn.config, CAPABILITY + 8, 4), 0x8000);
	assert_int_equal(fn.bars[0].size, KIB(64));
	msix_destroy(msix);
	pci_function_deinit(&fn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capability_describes_table_and_pba),
		cmocka_unit_test(masks_are_set_after_power_on),
		cmocka_unit_test(message_is_sent_as_written),
		cmocka_unit_test(masked_vector_waits_and_is_sent_once),
		cmocka_unit_test(function_mask_covers_all_vectors),
		cmocka_unit_test(sender_is_told_changes_and_nothing_else),
		cmocka_unit_test(pending_at_the_receiver_is_shown),
		cmocka_unit_test(odd_accesses_do_no_harm),
		cmocka_unit_test(reset_masks_and_forgets),
		cmocka_unit_test(sizes_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
