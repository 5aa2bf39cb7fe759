/* SPDX-License-Identifier: MIT */
/*
 * Numbers of KVM and of the processors as their documents name them.  Constant tables: any thread.
 */
#ifndef GLASSBOX_VMM_EXIT_NAMES_H
#define GLASSBOX_VMM_EXIT_NAMES_H

#include "base/util.h"

/** kvm_exit_reason_name() - "KVM_EXIT_MMIO" and so on (<linux/kvm.h>); never NULL */
const char *kvm_exit_reason_name(unsigned reason);

/** vmx_exit_name() - a basic exit reason, bits 15:0 (SDM vol. 3D, appendix C); NULL if unknown */
const char *vmx_exit_name(uint64_t reason);

/** svm_exit_name() - a #VMEXIT code (APM vol. 2, appendix C); NULL if unknown */
const char *svm_exit_name(uint64_t code);

/** x86_vector_name() - "#PF" and so on for an exception vector (SDM vol. 3A, 6.3.1), or NULL */
const char *x86_vector_name(unsigned vector);

#endif
