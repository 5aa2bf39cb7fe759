/* SPDX-License-Identifier: MIT */
/* Who answers where in a window.  Any thread; borrows the devices. */
#include <string.h>

#include "base/cleanup.h"
#include "devices/pci/window.h"

struct window_range {
	uint64_t base, size;
	struct device *dev;
};

struct pci_window {
	struct device dev;
	enum trace_space space; /* immutable, as base and size */
	uint64_t base, size;
	pthread_rwlock_t lock; /* protects what follows; nothing is called under it */
	struct window_range ranges[PCI_WINDOW_MAX_RANGES]; /* in the order in which they came */
	unsigned nr_ranges;
};

static struct pci_window *to_window(struct device *dev)
{
	return container_of(dev, struct pci_window, dev);
}

static struct device *window_route(struct device *dev, uint64_t *off, unsigned len)
{
	struct pci_window *window = to_window(dev);
	struct device *found = NULL;

	(void)pthread_rwlock_rdlock(&window->lock);
	for (unsigned i = 0; i < window->nr_ranges && !found; i++) {
		const struct window_range *range = &window->ranges[i];

		if (!range_within(window->base + *off, len, range->base, range->size))
			continue;
		found = range->dev;
		*off = window->base + *off - range->base;
	}
	(void)pthread_rwlock_unlock(&window->lock);
	return found;
}

static void window_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct device *found = window_route(dev, &off, len);

	if (found)
		found->ops->read(found, off, buf, len);
	else
		memset(buf, 0xff, len);
}

static void window_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct device *found = window_route(dev, &off, len);

	if (found)
		found->ops->write(found, off, buf, len);
}

/* What is mapped is up to the functions, which are reset by their host bridge. */
static void window_reset(struct device *dev)
{
	(void)dev;
}

static void window_destroy(struct device *dev)
{
	struct pci_window *window;

	if (!dev)
		return;
	window = to_window(dev);
	(void)pthread_rwlock_destroy(&window->lock);
	free(window);
}

static const struct device_ops window_ops = {
	.read = window_read,
	.write = window_write,
	.route = window_route,
	.reset = window_reset,
	.destroy = window_destroy,
};

int pci_window_create(const char *name, enum trace_space space, uint64_t base, uint64_t size,
		      struct device **ret_window)
{
	struct pci_window *window = calloc(1, sizeof(*window));

	if (!window)
		return -ENOMEM;
	window->dev.ops = &window_ops;
	window->dev.name = name;
	window->space = space;
	window->base = base;
	window->size = size;
	(void)pthread_rwlock_init(&window->lock, NULL);
	*ret_window = &window->dev;
	return 0;
}

/* As for devices that do not move, but whenever the guest places this one. */
static void trace_range(const struct pci_window *window, const struct window_range *range)
{
	const struct device_register *reg = range->dev->registers;

	trace_device_map(range->dev->name, window->space, range->base, range->size);
	for (; reg && reg->name; reg++)
		trace_device_register(range->dev->name, window->space, range->base + reg->off,
				      reg->access, reg->name);
}

int pci_window_map(struct device *dev, uint64_t base, uint64_t size, struct device *mapped)
{
	struct pci_window *window = to_window(dev);
	const struct window_range range = { .base = base, .size = size, .dev = mapped };
	int r = 0;

	if (!range_within(base, size, window->base, window->size))
		return -ERANGE;
	(void)pthread_rwlock_wrlock(&window->lock);
	if (window->nr_ranges == PCI_WINDOW_MAX_RANGES)
		r = -ENOSPC;
	else
		window->ranges[window->nr_ranges++] = range;
	(void)pthread_rwlock_unlock(&window->lock);
	if (r == 0)
		trace_range(window, &range);
	return r;
}

void pci_window_unmap(struct device *dev, const struct device *mapped)
{
	struct pci_window *window = to_window(dev);

	(void)pthread_rwlock_wrlock(&window->lock);
	for (unsigned i = 0; i < window->nr_ranges; i++) {
		if (window->ranges[i].dev != mapped)
			continue;
		window->nr_ranges--;
		memmove(&window->ranges[i], &window->ranges[i + 1],
			(window->nr_ranges - i) * sizeof(window->ranges[0]));
		break;
	}
	(void)pthread_rwlock_unlock(&window->lock);
}
