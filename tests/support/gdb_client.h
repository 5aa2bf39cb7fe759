/* SPDX-License-Identifier: MIT */
/* gdb's end of the wire, for tests: makes frames and takes them apart, checking each. */
#ifndef GLASSBOX_TESTS_SUPPORT_GDB_CLIENT_H
#define GLASSBOX_TESTS_SUPPORT_GDB_CLIENT_H

#include "base/util.h"

/**
 * gdb_client_frame() - $BODY#CHECKSUM
 * @ret_frame: free() it
 *
 * Return: its length.
 */
size_t gdb_client_frame(const void *body, size_t len, char **ret_frame);

/**
 * gdb_client_parse() - take the first frame of @bytes apart: runs expanded, escapes resolved
 * @ret_body: NUL-terminated; free() it
 * @ret_body_len: without the NUL
 *
 * Acknowledgements in front are skipped.  Return: bytes used, or 0 when there is no whole frame.
 * A wrong checksum or an impossible run aborts.
 */
size_t gdb_client_parse(const uint8_t *bytes, size_t len, char **ret_body, size_t *ret_body_len);

#endif
