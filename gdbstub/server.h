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
 * With no gdb connected the stop is kept for the next one (and a GDB_STOP_INTERRUPT nobody asked
 * for any more is resumed).
 */
void gdb_server_report_stop(struct gdb_server *server, const struct gdb_stop *stop);

#endif
