/* SPDX-License-Identifier: MIT */
/*
 * Doorbells by KVM's ioeventfds: the guest's write signals an eventfd inside of KVM, and no exit
 * reaches us.  When KVM has no room for one, the write comes as an exit to the device, which has to
 * ring by itself: slower, not wrong.  Any thread.
 */
#ifndef GLASSBOX_VMM_DOORBELL_H
#define GLASSBOX_VMM_DOORBELL_H

#include "devices/virtio/doorbell.h"
#include "vmm/kvm.h"

/** kvm_doorbells() - for transports; @kvm is borrowed as long as they live */
struct doorbell_host kvm_doorbells(const struct kvm *kvm);

#endif
