/* SPDX-License-Identifier: MIT */
/*
 * Packed virtqueues (2.8).
 *
 *     VIRTQUEUE_DESC    desc[size]: available ones are overwritten by used ones
 *     VIRTQUEUE_DRIVER  event suppression of the driver: offset and wrap, flags
 *     VIRTQUEUE_DEVICE  event suppression of the device
 *
 * A descriptor is available to the device if its AVAIL bit is the device's wrap counter and its
 * USED bit is not; each side toggles its counter when it passes the end of the ring (2.8.1).  A
 * list of descriptors takes consecutive slots; one used descriptor answers the list, at the first
 * slot that has not been answered, and as many slots are passed over as the list had (2.8.6).
 */
#include <errno.h>

#include "devices/virtio/layout.h"

/* Of the event suppression structure (2.8.14), read and written as one word. */
#define EVENT_OFF(word)   ((word)&0x7fff)
#define EVENT_WRAP(word)  ((word) >> 15 & 1)
#define EVENT_FLAGS(word) ((word) >> 16 & 3)

/* A slot and the wrap counter that goes with it. */
struct position {
	uint16_t slot;
	bool wrap;
};

static uint8_t *desc_at(const struct virtqueue *vq, uint16_t slot)
{
	return vq->host[VIRTQUEUE_DESC] + (size_t)VIRTQ_DESC_SIZE * slot;
}

static struct position forward(const struct virtqueue *vq, struct position at, unsigned slots)
{
	at.slot = (uint16_t)(at.slot + slots);
	if (at.slot >= vq->size) {
		at.slot = (uint16_t)(at.slot - vq->size);
		at.wrap = !at.wrap;
	}
	return at;
}

static bool is_avail(uint16_t flags, bool wrap)
{
	return !!(flags & VIRTQ_F_AVAIL) == wrap && !!(flags & VIRTQ_F_USED) != wrap;
}

/* Acquires the rest of the descriptor, and of its list (2.8.21.1.1). */
static uint16_t load_flags(const struct virtqueue *vq, uint16_t slot)
{
	return ring_load(desc_at(vq, slot) + offsetof(struct virtq_packed_desc, flags));
}

static bool packed_has_avail(struct virtqueue *vq)
{
	return is_avail(load_flags(vq, vq->last_avail), vq->avail_wrap);
}

static uint16_t packed_avail_index(const struct virtqueue *vq)
{
	return vq->last_avail;
}

/* The buffers of an indirect table: all of its descriptors, in order (2.8.7). */
static int walk_table(struct virtqueue *vq, struct virtq_chain *chain,
		      const struct virtq_desc *indirect)
{
	const uint8_t *table;
	int r = virtqueue_indirect_table(vq, chain, indirect, &table);

	for (uint32_t i = 0; r == 0 && i < indirect->len / VIRTQ_DESC_SIZE; i++) {
		struct virtq_packed_desc packed;
		struct virtq_desc desc;

		ring_copy_desc(&packed, table + (size_t)VIRTQ_DESC_SIZE * i);
		/* Other flags than WRITE, and the ID, are to be ignored. */
		desc = (struct virtq_desc){ .addr = packed.addr,
					    .len = packed.len,
					    .flags = packed.flags & VIRTQ_F_WRITE };
		r = virtqueue_add_buffer(vq, chain, &desc);
	}
	return r;
}

/* Adds the descriptor in @slot, whose @flags were read before and are not read again. */
static int add_slot(struct virtqueue *vq, struct virtq_chain *chain, uint16_t slot, uint16_t flags)
{
	struct virtq_packed_desc packed;
	struct virtq_desc desc;

	ring_copy_desc(&packed, desc_at(vq, slot));
	desc = (struct virtq_desc){
		.addr = packed.addr, .len = packed.len, .flags = flags, .next = packed.id
	};
	chain->head = packed.id;
	chain->slots++;
	if (!(flags & VIRTQ_F_INDIRECT))
		return virtqueue_add_buffer(vq, chain, &desc);
	/* Only alone, not in a list (2.8.19). */
	if (chain->slots > 1)
		return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_NEXT, slot);
	return walk_table(vq, chain, &desc);
}

static int packed_pop(struct virtqueue *vq, struct virtq_chain *chain)
{
	struct position at = { .slot = vq->last_avail, .wrap = vq->avail_wrap };
	uint16_t flags = load_flags(vq, at.slot);

	if (!is_avail(flags, at.wrap))
		return 0;
	virtqueue_begin_chain(chain);
	for (;;) {
		int r;

		/* What is in flight has no used descriptor yet, so its slots can't be free. */
		if (vq->slots_in_flight + chain->slots >= vq->size)
			return virtqueue_break(vq, VIRTIO_RULE_LIST_OVERRUN, at.slot);
		r = add_slot(vq, chain, at.slot, flags);
		if (r < 0)
			return r;
		at = forward(vq, at, 1);
		if (!(flags & VIRTQ_F_NEXT))
			break;
		flags = load_flags(vq, at.slot);
		if (!is_avail(flags, at.wrap))
			return virtqueue_break(vq, VIRTIO_RULE_LIST_NOT_AVAIL, at.slot);
	}
	if (virtqueue_head_in_flight(vq, chain->head))
		return virtqueue_break(vq, VIRTIO_RULE_HEAD_IN_FLIGHT, chain->head);
	vq->last_avail = at.slot;
	vq->avail_wrap = at.wrap;
	return 1;
}

static void packed_undo_pop(struct virtqueue *vq, const struct virtq_chain *chain)
{
	if (vq->last_avail < chain->slots) {
		vq->last_avail = (uint16_t)(vq->last_avail + vq->size);
		vq->avail_wrap = !vq->avail_wrap;
	}
	vq->last_avail = (uint16_t)(vq->last_avail - chain->slots);
}

static unsigned packed_stage(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len)
{
	struct position at = { .slot = vq->used, .wrap = vq->used_wrap };
	uint8_t *desc = desc_at(vq, at.slot);
	uint16_t flags = at.wrap ? VIRTQ_F_AVAIL | VIRTQ_F_USED : 0;

	/* len counts only with WRITE (2.8.4). */
	if (len)
		flags |= VIRTQ_F_WRITE;
	memcpy(desc + offsetof(struct virtq_packed_desc, len), &len, sizeof(len));
	memcpy(desc + offsetof(struct virtq_packed_desc, id), &chain->head, sizeof(chain->head));
	/* The driver looks at one after the other, so the first one hides those behind it. */
	if (vq->staged == 0) {
		vq->staged_slot = at.slot;
		vq->staged_flags = flags;
	} else {
		ring_store(desc + offsetof(struct virtq_packed_desc, flags), flags);
	}
	at = forward(vq, at, chain->slots);
	vq->used = at.slot;
	vq->used_wrap = at.wrap;
	return chain->slots;
}

/* Releases the descriptors, and what the device wrote into the buffers. */
static void packed_publish(struct virtqueue *vq)
{
	ring_store(desc_at(vq, vq->staged_slot) + offsetof(struct virtq_packed_desc, flags),
		   vq->staged_flags);
}

/* One store, so that the driver never sees new flags with an old offset. */
static void store_event(struct virtqueue *vq, uint32_t flags, uint32_t off_wrap)
{
	__atomic_store_n((uint32_t *)(void *)vq->host[VIRTQUEUE_DEVICE], flags << 16 | off_wrap,
			 __ATOMIC_RELEASE);
}

static void packed_disable_notify(struct virtqueue *vq)
{
	store_event(vq, VIRTQ_EVENT_DISABLE, 0);
}

static void packed_enable_notify(struct virtqueue *vq)
{
	if (vq->event_idx)
		store_event(vq, VIRTQ_EVENT_DESC, vq->last_avail | (uint32_t)vq->avail_wrap << 15);
	else
		store_event(vq, VIRTQ_EVENT_ENABLE, 0);
}

static bool packed_wants_signal(struct virtqueue *vq)
{
	uint32_t word = __atomic_load_n((const uint32_t *)(void *)vq->host[VIRTQUEUE_DRIVER],
					__ATOMIC_ACQUIRE);
	unsigned round = 2u * vq->size, now, event;

	vq->used_event = (uint16_t)word;
	if (EVENT_FLAGS(word) == VIRTQ_EVENT_ENABLE || EVENT_FLAGS(word) == VIRTQ_EVENT_DISABLE)
		return EVENT_FLAGS(word) == VIRTQ_EVENT_ENABLE;
	if (EVENT_FLAGS(word) != VIRTQ_EVENT_DESC || !vq->event_idx) {
		virtio_finding(vq->device, vq->index, VIRTIO_RULE_EVENT_FLAGS, EVENT_FLAGS(word));
		return true;
	}
	/* Slots numbered over two rounds of the ring, one for each value of the wrap counter: was
	 * the event's slot among the last `unsignalled` ones that were passed? */
	now = vq->used + (vq->used_wrap ? 0u : vq->size);
	event = EVENT_OFF(word) % vq->size + (EVENT_WRAP(word) ? 0u : vq->size);
	return (now + round - event - 1) % round < vq->unsignalled;
}

static struct virtqueue_event event_of(const struct virtqueue *vq, enum virtqueue_area area)
{
	uint32_t word = __atomic_load_n((const uint32_t *)(void *)vq->host[area], __ATOMIC_ACQUIRE);

	if (EVENT_FLAGS(word) == VIRTQ_EVENT_DISABLE)
		return (struct virtqueue_event){ .when = VIRTQUEUE_NOTIFY_OFF };
	/* As packed_wants_signal() takes it. */
	if (EVENT_FLAGS(word) == VIRTQ_EVENT_DESC && vq->event_idx)
		return (struct virtqueue_event){ .when = VIRTQUEUE_NOTIFY_AT,
						 .index = EVENT_OFF(word),
						 .wrap = EVENT_WRAP(word) };
	return (struct virtqueue_event){ .when = VIRTQUEUE_NOTIFY_ON };
}

/* One entry for each list, whose last descriptor has the ID that counts (2.8.6). */
static void packed_inspect(const struct virtqueue *vq, struct virtqueue_info *info)
{
	struct position at = { .slot = vq->last_avail, .wrap = vq->avail_wrap };

	info->kicks = event_of(vq, VIRTQUEUE_DEVICE);
	info->interrupts = event_of(vq, VIRTQUEUE_DRIVER);
	info->last_avail_wrap = vq->avail_wrap;
	info->used_wrap = vq->used_wrap;
	for (unsigned i = vq->slots_in_flight; i < vq->size; i++) {
		struct virtq_packed_desc desc;
		uint16_t flags = load_flags(vq, at.slot);

		if (!is_avail(flags, at.wrap))
			break;
		ring_copy_desc(&desc, desc_at(vq, at.slot));
		if (!(flags & VIRTQ_F_NEXT))
			info->waiting[info->nr_waiting++] = desc.id;
		at = forward(vq, at, 1);
	}
	info->avail = at.slot;
	info->avail_wrap = at.wrap;
}

/* Alignments and sizes: 2.8.10.1. */
const struct virtqueue_layout virtqueue_packed = {
	.areas = { [VIRTQUEUE_DESC] = { .align = 16, .per_entry = VIRTQ_DESC_SIZE },
		   [VIRTQUEUE_DRIVER] = { .align = 4, .fixed = 4 },
		   [VIRTQUEUE_DEVICE] = { .align = 4, .fixed = 4 } },
	.pop = packed_pop,
	.undo_pop = packed_undo_pop,
	.stage = packed_stage,
	.publish = packed_publish,
	.has_avail = packed_has_avail,
	.disable_notify = packed_disable_notify,
	.enable_notify = packed_enable_notify,
	.wants_signal = packed_wants_signal,
	.avail_index = packed_avail_index,
	.inspect = packed_inspect,
};
