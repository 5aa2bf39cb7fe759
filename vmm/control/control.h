/* SPDX-License-Identifier: MIT */
/*
 * The control socket of a running machine: `glassbox run --control`, `glassbox ctl`.
 *
 *     server.c      sockets and lines
 *     request.c     JSON
 *     control.c     finds the command, keeps those that wait
 *     commands*.c   a file for each group of commands
 *
 * To add a command: a function and a row in one of these, docs/control.md, and for people
 * vmm/ctl.c and vmm/ctl_text.c.  All of it runs on the loop's thread.
 */
#ifndef GLASSBOX_VMM_CONTROL_CONTROL_H
#define GLASSBOX_VMM_CONTROL_CONTROL_H

#include "base/error.h"
#include "base/loop.h"
#include "gdbstub/server.h"
#include "vmm/board.h"

/* What there is to control; its owner keeps it up to date. */
struct control_machine {
	const struct run_options *options;
	struct board *board;          /* another one after a reset */
	const struct gdb_server *gdb; /* NULL: there is no debugger */
	bool dead;                    /* the guest cannot go on, and is there to be looked at */
	void (*quit)(void *ctx);      /* end the machine, soon */
	void *ctx;
};

struct control;

/**
 * control_create() - let clients control @machine
 * @loop, @machine: borrowed until control_destroy(); requests come when the loop runs
 * @address: "unix:PATH"
 *
 * Return: 0, or -errno with @error set.
 */
int control_create(struct loop *loop, const char *address, const struct control_machine *machine,
		   struct control **ret_control, struct error *error) __must_check;

/** control_destroy() - hang up on all clients; after the board is gone.  NULL is fine */
void control_destroy(struct control *control);

/** control_machine_parked() - every vCPU is parked, for whatever reason */
void control_machine_parked(struct control *control);

#endif
