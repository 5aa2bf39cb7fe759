/* SPDX-License-Identifier: MIT */
/* The fake machine running on an event loop under a real server. */
#ifndef GLASSBOX_TESTS_SUPPORT_GDB_MACHINE_H
#define GLASSBOX_TESTS_SUPPORT_GDB_MACHINE_H

#include "gdbstub/server.h"
#include "tests/support/fake_target.h"

struct gdb_machine {
	struct loop *loop;
	struct fake_target fake;
	struct gdb_server *server;
	bool scheduled;                             /* a slice of the machine's run is posted */
	void (*ended)(struct gdb_machine *machine); /* when exited becomes true; may be NULL */
	bool exited; /* the guest has ended the VM, or gdb killed it */
};

/**
 * gdb_machine_create() - @nr_vcpus, stopped, waiting for gdb at @address
 *
 * Return: 0, or -errno with @error set.
 */
int gdb_machine_create(struct gdb_machine *machine, const char *address, unsigned nr_vcpus,
		       struct error *error);
void gdb_machine_destroy(struct gdb_machine *machine);

#endif
