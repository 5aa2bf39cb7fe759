/* SPDX-License-Identifier: MIT */
/*
 * A virtio device for tests of what is around one: it copies the readable part of each chain to the
 * writable one, or keeps the chain until it is told to go on, and counts what is called.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_MOCK_VIRTIO_DEVICE_H
#define GLASSBOX_TESTS_SUPPORT_MOCK_VIRTIO_DEVICE_H

#include "devices/virtio/virtio.h"

#define MOCK_DEVICE_ID         42
#define MOCK_DEVICE_QUEUES     2
#define MOCK_DEVICE_CONFIG_LEN 10
#define MOCK_DEVICE_QUEUE_SIZE 16
#define MOCK_DEVICE_F_BASE     UINT64_C(0x1)
#define MOCK_DEVICE_F_EXTRA    UINT64_C(0x2) /* needs F_BASE */
#define MOCK_DEVICE_F_OTHER    UINT64_C(0x4)
#define MOCK_DEVICE_F_EITHER   UINT64_C(0x8) /* needs F_EXTRA or F_OTHER */
#define MOCK_DEVICE_KEPT_MAX   8

struct mock_virtio_device {
	struct virtio_dev vdev;
	uint8_t config[MOCK_DEVICE_CONFIG_LEN]; /* 0, 1, 2, ...; the driver may write it */
	bool keep;                              /* chains, instead of echoing them */
	void (*on_echo)(void *ctx);             /* after each chain; may be NULL */
	void *ctx;
	struct {
		unsigned queue;
		struct virtq_chain chain;
	} kept[MOCK_DEVICE_KEPT_MAX];
	unsigned nr_kept;
	int activate_result;
	unsigned activated, readied, stopped, resets, destroyed;
};

/** mock_virtio_device_init() - @device lives with the caller; destroying it frees nothing */
int mock_virtio_device_init(struct mock_virtio_device *device,
			    const struct virtio_dev_config *config) __must_check;

/** mock_virtio_device_complete() - give back all chains that were kept; takes the lock */
void mock_virtio_device_complete(struct mock_virtio_device *device);

#endif
