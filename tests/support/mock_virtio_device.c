/* SPDX-License-Identifier: MIT */
#include "tests/support/mock_virtio_device.h"

#include <string.h>

#include "base/cleanup.h"

static struct mock_virtio_device *to_mock(struct virtio_dev *vdev)
{
	return container_of(vdev, struct mock_virtio_device, vdev);
}

/* Gives the chain back, the readable part copied to the writable one. */
static void echo(struct virtqueue *vq, const struct virtq_chain *chain)
{
	uint32_t done = 0, len = MIN(chain->out_len, chain->in_len);

	while (done < len) {
		uint8_t bytes[64];
		size_t n = virtq_chain_read(chain, done, bytes, MIN(sizeof(bytes), len - done));

		done += (uint32_t)virtq_chain_write(chain, done, bytes, n);
	}
	virtqueue_push(vq, chain, done);
}

static int mock_activate(struct virtio_dev *vdev)
{
	to_mock(vdev)->activated++;
	return to_mock(vdev)->activate_result;
}

static void mock_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct mock_virtio_device *device = to_mock(vdev);
	struct virtqueue *vq = virtio_dev_queue(vdev, q);
	struct virtq_chain chain;
	int r;

	device->readied++;
	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &chain)) > 0) {
			if (!device->keep) {
				echo(vq, &chain);
				if (device->on_echo)
					device->on_echo(device->ctx);
			} else if (device->nr_kept == MOCK_DEVICE_KEPT_MAX) {
				virtqueue_undo_pop(vq, &chain);
				break;
			} else {
				device->kept[device->nr_kept].queue = q;
				device->kept[device->nr_kept++].chain = chain;
			}
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(vdev, q);
}

static void mock_config_write(struct virtio_dev *vdev, unsigned off, const void *buf, unsigned len)
{
	memcpy(vdev->config + off, buf, len);
}

/* Chains of the queue are given up. */
static void mock_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct mock_virtio_device *device = to_mock(vdev);
	unsigned left = 0;

	device->stopped++;
	for (unsigned i = 0; i < device->nr_kept; i++) {
		if (device->kept[i].queue != q)
			device->kept[left++] = device->kept[i];
	}
	device->nr_kept = left;
}

static void mock_reset(struct virtio_dev *vdev)
{
	to_mock(vdev)->resets++;
}

static void mock_destroy(struct virtio_dev *vdev)
{
	to_mock(vdev)->destroyed++;
	virtio_dev_deinit(vdev);
}

static const struct virtio_ops mock_ops = {
	.activate = mock_activate,
	.queue_ready = mock_queue_ready,
	.config_write = mock_config_write,
	.queue_stop = mock_queue_stop,
	.reset = mock_reset,
	.destroy = mock_destroy,
};

static const struct virtio_feature_rule mock_feature_rules[] = {
	{ .feature = MOCK_DEVICE_F_EXTRA, .needs = MOCK_DEVICE_F_BASE },
	{ .feature = MOCK_DEVICE_F_EITHER, .needs_one = MOCK_DEVICE_F_EXTRA | MOCK_DEVICE_F_OTHER },
	{ 0 },
};

static const struct virtio_class mock_class = {
	.name = "mock",
	.id = MOCK_DEVICE_ID,
	.nr_queues = MOCK_DEVICE_QUEUES,
	.queue_size = MOCK_DEVICE_QUEUE_SIZE,
	.features = MOCK_DEVICE_F_BASE | MOCK_DEVICE_F_EXTRA | MOCK_DEVICE_F_OTHER |
		    MOCK_DEVICE_F_EITHER,
	.feature_rules = mock_feature_rules,
	.config_len = MOCK_DEVICE_CONFIG_LEN,
	.ops = &mock_ops,
};

int mock_virtio_device_init(struct mock_virtio_device *device,
			    const struct virtio_dev_config *config)
{
	memset(device, 0, sizeof(*device));
	for (uint8_t i = 0; i < sizeof(device->config); i++)
		device->config[i] = i;
	return virtio_dev_init(&device->vdev, &mock_class, config, device->config);
}

void mock_virtio_device_complete(struct mock_virtio_device *device)
{
	SCOPED_LOCK(&device->vdev.lock);

	for (unsigned i = 0; i < device->nr_kept; i++) {
		echo(virtio_dev_queue(&device->vdev, device->kept[i].queue),
		     &device->kept[i].chain);
		virtio_dev_signal_queue(&device->vdev, device->kept[i].queue);
	}
	device->nr_kept = 0;
}
