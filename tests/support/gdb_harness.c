/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gdb_client.h"
#include "tests/support/gdb_harness.h"

/* More than any test's guest needs. */
#define RUN_BUDGET 100000u

static void report_stop(void *ctx, const struct gdb_stop *stop)
{
	struct gdb_harness *harness = ctx;

	gdb_session_report_stop(harness->session, stop);
}

static bool owns_breakpoint(void *ctx, unsigned vcpu, uint64_t gva)
{
	struct gdb_harness *harness = ctx;

	return gdb_session_owns_breakpoint(harness->session, vcpu, gva);
}

static void expect_ok(struct gdb_harness *harness, const char *packet, const char *reply)
{
	const char *got = gdb_harness_ask(harness, "%s", packet);

	if (!got || strncmp(got, reply, strlen(reply)) != 0)
		abort();
}

void gdb_harness_setup(struct gdb_harness *harness, unsigned nr_vcpus)
{
	*harness = (struct gdb_harness){ 0 };
	fake_target_init(&harness->fake, nr_vcpus);
	harness->fake.hooks = (struct fake_hooks){ .ctx = harness,
						   .report_stop = report_stop,
						   .owns_breakpoint = owns_breakpoint };
	if (gdb_session_create(&harness->fake.target, true, &harness->session) < 0 ||
	    gdb_session_attach(harness->session) < 0)
		abort();
	expect_ok(harness, "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+", "Packet");
	expect_ok(harness, "QStartNoAckMode", "OK");
}

void gdb_harness_teardown(struct gdb_harness *harness)
{
	gdb_session_destroy(harness->session);
	fake_target_destroy(&harness->fake);
	free(harness->reply);
}

void gdb_harness_send(struct gdb_harness *harness, const void *bytes, size_t len)
{
	(void)gdb_session_feed(harness->session, bytes, len);
}

const char *gdb_harness_reply(struct gdb_harness *harness)
{
	struct gdb_buffer *out = &harness->session->out;
	size_t used;

	free(harness->reply);
	harness->reply = NULL;
	used = gdb_client_parse(out->data, out->len, &harness->reply, &harness->reply_len);
	gdb_buffer_drop(out, used);
	return harness->reply;
}

static void send_packet(struct gdb_harness *harness, const void *body, size_t len)
{
	char *frame;
	size_t frame_len = gdb_client_frame(body, len, &frame);

	gdb_harness_send(harness, frame, frame_len);
	free(frame);
}

void gdb_harness_start(struct gdb_harness *harness, const char *packet)
{
	send_packet(harness, packet, strlen(packet));
}

const char *gdb_harness_ask_bytes(struct gdb_harness *harness, const void *body, size_t len)
{
	send_packet(harness, body, len);
	(void)fake_target_run(&harness->fake, RUN_BUDGET);
	return gdb_harness_reply(harness);
}

const char *gdb_harness_ask(struct gdb_harness *harness, const char *format, ...)
{
	const char *reply;
	va_list args;
	char *body;
	int len;

	va_start(args, format);
	len = vasprintf(&body, format, args);
	va_end(args);
	if (len < 0)
		abort();
	reply = gdb_harness_ask_bytes(harness, body, (size_t)len);
	free(body);
	return reply;
}
