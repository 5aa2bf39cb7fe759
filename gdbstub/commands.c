/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "gdbstub/commands.h"

enum {
	WHILE_RUNNING = 1 << 0, /* also while gdb waits for a stop */
	AFTER_EXIT = 1 << 1,    /* also when the VM has ended */
	ANY_TIME = WHILE_RUNNING | AFTER_EXIT,
};

struct command {
	const char *name; /* one character, or a word that ends where no letter or digit follows */
	gdb_command_fn fn;
	unsigned flags;
};

static const struct command commands[] = {
	{ "?", gdb_command_stop_reason, AFTER_EXIT },
	{ "g", gdb_command_read_registers, 0 },
	{ "G", gdb_command_write_registers, 0 },
	{ "p", gdb_command_read_register, 0 },
	{ "P", gdb_command_write_register, 0 },
	{ "m", gdb_command_read_memory, 0 },
	{ "x", gdb_command_read_memory_binary, 0 },
	{ "M", gdb_command_write_memory, 0 },
	{ "X", gdb_command_write_memory_binary, 0 },
	{ "Z", gdb_command_insert_point, 0 },
	{ "z", gdb_command_remove_point, 0 },
	{ "vCont?", gdb_command_vcont_query, AFTER_EXIT },
	{ "vCont", gdb_command_vcont, AFTER_EXIT },
	{ "c", gdb_command_continue, AFTER_EXIT },
	{ "C", gdb_command_continue_signal, AFTER_EXIT },
	{ "s", gdb_command_step, AFTER_EXIT },
	{ "S", gdb_command_step_signal, AFTER_EXIT },
	{ "H", gdb_command_set_thread, AFTER_EXIT },
	{ "T", gdb_command_thread_alive, AFTER_EXIT },
	{ "D", gdb_command_detach, ANY_TIME },
	{ "k", gdb_command_kill, ANY_TIME },
	{ "vKill", gdb_command_vkill, ANY_TIME },
	{ "qSupported", gdb_command_supported, AFTER_EXIT },
	{ "QStartNoAckMode", gdb_command_no_ack, AFTER_EXIT },
	{ "qXfer:features:read", gdb_command_read_features, AFTER_EXIT },
	{ "qfThreadInfo", gdb_command_first_threads, AFTER_EXIT },
	{ "qsThreadInfo", gdb_command_next_threads, AFTER_EXIT },
	{ "qThreadExtraInfo", gdb_command_thread_info, 0 },
	{ "qC", gdb_command_current_thread, AFTER_EXIT },
	{ "qAttached", gdb_command_attached, AFTER_EXIT },
	{ "qSymbol", gdb_command_symbol, AFTER_EXIT },
	{ "qRcmd", gdb_command_monitor, 0 },
};

static bool is_word_character(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool take_name(struct gdb_text *text, const char *name)
{
	struct gdb_text rest = *text;

	if (!gdb_text_take_string(&rest, name))
		return false;
	if (name[1] != '\0' && rest.at < rest.end && is_word_character(*rest.at))
		return false;
	*text = rest;
	return true;
}

int gdb_command_execute(struct gdb_session *session, const uint8_t *body, size_t len)
{
	struct gdb_text text = { .at = body, .end = body + len };

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];

		if (!take_name(&text, command->name))
			continue;
		if (session->state == GDB_RUN_RUNNING && !(command->flags & WHILE_RUNNING))
			return -EBUSY;
		if (session->state == GDB_RUN_EXITED && !(command->flags & AFTER_EXIT))
			return -ESRCH;
		return command->fn(session, &text);
	}
	return session->state == GDB_RUN_RUNNING ? -EBUSY : 0;
}

int gdb_reply_ok(struct gdb_session *session)
{
	gdb_buffer_printf(&session->reply, "OK");
	return 0;
}

int gdb_command_thread_to_vcpu(const struct gdb_session *session, int thread, unsigned *ret_vcpu)
{
	if (thread == GDB_THREAD_ANY || thread == GDB_THREAD_ALL) {
		*ret_vcpu = session->last_stop.vcpu;
		return 0;
	}
	if (thread < 1 || (unsigned)thread > session->nr_vcpus)
		return -ESRCH;
	*ret_vcpu = (unsigned)thread - 1;
	return 0;
}
