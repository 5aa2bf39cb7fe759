/* SPDX-License-Identifier: MIT */
/* Commands about the machine as a whole: status, pause, resume, power button, quit. */
#include <unistd.h>

#include "devices/legacy/pm.h"
#include "vmm/config.h"
#include "vmm/control/commands.h"

bool control_is_running(const struct control_machine *machine)
{
	const struct vm *vm = machine->board->vm;

	return vm->running && !vm->paused && !machine->dead;
}

/* The debugger's stop is told before a pause: it has the last word about what runs. */
static const char *state_name(const struct control_machine *machine)
{
	const struct vm *vm = machine->board->vm;

	if (machine->dead)
		return "dead";
	if (!vm->running)
		return "stopped";
	return vm->paused ? "paused" : "running";
}

json_t *control_state(struct control *control)
{
	const struct control_machine *machine = control->machine;

	return json_pack("{ss sb}", "state", state_name(machine), "paused",
			 machine->board->vm->paused);
}

/* NULL and null are two things: the former is for want of memory. */
static json_t *describe_debugger(const struct control_machine *machine)
{
	if (!machine->gdb)
		return json_null();
	return json_pack("{so sb}", "address", control_text(gdb_server_address(machine->gdb)),
			 "attached", gdb_server_is_attached(machine->gdb));
}

static int run_status(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	const struct control_machine *machine = call->control->machine;
	const struct run_options *options = machine->options;
	const struct vm *vm = machine->board->vm;

	if (control_arguments(call, error, "{}") < 0)
		return -1;
	*ret_result = json_pack("{ss sb si sI so so so so ss si}", "state", state_name(machine),
				"paused", vm->paused, "vcpus", (int)vm->nr_vcpus, "memory",
				(json_int_t)vm->ram_size, "kernel", control_text(options->kernel),
				"boot", control_text(machine->board->boot.description), "debugger",
				describe_debugger(machine), "trace",
				options->trace_dir ? control_text(options->trace_dir) : json_null(),
				"version", GLASSBOX_VERSION, "pid", (int)getpid());
	return CONTROL_DONE;
}

static int run_pause(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	struct vm *vm = call->control->machine->board->vm;

	(void)ret_result;
	if (control_arguments(call, error, "{}") < 0)
		return -1;
	if (call->control->machine->dead)
		return control_error_set(error, CONTROL_REFUSED,
					 "the guest is dead: it does not run anyway");
	vm_pause(vm);
	/* The reply says that it is so, not that it will be. */
	if (!vm_is_parked(vm)) {
		control_call_wait(call, CONTROL_WAIT_PARKED);
		return CONTROL_LATER;
	}
	*ret_result = control_state(call->control);
	return CONTROL_DONE;
}

static int run_resume(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	const struct control_machine *machine = call->control->machine;
	struct vm *vm = machine->board->vm;

	if (control_arguments(call, error, "{}") < 0)
		return -1;
	if (machine->dead)
		return control_error_set(error, CONTROL_REFUSED,
					 "the guest is dead: it cannot go on");
	if (!vm->running && !vm->paused)
		return control_error_set(
			error, CONTROL_REFUSED,
			"the debugger has stopped the machine, and only it lets it go on");
	vm_unpause(vm);
	/* A pause on its way does not come any more, and its client must not wait for it. */
	control_answer_all(call->control, CONTROL_WAIT_PARKED, control_state, NULL);
	*ret_result = control_state(call->control);
	return CONTROL_DONE;
}

/* What comes of it is the guest's affair; a paused one learns of it when it goes on. */
static int run_power_button(struct control_call *call, json_t **ret_result,
			    struct control_error *error)
{
	const struct control_machine *machine = call->control->machine;

	if (control_arguments(call, error, "{}") < 0)
		return -1;
	if (machine->dead)
		return control_error_set(error, CONTROL_REFUSED,
					 "the guest is dead: it does not see its power button");
	pm_press_power_button(machine->board->pm);
	*ret_result = json_object();
	return CONTROL_DONE;
}

static int run_quit(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	const struct control_machine *machine = call->control->machine;

	if (control_arguments(call, error, "{}") < 0)
		return -1;
	machine->quit(machine->ctx);
	*ret_result = json_object();
	return CONTROL_DONE;
}

const struct control_command control_commands_machine[] = {
	{ "status", run_status },
	{ "pause", run_pause },
	{ "resume", run_resume },
	{ "quit", run_quit },
	/* Unlike that, it leaves the end to the guest. */
	{ "power-button", run_power_button },
	{ 0 },
};
