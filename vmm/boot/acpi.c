/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vmm/boot/acpi.h"
#include "vmm/boot/acpi_tables.h"
#include "vmm/boot/acpi_virtio.h"
#include "vmm/boot/boot.h"

#include "dsdt.hex"    /* dsdt_aml_code, made by iasl from dsdt.asl */
#include "pci.hex"     /* pci_aml_code, from pci.asl */
#include "pvpanic.hex" /* pvpanic_aml_code, from pvpanic.asl */

#define OEM_ID         "GLSBOX"
#define OEM_TABLE_ID   "GLASSBOX"
#define CREATOR_ID     "GLBX"

#define TABLE_ALIGN    64u /* what the FACS wants; 16 for the RSDP */
#define CMOS_CENTURY   0x32
#define NO_C2_LATENCY  101  /* above 100 us: there is no C2 state (table 5.9) */
#define NO_C3_LATENCY  1001 /* above 1000 us: there is no C3 state */
#define ISA_IRQ_PIT    0
#define GSI_PIT        2 /* where KVM's routing takes IRQ 0 on the IOAPIC */
#define ALL_PROCESSORS 255
#define MAX_PROCESSORS 255
#define MAX_TABLES     6 /* in the XSDT */
#define MADT_LAPIC     0
#define MADT_IOAPIC    1
#define MADT_OVERRIDE  2
#define MADT_LAPIC_NMI 4

_Static_assert(sizeof(struct acpi_rsdp) == 36, "5.2.5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "5.2.6");
_Static_assert(sizeof(struct acpi_fadt) == 276, "5.2.9");
_Static_assert(sizeof(struct acpi_facs) == 64, "5.2.10");

/* Tables are put one behind the other into the area. */
struct area {
	uint8_t *hva;
	uint64_t used; /* bytes, on a table boundary */
};

static uint64_t gpa_of(const struct area *area, const void *table)
{
	return BOOT_ACPI_GPA + (uint64_t)((const uint8_t *)table - area->hva);
}

/* Zeroed room for a table, or NULL. */
static void *take_room(struct area *area, size_t size)
{
	uint8_t *table = area->hva + area->used;

	if (size > BOOT_ACPI_SIZE - area->used)
		return NULL;
	memset(table, 0, size);
	area->used += ALIGN_UP(size, TABLE_ALIGN);
	return table;
}

/* The byte that makes the sum 0. */
static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)(0u - sum);
}

static struct acpi_header make_header(const char *signature, uint8_t revision, size_t length)
{
	struct acpi_header header = {
		.length = (uint32_t)length,
		.revision = revision,
		.oem_revision = 1,
		.creator_revision = 1,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, OEM_ID, sizeof(header.oem_id));
	memcpy(header.oem_table_id, OEM_TABLE_ID, sizeof(header.oem_table_id));
	memcpy(header.creator_id, CREATOR_ID, sizeof(header.creator_id));
	return header;
}

/* Copies a complete table and seals it with its checksum. */
static void *put_table(struct area *area, const void *table, size_t size)
{
	uint8_t *at = take_room(area, size);

	if (!at)
		return NULL;
	memcpy(at, table, size);
	at[offsetof(struct acpi_header, checksum)] = 0;
	at[offsetof(struct acpi_header, checksum)] = checksum(at, size);
	return at;
}

static const void *put_facs(struct area *area)
{
	const struct acpi_facs facs = { .signature = "FACS", .length = sizeof(facs), .version = 2 };
	void *at = take_room(area, sizeof(facs));

	return at ? memcpy(at, &facs, sizeof(facs)) : NULL;
}

static struct acpi_address io_register(uint16_t port, uint8_t bits, uint8_t access_size)
{
	return (struct acpi_address){ .space = ACPI_SPACE_IO,
				      .bit_width = bits,
				      .access_size = access_size,
				      .address = port };
}

static const void *put_fadt(struct area *area, uint64_t facs_gpa, uint64_t dsdt_gpa)
{
	struct acpi_fadt fadt = {
		.header = make_header("FACP", 6, sizeof(fadt)),
		/* Only one of FIRMWARE_CTRL and X_FIRMWARE_CTRL may be set (5.2.9). */
		.firmware_ctrl = (uint32_t)facs_gpa,
		.dsdt = (uint32_t)dsdt_gpa,
		.x_dsdt = dsdt_gpa,
		.sci_int = ACPI_SCI_IRQ,
		/* No SMI_CMD: the machine is always in ACPI mode. */
		.pm1a_evt_blk = ACPI_PM1_EVT_PORT,
		.pm1_evt_len = 4,
		.x_pm1a_evt_blk = io_register(ACPI_PM1_EVT_PORT, 32, 2),
		.pm1a_cnt_blk = ACPI_PM1_CNT_PORT,
		.pm1_cnt_len = 2,
		.x_pm1a_cnt_blk = io_register(ACPI_PM1_CNT_PORT, 16, 2),
		.pm_tmr_blk = ACPI_PM_TIMER_PORT,
		.pm_tmr_len = 4,
		.x_pm_tmr_blk = io_register(ACPI_PM_TIMER_PORT, 32, 3),
		.p_lvl2_lat = NO_C2_LATENCY,
		.p_lvl3_lat = NO_C3_LATENCY,
		.century = CMOS_CENTURY,
		/*
		 * Ports 0x60 and 0x64 answer, so that a reset through them works, but no keyboard
		 * controller is declared: Linux would probe it with thousands of port reads.
		 */
		.iapc_boot_arch = ACPI_IAPC_LEGACY_DEVICES | ACPI_IAPC_VGA_NOT_PRESENT,
		/* PWR_BUTTON is clear: the power button is the fixed one of the PM1 registers. */
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_SLP_BUTTON |
			 ACPI_FADT_FIX_RTC | ACPI_FADT_TMR_VAL_EXT | ACPI_FADT_RESET_REG_SUP,
		.reset_reg = io_register(ACPI_RESET_PORT, 8, 1),
		.reset_value = ACPI_RESET_VALUE,
		.minor_version = 5,
		.hypervisor_id = "GLASSBOX",
	};

	return put_table(area, &fadt, sizeof(fadt));
}

static const void *put_madt(struct area *area, unsigned nr_cpus)
{
	struct {
		struct acpi_madt madt;
		struct acpi_madt_ioapic ioapic;
		struct acpi_madt_override pit, sci;
		struct acpi_madt_lapic_nmi nmi;
		struct acpi_madt_lapic lapics[MAX_PROCESSORS];
	} ACPI_PACKED table = {
		.madt.lapic_address = (uint32_t)ACPI_LAPIC_GPA,
		.madt.flags = ACPI_MADT_PCAT_COMPAT,
		.ioapic = { MADT_IOAPIC, sizeof(table.ioapic),
			    .address = (uint32_t)ACPI_IOAPIC_GPA },
		.pit = { MADT_OVERRIDE, sizeof(table.pit), .source = ISA_IRQ_PIT, .gsi = GSI_PIT,
			 .flags = ACPI_INTI_BUS_DEFAULT },
		.sci = { MADT_OVERRIDE, sizeof(table.sci), .source = ACPI_SCI_IRQ,
			 .gsi = ACPI_SCI_IRQ, .flags = ACPI_INTI_HIGH_LEVEL },
		.nmi = { MADT_LAPIC_NMI, sizeof(table.nmi), .processor_uid = ALL_PROCESSORS,
			 .flags = ACPI_INTI_BUS_DEFAULT, .lint = 1 },
	};
	size_t size = offsetof(__typeof__(table), lapics) + nr_cpus * sizeof(table.lapics[0]);

	table.madt.header = make_header("APIC", 5, size);
	for (unsigned i = 0; i < nr_cpus; i++)
		table.lapics[i] = (struct acpi_madt_lapic){ MADT_LAPIC, sizeof(table.lapics[0]),
							    .processor_uid = (uint8_t)i,
							    .apic_id = (uint8_t)i, .flags = 1 };
	return put_table(area, &table, size);
}

static const void *put_mcfg(struct area *area, const struct acpi_config *config)
{
	const struct acpi_mcfg mcfg = {
		.header = make_header("MCFG", 1, sizeof(mcfg)),
		.base = config->ecam_gpa,
		.last_bus = (uint8_t)(config->ecam_buses - 1),
	};

	return put_table(area, &mcfg, sizeof(mcfg));
}

static const void *put_virtio_ssdt(struct area *area, unsigned nr_devices)
{
	struct {
		struct acpi_header header;
		uint8_t aml[ACPI_VIRTIO_AML_MAX];
	} ACPI_PACKED ssdt;
	size_t size = sizeof(ssdt.header) + acpi_virtio_put_aml(nr_devices, ssdt.aml);

	ssdt.header = make_header("SSDT", 2, size);
	return put_table(area, &ssdt, size);
}

static const void *put_xsdt(struct area *area, const uint64_t *tables, unsigned nr_tables)
{
	struct {
		struct acpi_header header;
		uint64_t tables[MAX_TABLES];
	} ACPI_PACKED xsdt = { 0 };
	size_t size = sizeof(xsdt.header) + nr_tables * sizeof(xsdt.tables[0]);

	xsdt.header = make_header("XSDT", 1, size);
	memcpy(xsdt.tables, tables, nr_tables * sizeof(xsdt.tables[0]));
	return put_table(area, &xsdt, size);
}

static void write_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt_gpa)
{
	*rsdp = (struct acpi_rsdp){ .revision = 2, .length = sizeof(*rsdp), .xsdt = xsdt_gpa };
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->checksum = checksum(rsdp, offsetof(struct acpi_rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

static int put_all(struct area *area, const struct acpi_config *config, uint64_t *ret_rsdp_gpa)
{
	struct acpi_rsdp *rsdp = take_room(area, sizeof(*rsdp));
	const void *facs = put_facs(area);
	const void *dsdt = put_table(area, dsdt_aml_code, sizeof(dsdt_aml_code));
	const void *tables[MAX_TABLES], *xsdt;
	uint64_t table_gpas[ARRAY_SIZE(tables)];
	unsigned nr = 0;

	if (!rsdp || !facs || !dsdt)
		return -ENOSPC;
	tables[nr++] = put_fadt(area, gpa_of(area, facs), gpa_of(area, dsdt));
	tables[nr++] = put_madt(area, config->nr_cpus);
	if (config->ecam_gpa != 0) {
		tables[nr++] = put_mcfg(area, config);
		tables[nr++] = put_table(area, pci_aml_code, sizeof(pci_aml_code));
	}
	if (config->nr_virtio_mmio > 0)
		tables[nr++] = put_virtio_ssdt(area, config->nr_virtio_mmio);
	if (config->pvpanic)
		tables[nr++] = put_table(area, pvpanic_aml_code, sizeof(pvpanic_aml_code));
	for (unsigned i = 0; i < nr; i++) {
		if (!tables[i])
			return -ENOSPC;
		table_gpas[i] = gpa_of(area, tables[i]);
	}
	xsdt = put_xsdt(area, table_gpas, nr);
	if (!xsdt)
		return -ENOSPC;
	write_rsdp(rsdp, gpa_of(area, xsdt));
	*ret_rsdp_gpa = gpa_of(area, rsdp);
	return 0;
}

int acpi_write_tables(const struct acpi_config *config, struct guest_mem *mem,
		      uint64_t *ret_rsdp_gpa, struct error *error)
{
	struct area area = { .hva = guest_mem_ptr(mem, BOOT_ACPI_GPA, BOOT_ACPI_SIZE) };
	int r;

	if (!area.hva)
		return error_set(error, -EFAULT,
				 "the guest needs more than 1 MiB of memory for its ACPI tables");
	if (config->nr_cpus == 0 || config->nr_cpus > MAX_PROCESSORS ||
	    (config->ecam_gpa != 0 && (config->ecam_buses == 0 || config->ecam_buses > 256)) ||
	    config->nr_virtio_mmio > ACPI_VIRTIO_MMIO_MAX)
		return error_set(
			error, -EINVAL,
			"ACPI tables cannot describe %u CPUs, %u PCI buses and %u virtio devices",
			config->nr_cpus, config->ecam_buses, config->nr_virtio_mmio);
	r = put_all(&area, config, ret_rsdp_gpa);
	if (r < 0)
		return error_set(error, r, "the ACPI tables do not fit into %u KiB",
				 (unsigned)(BOOT_ACPI_SIZE >> 10));
	return 0;
}
