/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "gdbstub/text.h"

size_t gdb_text_left(const struct gdb_text *text)
{
	return (size_t)(text->end - text->at);
}

bool gdb_text_take(struct gdb_text *text, char c)
{
	if (text->at == text->end || *text->at != (uint8_t)c)
		return false;
	text->at++;
	return true;
}

bool gdb_text_take_string(struct gdb_text *text, const char *string)
{
	size_t len = strlen(string);

	if (gdb_text_left(text) < len || memcmp(text->at, string, len) != 0)
		return false;
	text->at += len;
	return true;
}

int gdb_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool gdb_text_take_hex(struct gdb_text *text, uint64_t *ret_value)
{
	const uint8_t *at = text->at;
	uint64_t value = 0;

	for (; at < text->end && gdb_hex_digit(*at) >= 0; at++) {
		if (value >> 60)
			return false;
		value = value << 4 | (uint64_t)gdb_hex_digit(*at);
	}
	if (at == text->at)
		return false;
	text->at = at;
	*ret_value = value;
	return true;
}

bool gdb_text_take_hex_bytes(struct gdb_text *text, void *buf, size_t len)
{
	uint8_t *bytes = buf;

	if (gdb_text_left(text) / 2 < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = gdb_hex_digit(text->at[2 * i]);
		int low = gdb_hex_digit(text->at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	text->at += 2 * len;
	return true;
}

static bool take_thread_number(struct gdb_text *text, int *ret_thread)
{
	struct gdb_text rest = *text;
	uint64_t number;

	if (gdb_text_take_string(&rest, "-1")) {
		*ret_thread = GDB_THREAD_ALL;
	} else {
		if (!gdb_text_take_hex(&rest, &number) || number > INT_MAX)
			return false;
		*ret_thread = (int)number;
	}
	*text = rest;
	return true;
}

bool gdb_text_take_thread(struct gdb_text *text, int *ret_thread)
{
	struct gdb_text rest = *text;
	int thread;

	if (gdb_text_take(&rest, 'p')) {
		int process;

		if (!take_thread_number(&rest, &process))
			return false;
		thread = GDB_THREAD_ALL;
		if (gdb_text_take(&rest, '.') && !take_thread_number(&rest, &thread))
			return false;
	} else if (!take_thread_number(&rest, &thread)) {
		return false;
	}
	*text = rest;
	*ret_thread = thread;
	return true;
}
