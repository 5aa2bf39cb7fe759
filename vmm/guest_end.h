/* SPDX-License-Identifier: MIT */
/* The ports by which a guest says that it is at its end: pvpanic and debug-exit, where asked for.
 */
#ifndef GLASSBOX_VMM_GUEST_END_H
#define GLASSBOX_VMM_GUEST_END_H

#include "vmm/options.h"
#include "vmm/vm.h"

struct guest_end;

/**
 * guest_end_create() - the ports on the bus of @vm, which is borrowed
 *
 * After all other devices with ports, before the vCPUs run.  A panic stops the VM with
 * VM_STOP_PANIC, a write to debug-exit with VM_STOP_DEBUG_EXIT.  Return: 0, or -errno with @error
 * set.
 */
int guest_end_create(struct vm *vm, const struct run_options *options, struct guest_end **ret_end,
		     struct error *error) __must_check;

/** guest_end_destroy() - after the vCPUs have ended; NULL is fine */
void guest_end_destroy(struct guest_end *end);

#endif
