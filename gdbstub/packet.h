/* SPDX-License-Identifier: MIT */
/*
 * The frame of the remote protocol: bytes in, packets out, and back.  No I/O and no allocation.
 *
 * gdb manual, appendix "GDB Remote Serial Protocol", section "Overview": $BODY#CHECKSUM, escapes
 * (0x7d), run-length encoding (only from the stub to gdb), acknowledgements.
 */
#ifndef GLASSBOX_GDBSTUB_PACKET_H
#define GLASSBOX_GDBSTUB_PACKET_H

#include "gdbstub/buffer.h"

/* The longest body either side sends, in bytes as they are on the wire. */
#define GDB_PACKET_SIZE     0x20000u

/* What a frame adds to its body: $, #, two digits. */
#define GDB_PACKET_OVERHEAD 4u

enum gdb_packet_event {
	GDB_PACKET_NOTHING, /* the byte belongs to a frame that goes on, or to none */
	GDB_PACKET_ACK,
	GDB_PACKET_NAK,
	GDB_PACKET_INTERRUPT, /* 0x03 between packets */
	GDB_PACKET_COMPLETE,  /* the body is in data[0 .. len) */
	GDB_PACKET_CORRUPT,   /* a frame ended with a wrong checksum */
	GDB_PACKET_MALFORMED, /* a frame with a right checksum that is too long, or ends in an
			       * escape */
};

enum gdb_packet_state {
	GDB_PACKET_OUTSIDE,
	GDB_PACKET_BODY,
	GDB_PACKET_ESCAPED, /* in the body, behind 0x7d */
	GDB_PACKET_SUM_HIGH,
	GDB_PACKET_SUM_LOW,
};

struct gdb_packet_parser {
	enum gdb_packet_state state;
	bool malformed;
	uint8_t sum;                   /* of the bytes so far */
	int sum_high;                  /* first digit, -1 when it was none */
	size_t len;                    /* of data */
	uint8_t data[GDB_PACKET_SIZE]; /* the body, unescaped */
};

/** gdb_packet_parser_reset() - as if nothing had come yet; also the initialiser */
void gdb_packet_parser_reset(struct gdb_packet_parser *parser);

/**
 * gdb_packet_parser_feed() - take one byte
 *
 * A '$' always starts a frame anew (it never stands for itself inside one), so the parser finds
 * back after any garbage.  The body of GDB_PACKET_COMPLETE stays until the next byte is fed.
 */
enum gdb_packet_event gdb_packet_parser_feed(struct gdb_packet_parser *parser, uint8_t byte);

/** gdb_packet_write() - append @body as a frame with run-length encoding; @body is escaped already
 */
void gdb_packet_write(struct gdb_buffer *out, const uint8_t *body, size_t len);

#endif
