/* SPDX-License-Identifier: MIT */
/*
 * How many devices there are is known only when the machine is built, so this AML is put together
 * here and not by iasl.  In ASL, each device is (n, its address and its GSI in hexadecimal):
 *
 *     Device (\_SB.VM0n)
 *     {
 *         Name (_HID, "LNRO0005") // what Linux looks for
 *         Name (_UID, n)
 *         Name (_CRS, ResourceTemplate ()
 *         {
 *             Memory32Fixed (ReadWrite, address, 0x00001000)
 *             Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { GSI }
 *         })
 *     }
 */
#include <string.h>

#include "base/util.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/acpi_virtio.h"

/* Inputs of the I/O APIC that no other device of this machine drives: free ISA interrupts. */
static const uint8_t gsis[ACPI_VIRTIO_MMIO_MAX] = { 5, 6, 7, 10, 11, 12, 14, 15 };

unsigned acpi_virtio_mmio_gsi(unsigned index)
{
	return gsis[index];
}

/* Memory32Fixed and Interrupt (6.4.3.4, 6.4.3.6), and the end tag (6.4.2.9). */
struct resources {
	uint8_t memory_tag;
	uint16_t memory_len;
	uint8_t writable;
	uint32_t base, size;
	uint8_t interrupt_tag;
	uint16_t interrupt_len;
	uint8_t flags, nr_interrupts;
	uint32_t gsi;
	uint8_t end_tag, checksum; /* 0: none */
} ACPI_PACKED;

/* One device in AML (20.2), every part of it of fixed length. */
struct device_aml {
	uint8_t device_op[2], device_len;
	char name[4];
	char hid[6 + sizeof("LNRO0005")];
	char uid_name[6];
	uint8_t uid;
	char crs_name[5];
	uint8_t buffer_op, buffer_len, size_op, size;
	struct resources resources;
} ACPI_PACKED;

#define ONE_BYTE_LENGTH_MAX 63 /* of a package; it counts itself (20.2.4) */
#define BUFFER_LEN          (3 + sizeof(struct resources))
#define DEVICE_LEN          (sizeof(struct device_aml) - 2)
_Static_assert(BUFFER_LEN <= ONE_BYTE_LENGTH_MAX && DEVICE_LEN <= ONE_BYTE_LENGTH_MAX, "20.2.4");

static struct device_aml make_device(unsigned n)
{
	struct device_aml device = {
		.device_op = { 0x5b, 0x82 },
		.device_len = DEVICE_LEN,
		.uid = (uint8_t)n,
		.buffer_op = 0x11,
		.buffer_len = BUFFER_LEN,
		.size_op = 0x0a,
		.size = sizeof(struct resources),
		.resources = {
			.memory_tag = 0x86,
			.memory_len = 9,
			.writable = 1,
			.base = (uint32_t)(ACPI_VIRTIO_MMIO_GPA + n * ACPI_VIRTIO_MMIO_STRIDE),
			.size = ACPI_VIRTIO_MMIO_STRIDE,
			.interrupt_tag = 0x89,
			.interrupt_len = 6,
			.flags = 0x01, /* consumer; level, active high, exclusive: zeros */
			.nr_interrupts = 1,
			.gsi = gsis[n],
			.end_tag = 0x79,
		},
	};

	memcpy(device.name, "VM00", sizeof(device.name));
	device.name[3] = (char)('0' + n);
	/* NameOp, the name, StringPrefix or BytePrefix; the string with its end. */
	memcpy(device.hid, "\x08_HID\x0dLNRO0005", sizeof(device.hid));
	memcpy(device.uid_name, "\x08_UID\x0a", sizeof(device.uid_name));
	memcpy(device.crs_name, "\x08_CRS", sizeof(device.crs_name));
	return device;
}

/* Scope (\_SB), with a length of two bytes. */
struct scope_aml {
	uint8_t scope_op, len_low, len_high;
	char name[5];
} ACPI_PACKED;

_Static_assert(sizeof(struct scope_aml) + ACPI_VIRTIO_MMIO_MAX * sizeof(struct device_aml) <=
		       ACPI_VIRTIO_AML_MAX,
	       "all devices fit");

unsigned acpi_virtio_put_aml(unsigned nr, uint8_t aml[ACPI_VIRTIO_AML_MAX])
{
	unsigned size = (unsigned)(sizeof(struct scope_aml) + nr * sizeof(struct device_aml));
	unsigned len = size - 1; /* without the operator */
	struct scope_aml scope = { .scope_op = 0x10,
				   .len_low = (uint8_t)(0x40 | (len & 0xf)),
				   .len_high = (uint8_t)(len >> 4) };

	memcpy(scope.name, "\\_SB_", sizeof(scope.name));
	memcpy(aml, &scope, sizeof(scope));
	aml += sizeof(scope);
	for (unsigned n = 0; n < nr; n++, aml += sizeof(struct device_aml)) {
		const struct device_aml device = make_device(n);

		memcpy(aml, &device, sizeof(device));
	}
	return size;
}
