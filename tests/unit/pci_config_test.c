/* SPDX-License-Identifier: MIT */
/* A function's configuration space by itself: masks, capabilities, edges. */
#include <errno.h>

#include "tests/unit/pci_fixture.h"

static void fresh(struct pci_config *config)
{
	pci_config_init(config, &test_identity, PCI_CFG_SPACE_EXP_SIZE);
}

static uint64_t guest_read(const struct pci_config *config, uint64_t off, unsigned len)
{
	uint64_t value = 0;

	pci_config_read(config, off, &value, len);
	return value;
}

static void guest_write(struct pci_config *config, uint64_t off, unsigned len, uint64_t value)
{
	pci_config_write(config, off, &value, len);
}

static void header_says_who_it_is(void **state)
{
	struct pci_config config;

	(void)state;
	fresh(&config);
	assert_int_equal(guest_read(&config, 0x00, 4), 0x10441af4);
	assert_int_equal(guest_read(&config, 0x08, 4), 0xff010201);
	assert_int_equal(guest_read(&config, 0x0e, 1), 0);
	assert_int_equal(guest_read(&config, 0x2c, 4), 0x11001af4);
	assert_int_equal(guest_read(&config, 0x3d, 1), 1);
	/* No capabilities yet, and the status says so. */
	assert_int_equal(guest_read(&config, 0x34, 1), 0);
	assert_int_equal(guest_read(&config, 0x06, 2), 0);
}

static void only_what_is_writable_changes(void **state)
{
	struct pci_config before, after;

	(void)state;
	fresh(&before);
	fresh(&after);
	for (unsigned off = 0; off < PCI_CFG_SPACE_EXP_SIZE; off += 4)
		guest_write(&after, off, 4, 0xffffffff);
	assert_int_equal(guest_read(&after, 0x04, 2), 0x0404); /* Bus Master, INTx Disable */
	assert_int_equal(guest_read(&after, 0x0c, 1), 0xff);   /* Cache Line Size */
	assert_int_equal(guest_read(&after, 0x3c, 1), 0xff);   /* Interrupt Line */
	guest_write(&after, 0x04, 2, 0);
	guest_write(&after, 0x0c, 1, 0);
	guest_write(&after, 0x3c, 1, 0);
	assert_memory_equal(after.bytes, before.bytes, sizeof(before.bytes));
}

static void ones_clear_what_is_rw1c(void **state)
{
	struct pci_config config;

	(void)state;
	fresh(&config);
	pci_config_set(&config, 0x06, 2, 0xf900);
	guest_write(&config, 0x06, 2, 0);
	assert_int_equal(guest_read(&config, 0x06, 2), 0xf900);
	guest_write(&config, 0x07, 1, 0x21);
	assert_int_equal(guest_read(&config, 0x06, 2), 0xd800);
	guest_write(&config, 0x06, 2, 0xffff);
	assert_int_equal(guest_read(&config, 0x06, 2), 0);
}

static void every_width_and_offset_is_safe(void **state)
{
	struct pci_config config;

	(void)state;
	fresh(&config);
	assert_int_equal(guest_read(&config, 0x02, 4), 0x00001044);
	assert_int_equal(guest_read(&config, 0x01, 2), 0x441a);
	assert_int_equal(guest_read(&config, 0x00, 8), 0x10441af4);
	/* Over the end: what is there, then ones. */
	assert_int_equal(guest_read(&config, 4094, 4), 0xffff0000);
	assert_int_equal(guest_read(&config, 4096, 4), 0xffffffff);
	assert_int_equal(guest_read(&config, UINT64_MAX, 8), UINT64_MAX);
	assert_int_equal(guest_read(&config, UINT64_MAX - 3, 4), 0xffffffff);
	guest_write(&config, 4094, 8, UINT64_MAX);
	guest_write(&config, UINT64_MAX, 8, UINT64_MAX);
}

static void conventional_function_has_256_bytes(void **state)
{
	struct pci_config config;

	(void)state;
	pci_config_init(&config, &test_identity, PCI_CFG_SPACE_SIZE);
	assert_int_equal(guest_read(&config, 0xfc, 4), 0);
	assert_int_equal(guest_read(&config, 0x100, 4), 0xffffffff);
}

static void capabilities_form_a_list(void **state)
{
	static const uint8_t odd[3] = { 1, 2, 3 }, large[14] = { 9 };
	static const uint8_t ids[] = { PCI_CAP_ID_VNDR, PCI_CAP_ID_MSIX, PCI_CAP_ID_VNDR };
	struct pci_config config;
	unsigned offs[3], found = 0;
	uint64_t at;

	(void)state;
	fresh(&config);
	assert_int_equal(pci_config_add_capability(&config, ids[0], odd, 3, &offs[0]), 0);
	assert_int_equal(pci_config_add_capability(&config, ids[1], large, 14, &offs[1]), 0);
	assert_int_equal(pci_config_add_capability(&config, ids[2], odd, 3, &offs[2]), 0);
	pci_config_allow(&config, offs[0] + 2, 2, 0xff0f);
	assert_int_equal(guest_read(&config, 0x06, 2), PCI_STATUS_CAP_LIST);
	for (at = guest_read(&config, 0x34, 1); at; at = guest_read(&config, at + 1, 1)) {
		assert_in_range(found, 0, 2);
		assert_int_equal(at, offs[found]);
		assert_int_equal(at % 4, 0);
		assert_int_equal(guest_read(&config, at, 1), ids[found]);
		found++;
	}
	assert_int_equal(found, 3);
	/* Two bytes of the first were made writable, in part. */
	guest_write(&config, offs[0], 4, 0xffffffff);
	guest_write(&config, offs[0] + 4, 1, 0xff);
	assert_int_equal(guest_read(&config, offs[0] + 2, 2), 0xff0f);
	assert_int_equal(guest_read(&config, offs[0] + 4, 1), 3);
	assert_int_equal(guest_read(&config, offs[0], 2), (offs[1] << 8) | PCI_CAP_ID_VNDR);
}

static void capabilities_stay_in_256_bytes(void **state)
{
	static const uint8_t body[62] = { 0 };
	struct pci_config config;
	unsigned off = 0;

	(void)state;
	fresh(&config);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			pci_config_add_capability(&config, PCI_CAP_ID_VNDR, body, 62, &off), 0);
	assert_int_equal(off, 0xc0);
	off = 7;
	assert_int_equal(pci_config_add_capability(&config, PCI_CAP_ID_VNDR, body, 0, &off),
			 -ENOSPC);
	assert_int_equal(off, 7);
	assert_int_equal(guest_read(&config, 0xc1, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_says_who_it_is),
		cmocka_unit_test(only_what_is_writable_changes),
		cmocka_unit_test(ones_clear_what_is_rw1c),
		cmocka_unit_test(every_width_and_offset_is_safe),
		cmocka_unit_test(conventional_function_has_256_bytes),
		cmocka_unit_test(capabilities_form_a_list),
		cmocka_unit_test(capabilities_stay_in_256_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
