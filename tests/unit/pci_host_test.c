/* SPDX-License-Identifier: MIT */
/*
 * The ways into configuration space, interrupt pins, and that two bridges do not know each other.
 */
#include <errno.h>

#include "tests/unit/pci_fixture.h"

enum { COMMAND = 4, STATUS = 6, INTX_DISABLE = 0x400, INTERRUPT_STATUS = 0x08 };
enum { ADDRESS = 0, DATA = 4 };

#define ENABLE       0x80000000u
#define BRIDGE_IDS   0x00081b36u
#define TEST_IDS     0x10441af4u
#define SLOT_ADDR(s) (ENABLE | (uint32_t)(s) << 11)
#define ECAM_SLOT(s) ((uint64_t)(s) << 15)

static void add_function(struct test_bridge *bridge, struct pci_function *fn, unsigned slot)
{
	pci_function_init(fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_EXP_SIZE);
	assert_int_equal(pci_host_add(bridge->host, slot, fn), 0);
}

static void bridge_destroy(struct test_bridge *bridge)
{
	pci_host_destroy(bridge->host);
	pci_host_destroy(NULL);
}

static uint64_t port_read(struct test_bridge *bridge, uint64_t off, unsigned len)
{
	return part_read(bridge, PCI_HOST_PORTS, off, len);
}

static void port_write(struct test_bridge *bridge, uint64_t off, unsigned len, uint64_t value)
{
	part_write(bridge, PCI_HOST_PORTS, off, len, value);
}

static void ports_reach_every_slot(void **state)
{
	struct test_bridge bridge;
	struct pci_function fn;

	(void)state;
	bridge_create(&bridge);
	add_function(&bridge, &fn, 31);
	/* Nothing is selected after power-on. */
	assert_int_equal(port_read(&bridge, ADDRESS, 4), 0);
	assert_int_equal(port_read(&bridge, DATA, 4), 0xffffffff);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(0));
	assert_int_equal(port_read(&bridge, DATA, 4), BRIDGE_IDS);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(31));
	assert_int_equal(port_read(&bridge, DATA, 4), TEST_IDS);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(30));
	assert_int_equal(port_read(&bridge, DATA, 4), 0xffffffff);
	/* Another function, another bus, not enabled. */
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(31) | 1 << 8);
	assert_int_equal(port_read(&bridge, DATA, 4), 0xffffffff);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(31) | 1 << 16);
	assert_int_equal(port_read(&bridge, DATA, 4), 0xffffffff);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(31) & ~ENABLE);
	assert_int_equal(port_read(&bridge, DATA, 4), 0xffffffff);
	pci_function_deinit(&fn);
	bridge_destroy(&bridge);
}

static void data_port_takes_every_width(void **state)
{
	struct test_bridge bridge;

	(void)state;
	bridge_create(&bridge);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(0));
	assert_int_equal(port_read(&bridge, DATA, 1), 0x36);
	assert_int_equal(port_read(&bridge, DATA + 1, 1), 0x1b);
	assert_int_equal(port_read(&bridge, DATA + 2, 2), 0x0008);
	assert_int_equal(port_read(&bridge, DATA + 1, 2), 0x081b);
	assert_int_equal(port_read(&bridge, DATA + 3, 1), 0x00);
	/* Interrupt Line is the first byte of register 0x3c; the rest of it is read-only. */
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(0) | 0x3c);
	port_write(&bridge, DATA, 1, 0x5a);
	port_write(&bridge, DATA + 1, 2, 0xffff);
	assert_int_equal(port_read(&bridge, DATA, 4), 0x5a);
	bridge_destroy(&bridge);
}

static void address_port_takes_whole_registers_only(void **state)
{
	struct test_bridge bridge;

	(void)state;
	bridge_create(&bridge);
	port_write(&bridge, ADDRESS, 4, 0xffffffff);
	assert_int_equal(port_read(&bridge, ADDRESS, 4), 0x80fffffc);
	/* How Linux finds out that the mechanism is there. */
	port_write(&bridge, 3, 1, 0x01);
	port_write(&bridge, ADDRESS, 2, 0);
	port_write(&bridge, ADDRESS, 1, 0);
	assert_int_equal(port_read(&bridge, ADDRESS, 4), 0x80fffffc);
	assert_int_equal(port_read(&bridge, ADDRESS, 1), 0xff);
	assert_int_equal(port_read(&bridge, 2, 2), 0xffff);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(0));
	/* What straddles both registers reaches those of its bytes that are data. */
	assert_int_equal(port_read(&bridge, 1, 4), 0x36ffffff);
	assert_int_equal(port_read(&bridge, 3, 4), 0x081b36ff);
	assert_int_equal(port_read(&bridge, ADDRESS, 8), (uint64_t)BRIDGE_IDS << 32 | 0xffffffff);
	assert_int_equal(port_read(&bridge, 6, 4), 0xffff0008);
	assert_int_equal(port_read(&bridge, 8, 4), 0xffffffff);
	assert_int_equal(port_read(&bridge, UINT64_MAX, 4), 0xffffffff);
	port_write(&bridge, UINT64_MAX, 4, 0);
	bridge_destroy(&bridge);
}

static void ecam_has_every_function_at_its_place(void **state)
{
	struct test_bridge bridge;
	struct pci_function fn;

	(void)state;
	bridge_create(&bridge);
	add_function(&bridge, &fn, 31);
	assert_int_equal(cfg_read(&bridge, 0, 0, 4), BRIDGE_IDS);
	assert_int_equal(cfg_read(&bridge, 31, 0, 8), 0x00000000ull | TEST_IDS);
	assert_int_equal(cfg_read(&bridge, 31, 0x100, 4), 0);
	assert_int_equal(cfg_read(&bridge, 30, 0, 4), 0xffffffff);
	/* Function 1 of a slot with one. */
	assert_int_equal(part_read(&bridge, PCI_HOST_ECAM, ECAM_SLOT(31) + 0x1000, 4), 0xffffffff);
	/* The end of a function, and of all. */
	assert_int_equal(part_read(&bridge, PCI_HOST_ECAM, ECAM_SLOT(31) + 0xffe, 4), 0xffff0000);
	assert_int_equal(cfg_read(&bridge, 0, 0x100, 4), 0xffffffff);
	assert_int_equal(part_read(&bridge, PCI_HOST_ECAM, PCI_ECAM_SIZE - 1, 4), 0xffffffff);
	assert_int_equal(part_read(&bridge, PCI_HOST_ECAM, UINT64_MAX - 1, 8), UINT64_MAX);
	part_write(&bridge, PCI_HOST_ECAM, PCI_ECAM_SIZE - 1, 8, 0);
	part_write(&bridge, PCI_HOST_ECAM, UINT64_MAX, 8, 0);
	part_write(&bridge, PCI_HOST_ECAM, ECAM_SLOT(30), 8, 0);
	/* Both ways lead to the same register. */
	cfg_write(&bridge, 31, 0x3c, 1, 0x77);
	port_write(&bridge, ADDRESS, 4, SLOT_ADDR(31) | 0x3c);
	assert_int_equal(port_read(&bridge, DATA, 1), 0x77);
	pci_function_deinit(&fn);
	bridge_destroy(&bridge);
}

static void slots_are_checked(void **state)
{
	struct test_bridge bridge;
	struct pci_function fn;

	(void)state;
	bridge_create(&bridge);
	pci_function_init(&fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_SIZE);
	assert_int_equal(pci_host_add(bridge.host, 0, &fn), -EEXIST);
	assert_int_equal(pci_host_add(bridge.host, 32, &fn), -EINVAL);
	assert_int_equal(pci_host_add(bridge.host, 1, &fn), 0);
	assert_int_equal(pci_host_add(bridge.host, 1, &fn), -EEXIST);
	pci_function_deinit(&fn);
	bridge_destroy(&bridge);
}

static void interrupt_pin_follows_device_and_command(void **state)
{
	struct test_bridge bridge;
	struct recorded_irq *irq;
	struct pci_function fn;

	(void)state;
	bridge_create(&bridge);
	add_function(&bridge, &fn, 5);
	irq = &bridge.irqs[pci_host_intx_line(5, 1)];
	pci_function_set_intx(&fn, true);
	pci_function_set_intx(&fn, true);
	assert_true(irq->level);
	assert_int_equal(irq->calls, 1);
	assert_int_equal(cfg_read(&bridge, 5, STATUS, 1), INTERRUPT_STATUS);
	cfg_write(&bridge, 5, COMMAND, 2, INTX_DISABLE);
	assert_false(irq->level);
	/* The status is that of the device, whatever the command says (6.2.3). */
	assert_int_equal(cfg_read(&bridge, 5, COMMAND, 4), INTERRUPT_STATUS << 16 | INTX_DISABLE);
	cfg_write(&bridge, 5, COMMAND, 2, 0);
	assert_true(irq->level);
	pci_function_set_intx(&fn, false);
	assert_false(irq->level);
	assert_int_equal(cfg_read(&bridge, 5, STATUS, 1), 0);
	pci_function_deinit(&fn);
	bridge_destroy(&bridge);
}

static void interrupt_line_is_shared(void **state)
{
	struct pci_function one, other;
	struct test_bridge bridge;
	struct recorded_irq *irq;

	(void)state;
	bridge_create(&bridge);
	add_function(&bridge, &one, 2);
	add_function(&bridge, &other, 2 + PCI_NR_INTX);
	irq = &bridge.irqs[pci_host_intx_line(2, 1)];
	assert_ptr_equal(irq, &bridge.irqs[pci_host_intx_line(2 + PCI_NR_INTX, 1)]);
	pci_function_set_intx(&one, true);
	pci_function_set_intx(&other, true);
	pci_function_set_intx(&one, false);
	assert_true(irq->level);
	pci_function_set_intx(&other, false);
	assert_false(irq->level);
	assert_int_equal(irq->calls, 2);
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		if (&bridge.irqs[i] != irq)
			assert_int_equal(bridge.irqs[i].calls, 0);
	pci_function_deinit(&one);
	pci_function_deinit(&other);
	bridge_destroy(&bridge);
}

/* As pci.asl computes it. */
static void pins_are_wired_as_acpi_says(void **state)
{
	(void)state;
	assert_int_equal(pci_host_intx_line(0, 1), 0);
	assert_int_equal(pci_host_intx_line(1, 1), 1);
	assert_int_equal(pci_host_intx_line(1, 4), 4);
	assert_int_equal(pci_host_intx_line(7, 2), 0);
	assert_int_equal(pci_host_intx_line(31, 4), 2);
}

struct watch_log {
	struct pci_function *fn;
	unsigned reads, writes;
	uint64_t off;
};

static void log_read(void *ctx, uint64_t off, unsigned len)
{
	struct watch_log *log = ctx;

	(void)len;
	log->reads++;
	log->off = off;
	pci_config_set(&log->fn->config, 0x50, 4, 0x12345678);
}

static void log_write(void *ctx, uint64_t off, unsigned len)
{
	struct watch_log *log = ctx;

	(void)len;
	log->writes++;
	log->off = off;
}

static void watches_see_what_touches_them(void **state)
{
	struct test_bridge bridge;
	struct pci_function fn;
	struct watch_log log = { .fn = &fn };
	const struct pci_watch watch = { 0x50, 4, log_read, log_write, &log };

	(void)state;
	bridge_create(&bridge);
	pci_function_init(&fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_EXP_SIZE);
	assert_int_equal(pci_function_add_watch(&fn, &watch), 0);
	assert_int_equal(pci_host_add(bridge.host, 1, &fn), 0);
	assert_int_equal(cfg_read(&bridge, 1, 0x52, 1), 0x34);
	assert_int_equal(log.reads, 1);
	assert_int_equal(log.off, 0x52);
	assert_int_equal(cfg_read(&bridge, 1, 0x4e, 4), 0x56780000);
	(void)cfg_read(&bridge, 1, 0x4c, 4);
	(void)cfg_read(&bridge, 1, 0x54, 4);
	assert_int_equal(log.reads, 2);
	cfg_write(&bridge, 1, 0x4f, 2, 0);
	cfg_write(&bridge, 1, 0x54, 4, 0);
	assert_int_equal(log.writes, 1);
	assert_int_equal(log.off, 0x4f);
	for (unsigned i = 1; i < PCI_MAX_WATCHES; i++)
		assert_int_equal(pci_function_add_watch(&fn, &watch), 0);
	assert_int_equal(pci_function_add_watch(&fn, &watch), -ENOSPC);
	pci_function_deinit(&fn);
	bridge_destroy(&bridge);
}

static void two_bridges_work_in_one_process(void **state)
{
	struct test_bridge one, other;
	struct pci_function fn;

	(void)state;
	bridge_create(&one);
	bridge_create(&other);
	add_function(&one, &fn, 4);
	port_write(&one, ADDRESS, 4, SLOT_ADDR(4));
	assert_int_equal(port_read(&other, ADDRESS, 4), 0);
	assert_int_equal(port_read(&one, DATA, 4), TEST_IDS);
	assert_int_equal(cfg_read(&other, 4, 0, 4), 0xffffffff);
	pci_function_set_intx(&fn, true);
	assert_int_equal(other.irqs[pci_host_intx_line(4, 1)].calls, 0);
	pci_function_deinit(&fn);
	bridge_destroy(&one);
	assert_int_equal(cfg_read(&other, 0, 0, 4), BRIDGE_IDS);
	bridge_destroy(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_reach_every_slot),
		cmocka_unit_test(data_port_takes_every_width),
		cmocka_unit_test(address_port_takes_whole_registers_only),
		cmocka_unit_test(ecam_has_every_function_at_its_place),
		cmocka_unit_test(slots_are_checked),
		cmocka_unit_test(interrupt_pin_follows_device_and_command),
		cmocka_unit_test(interrupt_line_is_shared),
		cmocka_unit_test(pins_are_wired_as_acpi_says),
		cmocka_unit_test(watches_see_what_touches_them),
		cmocka_unit_test(two_bridges_work_in_one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
