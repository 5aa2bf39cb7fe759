/* SPDX-License-Identifier: MIT */
/*
 * What a PVH entry point is given (Xen's docs/misc/pvh.pandoc and
 * public/arch-x86/hvm/start_info.h).
 */
#ifndef GLASSBOX_VMM_BOOT_PVH_H
#define GLASSBOX_VMM_BOOT_PVH_H

#include "vmm/boot/boot.h"
#include "vmm/boot/e820.h"

#define PVH_START_MAGIC 0x336ec578u

struct pvh_start_info {
	uint32_t magic;
	uint32_t version; /* 1: with the memory map */
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modules_gpa; /* struct pvh_module */
	uint64_t cmdline_gpa;
	uint64_t rsdp_gpa;
	uint64_t memory_map_gpa; /* struct pvh_memory_map_entry */
	uint32_t memory_map_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t gpa, size, cmdline_gpa, reserved;
};

struct pvh_memory_map_entry {
	uint64_t addr, size;
	uint32_t type; /* as in the E820 map */
	uint32_t reserved;
};

struct pvh_input {
	const struct e820_map *e820;
	uint64_t initrd_gpa, initrd_size; /* size 0: none */
	uint64_t acpi_rsdp_gpa;
};

/**
 * pvh_write() - write the start info to BOOT_PVH_INFO_GPA; the command line is at BOOT_CMDLINE_GPA
 *
 * Return: 0, or -EFAULT when low memory is missing.
 */
int pvh_write(const struct pvh_input *input, struct guest_mem *mem) __must_check;

#endif
