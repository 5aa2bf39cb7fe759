/* SPDX-License-Identifier: MIT */
/* Every packet: what it answers, and what it answers to nonsense. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gdb_client.h"
#include "tests/unit/gdb_fixture.h"

#define KERNEL "ffffffff81000000"

static int setup(void **state)
{
	(void)state;
	gdb_harness_setup(&harness, 3);
	return 0;
}

static void unknown_packets_get_an_empty_reply(void **state)
{
	static const char *const packets[] = {
		"vMustReplyEmpty",
		"bs",
		"bc",
		"!",
		"R00",
		"QThreadEvents:1",
		"qTStatus",
		"qOffsets",
		"QNonStop:1",
		"vFile:setfs:0",
		"",
		"qCRC:0,1",
		"vContX",
		"qXfer:threads:read::0,1",
		"QPassSignals:",
		"\x01\xff",
		"j",
		"qfThreadInfoX",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(packets); i++)
		assert_reply(packets[i], "");
}

static const char *const malformed[] = {
	"?x",
	"g1",
	"G",
	"G12",
	"G0g",
	"p",
	"pz",
	"p1000",
	"p1x",
	"P",
	"P0",
	"P0=",
	"P0=12",
	"P0=zz00000000000000",
	"P0=000000000000000000",
	"Pffffffffffffffffff=0",
	"m",
	"m1",
	"m1,",
	"m,1",
	"mz,1",
	"m1,1,1",
	"m11111111111111111,1",
	"x",
	"x1",
	"M",
	"M0,1",
	"M0,1:",
	"M0,1:0",
	"M0,1:zz",
	"M0,1:0000",
	"M0,ffffffffffffffff:00",
	"X",
	"X0,1",
	"X0,2:a",
	"X0,0:a",
	"X0,ffffffffffffffff:a",
	"Z",
	"Z0",
	"Z0,0",
	"Z5,0,1",
	"Z0,0,1;X1",
	"Z0,,1",
	"Zx,0,1",
	"z",
	"z9,0,1",
	"vCont",
	"vCont;",
	"vCont;q",
	"vCont;c:",
	"vCont;c:x",
	"vCont;cc",
	"vCont;C",
	"vCont;r",
	"vCont;r1",
	"vCont;r1,",
	"vCont;c;",
	"vCont;c:p",
	"vCont;c:p1.",
	"cz",
	"c1g",
	"C",
	"C05;",
	"C05;z",
	"C05x",
	"S",
	"Sx",
	"sx",
	"H",
	"Hg",
	"Hx1",
	"Hgz",
	"Hg1x",
	"Hgffffffffffffffff",
	"T",
	"Tz",
	"vKill",
	"vKill;",
	"vKill;z",
	"qXfer:features:read",
	"qXfer:features:read:",
	"qXfer:features:read:x.xml:0,1",
	"qXfer:features:read:target.xml:",
	"qXfer:features:read:target.xml:0",
	"qXfer:features:read:target.xml:ffffffff,1",
	"qThreadExtraInfo",
	"qThreadExtraInfo,",
	"qThreadExtraInfo,x",
	"qRcmd",
	"qRcmd,6",
	"qRcmd,zz",
	"QStartNoAckMode:1",
	"kx",
};

/* Nonsense in a packet that we know is an error, and the session goes on. */
static void malformed_packets_get_an_error(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(malformed); i++)
		assert_reply(malformed[i], "E16");
	assert_reply("qAttached", "1");
	assert_int_equal(harness.fake.resumes, 0);
}

static void threads_are_listed_and_chosen(void **state)
{
	(void)state;
	assert_reply("qfThreadInfo", "m1,2,3");
	assert_reply("qsThreadInfo", "l");
	assert_reply("qC", "QC1");
	assert_reply("Hg2", "OK");
	assert_reply("qC", "QC2");
	assert_reply("Hgp1.3", "OK");
	assert_reply("qC", "QC3");
	assert_reply("Hg0", "OK");
	assert_reply("qC", "QC1");
	assert_reply("Hg4", "E03");
	assert_reply("Hc-1", "OK");
	assert_reply("Hc4", "E03");
	assert_reply("T1", "OK");
	assert_reply("T3", "OK");
	assert_reply("T4", "E03");
	/* "fake vCPU 1, stopped" */
	assert_reply("qThreadExtraInfo,2", "66616b65207643505520312c2073746f70706564");
	assert_reply("qThreadExtraInfo,9", "E03");
}

static void many_threads_are_not_truncated(void **state)
{
	unsigned expected = 1;
	const char *packet = "qfThreadInfo", *reply;

	(void)state;
	gdb_harness_teardown(&harness);
	gdb_harness_setup(&harness, 700);
	while ((reply = gdb_harness_ask(&harness, "%s", packet))[0] == 'm') {
		char *end;

		do {
			assert_int_equal(strtoul(reply + 1, &end, 16), expected++);
			reply = end;
		} while (*reply == ',');
		packet = "qsThreadInfo";
	}
	assert_string_equal(reply, "l");
	assert_int_equal(expected, 701);
	assert_reply("Hg2bc", "OK");
}

static void registers_are_those_of_the_chosen_vcpu(void **state)
{
	(void)state;
	assert_reply("Hg2", "OK");
	assert_reply("P0=1122334455667788", "OK");
	assert_int_equal(harness.fake.regs[1].gpr[0], 0x8877665544332211);
	assert_int_equal(harness.fake.regs[0].gpr[0], 0);
	assert_reply("p0", "1122334455667788");
	assert_reply("Hg1", "OK");
	assert_reply("p0", "0000000000000000");
}

static void memory_reads_and_writes(void **state)
{
	(void)state;
	assert_reply("M" KERNEL ",3:010203", "OK");
	assert_reply("m" KERNEL ",4", "01020390");
	assert_reply("m" KERNEL ",0", "");
	assert_reply("x" KERNEL ",4", "b\x01\x02\x03\x90");
	assert_reply("x" KERNEL ",0", "b");
	assert_reply("M" KERNEL ",0:", "OK");
	assert_reply("X" KERNEL ",0:", "OK");
	assert_reply("X" KERNEL ",2:ab", "OK");
	assert_reply("m" KERNEL ",4", "61620390");
	assert_reply("m0,1", "E0e");
	assert_reply("x0,1", "E0e");
	assert_reply("M0,1:00", "E0e");
	assert_reply("X0,1:a", "E0e");
	/* What would wrap around. */
	assert_reply("mffffffffffffffff,ffffffffffffffff", "E0e");
}

/* A read into unmapped memory gives what there is; a write gives nothing. */
static void memory_read_returns_the_readable_prefix(void **state)
{
	(void)state;
	assert_reply("mffffffff8100fffc,10", "90909090");
	assert_reply("xffffffff8100fffc,10", "b\x90\x90\x90\x90");
	assert_reply("Mffffffff8100fffc,8:0102030405060708", "E0e");
	assert_reply("mffffffff8100fffc,4", "90909090");
}

static void memory_packets_are_bounded(void **state)
{
	(void)state;
	memset(harness.fake.memory + FAKE_KERNEL_GPA, '#', FAKE_KERNEL_SIZE);
	(void)gdb_harness_ask(&harness, "m" KERNEL ",ffffffffffffffff");
	assert_int_equal(harness.reply_len, GDB_PACKET_SIZE);
	/* All of it escaped is the worst case. */
	(void)gdb_harness_ask(&harness, "x" KERNEL ",ffffffffffffffff");
	assert_int_equal(harness.reply_len, GDB_PACKET_SIZE / 2);
	assert_int_equal(harness.reply[GDB_PACKET_SIZE / 2 - 1], '#');
}

/* X carries every byte value, in a packet of the advertised size. */
static void binary_write_takes_the_longest_packet(void **state)
{
	static const char head[] = "X" KERNEL ",ff00:";
	static uint8_t packet[sizeof(head) - 1 + 0xff00];

	(void)state;
	memcpy(packet, head, sizeof(head) - 1);
	for (unsigned i = 0; i < 0xff00; i++)
		packet[sizeof(head) - 1 + i] =
			(uint8_t)(i % 251 == '#' || i % 251 == '$' || i % 251 == '}' ? 0 : i % 251);
	assert_string_equal(gdb_harness_ask_bytes(&harness, packet, sizeof(packet)), "OK");
	assert_memory_equal(harness.fake.memory + FAKE_KERNEL_GPA, packet + sizeof(head) - 1,
			    0xff00);
}

static void overlong_packet_is_an_error_and_the_session_goes_on(void **state)
{
	size_t len = GDB_PACKET_SIZE + 100000;
	char *packet = malloc(len);

	(void)state;
	assert_non_null(packet);
	memset(packet, 'm', len);
	assert_string_equal(gdb_harness_ask_bytes(&harness, packet, len), "E5a");
	free(packet);
	assert_reply("qC", "QC1");
}

static void monitor_answers(void **state)
{
	(void)state;
	/* help */
	assert_non_null(strstr(gdb_harness_ask(&harness, "qRcmd,68656c70"), "63617073"));
	/* caps: has "vCPUs: 3" */
	assert_non_null(strstr(gdb_harness_ask(&harness, "qRcmd,63617073"), "76435055733a2033"));
	/* An unknown one says "help" too. */
	assert_non_null(strstr(gdb_harness_ask(&harness, "qRcmd,78"), "68656c70"));
	assert_non_null(gdb_harness_ask(&harness, "qRcmd,"));
}

static void features_are_negotiated(void **state)
{
	const char *reply = gdb_harness_ask(&harness, "qSupported:xmlRegisters=i386;hwbreak+");

	(void)state;
	assert_non_null(strstr(reply, "PacketSize=20000;"));
	assert_non_null(strstr(reply, "qXfer:features:read+"));
	assert_null(strstr(reply, "multiprocess"));
	assert_false(harness.session->client_swbreak);
	assert_true(harness.session->client_hwbreak);
	assert_reply("vCont?", "vCont;c;C;s;S;t;r");
	assert_reply("qSymbol::", "OK");
	assert_reply("qAttached:1", "1");
}

/* Raw bytes in, raw bytes out, with acknowledgements on. */
static void acknowledgements_follow_the_protocol(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "$qC#b4", "+$QC1#c5" },
		{ "+", "" },
		{ "-", "$QC1#c5" }, /* again, please */
		{ "$qC#b5", "-" },
		{ "$bs#d5", "+$#00" },
		{ "-", "$#00" },
		{ "$QStartNoAckMode#b0", "+$OK#9a" },
		{ "+", "" },
		{ "$qC#b4", "$QC1#c5" },
		{ "-", "" },
		{ "$qC#b5", "$E4a#da" },
	};

	(void)state;
	assert_int_equal(gdb_session_attach(harness.session), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gdb_buffer *out = &harness.session->out;

		gdb_harness_send(&harness, cases[i].in, strlen(cases[i].in));
		assert_int_equal(out->len, strlen(cases[i].out));
		assert_memory_equal(out->data, cases[i].out, out->len);
		gdb_buffer_clear(out);
	}
}

/* A client that sends without reading is held back, not buffered for. */
static void unread_output_stops_input(void **state)
{
	static const char packets[] = "$qC#b4$qC#b4";

	(void)state;
	assert_int_equal(gdb_session_feed(harness.session, (const uint8_t *)packets, 12), 6);
	assert_int_equal(gdb_session_feed(harness.session, (const uint8_t *)packets, 12), 0);
	assert_string_equal(gdb_harness_reply(&harness), "QC1");
	assert_int_equal(gdb_session_feed(harness.session, (const uint8_t *)packets, 12), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unknown_packets_get_an_empty_reply, setup,
						teardown),
		cmocka_unit_test_setup_teardown(malformed_packets_get_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_are_listed_and_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(many_threads_are_not_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_are_those_of_the_chosen_vcpu, setup,
						teardown),
		cmocka_unit_test_setup_teardown(memory_reads_and_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_read_returns_the_readable_prefix, setup,
						teardown),
		cmocka_unit_test_setup_teardown(memory_packets_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(binary_write_takes_the_longest_packet, setup,
						teardown),
		cmocka_unit_test_setup_teardown(overlong_packet_is_an_error_and_the_session_goes_on,
						setup, teardown),
		cmocka_unit_test_setup_teardown(monitor_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(features_are_negotiated, setup, teardown),
		cmocka_unit_test_setup_teardown(acknowledgements_follow_the_protocol, setup,
						teardown),
		cmocka_unit_test_setup_teardown(unread_output_stops_input, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
