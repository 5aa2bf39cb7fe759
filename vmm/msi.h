/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts by KVM: the table of routes of a VM, and the vectors of a device.
 *
 * A route gives a message a GSI of its own, which an irqfd can raise: a device's thread writes an
 * eventfd, KVM delivers the message.  KVM knows only whole tables, so the routes of the interrupt
 * controllers are in ours as well: GSI 0 to 15 at both 8259s, 0 to 23 at the I/O APIC, where 0 is
 * at input 2 as on every PC and as the MADT says.
 *
 * Any thread.  msi_routes has the innermost lock of all.
 */
#ifndef GLASSBOX_VMM_MSI_H
#define GLASSBOX_VMM_MSI_H

#include "devices/pci/msix.h"
#include "vmm/kvm.h"

#define MSI_FIRST_GSI  24u   /* after the inputs of the I/O APIC */
#define MSI_MAX_ROUTES 1024u /* KVM has room for 4096 in all */

struct msi_routes;

/**
 * msi_routes_create() - a table with the interrupt controllers' routes, and tell KVM
 * @kvm: with interrupt controllers; borrowed
 *
 * Return: 0, -ENOMEM, or what KVM_SET_GSI_ROUTING says.
 */
int msi_routes_create(const struct kvm *kvm, struct msi_routes **ret_routes) __must_check;

/** msi_routes_destroy() - when no vCPU and no irqfd needs them any more; NULL is fine */
void msi_routes_destroy(struct msi_routes *routes);

/** msi_routes_alloc() - a GSI that is free, without a message.  Return: 0 or -ENOSPC. */
int msi_routes_alloc(struct msi_routes *routes, unsigned *ret_gsi) __must_check;

/** msi_routes_free() - give @gsi back; no irqfd may raise it any more */
void msi_routes_free(struct msi_routes *routes, unsigned gsi);

/**
 * msi_routes_set() - @gsi stands for @message from now on
 *
 * Return: 0, at once if nothing changes; -EINVAL for a GSI that was not allocated; or what
 * KVM_SET_GSI_ROUTING says, then the route is as before.
 */
int msi_routes_set(struct msi_routes *routes, unsigned gsi, const struct msi_message *message)
	__must_check;

/* The MSI-X vectors of one device, each with an eventfd that KVM takes as its interrupt. */
struct msi_vectors;

/**
 * msi_vectors_create() - @nr eventfds, each with a GSI
 * @routes: borrowed
 * @name: of the device, for messages; borrowed
 *
 * Return: 0, -ENOMEM, -ENOSPC without a free GSI, or -errno of eventfd().
 */
int msi_vectors_create(const struct kvm *kvm, struct msi_routes *routes, unsigned nr,
		       const char *name, struct msi_vectors **ret_vectors) __must_check;

/** msi_vectors_destroy() - after the device and its threads; NULL is fine */
void msi_vectors_destroy(struct msi_vectors *vectors);

/** msi_vectors_sender() - for msix_create(): keeps routes and irqfds in step with the guest's table
 */
struct msi_sender msi_vectors_sender(struct msi_vectors *vectors);

/**
 * msi_vectors_fd() - the eventfd that raises @vector
 *
 * While the guest masks the vector, what is written stays in the eventfd (the pending bit) and is
 * delivered when the mask goes.  Borrowed; -EINVAL for a vector that is not there.
 */
int msi_vectors_fd(const struct msi_vectors *vectors, unsigned vector);

#endif
