/* SPDX-License-Identifier: MIT */
/*
 * Tiny kernel images for the tests of vmm/boot, made in memory.  What fails here aborts the test.
 */
#ifndef GLASSBOX_TESTS_UNIT_KERNEL_IMAGE_H
#define GLASSBOX_TESTS_UNIT_KERNEL_IMAGE_H

#include <asm/bootparam.h>
#include <elf.h>

#include "base/guest_mem.h"

struct image {
	uint8_t *data;
	size_t len;
};

/* A guest of @size bytes of RAM from 0 on, zero-filled. */
struct guest_mem guest_create(uint64_t size);
void guest_destroy(struct guest_mem *mem);

void image_free(struct image *image);

/* A copy of the first @len bytes. */
struct image image_cut(const struct image *image, size_t len);

#define IMAGE_ELF_TEXT_GPA   0x200000ull
#define IMAGE_ELF_TEXT_GVA   0xffffffff80200000ull
#define IMAGE_ELF_TEXT_SIZE  0x3000u
#define IMAGE_ELF_DATA_GPA   0x300000ull
#define IMAGE_ELF_DATA_SIZE  0x1800u  /* in the file */
#define IMAGE_ELF_DATA_TOTAL 0x10000u /* in memory */
#define IMAGE_ELF_TEXT       0x1000u  /* offset in the file */
#define IMAGE_ELF_DATA       0x4000u
#define IMAGE_ELF_NOTES      0x6000u
#define IMAGE_ELF_SIZE       0x6100u
#define IMAGE_ELF_ENTRY      (IMAGE_ELF_TEXT_GPA + 0x123)
#define IMAGE_ELF_PHDRS      4 /* text, data, per-CPU (linked at 0), notes */

/* A small vmlinux with e_entry at IMAGE_ELF_ENTRY, no notes. */
struct image image_elf(void);

Elf64_Ehdr *image_elf_header(struct image *image);
Elf64_Phdr *image_elf_phdr(struct image *image, unsigned index);

/* Append a note to those of an ELF image. */
void image_elf_add_note(struct image *image, const char *owner, uint32_t type, const void *desc,
			uint32_t len);

/* @format: as unpack_format_name() says it; the size word is appended but for gzip. */
struct image image_pack(const struct image *from, const char *format);

#define IMAGE_BZ_PREF_GPA  0x200000ull
#define IMAGE_BZ_INIT_SIZE 0x400000u
#define IMAGE_BZ_VERSION   "6.1.0-test"

/* A bzImage around a payload. */
struct image image_bz(const struct image *payload);

struct setup_header *image_bz_header(struct image *image);

/* The image as a file without a name: its path, valid until image_path_free(). */
char *image_path(const struct image *image);
void image_path_free(char *path);

#endif
