/* SPDX-License-Identifier: MIT */
/*
 * Reading a packet's body from left to right.  Each function takes what it names off the front and
 * returns true, or leaves the text where it is and returns false.
 */
#ifndef GLASSBOX_GDBSTUB_TEXT_H
#define GLASSBOX_GDBSTUB_TEXT_H

#include "base/util.h"

/* Thread ids as gdb writes them. */
#define GDB_THREAD_ALL (-1)
#define GDB_THREAD_ANY 0

struct gdb_text {
	const uint8_t *at, *end; /* borrowed */
};

size_t gdb_text_left(const struct gdb_text *text);
bool gdb_text_take(struct gdb_text *text, char c);
bool gdb_text_take_string(struct gdb_text *text, const char *string);

/** gdb_text_take_hex() - 1 to 16 hexadecimal digits; a longer number is refused */
bool gdb_text_take_hex(struct gdb_text *text, uint64_t *ret_value);

/** gdb_text_take_hex_bytes() - exactly @len bytes, two digits each */
bool gdb_text_take_hex_bytes(struct gdb_text *text, void *buf, size_t len);

/** gdb_text_take_thread() - a thread id: HEX, 0 (any), -1 (all), or the forms pPID and pPID.TID
 *
 * All vCPUs are in one process, so PID is read and ignored; pPID alone means all its threads.
 */
bool gdb_text_take_thread(struct gdb_text *text, int *ret_thread);

/** gdb_hex_digit() - Return: the digit's value, or -1 */
int gdb_hex_digit(uint8_t c);

#endif
