/* SPDX-License-Identifier: MIT */
/* What the kernel's command line says of the first program, for rootfs.c on the host and init.c in
 * the guest. */
#ifndef GLASSBOX_VMM_ROOTFS_CMDLINE_H
#define GLASSBOX_VMM_ROOTFS_CMDLINE_H

#include <string.h>

/** rootfs_find_init() - the value of init= in @cmdline, up to a space or its end; NULL: none. Words
 * behind "--" are init's own */
static inline const char *rootfs_find_init(const char *cmdline)
{
	for (const char *word = cmdline; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		if (len == 2 && strncmp(word, "--", len) == 0)
			break;
		if (strncmp(word, "init=", 5) == 0)
			return word + 5;
		word += len;
	}
	return NULL;
}

#endif
