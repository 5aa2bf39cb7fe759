/* SPDX-License-Identifier: MIT */
/* Runs the methods of pci.asl in acpiexec, ACPICA's interpreter, which is Linux's too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/pci/host.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/boot/acpi.h"

/* Where the build put dsdt.aml and pci.aml. */
#define TABLES     AML_DIR "/dsdt.aml " AML_DIR "/pci.aml"
#define NR_ENTRIES (PCI_NR_SLOTS * 4)

/* What acpiexec says when it evaluates @call; NULL if it is not installed. */
static FILE *evaluate(const char *call)
{
	_cleanup_free_ char *command = NULL;

	if (system("acpiexec -v > /dev/null 2>&1") != 0) {
		print_message("acpiexec is not installed\n");
		skip();
	}
	assert_true(asprintf(&command, "acpiexec -b 'execute \\_SB.PCI0.%s' %s 2>&1", call,
			     TABLES) > 0);
	return popen(command, "r");
}

static void every_pin_has_the_line_of_the_host_bridge(void **state)
{
	unsigned long long numbers[NR_ENTRIES * 4];
	unsigned nr = 0;
	char line[256];
	FILE *output = evaluate("_PRT");

	(void)state;
	assert_non_null(output);
	while (fgets(line, sizeof(line), output)) {
		const char *number = strstr(line, "[Integer] = ");

		if (!number)
			continue;
		assert_in_range(nr, 0, ARRAY_SIZE(numbers) - 1);
		numbers[nr++] = strtoull(number + strlen("[Integer] = "), NULL, 16);
	}
	assert_int_equal(pclose(output), 0);
	assert_int_equal(nr, ARRAY_SIZE(numbers));
	/* Address, pin from 0 on, no link device, GSI (ACPI 6.5, 6.2.13). */
	for (unsigned slot = 0; slot < PCI_NR_SLOTS; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			const unsigned long long *entry = &numbers[(slot * 4 + pin) * 4];

			assert_int_equal(entry[0], slot << 16 | 0xffff);
			assert_int_equal(entry[1], pin);
			assert_int_equal(entry[2], 0);
			assert_int_equal(entry[3],
					 ACPI_PCI_INTX_GSI + pci_host_intx_line(slot, pin + 1));
		}
	}
}

static void expect_buffer(const char *call, const char *bytes)
{
	bool found = false;
	char line[256];
	FILE *output = evaluate(call);

	assert_non_null(output);
	while (fgets(line, sizeof(line), output))
		found = found || strstr(line, bytes);
	assert_int_equal(pclose(output), 0);
	if (!found)
		fail_msg("'%s' does not give '%s'", call, bytes);
}

#define PCI_UUID "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66)"

static void system_gets_control_of_what_is_there(void **state)
{
	(void)state;
	/* Hot plug, power management events and errors are not granted, capabilities are. */
	expect_buffer("_OSC " PCI_UUID " 1 3 (00 00 00 00 1F 00 00 00 1F 00 00 00)",
		      "10 00 00 00 1F 00 00 00 10 00 00 00");
	expect_buffer("_OSC " PCI_UUID " 1 3 (01 00 00 00 1F 00 00 00 10 00 00 00)",
		      "01 00 00 00 1F 00 00 00 10 00 00 00");
	/* Another revision, another UUID. */
	expect_buffer("_OSC " PCI_UUID " 2 3 (00 00 00 00 00 00 00 00 10 00 00 00)",
		      "08 00 00 00 00 00 00 00 10 00 00 00");
	expect_buffer("_OSC (00 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66) 1 3 "
		      "(00 00 00 00 00 00 00 00 1F 00 00 00)",
		      "04 00 00 00 00 00 00 00 1F 00 00 00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pin_has_the_line_of_the_host_bridge),
		cmocka_unit_test(system_gets_control_of_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
