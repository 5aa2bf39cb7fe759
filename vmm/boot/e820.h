/* SPDX-License-Identifier: MIT */
/* The memory map that the guest is told (ACPI 6.5, 15.3: INT 15H, E820H). */
#ifndef GLASSBOX_VMM_BOOT_E820_H
#define GLASSBOX_VMM_BOOT_E820_H

#include <asm/bootparam.h>

#include "base/guest_mem.h"

#define E820_RAM         1u
#define E820_RESERVED    2u

/* Each region of RAM is at most two entries; three reserved ones. */
#define E820_MAX_ENTRIES (2 * GUEST_MEM_MAX_REGIONS + 3)

struct e820_map {
	struct boot_e820_entry entries[E820_MAX_ENTRIES]; /* by rising address, no overlaps */
	unsigned nr_entries;
};

/**
 * e820_build() - RAM as @mem has it, without the legacy hole, and what is reserved
 * @ecam_gpa: PCI configuration space, outside of RAM; Linux wants it reserved before it trusts the
 *            MCFG
 * @ecam_size: bytes; 0: none
 */
void e820_build(const struct guest_mem *mem, uint64_t ecam_gpa, uint64_t ecam_size,
		struct e820_map *ret_map);

#endif
