/* SPDX-License-Identifier: MIT */
/*
 * Bytes being written: a packet's body, or what waits for the socket.  A buffer has a fixed size
 * and never allocates; what does not fit is dropped and remembered in @overflow, so that a writer
 * can append freely and look once at the end.
 */
#ifndef GLASSBOX_GDBSTUB_BUFFER_H
#define GLASSBOX_GDBSTUB_BUFFER_H

#include <stdarg.h>

#include "base/util.h"

struct gdb_buffer {
	uint8_t *data; /* borrowed */
	size_t size;
	size_t len;
	bool overflow;
};

/** gdb_buffer_clear() - forget the contents */
void gdb_buffer_clear(struct gdb_buffer *buffer);

/** gdb_buffer_room() - bytes that still fit */
size_t gdb_buffer_room(const struct gdb_buffer *buffer);

/* Append a byte, bytes, or up to 511 bytes of formatted text. */
void gdb_buffer_put(struct gdb_buffer *buffer, uint8_t byte);
void gdb_buffer_put_bytes(struct gdb_buffer *buffer, const void *data, size_t len);
void gdb_buffer_printf(struct gdb_buffer *buffer, const char *format, ...) __printf(2, 3);
void gdb_buffer_vprintf(struct gdb_buffer *buffer, const char *format, va_list args) __printf(2, 0);

/** gdb_buffer_put_hex() - two lower-case digits a byte */
void gdb_buffer_put_hex(struct gdb_buffer *buffer, const void *data, size_t len);

/** gdb_buffer_put_binary() - the protocol's escaped binary form: at most twice @len */
void gdb_buffer_put_binary(struct gdb_buffer *buffer, const void *data, size_t len);

/** gdb_buffer_drop() - remove the first @len bytes (at most all) */
void gdb_buffer_drop(struct gdb_buffer *buffer, size_t len);

#endif
