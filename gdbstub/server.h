/* SPDX-License-Identifier: MIT */
/*
 * The stub on a socket: one gdb at a time, as often as it likes.  All of it runs on the loop's
 * thread.
 */
#ifndef GLASSBOX_GDBSTUB_SERVER_H
#define GLASSBOX_GDBSTUB_SERVER_H

#include "base/error.h"
#include "base/loop.h"
#include "gdbstub/target.h"

struct gdb_server;

/**
 * gdb_server_create() - listen for gdb
 * @loop: runs the server
 * @address: tcp:HOST:PORT or unix:PATH (base/address.h)
 * @target: borrowed until gdb_server_destroy()
 * @stopped: the vCPUs are stopped now (true) or running (false)
 *
 * A gdb that connects finds every vCPU stopped; when it detaches or its connection drops, the
 * breakpoints are removed and the vCPUs resume.  Return: 0, or -errno with @error set.
 */
int gdb_server_create(struct loop *loop, const char *address, struct gdb_target *target,
		      bool stopped, struct gdb_server **ret_server, struct error *error)
	__must_check;

/** gdb_server_destroy() - close everything, remove the socket file; does not resume; NULL is fine
 */
void gdb_server_destroy(struct gdb_server *server);

/** gdb_server_address() - where it listens, with the port that was chosen */
const char *gdb_server_address(const struct gdb_server *server);

/**
 * gdb_server_report_stop() - every vCPU has stopped, for this reason
 *
 * Once for each resume() of the target, and never from inside one of its operations.  May call
 * operations, resume() among them.
 *
 * Of several vCPUs that stopped at once, one is reported.  Another one that met a breakpoint needs
 * nothing: its RIP is at the breakpoint, and it meets it again when it runs.  Other reasons (a
 * watchpoint, the end of a step) do not come again: the target keeps them, and when it is resumed
 * reports them before anything runs.
 *
 * With no gdb connected the stop is kept for the next one (and a GDB_STOP_INTERRUPT nobody asked
 * for any more is resumed).
 */
void gdb_server_report_stop(struct gdb_server *server, const struct gdb_stop *stop);

/**
 * gdb_server_owns_breakpoint() - whose int3 did @vcpu meet?
 * @gva: the linear address of the 0xCC (CS base + RIP)
 *
 * To be asked on the loop's thread, with every vCPU stopped, before gdb_server_report_stop(): that
 * takes the breakpoints out of memory.  Return: true if it is one of ours, to be reported as
 * GDB_STOP_SWBREAK; false if the guest has it there for itself, so that the target re-injects #BP
 * and lets the guest run on without a report.
 */
bool gdb_server_owns_breakpoint(struct gdb_server *server, unsigned vcpu, uint64_t gva);

/** gdb_server_is_attached() - a gdb is connected */
bool gdb_server_is_attached(const struct gdb_server *server);

/**
 * gdb_server_machine_reset() - the machine was replaced by a new one in its state after power-on
 *
 * The target stands for the new machine already, with as many vCPUs, all stopped.  Breakpoints are
 * put into its memory and every vCPU is resumed.  Return: 0, or -errno (then all are still
 * stopped).
 */
int gdb_server_machine_reset(struct gdb_server *server) __must_check;

#endif
