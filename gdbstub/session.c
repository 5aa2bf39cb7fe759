/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "gdbstub/commands.h"
#include "gdbstub/run.h"
#include "gdbstub/session.h"

static void cleanup_session(struct gdb_session **session)
{
	gdb_session_destroy(*session);
}

int gdb_session_create(struct gdb_target *target, bool stopped, struct gdb_session **ret_session)
{
	_cleanup_(cleanup_session) struct gdb_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->target = target;
	session->nr_vcpus = target->ops->nr_vcpus(target);
	if (session->nr_vcpus == 0)
		return -EINVAL;
	session->vcpus = calloc(session->nr_vcpus, sizeof(*session->vcpus));
	session->kinds = calloc(session->nr_vcpus, sizeof(*session->kinds));
	if (!session->vcpus || !session->kinds)
		return -ENOMEM;
	session->reply = (struct gdb_buffer){ .data = session->reply_data,
					      .size = sizeof(session->reply_data) };
	session->out =
		(struct gdb_buffer){ .data = session->out_data, .size = sizeof(session->out_data) };
	session->xml =
		(struct gdb_buffer){ .data = session->xml_data, .size = sizeof(session->xml_data) };
	gdb_target_xml_write(&session->xml);
	session->state = stopped ? GDB_RUN_STOPPED : GDB_RUN_RUNNING;
	session->last_stop.kind = GDB_STOP_INTERRUPT;
	gdb_run_set_all(session, GDB_RESUME_CONTINUE);
	*ret_session = TAKE_PTR(session);
	return 0;
}

void gdb_session_destroy(struct gdb_session *session)
{
	if (!session)
		return;
	gdb_breakpoints_clear(&session->breakpoints);
	free(session->kinds);
	free(session->vcpus);
	free(session);
}

int gdb_session_attach(struct gdb_session *session)
{
	int r = gdb_run_interrupt(session);

	if (r < 0)
		return r;
	session->attached = true;
	session->closing = false;
	session->no_ack = false;
	session->client_swbreak = false;
	session->client_hwbreak = false;
	session->resume_thread = GDB_THREAD_ALL;
	session->next_listed = 0;
	session->only_int3 = false;
	session->waiting = false;
	gdb_packet_parser_reset(&session->parser);
	gdb_buffer_clear(&session->out);
	session->has_replied = false;
	if (session->state == GDB_RUN_STOPPED) {
		session->stop_was_asked = false;
		gdb_run_mark_reported(session);
	}
	return 0;
}

/* True if the running machine is not just running, as without a debugger. */
static bool is_tampered_with(const struct gdb_session *session)
{
	if (session->breakpoints.count > 0 || gdb_hw_points_used(&session->hw) > 0)
		return true;
	for (unsigned i = 0; i < session->nr_vcpus; i++) {
		if (session->vcpus[i].action.kind != GDB_RESUME_CONTINUE)
			return true;
	}
	return false;
}

void gdb_session_detach(struct gdb_session *session, bool asked)
{
	if (!session->attached)
		return;
	session->attached = false;
	session->waiting = false;
	if (session->state == GDB_RUN_RUNNING && is_tampered_with(session)) {
		session->leftovers = true;
		(void)gdb_run_interrupt(session);
	} else if (session->state == GDB_RUN_STOPPED) {
		if (asked || session->last_stop.kind != GDB_STOP_DIED)
			gdb_run_release(session);
		else
			gdb_run_forget_breakpoints(session);
	}
}

bool gdb_session_accepts(const struct gdb_session *session)
{
	bool stopping_for_client = session->state == GDB_RUN_RUNNING && !session->waiting;

	return session->attached && !session->closing && session->out.len == 0 &&
	       !stopping_for_client;
}

void gdb_session_send_reply(struct gdb_session *session)
{
	gdb_packet_write(&session->out, session->reply.data, session->reply.len);
	session->has_replied = true;
}

static void reply_error(struct gdb_session *session, int error)
{
	gdb_buffer_clear(&session->reply);
	gdb_buffer_printf(&session->reply, "E%02x", (unsigned)-error & 0xff);
	gdb_session_send_reply(session);
}

static void acknowledge(struct gdb_session *session, char sign)
{
	if (!session->no_ack)
		gdb_buffer_put(&session->out, (uint8_t)sign);
}

static void execute(struct gdb_session *session)
{
	int r;

	acknowledge(session, '+');
	session->has_replied = false;
	gdb_buffer_clear(&session->reply);
	r = gdb_command_execute(session, session->parser.data, session->parser.len);
	if (r == 0 && session->reply.overflow)
		r = -EMSGSIZE;
	if (r < 0)
		reply_error(session, r);
	else if (r != GDB_NO_REPLY)
		gdb_session_send_reply(session);
	if (session->closing)
		gdb_session_detach(session, true);
}

static void handle(struct gdb_session *session, enum gdb_packet_event event)
{
	switch (event) {
	case GDB_PACKET_NOTHING:
	case GDB_PACKET_ACK: break;
	case GDB_PACKET_NAK:
		if (!session->no_ack && session->has_replied)
			gdb_session_send_reply(session);
		break;
	case GDB_PACKET_INTERRUPT: (void)gdb_run_interrupt(session); break;
	case GDB_PACKET_COMPLETE: execute(session); break;
	case GDB_PACKET_CORRUPT:
		if (session->no_ack)
			reply_error(session, -EBADMSG);
		else
			acknowledge(session, '-');
		break;
	case GDB_PACKET_MALFORMED:
		acknowledge(session, '+');
		reply_error(session, -EMSGSIZE);
		break;
	}
}

size_t gdb_session_feed(struct gdb_session *session, const uint8_t *bytes, size_t len)
{
	size_t taken = 0;

	while (taken < len && gdb_session_accepts(session))
		handle(session, gdb_packet_parser_feed(&session->parser, bytes[taken++]));
	return taken;
}
