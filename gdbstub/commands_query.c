/* SPDX-License-Identifier: MIT */
/* Packets by which gdb gets to know us and the vCPUs. */
#include <errno.h>
#include <string.h>

#include "gdbstub/commands.h"

/* So many ids fit into a packet by far; gdb asks for the rest. */
#define THREADS_PER_REPLY 256u

/* True if @feature is one of the client's, a list of NAME+ separated by ';'. */
static bool client_has(struct gdb_text args, const char *feature)
{
	size_t len = strlen(feature);

	while (gdb_text_left(&args) > 0) {
		const uint8_t *end = memchr(args.at, ';', gdb_text_left(&args));
		size_t item = end ? (size_t)(end - args.at) : gdb_text_left(&args);

		if (item == len && memcmp(args.at, feature, len) == 0)
			return true;
		args.at += MIN(item + 1, gdb_text_left(&args));
	}
	return false;
}

/* qSupported[:FEATURE;...] */
int gdb_command_supported(struct gdb_session *session, struct gdb_text *args)
{
	(void)gdb_text_take(args, ':');
	session->client_swbreak = client_has(*args, "swbreak+");
	session->client_hwbreak = client_has(*args, "hwbreak+");
	gdb_buffer_printf(&session->reply,
			  "PacketSize=%x;QStartNoAckMode+;swbreak+;hwbreak+;vContSupported+;"
			  "qXfer:features:read+;binary-upload+",
			  GDB_PACKET_SIZE);
	return 0;
}

/* QStartNoAckMode: this packet itself has been acknowledged, and its answer will be */
int gdb_command_no_ack(struct gdb_session *session, struct gdb_text *args)
{
	if (gdb_text_left(args) > 0)
		return -EINVAL;
	session->no_ack = true;
	return gdb_reply_ok(session);
}

/* qXfer:features:read:ANNEX:OFFSET,LEN */
int gdb_command_read_features(struct gdb_session *session, struct gdb_text *args)
{
	const struct gdb_buffer *xml = &session->xml;
	uint64_t offset, len;

	if (!gdb_text_take_string(args, ":target.xml:") || !gdb_text_take_hex(args, &offset) ||
	    !gdb_text_take(args, ',') || !gdb_text_take_hex(args, &len) ||
	    gdb_text_left(args) > 0 || offset > xml->len)
		return -EINVAL;
	len = MIN(len, GDB_PACKET_SIZE / 2 - 1);
	len = MIN(len, xml->len - offset);
	gdb_buffer_put(&session->reply, offset + len < xml->len ? 'm' : 'l');
	gdb_buffer_put_binary(&session->reply, xml->data + offset, len);
	return 0;
}

/* qfThreadInfo */
int gdb_command_first_threads(struct gdb_session *session, struct gdb_text *args)
{
	session->next_listed = 0;
	return gdb_command_next_threads(session, args);
}

/* qsThreadInfo */
int gdb_command_next_threads(struct gdb_session *session, struct gdb_text *args)
{
	unsigned first = session->next_listed;
	unsigned end = MIN(session->nr_vcpus, first + THREADS_PER_REPLY);

	if (gdb_text_left(args) > 0)
		return -EINVAL;
	if (session->state == GDB_RUN_EXITED || first == end) {
		gdb_buffer_put(&session->reply, 'l');
		return 0;
	}
	for (unsigned i = first; i < end; i++)
		gdb_buffer_printf(&session->reply, "%c%x", i == first ? 'm' : ',', i + 1);
	session->next_listed = end;
	return 0;
}

/* qThreadExtraInfo,THREAD */
int gdb_command_thread_info(struct gdb_session *session, struct gdb_text *args)
{
	char text[256] = "";
	unsigned vcpu;
	int thread, r;

	if (!gdb_text_take(args, ',') || !gdb_text_take_thread(args, &thread) ||
	    gdb_text_left(args) > 0)
		return -EINVAL;
	r = gdb_command_thread_to_vcpu(session, thread, &vcpu);
	if (r == 0)
		r = session->target->ops->describe(session->target, vcpu, text, sizeof(text));
	if (r < 0)
		return r;
	gdb_buffer_put_hex(&session->reply, text, strnlen(text, sizeof(text)));
	return 0;
}

/* qC */
int gdb_command_current_thread(struct gdb_session *session, struct gdb_text *args)
{
	if (gdb_text_left(args) > 0)
		return -EINVAL;
	gdb_buffer_printf(&session->reply, "QC%x", session->general_vcpu + 1);
	return 0;
}

/* qAttached: quitting gdb must not kill the machine */
int gdb_command_attached(struct gdb_session *session, struct gdb_text *args)
{
	(void)args;
	gdb_buffer_put(&session->reply, '1');
	return 0;
}

/* qSymbol::, gdb offers to look up symbols: none, thanks */
int gdb_command_symbol(struct gdb_session *session, struct gdb_text *args)
{
	(void)args;
	return gdb_reply_ok(session);
}
