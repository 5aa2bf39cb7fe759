/* SPDX-License-Identifier: MIT */
/*
 * The packets we answer: a table in commands.c, handlers in the commands_*.c files.  gdb manual,
 * "Packets" and "General Query Packets".
 */
#ifndef GLASSBOX_GDBSTUB_COMMANDS_H
#define GLASSBOX_GDBSTUB_COMMANDS_H

#include "gdbstub/session.h"
#include "gdbstub/text.h"

/* A handler's result when nothing is to be sent now. */
#define GDB_NO_REPLY 1

/**
 * gdb_command_execute() - do what a packet says
 *
 * The answer is written to session->reply; an empty one means "unknown packet".  Return: 0; -errno
 * for an error reply; GDB_NO_REPLY.
 */
int gdb_command_execute(struct gdb_session *session, const uint8_t *body, size_t len);

/**
 * Handlers: @args is what follows the packet's name.  They return as gdb_command_execute().
 */
typedef int (*gdb_command_fn)(struct gdb_session *session, struct gdb_text *args);

/* commands_data.c: registers, memory, breakpoints */
int gdb_command_read_registers(struct gdb_session *session, struct gdb_text *args);
int gdb_command_write_registers(struct gdb_session *session, struct gdb_text *args);
int gdb_command_read_register(struct gdb_session *session, struct gdb_text *args);
int gdb_command_write_register(struct gdb_session *session, struct gdb_text *args);
int gdb_command_read_memory(struct gdb_session *session, struct gdb_text *args);
int gdb_command_read_memory_binary(struct gdb_session *session, struct gdb_text *args);
int gdb_command_write_memory(struct gdb_session *session, struct gdb_text *args);
int gdb_command_write_memory_binary(struct gdb_session *session, struct gdb_text *args);
int gdb_command_insert_point(struct gdb_session *session, struct gdb_text *args);
int gdb_command_remove_point(struct gdb_session *session, struct gdb_text *args);

/* commands_run.c: run control, threads, goodbye */
int gdb_command_stop_reason(struct gdb_session *session, struct gdb_text *args);
int gdb_command_vcont_query(struct gdb_session *session, struct gdb_text *args);
int gdb_command_vcont(struct gdb_session *session, struct gdb_text *args);
int gdb_command_continue(struct gdb_session *session, struct gdb_text *args);
int gdb_command_continue_signal(struct gdb_session *session, struct gdb_text *args);
int gdb_command_step(struct gdb_session *session, struct gdb_text *args);
int gdb_command_step_signal(struct gdb_session *session, struct gdb_text *args);
int gdb_command_set_thread(struct gdb_session *session, struct gdb_text *args);
int gdb_command_thread_alive(struct gdb_session *session, struct gdb_text *args);
int gdb_command_detach(struct gdb_session *session, struct gdb_text *args);
int gdb_command_kill(struct gdb_session *session, struct gdb_text *args);
int gdb_command_vkill(struct gdb_session *session, struct gdb_text *args);

/* commands_query.c: what gdb asks in general */
int gdb_command_supported(struct gdb_session *session, struct gdb_text *args);
int gdb_command_read_features(struct gdb_session *session, struct gdb_text *args);
int gdb_command_first_threads(struct gdb_session *session, struct gdb_text *args);
int gdb_command_next_threads(struct gdb_session *session, struct gdb_text *args);
int gdb_command_thread_info(struct gdb_session *session, struct gdb_text *args);
int gdb_command_current_thread(struct gdb_session *session, struct gdb_text *args);
int gdb_command_attached(struct gdb_session *session, struct gdb_text *args);
int gdb_command_symbol(struct gdb_session *session, struct gdb_text *args);
int gdb_command_no_ack(struct gdb_session *session, struct gdb_text *args);

/* monitor.c */
int gdb_command_monitor(struct gdb_session *session, struct gdb_text *args);

/** gdb_reply_ok() - write "OK".  Return: 0 */
int gdb_reply_ok(struct gdb_session *session);

/** gdb_command_thread_to_vcpu() - a thread id that must name one vCPU, or any (the current one)
 *
 * Return: 0, or -ESRCH.
 */
int gdb_command_thread_to_vcpu(const struct gdb_session *session, int thread, unsigned *ret_vcpu)
	__must_check;

#endif
