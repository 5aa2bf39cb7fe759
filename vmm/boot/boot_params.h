/* SPDX-License-Identifier: MIT */
/* struct boot_params, "the zero page": what the 64-bit entry point of Linux is given. */
#ifndef GLASSBOX_VMM_BOOT_BOOT_PARAMS_H
#define GLASSBOX_VMM_BOOT_BOOT_PARAMS_H

#include <asm/bootparam.h>

#include "vmm/boot/boot.h"
#include "vmm/boot/e820.h"

/** boot_params_synthesise_header() - the setup header for a kernel that brings none (ELF) */
void boot_params_synthesise_header(struct setup_header *header);

struct boot_params_input {
	struct setup_header header; /* the kernel's */
	const struct e820_map *e820;
	uint64_t initrd_gpa, initrd_size; /* below 4 GiB; size 0: none */
	uint64_t acpi_rsdp_gpa;
};

/**
 * boot_params_write() - write the zero page; the command line is at BOOT_CMDLINE_GPA
 *
 * Return: 0, or -EFAULT when low memory is missing.
 */
int boot_params_write(const struct boot_params_input *input, struct guest_mem *mem) __must_check;

#endif
