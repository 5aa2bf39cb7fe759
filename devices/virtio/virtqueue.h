/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues, split (2.7) and packed (2.8).  With base/guest_mem the only code that touches the
 * guest's rings.
 *
 *     driver adds chains  -> virtqueue_pop() -> device works -> virtqueue_push() -> driver
 *                                      \-> virtqueue_undo_pop() (not now, again later)
 *
 * Whatever the guest puts into its rings, a chain that pop returns is well-formed: at most queue
 * size descriptors, each read once, each within the guest's memory, less than 2^32 bytes.  A ring
 * that breaks a rule is broken: pop leaves a finding in the trace, tells the owner by on_broken()
 * and returns -errno, then and until the queue is reset.
 *
 * Each chain popped is pushed (or staged) or undone exactly once; one that belongs to a time before
 * a reset is ignored by push.
 *
 * Threads: none here; the owner (a virtio_dev) calls everything with its lock held.  The guest runs
 * at the same time.
 */
#ifndef GLASSBOX_DEVICES_VIRTIO_VIRTQUEUE_H
#define GLASSBOX_DEVICES_VIRTIO_VIRTQUEUE_H

#include "base/guest_mem.h"
#include "devices/virtio/chain.h"
#include "devices/virtio/rules.h"
#include "devices/virtio/spec.h"

#define VIRTQUEUE_MAX_SIZE VIRTQ_MAX_CHAIN

struct virtqueue_layout;

/* The three areas of a queue (2.6), as indexes of their addresses. */
enum virtqueue_area {
	VIRTQUEUE_DESC,   /* descriptor table or ring */
	VIRTQUEUE_DRIVER, /* avail ring, or driver event suppression */
	VIRTQUEUE_DEVICE, /* used ring, or device event suppression */
	VIRTQUEUE_NR_AREAS,
};

struct virtqueue {
	/* Immutable. */
	const struct guest_mem *mem;
	const char *device;
	unsigned index;
	uint16_t max_size;
	void (*on_broken)(void *ctx);
	void *ctx;

	/* Chosen by the driver while the queue is off. */
	uint16_t size;
	uint64_t areas[VIRTQUEUE_NR_AREAS]; /* guest physical */

	/* From virtqueue_enable() to virtqueue_reset(). */
	bool enabled, broken;
	bool event_idx, indirect;              /* features */
	const struct virtqueue_layout *layout; /* split or packed */
	uint8_t *host[VIRTQUEUE_NR_AREAS];     /* the areas */
	uint16_t last_avail;                   /* split: free running; packed: in the ring */
	uint16_t used;                         /* likewise */
	uint16_t avail_shadow;                 /* split: avail.idx when last read */
	bool avail_wrap, used_wrap;            /* packed: the ring wrap counters (2.8.1) */
	unsigned in_flight;                    /* chains popped and not yet pushed */
	unsigned slots_in_flight;              /* descriptors these take in the ring */
	unsigned staged;                       /* chains pushed that the driver can't see yet */
	uint16_t staged_slot, staged_flags;    /* packed: what shows the driver all of them */
	unsigned unsignalled;                  /* packed: descriptors, split: chains, pushed
						* since virtqueue_should_signal() */
	uint16_t used_event;                   /* what the driver wanted then, for traces */
	unsigned batch_left;                   /* see virtqueue_start_batch() */
	bool batch_ended;
	uint64_t seq;                          /* chains popped */
	uint32_t generation;                   /* counts enablings; never reset */
	uint64_t heads[(UINT16_MAX + 1) / 64]; /* a bit for each head in flight */
};

/**
 * virtqueue_init() - a queue that is off
 * @device: name for traces; borrowed
 * @max_size: a power of two, 1..VIRTQUEUE_MAX_SIZE
 */
void virtqueue_init(struct virtqueue *vq, const struct guest_mem *mem, const char *device,
		    unsigned index, uint16_t max_size);

/** virtqueue_set_on_broken() - have @fn called by virtqueue_pop() when the ring breaks a rule */
static inline void virtqueue_set_on_broken(struct virtqueue *vq, void (*fn)(void *ctx), void *ctx)
{
	vq->on_broken = fn;
	vq->ctx = ctx;
}

/**
 * virtqueue_enable() - start using the rings that size and areas describe
 * @features: what the driver accepted: PACKED, EVENT_IDX, INDIRECT
 *
 * Size, alignment and place of each area are checked now, and frozen.  Return: 0; -EINVAL or
 * -EFAULT with a finding in the trace.
 */
int virtqueue_enable(struct virtqueue *vq, uint64_t features) __must_check;

/** virtqueue_reset() - off, size and areas as after virtqueue_init(); forgets chains in flight */
void virtqueue_reset(struct virtqueue *vq);

/**
 * virtqueue_pop() - take the next chain
 *
 * Return: 1 with @ret_chain filled; 0 if there is none now (or the batch is over), @ret_chain
 * untouched; -EIO if the ring is broken, now or before.
 */
int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *ret_chain) __must_check;

/** virtqueue_undo_pop() - put back @chain, the one popped last: the next pop returns it again */
void virtqueue_undo_pop(struct virtqueue *vq, const struct virtq_chain *chain);

/**
 * virtqueue_push() - give @chain back to the driver
 * @len: bytes written to the writable part, from its start on without a gap (2.7.8.2)
 *
 * The driver sees it at once; it is told by what virtqueue_should_signal() leads to.
 */
void virtqueue_push(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len);

/**
 * virtqueue_stage() - as virtqueue_push(), but the driver sees it with virtqueue_publish() only
 *
 * For what the driver must find as a whole or not at all, such as the buffers of one packet.
 */
void virtqueue_stage(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len);

/** virtqueue_publish() - show the driver what was staged, all at once; before anything is popped */
void virtqueue_publish(struct virtqueue *vq);

/**
 * virtqueue_disable_notify() - the driver need not notify, this side looks by itself
 *
 * A hint: notifications may come nevertheless.
 */
void virtqueue_disable_notify(struct virtqueue *vq);

/**
 * virtqueue_enable_notify() - notifications are wanted again
 *
 * Return: true if there are chains to pop that came before the driver could see that: pop again,
 * for no notification will announce them.  So the way to drain a queue is
 *
 *     do {
 *             virtqueue_disable_notify(vq);
 *             while ((r = virtqueue_pop(vq, &chain)) > 0)
 *                     ...
 *     } while (r == 0 && virtqueue_enable_notify(vq));
 */
bool virtqueue_enable_notify(struct virtqueue *vq) __must_check;

/**
 * virtqueue_should_signal() - does the driver want to hear of what was pushed since the last call?
 *
 * Call it once after a batch of pushes.  False if nothing was pushed.
 */
bool virtqueue_should_signal(struct virtqueue *vq) __must_check;

/**
 * virtqueue_start_batch() - let queue size chains be popped, no more
 *
 * A guest that refills its ring as fast as it is emptied must not keep the thread.  At the end of
 * the batch pop returns 0, and virtqueue_batch_ended() is true if there is more.  virtio_dev does
 * this around queue_ready(); who pops on other occasions calls it first.
 */
void virtqueue_start_batch(struct virtqueue *vq);

/** virtqueue_end_batch() - end it before, with work left: as if queue size chains were popped */
static inline void virtqueue_end_batch(struct virtqueue *vq)
{
	vq->batch_left = 0;
	vq->batch_ended = true;
}

static inline bool virtqueue_batch_ended(const struct virtqueue *vq)
{
	return vq->batch_ended;
}

/** virtqueue_avail_index() - what the driver offers up to, for traces; packed: the next to pop */
uint16_t virtqueue_avail_index(const struct virtqueue *vq);

#endif
