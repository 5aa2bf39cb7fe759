/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (2.7).
 *
 *     VIRTQUEUE_DESC    desc[size]
 *     VIRTQUEUE_DRIVER  avail: flags, idx, ring[size], used_event
 *     VIRTQUEUE_DEVICE  used: flags, idx, ring[size] of { id, len }, avail_event
 *
 * Both idx run freely from 0 to 65535 and over; an entry stands at idx modulo size.
 */
#include <errno.h>

#include "devices/virtio/layout.h"

#define RING_FLAGS   0
#define RING_IDX     2
#define RING_ENTRIES 4

static uint8_t *avail_entry(const struct virtqueue *vq, uint16_t index)
{
	return vq->host[VIRTQUEUE_DRIVER] + RING_ENTRIES +
	       sizeof(uint16_t) * (size_t)(index % vq->size);
}

static const uint8_t *used_event(const struct virtqueue *vq)
{
	return vq->host[VIRTQUEUE_DRIVER] + RING_ENTRIES + sizeof(uint16_t) * (size_t)vq->size;
}

static uint8_t *avail_event(const struct virtqueue *vq)
{
	return vq->host[VIRTQUEUE_DEVICE] + RING_ENTRIES +
	       sizeof(struct virtq_used_elem) * (size_t)vq->size;
}

static uint16_t split_avail_index(const struct virtqueue *vq)
{
	return ring_load(vq->host[VIRTQUEUE_DRIVER] + RING_IDX);
}

static bool split_has_avail(struct virtqueue *vq)
{
	if (vq->avail_shadow == vq->last_avail)
		vq->avail_shadow = split_avail_index(vq);
	return vq->avail_shadow != vq->last_avail;
}

/* Walks the chain that begins with @index of the descriptor table. */
static int split_walk(struct virtqueue *vq, struct virtq_chain *chain, uint32_t index)
{
	const uint8_t *table = vq->host[VIRTQUEUE_DESC];
	uint32_t entries = vq->size;
	bool indirect = false;
	struct virtq_desc desc;

	/* Each turn but the one that enters the indirect table adds a descriptor to the chain, and
	 * virtqueue_add_buffer() takes only so many. */
	for (;;) {
		int r;

		ring_copy_desc(&desc, table + (size_t)VIRTQ_DESC_SIZE * index);
		if (desc.flags & VIRTQ_F_INDIRECT) {
			if (indirect)
				return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_NESTED, index);
			r = virtqueue_indirect_table(vq, chain, &desc, &table);
			if (r < 0)
				return r;
			indirect = true;
			entries = desc.len / VIRTQ_DESC_SIZE;
			index = 0;
			continue;
		}
		r = virtqueue_add_buffer(vq, chain, &desc);
		if (r < 0)
			return r;
		if (!(desc.flags & VIRTQ_F_NEXT))
			return 1;
		index = desc.next;
		if (index >= entries)
			return virtqueue_break(vq, VIRTIO_RULE_NEXT_RANGE, index);
	}
}

static int split_pop(struct virtqueue *vq, struct virtq_chain *chain)
{
	uint16_t ahead, head;
	int r;

	/* The load of avail.idx acquires the entries before it, and the descriptors of these. */
	if (!split_has_avail(vq))
		return 0;
	ahead = (uint16_t)(vq->avail_shadow - vq->last_avail);
	if (ahead > vq->size)
		return virtqueue_break(vq, VIRTIO_RULE_AVAIL_JUMP, ahead);
	head = ring_load(avail_entry(vq, vq->last_avail));
	if (head >= vq->size)
		return virtqueue_break(vq, VIRTIO_RULE_HEAD_RANGE, head);
	if (virtqueue_head_in_flight(vq, head))
		return virtqueue_break(vq, VIRTIO_RULE_HEAD_IN_FLIGHT, head);
	virtqueue_begin_chain(chain);
	chain->head = head;
	chain->slots = 1;
	r = split_walk(vq, chain, head);
	if (r > 0)
		vq->last_avail++;
	return r;
}

static void split_undo_pop(struct virtqueue *vq, const struct virtq_chain *chain)
{
	(void)chain;
	vq->last_avail--;
}

static unsigned split_stage(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len)
{
	const struct virtq_used_elem elem = { .id = chain->head, .len = len };

	memcpy(vq->host[VIRTQUEUE_DEVICE] + RING_ENTRIES + sizeof(elem) * (vq->used % vq->size),
	       &elem, sizeof(elem));
	vq->used++;
	return 1;
}

/* Releases the entries, and what the device wrote into the buffers (2.7.8.2). */
static void split_publish(struct virtqueue *vq)
{
	ring_store(vq->host[VIRTQUEUE_DEVICE] + RING_IDX, vq->used);
}

static void split_disable_notify(struct virtqueue *vq)
{
	/* With EVENT_IDX, flags stay 0 (2.7.10.2), and an avail_event that was passed already does
	 * the same. */
	if (!vq->event_idx)
		ring_store(vq->host[VIRTQUEUE_DEVICE] + RING_FLAGS, VIRTQ_USED_F_NO_NOTIFY);
}

static void split_enable_notify(struct virtqueue *vq)
{
	if (vq->event_idx)
		ring_store(avail_event(vq), vq->last_avail);
	else
		ring_store(vq->host[VIRTQUEUE_DEVICE] + RING_FLAGS, 0);
}

static bool split_wants_signal(struct virtqueue *vq)
{
	if (!vq->event_idx)
		return !(ring_load(vq->host[VIRTQUEUE_DRIVER] + RING_FLAGS) &
			 VIRTQ_AVAIL_F_NO_INTERRUPT);
	/* Was the entry with that index among the ones pushed?  (2.7.7.2) */
	vq->used_event = ring_load(used_event(vq));
	return (uint16_t)(vq->used - vq->used_event - 1) < vq->unsignalled;
}

static struct virtqueue_event event_of(const struct virtqueue *vq, uint16_t flags, uint16_t index)
{
	if (vq->event_idx)
		return (struct virtqueue_event){ .when = VIRTQUEUE_NOTIFY_AT, .index = index };
	return (struct virtqueue_event){ .when = flags ? VIRTQUEUE_NOTIFY_OFF
						       : VIRTQUEUE_NOTIFY_ON };
}

static void split_inspect(const struct virtqueue *vq, struct virtqueue_info *info)
{
	uint16_t flags = ring_load(vq->host[VIRTQUEUE_DEVICE] + RING_FLAGS);

	info->kicks = event_of(vq, flags & VIRTQ_USED_F_NO_NOTIFY, ring_load(avail_event(vq)));
	flags = ring_load(vq->host[VIRTQUEUE_DRIVER] + RING_FLAGS);
	info->interrupts =
		event_of(vq, flags & VIRTQ_AVAIL_F_NO_INTERRUPT, ring_load(used_event(vq)));
	info->avail = split_avail_index(vq);
	info->used = ring_load(vq->host[VIRTQUEUE_DEVICE] + RING_IDX);
	/* More than there can be is no list of heads. */
	if ((uint16_t)(info->avail - vq->last_avail) > vq->size)
		return;
	for (uint16_t at = vq->last_avail; at != info->avail; at++)
		info->waiting[info->nr_waiting++] = ring_load(avail_entry(vq, at));
}

/* Alignments and sizes: 2.7. */
const struct virtqueue_layout virtqueue_split = {
	.size_is_power_of_2 = true,
	.areas = { [VIRTQUEUE_DESC] = { .align = 16, .per_entry = VIRTQ_DESC_SIZE },
		   [VIRTQUEUE_DRIVER] = { .align = 2, .fixed = 6, .per_entry = 2 },
		   [VIRTQUEUE_DEVICE] = { .align = 4, .fixed = 6, .per_entry = 8 } },
	.pop = split_pop,
	.undo_pop = split_undo_pop,
	.stage = split_stage,
	.publish = split_publish,
	.has_avail = split_has_avail,
	.disable_notify = split_disable_notify,
	.enable_notify = split_enable_notify,
	.wants_signal = split_wants_signal,
	.avail_index = split_avail_index,
	.inspect = split_inspect,
};
