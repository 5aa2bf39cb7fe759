/* SPDX-License-Identifier: MIT */
/* Reads a cpio archive in the "newc" format, for tests; what it does not understand fails. */
#ifndef GLASSBOX_TESTS_SUPPORT_CPIO_READER_H
#define GLASSBOX_TESTS_SUPPORT_CPIO_READER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_map.h"
#include "tests/support/must.h"

struct cpio_entry {
	const char *name;
	unsigned mode, major, minor;
	const uint8_t *data;
	size_t len;
};

static inline unsigned cpio_field(const uint8_t *header, unsigned index)
{
	char digits[9] = "", *end;
	unsigned value;

	memcpy(digits, header + 6 + 8 * (size_t)index, 8);
	value = (unsigned)strtoul(digits, &end, 16);
	must(*end == '\0');
	return value;
}

/* The entry at *@at, which moves on.  Return: false at the end, which must be where the file ends.
 */
static inline bool cpio_next(const struct file_map *archive, size_t *at,
			     struct cpio_entry *ret_entry)
{
	const uint8_t *header = archive->data + *at;
	size_t name_len, end;

	must(*at + 110 <= archive->size && memcmp(header, "070701", 6) == 0);
	name_len = cpio_field(header, 11);
	ret_entry->name = (const char *)header + 110;
	must(*at + 110 + name_len <= archive->size && ret_entry->name[name_len - 1] == '\0');
	ret_entry->mode = cpio_field(header, 1);
	ret_entry->len = cpio_field(header, 6);
	ret_entry->major = cpio_field(header, 9);
	ret_entry->minor = cpio_field(header, 10);
	/* Owned by root, with no time. */
	must(cpio_field(header, 2) == 0 && cpio_field(header, 3) == 0 &&
	     cpio_field(header, 5) == 0);
	end = ALIGN_UP(*at + 110 + name_len, 4);
	ret_entry->data = archive->data + end;
	end = ALIGN_UP(end + ret_entry->len, 4);
	must(end <= archive->size);
	*at = end;
	if (strcmp(ret_entry->name, "TRAILER!!!") != 0)
		return true;
	must(end == archive->size);
	return false;
}

/* Return: is there an entry @name? */
static inline bool cpio_find(const struct file_map *archive, const char *name,
			     struct cpio_entry *ret_entry)
{
	size_t at = 0;

	while (cpio_next(archive, &at, ret_entry))
		if (strcmp(ret_entry->name, name) == 0)
			return true;
	return false;
}

static inline bool cpio_is_text(const struct cpio_entry *entry, const char *text)
{
	return entry->len == strlen(text) && memcmp(entry->data, text, entry->len) == 0;
}

#endif
