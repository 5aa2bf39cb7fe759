/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware (ACPI 6.5, section 4.8.3): PM1 event and control blocks, the power management
 * timer and the reset register, in one block of ports.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_PM_H
#define GLASSBOX_DEVICES_LEGACY_PM_H

#include "devices/device.h"

/* Offsets in the block, which the FADT's addresses must agree with. */
#define PM_EVENT_OFF   0x0 /* PM1 status and enable, 16 bits each (4.8.3.1) */
#define PM_CONTROL_OFF 0x4 /* PM1 control, 16 bits (4.8.3.2) */
#define PM_TIMER_OFF   0x8 /* 32 bits at PM_TIMER_HZ (4.8.3.3) */
#define PM_RESET_OFF   0xc /* 8 bits (4.8.3.6) */
#define PM_NR_PORTS    0x10

#define PM_TIMER_HZ    3579545

struct pm_config {
	const char *name;             /* e.g. "acpi-pm"; borrowed */
	struct irq_line sci;          /* level, active high */
	struct monotonic_clock clock; /* drives the timer */
	struct power_control power;
	uint8_t sleep_type_s5; /* SLP_TYP of soft off, 0..7: the one the DSDT's \_S5 names */
	uint8_t reset_value;   /* what the FADT says to write to the reset register */
};

/**
 * pm_create() - fixed hardware in ACPI mode (SCI_EN is always set), its timer at 0
 *
 * Return: 0 or -ENOMEM.
 */
int pm_create(const struct pm_config *config, struct device **ret_dev) __must_check;

/**
 * pm_press_power_button() - what a user's shutdown request becomes for the guest; any thread
 *
 * Sets PWRBTN_STS and, if the guest enabled it, raises the SCI.  The guest decides what follows.
 */
void pm_press_power_button(struct device *dev);

#endif
