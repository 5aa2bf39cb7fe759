/* SPDX-License-Identifier: MIT */
/* Base address registers, seen from the guest: sizing, moving, and where they must not get to. */
#include <errno.h>

#include "tests/unit/pci_fixture.h"
#include "vmm/bus.h"

enum { SLOT = 3, BAR0 = 0x10, BAR1 = 0x14, BAR2 = 0x18, BAR3 = 0x1c, COMMAND = 4 };
enum { IO_ON = 1, MEMORY_ON = 2 };

struct moves {
	struct pci_function fn;
	unsigned calls, bar;
	bool mapped;
	uint64_t base;
};

static void record_move(struct pci_function *fn, unsigned bar, bool mapped, uint64_t base)
{
	struct moves *moves = container_of(fn, struct moves, fn);

	moves->calls++;
	moves->bar = bar;
	moves->mapped = mapped;
	moves->base = base;
}

static const struct pci_function_ops moves_ops = { .bar_moved = record_move };

/* BAR 0: 4 KiB of memory; 1: 32 ports; 2 and 3: 1 MiB of memory, 64 bits. */
struct machine {
	struct test_bridge bridge;
	struct moves moves;
	struct recorded_bar memory, io, memory64;
};

static void machine_create(struct machine *machine)
{
	struct pci_function *fn = &machine->moves.fn;

	memset(machine, 0, sizeof(*machine));
	bridge_create(&machine->bridge);
	machine->memory = recorded_bar("memory", 0x11);
	machine->io = recorded_bar("io", 0x22);
	machine->memory64 = recorded_bar("memory64", 0x33);
	pci_function_init(fn, &moves_ops, "test0", &test_identity, PCI_CFG_SPACE_EXP_SIZE);
	assert_int_equal(pci_function_set_bar(fn, 0, PCI_BAR_MEMORY32, 4096, &machine->memory.dev),
			 0);
	assert_int_equal(pci_function_set_bar(fn, 1, PCI_BAR_IO, 32, &machine->io.dev), 0);
	assert_int_equal(
		pci_function_set_bar(fn, 2, PCI_BAR_MEMORY64, MIB(1), &machine->memory64.dev), 0);
	assert_int_equal(pci_host_add(machine->bridge.host, SLOT, fn), 0);
}

static void machine_destroy(struct machine *machine)
{
	pci_host_destroy(machine->bridge.host);
	pci_function_deinit(&machine->moves.fn);
}

static uint64_t size_of_bar(struct machine *machine, unsigned reg)
{
	uint64_t value;

	cfg_write(&machine->bridge, SLOT, reg, 4, 0xffffffff);
	value = cfg_read(&machine->bridge, SLOT, reg, 4);
	cfg_write(&machine->bridge, SLOT, reg, 4, 0);
	return value;
}

static void each_kind_answers_sizing(void **state)
{
	struct machine machine;

	(void)state;
	machine_create(&machine);
	assert_int_equal(size_of_bar(&machine, BAR0), 0xfffff000);
	assert_int_equal(size_of_bar(&machine, BAR1), 0xffffffe1);
	assert_int_equal(size_of_bar(&machine, BAR2), 0xfff00004);
	assert_int_equal(size_of_bar(&machine, BAR3), 0xffffffff);
	assert_int_equal(size_of_bar(&machine, 0x20), 0);
	assert_int_equal(size_of_bar(&machine, 0x24), 0);
	assert_int_equal(size_of_bar(&machine, 0x30), 0); /* no expansion ROM */
	assert_int_equal(cfg_read(&machine.bridge, SLOT, BAR1, 4), 1);
	assert_int_equal(cfg_read(&machine.bridge, SLOT, BAR2, 4), 4);
	machine_destroy(&machine);
}

static void declarations_are_checked(void **state)
{
	struct recorded_bar bar = recorded_bar("bar", 0);
	struct pci_function fn;

	(void)state;
	pci_function_init(&fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_SIZE);
	assert_int_equal(pci_function_set_bar(&fn, 6, PCI_BAR_IO, 32, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 5, PCI_BAR_MEMORY64, 4096, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_IO, 512, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_IO, 2, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_MEMORY32, 8, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_MEMORY32, 4095, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_MEMORY32, GIB(4), &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_MEMORY32, 0, &bar.dev), -EINVAL);
	assert_int_equal(pci_function_set_bar(&fn, 1, PCI_BAR_MEMORY64, GIB(8), &bar.dev), 0);
	assert_int_equal(pci_function_set_bar(&fn, 2, PCI_BAR_IO, 32, &bar.dev), -EEXIST);
	assert_int_equal(pci_function_set_bar(&fn, 0, PCI_BAR_MEMORY64, 4096, &bar.dev), -EEXIST);
	pci_function_deinit(&fn);
}

static void bars_decode_where_and_when_told(void **state)
{
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, BAR0, 4, 0xd0001abc);
	cfg_write(bridge, SLOT, BAR1, 4, 0xc100);
	assert_int_equal(mmio_read(bridge, 0xd0001000, 4), 0xffffffff);
	assert_int_equal(machine.moves.calls, 0);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON);
	assert_int_equal(mmio_read(bridge, 0xd0001ffc, 4), 0x11111111);
	assert_int_equal(machine.memory.off, 0xffc);
	assert_int_equal(machine.moves.bar, 0);
	assert_int_equal(machine.moves.base, 0xd0001000);
	assert_true(machine.moves.mapped);
	assert_int_equal(part_read(bridge, PCI_HOST_PIO, 0x100, 1), 0xff);
	cfg_write(bridge, SLOT, COMMAND, 1, IO_ON);
	assert_int_equal(mmio_read(bridge, 0xd0001000, 4), 0xffffffff);
	assert_int_equal(part_read(bridge, PCI_HOST_PIO, 0x11f, 1), 0x22);
	assert_int_equal(machine.io.off, 0x1f);
	/* Over the end of a register's range nobody answers. */
	assert_int_equal(part_read(bridge, PCI_HOST_PIO, 0x11f, 2), 0xffff);
	machine_destroy(&machine);
}

static void bar_moves_while_it_decodes(void **state)
{
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON);
	cfg_write(bridge, SLOT, BAR0, 4, 0xd0000000);
	cfg_write(bridge, SLOT, BAR0 + 2, 1, 0x10);
	assert_int_equal(mmio_read(bridge, 0xd0000000, 1), 0xff);
	assert_int_equal(mmio_read(bridge, 0xd0100000, 1), 0x11);
	assert_int_equal(machine.moves.calls, 2);
	/* The same address again is no move. */
	cfg_write(bridge, SLOT, BAR0, 4, 0xd0100000);
	assert_int_equal(machine.moves.calls, 2);
	mmio_write(bridge, 0xd0100010, 2, 0xbeef);
	assert_int_equal(machine.memory.writes, 1);
	assert_int_equal(machine.memory.value, 0xbeef);
	machine_destroy(&machine);
}

static void wide_bar_uses_both_registers(void **state)
{
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON);
	cfg_write(bridge, SLOT, BAR2, 8, 0xd0200000);
	assert_int_equal(mmio_read(bridge, 0xd02ffff8, 8), 0x3333333333333333);
	cfg_write(bridge, SLOT, BAR3, 4, 1);
	assert_int_equal(mmio_read(bridge, 0xd02ffff8, 8), UINT64_MAX);
	assert_false(machine.moves.mapped);
	machine_destroy(&machine);
}

/* RAM, APICs and configuration space are outside of the window, and so is what wraps around. */
static void hostile_places_are_not_decoded(void **state)
{
	static const uint32_t places[] = { 0,          0x1000,     0x7fff0000,
					   0xc0000000, 0xcffff000, 0xe0000000,
					   0xfec00000, 0xfee00000, 0xfffff000 };
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON | IO_ON);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		cfg_write(bridge, SLOT, BAR0, 4, places[i]);
		cfg_write(bridge, SLOT, BAR2, 8, UINT64_MAX - places[i]);
		assert_int_equal(machine.moves.calls, 0);
	}
	cfg_write(bridge, SLOT, BAR1, 4, 0xcf8);
	cfg_write(bridge, SLOT, BAR1, 4, 0x1c000);
	assert_int_equal(machine.moves.calls, 0);
	/* The last place inside. */
	cfg_write(bridge, SLOT, BAR0, 4, 0xdffff000);
	assert_int_equal(machine.moves.calls, 1);
	assert_int_equal(mmio_read(bridge, 0xdffffffc, 4), 0x11111111);
	machine_destroy(&machine);
}

static void overlapping_bars_harm_nobody_for_good(void **state)
{
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON);
	cfg_write(bridge, SLOT, BAR2, 8, 0xd0200000);
	cfg_write(bridge, SLOT, BAR0, 4, 0xd0201000);
	assert_int_equal(mmio_read(bridge, 0xd0201000, 1), 0x33);
	cfg_write(bridge, SLOT, BAR2, 8, 0xd0300000);
	assert_int_equal(mmio_read(bridge, 0xd0201000, 1), 0x11);
	assert_int_equal(mmio_read(bridge, 0xd0301000, 1), 0x33);
	cfg_write(bridge, SLOT, COMMAND, 2, 0);
	assert_int_equal(mmio_read(bridge, 0xd0201000, 1), 0xff);
	assert_int_equal(mmio_read(bridge, 0xd0301000, 1), 0xff);
	machine_destroy(&machine);
}

static void bus_names_the_device_behind_the_window(void **state)
{
	struct machine machine;
	struct bus bus = { .space = TRACE_SPACE_MMIO };
	struct device *window;
	uint32_t value = 5;

	(void)state;
	machine_create(&machine);
	window = pci_host_device(machine.bridge.host, PCI_HOST_MMIO);
	assert_int_equal(bus_add(&bus, MMIO_BASE, MMIO_SIZE, window), 0);
	cfg_write(&machine.bridge, SLOT, COMMAND, 2, MEMORY_ON);
	cfg_write(&machine.bridge, SLOT, BAR0, 4, 0xd0001000);
	assert_ptr_equal(bus_read(&bus, 0xd0001004, &value, 4), &machine.memory.dev);
	assert_int_equal(value, 0x11111111);
	assert_int_equal(machine.memory.off, 4);
	assert_ptr_equal(bus_write(&bus, 0xd0001008, &value, 4), &machine.memory.dev);
	assert_int_equal(machine.memory.off, 8);
	assert_null(bus_read(&bus, 0xd0002000, &value, 4));
	assert_int_equal(value, 0xffffffff);
	assert_null(bus_write(&bus, 0xd0002000, &value, 4));
	machine_destroy(&machine);
}

static void reset_takes_everything_back(void **state)
{
	struct machine machine;
	struct test_bridge *bridge = &machine.bridge;

	(void)state;
	machine_create(&machine);
	cfg_write(bridge, SLOT, BAR0, 4, 0xd0001000);
	cfg_write(bridge, SLOT, COMMAND, 2, MEMORY_ON);
	pci_host_reset(bridge->host);
	assert_int_equal(cfg_read(bridge, SLOT, COMMAND, 2), 0);
	assert_int_equal(cfg_read(bridge, SLOT, BAR0, 4), 0);
	assert_int_equal(mmio_read(bridge, 0xd0001000, 1), 0xff);
	assert_false(machine.moves.mapped);
	assert_int_equal(machine.memory.resets, 1);
	assert_int_equal(machine.io.resets, 1);
	machine_destroy(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_answers_sizing),
		cmocka_unit_test(declarations_are_checked),
		cmocka_unit_test(bars_decode_where_and_when_told),
		cmocka_unit_test(bar_moves_while_it_decodes),
		cmocka_unit_test(wide_bar_uses_both_registers),
		cmocka_unit_test(hostile_places_are_not_decoded),
		cmocka_unit_test(overlapping_bars_harm_nobody_for_good),
		cmocka_unit_test(bus_names_the_device_behind_the_window),
		cmocka_unit_test(reset_takes_everything_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
