/* SPDX-License-Identifier: MIT */
/* What the user reads when a guest has died.  Main thread, every vCPU parked. */
#ifndef GLASSBOX_VMM_DEATH_H
#define GLASSBOX_VMM_DEATH_H

#include "base/elf_symbols.h"
#include "vmm/vcpu.h"

/**
 * death_report() - print why @vcpu cannot go on: one line, then the details
 * @stop: VM_STOP_TRIPLE_FAULT or VM_STOP_KVM_ERROR
 * @symbols: of the guest's kernel; may be NULL
 */
void death_report(struct vcpu *vcpu, const struct vm_stop *stop, const struct elf_symbols *symbols);

/**
 * death_report_panic() - print, in one line, that the guest's kernel has panicked
 * @message: what it said itself; "" if that isn't known
 * @what: what @vcpu did then, e.g. "reset the machine"
 */
void death_report_panic(struct vcpu *vcpu, const char *message, const char *what,
			const struct elf_symbols *symbols);

#endif
