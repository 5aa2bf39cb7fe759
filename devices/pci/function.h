/* SPDX-License-Identifier: MIT */
/*
 * A PCI function as its device sees it: configuration space, base address registers, INTx.
 *
 * A device embeds a struct pci_function, describes itself before the machine runs (pci_function_*
 * up to pci_host_add()), and is then called back when the guest writes its configuration.  What
 * lies behind a base address register is a struct device of the bus, one for each register.
 *
 * Locks, outermost first: the host bridge's (all configuration accesses and callbacks run under
 * it), the device's own, the one of an MSI-X table, intx_lock.  So a device never accesses
 * configuration space with its own lock held; pci_function_set_intx() and msix_notify() it may
 * call.
 */
#ifndef GLASSBOX_DEVICES_PCI_FUNCTION_H
#define GLASSBOX_DEVICES_PCI_FUNCTION_H

#include <pthread.h>

#include "devices/device.h"
#include "devices/pci/config.h"

#define PCI_MAX_WATCHES 8u

enum pci_space {
	PCI_SPACE_IO,
	PCI_SPACE_MEMORY,
	PCI_NR_SPACES,
};

struct pci_function;

/* What the host bridge does for a function. */
struct pci_bus_ops {
	/*
	 * Let @dev answer [@base, @base + @size).  Return: 0, or -ERANGE where no base address
	 * register can be (RAM, other devices); then nothing answers.
	 */
	int (*map)(void *ctx, enum pci_space space, uint64_t base, uint64_t size,
		   struct device *dev);
	void (*unmap)(void *ctx, enum pci_space space, struct device *dev);
	/* Drive the interrupt pin of @fn; called with its intx_lock held, for changes only. */
	void (*set_intx)(void *ctx, struct pci_function *fn, bool asserted);
};

enum pci_bar_kind {
	PCI_BAR_NONE,
	PCI_BAR_IO,
	PCI_BAR_MEMORY32,
	PCI_BAR_MEMORY64, /* takes the next register, too */
};

struct pci_bar {
	enum pci_bar_kind kind; /* immutable after pci_host_add(), as size and dev */
	uint64_t size;
	struct device *dev; /* borrowed */
	bool enabled;       /* host's lock: the command register lets it decode */
	bool mapped;        /* host's lock: it decodes, at a place where it may */
	uint64_t base;      /* host's lock: while enabled */
};

struct pci_function_ops {
	/*
	 * The guest moved a base address register; optional.  @mapped: accesses to
	 * [@base, + size) reach the device from now on; else none do.  For doorbells, which have to
	 * move along.
	 */
	void (*bar_moved)(struct pci_function *fn, unsigned bar, bool mapped, uint64_t base);
	/* Back to the state after power-on; optional. */
	void (*reset)(struct pci_function *fn);
};

/* Registers that are more than memory: of a capability, say. */
struct pci_watch {
	unsigned off, len;
	/* Both optional; [@off, @off + @len) is the guest's access and overlaps the watch. */
	void (*before_read)(void *ctx, uint64_t off, unsigned len);
	void (*written)(void *ctx, uint64_t off, unsigned len);
	void *ctx;
};

struct pci_function {
	const struct pci_function_ops *ops; /* immutable, as name */
	const char *name;                   /* borrowed */
	unsigned slot;                      /* set by pci_host_add(), as the next two */
	const struct pci_bus_ops *bus;
	void *bus_ctx;

	struct pci_config config;  /* host's lock, as what follows */
	struct pci_config initial; /* after power-on */
	struct pci_bar bars[PCI_STD_NUM_BARS];
	struct pci_watch watches[PCI_MAX_WATCHES];
	unsigned nr_watches;

	pthread_mutex_t intx_lock; /* protects what follows */
	bool intx_wanted;          /* by the device: Interrupt Status */
	bool intx_disabled;        /* by the command register */
	bool intx_asserted;        /* what the bus was told */
};

/**
 * pci_function_init() - a function without base address registers and capabilities
 * @ops: may be NULL
 * @name: borrowed, e.g. "virtio-rng0"
 * @config_size: PCI_CFG_SPACE_SIZE or PCI_CFG_SPACE_EXP_SIZE
 */
void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops,
		       const char *name, const struct pci_identity *identity, unsigned config_size);
void pci_function_deinit(struct pci_function *fn);

/**
 * pci_function_set_bar() - declare base address register @index (6.2.5)
 * @size: a power of two; for memory at least 16, for I/O from 4 to 256
 * @dev: answers accesses, with offsets from the base; in no other register; borrowed as long
 *       as vCPUs run
 *
 * Return: 0; -EINVAL for a size or an index that cannot be; -EEXIST where one is.
 */
int pci_function_set_bar(struct pci_function *fn, unsigned index, enum pci_bar_kind kind,
			 uint64_t size, struct device *dev) __must_check;

/** pci_function_add_watch() - be called for accesses to some registers.  Return: 0 or -ENOSPC. */
int pci_function_add_watch(struct pci_function *fn, const struct pci_watch *watch) __must_check;

/** pci_function_attach() - for the host bridge: from now on @fn is on a bus, in @slot */
void pci_function_attach(struct pci_function *fn, const struct pci_bus_ops *bus, void *bus_ctx,
			 unsigned slot);

/** pci_function_read() / pci_function_write() - for the host bridge, under its lock: an access of
 * the guest */
void pci_function_read(struct pci_function *fn, uint64_t off, void *buf, unsigned len);
void pci_function_write(struct pci_function *fn, uint64_t off, const void *buf, unsigned len);

/** pci_function_reset() - for the host bridge, under its lock: to the state after power-on, with
 * what is behind the base address registers */
void pci_function_reset(struct pci_function *fn);

/**
 * pci_function_set_intx() - the level of the function's interrupt pin, before INTx Disable
 *
 * Any thread, with the device's lock held if it likes.  A device that has MSI-X enabled does not
 * call it.
 */
void pci_function_set_intx(struct pci_function *fn, bool level);

#endif
