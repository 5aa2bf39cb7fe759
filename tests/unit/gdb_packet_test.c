/* SPDX-License-Identifier: MIT */
/* The frame: what the parser makes of good and bad bytes, and that what is written reads back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub/packet.h"
#include "tests/support/gdb_client.h"
#include "tests/unit/cmocka_all.h"

static struct gdb_packet_parser parser;

/* Feeds all of @text and returns the last event that was not NOTHING. */
static enum gdb_packet_event feed_bytes(const void *bytes, size_t len)
{
	enum gdb_packet_event last = GDB_PACKET_NOTHING;

	for (size_t i = 0; i < len; i++) {
		enum gdb_packet_event event =
			gdb_packet_parser_feed(&parser, ((const uint8_t *)bytes)[i]);

		if (event != GDB_PACKET_NOTHING)
			last = event;
	}
	return last;
}

static enum gdb_packet_event feed(const char *text)
{
	return feed_bytes(text, strlen(text));
}

static void assert_body(const char *body)
{
	assert_int_equal(parser.len, strlen(body));
	assert_memory_equal(parser.data, body, parser.len);
}

static int reset(void **state)
{
	(void)state;
	gdb_packet_parser_reset(&parser);
	return 0;
}

static void parser_finds_signs_and_packets(void **state)
{
	(void)state;
	assert_int_equal(feed("+"), GDB_PACKET_ACK);
	assert_int_equal(feed("-"), GDB_PACKET_NAK);
	assert_int_equal(feed("\x03"), GDB_PACKET_INTERRUPT);
	assert_int_equal(feed("$OK#9a"), GDB_PACKET_COMPLETE);
	assert_body("OK");
	assert_int_equal(feed("$#00"), GDB_PACKET_COMPLETE);
	assert_body("");
	assert_int_equal(feed("$OK#9A"), GDB_PACKET_COMPLETE);
}

static void parser_undoes_escapes(void **state)
{
	(void)state;
	/* '#' is 0x03 ^ 0x20, '}' is 0x5d ^ 0x20; a 0x03 inside a packet is data. */
	assert_int_equal(feed("$X}\x03}]\x03#b5"), GDB_PACKET_COMPLETE);
	assert_body("X#}\x03");
}

static void parser_rejects_bad_checksums(void **state)
{
	(void)state;
	assert_int_equal(feed("$OK#9b"), GDB_PACKET_CORRUPT);
	assert_int_equal(feed("$OK#zz"), GDB_PACKET_CORRUPT);
	assert_int_equal(feed("$OK#9z"), GDB_PACKET_CORRUPT);
	assert_int_equal(feed("$OK#9a"), GDB_PACKET_COMPLETE);
}

static void parser_finds_back_after_garbage(void **state)
{
	(void)state;
	assert_int_equal(feed("rubbish#00\xff\x01$m0,$g#67"), GDB_PACKET_COMPLETE);
	assert_body("g");
	/* A frame cut off in its checksum, in an escape, right behind its start. */
	assert_int_equal(feed("$OK#$g#67"), GDB_PACKET_COMPLETE);
	assert_int_equal(feed("$OK#9$g#67"), GDB_PACKET_COMPLETE);
	assert_int_equal(feed("$O}$g#67"), GDB_PACKET_COMPLETE);
	assert_int_equal(feed("$$g#67"), GDB_PACKET_COMPLETE);
	assert_body("g");
}

static void parser_takes_longest_packet_and_refuses_longer(void **state)
{
	size_t len = GDB_PACKET_SIZE + 1;
	char *body = malloc(len), *frame;
	size_t frame_len;

	(void)state;
	assert_non_null(body);
	memset(body, 'a', len);
	frame_len = gdb_client_frame(body, len - 1, &frame);
	assert_int_equal(feed_bytes(frame, frame_len), GDB_PACKET_COMPLETE);
	assert_int_equal(parser.len, GDB_PACKET_SIZE);
	free(frame);
	frame_len = gdb_client_frame(body, len, &frame);
	assert_int_equal(feed_bytes(frame, frame_len), GDB_PACKET_MALFORMED);
	free(frame);
	free(body);
	/* Ends in the middle of an escape. */
	assert_int_equal(feed("$O}#cc"), GDB_PACKET_MALFORMED);
	assert_int_equal(feed("$g#67"), GDB_PACKET_COMPLETE);
	assert_body("g");
}

static void assert_writes(const char *body, const char *expected)
{
	uint8_t data[512];
	struct gdb_buffer out = { .data = data, .size = sizeof(data) };

	gdb_packet_write(&out, (const uint8_t *)body, strlen(body));
	assert_false(out.overflow);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(data, expected, out.len);
}

static void writer_frames_and_encodes_runs(void **state)
{
	(void)state;
	assert_writes("", "$#00");
	assert_writes("OK", "$OK#9a");
	assert_writes("000", "$000#90");
	/* 3 repeats: 3 + 29 = ' ' */
	assert_writes("0000", "$0* #7a");
	/* 6 and 7 repeats would be '#' and '$': the run is cut to 5, '"'. */
	assert_writes("0000000", "$0*\"0#ac");
	assert_writes("00000000", "$0*\"00#dc");
}

/* Every length of run, next to others, comes back as it was. */
static void writer_round_trips(void **state)
{
	(void)state;
	for (size_t run = 1; run < 250; run++) {
		char body[256] = "x", *back;
		uint8_t data[512];
		struct gdb_buffer out = { .data = data, .size = sizeof(data) };
		size_t back_len;

		memset(body + 1, 'f', run);
		body[run + 1] = 'y';
		gdb_packet_write(&out, (uint8_t *)body, run + 2);
		assert_true(run < 4 || out.len < run + 2 + GDB_PACKET_OVERHEAD);
		assert_int_equal(gdb_client_parse(data, out.len, &back, &back_len), out.len);
		assert_int_equal(back_len, run + 2);
		assert_memory_equal(back, body, run + 2);
		free(back);
	}
}

static void writer_escapes_binary(void **state)
{
	uint8_t bytes[256], body[512], frame[1024];
	struct gdb_buffer escaped = { .data = body, .size = sizeof(body) };
	struct gdb_buffer out = { .data = frame, .size = sizeof(frame) };
	size_t back_len;
	char *back;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	gdb_buffer_put_binary(&escaped, bytes, sizeof(bytes));
	assert_int_equal(escaped.len, 256 + 4);
	gdb_packet_write(&out, body, escaped.len);
	assert_int_equal(gdb_client_parse(frame, out.len, &back, &back_len), out.len);
	assert_int_equal(back_len, sizeof(bytes));
	assert_memory_equal(back, bytes, sizeof(bytes));
	free(back);
	/* The parser undoes the same escapes. */
	gdb_buffer_clear(&out);
	gdb_buffer_put(&out, '$');
	gdb_buffer_put_bytes(&out, body, escaped.len);
	for (unsigned i = 0, sum = 0; i < escaped.len; i++) {
		sum += body[i];
		if (i + 1 == escaped.len)
			gdb_buffer_printf(&out, "#%02x", sum & 0xff);
	}
	assert_int_equal(feed_bytes(frame, out.len), GDB_PACKET_COMPLETE);
	assert_int_equal(parser.len, sizeof(bytes));
	assert_memory_equal(parser.data, bytes, sizeof(bytes));
}

static void buffer_never_exceeds_its_size(void **state)
{
	uint8_t data[4];
	struct gdb_buffer buffer = { .data = data, .size = sizeof(data) };

	(void)state;
	gdb_buffer_printf(&buffer, "%s", "abcdef");
	assert_true(buffer.overflow);
	assert_int_equal(buffer.len, 4);
	gdb_buffer_drop(&buffer, 3);
	assert_int_equal(buffer.len, 1);
	assert_int_equal(data[0], 'd');
	gdb_buffer_drop(&buffer, 100);
	assert_int_equal(buffer.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parser_finds_signs_and_packets, reset),
		cmocka_unit_test_setup(parser_undoes_escapes, reset),
		cmocka_unit_test_setup(parser_rejects_bad_checksums, reset),
		cmocka_unit_test_setup(parser_finds_back_after_garbage, reset),
		cmocka_unit_test_setup(parser_takes_longest_packet_and_refuses_longer, reset),
		cmocka_unit_test(writer_frames_and_encodes_runs),
		cmocka_unit_test(writer_round_trips),
		cmocka_unit_test_setup(writer_escapes_binary, reset),
		cmocka_unit_test(buffer_never_exceeds_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
