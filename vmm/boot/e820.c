/* SPDX-License-Identifier: MIT */
#include "vmm/boot/e820.h"
#include "vmm/boot/boot.h"

#define LEGACY_VIDEO_GPA 0xa0000ull /* end of the EBDA */

static void add_entry(struct e820_map *map, uint64_t start, uint64_t end, uint32_t type)
{
	unsigned at;

	if (start >= end)
		return;
	for (at = map->nr_entries; at > 0 && map->entries[at - 1].addr > start; at--)
		map->entries[at] = map->entries[at - 1];
	map->entries[at] =
		(struct boot_e820_entry){ .addr = start, .size = end - start, .type = type };
	map->nr_entries++;
}

void e820_build(const struct guest_mem *mem, uint64_t ecam_gpa, uint64_t ecam_size,
		struct e820_map *ret_map)
{
	*ret_map = (struct e820_map){ 0 };
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		uint64_t start = mem->regions[i].gpa, end = start + mem->regions[i].size;

		add_entry(ret_map, start, MIN(end, BOOT_EBDA_GPA), E820_RAM);
		add_entry(ret_map, MAX(start, BOOT_HIGH_RAM_GPA), end, E820_RAM);
	}
	add_entry(ret_map, BOOT_EBDA_GPA, LEGACY_VIDEO_GPA, E820_RESERVED);
	add_entry(ret_map, BOOT_ACPI_GPA, BOOT_ACPI_GPA + BOOT_ACPI_SIZE, E820_RESERVED);
	add_entry(ret_map, ecam_gpa, ecam_gpa + ecam_size, E820_RESERVED);
}
