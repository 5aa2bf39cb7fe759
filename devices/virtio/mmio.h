/* SPDX-License-Identifier: MIT */
/*
 * Virtio over MMIO (4.2), version 2: a bus device in front of a virtio_dev.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_MMIO_H
#define GLASSBOX_DEVICES_VIRTIO_MMIO_H

#include "devices/device.h"
#include "devices/virtio/doorbell.h"
#include "devices/virtio/virtio.h"

/* What the device answers: registers, and behind them 256 bytes of configuration space. */
#define VIRTIO_MMIO_LEN    0x200
#define VIRTIO_MMIO_CONFIG 0x100

struct virtio_mmio_config {
	uint64_t base;                 /* guest physical, where the board puts it; for doorbells */
	struct irq_line irq;           /* level, active high */
	struct doorbell_host doorbell; /* may be all NULL */
};

/**
 * virtio_mmio_create() - the registers of @vdev
 * @vdev: taken over on success: destroyed with the transport
 *
 * The device has the name of @vdev.  Return: 0 or -ENOMEM.
 */
int virtio_mmio_create(const struct virtio_mmio_config *config, struct virtio_dev *vdev,
		       struct device **ret_dev) __must_check;

#endif
