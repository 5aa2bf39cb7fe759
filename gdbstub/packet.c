/* SPDX-License-Identifier: MIT */
#include "gdbstub/packet.h"
#include "gdbstub/text.h"

/* A run "X" "*" N repeats X another N - 29 times; N is printable and no character of the frame. */
#define RUN_BIAS 29u
#define RUN_MIN  3u  /* ' ' */
#define RUN_MAX  97u /* '~' */

void gdb_packet_parser_reset(struct gdb_packet_parser *parser)
{
	parser->state = GDB_PACKET_OUTSIDE;
	parser->malformed = false;
	parser->sum = 0;
	parser->len = 0;
}

static void start_frame(struct gdb_packet_parser *parser)
{
	gdb_packet_parser_reset(parser);
	parser->state = GDB_PACKET_BODY;
}

static enum gdb_packet_event feed_outside(struct gdb_packet_parser *parser, uint8_t byte)
{
	switch (byte) {
	case '$': start_frame(parser); return GDB_PACKET_NOTHING;
	case '+': return GDB_PACKET_ACK;
	case '-': return GDB_PACKET_NAK;
	case 0x03: return GDB_PACKET_INTERRUPT;
	default: return GDB_PACKET_NOTHING;
	}
}

static void append(struct gdb_packet_parser *parser, uint8_t byte)
{
	if (parser->len == sizeof(parser->data))
		parser->malformed = true;
	else
		parser->data[parser->len++] = byte;
}

static void feed_body(struct gdb_packet_parser *parser, uint8_t byte)
{
	bool escaped = parser->state == GDB_PACKET_ESCAPED;

	if (byte == '#') {
		parser->malformed |= escaped;
		parser->state = GDB_PACKET_SUM_HIGH;
		return;
	}
	parser->sum += byte;
	if (!escaped && byte == '}') {
		parser->state = GDB_PACKET_ESCAPED;
		return;
	}
	append(parser, escaped ? byte ^ 0x20 : byte);
	parser->state = GDB_PACKET_BODY;
}

static enum gdb_packet_event finish_frame(struct gdb_packet_parser *parser, int sum_low)
{
	parser->state = GDB_PACKET_OUTSIDE;
	if (parser->sum_high < 0 || sum_low < 0 || (parser->sum_high << 4 | sum_low) != parser->sum)
		return GDB_PACKET_CORRUPT;
	return parser->malformed ? GDB_PACKET_MALFORMED : GDB_PACKET_COMPLETE;
}

enum gdb_packet_event gdb_packet_parser_feed(struct gdb_packet_parser *parser, uint8_t byte)
{
	if (parser->state == GDB_PACKET_OUTSIDE)
		return feed_outside(parser, byte);
	if (byte == '$') {
		start_frame(parser);
		return GDB_PACKET_NOTHING;
	}
	switch (parser->state) {
	case GDB_PACKET_SUM_HIGH:
		parser->sum_high = gdb_hex_digit(byte);
		parser->state = GDB_PACKET_SUM_LOW;
		return GDB_PACKET_NOTHING;
	case GDB_PACKET_SUM_LOW: return finish_frame(parser, gdb_hex_digit(byte));
	default: feed_body(parser, byte); return GDB_PACKET_NOTHING;
	}
}

/* How often @body's first byte follows itself, as far as one run can say it. */
static size_t repeats(const uint8_t *body, size_t len)
{
	size_t n = 0;

	while (n < RUN_MAX && n + 1 < len && body[n + 1] == body[0])
		n++;
	/* '#', '$', '+' and '-' as a count could be taken for something else. */
	while (n >= RUN_MIN && (n + RUN_BIAS == '#' || n + RUN_BIAS == '$' || n + RUN_BIAS == '+' ||
				n + RUN_BIAS == '-'))
		n--;
	return n;
}

void gdb_packet_write(struct gdb_buffer *out, const uint8_t *body, size_t len)
{
	size_t start = out->len + 1;
	uint8_t sum = 0;

	gdb_buffer_put(out, '$');
	for (size_t i = 0; i < len;) {
		size_t n = repeats(body + i, len - i);

		gdb_buffer_put(out, body[i]);
		if (n >= RUN_MIN) {
			gdb_buffer_put(out, '*');
			gdb_buffer_put(out, (uint8_t)(n + RUN_BIAS));
			i += n + 1;
		} else {
			i++;
		}
	}
	for (size_t i = start; i < out->len; i++)
		sum += out->data[i];
	gdb_buffer_printf(out, "#%02x", sum);
}
