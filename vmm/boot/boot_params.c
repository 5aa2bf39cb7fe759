/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "vmm/boot/boot_params.h"

#define LOADER_UNDEFINED    0xffu /* type_of_loader: no number was assigned */
#define ELF_CMDLINE_SIZE    2047u /* COMMAND_LINE_SIZE of x86 less its NUL */
#define ELF_INITRD_ADDR_MAX 0x7fffffffu

_Static_assert(E820_MAX_ENTRIES <= E820_MAX_ENTRIES_ZEROPAGE, "the map fits into the zero page");

void boot_params_synthesise_header(struct setup_header *header)
{
	*header = (struct setup_header){
		.boot_flag = 0xaa55,
		.header = 0x53726448, /* "HdrS" */
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = ELF_INITRD_ADDR_MAX,
		.kernel_alignment = (uint32_t)MIB(2),
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = ELF_CMDLINE_SIZE,
	};
}

int boot_params_write(const struct boot_params_input *input, struct guest_mem *mem)
{
	struct boot_params params = { .hdr = input->header };

	params.hdr.type_of_loader = LOADER_UNDEFINED;
	params.hdr.cmd_line_ptr = (uint32_t)BOOT_CMDLINE_GPA;
	params.hdr.ramdisk_image = (uint32_t)input->initrd_gpa;
	params.hdr.ramdisk_size = (uint32_t)input->initrd_size;
	params.acpi_rsdp_addr = input->acpi_rsdp_gpa;
	params.e820_entries = (uint8_t)input->e820->nr_entries;
	memcpy(params.e820_table, input->e820->entries,
	       input->e820->nr_entries * sizeof(params.e820_table[0]));
	return guest_mem_write(mem, BOOT_ZERO_PAGE_GPA, &params, sizeof(params));
}
