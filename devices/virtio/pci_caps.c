/* SPDX-License-Identifier: MIT */
/*
 * The configuration space of a virtio device.  Under the host bridge's lock; owns nothing.
 */
#include "devices/virtio/pci_caps.h"

#include "devices/virtio/pci.h"

/* Identity (4.1.2). */
#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_DEVICE_MODERN 0x1040 /* plus the device type */
#define PCI_REVISION      1

/* Capabilities (4.1.4). */
enum {
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_ISR = 3,
	CAP_CONFIG = 4,
	CAP_ACCESS = 5,
};

/* A capability as it stands in configuration space, without ID and next pointer. */
struct capability {
	uint8_t cap_len, cfg_type, bar, id, padding[2];
	uint32_t offset, length;
	uint32_t more; /* CAP_NOTIFY: notify_off_multiplier; CAP_ACCESS: pci_cfg_data */
} __attribute__((packed));

#define CAPABILITY_HEAD       2u /* ID and next pointer */
#define CAPABILITY_OFF(field) (CAPABILITY_HEAD + offsetof(struct capability, field))
_Static_assert(CAPABILITY_OFF(more) == 16, "struct virtio_pci_cap (4.1.4)");

static uint32_t class_code(uint16_t device)
{
	switch (device) {
	case VIRTIO_DEVICE_NET: return 0x020000; /* Ethernet controller */
	case VIRTIO_DEVICE_BLOCK:
	case VIRTIO_DEVICE_FS: return 0x018000;      /* mass storage controller, other */
	case VIRTIO_DEVICE_CONSOLE: return 0x078000; /* communication controller, other */
	default: return 0xff0000;                    /* of no class that there is */
	}
}

struct pci_identity virtio_pci_identity(uint16_t device)
{
	return (struct pci_identity){
		.vendor = PCI_VENDOR_VIRTIO,
		.device = (uint16_t)(PCI_DEVICE_MODERN + device),
		.revision = PCI_REVISION,
		.class_code = class_code(device),
		.subsystem_vendor = PCI_VENDOR_VIRTIO,
		.subsystem = (uint16_t)(PCI_DEVICE_MODERN + device),
		.interrupt_pin = 1,
	};
}

/*
 * What an access to pci_cfg_data is an access to (4.1.4.9); NULL: nothing.  Also with the base
 * address registers off, which is what it is for.
 */
static struct device *find_accessed(struct virtio_pci_caps *caps, uint32_t *ret_off,
				    unsigned *ret_len)
{
	const struct pci_config *config = &caps->fn->config;
	uint64_t bar = pci_config_get(config, caps->access + CAPABILITY_OFF(bar), 1);
	uint64_t off = pci_config_get(config, caps->access + CAPABILITY_OFF(offset), 4);
	uint64_t len = pci_config_get(config, caps->access + CAPABILITY_OFF(length), 4);

	/* As after a reset: nobody uses it, but tools read all of configuration space. */
	if (len == 0)
		return NULL;
	if ((len != 1 && len != 2 && len != 4) || off % len || bar >= PCI_STD_NUM_BARS ||
	    caps->fn->bars[bar].kind == PCI_BAR_NONE ||
	    !range_within(off, len, 0, caps->fn->bars[bar].size)) {
		virtio_finding(caps->fn->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_PCI_ACCESS, off);
		return NULL;
	}
	*ret_off = (uint32_t)off;
	*ret_len = (unsigned)len;
	return caps->fn->bars[bar].dev;
}

static void access_before_read(void *ctx, uint64_t off, unsigned len)
{
	struct virtio_pci_caps *caps = ctx;
	uint32_t at, value = 0;
	unsigned width;
	struct device *dev = find_accessed(caps, &at, &width);

	(void)off;
	(void)len;
	if (!dev)
		return;
	dev->ops->read(dev, at, &value, width);
	pci_config_set(&caps->fn->config, caps->access + CAPABILITY_OFF(more), 4, value);
}

static void access_written(void *ctx, uint64_t off, unsigned len)
{
	struct virtio_pci_caps *caps = ctx;
	uint32_t at, value;
	unsigned width;
	struct device *dev = find_accessed(caps, &at, &width);

	(void)off;
	(void)len;
	if (!dev)
		return;
	value = (uint32_t)pci_config_get(&caps->fn->config, caps->access + CAPABILITY_OFF(more), 4);
	dev->ops->write(dev, at, &value, width);
}

static int add_capability(struct virtio_pci_caps *caps, uint8_t type, uint32_t offset,
			  uint32_t length, unsigned *ret_off)
{
	bool has_more = type == CAP_NOTIFY || type == CAP_ACCESS;
	unsigned body = has_more ? sizeof(struct capability) : offsetof(struct capability, more);
	const struct capability capability = {
		.cap_len = (uint8_t)(CAPABILITY_HEAD + body),
		.cfg_type = type,
		.bar = VIRTIO_PCI_BAR,
		.offset = offset,
		.length = length,
		.more = type == CAP_NOTIFY ? VIRTIO_PCI_NOTIFY_MULTIPLIER : 0,
	};

	return pci_config_add_capability(&caps->fn->config, PCI_CAP_ID_VNDR, &capability, body,
					 ret_off);
}

static int add_access_capability(struct virtio_pci_caps *caps)
{
	struct pci_watch watch = {
		.len = 4, .before_read = access_before_read, .written = access_written, .ctx = caps
	};
	struct pci_config *config = &caps->fn->config;
	int r = add_capability(caps, CAP_ACCESS, 0, 0, &caps->access);

	if (r < 0)
		return r;
	pci_config_allow(config, caps->access + CAPABILITY_OFF(bar), 1, UINT8_MAX);
	pci_config_allow(config, caps->access + CAPABILITY_OFF(offset), 4, UINT32_MAX);
	pci_config_allow(config, caps->access + CAPABILITY_OFF(length), 4, UINT32_MAX);
	pci_config_allow(config, caps->access + CAPABILITY_OFF(more), 4, UINT32_MAX);
	watch.off = caps->access + CAPABILITY_OFF(more);
	return pci_function_add_watch(caps->fn, &watch);
}

int virtio_pci_caps_add(struct virtio_pci_caps *caps, struct pci_function *fn,
			const struct virtio_dev *vdev)
{
	uint32_t notify_len = vdev->nr_queues * VIRTIO_PCI_NOTIFY_MULTIPLIER;
	unsigned config_len = vdev->class->config_len, off;
	int r;

	caps->fn = fn;
	r = add_capability(caps, CAP_COMMON, VIRTIO_PCI_BAR_COMMON, VIRTIO_PCI_COMMON_LEN, &off);
	if (r == 0)
		r = add_capability(caps, CAP_NOTIFY, VIRTIO_PCI_BAR_NOTIFY, notify_len, &off);
	if (r == 0)
		r = add_capability(caps, CAP_ISR, VIRTIO_PCI_BAR_ISR, 1, &off);
	/* 4.1.4.6.1: only of a device that has any. */
	if (r == 0 && config_len > 0)
		r = add_capability(caps, CAP_CONFIG, VIRTIO_PCI_BAR_CONFIG, config_len, &off);
	return r < 0 ? r : add_access_capability(caps);
}
