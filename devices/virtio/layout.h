/* SPDX-License-Identifier: MIT */
/*
 * What split and packed rings do each in their own way; for virtqueue*.c only.
 *
 * The rings are shared with running guests.  16-bit indexes and flags are read and written whole,
 * by ring_load() and ring_store(); what else is there is copied once, and what is checked is the
 * copy.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_LAYOUT_H
#define GLASSBOX_DEVICES_VIRTIO_LAYOUT_H

#include <string.h>

#include "devices/virtio/inspect.h"

struct virtqueue_layout {
	bool size_is_power_of_2;
	struct {
		unsigned align, fixed, per_entry; /* bytes; size = fixed + per_entry * queue size */
	} areas[VIRTQUEUE_NR_AREAS];

	/* Fills @chain's head, slots and buffers and takes it from the ring.  1, 0 (@chain is
	 * untouched) or -EIO. */
	int (*pop)(struct virtqueue *vq, struct virtq_chain *chain);
	void (*undo_pop)(struct virtqueue *vq, const struct virtq_chain *chain);
	/* Writes an entry behind the `staged` ones; returns by how much `unsignalled` grows. */
	unsigned (*stage)(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len);
	/* `staged` is not 0. */
	void (*publish)(struct virtqueue *vq);
	bool (*has_avail)(struct virtqueue *vq);
	void (*disable_notify)(struct virtqueue *vq);
	void (*enable_notify)(struct virtqueue *vq);
	/* Of the `unsignalled` ones; sets used_event. */
	bool (*wants_signal)(struct virtqueue *vq);
	uint16_t (*avail_index)(const struct virtqueue *vq);
	/* Fills what is in the rings. */
	void (*inspect)(const struct virtqueue *vq, struct virtqueue_info *info);
};

extern const struct virtqueue_layout virtqueue_split, virtqueue_packed;

/** virtqueue_break() - leave a finding and break @vq; Return: -EIO */
int virtqueue_break(struct virtqueue *vq, enum virtio_rule rule, uint64_t detail);

/** virtqueue_add_buffer() - append one checked buffer to @chain; Return: 0 or -EIO, @vq broken */
int virtqueue_add_buffer(struct virtqueue *vq, struct virtq_chain *chain,
			 const struct virtq_desc *desc) __must_check;

/**
 * virtqueue_indirect_table() - check a descriptor that refers to an indirect table (2.7.5.3)
 *
 * Return: 0 with the table, of desc->len bytes and not aligned; -EIO, @vq broken.
 */
int virtqueue_indirect_table(struct virtqueue *vq, const struct virtq_chain *chain,
			     const struct virtq_desc *desc, const uint8_t **ret_table) __must_check;

/* Empties @chain for one that is there.  Not the whole of it: the pieces are 4 KiB. */
static inline void virtqueue_begin_chain(struct virtq_chain *chain)
{
	memset(chain, 0, offsetof(struct virtq_chain, iov));
}

static inline bool virtqueue_head_in_flight(const struct virtqueue *vq, uint16_t head)
{
	return vq->heads[head / 64] >> head % 64 & 1;
}

/*
 * Acquire: what is read after it is at least as new as what the other side wrote before it stored
 * this value.  For an index or flag that says "there is something for you".
 */
static inline uint16_t ring_load(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

/* Release: what was written before it is seen by who sees this value.  For the same, going out. */
static inline void ring_store(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

/*
 * A full barrier: our store before it is seen by the other side, or our load after it sees theirs.
 * For the two places where each side stores its own word and then looks at the other's: enabling
 * notifications and then checking for work, and publishing work and then checking whether to
 * notify.  Without it both may see the old words, and wait for each other for ever.
 *
 * (Not __atomic_thread_fence(): gcc's ThreadSanitizer has none.)
 */
static inline void ring_barrier(void)
{
	__sync_synchronize();
}

/* Copies a descriptor, once: the compiler may not look at the guest's memory again. */
static inline void ring_copy_desc(void *ret_desc, const uint8_t *at)
{
	memcpy(ret_desc, at, VIRTQ_DESC_SIZE);
	__asm__ volatile("" : : "r"(ret_desc) : "memory");
}

#endif
