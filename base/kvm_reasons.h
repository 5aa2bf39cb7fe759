/* SPDX-License-Identifier: MIT */
/* The names of KVM's exit reasons (linux/kvm.h).  A constant table: any thread. */
#ifndef GLASSBOX_BASE_KVM_REASONS_H
#define GLASSBOX_BASE_KVM_REASONS_H

#include "base/util.h"

/** kvm_reason_name() - "KVM_EXIT_IO" for 2; NULL for a number without a name.  Static. */
const char *kvm_reason_name(uint32_t reason);

#endif
