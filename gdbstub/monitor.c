/* SPDX-License-Identifier: MIT */
/* `monitor` commands: text in, text out. */
#include <errno.h>
#include <string.h>

#include "gdbstub/commands.h"

#define MONITOR_LINE_MAX 256u
#define MONITOR_TEXT_MAX 4096u

struct monitor_command {
	const char *name;
	const char *help;
	void (*fn)(struct gdb_session *session, struct gdb_buffer *text);
};

static void monitor_help(struct gdb_session *session, struct gdb_buffer *text);

static void write_breakpoint_means(const struct gdb_session *session, struct gdb_buffer *text)
{
	gdb_buffer_printf(text, "breakpoints in the kernel: %s\n",
			  session->only_int3 ? "int3"
					     : "debug registers while any is free, then int3");
}

static void monitor_caps(struct gdb_session *session, struct gdb_buffer *text)
{
	gdb_buffer_printf(text, "vCPUs: %u, stopped and resumed together\n", session->nr_vcpus);
	gdb_buffer_printf(text, "software breakpoints: %u of %u set\n", session->breakpoints.count,
			  GDB_BREAKPOINTS_MAX);
	write_breakpoint_means(session, text);
	gdb_buffer_printf(text, "debug registers: %u of %u in use\n",
			  gdb_hw_points_used(&session->hw), GDB_HW_SLOTS);
	gdb_buffer_printf(text, "watchpoints: write, access; a read watchpoint (rwatch) stops at "
				"writes too\n");
	gdb_buffer_printf(text, "range stepping: in the stub\n");
	gdb_buffer_printf(text, "packet size: %u bytes\n", GDB_PACKET_SIZE);
}

static void monitor_breakpoints_auto(struct gdb_session *session, struct gdb_buffer *text)
{
	session->only_int3 = false;
	write_breakpoint_means(session, text);
}

static void monitor_breakpoints_int3(struct gdb_session *session, struct gdb_buffer *text)
{
	session->only_int3 = true;
	write_breakpoint_means(session, text);
}

static const struct monitor_command commands[] = {
	{ "help", "this list", monitor_help },
	{ "caps", "what this debugger can do here, and what of it is in use", monitor_caps },
	{ "breakpoints auto",
	  "let breakpoints in the kernel borrow free debug registers (the default)",
	  monitor_breakpoints_auto },
	{ "breakpoints int3", "make all breakpoints int3, until gdb leaves",
	  monitor_breakpoints_int3 },
};

static void monitor_help(struct gdb_session *session, struct gdb_buffer *text)
{
	(void)session;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		gdb_buffer_printf(text, "%-16s %s\n", commands[i].name, commands[i].help);
}

static void run_line(struct gdb_session *session, const char *line, struct gdb_buffer *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(line, commands[i].name) == 0) {
			commands[i].fn(session, text);
			return;
		}
	}
	gdb_buffer_printf(text, "unknown monitor command '%s'; try 'monitor help'\n", line);
}

/* qRcmd,HEX */
int gdb_command_monitor(struct gdb_session *session, struct gdb_text *args)
{
	char line[MONITOR_LINE_MAX];
	uint8_t data[MONITOR_TEXT_MAX];
	struct gdb_buffer text = { .data = data, .size = sizeof(data) };
	size_t len;

	if (!gdb_text_take(args, ','))
		return -EINVAL;
	len = gdb_text_left(args) / 2;
	if (len >= sizeof(line) || !gdb_text_take_hex_bytes(args, line, len) ||
	    gdb_text_left(args) > 0)
		return -EINVAL;
	line[len] = '\0';
	run_line(session, len > 0 ? line : "help", &text);
	gdb_buffer_put_hex(&session->reply, text.data, text.len);
	return 0;
}
