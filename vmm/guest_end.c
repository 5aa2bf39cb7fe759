/* SPDX-License-Identifier: MIT */
#include "vmm/guest_end.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "devices/legacy/debug_exit.h"
#include "devices/legacy/pvpanic.h"
#include "vmm/boot/acpi.h"

_Static_assert(PVPANIC_PORT == ACPI_PVPANIC_PORT, "ACPI and the device must mean the same port");

struct guest_end {
	struct vm *vm;
	struct device *pvpanic, *debug_exit; /* NULL: not asked for */
	atomic_bool crash_told;
};

/* On the vCPU's thread; what becomes of it is the owner's decision, on the loop's thread. */
static void stop_for(const struct guest_end *end, enum vm_stop_kind kind, int code)
{
	const struct vm_stop stop = { .kind = kind,
				      .vcpu = vm_current_vcpu(end->vm),
				      .code = code };

	vm_stop_for(end->vm, &stop);
}

static void guest_panicked(void *ctx, enum pvpanic_event event)
{
	struct guest_end *end = ctx;

	if (event == PVPANIC_EVENT_PANICKED)
		stop_for(end, VM_STOP_PANIC, 0);
	else if (!atomic_exchange(&end->crash_told, true)) /* it may say so for ever */
		log_info("guest kernel panicked; its crash kernel takes over");
}

static void guest_exits(void *ctx, int status)
{
	stop_for(ctx, VM_STOP_DEBUG_EXIT, status);
}

static int create_pvpanic(struct guest_end *end)
{
	const struct pvpanic_listener listener = { .event = guest_panicked, .ctx = end };
	int r = pvpanic_create("pvpanic", &listener, &end->pvpanic);

	return r < 0 ? r : bus_add(&end->vm->pio, PVPANIC_PORT, PVPANIC_NR_PORTS, end->pvpanic);
}

static int create_debug_exit(struct guest_end *end, uint16_t port)
{
	const struct exit_listener listener = { .exit = guest_exits, .ctx = end };
	int r = debug_exit_create("debug-exit", &listener, &end->debug_exit);

	return r < 0 ? r : bus_add(&end->vm->pio, port, DEBUG_EXIT_NR_PORTS, end->debug_exit);
}

int guest_end_create(struct vm *vm, const struct run_options *options, struct guest_end **ret_end,
		     struct error *error)
{
	struct guest_end *end = calloc(1, sizeof(*end));
	int r = end ? 0 : -ENOMEM;

	if (r == 0) {
		end->vm = vm;
		if (options->pvpanic)
			r = create_pvpanic(end);
	}
	if (r < 0) {
		(void)error_set_errno(error, r, "cannot make the panic port");
	} else if (options->debug_exit) {
		r = create_debug_exit(end, options->debug_exit);
		if (r == -EEXIST)
			r = error_set_usage(error,
					    "--debug-exit 0x%x: another device has one of the "
					    "%d ports from there on",
					    options->debug_exit, DEBUG_EXIT_NR_PORTS);
		else if (r < 0)
			(void)error_set_errno(error, r, "cannot make the exit port");
	}
	if (r < 0) {
		guest_end_destroy(end);
		return r;
	}
	*ret_end = end;
	return 0;
}

void guest_end_destroy(struct guest_end *end)
{
	if (!end)
		return;
	device_destroy(end->pvpanic);
	device_destroy(end->debug_exit);
	free(end);
}
