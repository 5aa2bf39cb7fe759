/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "gdbstub/buffer.h"

void gdb_buffer_clear(struct gdb_buffer *buffer)
{
	buffer->len = 0;
	buffer->overflow = false;
}

size_t gdb_buffer_room(const struct gdb_buffer *buffer)
{
	return buffer->size - buffer->len;
}

void gdb_buffer_put(struct gdb_buffer *buffer, uint8_t byte)
{
	if (buffer->len == buffer->size)
		buffer->overflow = true;
	else
		buffer->data[buffer->len++] = byte;
}

void gdb_buffer_put_bytes(struct gdb_buffer *buffer, const void *data, size_t len)
{
	size_t fits = MIN(len, gdb_buffer_room(buffer));

	if (fits > 0)
		memcpy(buffer->data + buffer->len, data, fits);
	buffer->len += fits;
	if (fits < len)
		buffer->overflow = true;
}

void gdb_buffer_vprintf(struct gdb_buffer *buffer, const char *format, va_list args)
{
	char text[512];
	int n = vsnprintf(text, sizeof(text), format, args);

	if (n < 0 || (size_t)n >= sizeof(text))
		buffer->overflow = true;
	else
		gdb_buffer_put_bytes(buffer, text, (size_t)n);
}

void gdb_buffer_printf(struct gdb_buffer *buffer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	gdb_buffer_vprintf(buffer, format, args);
	va_end(args);
}

void gdb_buffer_put_hex(struct gdb_buffer *buffer, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		gdb_buffer_put(buffer, (uint8_t)digits[bytes[i] >> 4]);
		gdb_buffer_put(buffer, (uint8_t)digits[bytes[i] & 0xf]);
	}
}

void gdb_buffer_put_binary(struct gdb_buffer *buffer, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		if (byte == '$' || byte == '#' || byte == '}' || byte == '*') {
			gdb_buffer_put(buffer, '}');
			byte ^= 0x20;
		}
		gdb_buffer_put(buffer, byte);
	}
}

void gdb_buffer_drop(struct gdb_buffer *buffer, size_t len)
{
	len = MIN(len, buffer->len);
	memmove(buffer->data, buffer->data + len, buffer->len - len);
	buffer->len -= len;
}
