/* SPDX-License-Identifier: MIT */
/* The host bridge: ways into configuration space, interrupt wires, windows.  Any vCPU thread. */
#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/pci/host.h"
#include "devices/pci/window.h"

/* CONFIG_ADDRESS (PCI Local Bus 3.0, 3.2.2.3.2). */
#define ADDRESS_ENABLE    0x80000000u
#define ADDRESS_BUS(a)    ((a) >> 16 & 0xff)
#define ADDRESS_DEVFN(a)  ((a) >> 8 & 0xff)
#define ADDRESS_REG(a)    ((a)&0xfc)
#define ADDRESS_BITS      0x80fffffcu /* the others are hardwired to 0 */
#define REG_ADDRESS       0u
#define REG_DATA          4u

#define ECAM_DEVFN(off)   ((unsigned)((off) >> 12 & 0xff))
#define ECAM_REG(off)     ((off)&0xfff)

#define DEVFN_SLOT(devfn) ((devfn) >> 3)
#define DEVFN_FN(devfn)   ((devfn)&7)

/*
 * The generic PCI Express host bridge of virtual machines: no guest knows a quirk for it.  It wants
 * no driver, and has no extended space, in which Linux would look around.
 */
#define BRIDGE_VENDOR     0x1b36
#define BRIDGE_DEVICE     0x0008
#define BRIDGE_CLASS      0x060000

struct pci_host {
	struct device ports, ecam;
	struct device *pio, *mmio; /* windows; immutable */
	struct irq_line intx[PCI_NR_INTX];

	pthread_mutex_t lock; /* protects what follows, and all functions' configuration */
	uint32_t address;     /* CONFIG_ADDRESS */
	struct pci_function bridge;
	struct pci_function *slots[PCI_NR_SLOTS]; /* the pointers are immutable once vCPUs run */

	pthread_mutex_t intx_lock;           /* protects what follows */
	uint32_t intx_asserted[PCI_NR_INTX]; /* by which slots each line is held */
};

static const struct device_register port_registers[] = {
	{ REG_ADDRESS, "rw", "CONFIG_ADDRESS" }, { REG_DATA, "rw", "CONFIG_DATA" },
	{ REG_DATA + 1, "rw", "CONFIG_DATA+1" }, { REG_DATA + 2, "rw", "CONFIG_DATA+2" },
	{ REG_DATA + 3, "rw", "CONFIG_DATA+3" }, { 0, NULL, NULL },
};

static struct pci_function *find_function(struct pci_host *host, unsigned devfn)
{
	return DEVFN_FN(devfn) == 0 ? host->slots[DEVFN_SLOT(devfn)] : NULL;
}

static void config_read(struct pci_host *host, unsigned devfn, uint64_t reg, void *buf,
			unsigned len)
{
	struct pci_function *fn = find_function(host, devfn);

	if (fn)
		pci_function_read(fn, reg, buf, len);
	else
		memset(buf, 0xff, len);
}

static void config_write(struct pci_host *host, unsigned devfn, uint64_t reg, const void *buf,
			 unsigned len)
{
	struct pci_function *fn = find_function(host, devfn);

	if (fn)
		pci_function_write(fn, reg, buf, len);
}

/*
 * How much of [@off, @off + @len) lies in CONFIG_DATA; @ret_skip bytes before it do not.  Only a
 * whole CONFIG_ADDRESS is one: narrower accesses there, and what straddles both, are for other
 * devices on these ports, of which there are none.
 */
static unsigned data_part(uint64_t off, unsigned len, unsigned *ret_skip)
{
	uint64_t end = MIN(off + len, PCI_CONFIG_PORTS), start = MAX(off, REG_DATA);

	*ret_skip = (unsigned)(start - MIN(off, start));
	return start < end ? (unsigned)(end - start) : 0;
}

static bool is_address_access(uint64_t off, unsigned len)
{
	return off == REG_ADDRESS && len == sizeof(uint32_t);
}

static bool selects_bus(const struct pci_host *host)
{
	return (host->address & ADDRESS_ENABLE) && ADDRESS_BUS(host->address) == 0;
}

static void ports_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct pci_host *host = container_of(dev, struct pci_host, ports);
	unsigned skip, nr = off < PCI_CONFIG_PORTS ? data_part(off, len, &skip) : 0;
	SCOPED_LOCK(&host->lock);

	memset(buf, 0xff, len);
	if (is_address_access(off, len))
		memcpy(buf, &host->address, sizeof(host->address));
	else if (nr && selects_bus(host))
		config_read(host, ADDRESS_DEVFN(host->address),
			    ADDRESS_REG(host->address) + off + skip - REG_DATA,
			    (uint8_t *)buf + skip, nr);
}

static void ports_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct pci_host *host = container_of(dev, struct pci_host, ports);
	unsigned skip, nr = off < PCI_CONFIG_PORTS ? data_part(off, len, &skip) : 0;
	SCOPED_LOCK(&host->lock);

	if (is_address_access(off, len)) {
		memcpy(&host->address, buf, sizeof(host->address));
		host->address &= ADDRESS_BITS;
	} else if (nr && selects_bus(host)) {
		config_write(host, ADDRESS_DEVFN(host->address),
			     ADDRESS_REG(host->address) + off + skip - REG_DATA,
			     (const uint8_t *)buf + skip, nr);
	}
}

/* An access that runs over the end of a function's 4 KiB does not go on in the next. */
static void ecam_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct pci_host *host = container_of(dev, struct pci_host, ecam);
	SCOPED_LOCK(&host->lock);

	if (range_within(off, len, 0, PCI_ECAM_SIZE))
		config_read(host, ECAM_DEVFN(off), ECAM_REG(off), buf, len);
	else
		memset(buf, 0xff, len);
}

static void ecam_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct pci_host *host = container_of(dev, struct pci_host, ecam);
	SCOPED_LOCK(&host->lock);

	if (range_within(off, len, 0, PCI_ECAM_SIZE))
		config_write(host, ECAM_DEVFN(off), ECAM_REG(off), buf, len);
}

static void ports_reset(struct device *dev)
{
	pci_host_reset(container_of(dev, struct pci_host, ports));
}

/* pci_host_reset() does it, for all parts at once. */
static void ecam_reset(struct device *dev)
{
	(void)dev;
}

/* Parts are not destroyed one by one. */
static void part_destroy(struct device *dev)
{
	(void)dev;
}

static const struct device_ops ports_ops = {
	.read = ports_read,
	.write = ports_write,
	.reset = ports_reset,
	.destroy = part_destroy,
};

static const struct device_ops ecam_ops = {
	.read = ecam_read,
	.write = ecam_write,
	.reset = ecam_reset,
	.destroy = part_destroy,
};

static int bus_map(void *ctx, enum pci_space space, uint64_t base, uint64_t size,
		   struct device *dev)
{
	struct pci_host *host = ctx;

	return pci_window_map(space == PCI_SPACE_IO ? host->pio : host->mmio, base, size, dev);
}

static void bus_unmap(void *ctx, enum pci_space space, struct device *dev)
{
	struct pci_host *host = ctx;

	pci_window_unmap(space == PCI_SPACE_IO ? host->pio : host->mmio, dev);
}

unsigned pci_host_intx_line(unsigned slot, unsigned pin)
{
	return (slot + pin - 1) % PCI_NR_INTX;
}

static void bus_set_intx(void *ctx, struct pci_function *fn, bool asserted)
{
	struct pci_host *host = ctx;
	uint64_t pin = fn->initial.bytes[PCI_INTERRUPT_PIN];
	unsigned line = pci_host_intx_line(fn->slot, (unsigned)pin);
	uint32_t before;

	if (pin == 0)
		return;
	SCOPED_LOCK(&host->intx_lock);
	before = host->intx_asserted[line];
	if (asserted)
		host->intx_asserted[line] |= 1u << fn->slot;
	else
		host->intx_asserted[line] &= ~(1u << fn->slot);
	if (!before != !host->intx_asserted[line])
		irq_line_set(&host->intx[line], host->intx_asserted[line] != 0);
}

static const struct pci_bus_ops bus_ops = {
	.map = bus_map,
	.unmap = bus_unmap,
	.set_intx = bus_set_intx,
};

int pci_host_create(const struct pci_host_config *config, struct pci_host **ret_host)
{
	static const struct pci_identity bridge = {
		.vendor = BRIDGE_VENDOR,
		.device = BRIDGE_DEVICE,
		.class_code = BRIDGE_CLASS,
	};
	struct pci_host *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return -ENOMEM;
	(void)pthread_mutex_init(&host->lock, NULL);
	(void)pthread_mutex_init(&host->intx_lock, NULL);
	host->ports = (struct device){ &ports_ops, port_registers, "pci-config" };
	host->ecam = (struct device){ &ecam_ops, NULL, "pci-ecam" };
	memcpy(host->intx, config->intx, sizeof(host->intx));
	pci_function_init(&host->bridge, NULL, "pci-host", &bridge, PCI_CFG_SPACE_SIZE);
	r = pci_host_add(host, 0, &host->bridge);
	if (r == 0)
		r = pci_window_create("pci-pio", TRACE_SPACE_PIO, config->pio_base,
				      config->pio_size, &host->pio);
	if (r == 0)
		r = pci_window_create("pci-mmio", TRACE_SPACE_MMIO, config->mmio_base,
				      config->mmio_size, &host->mmio);
	if (r < 0) {
		pci_host_destroy(host);
		return r;
	}
	*ret_host = host;
	return 0;
}

void pci_host_destroy(struct pci_host *host)
{
	if (!host)
		return;
	device_destroy(host->mmio);
	device_destroy(host->pio);
	pci_function_deinit(&host->bridge);
	(void)pthread_mutex_destroy(&host->intx_lock);
	(void)pthread_mutex_destroy(&host->lock);
	free(host);
}

struct device *pci_host_device(struct pci_host *host, enum pci_host_part part)
{
	struct device *const parts[PCI_HOST_NR_PARTS] = {
		[PCI_HOST_PORTS] = &host->ports,
		[PCI_HOST_ECAM] = &host->ecam,
		[PCI_HOST_PIO] = host->pio,
		[PCI_HOST_MMIO] = host->mmio,
	};

	assert(part < PCI_HOST_NR_PARTS);
	return parts[part];
}

int pci_host_add(struct pci_host *host, unsigned slot, struct pci_function *fn)
{
	if (slot >= PCI_NR_SLOTS)
		return -EINVAL;
	if (host->slots[slot])
		return -EEXIST;
	host->slots[slot] = fn;
	pci_function_attach(fn, &bus_ops, host, slot);
	return 0;
}

void pci_host_reset(struct pci_host *host)
{
	SCOPED_LOCK(&host->lock);

	host->address = 0;
	for (unsigned i = 0; i < PCI_NR_SLOTS; i++)
		if (host->slots[i])
			pci_function_reset(host->slots[i]);
}
