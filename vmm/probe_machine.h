/* SPDX-License-Identifier: MIT */
/* The tables in memory, and the registers that point to them, of a probe's machine. */
#ifndef GLASSBOX_VMM_PROBE_MACHINE_H
#define GLASSBOX_VMM_PROBE_MACHINE_H

#include <linux/kvm.h>

#include "base/util.h"

/** probe_machine_fill() - write page tables, GDT, IDT and interrupt handlers to the guest's RAM,
 * PROBE_MEMORY zero bytes at @memory */
void probe_machine_fill(uint8_t *memory);

/** probe_machine_set_long_mode() - from the state after reset to 64-bit mode on these tables */
void probe_machine_set_long_mode(struct kvm_sregs *sregs);

#endif
