/* SPDX-License-Identifier: MIT */
/*
 * A part of an address space in which a guest places devices as it likes: what base address
 * registers may decode.
 *
 * To the machine's bus it is one device with a fixed range, so that the bus needs no lock; inside,
 * it looks up who is where (device_ops.route).  A device stays valid as long as the window, so it
 * is called without the window's lock, and may be called once more by an access that began before
 * it was unmapped.  Any thread.
 */
#ifndef GLASSBOX_DEVICES_PCI_WINDOW_H
#define GLASSBOX_DEVICES_PCI_WINDOW_H

#include "devices/device.h"
#include "trace/trace.h"

/* Six base address registers of each of 32 functions. */
#define PCI_WINDOW_MAX_RANGES 192u

/**
 * pci_window_create() - an empty window
 * @name: borrowed
 * @space, @base, @size: the range of the bus that it will be given
 *
 * Return: 0 or -ENOMEM.
 */
int pci_window_create(const char *name, enum trace_space space, uint64_t base, uint64_t size,
		      struct device **ret_window) __must_check;

/**
 * pci_window_map() - @dev answers [@base, @base + @size) from now on
 * @dev: not mapped in this window
 *
 * Where several devices answer, the one that was mapped first does.  Return: 0; -ERANGE if the
 * range is not inside of the window; -ENOSPC when full.
 */
int pci_window_map(struct device *window, uint64_t base, uint64_t size, struct device *dev);

/** pci_window_unmap() - @dev answers nothing any more; fine if it did not */
void pci_window_unmap(struct device *window, const struct device *dev);

#endif
