/* SPDX-License-Identifier: MIT */
/* The GDT and the page tables that the first instruction runs on. */
#ifndef GLASSBOX_VMM_BOOT_EARLY_TABLES_H
#define GLASSBOX_VMM_BOOT_EARLY_TABLES_H

#include "base/guest_mem.h"

/**
 * early_tables_write() - write the GDT (selectors in boot.h) and an identity map of the first 4 GiB
 *
 * Return: 0, or -EFAULT when low memory is missing.
 */
int early_tables_write(struct guest_mem *mem) __must_check;

#endif
