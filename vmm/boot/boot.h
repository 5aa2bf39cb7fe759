/* SPDX-License-Identifier: MIT */
/*
 * From a kernel file to a machine that can run its first instruction.
 *
 * Reads the kernel and the initrd, unpacks, copies into guest memory, and writes what the x86 Linux
 * boot protocol wants (Documentation/arch/x86/boot.rst).  Knows no KVM.  Main thread, before any
 * vCPU runs.
 */
#ifndef GLASSBOX_VMM_BOOT_BOOT_H
#define GLASSBOX_VMM_BOOT_BOOT_H

#include "base/error.h"
#include "base/guest_mem.h"

#define BOOT_MAX_SEGMENTS  16

/* The guest physical memory map (GPA). */
#define BOOT_GDT_GPA       0x500ull
#define BOOT_ZERO_PAGE_GPA 0x7000ull /* struct boot_params */
#define BOOT_PVH_INFO_GPA  0x6000ull /* struct hvm_start_info, module list and memory map */
#define BOOT_PAGE_TABLES_GPA                                                                       \
	0x9000ull /* identity map of the first 4 GiB by 2 MiB pages: 6 tables */
#define BOOT_CMDLINE_GPA   0x20000ull
#define BOOT_EBDA_GPA      0x9fc00ull /* end of low RAM */
#define BOOT_ACPI_GPA      0xe0000ull /* ACPI tables, up to 1 MiB; reserved in the memory map */
#define BOOT_ACPI_SIZE     0x20000ull
#define BOOT_HIGH_RAM_GPA  0x100000ull
#define BOOT_MMIO_HOLE_GPA 0xc0000000ull  /* RAM stops here ... */
#define BOOT_ABOVE_4G_GPA  0x100000000ull /* ... and goes on here */

struct boot_config {
	const char *kernel_path;
	const char *initrd_path; /* NULL: none */
	const char *cmdline;     /* "" is fine */
	bool kaslr; /* bzImage: let the guest's own decompressor unpack and move the kernel */
	uint64_t acpi_rsdp_gpa; /* where the RSDP is; 0: no ACPI */
};

/* A piece of the kernel as it was loaded: [gva, gva + len) by its link address is at gpa. */
struct boot_segment {
	uint64_t gva, gpa, len;
};

enum boot_entry {
	BOOT_ENTRY_LINUX64, /* 64-bit mode, paging on, rsi = boot_params */
	BOOT_ENTRY_PVH,     /* 32-bit protected mode, paging off, ebx = hvm_start_info */
};

struct boot_state {
	enum boot_entry entry;
	uint64_t rip; /* GPA of the first instruction */
	uint64_t arg; /* value of rsi or ebx */
	struct boot_segment
		segments[BOOT_MAX_SEGMENTS]; /* empty with kaslr: the guest unpacks it */
	unsigned nr_segments;
	char description[128]; /* e.g. "bzImage 6.1.0-..., lz4, unpacked" */
};

/**
 * boot_load() - load what @config names into @mem
 *
 * Return: 0, or -errno with @error set to one line that names the file and the cause.
 */
int boot_load(const struct boot_config *config, struct guest_mem *mem, struct boot_state *ret_state,
	      struct error *error) __must_check;

#endif
