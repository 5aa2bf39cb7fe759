/* SPDX-License-Identifier: MIT */
/*
 * The pvpanic device ("PVPANIC DEVICE" in QEMU's specifications, ISA interface): one port by which
 * a guest's kernel says that it has panicked.
 *
 *   read   the events that the device knows: PANICKED and CRASH_LOADED
 *   write  the events that have happened; unknown bits are ignored
 *
 * The guest finds it by ACPI, as QEMU0001 (vmm/boot/pvpanic.asl).
 */
#ifndef GLASSBOX_DEVICES_LEGACY_PVPANIC_H
#define GLASSBOX_DEVICES_LEGACY_PVPANIC_H

#include "devices/device.h"

#define PVPANIC_PORT     0x505
#define PVPANIC_NR_PORTS 1

enum pvpanic_event {
	PVPANIC_EVENT_PANICKED,     /* the guest is at its end */
	PVPANIC_EVENT_CRASH_LOADED, /* the guest deals with it: a crash kernel takes over */
};

/* Called on the vCPU's thread that wrote the port, as often as it does. */
struct pvpanic_listener {
	void (*event)(void *ctx, enum pvpanic_event event);
	void *ctx;
};

/**
 * pvpanic_create() - @name is borrowed, e.g. "pvpanic"
 *
 * Return: 0 or -ENOMEM.
 */
int pvpanic_create(const char *name, const struct pvpanic_listener *listener,
		   struct device **ret_dev) __must_check;

#endif
