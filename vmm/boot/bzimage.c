/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "vmm/boot/bzimage.h"

#define HEADER_OFFSET   0x1f1u
#define JUMP_OFFSET     0x200u /* the header ends where this short jump goes */
#define BOOT_FLAG       0xaa55u
#define HEADER_MAGIC    0x53726448u /* "HdrS" */
#define SECTOR          512u
#define DEFAULT_SECTORS 4u     /* what 0 in setup_sects means */
#define PROTOCOL_MIN    0x20cu /* the first with xloadflags, in Linux 3.8 */

bool bzimage_probe(const uint8_t *data, size_t len)
{
	struct setup_header header;
	size_t have = MIN(sizeof(header), len > HEADER_OFFSET ? len - HEADER_OFFSET : 0);

	if (have < offsetof(struct setup_header, version))
		return false;
	memcpy(&header, data + HEADER_OFFSET, offsetof(struct setup_header, version));
	return header.boot_flag == BOOT_FLAG && header.header == HEADER_MAGIC;
}

/* The first word of the string that kernel_version points to. */
static void read_version(const uint8_t *setup, size_t setup_len, struct bzimage *image)
{
	size_t from = (size_t)image->header.kernel_version + JUMP_OFFSET, n = 0;

	if (image->header.kernel_version == 0)
		return;
	while (from + n < setup_len && n < sizeof(image->version) - 1 && isgraph(setup[from + n])) {
		image->version[n] = (char)setup[from + n];
		n++;
	}
}

int bzimage_parse(const uint8_t *data, size_t len, struct bzimage *ret_image, struct error *error)
{
	struct bzimage image = { 0 };
	size_t header_len, setup_len, code_len;

	if (!bzimage_probe(data, len))
		return error_set(error, -ENOEXEC, "it is not a bzImage");
	if (len < HEADER_OFFSET + sizeof(image.header))
		return error_set(error, -ENOEXEC, "it is truncated in the setup header");
	/* Newer headers end beyond what we know, older ones before. */
	header_len = JUMP_OFFSET + 2u + data[JUMP_OFFSET + 1] - HEADER_OFFSET;
	memcpy(&image.header, data + HEADER_OFFSET, MIN(header_len, sizeof(image.header)));
	if (image.header.version < PROTOCOL_MIN)
		return error_set(error, -ENOEXEC,
				 "it speaks boot protocol %u.%02u; %u.%02u or newer is needed",
				 image.header.version >> 8, image.header.version & 0xffu,
				 PROTOCOL_MIN >> 8, PROTOCOL_MIN & 0xffu);
	if (!(image.header.xloadflags & XLF_KERNEL_64))
		return error_set(error, -ENOEXEC,
				 "it has no 64-bit entry point; is it a 32-bit kernel?");
	setup_len = SECTOR *
		    (1u + (image.header.setup_sects ? image.header.setup_sects : DEFAULT_SECTORS));
	code_len = (size_t)image.header.syssize * 16;
	if (len < setup_len || len - setup_len < code_len)
		return error_set(error, -ENOEXEC, "it is truncated: %zu of at least %zu bytes", len,
				 setup_len + code_len);
	/* What follows the code is a signature. */
	image.code = data + setup_len;
	image.code_len = code_len;
	if (image.header.payload_length == 0 ||
	    !range_within(image.header.payload_offset, image.header.payload_length, 0, code_len))
		return error_set(error, -ENOEXEC,
				 "its header points to a payload outside the file");
	image.payload = image.code + image.header.payload_offset;
	image.payload_len = image.header.payload_length;
	read_version(data, setup_len, &image);
	*ret_image = image;
	return 0;
}
