/* SPDX-License-Identifier: MIT */
/* The file format of Linux's compressed kernels (Documentation/arch/x86/boot.rst). */
#ifndef GLASSBOX_VMM_BOOT_BZIMAGE_H
#define GLASSBOX_VMM_BOOT_BZIMAGE_H

#include <asm/bootparam.h>

#include "base/error.h"
#include "base/util.h"

#define BZIMAGE_ENTRY64_OFFSET 0x200u /* of the 64-bit entry in the protected-mode code */

struct bzimage {
	struct setup_header header; /* a copy; fields that the image does not have are 0 */
	const uint8_t *code;        /* the protected-mode code, in the caller's image */
	size_t code_len;
	const uint8_t *payload; /* the packed kernel inside it */
	size_t payload_len;
	char version[64]; /* e.g. "6.1.0-56-cloud-amd64"; "" when it does not say */
};

/** bzimage_probe() - does @data look like a bzImage? */
bool bzimage_probe(const uint8_t *data, size_t len);

/**
 * bzimage_parse() - check the header of an image and find its parts
 * @data: must outlive @ret_image, which points into it
 *
 * Return: 0, or -ENOEXEC with @error set to a clause without the file's name.
 */
int bzimage_parse(const uint8_t *data, size_t len, struct bzimage *ret_image, struct error *error)
	__must_check;

#endif
