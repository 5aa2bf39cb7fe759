/* SPDX-License-Identifier: MIT */
/* Base address registers, the command register and INTx of a function.  Under the host's lock. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/pci/function.h"

#define BAR_OFF(index)   (PCI_BASE_ADDRESS_0 + 4 * (index))
#define IO_BAR_MIN       4u
#define IO_BAR_MAX       256u /* 6.2.5.1: no function may want more */
#define MEMORY_BAR_MIN   16u
#define MEMORY32_BAR_MAX GIB(2)
#define MEMORY64_BAR_MAX (1ull << 62)

void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops,
		       const char *name, const struct pci_identity *identity, unsigned config_size)
{
	static const struct pci_function_ops no_ops;

	memset(fn, 0, sizeof(*fn));
	fn->ops = ops ? ops : &no_ops;
	fn->name = name;
	pci_config_init(&fn->config, identity, config_size);
	(void)pthread_mutex_init(&fn->intx_lock, NULL);
}

void pci_function_deinit(struct pci_function *fn)
{
	(void)pthread_mutex_destroy(&fn->intx_lock);
}

static bool is_valid_bar_size(enum pci_bar_kind kind, uint64_t size)
{
	if (size & (size - 1))
		return false;
	switch (kind) {
	case PCI_BAR_IO: return size >= IO_BAR_MIN && size <= IO_BAR_MAX;
	case PCI_BAR_MEMORY32: return size >= MEMORY_BAR_MIN && size <= MEMORY32_BAR_MAX;
	case PCI_BAR_MEMORY64: return size >= MEMORY_BAR_MIN && size <= MEMORY64_BAR_MAX;
	case PCI_BAR_NONE:
	default: return false;
	}
}

/* True if register @index is one of its own or the upper half of the one before. */
static bool is_bar_taken(const struct pci_function *fn, unsigned index)
{
	return fn->bars[index].kind != PCI_BAR_NONE ||
	       (index > 0 && fn->bars[index - 1].kind == PCI_BAR_MEMORY64);
}

int pci_function_set_bar(struct pci_function *fn, unsigned index, enum pci_bar_kind kind,
			 uint64_t size, struct device *dev)
{
	unsigned nr_registers = kind == PCI_BAR_MEMORY64 ? 2 : 1;

	if (!range_within(index, nr_registers, 0, PCI_STD_NUM_BARS) ||
	    !is_valid_bar_size(kind, size))
		return -EINVAL;
	for (unsigned i = index; i < index + nr_registers; i++)
		if (is_bar_taken(fn, i))
			return -EEXIST;
	/* Sizing (6.2.5.1) needs no more than this: the bits below the size cannot be changed. */
	pci_config_allow(&fn->config, BAR_OFF(index), 4 * nr_registers, ~(size - 1));
	if (kind == PCI_BAR_IO)
		pci_config_set(&fn->config, BAR_OFF(index), 4, PCI_BASE_ADDRESS_SPACE_IO);
	else if (kind == PCI_BAR_MEMORY64)
		pci_config_set(&fn->config, BAR_OFF(index), 4, PCI_BASE_ADDRESS_MEM_TYPE_64);
	pci_config_allow(&fn->config, PCI_COMMAND, 2,
			 kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	fn->bars[index] = (struct pci_bar){ .kind = kind, .size = size, .dev = dev };
	return 0;
}

int pci_function_add_watch(struct pci_function *fn, const struct pci_watch *watch)
{
	if (fn->nr_watches == PCI_MAX_WATCHES)
		return -ENOSPC;
	fn->watches[fn->nr_watches++] = *watch;
	return 0;
}

void pci_function_attach(struct pci_function *fn, const struct pci_bus_ops *bus, void *bus_ctx,
			 unsigned slot)
{
	fn->bus = bus;
	fn->bus_ctx = bus_ctx;
	fn->slot = slot;
	fn->initial = fn->config;
}

static uint64_t bar_base(const struct pci_function *fn, unsigned index)
{
	const struct pci_bar *bar = &fn->bars[index];
	unsigned len = bar->kind == PCI_BAR_MEMORY64 ? 8 : 4;

	return pci_config_get(&fn->config, BAR_OFF(index), len) & ~(bar->size - 1);
}

static void update_bar(struct pci_function *fn, unsigned index, uint64_t command)
{
	struct pci_bar *bar = &fn->bars[index];
	enum pci_space space = bar->kind == PCI_BAR_IO ? PCI_SPACE_IO : PCI_SPACE_MEMORY;
	bool enabled = command & (space == PCI_SPACE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	uint64_t base = bar_base(fn, index);
	bool was_mapped = bar->mapped;

	if (enabled == bar->enabled && (!enabled || base == bar->base))
		return;
	if (was_mapped)
		fn->bus->unmap(fn->bus_ctx, space, bar->dev);
	bar->enabled = enabled;
	bar->base = base;
	bar->mapped = enabled && fn->bus->map(fn->bus_ctx, space, base, bar->size, bar->dev) == 0;
	if (fn->ops->bar_moved && (was_mapped || bar->mapped))
		fn->ops->bar_moved(fn, index, bar->mapped, base);
}

static void drive_intx_locked(struct pci_function *fn)
{
	bool asserted = fn->intx_wanted && !fn->intx_disabled;

	if (asserted == fn->intx_asserted)
		return;
	fn->intx_asserted = asserted;
	if (fn->bus)
		fn->bus->set_intx(fn->bus_ctx, fn, asserted);
}

/* What follows from the command register and the base address registers. */
static void apply_header(struct pci_function *fn)
{
	uint64_t command = pci_config_get(&fn->config, PCI_COMMAND, 2);

	for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
		if (fn->bars[i].kind != PCI_BAR_NONE)
			update_bar(fn, i, command);
	SCOPED_LOCK(&fn->intx_lock);
	fn->intx_disabled = command & PCI_COMMAND_INTX_DISABLE;
	drive_intx_locked(fn);
}

static bool overlaps(uint64_t off, unsigned len, unsigned start, unsigned size)
{
	return off < start + size && start < off + len;
}

void pci_function_read(struct pci_function *fn, uint64_t off, void *buf, unsigned len)
{
	if (overlaps(off, len, PCI_STATUS, 1)) {
		uint64_t status = pci_config_get(&fn->config, PCI_STATUS, 1);

		SCOPED_LOCK(&fn->intx_lock);
		status &= ~(uint64_t)PCI_STATUS_INTERRUPT;
		status |= fn->intx_wanted ? PCI_STATUS_INTERRUPT : 0;
		pci_config_set(&fn->config, PCI_STATUS, 1, status);
	}
	for (unsigned i = 0; i < fn->nr_watches; i++) {
		const struct pci_watch *watch = &fn->watches[i];

		if (watch->before_read && overlaps(off, len, watch->off, watch->len))
			watch->before_read(watch->ctx, off, len);
	}
	pci_config_read(&fn->config, off, buf, len);
}

void pci_function_write(struct pci_function *fn, uint64_t off, const void *buf, unsigned len)
{
	pci_config_write(&fn->config, off, buf, len);
	if (overlaps(off, len, PCI_COMMAND, 2) ||
	    overlaps(off, len, BAR_OFF(0), 4 * PCI_STD_NUM_BARS))
		apply_header(fn);
	for (unsigned i = 0; i < fn->nr_watches; i++) {
		const struct pci_watch *watch = &fn->watches[i];

		if (watch->written && overlaps(off, len, watch->off, watch->len))
			watch->written(watch->ctx, off, len);
	}
}

void pci_function_reset(struct pci_function *fn)
{
	fn->config = fn->initial;
	apply_header(fn);
	for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
		if (fn->bars[i].kind != PCI_BAR_NONE)
			fn->bars[i].dev->ops->reset(fn->bars[i].dev);
	for (unsigned i = 0; i < fn->nr_watches; i++) {
		const struct pci_watch *watch = &fn->watches[i];

		if (watch->written)
			watch->written(watch->ctx, watch->off, watch->len);
	}
	if (fn->ops->reset)
		fn->ops->reset(fn);
}

void pci_function_set_intx(struct pci_function *fn, bool level)
{
	SCOPED_LOCK(&fn->intx_lock);

	fn->intx_wanted = level;
	drive_intx_locked(fn);
}
