/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.5): RSDP, XSDT, FADT, FACS, MADT and the DSDT that dsdt.asl is compiled to at
 * build time; when there is a PCI host bridge, MCFG and the SSDT of pci.asl, too; when there are
 * virtio-mmio devices, an SSDT with as many; when there is a panic port, the SSDT of pvpanic.asl.
 *
 * The FADT declares a fixed power button (a press sets PWRBTN_STS and raises the SCI), no sleep
 * button, no SMI_CMD (always in ACPI mode), an RTC, and neither a VGA nor a keyboard controller.
 * The MADT routes IRQ 0 to GSI 2 and the SCI level-triggered, active high.
 */
#ifndef GLASSBOX_VMM_BOOT_ACPI_H
#define GLASSBOX_VMM_BOOT_ACPI_H

#include "base/error.h"
#include "base/guest_mem.h"

/* Fixed hardware, the same numbers in the FADT, in dsdt.asl and in devices/legacy/pm.h. */
#define ACPI_SCI_IRQ            9
#define ACPI_PM1_EVT_PORT       0x600 /* PM1a event block: status, enable; 4 bytes (4.8.3.1) */
#define ACPI_PM1_CNT_PORT       0x604 /* PM1a control block; 2 bytes (4.8.3.2) */
#define ACPI_PM_TIMER_PORT      0x608 /* power management timer; 4 bytes, 32 bits wide (4.8.3.3) */
#define ACPI_RESET_PORT         0x60c /* reset register: write ACPI_RESET_VALUE (4.8.3.6) */
#define ACPI_RESET_VALUE        0x42
#define ACPI_PVPANIC_PORT       0x505 /* the same in pvpanic.asl and in devices/legacy/pvpanic.h */
#define ACPI_SLEEP_TYPE_S5      5     /* SLP_TYP of soft off (the \_S5 object of dsdt.asl) */
#define ACPI_IOAPIC_GPA         0xfec00000ull
#define ACPI_LAPIC_GPA          0xfee00000ull

/*
 * The PCI host bridge, the same numbers in pci.asl.  ECAM may grow to 256 MiB, the windows are for
 * base address registers alone; from 0xfe000000 on there is room for devices that do not move.
 */
#define ACPI_PCI_ECAM_GPA       0xc0000000ull
#define ACPI_PCI_MMIO_GPA       0xd0000000ull
#define ACPI_PCI_MMIO_SIZE      0x2e000000ull
#define ACPI_PCI_PIO_PORT       0xc000
#define ACPI_PCI_PIO_SIZE       0x4000
#define ACPI_PCI_INTX_GSI       16 /* the first of eight lines */

/* Devices that do not move: virtio over MMIO, one page each. */
#define ACPI_VIRTIO_MMIO_GPA    0xfe000000ull
#define ACPI_VIRTIO_MMIO_STRIDE 0x1000u
#define ACPI_VIRTIO_MMIO_MAX    8u

struct acpi_config {
	unsigned nr_cpus;        /* 1..255; APIC ids are 0..nr_cpus-1 */
	uint64_t ecam_gpa;       /* base of PCI configuration space, ACPI_PCI_ECAM_GPA; 0: no PCI */
	unsigned ecam_buses;     /* number of buses behind it */
	unsigned nr_virtio_mmio; /* 0..ACPI_VIRTIO_MMIO_MAX devices */
	bool pvpanic;            /* there is a panic port, at ACPI_PVPANIC_PORT */
};

/**
 * acpi_write_tables() - write all tables to [BOOT_ACPI_GPA, +BOOT_ACPI_SIZE)
 * @ret_rsdp_gpa: address of the RSDP, for boot_config
 *
 * Return: 0, -EFAULT when the memory is too small, -ENOSPC when the tables do not fit.
 */
int acpi_write_tables(const struct acpi_config *config, struct guest_mem *mem,
		      uint64_t *ret_rsdp_gpa, struct error *error) __must_check;

/** acpi_virtio_mmio_gsi() - which interrupt virtio-mmio device @index has: level, active high */
unsigned acpi_virtio_mmio_gsi(unsigned index);

#endif
