/* SPDX-License-Identifier: MIT */
/*
 * Virtio over MMIO.  vCPU threads through the registers, and the loop's thread when the device
 * interrupts; the virtio_dev's lock serves both.  Owns itself and the virtio_dev.
 */
#include "devices/virtio/mmio.h"

#include <string.h>

#include "base/cleanup.h"
#include "trace/trace.h"

/* Registers (4.2.2). */
enum {
	REG_MAGIC_VALUE = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_SEL = 0x0ac,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_QUEUE_RESET = 0x0c0,
	REG_CONFIG_GENERATION = 0x0fc,
};

#define MAGIC_VALUE     0x74726976 /* "virt" */
#define VERSION         2
#define VENDOR_ID       0x58424c47 /* "GLBX" */

/* InterruptStatus. */
#define INT_USED_BUFFER 0x1
#define INT_CONFIG      0x2

struct virtio_mmio {
	struct device dev;
	struct virtio_mmio_config config; /* immutable */
	struct virtio_dev *vdev;          /* its lock protects what follows */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t interrupt_status;
	uint32_t doorbells; /* a bit for each queue whose notifications come as eventfds */
};
_Static_assert(VIRTIO_MAX_QUEUES <= 32, "a bit for each queue");

static const struct device_register mmio_registers[] = {
	{ REG_MAGIC_VALUE, "r", "MagicValue" },
	{ REG_VERSION, "r", "Version" },
	{ REG_DEVICE_ID, "r", "DeviceID" },
	{ REG_VENDOR_ID, "r", "VendorID" },
	{ REG_DEVICE_FEATURES, "r", "DeviceFeatures" },
	{ REG_DEVICE_FEATURES_SEL, "w", "DeviceFeaturesSel" },
	{ REG_DRIVER_FEATURES, "w", "DriverFeatures" },
	{ REG_DRIVER_FEATURES_SEL, "w", "DriverFeaturesSel" },
	{ REG_QUEUE_SEL, "w", "QueueSel" },
	{ REG_QUEUE_NUM_MAX, "r", "QueueNumMax" },
	{ REG_QUEUE_NUM, "w", "QueueNum" },
	{ REG_QUEUE_READY, "rw", "QueueReady" },
	{ REG_QUEUE_NOTIFY, "w", "QueueNotify" },
	{ REG_INTERRUPT_STATUS, "r", "InterruptStatus" },
	{ REG_INTERRUPT_ACK, "w", "InterruptACK" },
	{ REG_STATUS, "rw", "Status" },
	{ REG_QUEUE_DESC_LOW, "w", "QueueDescLow" },
	{ REG_QUEUE_DESC_HIGH, "w", "QueueDescHigh" },
	{ REG_QUEUE_DRIVER_LOW, "w", "QueueDriverLow" },
	{ REG_QUEUE_DRIVER_HIGH, "w", "QueueDriverHigh" },
	{ REG_QUEUE_DEVICE_LOW, "w", "QueueDeviceLow" },
	{ REG_QUEUE_DEVICE_HIGH, "w", "QueueDeviceHigh" },
	{ REG_SHM_SEL, "w", "SHMSel" },
	{ REG_SHM_LEN_LOW, "r", "SHMLenLow" },
	{ REG_SHM_LEN_HIGH, "r", "SHMLenHigh" },
	{ REG_SHM_BASE_LOW, "r", "SHMBaseLow" },
	{ REG_SHM_BASE_HIGH, "r", "SHMBaseHigh" },
	{ REG_QUEUE_RESET, "rw", "QueueReset" },
	{ REG_CONFIG_GENERATION, "r", "ConfigGeneration" },
	{ VIRTIO_MMIO_CONFIG, "rw", "Config" },
	{ 0, NULL, NULL },
};

static struct virtio_mmio *to_mmio(struct device *dev)
{
	return container_of(dev, struct virtio_mmio, dev);
}

/*
 * May a register be accessed like this?  Only whole and aligned, and only in its direction
 * (4.2.2.2).  What may not is ignored, and reads as ones.
 */
static bool may_access(const struct virtio_mmio *mmio, uint64_t off, unsigned len, char direction)
{
	const struct device_register *reg = mmio_registers;

	if (len != 4 || off % 4) {
		virtio_finding(mmio->dev.name, VIRTIO_NO_QUEUE, VIRTIO_RULE_REGISTER_WIDTH, off);
		return false;
	}
	while (reg->name && reg->off != off)
		reg++;
	if (reg->name && strchr(reg->access, direction))
		return true;
	virtio_finding(mmio->dev.name, VIRTIO_NO_QUEUE, VIRTIO_RULE_REGISTER_ACCESS, off);
	return false;
}

static uint32_t read_register(struct virtio_mmio *mmio, uint64_t off)
{
	struct virtio_dev *vdev = mmio->vdev;
	const struct virtqueue *vq = virtio_dev_queue(vdev, mmio->queue_sel);

	switch (off) {
	case REG_MAGIC_VALUE: return MAGIC_VALUE;
	case REG_VERSION: return VERSION;
	case REG_DEVICE_ID: return vdev->class->id;
	case REG_VENDOR_ID: return VENDOR_ID;
	case REG_DEVICE_FEATURES: return virtio_dev_offered(vdev, mmio->device_features_sel);
	case REG_QUEUE_NUM_MAX: return vq ? vq->max_size : 0;
	case REG_QUEUE_READY: return vq && vq->enabled;
	case REG_INTERRUPT_STATUS: return mmio->interrupt_status;
	case REG_STATUS: return virtio_dev_read_status(vdev);
	case REG_QUEUE_RESET: return 0; /* a reset is over before its write returns */
	case REG_CONFIG_GENERATION: return vdev->config_generation;
	/* No shared memory: length and base of -1 (2.10). */
	default: return UINT32_MAX;
	}
}

/* The line is high as long as there is something to acknowledge (4.2.3.4). */
static void set_interrupts(struct virtio_mmio *mmio, uint32_t status)
{
	bool was = mmio->interrupt_status;

	mmio->interrupt_status = status;
	if (was == !!status)
		return;
	trace_irq_line(mmio->dev.name, !!status);
	irq_line_set(&mmio->config.irq, status);
}

static void acknowledge(struct virtio_mmio *mmio, uint32_t bits)
{
	trace_virtio_ack(mmio->dev.name, mmio->interrupt_status, bits);
	if (bits & ~mmio->interrupt_status)
		virtio_finding(mmio->dev.name, VIRTIO_NO_QUEUE, VIRTIO_RULE_ACK_NOT_PENDING, bits);
	set_interrupts(mmio, mmio->interrupt_status & ~bits);
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	/* Bits above the byte don't make a reset of it. */
	if (value && !(uint8_t)value)
		return;
	virtio_dev_write_status(mmio->vdev, (uint8_t)value);
	/* 4.2.2.1: a reset clears InterruptStatus. */
	if (value == 0)
		set_interrupts(mmio, 0);
}

static void write_queue_register(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	struct virtio_dev *vdev = mmio->vdev;
	uint32_t q = mmio->queue_sel;

	switch (off) {
	case REG_QUEUE_NUM: virtio_dev_queue_set_size(vdev, q, value); break;
	case REG_QUEUE_READY:
		if (value & 1)
			virtio_dev_queue_enable(vdev, q);
		else
			virtio_dev_queue_disable(vdev, q);
		break;
	case REG_QUEUE_RESET:
		if (value & 1)
			virtio_dev_queue_reset(vdev, q);
		break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DESC, off == REG_QUEUE_DESC_HIGH,
					  value);
		break;
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DRIVER, off == REG_QUEUE_DRIVER_HIGH,
					  value);
		break;
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		virtio_dev_queue_set_area(vdev, q, VIRTQUEUE_DEVICE, off == REG_QUEUE_DEVICE_HIGH,
					  value);
		break;
	default: break;
	}
}

static void write_register(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	switch (off) {
	case REG_DEVICE_FEATURES_SEL: mmio->device_features_sel = value; break;
	case REG_DRIVER_FEATURES:
		virtio_dev_accept(mmio->vdev, mmio->driver_features_sel, value);
		break;
	case REG_DRIVER_FEATURES_SEL: mmio->driver_features_sel = value; break;
	case REG_QUEUE_SEL: mmio->queue_sel = value; break;
	case REG_QUEUE_NOTIFY: virtio_dev_kick(mmio->vdev, value); break;
	case REG_INTERRUPT_ACK: acknowledge(mmio, value); break;
	case REG_STATUS: write_status(mmio, value); break;
	default: write_queue_register(mmio, off, value); break;
	}
}

static void mmio_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct virtio_mmio *mmio = to_mmio(dev);
	uint32_t value;
	SCOPED_LOCK(&mmio->vdev->lock);

	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_dev_config_read(mmio->vdev, off - VIRTIO_MMIO_CONFIG, buf, len);
		return;
	}
	memset(buf, 0xff, len);
	if (!may_access(mmio, off, len, 'r'))
		return;
	value = read_register(mmio, off);
	memcpy(buf, &value, sizeof(value));
}

static void mmio_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct virtio_mmio *mmio = to_mmio(dev);
	uint32_t value;
	SCOPED_LOCK(&mmio->vdev->lock);

	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_dev_config_write(mmio->vdev, off - VIRTIO_MMIO_CONFIG, buf, len);
		return;
	}
	if (!may_access(mmio, off, len, 'w'))
		return;
	memcpy(&value, buf, sizeof(value));
	write_register(mmio, off, value);
}

static void mmio_reset(struct device *dev)
{
	struct virtio_mmio *mmio = to_mmio(dev);
	SCOPED_LOCK(&mmio->vdev->lock);

	virtio_dev_reset(mmio->vdev);
	mmio->device_features_sel = 0;
	mmio->driver_features_sel = 0;
	mmio->queue_sel = 0;
	set_interrupts(mmio, 0);
}

static void mmio_destroy(struct device *dev)
{
	struct virtio_mmio *mmio;

	if (!dev)
		return;
	mmio = to_mmio(dev);
	virtio_dev_destroy(mmio->vdev);
	free(mmio);
}

static const struct device_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
	.reset = mmio_reset,
	.destroy = mmio_destroy,
};

static enum trace_irq_decision interrupt(struct virtio_mmio *mmio, uint32_t bit)
{
	bool was = mmio->interrupt_status;

	set_interrupts(mmio, mmio->interrupt_status | bit);
	return was ? TRACE_IRQ_COALESCED : TRACE_IRQ_SENT;
}

static enum trace_irq_decision mmio_signal_queue(void *ctx, unsigned q, uint16_t *ret_vector)
{
	(void)q;
	*ret_vector = 0;
	return interrupt(ctx, INT_USED_BUFFER);
}

static enum trace_irq_decision mmio_signal_config(void *ctx, uint16_t *ret_vector)
{
	*ret_vector = 0;
	return interrupt(ctx, INT_CONFIG);
}

/* All queues share one register, so the value that is written tells them apart (4.2.3.3). */
static struct doorbell queue_doorbell(const struct virtio_mmio *mmio, unsigned q)
{
	return (struct doorbell){ .addr = mmio->config.base + REG_QUEUE_NOTIFY,
				  .len = 4,
				  .has_match = true,
				  .match = q,
				  .eventfd = virtio_dev_doorbell(mmio->vdev, q) };
}

static void mmio_start(void *ctx)
{
	struct virtio_mmio *mmio = ctx;
	const struct doorbell_host *host = &mmio->config.doorbell;

	for (unsigned q = 0; host->ops && q < mmio->vdev->nr_queues; q++) {
		struct doorbell doorbell = queue_doorbell(mmio, q);

		if (doorbell.eventfd >= 0 && host->ops->add(host->ctx, &doorbell) == 0)
			mmio->doorbells |= 1u << q;
	}
}

static void mmio_stop(void *ctx)
{
	struct virtio_mmio *mmio = ctx;
	const struct doorbell_host *host = &mmio->config.doorbell;

	for (unsigned q = 0; q < mmio->vdev->nr_queues; q++) {
		struct doorbell doorbell = queue_doorbell(mmio, q);

		if (mmio->doorbells & 1u << q)
			host->ops->remove(host->ctx, &doorbell);
	}
	mmio->doorbells = 0;
}

static const struct virtio_transport_ops mmio_transport = {
	.signal_queue = mmio_signal_queue,
	.signal_config = mmio_signal_config,
	.start = mmio_start,
	.stop = mmio_stop,
};

int virtio_mmio_create(const struct virtio_mmio_config *config, struct virtio_dev *vdev,
		       struct device **ret_dev)
{
	struct virtio_mmio *mmio = calloc(1, sizeof(*mmio));

	if (!mmio)
		return -ENOMEM;
	mmio->dev.ops = &mmio_ops;
	mmio->dev.registers = mmio_registers;
	mmio->dev.name = vdev->name;
	mmio->config = *config;
	mmio->vdev = vdev;
	virtio_dev_set_transport(vdev, &mmio_transport, mmio);
	*ret_dev = &mmio->dev;
	return 0;
}
