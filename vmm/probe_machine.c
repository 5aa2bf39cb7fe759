/* SPDX-License-Identifier: MIT */
/* See probe_machine.h.  Sections are those of Intel's SDM, volume 3A. */
#include <string.h>

#include "vmm/probe.h"
#include "vmm/probe_machine.h"

/* Where the tables lie in the guest. */
#define PML4_GPA      0x1000
#define PDPT_GPA      0x2000
#define PD_GPA        0x3000
#define GDT_GPA       0x4000
#define IDT_GPA       0x5000
#define HANDLERS_GPA  0x6000

#define PTE_PRESENT   0x1ull
#define PTE_WRITE     0x2ull
#define PTE_LARGE     0x80ull /* 2 MiB (4.5) */

#define CR0_PE        0x1ull
#define CR0_MP        0x2ull
#define CR0_ET        0x10ull
#define CR0_NE        0x20ull
#define CR0_WP        0x10000ull
#define CR0_PG        0x80000000ull
#define CR4_PAE       0x20ull
#define EFER_LME      0x100ull
#define EFER_LMA      0x400ull

#define CODE_SELECTOR 0x08
#define DATA_SELECTOR 0x10
#define GDT_CODE64    0x00af9b000000ffffull /* present, CPL 0, 64-bit, accessed (3.4.5) */
#define GDT_DATA      0x00cf93000000ffffull

#define NR_VECTORS    256u
#define GATE_64BIT    0x8eu /* present, interrupt gate (6.14.1) */

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

/* push %rax; mov $VECTOR, %al; out %al, $PROBE_TRAP_PORT; pop %rax; iretq */
#define HANDLER_SIZE   8u
#define HANDLER_VECTOR 2u
static const uint8_t handler[HANDLER_SIZE] = {
	0x50, 0xb0, 0x00, 0xe6, PROBE_TRAP_PORT, 0x58, 0x48, 0xcf,
};

static void fill_page_tables(uint8_t *memory)
{
	uint64_t *pml4 = (void *)(memory + PML4_GPA);
	uint64_t *pdpt = (void *)(memory + PDPT_GPA);
	uint64_t *pd = (void *)(memory + PD_GPA);

	pml4[0] = PDPT_GPA | PTE_PRESENT | PTE_WRITE;
	pdpt[0] = PD_GPA | PTE_PRESENT | PTE_WRITE;
	for (unsigned i = 0; i < 512; i++)
		pd[i] = i * MIB(2) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

static void fill_interrupts(uint8_t *memory)
{
	struct gate *idt = (void *)(memory + IDT_GPA);

	for (unsigned vector = 0; vector < NR_VECTORS; vector++) {
		uint32_t gpa = HANDLERS_GPA + vector * HANDLER_SIZE;

		memcpy(memory + gpa, handler, HANDLER_SIZE);
		memory[gpa + HANDLER_VECTOR] = (uint8_t)vector;
		idt[vector] = (struct gate){
			.offset_low = (uint16_t)gpa,
			.selector = CODE_SELECTOR,
			.type = GATE_64BIT,
		};
	}
}

void probe_machine_fill(uint8_t *memory)
{
	uint64_t *gdt = (void *)(memory + GDT_GPA);

	gdt[CODE_SELECTOR / 8] = GDT_CODE64;
	gdt[DATA_SELECTOR / 8] = GDT_DATA;
	fill_page_tables(memory);
	fill_interrupts(memory);
}

void probe_machine_set_long_mode(struct kvm_sregs *sregs)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = CODE_SELECTOR,
		.type = 0xb, /* execute, read, accessed */
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = DATA_SELECTOR,
		.type = 0x3, /* read, write, accessed */
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->gdt = (struct kvm_dtable){ .base = GDT_GPA, .limit = 3 * 8 - 1 };
	sregs->idt = (struct kvm_dtable){ .base = IDT_GPA,
					  .limit = NR_VECTORS * sizeof(struct gate) - 1 };
	sregs->cr3 = PML4_GPA;
	sregs->cr4 = CR4_PAE;
	sregs->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs->efer = EFER_LME | EFER_LMA;
}
