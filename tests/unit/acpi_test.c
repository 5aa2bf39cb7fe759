/* SPDX-License-Identifier: MIT */
/* Reads the tables as an operating system does: by the offsets of the specification. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot.h"

#define ECAM_GPA ACPI_PCI_ECAM_GPA

static const struct acpi_config two_cpus = { .nr_cpus = 2 };
static const struct acpi_config with_pci = { .nr_cpus = 32,
					     .ecam_gpa = ECAM_GPA,
					     .ecam_buses = 256 };

static uint64_t get(const uint8_t *table, unsigned offset, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, table + offset, bytes);
	return value;
}

/* The table at @gpa, which must lie in the area, with a signature and a sound checksum. */
static const uint8_t *get_table(const struct guest_mem *mem, uint64_t gpa, const char *signature)
{
	const uint8_t *table = guest_mem_ptr(mem, gpa, 36);
	uint32_t length;
	uint8_t sum = 0;

	assert_non_null(table);
	length = (uint32_t)get(table, 4, 4);
	assert_true(length >= 36);
	assert_true(range_within(gpa, length, BOOT_ACPI_GPA, BOOT_ACPI_SIZE));
	assert_memory_equal(table, signature, 4);
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + table[i]);
	assert_int_equal(sum, 0);
	return table;
}

static const uint8_t *get_xsdt(const struct guest_mem *mem, uint64_t rsdp_gpa)
{
	const uint8_t *rsdp = guest_mem_ptr(mem, rsdp_gpa, 36);
	uint8_t sum = 0;

	assert_non_null(rsdp);
	assert_int_equal(rsdp_gpa % 16, 0);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(get(rsdp, 20, 4), 36);
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + rsdp[i]);
	assert_int_equal(sum, 0);
	for (unsigned i = 20; i < 36; i++)
		sum = (uint8_t)(sum + rsdp[i]);
	assert_int_equal(sum, 0);
	return get_table(mem, get(rsdp, 24, 8), "XSDT");
}

static const uint8_t *find_table(const struct guest_mem *mem, uint64_t rsdp_gpa,
				 const char *signature)
{
	const uint8_t *xsdt = get_xsdt(mem, rsdp_gpa);

	for (unsigned at = 36; at + 8 <= get(xsdt, 4, 4); at += 8) {
		uint64_t gpa = get(xsdt, at, 8);
		const uint8_t *table = guest_mem_ptr(mem, gpa, 4);

		if (table && memcmp(table, signature, 4) == 0)
			return get_table(mem, gpa, signature);
	}
	return NULL;
}

static uint64_t write_tables(const struct acpi_config *config, struct guest_mem *mem)
{
	struct error error = { 0 };
	uint64_t rsdp_gpa = 0;

	assert_int_equal(acpi_write_tables(config, mem, &rsdp_gpa, &error), 0);
	return rsdp_gpa;
}

static void fadt_names_the_fixed_hardware(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));
	const uint8_t *fadt = find_table(&mem, write_tables(&two_cpus, &mem), "FACP");
	const uint8_t *facs;

	(void)state;
	assert_non_null(fadt);
	assert_int_equal(get(fadt, 4, 4), 276);
	assert_int_equal(get(fadt, 46, 2), ACPI_SCI_IRQ);
	assert_int_equal(get(fadt, 48, 4), 0); /* SMI_CMD */
	assert_int_equal(get(fadt, 56, 4), ACPI_PM1_EVT_PORT);
	assert_int_equal(get(fadt, 64, 4), ACPI_PM1_CNT_PORT);
	assert_int_equal(get(fadt, 76, 4), ACPI_PM_TIMER_PORT);
	/* Legacy devices, no keyboard controller, no VGA, an RTC. */
	assert_int_equal(get(fadt, 109, 2), 0x5);
	/* A fixed power button, a reset register, a 32-bit timer; not hardware-reduced. */
	assert_int_equal(get(fadt, 112, 4), 0x565);
	assert_int_equal(get(fadt, 116, 1), 1);
	assert_int_equal(get(fadt, 117, 1), 8);
	assert_int_equal(get(fadt, 120, 8), ACPI_RESET_PORT);
	assert_int_equal(get(fadt, 128, 1), ACPI_RESET_VALUE);
	/* The extended blocks repeat the address and the length of the 32-bit ones. */
	assert_int_equal(get(fadt, 148 + 4, 8), get(fadt, 56, 4));
	assert_int_equal(get(fadt, 148 + 1, 1), 8 * get(fadt, 88, 1));
	assert_int_equal(get(fadt, 172 + 4, 8), get(fadt, 64, 4));
	assert_int_equal(get(fadt, 172 + 1, 1), 8 * get(fadt, 89, 1));
	assert_int_equal(get(fadt, 208 + 4, 8), get(fadt, 76, 4));
	assert_int_equal(get(fadt, 208 + 1, 1), 8 * get(fadt, 91, 1));
	/* One of the two FACS addresses, both of the DSDT's. */
	assert_int_equal(get(fadt, 132, 8), 0);
	assert_int_equal(get(fadt, 36, 4) % 64, 0);
	facs = guest_mem_ptr(&mem, get(fadt, 36, 4), 64);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(get(facs, 4, 4), 64);
	assert_int_equal(get(fadt, 40, 4), get(fadt, 140, 8));
	assert_non_null(get_table(&mem, get(fadt, 40, 4), "DSDT"));
	guest_destroy(&mem);
}

/* Counts the entries of a type, and returns the last one. */
static unsigned count_entries(const uint8_t *madt, uint8_t type, const uint8_t **ret_last)
{
	uint64_t end = get(madt, 4, 4), at = 44;
	unsigned count = 0;

	while (at < end) {
		assert_true(madt[at + 1] >= 6 && at + madt[at + 1] <= end);
		if (madt[at] == type) {
			*ret_last = madt + at;
			count++;
		}
		at += madt[at + 1];
	}
	assert_int_equal(at, end);
	return count;
}

static void madt_has_cpus_and_interrupts(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));
	const uint8_t *madt = find_table(&mem, write_tables(&with_pci, &mem), "APIC");
	const uint8_t *last = NULL;

	(void)state;
	assert_non_null(madt);
	assert_int_equal(get(madt, 36, 4), ACPI_LAPIC_GPA);
	assert_int_equal(get(madt, 40, 4), 1);
	assert_int_equal(count_entries(madt, 0, &last), 32);
	assert_int_equal(last[2], 31);
	assert_int_equal(last[3], 31);
	assert_int_equal(get(last, 4, 4), 1);
	assert_int_equal(count_entries(madt, 1, &last), 1);
	assert_int_equal(get(last, 4, 4), ACPI_IOAPIC_GPA);
	assert_int_equal(get(last, 8, 4), 0);
	/* IRQ 0 and the SCI; the latter is the last. */
	assert_int_equal(count_entries(madt, 2, &last), 2);
	assert_int_equal(last[3], ACPI_SCI_IRQ);
	assert_int_equal(get(last, 4, 4), ACPI_SCI_IRQ);
	assert_int_equal(get(last, 8, 2), 0xd);
	assert_int_equal(get(last - 10, 3, 1), 0);
	assert_int_equal(get(last - 10, 4, 4), 2);
	assert_int_equal(count_entries(madt, 4, &last), 1);
	assert_int_equal(last[2], 0xff);
	assert_int_equal(last[5], 1);
	guest_destroy(&mem);
}

static void mcfg_is_there_with_pci_only(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));
	const uint8_t *mcfg;

	(void)state;
	assert_null(find_table(&mem, write_tables(&two_cpus, &mem), "MCFG"));
	assert_null(find_table(&mem, write_tables(&two_cpus, &mem), "SSDT"));
	mcfg = find_table(&mem, write_tables(&with_pci, &mem), "MCFG");
	assert_non_null(mcfg);
	assert_int_equal(get(mcfg, 4, 4), 60);
	assert_int_equal(get(mcfg, 44, 8), ECAM_GPA);
	assert_int_equal(get(mcfg, 52, 2), 0);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(mcfg[55], 255);
	assert_non_null(find_table(&mem, write_tables(&with_pci, &mem), "SSDT"));
	guest_destroy(&mem);
}

static unsigned count_text(const uint8_t *table, const char *text)
{
	uint64_t end = get(table, 4, 4) - strlen(text);
	unsigned count = 0;

	for (uint64_t at = 36; at <= end; at++)
		count += memcmp(table + at, text, strlen(text)) == 0;
	return count;
}

static void ssdt_has_as_many_virtio_devices_as_there_are(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));
	struct acpi_config config = { .nr_cpus = 1 };

	(void)state;
	assert_null(find_table(&mem, write_tables(&config, &mem), "SSDT"));
	for (unsigned nr = 1; nr <= ACPI_VIRTIO_MMIO_MAX; nr++) {
		const uint8_t *ssdt;

		config.nr_virtio_mmio = nr;
		ssdt = find_table(&mem, write_tables(&config, &mem), "SSDT");
		assert_non_null(ssdt);
		assert_int_equal(count_text(ssdt, "LNRO0005"), nr);
		assert_int_equal(count_text(ssdt, "VM0"), nr);
	}
	/* No two devices have the same interrupt, nor that of the SCI, the serial port or the RTC.
	 */
	for (unsigned i = 0; i < ACPI_VIRTIO_MMIO_MAX; i++) {
		unsigned gsi = acpi_virtio_mmio_gsi(i);

		assert_true(gsi > 4 && gsi < ACPI_PCI_INTX_GSI && gsi != 8 && gsi != ACPI_SCI_IRQ);
		for (unsigned j = 0; j < i; j++)
			assert_true(acpi_virtio_mmio_gsi(j) != gsi);
	}
	guest_destroy(&mem);
}

static void panic_port_is_there_when_asked_for(void **state)
{
	struct guest_mem mem = guest_create(MIB(1));
	struct acpi_config config = { .nr_cpus = 1, .pvpanic = true };
	const uint8_t *ssdt = find_table(&mem, write_tables(&config, &mem), "SSDT");

	(void)state;
	assert_non_null(ssdt);
	assert_int_equal(count_text(ssdt, "QEMU0001"), 1);
	config.pvpanic = false;
	assert_null(find_table(&mem, write_tables(&config, &mem), "SSDT"));
	guest_destroy(&mem);
}

/* All at once, with as many devices as there can be. */
static void all_tables_fit(void **state)
{
	const struct acpi_config config = { .nr_cpus = 32,
					    .ecam_gpa = ECAM_GPA,
					    .ecam_buses = 1,
					    .nr_virtio_mmio = ACPI_VIRTIO_MMIO_MAX,
					    .pvpanic = true };
	struct guest_mem mem = guest_create(MIB(1));

	(void)state;
	assert_int_equal(get(get_xsdt(&mem, write_tables(&config, &mem)), 4, 4), 36 + 6 * 8);
	guest_destroy(&mem);
}

static void stays_in_its_area(void **state)
{
	const struct acpi_config most = { .nr_cpus = 255,
					  .ecam_gpa = ECAM_GPA,
					  .ecam_buses = 1,
					  .nr_virtio_mmio = ACPI_VIRTIO_MMIO_MAX };
	struct guest_mem mem = guest_create(MIB(2));
	uint8_t *ram = mem.regions[0].hva;

	(void)state;
	memset(ram, 0xaa, MIB(2));
	assert_non_null(find_table(&mem, write_tables(&most, &mem), "APIC"));
	assert_int_equal(ram[BOOT_ACPI_GPA - 1], 0xaa);
	assert_int_equal(ram[BOOT_ACPI_GPA + BOOT_ACPI_SIZE], 0xaa);
	guest_destroy(&mem);
}

static void refuses_what_it_cannot_describe(void **state)
{
	const struct acpi_config none = { .nr_cpus = 0 }, many = { .nr_cpus = 256 },
				 buses = { .nr_cpus = 1, .ecam_gpa = 1, .ecam_buses = 257 },
				 devices = { .nr_cpus = 1,
					     .nr_virtio_mmio = ACPI_VIRTIO_MMIO_MAX + 1 };
	struct guest_mem mem = guest_create(MIB(1)), small = guest_create(KIB(64));
	struct error error = { 0 };
	uint64_t rsdp_gpa = 7;

	(void)state;
	assert_int_equal(acpi_write_tables(&none, &mem, &rsdp_gpa, &error), -EINVAL);
	assert_int_equal(acpi_write_tables(&many, &mem, &rsdp_gpa, &error), -EINVAL);
	assert_int_equal(acpi_write_tables(&buses, &mem, &rsdp_gpa, &error), -EINVAL);
	assert_int_equal(acpi_write_tables(&devices, &mem, &rsdp_gpa, &error), -EINVAL);
	assert_int_equal(acpi_write_tables(&two_cpus, &small, &rsdp_gpa, &error), -EFAULT);
	assert_true(error.message[0] != '\0');
	assert_int_equal(rsdp_gpa, 7);
	guest_destroy(&mem);
	guest_destroy(&small);
}

/* Disassembles one table, and expects all of @words in what comes out. */
static void expect_disassembly(const char *folder, const uint8_t *table, const char *const *words)
{
	_cleanup_free_ char *path = NULL, *command = NULL, *listing_path = NULL;
	static char listing[KIB(256)];
	FILE *file;
	size_t len;

	assert_true(asprintf(&path, "%s/table.dat", folder) > 0);
	assert_true(asprintf(&listing_path, "%s/table.dsl", folder) > 0);
	assert_true(asprintf(&command, "iasl -d %s > %s/log 2>&1", path, folder) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, get(table, 4, 4), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(system(command), 0);
	file = fopen(listing_path, "r");
	assert_non_null(file);
	len = fread(listing, 1, sizeof(listing) - 1, file);
	listing[len] = '\0';
	assert_int_equal(fclose(file), 0);
	for (; *words; words++) {
		if (!strstr(listing, *words))
			fail_msg("'%s' is missing in the disassembly of %.4s", *words,
				 (const char *)table);
	}
	/* How the disassembler complains, inside of the listing. */
	assert_null(strstr(listing, "Invalid"));
	assert_null(strstr(listing, "Incorrect checksum"));
	assert_null(strstr(listing, "Unknown"));
}

static void iasl_reads_every_table(void **state)
{
	static const char *const fadt_words[] = { "SystemIO", "Fixed ACPI Description Table",
						  NULL };
	static const char *const madt_words[] = { "I/O APIC", "Local APIC NMI", NULL };
	static const char *const mcfg_words[] = { "00000000C0000000", NULL };
	static const char *const dsdt_words[] = { "_S5", "PNP0501", "PNP0B00", "0x03F8", NULL };
	static const char *const virtio_words[] = {
		/* The second device of two. */
		"Device (VM01)",
		"\"LNRO0005\"",
		"0xFE001000",
		"0x00001000",
		"0x00000006",
		"ResourceConsumer, Level, ActiveHigh, Exclusive",
		NULL
	};
	static const char *const panic_words[] = { "\"QEMU0001\"", "RDPT", "WRPT", "0x0505", NULL };
	const struct acpi_config two_devices = { .nr_cpus = 1, .nr_virtio_mmio = 2 };
	const struct acpi_config panic_port = { .nr_cpus = 1, .pvpanic = true };
	char ecam[16], mmio[16], mmio_end[16], pio[16];
	const char *const pci_words[] = { "PNP0A08", "PNP0C02", ecam, mmio, mmio_end, pio, NULL };
	char folder[] = "/tmp/acpi_test.XXXXXX", command[64];
	struct guest_mem mem;
	const uint8_t *fadt;
	uint64_t rsdp;

	(void)state;
	if (system("iasl -v > /dev/null 2>&1") != 0) {
		print_message("iasl is not installed\n");
		skip();
	}
	/* pci.asl cannot include acpi.h. */
	(void)snprintf(ecam, sizeof(ecam), "0x%08llX", ACPI_PCI_ECAM_GPA);
	(void)snprintf(mmio, sizeof(mmio), "0x%08llX", ACPI_PCI_MMIO_GPA);
	(void)snprintf(mmio_end, sizeof(mmio_end), "0x%08llX",
		       ACPI_PCI_MMIO_GPA + ACPI_PCI_MMIO_SIZE - 1);
	(void)snprintf(pio, sizeof(pio), "0x%04X", ACPI_PCI_PIO_PORT);
	assert_non_null(mkdtemp(folder));
	mem = guest_create(MIB(1));
	rsdp = write_tables(&with_pci, &mem);
	fadt = find_table(&mem, rsdp, "FACP");
	expect_disassembly(folder, fadt, fadt_words);
	expect_disassembly(folder, find_table(&mem, rsdp, "APIC"), madt_words);
	expect_disassembly(folder, find_table(&mem, rsdp, "MCFG"), mcfg_words);
	expect_disassembly(folder, get_table(&mem, get(fadt, 40, 4), "DSDT"), dsdt_words);
	expect_disassembly(folder, find_table(&mem, rsdp, "SSDT"), pci_words);
	rsdp = write_tables(&two_devices, &mem);
	expect_disassembly(folder, find_table(&mem, rsdp, "SSDT"), virtio_words);
	rsdp = write_tables(&panic_port, &mem);
	expect_disassembly(folder, find_table(&mem, rsdp, "SSDT"), panic_words);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	guest_destroy(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fadt_names_the_fixed_hardware),
		cmocka_unit_test(madt_has_cpus_and_interrupts),
		cmocka_unit_test(mcfg_is_there_with_pci_only),
		cmocka_unit_test(ssdt_has_as_many_virtio_devices_as_there_are),
		cmocka_unit_test(panic_port_is_there_when_asked_for),
		cmocka_unit_test(all_tables_fit),
		cmocka_unit_test(stays_in_its_area),
		cmocka_unit_test(refuses_what_it_cannot_describe),
		cmocka_unit_test(iasl_reads_every_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
