/* SPDX-License-Identifier: MIT */
/* What ACPI says about virtio-mmio devices; for acpi.c only. */
#ifndef GLASSBOX_VMM_BOOT_ACPI_VIRTIO_H
#define GLASSBOX_VMM_BOOT_ACPI_VIRTIO_H

#include "vmm/boot/acpi_tables.h"

#define ACPI_VIRTIO_AML_MAX 1024u

/**
 * acpi_virtio_put_aml() - the body of an SSDT with @nr devices of virtio-mmio
 * @nr: 1 to ACPI_VIRTIO_MMIO_MAX
 *
 * Return: its length in bytes.
 */
unsigned acpi_virtio_put_aml(unsigned nr, uint8_t aml[ACPI_VIRTIO_AML_MAX]);

#endif
