/* SPDX-License-Identifier: MIT */
/* Every register of the target description, by name: where it is in `g`, and that it round-trips.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub/registers.h"
#include "tests/unit/gdb_fixture.h"

#define FIELD(member) offsetof(struct x86_regs, member), sizeof(((struct x86_regs *)0)->member)

/* What gdb must find, written down a second time: name, bits, and the bytes it stands for. */
static const struct {
	const char *name;
	unsigned bits;
	size_t offset, size;
} expected[] = {
	{ "rax", 64, FIELD(gpr[0]) },
	{ "rbx", 64, FIELD(gpr[1]) },
	{ "rcx", 64, FIELD(gpr[2]) },
	{ "rdx", 64, FIELD(gpr[3]) },
	{ "rsi", 64, FIELD(gpr[4]) },
	{ "rdi", 64, FIELD(gpr[5]) },
	{ "rbp", 64, FIELD(gpr[6]) },
	{ "rsp", 64, FIELD(gpr[7]) },
	{ "r8", 64, FIELD(gpr[8]) },
	{ "r9", 64, FIELD(gpr[9]) },
	{ "r10", 64, FIELD(gpr[10]) },
	{ "r11", 64, FIELD(gpr[11]) },
	{ "r12", 64, FIELD(gpr[12]) },
	{ "r13", 64, FIELD(gpr[13]) },
	{ "r14", 64, FIELD(gpr[14]) },
	{ "r15", 64, FIELD(gpr[15]) },
	{ "rip", 64, FIELD(rip) },
	{ "eflags", 32, offsetof(struct x86_regs, rflags), 4 },
	{ "cs", 32, FIELD(cs) },
	{ "ss", 32, FIELD(ss) },
	{ "ds", 32, FIELD(ds) },
	{ "es", 32, FIELD(es) },
	{ "fs", 32, FIELD(fs) },
	{ "gs", 32, FIELD(gs) },
	{ "st0", 80, offsetof(struct x86_regs, st[0]), 10 },
	{ "st1", 80, offsetof(struct x86_regs, st[1]), 10 },
	{ "st2", 80, offsetof(struct x86_regs, st[2]), 10 },
	{ "st3", 80, offsetof(struct x86_regs, st[3]), 10 },
	{ "st4", 80, offsetof(struct x86_regs, st[4]), 10 },
	{ "st5", 80, offsetof(struct x86_regs, st[5]), 10 },
	{ "st6", 80, offsetof(struct x86_regs, st[6]), 10 },
	{ "st7", 80, offsetof(struct x86_regs, st[7]), 10 },
	{ "fctrl", 32, FIELD(fctrl) },
	{ "fstat", 32, FIELD(fstat) },
	{ "ftag", 32, FIELD(ftag) },
	{ "fiseg", 32, offsetof(struct x86_regs, fip) + 4, 4 },
	{ "fioff", 32, offsetof(struct x86_regs, fip), 4 },
	{ "foseg", 32, offsetof(struct x86_regs, fdp) + 4, 4 },
	{ "fooff", 32, offsetof(struct x86_regs, fdp), 4 },
	{ "fop", 32, FIELD(fop) },
	{ "xmm0", 128, FIELD(xmm[0]) },
	{ "xmm1", 128, FIELD(xmm[1]) },
	{ "xmm2", 128, FIELD(xmm[2]) },
	{ "xmm3", 128, FIELD(xmm[3]) },
	{ "xmm4", 128, FIELD(xmm[4]) },
	{ "xmm5", 128, FIELD(xmm[5]) },
	{ "xmm6", 128, FIELD(xmm[6]) },
	{ "xmm7", 128, FIELD(xmm[7]) },
	{ "xmm8", 128, FIELD(xmm[8]) },
	{ "xmm9", 128, FIELD(xmm[9]) },
	{ "xmm10", 128, FIELD(xmm[10]) },
	{ "xmm11", 128, FIELD(xmm[11]) },
	{ "xmm12", 128, FIELD(xmm[12]) },
	{ "xmm13", 128, FIELD(xmm[13]) },
	{ "xmm14", 128, FIELD(xmm[14]) },
	{ "xmm15", 128, FIELD(xmm[15]) },
	{ "mxcsr", 32, FIELD(mxcsr) },
	{ "fs_base", 64, FIELD(fs_base) },
	{ "gs_base", 64, FIELD(gs_base) },
	{ "k_gs_base", 64, FIELD(k_gs_base) },
	{ "cr0", 64, FIELD(cr0) },
	{ "cr2", 64, FIELD(cr2) },
	{ "cr3", 64, FIELD(cr3) },
	{ "cr4", 64, FIELD(cr4) },
	{ "cr8", 64, FIELD(cr8) },
	{ "efer", 64, FIELD(efer) },
};

static int setup(void **state)
{
	(void)state;
	gdb_harness_setup(&harness, 1);
	return 0;
}

static void hex(char *text, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)sprintf(text + 2 * i, "%02x", ((const uint8_t *)data)[i]);
}

/* The description names the registers in this order, with these sizes; that is the layout of g. */
static void xml_declares_registers_in_order(void **state)
{
	const char *reply = gdb_harness_ask(&harness, "qXfer:features:read:target.xml:0,ffff");
	const char *at = reply;
	unsigned n = 0;

	(void)state;
	assert_int_equal(reply[0], 'l');
	assert_non_null(strstr(reply, "<architecture>i386:x86-64</architecture>"));
	while ((at = strstr(at, "<reg ")) != NULL) {
		char name[32];
		unsigned bits;

		assert_int_equal(sscanf(at, "<reg name=\"%31[^\"]\" bitsize=\"%u\"", name, &bits),
				 2);
		assert_in_range(n, 0, ARRAY_SIZE(expected) - 1);
		assert_string_equal(name, expected[n].name);
		assert_int_equal(bits, expected[n].bits);
		n++;
		at++;
	}
	assert_int_equal(n, ARRAY_SIZE(expected));
	assert_int_equal(gdb_nr_registers, n);
}

/* Fetched in pieces it is the same document. */
static void xml_can_be_fetched_in_pieces(void **state)
{
	const struct gdb_buffer *xml = &harness.session->xml;
	size_t offset = 0;

	(void)state;
	assert_false(xml->overflow);
	for (;;) {
		const char *reply =
			gdb_harness_ask(&harness, "qXfer:features:read:target.xml:%zx,fb", offset);

		assert_memory_equal(reply + 1, xml->data + offset, harness.reply_len - 1);
		offset += harness.reply_len - 1;
		if (reply[0] == 'l')
			break;
		assert_int_equal(harness.reply_len, 0xfc);
	}
	assert_int_equal(offset, xml->len);
	assert_string_equal(
		gdb_harness_ask(&harness, "qXfer:features:read:target.xml:%zx,fb", offset), "l");
}

/* Each register: P stores it where it belongs and nowhere else, p and g read it back. */
static void registers_round_trip_one_by_one(void **state)
{
	size_t g_offset = 0;

	(void)state;
	for (unsigned n = 0; n < ARRAY_SIZE(expected); n++) {
		struct x86_regs *regs = &harness.fake.regs[0], before, after;
		size_t bytes = expected[n].bits / 8;
		uint8_t value[16], seen[16] = { 0 };
		char text[33];

		for (size_t i = 0; i < bytes; i++)
			value[i] = (uint8_t)(0x81 + 7 * n + i);
		memcpy(seen, value, expected[n].size);
		hex(text, value, bytes);
		before = *regs;
		memcpy((uint8_t *)&before + expected[n].offset, value, expected[n].size);
		assert_string_equal(gdb_harness_ask(&harness, "P%x=%s", n, text), "OK");
		after = *regs;
		assert_memory_equal(&after, &before, sizeof(after));
		hex(text, seen, bytes);
		assert_string_equal(gdb_harness_ask(&harness, "p%x", n), text);
		assert_memory_equal(gdb_harness_ask(&harness, "g") + g_offset, text, 2 * bytes);
		g_offset += 2 * bytes;
		/* The next ones must not depend on odd control registers. */
		*regs = (struct x86_regs){ 0 };
	}
	assert_int_equal(strlen(gdb_harness_ask(&harness, "g")), g_offset);
}

static void registers_round_trip_together(void **state)
{
	struct x86_regs *regs = &harness.fake.regs[0], written;
	_Bool cs_long = regs->cs_long;
	char *packet;

	(void)state;
	for (size_t i = 0; i < sizeof(*regs); i++)
		((uint8_t *)regs)[i] = (uint8_t)(i * 11 + 3);
	regs->cs_long = cs_long;
	regs->rflags &= UINT32_MAX;
	written = *regs;
	assert_true(asprintf(&packet, "G%s", gdb_harness_ask(&harness, "g")) > 0);
	/* Everything but what gdb does not see comes back. */
	for (unsigned n = 0; n < ARRAY_SIZE(expected); n++)
		memset((uint8_t *)regs + expected[n].offset, 0, expected[n].size);
	assert_string_equal(gdb_harness_ask(&harness, "%s", packet), "OK");
	assert_memory_equal(regs, &written, sizeof(written));
	/* One digit more or less is refused, and nothing is written. */
	regs->gpr[0] = 42;
	assert_string_equal(gdb_harness_ask(&harness, "%s0", packet), "E16");
	packet[strlen(packet) - 1] = '\0';
	assert_string_equal(gdb_harness_ask(&harness, "%s", packet), "E16");
	assert_int_equal(regs->gpr[0], 42);
	free(packet);
}

/* The layout does not follow the processor's mode. */
static void layout_is_the_same_in_real_mode(void **state)
{
	size_t len = strlen(gdb_harness_ask(&harness, "g"));

	(void)state;
	harness.fake.regs[0].cr0 = 0;
	harness.fake.regs[0].efer = 0;
	harness.fake.regs[0].cs_long = false;
	assert_int_equal(strlen(gdb_harness_ask(&harness, "g")), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(xml_declares_registers_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(xml_can_be_fetched_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_round_trip_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_round_trip_together, setup, teardown),
		cmocka_unit_test_setup_teardown(layout_is_the_same_in_real_mode, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
