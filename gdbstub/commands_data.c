/* SPDX-License-Identifier: MIT */
/* Packets about registers, memory and breakpoints; all on the vCPU that Hg chose. */
#include <errno.h>

#include "gdbstub/commands.h"
#include "gdbstub/memory.h"
#include "gdbstub/registers.h"

static int read_regs(struct gdb_session *session, struct x86_regs *ret_regs)
{
	return session->target->ops->read_regs(session->target, session->general_vcpu, ret_regs);
}

static int write_regs(struct gdb_session *session, const struct x86_regs *regs)
{
	return session->target->ops->write_regs(session->target, session->general_vcpu, regs);
}

static void reply_register(struct gdb_session *session, const struct gdb_register *reg,
			   const struct x86_regs *regs)
{
	uint8_t bytes[GDB_REGISTER_MAX];

	gdb_register_get(reg, regs, bytes);
	gdb_buffer_put_hex(&session->reply, bytes, reg->bytes);
}

/* g */
int gdb_command_read_registers(struct gdb_session *session, struct gdb_text *args)
{
	struct x86_regs regs;
	int r;

	if (gdb_text_left(args) > 0)
		return -EINVAL;
	r = read_regs(session, &regs);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < gdb_nr_registers; i++)
		reply_register(session, &gdb_registers[i], &regs);
	return 0;
}

static bool take_register(struct gdb_text *args, const struct gdb_register *reg,
			  struct x86_regs *regs)
{
	uint8_t bytes[GDB_REGISTER_MAX];

	if (!gdb_text_take_hex_bytes(args, bytes, reg->bytes))
		return false;
	gdb_register_set(reg, regs, bytes);
	return true;
}

/* G XX... */
int gdb_command_write_registers(struct gdb_session *session, struct gdb_text *args)
{
	struct x86_regs regs;
	int r = read_regs(session, &regs);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < gdb_nr_registers; i++) {
		if (!take_register(args, &gdb_registers[i], &regs))
			return -EINVAL;
	}
	if (gdb_text_left(args) > 0)
		return -EINVAL;
	r = write_regs(session, &regs);
	return r < 0 ? r : gdb_reply_ok(session);
}

static const struct gdb_register *take_register_number(struct gdb_text *args)
{
	uint64_t number;

	if (!gdb_text_take_hex(args, &number) || number >= gdb_nr_registers)
		return NULL;
	return &gdb_registers[number];
}

/* p N */
int gdb_command_read_register(struct gdb_session *session, struct gdb_text *args)
{
	const struct gdb_register *reg = take_register_number(args);
	struct x86_regs regs;
	int r;

	if (!reg || gdb_text_left(args) > 0)
		return -EINVAL;
	r = read_regs(session, &regs);
	if (r < 0)
		return r;
	reply_register(session, reg, &regs);
	return 0;
}

/* P N=XX... */
int gdb_command_write_register(struct gdb_session *session, struct gdb_text *args)
{
	const struct gdb_register *reg = take_register_number(args);
	struct x86_regs regs;
	int r;

	if (!reg || !gdb_text_take(args, '='))
		return -EINVAL;
	r = read_regs(session, &regs);
	if (r < 0)
		return r;
	if (!take_register(args, reg, &regs) || gdb_text_left(args) > 0)
		return -EINVAL;
	r = write_regs(session, &regs);
	return r < 0 ? r : gdb_reply_ok(session);
}

static bool take_range(struct gdb_text *args, uint64_t *ret_addr, uint64_t *ret_len)
{
	return gdb_text_take_hex(args, ret_addr) && gdb_text_take(args, ',') &&
	       gdb_text_take_hex(args, ret_len);
}

/* Reads as much of a range into session->scratch as is there, and at most @limit bytes. */
static int read_memory(struct gdb_session *session, struct gdb_text *args, size_t limit,
		       size_t *ret_len)
{
	struct x86_regs regs;
	uint64_t addr, len;
	int r;

	if (!take_range(args, &addr, &len) || gdb_text_left(args) > 0)
		return -EINVAL;
	r = read_regs(session, &regs);
	if (r < 0)
		return r;
	return gdb_memory_read(session->target, &regs, addr, session->scratch, MIN(len, limit),
			       ret_len);
}

/* m ADDR,LEN: a shorter answer tells gdb where the readable memory ends */
int gdb_command_read_memory(struct gdb_session *session, struct gdb_text *args)
{
	size_t len;
	int r = read_memory(session, args, GDB_PACKET_SIZE / 2, &len);

	if (r < 0)
		return r;
	gdb_buffer_put_hex(&session->reply, session->scratch, len);
	return 0;
}

/* x ADDR,LEN: every byte may need an escape */
int gdb_command_read_memory_binary(struct gdb_session *session, struct gdb_text *args)
{
	size_t len;
	int r = read_memory(session, args, GDB_PACKET_SIZE / 2 - 1, &len);

	if (r < 0)
		return r;
	gdb_buffer_put(&session->reply, 'b');
	gdb_buffer_put_binary(&session->reply, session->scratch, len);
	return 0;
}

static int write_memory(struct gdb_session *session, uint64_t addr, const uint8_t *bytes,
			size_t len)
{
	struct x86_regs regs;
	int r = read_regs(session, &regs);

	if (r == 0)
		r = gdb_memory_write(session->target, &regs, addr, bytes, len);
	return r < 0 ? r : gdb_reply_ok(session);
}

/* M ADDR,LEN:XX... */
int gdb_command_write_memory(struct gdb_session *session, struct gdb_text *args)
{
	uint64_t addr, len;

	if (!take_range(args, &addr, &len) || !gdb_text_take(args, ':') ||
	    len > sizeof(session->scratch) ||
	    !gdb_text_take_hex_bytes(args, session->scratch, len) || gdb_text_left(args) > 0)
		return -EINVAL;
	return write_memory(session, addr, session->scratch, len);
}

/* X ADDR,LEN:DATA */
int gdb_command_write_memory_binary(struct gdb_session *session, struct gdb_text *args)
{
	uint64_t addr, len;

	if (!take_range(args, &addr, &len) || !gdb_text_take(args, ':') ||
	    len != gdb_text_left(args))
		return -EINVAL;
	return write_memory(session, addr, args->at, len);
}

/* TYPE,ADDR,KIND; nothing behind it, as we offer neither conditions nor commands */
static int take_point(struct gdb_text *args, struct gdb_hw_point *ret_point)
{
	uint64_t type, addr, len;

	if (!gdb_text_take_hex(args, &type) || !gdb_text_take(args, ',') ||
	    !take_range(args, &addr, &len) || gdb_text_left(args) > 0 || type > GDB_POINT_ACCESS)
		return -EINVAL;
	*ret_point = (struct gdb_hw_point){ .type = type, .addr = addr, .len = len };
	return 0;
}

static int insert_software(struct gdb_session *session, uint64_t addr)
{
	struct x86_regs regs;
	uint64_t gpa, left;
	uint8_t byte;
	int r = read_regs(session, &regs);

	if (r == 0)
		r = gdb_memory_translate(session->target, &regs, addr, &gpa, &left);
	/* Tables may point to where no RAM is. */
	if (r == 0)
		r = session->target->ops->read_phys(session->target, gpa, &byte, 1);
	if (r == 0)
		r = gdb_breakpoints_add(&session->breakpoints, addr, gpa);
	return r;
}

/* Z TYPE,ADDR,KIND */
int gdb_command_insert_point(struct gdb_session *session, struct gdb_text *args)
{
	struct gdb_hw_point point;
	int r = take_point(args, &point);

	if (r == 0 && point.type == GDB_POINT_SOFTWARE)
		r = insert_software(session, point.addr);
	else if (r == 0)
		r = gdb_hw_points_add(&session->hw, &point);
	return r < 0 ? r : gdb_reply_ok(session);
}

/* z TYPE,ADDR,KIND */
int gdb_command_remove_point(struct gdb_session *session, struct gdb_text *args)
{
	struct gdb_hw_point point;
	int r = take_point(args, &point);

	if (r < 0)
		return r;
	if (point.type == GDB_POINT_SOFTWARE)
		gdb_breakpoints_remove(&session->breakpoints, point.addr);
	else
		gdb_hw_points_remove(&session->hw, &point);
	return gdb_reply_ok(session);
}
