/* SPDX-License-Identifier: MIT */
/* Status, features and configuration space.  The queues are in virtio_queue.c. */
#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/virtio_queue.h"
#include "trace/trace.h"

/* What the rings and this file do for every device (6). */
#define COMMON_FEATURES                                                                            \
	(VIRTIO_FEATURE_INDIRECT | VIRTIO_FEATURE_EVENT_IDX | VIRTIO_FEATURE_VERSION_1 |           \
	 VIRTIO_FEATURE_PACKED | VIRTIO_FEATURE_RESET)

/* What the driver may set; the rest of the byte is the device's or reserved (2.1). */
#define DRIVER_STATUS                                                                              \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_DRIVER_OK | VIRTIO_S_FEATURES_OK |      \
	 VIRTIO_S_FAILED)

int virtio_dev_init(struct virtio_dev *vdev, const struct virtio_class *class,
		    const struct virtio_dev_config *config, void *config_space)
{
	int r;

	memset(vdev, 0, sizeof(*vdev));
	vdev->class = class;
	vdev->name = config->name;
	vdev->loop = config->loop;
	vdev->config = config_space;
	vdev->bus_master = true;
	vdev->nr_queues = config->nr_queues ? config->nr_queues : class->nr_queues;
	assert(vdev->nr_queues <= class->nr_queues && class->nr_queues <= VIRTIO_MAX_QUEUES);
	vdev->offered = (COMMON_FEATURES | class->features) & ~config->features_off;
	/* There is no legacy interface to fall back to. */
	vdev->offered |= VIRTIO_FEATURE_VERSION_1;
	r = virtio_queues_init(vdev, config);
	if (r < 0)
		return r;
	(void)pthread_mutex_init(&vdev->lock, NULL);
	return 0;
}

void virtio_dev_deinit(struct virtio_dev *vdev)
{
	virtio_queues_deinit(vdev);
	(void)pthread_mutex_destroy(&vdev->lock);
}

void virtio_dev_destroy(struct virtio_dev *vdev)
{
	if (!vdev)
		return;
	(void)pthread_mutex_lock(&vdev->lock);
	if (vdev->class->ops->abandon)
		vdev->class->ops->abandon(vdev);
	virtio_dev_reset(vdev);
	(void)pthread_mutex_unlock(&vdev->lock);
	vdev->class->ops->destroy(vdev);
}

void virtio_dev_set_transport(struct virtio_dev *vdev, const struct virtio_transport_ops *ops,
			      void *ctx)
{
	vdev->transport = ops;
	vdev->transport_ctx = ctx;
}

static void finding(const struct virtio_dev *vdev, enum virtio_rule rule, uint64_t detail)
{
	virtio_finding(vdev->name, VIRTIO_NO_QUEUE, rule, detail);
}

static void set_status(struct virtio_dev *vdev, uint8_t status)
{
	if (status == vdev->status)
		return;
	trace_virtio_status(vdev->name, vdev->status, status);
	vdev->status = status;
}

static void signal_config(struct virtio_dev *vdev)
{
	enum trace_irq_decision decision = TRACE_IRQ_MASKED;
	uint16_t vector = 0;

	/* 2.1.2: not before DRIVER_OK. */
	if (!(vdev->status & VIRTIO_S_DRIVER_OK))
		return;
	if (vdev->transport)
		decision = vdev->transport->signal_config(vdev->transport_ctx, &vector);
	trace_virtio_irq(vdev->name, VIRTIO_NO_QUEUE, vector, decision, 0);
}

void virtio_dev_config_changed(struct virtio_dev *vdev)
{
	vdev->config_generation++;
	signal_config(vdev);
}

void virtio_dev_needs_reset(struct virtio_dev *vdev)
{
	virtio_queues_break(vdev);
	if (vdev->status & VIRTIO_S_NEEDS_RESET)
		return;
	set_status(vdev, vdev->status | VIRTIO_S_NEEDS_RESET);
	signal_config(vdev);
}

/* From outside in: first nothing new comes, then the device lets go of the guest's memory, then its
 * rings go. */
static void deactivate(struct virtio_dev *vdev)
{
	const struct virtio_ops *ops = vdev->class->ops;

	if (vdev->active && vdev->transport)
		vdev->transport->stop(vdev->transport_ctx);
	for (unsigned q = 0; q < vdev->nr_queues; q++)
		virtio_queue_stop(vdev, q);
	if (vdev->active && ops->reset)
		ops->reset(vdev);
	vdev->active = false;
}

void virtio_dev_reset(struct virtio_dev *vdev)
{
	trace_virtio_reset(vdev->name, virtio_queues_in_flight(vdev));
	deactivate(vdev);
	vdev->accepted = 0;
	vdev->features_ok_read = false;
	set_status(vdev, 0);
}

/* Are the features that the driver accepted ones that the device can work with?  (2.2, 6.1) */
static bool features_fit(const struct virtio_dev *vdev)
{
	const struct virtio_feature_rule *rule = vdev->class->feature_rules;

	if (vdev->accepted & ~vdev->offered) {
		finding(vdev, VIRTIO_RULE_FEATURES_NOT_OFFERED, vdev->accepted & ~vdev->offered);
		return false;
	}
	if (!(vdev->accepted & VIRTIO_FEATURE_VERSION_1)) {
		finding(vdev, VIRTIO_RULE_FEATURES_VERSION_1, vdev->accepted);
		return false;
	}
	for (; rule && rule->feature; rule++) {
		if (!(vdev->accepted & rule->feature))
			continue;
		if ((rule->needs & ~vdev->accepted) ||
		    (rule->needs_one && !(rule->needs_one & vdev->accepted))) {
			finding(vdev, VIRTIO_RULE_FEATURES_DEPENDENCY, rule->feature);
			return false;
		}
	}
	return true;
}

/* FEATURES_OK stays clear if they don't fit; the driver reads it back to see (3.1.1, step 6). */
static uint8_t take_features(struct virtio_dev *vdev)
{
	bool fit = features_fit(vdev);

	trace_virtio_features(vdev->name, vdev->offered, vdev->accepted, fit);
	vdev->features_ok_read = false;
	if (fit && vdev->class->ops->features_chosen)
		vdev->class->ops->features_chosen(vdev);
	return fit ? VIRTIO_S_FEATURES_OK : 0;
}

/* The driver said DRIVER_OK. */
static void activate(struct virtio_dev *vdev)
{
	const struct virtio_ops *ops = vdev->class->ops;
	int r;

	if (!vdev->bus_master) {
		finding(vdev, VIRTIO_RULE_PCI_BUS_MASTER, vdev->status);
		return;
	}
	r = ops->activate ? ops->activate(vdev) : 0;
	if (r < 0) {
		finding(vdev, VIRTIO_RULE_DEVICE_FAILED, (uint64_t)-r);
		virtio_dev_needs_reset(vdev);
		return;
	}
	vdev->active = true;
	if (vdev->transport)
		vdev->transport->start(vdev->transport_ctx);
	/* For chains that came before: whoever notified of them too early is served now. */
	for (unsigned q = 0; q < vdev->nr_queues; q++) {
		if (virtio_dev_is_served_elsewhere(vdev))
			virtio_queue_start(vdev, q);
		else
			virtio_dev_again(vdev, q);
	}
}

void virtio_dev_set_bus_master(struct virtio_dev *vdev, bool on)
{
	const uint8_t bits = VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET;

	if (on == vdev->bus_master)
		return;
	vdev->bus_master = on;
	/* It waited for this. */
	if (on && (vdev->status & bits) == VIRTIO_S_DRIVER_OK) {
		activate(vdev);
	} else if (!on && vdev->active) {
		finding(vdev, VIRTIO_RULE_PCI_BUS_MASTER, vdev->status);
		deactivate(vdev);
		virtio_dev_needs_reset(vdev);
	}
}

uint8_t virtio_dev_read_status(struct virtio_dev *vdev)
{
	if (vdev->status & VIRTIO_S_FEATURES_OK)
		vdev->features_ok_read = true;
	return vdev->status;
}

/* The order of 3.1.1; only what the device can't do without is enforced. */
static uint8_t check_order(const struct virtio_dev *vdev, uint8_t status, uint8_t new_bits)
{
	const uint8_t first = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;

	if ((new_bits & (VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)) && (status & first) != first)
		finding(vdev, VIRTIO_RULE_STATUS_ORDER, status);
	if ((new_bits & VIRTIO_S_DRIVER_OK) && !(status & VIRTIO_S_FEATURES_OK)) {
		finding(vdev, VIRTIO_RULE_STATUS_ORDER, status);
		return new_bits & (uint8_t)~VIRTIO_S_DRIVER_OK;
	}
	if ((new_bits & VIRTIO_S_DRIVER_OK) && !vdev->features_ok_read)
		finding(vdev, VIRTIO_RULE_FEATURES_NOT_READ, status);
	return new_bits;
}

void virtio_dev_write_status(struct virtio_dev *vdev, uint8_t value)
{
	uint8_t cleared = vdev->status & DRIVER_STATUS & (uint8_t)~value;
	uint8_t new_bits = value & DRIVER_STATUS & (uint8_t)~vdev->status;

	if (value == 0) {
		virtio_dev_reset(vdev);
		return;
	}
	if (cleared)
		finding(vdev, VIRTIO_RULE_STATUS_CLEARED, cleared);
	if (new_bits && (vdev->status & VIRTIO_S_FAILED)) {
		finding(vdev, VIRTIO_RULE_STATUS_FAILED, new_bits);
		return;
	}
	if (new_bits & VIRTIO_S_FEATURES_OK)
		new_bits = (uint8_t)((new_bits & ~VIRTIO_S_FEATURES_OK) | take_features(vdev));
	new_bits = check_order(vdev, vdev->status | new_bits, new_bits);
	set_status(vdev, vdev->status | new_bits);
	if ((new_bits & VIRTIO_S_DRIVER_OK) && !(vdev->status & VIRTIO_S_NEEDS_RESET))
		activate(vdev);
}

uint32_t virtio_dev_offered(const struct virtio_dev *vdev, uint32_t word)
{
	return word < 2 ? (uint32_t)(vdev->offered >> (32 * word)) : 0;
}

uint32_t virtio_dev_accepted(const struct virtio_dev *vdev, uint32_t word)
{
	return word < 2 ? (uint32_t)(vdev->accepted >> (32 * word)) : 0;
}

void virtio_dev_accept(struct virtio_dev *vdev, uint32_t word, uint32_t bits)
{
	if (vdev->status & VIRTIO_S_FEATURES_OK) {
		finding(vdev, VIRTIO_RULE_FEATURES_LATE, bits);
		return;
	}
	if (word < 2) {
		vdev->accepted &= ~((uint64_t)UINT32_MAX << (32 * word));
		vdev->accepted |= (uint64_t)bits << (32 * word);
	} else if (bits) {
		finding(vdev, VIRTIO_RULE_FEATURES_NOT_OFFERED, bits);
	}
}

/* The part of [@off, @off + *@len) that is there. */
static bool clamp_config(const struct virtio_dev *vdev, uint64_t off, unsigned *len)
{
	unsigned config_len = vdev->class->config_len;

	/* Fields are read in pieces of up to 4 bytes (4.2.2.2, 4.1.3.1). */
	if (*len > 4 || off % *len)
		finding(vdev, VIRTIO_RULE_CONFIG_WIDTH, off);
	if (off >= config_len)
		return false;
	*len = (unsigned)MIN(*len, config_len - off);
	return true;
}

void virtio_dev_config_read(struct virtio_dev *vdev, uint64_t off, void *buf, unsigned len)
{
	memset(buf, 0, len);
	if (clamp_config(vdev, off, &len))
		memcpy(buf, vdev->config + off, len);
}

void virtio_dev_config_write(struct virtio_dev *vdev, uint64_t off, const void *buf, unsigned len)
{
	const struct virtio_class *class = vdev->class;
	const struct virtio_ops *ops = class->ops;

	/* 3.1.1, step 4. */
	if (!(vdev->status & VIRTIO_S_FEATURES_OK) &&
	    !range_within(off, len, class->early_config.off, class->early_config.len)) {
		finding(vdev, VIRTIO_RULE_CONFIG_EARLY, off);
		return;
	}
	if (clamp_config(vdev, off, &len) && ops->config_write)
		ops->config_write(vdev, (unsigned)off, buf, len);
}
