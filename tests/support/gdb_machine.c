/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tests/support/gdb_machine.h"

/* Rounds that the machine runs before the loop gets a turn. */
#define SLICE 1000u

static void end(void *ctx)
{
	struct gdb_machine *machine = ctx;

	machine->exited = true;
	if (machine->ended)
		machine->ended(machine);
}

static void report_stop(void *ctx, const struct gdb_stop *stop)
{
	struct gdb_machine *machine = ctx;

	gdb_server_report_stop(machine->server, stop);
	if (stop->kind == GDB_STOP_GUEST_EXITED)
		end(machine);
}

static bool owns_breakpoint(void *ctx, unsigned vcpu, uint64_t gva)
{
	struct gdb_machine *machine = ctx;

	return gdb_server_owns_breakpoint(machine->server, vcpu, gva);
}

static void run_slice(void *ctx);

static void schedule(void *ctx)
{
	struct gdb_machine *machine = ctx;

	if (machine->scheduled)
		return;
	machine->scheduled = true;
	if (loop_post(machine->loop, run_slice, machine) < 0)
		abort();
}

static void run_slice(void *ctx)
{
	struct gdb_machine *machine = ctx;

	machine->scheduled = false;
	if (!fake_target_run(&machine->fake, SLICE))
		schedule(machine);
}

int gdb_machine_create(struct gdb_machine *machine, const char *address, unsigned nr_vcpus,
		       struct error *error)
{
	int r;

	*machine = (struct gdb_machine){ 0 };
	fake_target_init(&machine->fake, nr_vcpus);
	machine->fake.hooks = (struct fake_hooks){ .ctx = machine,
						   .report_stop = report_stop,
						   .owns_breakpoint = owns_breakpoint,
						   .resumed = schedule,
						   .killed = end };
	r = loop_create(&machine->loop);
	if (r < 0)
		return error_set_errno(error, r, "cannot make an event loop");
	return gdb_server_create(machine->loop, address, &machine->fake.target, true,
				 &machine->server, error);
}

void gdb_machine_destroy(struct gdb_machine *machine)
{
	gdb_server_destroy(machine->server);
	loop_destroy(machine->loop);
	fake_target_destroy(&machine->fake);
}
