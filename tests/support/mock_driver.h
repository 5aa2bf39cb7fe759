/* SPDX-License-Identifier: MIT */
/*
 * The other side of a virtqueue: a driver in a guest that is nothing but memory.
 *
 * For unit tests and fuzz targets.  It keeps to the specification as long as one lets it; hostile
 * tests write into its rings.  Layouts and register offsets are those of Linux's headers, not of
 * ours, so that a mistake in ours shows.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_MOCK_DRIVER_H
#define GLASSBOX_TESTS_SUPPORT_MOCK_DRIVER_H

#include <linux/virtio_ring.h>

#include "base/guest_mem.h"
#include "devices/device.h"

#define MOCK_RAM_BASE     UINT64_C(0x100000)
#define MOCK_RAM_SIZE     UINT64_C(0x100000)
#define MOCK_RING_MAX     256

/* Features, as Linux numbers them. */
#define MOCK_FEATURE(bit) (UINT64_C(1) << (bit))
#define MOCK_F_INDIRECT   MOCK_FEATURE(28)
#define MOCK_F_EVENT_IDX  MOCK_FEATURE(29)
#define MOCK_F_VERSION_1  MOCK_FEATURE(32)
#define MOCK_F_PACKED     MOCK_FEATURE(34)
#define MOCK_F_RING_RESET MOCK_FEATURE(40)

struct mock_ram {
	struct guest_mem mem;
	uint8_t *bytes;
	uint64_t next; /* free from here on, GPA */
	int fd;        /* of a shared one; -1: it is private */
};

/* A driver's end of one queue. */
struct mock_ring {
	struct mock_ram *ram;
	bool packed, event_idx;
	uint16_t size;
	uint64_t areas[3]; /* GPAs: descriptors, driver, device */

	struct vring_desc *desc; /* split */
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_packed_desc *packed_desc; /* packed */
	struct vring_packed_desc_event *driver_event, *device_event;

	uint16_t next_avail, last_used; /* split: free running; packed: slots */
	bool avail_wrap, used_wrap;     /* packed */
	uint16_t kicked;                /* split: avail.idx at the last decision to kick */
	unsigned unkicked;              /* packed: slots made available since */
	unsigned nr_free;
	bool taken[MOCK_RING_MAX];     /* split: descriptors; packed: IDs */
	uint16_t slots[MOCK_RING_MAX]; /* of the chain with this head or ID */
};

struct mock_buffer {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

enum mock_signals {
	MOCK_SIGNAL_ALWAYS,
	MOCK_SIGNAL_NEVER,
};

void mock_ram_init(struct mock_ram *ram);

/** mock_ram_init_shared() - memory of a file, to be handed to another process */
void mock_ram_init_shared(struct mock_ram *ram);

void mock_ram_deinit(struct mock_ram *ram);

/** mock_ram_clear() - as new; faster than to make it anew, for fuzz targets */
void mock_ram_clear(struct mock_ram *ram);

/** mock_ram_alloc() - zeroed memory; Return: its GPA */
uint64_t mock_ram_alloc(struct mock_ram *ram, uint64_t len, uint64_t align);

/** mock_ram_at() - where @gpa is */
void *mock_ram_at(const struct mock_ram *ram, uint64_t gpa);

/** mock_buffer() - a new buffer of @len bytes, each of value @fill */
struct mock_buffer mock_buffer(struct mock_ram *ram, uint32_t len, bool writable, uint8_t fill);

/** mock_ring_init() - empty rings in new memory, of the layout that @features say */
void mock_ring_init(struct mock_ring *ring, struct mock_ram *ram, uint16_t size, uint64_t features);

/**
 * mock_ring_add() / mock_ring_add_indirect() - make a chain of @count buffers available
 *
 * Return: its head or ID; -1 if there is no room.
 */
int mock_ring_add(struct mock_ring *ring, const struct mock_buffer *buffers, unsigned count);
int mock_ring_add_indirect(struct mock_ring *ring, const struct mock_buffer *buffers,
			   unsigned count);

/** mock_ring_should_kick() - does the device want to be notified of what was added since the last
 * call? */
bool mock_ring_should_kick(struct mock_ring *ring);

/** mock_ring_collect() - take the next used chain; Return: false if there is none */
bool mock_ring_collect(struct mock_ring *ring, uint16_t *ret_head, uint32_t *ret_len);

/** mock_ring_want() - when to be interrupted, without EVENT_IDX */
void mock_ring_want(struct mock_ring *ring, enum mock_signals when);

/** mock_ring_want_after() - with EVENT_IDX: once @count more chains (packed: slots) were used */
void mock_ring_want_after(struct mock_ring *ring, unsigned count);

/* ---- a whole driver, over virtio-mmio ---- */

uint32_t mock_mmio_read(struct device *dev, uint64_t off);
void mock_mmio_write(struct device *dev, uint64_t off, uint32_t value);

/** mock_mmio_offered() - all 64 feature bits */
uint64_t mock_mmio_offered(struct device *dev);

/** mock_mmio_negotiate() - reset up to FEATURES_OK; Return: was it accepted? */
bool mock_mmio_negotiate(struct device *dev, uint64_t features);

/** mock_mmio_set_queue() - select queue @q and describe @ring; mock_mmio_enable_queue() - and
 * turn it on */
void mock_mmio_set_queue(struct device *dev, uint32_t q, const struct mock_ring *ring);
void mock_mmio_enable_queue(struct device *dev, uint32_t q, const struct mock_ring *ring);

/** mock_mmio_start() - negotiate @features, turn on @count queues, DRIVER_OK; Return: success */
bool mock_mmio_start(struct device *dev, uint64_t features, const struct mock_ring *rings,
		     unsigned count);

/** mock_mmio_acknowledge() - what an interrupt handler does; Return: InterruptStatus */
uint32_t mock_mmio_acknowledge(struct device *dev);

#endif
