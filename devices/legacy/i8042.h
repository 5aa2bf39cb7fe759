/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary
 * Device Controller") with nothing attached: it is here because it resets the machine.
 *
 * The machine's FADT says that there is no 8042 (IAPC_BOOT_ARCH bit 1 clear, ACPI 6.5 table 5.11)
 * and its DSDT names no keyboard, so Linux probes nothing: no exit at all.  Yet the ports answer.
 * `reboot=k` waits for the input buffer to be empty before it pulses the reset line, up to 65,536
 * reads of a port that nobody claims; and a guest that probes anyway gets each reply at once
 * instead of polling until its time-out.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_I8042_H
#define GLASSBOX_DEVICES_LEGACY_I8042_H

#include "devices/device.h"

/* Ports 0x60 (data) and 0x64 (status, command); what is between belongs to others. */
#define I8042_PORT     0x60
#define I8042_NR_PORTS 5

/**
 * i8042_create() - a controller in its state after power-on
 * @name: borrowed, e.g. "i8042"
 * @power: told POWER_REQUEST_RESET when the guest pulses the reset line
 *
 * Return: 0 or -ENOMEM.
 */
int i8042_create(const char *name, const struct power_control *power, struct device **ret_dev)
	__must_check;

#endif
