/* SPDX-License-Identifier: MIT */
/*
 * From a kernel file to a machine that can run its first instruction.
 *
 * Reads the kernel and the initrd, unpacks, copies into guest memory, and writes what the x86 Linux
 * boot protocol wants (Documentation/arch/x86/boot.rst).  Knows no KVM.  One thread at a
 * time, before any vCPU runs.
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

/*
 * The global descriptor table at BOOT_GDT_GPA: flat segments, base 0, accessed and present.  The
 * boot protocol fixes the first two selectors (__BOOT_CS and __BOOT_DS).
 */
#define BOOT_GDT_CODE64    0x10 /* CS of BOOT_ENTRY_LINUX64: 64-bit code, ring 0 */
#define BOOT_GDT_DATA      0x18 /* DS, ES, SS of both entries: limit 4 GiB, writable, ring 0 */
#define BOOT_GDT_CODE32    0x20 /* CS of BOOT_ENTRY_PVH: 32-bit code, limit 4 GiB, ring 0 */
#define BOOT_GDT_TSS       0x28 /* TR of both entries: busy, base 0, limit 0x67 (16 bytes) */
#define BOOT_GDT_LIMIT     0x37 /* for GDTR */

struct boot_config {
	const char *kernel_path;
	const char *initrd_path; /* NULL: none */
	const char *cmdline;     /* "" is fine */
	bool kaslr; /* bzImage: let the guest's own decompressor unpack and move the kernel */
	uint64_t acpi_rsdp_gpa; /* where the RSDP is; 0: no ACPI */
	/* PCI configuration space, reserved in the memory map; size 0: none. */
	uint64_t ecam_gpa, ecam_size;
};

/*
 * A piece of the kernel as it was loaded: [gva, gva + len) by its link address is at gpa.  Linux's
 * per-CPU template, which is linked at 0 and runs elsewhere, is not among them.
 */
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
 * @mem: fresh, zero-filled guest memory, at least the first MiB; pages that would stay zero are not
 *       touched
 *
 * A bzImage (boot protocol 2.12 or newer, 64-bit) is unpacked here and entered as the vmlinux
 * inside it, unless @config->kaslr is set.  An ELF file is entered
 *  - by its PVH entry when it has a XEN_ELFNOTE_PHYS32_ENTRY note and no note that says it is
 *    Linux, or when e_entry is not the physical address of a byte that was loaded;
 *  - else at e_entry in 64-bit mode with boot_params, which is how Linux's vmlinux wants it.
 *
 * Besides the kernel and the initrd this writes the GDT, the page tables, the command line and
 * boot_params or hvm_start_info.  On failure @mem holds parts of that and is of no use.
 *
 * Return: 0, or -errno with @error set to one line that names the file and the cause.
 */
int boot_load(const struct boot_config *config, struct guest_mem *mem, struct boot_state *ret_state,
	      struct error *error) __must_check;

#endif
