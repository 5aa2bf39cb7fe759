/* SPDX-License-Identifier: MIT */
/*
 * Drives a host bridge with three functions by accesses that the fuzzer chooses, in every way that
 * a guest has: ports, configuration memory, and the windows that the base address registers move
 * in. What must hold whatever it does is checked here; the rest is up to the sanitizers.
 */
#include <string.h>

#include "devices/pci/host.h"
#include "devices/pci/msix.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MMIO_BASE    0xd0000000ull
#define MMIO_SIZE    MIB(16)
#define PIO_BASE     0xc000u
#define PIO_SIZE     0x4000u
#define NR_FUNCTIONS 3u
#define NR_VECTORS   3u
#define BAR_SIZE     4096u

/* One step of the input: length, action, part and function in two bits each; where; the value. */
#define STEP_SIZE    13

enum { READ, WRITE, NOTIFY, INTX, NR_ACTIONS };

struct function {
	struct pci_function fn;
	struct device bar, ports;
	struct msix *msix;
	bool deliverable[NR_VECTORS];
	struct msi_message message[NR_VECTORS];
	bool mapped[PCI_STD_NUM_BARS];
	uint64_t base[PCI_STD_NUM_BARS];
};

struct machine {
	struct pci_host *host;
	struct function functions[NR_FUNCTIONS];
	bool lines[PCI_NR_INTX];
};

static void bar_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	(void)dev;
	must(range_within(off, len, 0, BAR_SIZE));
	memset(buf, 0, len);
}

static void bar_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	(void)dev;
	(void)buf;
	must(range_within(off, len, 0, BAR_SIZE));
}

static void bar_reset(struct device *dev)
{
	(void)dev;
}

static const struct device_ops bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.reset = bar_reset,
};

/* Nothing decodes outside of the windows, whatever the guest writes. */
static void bar_moved(struct pci_function *fn, unsigned bar, bool mapped, uint64_t base)
{
	struct function *function = container_of(fn, struct function, fn);
	uint64_t size = fn->bars[bar].size;

	must(!mapped || range_within(base, size, MMIO_BASE, MMIO_SIZE) ||
	     range_within(base, size, PIO_BASE, PIO_SIZE));
	must(mapped || function->mapped[bar]);
	function->mapped[bar] = mapped;
	function->base[bar] = base;
}

static const struct pci_function_ops function_ops = { .bar_moved = bar_moved };

static void sender_send(void *ctx, unsigned vector, const struct msi_message *message)
{
	struct function *function = ctx;

	must(vector < NR_VECTORS && function->deliverable[vector]);
	must(message->address == function->message[vector].address &&
	     message->data == function->message[vector].data);
}

static void sender_changed(void *ctx, unsigned vector, const struct msi_message *message)
{
	struct function *function = ctx;

	must(vector < NR_VECTORS);
	must(message || function->deliverable[vector]);
	function->deliverable[vector] = message != NULL;
	if (message)
		function->message[vector] = *message;
}

static void line_set(void *ctx, bool level)
{
	bool *line = ctx;

	must(*line != level);
	*line = level;
}

static void machine_create(struct machine *machine)
{
	static const struct pci_identity identity = { .vendor = 0x1af4, .interrupt_pin = 1 };
	struct pci_host_config config = { MMIO_BASE, MMIO_SIZE, PIO_BASE, PIO_SIZE, { { 0 } } };
	int r;

	memset(machine, 0, sizeof(*machine));
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		config.intx[i] = (struct irq_line){ line_set, &machine->lines[i] };
	r = pci_host_create(&config, &machine->host);
	for (unsigned i = 0; i < NR_FUNCTIONS; i++) {
		struct function *function = &machine->functions[i];
		struct msi_sender sender = { sender_send, sender_changed, NULL, function };
		struct pci_function *fn = &function->fn;

		function->bar = (struct device){ &bar_ops, NULL, "bar" };
		function->ports = (struct device){ &bar_ops, NULL, "ports" };
		pci_function_init(fn, &function_ops, "fn", &identity,
				  i ? PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE);
		r |= pci_function_set_bar(fn, 0, PCI_BAR_IO, 64, &function->ports);
		r |= pci_function_set_bar(fn, 2, PCI_BAR_MEMORY64, BAR_SIZE, &function->bar);
		r |= msix_create(fn, 1, NR_VECTORS, &sender, &function->msix);
		/* The third shares its interrupt line with the first. */
		r |= pci_host_add(machine->host, i == 2 ? 1 + PCI_NR_INTX : 1 + i, fn);
	}
	must(r == 0);
}

static void machine_destroy(struct machine *machine)
{
	pci_host_destroy(machine->host);
	for (unsigned i = 0; i < NR_FUNCTIONS; i++) {
		msix_destroy(machine->functions[i].msix);
		pci_function_deinit(&machine->functions[i].fn);
	}
}

/* Most accesses at places where something is: few would hit by chance. */
static uint64_t choose_offset(enum pci_host_part part, const struct function *function,
			      uint32_t where)
{
	unsigned bar = (where >> 16) % PCI_STD_NUM_BARS;

	if (where >> 28 == 0xf)
		return UINT64_MAX - (where & 0xff);
	switch (part) {
	case PCI_HOST_PORTS: return where % 10;
	case PCI_HOST_ECAM: return (uint64_t)function->fn.slot << 15 | (where & 0x10ff);
	case PCI_HOST_PIO:
		return function->mapped[0] ? function->base[0] - PIO_BASE + where % 64 : where;
	case PCI_HOST_MMIO:
		if (bar && function->mapped[bar])
			return function->base[bar] - MMIO_BASE + where % 0x2000;
		return where % MMIO_SIZE;
	case PCI_HOST_NR_PARTS:
	default: break;
	}
	return where;
}

static void step(struct machine *machine, const uint8_t *bytes)
{
	struct function *function = &machine->functions[(bytes[0] >> 6) % NR_FUNCTIONS];
	enum pci_host_part part = (bytes[0] >> 4 & 3) % PCI_HOST_NR_PARTS;
	struct device *dev = pci_host_device(machine->host, part);
	unsigned len = 1u << (bytes[0] & 3);
	uint8_t buf[8 + 1];
	uint64_t value, off;
	uint32_t where;

	memcpy(&where, bytes + 1, sizeof(where));
	memcpy(&value, bytes + 5, sizeof(value));
	off = choose_offset(part, function, where);
	switch ((bytes[0] >> 2 & 3) % NR_ACTIONS) {
	case READ:
		memset(buf, 0x5a, sizeof(buf));
		dev->ops->read(dev, off, buf, len);
		must(buf[len] == 0x5a);
		break;
	case WRITE: dev->ops->write(dev, off, &value, len); break;
	case NOTIFY: msix_notify(function->msix, where >> 8 & 0xff); break;
	case INTX: pci_function_set_intx(&function->fn, value & 1); break;
	default: break;
	}
}

/* After a reset nothing is left of what the guest did. */
static void check_after_reset(struct machine *machine)
{
	for (unsigned i = 0; i < NR_FUNCTIONS; i++)
		pci_function_set_intx(&machine->functions[i].fn, false);
	pci_host_reset(machine->host);
	for (unsigned i = 0; i < PCI_NR_INTX; i++)
		must(!machine->lines[i]);
	for (unsigned i = 0; i < NR_FUNCTIONS; i++) {
		struct function *function = &machine->functions[i];

		must(!msix_is_enabled(function->msix));
		must(memcmp(function->fn.config.bytes, function->fn.initial.bytes,
			    sizeof(function->fn.initial.bytes)) == 0);
		for (unsigned v = 0; v < NR_VECTORS; v++)
			must(!function->deliverable[v]);
		for (unsigned b = 0; b < PCI_STD_NUM_BARS; b++)
			must(!function->mapped[b]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine machine;

	machine_create(&machine);
	for (; size >= STEP_SIZE; data += STEP_SIZE, size -= STEP_SIZE)
		step(&machine, data);
	check_after_reset(&machine);
	machine_destroy(&machine);
	return 0;
}
