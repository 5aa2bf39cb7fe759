/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "vmm/boot/pvh.h"

/* All of it, in one page. */
struct pvh_page {
	struct pvh_start_info info;
	struct pvh_module initrd;
	struct pvh_memory_map_entry map[E820_MAX_ENTRIES];
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "as the specification has it");
_Static_assert(sizeof(struct pvh_page) <= BOOT_ZERO_PAGE_GPA - BOOT_PVH_INFO_GPA,
	       "the start info fits below the zero page");

int pvh_write(const struct pvh_input *input, struct guest_mem *mem)
{
	struct pvh_page page = {
		.info = {
			.magic = PVH_START_MAGIC,
			.version = 1,
			.cmdline_gpa = BOOT_CMDLINE_GPA,
			.rsdp_gpa = input->acpi_rsdp_gpa,
			.memory_map_gpa = BOOT_PVH_INFO_GPA + offsetof(struct pvh_page, map),
			.memory_map_entries = input->e820->nr_entries,
		},
	};

	if (input->initrd_size > 0) {
		page.info.nr_modules = 1;
		page.info.modules_gpa = BOOT_PVH_INFO_GPA + offsetof(struct pvh_page, initrd);
		page.initrd.gpa = input->initrd_gpa;
		page.initrd.size = input->initrd_size;
	}
	for (unsigned i = 0; i < input->e820->nr_entries; i++) {
		page.map[i].addr = input->e820->entries[i].addr;
		page.map[i].size = input->e820->entries[i].size;
		page.map[i].type = input->e820->entries[i].type;
	}
	return guest_mem_write(mem, BOOT_PVH_INFO_GPA, &page, sizeof(page));
}
