/* SPDX-License-Identifier: MIT */
/* Numbers and sizes as users type them. */
#ifndef GLASSBOX_BASE_SIZE_H
#define GLASSBOX_BASE_SIZE_H

#include "base/util.h"

/**
 * size_parse() - a size with an optional binary suffix K, M, G or T (either case, optional "iB" or
 * "B")
 * @text: e.g. "512M", "4GiB", "1048576"
 * @default_unit: multiplier of a number without a suffix, in bytes (1 or MIB(1))
 * @ret_bytes: the size in bytes
 *
 * Return: 0; -EINVAL if @text is not such a number; -ERANGE if it does not fit in 64 bits.
 */
int size_parse(const char *text, uint64_t default_unit, uint64_t *ret_bytes) __must_check;

/**
 * number_parse() - an unsigned decimal (or 0x hexadecimal) number in [@min, @max]
 *
 * Return: 0, -EINVAL, or -ERANGE.
 */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value) __must_check;

#endif
