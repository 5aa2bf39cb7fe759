/* SPDX-License-Identifier: MIT */
/* The address space that holds the guest's RAM. */
#ifndef GLASSBOX_VMM_RAM_H
#define GLASSBOX_VMM_RAM_H

#include <stdint.h>

#include "base/util.h"

/** RAM_ALIGN - of what ram_map() returns: a huge page of x86, in bytes */
#define RAM_ALIGN MIB(2)

/**
 * ram_create_file() - make a file in memory, for other processes to map the guest's RAM
 *
 * Its size is sealed: whoever made it smaller would end us with SIGBUS.
 *
 * Return: the file descriptor, or -errno
 */
int ram_create_file(uint64_t size) __must_check;

/**
 * ram_map() - map zeroed memory for a guest, readable and writable
 * @size: bytes, a multiple of 4 KiB
 * @fd: of ram_create_file(); -1: memory of this process alone
 * @ret_ram: the HVA; ram_unmap() ends the mapping
 *
 * KVM maps a huge page only where GPA and HVA agree modulo its size, so the mapping begins on one.
 * No page of it is there before it is touched, and none is in a core dump.
 *
 * Return: 0, or -errno
 */
int ram_map(uint64_t size, int fd, void **ret_ram) __must_check;

/** ram_unmap() - end a mapping; @ram can be NULL */
void ram_unmap(void *ram, uint64_t size);

#endif
