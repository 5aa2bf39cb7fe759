/* SPDX-License-Identifier: MIT */
/* What a kernel calls itself, and the directory of its modules: `uname -r`. */
#ifndef GLASSBOX_VMM_BOOT_KERNEL_RELEASE_H
#define GLASSBOX_VMM_BOOT_KERNEL_RELEASE_H

#include "base/error.h"

#define KERNEL_RELEASE_LEN 65 /* as in struct utsname */

/**
 * kernel_release() - of a bzImage by its header, of an ELF file by its banner
 * @ret_release: "" if it does not tell
 *
 * Return: 0, or -errno with @error set: it cannot be read.
 */
int kernel_release(const char *path, char ret_release[KERNEL_RELEASE_LEN], struct error *error)
	__must_check;

#endif
