/* SPDX-License-Identifier: MIT */
/* The layouts of the ACPI tables we write (ACPI 6.5, chapter 5; PCI Firmware 3.3, 4.1.2). */
#ifndef GLASSBOX_VMM_BOOT_ACPI_TABLES_H
#define GLASSBOX_VMM_BOOT_ACPI_TABLES_H

#include <stdint.h>

#define ACPI_PACKED __attribute__((packed))

/* 5.2.5.3 Root System Description Pointer */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* over the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* over all */
	uint8_t reserved[3];
} ACPI_PACKED;

/* 5.2.6 System Description Table Header */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} ACPI_PACKED;

/* 5.2.3.2 Generic Address Structure */
struct acpi_address {
	uint8_t space; /* 1: I/O ports */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 1: byte, 2: word, 3: dword */
	uint64_t address;
} ACPI_PACKED;

#define ACPI_SPACE_IO 1u

/* 5.2.9 Fixed ACPI Description Table */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
	uint32_t gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_address x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_address x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
	struct acpi_address sleep_control_reg, sleep_status_reg;
	char hypervisor_id[8];
} ACPI_PACKED;

/* FADT flags (table 5.10) and IA-PC boot architecture flags (table 5.11). */
#define ACPI_FADT_WBINVD          (1u << 0)
#define ACPI_FADT_PROC_C1         (1u << 2)
#define ACPI_FADT_SLP_BUTTON      (1u << 5) /* there is no fixed sleep button */
#define ACPI_FADT_FIX_RTC         (1u << 6) /* no wake-up status of the RTC in fixed hardware */
#define ACPI_FADT_TMR_VAL_EXT     (1u << 8) /* the PM timer has 32 bits */
#define ACPI_FADT_RESET_REG_SUP   (1u << 10)

#define ACPI_IAPC_LEGACY_DEVICES  (1u << 0)
#define ACPI_IAPC_VGA_NOT_PRESENT (1u << 2)

/* 5.2.10 Firmware ACPI Control Structure; without a checksum, aligned to 64 bytes */
struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved0[3];
	uint32_t ospm_flags;
	uint8_t reserved1[24];
} ACPI_PACKED;

/* 5.2.12 Multiple APIC Description Table, and its entries */
struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address;
	uint32_t flags;
} ACPI_PACKED;

#define ACPI_MADT_PCAT_COMPAT (1u << 0) /* there are two 8259s as well */

struct acpi_madt_lapic { /* 5.2.12.2 */
	uint8_t type, length;
	uint8_t processor_uid;
	uint8_t apic_id;
	uint32_t flags; /* bit 0: enabled */
} ACPI_PACKED;

struct acpi_madt_ioapic { /* 5.2.12.3 */
	uint8_t type, length;
	uint8_t ioapic_id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} ACPI_PACKED;

struct acpi_madt_override { /* 5.2.12.5 */
	uint8_t type, length;
	uint8_t bus; /* 0: ISA */
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
} ACPI_PACKED;

struct acpi_madt_lapic_nmi { /* 5.2.12.7 */
	uint8_t type, length;
	uint8_t processor_uid; /* 255: all */
	uint16_t flags;
	uint8_t lint;
} ACPI_PACKED;

/* MPS INTI flags (table 5.26). */
#define ACPI_INTI_BUS_DEFAULT 0x0u
#define ACPI_INTI_HIGH_LEVEL  0xdu

/* Memory mapped configuration space, with one segment group */
struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved0;
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved1;
} ACPI_PACKED;

#endif
