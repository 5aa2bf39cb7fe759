/* SPDX-License-Identifier: MIT */
/*
 * Puts the segments of an x86-64 ELF kernel where they belong, from a whole file or from the pieces
 * that a decompressor hands out.
 */
#ifndef GLASSBOX_VMM_BOOT_ELF_LOAD_H
#define GLASSBOX_VMM_BOOT_ELF_LOAD_H

#include "vmm/boot/boot.h"

/* The ELF header and the program headers are in the first piece, and in this many bytes. */
#define ELF_LOAD_HEADERS_MAX KIB(256)

/* Bytes of the file that are wanted somewhere. */
struct elf_span {
	uint64_t offset, len; /* in the file */
	uint8_t *to;
};

/* Starts as { .mem = mem }; the rest is private to elf_load.c. */
struct elf_load {
	struct guest_mem *mem; /* zero-filled; borrowed until elf_load_release() */
	uint64_t received;     /* bytes of the file so far */
	uint64_t needed;       /* where the last span ends */
	struct elf_span spans[BOOT_MAX_SEGMENTS + 1];
	unsigned nr_spans;
	struct boot_segment loaded[BOOT_MAX_SEGMENTS]; /* with the per-CPU one */
	unsigned nr_loaded;
	uint64_t e_entry;
	uint8_t *notes;
	size_t notes_len;
};

/* What was loaded. */
struct elf_kernel {
	enum boot_entry entry;
	uint64_t rip;
	uint64_t start_gpa, end_gpa; /* all segments lie in this range */
	struct boot_segment segments[BOOT_MAX_SEGMENTS];
	unsigned nr_segments;
};

/** elf_load_release() - free what @load owns; fine after a failure */
void elf_load_release(struct elf_load *load);

/**
 * elf_load_write() - take the next bytes of the file
 * @data: the first piece holds the headers
 *
 * Return: 0; -ENOEXEC for what is no loadable kernel; -ENOMEM when it does not fit into the guest.
 * @error is set to a clause without the file's name.
 */
int elf_load_write(struct elf_load *load, const uint8_t *data, size_t len, struct error *error)
	__must_check;

/**
 * elf_load_finish() - check that everything came, and find the entry point
 *
 * How the entry is chosen is told at boot_load().  Return: 0, or -ENOEXEC with @error set.
 */
int elf_load_finish(struct elf_load *load, struct elf_kernel *ret_kernel, struct error *error)
	__must_check;

#endif
