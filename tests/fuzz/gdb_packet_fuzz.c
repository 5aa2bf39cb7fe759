/* SPDX-License-Identifier: MIT */
/*
 * A whole debugging session as a script, one line an act.  A line that starts with
 *   '!'  is raw bytes for the parser,
 *   '~'  lets the machine run for a while,
 *   '^'  loses the client, and a new one comes,
 * and any other is the body of a packet, which gets its checksum here (or the fuzzer would hardly
 * ever get through).
 */
#include <stdlib.h>
#include <string.h>

#include "gdbstub/registers.h"
#include "tests/support/gdb_client.h"
#include "tests/support/gdb_harness.h"

#define RUN_BUDGET 64u
#define LINES_MAX  256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* What the stub says must be frames that gdb can read. */
static void read_replies(struct gdb_harness *harness)
{
	struct gdb_buffer *out = &harness->session->out;

	require(!out->overflow);
	while (out->len > 0 && (out->data[0] == '+' || out->data[0] == '-'))
		gdb_buffer_drop(out, 1);
	while (out->len > 0) {
		size_t used, body_len;
		char *body;

		used = gdb_client_parse(out->data, out->len, &body, &body_len);
		require(used > 0);
		free(body);
		gdb_buffer_drop(out, used);
	}
}

static void check_invariants(const struct gdb_harness *harness)
{
	const struct gdb_session *session = harness->session;

	require((session->state == GDB_RUN_RUNNING) == harness->fake.running);
	require(session->state == GDB_RUN_RUNNING || !session->waiting);
	for (unsigned i = 0; i < session->breakpoints.count; i++) {
		const struct gdb_breakpoint *bp = &session->breakpoints.list[i];

		require(session->state == GDB_RUN_RUNNING || !bp->inserted);
		require(!bp->in_slot || bp->gva >> 63);
	}
	/* What gdb has asked of the debug registers is never given to a breakpoint. */
	for (unsigned i = 0; session->state == GDB_RUN_RUNNING && i < GDB_HW_SLOTS; i++)
		require(!session->hw.slots[i].used ||
			(harness->fake.setup.hw[i].used &&
			 harness->fake.setup.hw[i].addr == session->hw.slots[i].addr));
}

static void feed(struct gdb_harness *harness, const uint8_t *bytes, size_t len)
{
	size_t at = 0, taken;

	do {
		taken = gdb_session_feed(harness->session, bytes + at, len - at);
		at += taken;
		read_replies(harness);
		check_invariants(harness);
	} while (taken > 0 && at < len);
}

static void reconnect(struct gdb_harness *harness)
{
	gdb_session_detach(harness->session, false);
	require(gdb_session_attach(harness->session) == 0);
}

static void act(struct gdb_harness *harness, const uint8_t *line, size_t len)
{
	size_t frame_len;
	char *frame;

	if (len > 0 && line[0] == '!') {
		feed(harness, line + 1, len - 1);
	} else if (len > 0 && line[0] == '~') {
		(void)fake_target_run(&harness->fake, RUN_BUDGET);
		read_replies(harness);
	} else if (len > 0 && line[0] == '^') {
		reconnect(harness);
	} else {
		frame_len = gdb_client_frame(line, len, &frame);
		feed(harness, (const uint8_t *)frame, frame_len);
		free(frame);
	}
	if (harness->session->closing)
		reconnect(harness);
	check_invariants(harness);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t code[] = { 0x90, 0x48, 0xff, 0xc0, 0x48, 0x89,
					0x03, 0x48, 0x8b, 0x0b, 0xeb, 0xf4 };
	struct gdb_harness harness;

	gdb_harness_setup(&harness, 3);
	fake_target_write(&harness.fake, FAKE_KERNEL_GPA, code, sizeof(code));
	for (unsigned i = 0; i < 3; i++)
		harness.fake.regs[i].gpr[1] = FAKE_KERNEL_GVA + 0x1000;
	for (unsigned lines = 0; size > 0 && lines < LINES_MAX; lines++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		act(&harness, data, len);
		data += MIN(len + 1, size);
		size -= MIN(len + 1, size);
	}
	gdb_session_detach(harness.session, true);
	check_invariants(&harness);
	gdb_harness_teardown(&harness);
	return 0;
}
