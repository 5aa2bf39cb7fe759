/* SPDX-License-Identifier: MIT */
#include "tests/unit/cmocka_all.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/e820.h"

static uint8_t nowhere; /* the map never looks into the memory */

struct expected {
	uint64_t start, end;
	uint32_t type;
};

static void expect_map(const struct e820_map *map, const struct expected *expected, unsigned nr)
{
	assert_int_equal(map->nr_entries, nr);
	for (unsigned i = 0; i < nr; i++) {
		assert_int_equal(map->entries[i].addr, expected[i].start);
		assert_int_equal(map->entries[i].addr + map->entries[i].size, expected[i].end);
		assert_int_equal(map->entries[i].type, expected[i].type);
	}
}

static void one_region(void **state)
{
	static const struct expected expected[] = {
		{ 0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0xa0000, E820_RESERVED },
		{ 0xe0000, 0x100000, E820_RESERVED },
		{ 0x100000, MIB(512), E820_RAM },
	};
	struct guest_mem mem = { 0 };
	struct e820_map map;

	(void)state;
	assert_int_equal(guest_mem_add_region(&mem, 0, MIB(512), &nowhere), 0);
	e820_build(&mem, 0, 0, &map);
	expect_map(&map, expected, ARRAY_SIZE(expected));
}

static void above_4g_and_ecam(void **state)
{
	static const struct expected expected[] = {
		{ 0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0xa0000, E820_RESERVED },
		{ 0xe0000, 0x100000, E820_RESERVED },
		{ 0x100000, GIB(3), E820_RAM },
		{ 0xe0000000, 0xf0000000, E820_RESERVED },
		{ GIB(4), GIB(6), E820_RAM },
	};
	struct guest_mem mem = { 0 };
	struct e820_map map;

	(void)state;
	assert_int_equal(guest_mem_add_region(&mem, GIB(4), GIB(2), &nowhere), 0);
	assert_int_equal(guest_mem_add_region(&mem, 0, GIB(3), &nowhere), 0);
	e820_build(&mem, 0xe0000000, MIB(256), &map);
	expect_map(&map, expected, ARRAY_SIZE(expected));
}

static void as_many_regions_as_there_may_be(void **state)
{
	struct guest_mem mem = { 0 };
	struct e820_map map;

	(void)state;
	for (unsigned i = 0; i < GUEST_MEM_MAX_REGIONS; i++)
		assert_int_equal(guest_mem_add_region(&mem, i * MIB(16), MIB(8), &nowhere), 0);
	e820_build(&mem, GIB(1), MIB(1), &map);
	assert_int_equal(map.nr_entries, GUEST_MEM_MAX_REGIONS + 1 + 3);
	for (unsigned i = 1; i < map.nr_entries; i++)
		assert_true(map.entries[i - 1].addr + map.entries[i - 1].size <=
			    map.entries[i].addr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_region),
		cmocka_unit_test(above_4g_and_ecam),
		cmocka_unit_test(as_many_regions_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
