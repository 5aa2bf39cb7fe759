/* SPDX-License-Identifier: MIT */
/* The specification's names for bits, for people who look at a device.  Any thread. */
#ifndef GLASSBOX_DEVICES_VIRTIO_FEATURE_NAMES_H
#define GLASSBOX_DEVICES_VIRTIO_FEATURE_NAMES_H

#include "base/util.h"

/**
 * virtio_feature_name() - e.g. "VIRTIO_BLK_F_FLUSH"; NULL for a bit that is not known
 * @device_id: VIRTIO_DEVICE_*
 * @bit: 0..63
 */
const char *virtio_feature_name(uint16_t device_id, unsigned bit);

/**
 * virtio_status_name() - e.g. "DRIVER_OK" (2.1); NULL for a reserved bit
 * @bit: 0..7
 */
const char *virtio_status_name(unsigned bit);

#endif
