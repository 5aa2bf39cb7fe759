/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "vmm/boot/boot.h"
#include "vmm/boot/early_tables.h"

#define PAGE_BYTES        4096u
#define ENTRIES           512u
#define NR_DIRECTORIES    4u /* 1 GiB each */

/* Page table entry bits (Intel SDM volume 3, 4.5.4). */
#define PTE_PRESENT       (1ull << 0)
#define PTE_WRITABLE      (1ull << 1)
#define PTE_LARGE         (1ull << 7)

/* Segment descriptors (Intel SDM volume 3, 3.4.5 and 7.2.3). */
#define DESCRIPTOR_CODE64 0x00af9b000000ffffull
#define DESCRIPTOR_CODE32 0x00cf9b000000ffffull
#define DESCRIPTOR_DATA   0x00cf93000000ffffull
#define DESCRIPTOR_TSS    0x00008b0000000067ull

static int write_gdt(struct guest_mem *mem)
{
	static const uint64_t gdt[] = {
		[BOOT_GDT_CODE64 / 8] = DESCRIPTOR_CODE64,
		[BOOT_GDT_DATA / 8] = DESCRIPTOR_DATA,
		[BOOT_GDT_CODE32 / 8] = DESCRIPTOR_CODE32,
		[BOOT_GDT_TSS / 8] = DESCRIPTOR_TSS,
		[BOOT_GDT_TSS / 8 + 1] = 0, /* upper half of a base of 0 */
	};

	_Static_assert(sizeof(gdt) == BOOT_GDT_LIMIT + 1, "the limit covers the table");
	return guest_mem_write(mem, BOOT_GDT_GPA, gdt, sizeof(gdt));
}

int early_tables_write(struct guest_mem *mem)
{
	uint64_t pml4_gpa = BOOT_PAGE_TABLES_GPA, pdpt_gpa = pml4_gpa + PAGE_BYTES;
	uint64_t *pml4 = guest_mem_ptr(mem, pml4_gpa, (2 + NR_DIRECTORIES) * PAGE_BYTES);
	uint64_t *pdpt, *directories;

	if (!pml4)
		return -EFAULT;
	pdpt = pml4 + ENTRIES;
	directories = pdpt + ENTRIES;
	pml4[0] = pdpt_gpa | PTE_PRESENT | PTE_WRITABLE;
	for (unsigned i = 0; i < NR_DIRECTORIES; i++)
		pdpt[i] = (pdpt_gpa + (1 + i) * PAGE_BYTES) | PTE_PRESENT | PTE_WRITABLE;
	for (unsigned i = 0; i < NR_DIRECTORIES * ENTRIES; i++)
		directories[i] = i * MIB(2) | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE;
	return write_gdt(mem);
}
