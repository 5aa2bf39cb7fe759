/* SPDX-License-Identifier: MIT */
/* Stop replies: gdb manual, "Stop Reply Packets". */
#include "gdbstub/registers.h"
#include "gdbstub/run.h"

static unsigned stop_signal(const struct gdb_session *session)
{
	enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5, SIGNAL_SEGV = 11 }; /* gdb's numbers */

	switch (session->last_stop.kind) {
	case GDB_STOP_INTERRUPT: return session->stop_was_asked ? SIGNAL_INT : SIGNAL_TRAP;
	case GDB_STOP_DIED: return SIGNAL_SEGV;
	default: return SIGNAL_TRAP;
	}
}

static void write_watchpoint(const struct gdb_session *session, struct gdb_buffer *reply)
{
	unsigned slot = session->last_stop.slot;
	const char *name;

	if (slot >= GDB_HW_SLOTS || !session->hw.slots[slot].used)
		return;
	switch (session->hw.points[slot].type) {
	case GDB_POINT_WRITE: name = "watch"; break;
	case GDB_POINT_READ: name = "rwatch"; break;
	default: name = "awatch"; break;
	}
	gdb_buffer_printf(reply, "%s:%llx;", name,
			  (unsigned long long)session->hw.slots[slot].addr);
}

static void write_reason(const struct gdb_session *session, struct gdb_buffer *reply)
{
	switch (session->last_stop.kind) {
	case GDB_STOP_SWBREAK:
		if (session->client_swbreak)
			gdb_buffer_printf(reply, "swbreak:;");
		break;
	case GDB_STOP_HWBREAK:
		if (session->client_hwbreak)
			gdb_buffer_printf(reply, "hwbreak:;");
		break;
	case GDB_STOP_WATCHPOINT: write_watchpoint(session, reply); break;
	default: break;
	}
}

/* What gdb reads after every stop anyway. */
static void write_expedited(const struct gdb_session *session, struct gdb_buffer *reply)
{
	static const unsigned numbers[] = { GDB_REG_RBP, GDB_REG_RSP, GDB_REG_RIP };
	struct gdb_target *target = session->target;
	struct x86_regs regs;

	if (target->ops->read_regs(target, session->last_stop.vcpu, &regs) < 0)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct gdb_register *reg = &gdb_registers[numbers[i]];
		uint8_t bytes[GDB_REGISTER_MAX];

		gdb_register_get(reg, &regs, bytes);
		gdb_buffer_printf(reply, "%x:", numbers[i]);
		gdb_buffer_put_hex(reply, bytes, reg->bytes);
		gdb_buffer_put(reply, ';');
	}
}

void gdb_run_write_stop_reply(struct gdb_session *session, struct gdb_buffer *reply)
{
	const struct gdb_stop *stop = &session->last_stop;

	if (session->state == GDB_RUN_EXITED) {
		gdb_buffer_printf(reply, "W%02x", (unsigned)stop->status & 0xff);
		return;
	}
	gdb_buffer_printf(reply, "T%02xthread:%x;", stop_signal(session), stop->vcpu + 1);
	write_reason(session, reply);
	write_expedited(session, reply);
}
