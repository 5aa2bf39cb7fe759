/* SPDX-License-Identifier: MIT */
/* What to do when KVM_RUN returns: a table by exit reason (Documentation/virt/kvm/api.rst, 5). */
#ifndef GLASSBOX_VMM_EXITS_H
#define GLASSBOX_VMM_EXITS_H

#include "vmm/vcpu.h"

enum exit_verdict {
	EXIT_RESUME, /* handled: run on */
	EXIT_PARK,   /* a stop was recorded: park now */
};

/**
 * exit_handle() - serve the exit in vcpu->kvm.run.  The vCPU's thread.
 *
 * vcpu->handled_by and read_data say "nobody" when it is called; a device that serves the exit is
 * noted there.
 */
enum exit_verdict exit_handle(struct vcpu *vcpu);

/** exit_trace() - leave the exit event of the return value @r of KVM_RUN */
void exit_trace(const struct vcpu *vcpu, int r);

#endif
