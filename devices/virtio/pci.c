/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI.  vCPU threads through registers and configuration space, and the loop's thread
 * when the device interrupts; the virtio_dev's lock serves both.  Owns itself and the virtio_dev.
 */
#include "devices/virtio/pci.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/pci_caps.h"
#include "trace/trace.h"

/* Registers of the common configuration (4.1.4.3). */
enum {
	REG_DEVICE_FEATURE_SELECT = 0x00,
	REG_DEVICE_FEATURE = 0x04,
	REG_DRIVER_FEATURE_SELECT = 0x08,
	REG_DRIVER_FEATURE = 0x0c,
	REG_CONFIG_MSIX_VECTOR = 0x10,
	REG_NUM_QUEUES = 0x12,
	REG_DEVICE_STATUS = 0x14,
	REG_CONFIG_GENERATION = 0x15,
	REG_QUEUE_SELECT = 0x16,
	REG_QUEUE_SIZE = 0x18,
	REG_QUEUE_MSIX_VECTOR = 0x1a,
	REG_QUEUE_ENABLE = 0x1c,
	REG_QUEUE_NOTIFY_OFF = 0x1e,
	REG_QUEUE_DESC = 0x20,
	REG_QUEUE_DRIVER = 0x28,
	REG_QUEUE_DEVICE = 0x30,
	REG_QUEUE_NOTIFY_DATA = 0x38, /* of a feature that is not offered */
	REG_QUEUE_RESET = 0x3a,
};
_Static_assert(REG_QUEUE_RESET + 2 == VIRTIO_PCI_COMMON_LEN, "the last one");

#define NO_VECTOR  0xffffu /* VIRTIO_MSI_NO_VECTOR (4.1.5.1.2) */

/* ISR status (4.1.4.5). */
#define ISR_QUEUE  0x1
#define ISR_CONFIG 0x2

static const struct device_register fixed_registers[] = {
	{ REG_DEVICE_FEATURE_SELECT, "rw", "device_feature_select" },
	{ REG_DEVICE_FEATURE, "r", "device_feature" },
	{ REG_DRIVER_FEATURE_SELECT, "rw", "driver_feature_select" },
	{ REG_DRIVER_FEATURE, "rw", "driver_feature" },
	{ REG_CONFIG_MSIX_VECTOR, "rw", "config_msix_vector" },
	{ REG_NUM_QUEUES, "r", "num_queues" },
	{ REG_DEVICE_STATUS, "rw", "device_status" },
	{ REG_CONFIG_GENERATION, "r", "config_generation" },
	{ REG_QUEUE_SELECT, "rw", "queue_select" },
	{ REG_QUEUE_SIZE, "rw", "queue_size" },
	{ REG_QUEUE_MSIX_VECTOR, "rw", "queue_msix_vector" },
	{ REG_QUEUE_ENABLE, "rw", "queue_enable" },
	{ REG_QUEUE_NOTIFY_OFF, "r", "queue_notify_off" },
	{ REG_QUEUE_DESC, "rw", "queue_desc" },
	{ REG_QUEUE_DESC + 4, "rw", "queue_desc_high" },
	{ REG_QUEUE_DRIVER, "rw", "queue_driver" },
	{ REG_QUEUE_DRIVER + 4, "rw", "queue_driver_high" },
	{ REG_QUEUE_DEVICE, "rw", "queue_device" },
	{ REG_QUEUE_DEVICE + 4, "rw", "queue_device_high" },
	{ REG_QUEUE_RESET, "rw", "queue_reset" },
	{ VIRTIO_PCI_BAR_ISR, "r", "isr_status" },
	{ VIRTIO_PCI_BAR_CONFIG, "rw", "device_config" },
};

#define NOTIFY_NAME_LEN 24 /* of any number */

struct virtio_pci {
	struct device dev; /* what is behind VIRTIO_PCI_BAR */
	struct pci_function fn;
	struct virtio_pci_caps caps;
	/* Immutable, as what follows: the fixed ones, and each queue's notification address. */
	struct device_register registers[ARRAY_SIZE(fixed_registers) + VIRTIO_MAX_QUEUES + 1];
	char notify_names[VIRTIO_MAX_QUEUES][NOTIFY_NAME_LEN];
	struct doorbell_host doorbell_host;
	struct msix *msix;

	struct virtio_dev *vdev; /* its lock protects what follows */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	uint16_t config_vector, queue_vectors[VIRTIO_MAX_QUEUES];
	uint8_t isr;
	bool intx;    /* the level of the pin */
	bool started; /* notifications may come as eventfds */
	bool mapped;  /* VIRTIO_PCI_BAR is, at base */
	uint64_t base;
	uint32_t doorbells; /* a bit for each queue whose notifications do come as eventfds */
};
_Static_assert(VIRTIO_MAX_QUEUES <= 32, "a bit for each queue");

static struct virtio_pci *to_pci(struct device *dev)
{
	return container_of(dev, struct virtio_pci, dev);
}

/* ---- interrupts ---- */

/* The pin is asserted as long as the ISR status was not read, and MSI-X is off (4.1.4.5.1). */
static void update_intx(struct virtio_pci *pci)
{
	bool level = pci->isr && !msix_is_enabled(pci->msix);

	if (level == pci->intx)
		return;
	pci->intx = level;
	trace_irq_line(pci->dev.name, level);
	pci_function_set_intx(&pci->fn, level);
}

/* Message Control of MSI-X changed; under the host bridge's lock. */
static void msix_control_written(void *ctx, uint64_t off, unsigned len)
{
	struct virtio_pci *pci = ctx;
	SCOPED_LOCK(&pci->vdev->lock);

	(void)off;
	(void)len;
	update_intx(pci);
}

/* Reading acknowledges (4.1.4.5). */
static uint8_t read_isr(struct virtio_pci *pci)
{
	uint8_t isr = pci->isr;

	trace_virtio_ack(pci->dev.name, isr, isr);
	pci->isr = 0;
	update_intx(pci);
	return isr;
}

/*
 * 4.1.5.3 and 4.1.5.4.  A message is a write to memory, which is not for a function that is no bus
 * master; its pin is.
 */
static enum trace_irq_decision interrupt(struct virtio_pci *pci, uint8_t isr_bit, uint16_t vector,
					 uint16_t *ret_vector)
{
	bool was = pci->isr;

	*ret_vector = 0;
	if (msix_is_enabled(pci->msix)) {
		if (vector == NO_VECTOR || !pci->vdev->bus_master)
			return TRACE_IRQ_MASKED;
		*ret_vector = vector;
		return msix_notify(pci->msix, vector) ? TRACE_IRQ_SENT : TRACE_IRQ_MASKED;
	}
	pci->isr |= isr_bit;
	update_intx(pci);
	return was ? TRACE_IRQ_COALESCED : TRACE_IRQ_SENT;
}

static enum trace_irq_decision pci_signal_queue(void *ctx, unsigned q, uint16_t *ret_vector)
{
	struct virtio_pci *pci = ctx;

	return interrupt(pci, ISR_QUEUE, pci->queue_vectors[q], ret_vector);
}

static enum trace_irq_decision pci_signal_config(void *ctx, uint16_t *ret_vector)
{
	struct virtio_pci *pci = ctx;

	return interrupt(pci, ISR_CONFIG, pci->config_vector, ret_vector);
}

/* ---- doorbells ---- */

static struct doorbell queue_doorbell(const struct virtio_pci *pci, unsigned q)
{
	return (struct doorbell){ .addr = pci->base + VIRTIO_PCI_BAR_NOTIFY +
					  (uint64_t)q * VIRTIO_PCI_NOTIFY_MULTIPLIER,
				  .eventfd = virtio_dev_doorbell(pci->vdev, q) };
}

static void remove_doorbells(struct virtio_pci *pci)
{
	const struct doorbell_host *host = &pci->doorbell_host;

	for (unsigned q = 0; q < pci->vdev->nr_queues; q++) {
		struct doorbell doorbell = queue_doorbell(pci, q);

		if (pci->doorbells & 1u << q)
			host->ops->remove(host->ctx, &doorbell);
	}
	pci->doorbells = 0;
}

/* They are there while the driver is, and while there is a place for them. */
static void add_doorbells(struct virtio_pci *pci)
{
	const struct doorbell_host *host = &pci->doorbell_host;

	if (!host->ops || !pci->started || !pci->mapped)
		return;
	for (unsigned q = 0; q < pci->vdev->nr_queues; q++) {
		struct doorbell doorbell = queue_doorbell(pci, q);

		if (doorbell.eventfd >= 0 && host->ops->add(host->ctx, &doorbell) == 0)
			pci->doorbells |= 1u << q;
	}
}

static void pci_start(void *ctx)
{
	struct virtio_pci *pci = ctx;

	pci->started = true;
	add_doorbells(pci);
}

static void pci_stop(void *ctx)
{
	struct virtio_pci *pci = ctx;

	remove_doorbells(pci);
	pci->started = false;
}

static const struct virtio_transport_ops pci_transport = {
	.signal_queue = pci_signal_queue,
	.signal_config = pci_signal_config,
	.start = pci_start,
	.stop = pci_stop,
};

static void bar_moved(struct pci_function *fn, unsigned bar, bool mapped, uint64_t base)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);
	SCOPED_LOCK(&pci->vdev->lock);

	if (bar != VIRTIO_PCI_BAR)
		return;
	remove_doorbells(pci);
	pci->mapped = mapped;
	pci->base = base;
	add_doorbells(pci);
}

/* Under the host bridge's lock. */
static void command_written(void *ctx, uint64_t off, unsigned len)
{
	struct virtio_pci *pci = ctx;
	uint64_t command = pci_config_get(&pci->fn.config, PCI_COMMAND, 2);
	SCOPED_LOCK(&pci->vdev->lock);

	(void)off;
	(void)len;
	virtio_dev_set_bus_master(pci->vdev, command & PCI_COMMAND_MASTER);
}

static const struct pci_function_ops function_ops = { .bar_moved = bar_moved };

/* ---- registers ---- */

/* What is here and not in the virtio_dev, as after power-on (4.1.4.3.1, 4.1.5.1.2.1). */
static void clear_state(struct virtio_pci *pci)
{
	pci->device_feature_select = 0;
	pci->driver_feature_select = 0;
	pci->queue_select = 0;
	pci->config_vector = NO_VECTOR;
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		pci->queue_vectors[q] = NO_VECTOR;
	pci->isr = 0;
	update_intx(pci);
}

/* 4.1.3.1; fields of 64 bits are accessed as two of 32. */
static unsigned register_width(uint64_t off)
{
	if (off == VIRTIO_PCI_BAR_ISR || off == REG_DEVICE_STATUS || off == REG_CONFIG_GENERATION)
		return 1;
	if (off < REG_CONFIG_MSIX_VECTOR || (off >= REG_QUEUE_DESC && off < REG_QUEUE_NOTIFY_DATA))
		return 4;
	return 2;
}

/*
 * May a register be accessed like this?  Only whole, and only in its direction.  What may not is
 * ignored, and reads as ones.
 */
static bool may_access(const struct virtio_pci *pci, uint64_t off, unsigned len, char direction)
{
	const struct device_register *reg = pci->registers;
	enum virtio_rule rule = VIRTIO_RULE_PCI_REGISTER_ACCESS;

	while (reg->name && reg->off != off)
		reg++;
	if (reg->name && len != register_width(off))
		rule = VIRTIO_RULE_PCI_REGISTER_WIDTH;
	else if (reg->name && strchr(reg->access, direction))
		return true;
	virtio_finding(pci->dev.name, VIRTIO_NO_QUEUE, rule, off);
	return false;
}

static uint32_t read_queue_register(const struct virtio_pci *pci, const struct virtqueue *vq,
				    uint64_t off)
{
	switch (off) {
	case REG_QUEUE_SIZE: return vq->size;
	case REG_QUEUE_MSIX_VECTOR: return pci->queue_vectors[vq->index];
	case REG_QUEUE_ENABLE: return vq->enabled;
	case REG_QUEUE_NOTIFY_OFF: return vq->index;
	case REG_QUEUE_DESC: return (uint32_t)vq->areas[VIRTQUEUE_DESC];
	case REG_QUEUE_DESC + 4: return (uint32_t)(vq->areas[VIRTQUEUE_DESC] >> 32);
	case REG_QUEUE_DRIVER: return (uint32_t)vq->areas[VIRTQUEUE_DRIVER];
	case REG_QUEUE_DRIVER + 4: return (uint32_t)(vq->areas[VIRTQUEUE_DRIVER] >> 32);
	case REG_QUEUE_DEVICE: return (uint32_t)vq->areas[VIRTQUEUE_DEVICE];
	case REG_QUEUE_DEVICE + 4: return (uint32_t)(vq->areas[VIRTQUEUE_DEVICE] >> 32);
	case REG_QUEUE_RESET: /* it is over before its write returns */
	default: return 0;
	}
}

static uint32_t read_register(struct virtio_pci *pci, uint64_t off)
{
	struct virtio_dev *vdev = pci->vdev;
	const struct virtqueue *vq = virtio_dev_queue(vdev, pci->queue_select);

	switch (off) {
	case REG_DEVICE_FEATURE_SELECT: return pci->device_feature_select;
	case REG_DEVICE_FEATURE: return virtio_dev_offered(vdev, pci->device_feature_select);
	case REG_DRIVER_FEATURE_SELECT: return pci->driver_feature_select;
	case REG_DRIVER_FEATURE: return virtio_dev_accepted(vdev, pci->driver_feature_select);
	case REG_CONFIG_MSIX_VECTOR: return pci->config_vector;
	case REG_NUM_QUEUES: return vdev->nr_queues;
	case REG_DEVICE_STATUS: return virtio_dev_read_status(vdev);
	case REG_CONFIG_GENERATION: return (uint8_t)vdev->config_generation;
	case REG_QUEUE_SELECT: return pci->queue_select;
	case VIRTIO_PCI_BAR_ISR: return read_isr(pci);
	default: break;
	}
	if (vq)
		return read_queue_register(pci, vq, off);
	/* 4.1.4.3.1: a queue that is not there has size 0. */
	return off == REG_QUEUE_MSIX_VECTOR ? NO_VECTOR : 0;
}

/* A vector that is not there reads back as none (4.1.5.1.2.1). */
static uint16_t check_vector(const struct virtio_pci *pci, uint32_t vector)
{
	return vector < virtio_pci_nr_vectors(pci->vdev) ? (uint16_t)vector : NO_VECTOR;
}

static void write_status(struct virtio_pci *pci, uint8_t value)
{
	virtio_dev_write_status(pci->vdev, value);
	if (value == 0)
		clear_state(pci);
}

static void reset_queue(struct virtio_pci *pci, const struct virtqueue *vq)
{
	bool was_enabled = vq && vq->enabled;

	virtio_dev_queue_reset(pci->vdev, pci->queue_select);
	if (was_enabled && !vq->enabled)
		pci->queue_vectors[vq->index] = NO_VECTOR;
}

static void write_queue_register(struct virtio_pci *pci, uint64_t off, uint32_t value)
{
	struct virtio_dev *vdev = pci->vdev;
	const struct virtqueue *vq = virtio_dev_queue(vdev, pci->queue_select);
	unsigned q = pci->queue_select;
	bool high = off % 8 == 4;

	switch (off) {
	case REG_QUEUE_SIZE: virtio_dev_queue_set_size(vdev, q, value); break;
	case REG_QUEUE_MSIX_VECTOR:
		if (vq)
			pci->queue_vectors[q] = check_vector(pci, value);
		break;
	case REG_QUEUE_ENABLE:
		/* 4.1.4.3.2: there is no other way back than a reset. */
		if (value == 1)
			virtio_dev_queue_enable(vdev, q);
		else
			virtio_finding(vdev->name, q, VIRTIO_RULE_PCI_QUEUE_ENABLE, value);
		break;
	case REG_QUEUE_RESET:
		if (value == 1)
			reset_queue(pci, vq);
		break;
	case REG_QUEUE_DESC:
	case REG_QUEUE_DESC + 4:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DESC, high, value);
		break;
	case REG_QUEUE_DRIVER:
	case REG_QUEUE_DRIVER + 4:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DRIVER, high, value);
		break;
	case REG_QUEUE_DEVICE:
	case REG_QUEUE_DEVICE + 4:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DEVICE, high, value);
		break;
	default: break;
	}
}

static void write_register(struct virtio_pci *pci, uint64_t off, uint32_t value)
{
	switch (off) {
	case REG_DEVICE_FEATURE_SELECT: pci->device_feature_select = value; break;
	case REG_DRIVER_FEATURE_SELECT: pci->driver_feature_select = value; break;
	case REG_DRIVER_FEATURE:
		virtio_dev_accept(pci->vdev, pci->driver_feature_select, value);
		break;
	case REG_CONFIG_MSIX_VECTOR: pci->config_vector = check_vector(pci, value); break;
	case REG_DEVICE_STATUS: write_status(pci, (uint8_t)value); break;
	case REG_QUEUE_SELECT: pci->queue_select = (uint16_t)value; break;
	default: write_queue_register(pci, off, value); break;
	}
}

static bool is_config(uint64_t off)
{
	return off >= VIRTIO_PCI_BAR_CONFIG && off < VIRTIO_PCI_BAR_NOTIFY;
}

static bool is_notify(uint64_t off)
{
	return off >= VIRTIO_PCI_BAR_NOTIFY && off < VIRTIO_PCI_BAR_LEN &&
	       off % VIRTIO_PCI_NOTIFY_MULTIPLIER == 0;
}

static void registers_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct virtio_pci *pci = to_pci(dev);
	uint32_t value;
	SCOPED_LOCK(&pci->vdev->lock);

	if (is_config(off)) {
		virtio_dev_config_read(pci->vdev, off - VIRTIO_PCI_BAR_CONFIG, buf, len);
		return;
	}
	memset(buf, 0xff, len);
	if (!may_access(pci, off, len, 'r'))
		return;
	value = read_register(pci, off);
	memcpy(buf, &value, len);
}

static void registers_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct virtio_pci *pci = to_pci(dev);
	uint32_t value = 0;
	SCOPED_LOCK(&pci->vdev->lock);

	if (is_config(off)) {
		virtio_dev_config_write(pci->vdev, off - VIRTIO_PCI_BAR_CONFIG, buf, len);
		return;
	}
	/* Of any width and value, as it is with an eventfd in its place. */
	if (is_notify(off)) {
		off -= VIRTIO_PCI_BAR_NOTIFY;
		virtio_dev_kick(pci->vdev, (uint32_t)(off / VIRTIO_PCI_NOTIFY_MULTIPLIER));
		return;
	}
	if (!may_access(pci, off, len, 'w'))
		return;
	memcpy(&value, buf, len);
	write_register(pci, off, value);
}

static void registers_reset(struct device *dev)
{
	struct virtio_pci *pci = to_pci(dev);
	SCOPED_LOCK(&pci->vdev->lock);

	virtio_dev_reset(pci->vdev);
	clear_state(pci);
}

static void registers_destroy(struct device *dev)
{
	if (dev)
		virtio_pci_destroy(to_pci(dev));
}

static const struct device_ops register_ops = {
	.read = registers_read,
	.write = registers_write,
	.reset = registers_reset,
	.destroy = registers_destroy,
};

static int add_msix(struct virtio_pci *pci, const struct msi_sender *sender)
{
	struct pci_watch watch = { .len = 2, .written = msix_control_written, .ctx = pci };
	int r = msix_create(&pci->fn, VIRTIO_PCI_MSIX_BAR, virtio_pci_nr_vectors(pci->vdev), sender,
			    &pci->msix);

	if (r < 0)
		return r;
	/* Behind the watch of the table itself, so that the table knows first. */
	watch.off = pci->fn.config.last_capability + PCI_MSIX_FLAGS;
	return pci_function_add_watch(&pci->fn, &watch);
}

static int watch_command(struct virtio_pci *pci)
{
	const struct pci_watch watch = {
		.off = PCI_COMMAND, .len = 2, .written = command_written, .ctx = pci
	};

	/* As after power-on. */
	pci->vdev->bus_master = false;
	return pci_function_add_watch(&pci->fn, &watch);
}

static void init_registers(struct virtio_pci *pci)
{
	struct device_register *reg = pci->registers + ARRAY_SIZE(fixed_registers);

	memcpy(pci->registers, fixed_registers, sizeof(fixed_registers));
	for (unsigned q = 0; q < pci->vdev->nr_queues; q++) {
		char *name = pci->notify_names[q];

		(void)snprintf(name, sizeof(pci->notify_names[q]), "notify[%u]", q);
		*reg++ = (struct device_register){
			VIRTIO_PCI_BAR_NOTIFY + q * VIRTIO_PCI_NOTIFY_MULTIPLIER, "w", name
		};
	}
}

static void init_function(struct virtio_pci *pci)
{
	const struct pci_identity identity = virtio_pci_identity(pci->vdev->class->id);

	pci_function_init(&pci->fn, &function_ops, pci->vdev->name, &identity, PCI_CFG_SPACE_SIZE);
	init_registers(pci);
	pci->dev = (struct device){ &register_ops, pci->registers, pci->vdev->name };
}

int virtio_pci_create(const struct virtio_pci_config *config, struct virtio_dev *vdev,
		      struct virtio_pci **ret_pci)
{
	struct virtio_pci *pci = calloc(1, sizeof(*pci));
	int r;

	if (!pci)
		return -ENOMEM;
	pci->vdev = vdev;
	pci->doorbell_host = config->doorbell;
	init_function(pci);
	r = pci_function_set_bar(&pci->fn, VIRTIO_PCI_BAR, PCI_BAR_MEMORY32, VIRTIO_PCI_BAR_LEN,
				 &pci->dev);
	if (r == 0)
		r = virtio_pci_caps_add(&pci->caps, &pci->fn, vdev);
	if (r == 0)
		r = add_msix(pci, &config->msi);
	if (r == 0)
		r = watch_command(pci);
	if (r < 0) {
		pci->vdev = NULL;
		virtio_pci_destroy(pci);
		return r;
	}
	clear_state(pci);
	virtio_dev_set_transport(vdev, &pci_transport, pci);
	*ret_pci = pci;
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *pci)
{
	if (!pci)
		return;
	virtio_dev_destroy(pci->vdev);
	msix_destroy(pci->msix);
	pci_function_deinit(&pci->fn);
	free(pci);
}

struct pci_function *virtio_pci_function(struct virtio_pci *pci)
{
	return &pci->fn;
}
