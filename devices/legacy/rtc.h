/* SPDX-License-Identifier: MIT */
/*
 * A real-time clock with CMOS memory: the Motorola MC146818A (data sheet ADI856R2) as PCs wire it,
 * with a century byte and the memory sizes at their customary places.
 *
 * It shows UTC.  A guest may set it; that moves this clock only, not the host's, and is forgotten
 * with the machine.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_RTC_H
#define GLASSBOX_DEVICES_LEGACY_RTC_H

#include "devices/device.h"

#define RTC_PORT     0x70
#define RTC_NR_PORTS 2
#define RTC_NR_BYTES 128

/* Where the century is; the FADT's CENTURY field says so too. */
#define RTC_CENTURY  0x32

struct rtc_config {
	const char *name;        /* e.g. "rtc"; borrowed */
	struct irq_line irq;     /* IRQ 8 */
	struct wall_clock clock; /* what time it is */
	struct device_timer
		timer; /* calls rtc_expire(); without one, flags come but no interrupts */
	uint64_t memory_below_4g; /* bytes of guest memory, for guests that ask the CMOS */
	uint64_t memory_above_4g;
};

/**
 * rtc_create() - a clock that runs, in 24-hour BCD mode
 *
 * Return: 0 or -ENOMEM.
 */
int rtc_create(const struct rtc_config *config, struct device **ret_dev) __must_check;

/** rtc_expire() - the timer reached the deadline it was armed with; any thread */
void rtc_expire(struct device *dev);

#endif
