/* SPDX-License-Identifier: MIT */
/*
 * MSI-X: a capability, a table of messages and an array of pending bits (PCI Local Bus 3.0, 6.8.2),
 * with a base address register of their own.
 *
 * Two ways to deliver.  A device that calls msix_notify() has masks and pending bits done for it. A
 * device whose interrupts do not pass here (an eventfd that the hypervisor takes) has the board
 * keep its side in step through vector_changed() and say what is pending there.
 *
 * Any thread.
 */
#ifndef GLASSBOX_DEVICES_PCI_MSIX_H
#define GLASSBOX_DEVICES_PCI_MSIX_H

#include "devices/pci/function.h"

#define MSIX_MAX_VECTORS 2048u

struct msi_message {
	uint64_t address;
	uint32_t data;
};

/*
 * Where messages go.  Called with the table's lock held, which comes after the host bridge's and
 * the device's, so that a callback must not call back into any of them.  A guest chooses the
 * message freely: the receiver checks it.
 */
struct msi_sender {
	/* Deliver @message now. */
	void (*send)(void *ctx, unsigned vector, const struct msi_message *message);
	/* Optional: @vector can be delivered from now on, as @message, or no longer (NULL). */
	void (*vector_changed)(void *ctx, unsigned vector, const struct msi_message *message);
	/* Optional: an interrupt of @vector, which cannot be delivered, waits at the receiver. */
	bool (*is_pending)(void *ctx, unsigned vector);
	void *ctx;
};

struct msix;

/**
 * msix_create() - give @fn an MSI-X capability, and base address register @bar for its table
 * @fn: not yet on a bus; outlives the result
 * @nr_vectors: 1 to MSIX_MAX_VECTORS
 * @sender: copied
 *
 * Return: 0; -EINVAL for a wrong number; -ENOSPC or -EEXIST if @fn has no room; -ENOMEM.  On
 * failure @fn is of no use.
 */
int msix_create(struct pci_function *fn, unsigned bar, unsigned nr_vectors,
		const struct msi_sender *sender, struct msix **ret_msix) __must_check;

/** msix_destroy() - after the vCPUs and the device's threads have ended; NULL is fine */
void msix_destroy(struct msix *msix);

/**
 * msix_notify() - send the message of @vector, or remember it while it is masked
 *
 * Nothing happens while MSI-X is off (then the device drives INTx), or for a vector that is not
 * there.  Return: was it sent?
 */
bool msix_notify(struct msix *msix, unsigned vector);

/** msix_is_enabled() - did the guest turn MSI-X on?  Then the device must not drive INTx. */
bool msix_is_enabled(struct msix *msix);

#endif
