/* SPDX-License-Identifier: MIT */
/* What split and packed queues have in common. */
#include <assert.h>
#include <errno.h>

#include "devices/virtio/layout.h"
#include "trace/trace.h"

void virtqueue_init(struct virtqueue *vq, const struct guest_mem *mem, const char *device,
		    unsigned index, uint16_t max_size)
{
	assert(max_size && max_size <= VIRTQUEUE_MAX_SIZE && (max_size & (max_size - 1)) == 0);
	memset(vq, 0, sizeof(*vq));
	vq->mem = mem;
	vq->device = device;
	vq->index = index;
	vq->max_size = max_size;
	vq->size = max_size;
}

static int refuse(const struct virtqueue *vq, enum virtio_rule rule, uint64_t detail, int error)
{
	virtio_finding(vq->device, vq->index, rule, detail);
	return error;
}

static uint64_t area_size(const struct virtqueue *vq, const struct virtqueue_layout *layout,
			  unsigned area)
{
	return layout->areas[area].fixed + (uint64_t)layout->areas[area].per_entry * vq->size;
}

/* A guest that lets its areas overlap harms only itself, but surely doesn't mean to. */
static void look_for_overlap(const struct virtqueue *vq, const struct virtqueue_layout *layout)
{
	for (unsigned i = 0; i < VIRTQUEUE_NR_AREAS; i++) {
		for (unsigned j = i + 1; j < VIRTQUEUE_NR_AREAS; j++) {
			if (vq->areas[i] < vq->areas[j] + area_size(vq, layout, j) &&
			    vq->areas[j] < vq->areas[i] + area_size(vq, layout, i))
				virtio_finding(vq->device, vq->index, VIRTIO_RULE_QUEUE_OVERLAP,
					       vq->areas[j]);
		}
	}
}

int virtqueue_enable(struct virtqueue *vq, uint64_t features)
{
	const struct virtqueue_layout *layout = features & VIRTIO_FEATURE_PACKED ? &virtqueue_packed
										 : &virtqueue_split;
	uint8_t *host[VIRTQUEUE_NR_AREAS];

	assert(!vq->enabled);
	if (vq->size == 0 || vq->size > vq->max_size ||
	    (layout->size_is_power_of_2 && (vq->size & (vq->size - 1))))
		return refuse(vq, VIRTIO_RULE_QUEUE_SIZE, vq->size, -EINVAL);
	for (unsigned i = 0; i < VIRTQUEUE_NR_AREAS; i++) {
		if (vq->areas[i] % layout->areas[i].align)
			return refuse(vq, VIRTIO_RULE_QUEUE_ALIGN, vq->areas[i], -EINVAL);
		host[i] = guest_mem_ptr(vq->mem, vq->areas[i], area_size(vq, layout, i));
		if (!host[i])
			return refuse(vq, VIRTIO_RULE_QUEUE_MEMORY, vq->areas[i], -EFAULT);
	}
	look_for_overlap(vq, layout);
	memcpy(vq->host, host, sizeof(host));
	vq->layout = layout;
	vq->event_idx = features & VIRTIO_FEATURE_EVENT_IDX;
	vq->indirect = features & VIRTIO_FEATURE_INDIRECT;
	vq->avail_wrap = true;
	vq->used_wrap = true;
	vq->generation++;
	vq->enabled = true;
	virtqueue_start_batch(vq);
	return 0;
}

void virtqueue_reset(struct virtqueue *vq)
{
	uint32_t generation = vq->generation;
	void (*on_broken)(void *ctx) = vq->on_broken;
	void *ctx = vq->ctx;

	virtqueue_init(vq, vq->mem, vq->device, vq->index, vq->max_size);
	virtqueue_set_on_broken(vq, on_broken, ctx);
	vq->generation = generation;
}

int virtqueue_break(struct virtqueue *vq, enum virtio_rule rule, uint64_t detail)
{
	virtio_finding(vq->device, vq->index, rule, detail);
	vq->broken = true;
	if (vq->on_broken)
		vq->on_broken(vq->ctx);
	return -EIO;
}

static void trace_desc(const struct virtqueue *vq, const struct virtq_chain *chain,
		       const struct virtq_desc *desc)
{
	trace_virtio_desc(vq->device, vq->index, vq->seq + 1, chain->nr_desc, desc->addr, desc->len,
			  desc->flags, desc->next);
}

int virtqueue_add_buffer(struct virtqueue *vq, struct virtq_chain *chain,
			 const struct virtq_desc *desc)
{
	bool writable = desc->flags & VIRTQ_F_WRITE;
	struct iovec *piece;
	void *host;

	trace_desc(vq, chain, desc);
	/* Also what ends a loop, so it comes before everything else. */
	if (chain->nr_desc >= vq->size)
		return virtqueue_break(vq, VIRTIO_RULE_CHAIN_LENGTH, vq->size);
	chain->nr_desc++;
	if (!writable && chain->nr_in > 0)
		return virtqueue_break(vq, VIRTIO_RULE_BUFFER_ORDER, desc->addr);
	if (desc->len == 0) {
		/* No rule forbids it in so many words, and there is nothing to check or to use. */
		virtio_finding(vq->device, vq->index, VIRTIO_RULE_BUFFER_EMPTY, desc->addr);
		return 0;
	}
	if (desc->len > UINT32_MAX - chain->out_len - chain->in_len)
		return virtqueue_break(vq, VIRTIO_RULE_CHAIN_BYTES, desc->len);
	host = guest_mem_ptr(vq->mem, desc->addr, desc->len);
	if (!host)
		return virtqueue_break(vq, VIRTIO_RULE_BUFFER_MEMORY, desc->addr);
	piece = &chain->iov[chain->nr_out + chain->nr_in];
	piece->iov_base = host;
	piece->iov_len = desc->len;
	if (writable) {
		chain->nr_in++;
		chain->in_len += desc->len;
	} else {
		chain->nr_out++;
		chain->out_len += desc->len;
	}
	return 0;
}

int virtqueue_indirect_table(struct virtqueue *vq, const struct virtq_chain *chain,
			     const struct virtq_desc *desc, const uint8_t **ret_table)
{
	const uint8_t *table;

	trace_desc(vq, chain, desc);
	if (!vq->indirect)
		return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_FEATURE, desc->flags);
	if (desc->flags & VIRTQ_F_NEXT)
		return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_NEXT, desc->flags);
	if (desc->len == 0 || desc->len % VIRTQ_DESC_SIZE)
		return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_SIZE, desc->len);
	table = guest_mem_ptr(vq->mem, desc->addr, desc->len);
	if (!table)
		return virtqueue_break(vq, VIRTIO_RULE_INDIRECT_MEMORY, desc->addr);
	*ret_table = table;
	return 0;
}

void virtqueue_start_batch(struct virtqueue *vq)
{
	vq->batch_left = vq->size;
	vq->batch_ended = false;
}

int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *ret_chain)
{
	int r;

	if (!vq->enabled)
		return 0;
	if (vq->broken)
		return -EIO;
	if (vq->batch_left == 0) {
		vq->batch_ended = vq->layout->has_avail(vq);
		return 0;
	}
	r = vq->layout->pop(vq, ret_chain);
	if (r <= 0)
		return r;
	ret_chain->generation = vq->generation;
	ret_chain->seq = ++vq->seq;
	vq->heads[ret_chain->head / 64] |= UINT64_C(1) << ret_chain->head % 64;
	vq->in_flight++;
	vq->slots_in_flight += ret_chain->slots;
	vq->batch_left--;
	trace_virtio_pop(vq->device, vq->index, ret_chain->head, ret_chain->seq, ret_chain->nr_desc,
			 ret_chain->out_len, ret_chain->in_len);
	return 1;
}

static void land(struct virtqueue *vq, const struct virtq_chain *chain)
{
	assert(virtqueue_head_in_flight(vq, chain->head));
	vq->heads[chain->head / 64] &= ~(UINT64_C(1) << chain->head % 64);
	vq->in_flight--;
	vq->slots_in_flight -= chain->slots;
}

static bool is_current(const struct virtqueue *vq, const struct virtq_chain *chain)
{
	return vq->enabled && chain->generation == vq->generation;
}

void virtqueue_undo_pop(struct virtqueue *vq, const struct virtq_chain *chain)
{
	if (!is_current(vq, chain))
		return;
	assert(chain->seq == vq->seq);
	land(vq, chain);
	vq->layout->undo_pop(vq, chain);
	vq->seq--;
}

void virtqueue_stage(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len)
{
	if (!is_current(vq, chain))
		return;
	assert(len <= chain->in_len);
	land(vq, chain);
	/* Before the driver can see it, so that nothing of what follows comes earlier in the trace.
	 */
	trace_virtio_used(vq->device, vq->index, chain->head, chain->seq, len, vq->used);
	vq->unsignalled += vq->layout->stage(vq, chain, len);
	vq->staged++;
}

void virtqueue_publish(struct virtqueue *vq)
{
	if (vq->staged)
		vq->layout->publish(vq);
	vq->staged = 0;
}

void virtqueue_push(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t len)
{
	virtqueue_stage(vq, chain, len);
	virtqueue_publish(vq);
}

void virtqueue_disable_notify(struct virtqueue *vq)
{
	if (vq->enabled)
		vq->layout->disable_notify(vq);
}

bool virtqueue_enable_notify(struct virtqueue *vq)
{
	if (!vq->enabled || vq->broken)
		return false;
	vq->layout->enable_notify(vq);
	ring_barrier();
	if (!vq->layout->has_avail(vq))
		return false;
	/* Whoever started the batch comes back. */
	if (vq->batch_left == 0)
		vq->batch_ended = true;
	return vq->batch_left > 0;
}

bool virtqueue_should_signal(struct virtqueue *vq)
{
	bool wanted;

	if (!vq->enabled || vq->unsignalled == 0)
		return false;
	ring_barrier();
	wanted = vq->layout->wants_signal(vq);
	vq->unsignalled = 0;
	return wanted;
}

uint16_t virtqueue_avail_index(const struct virtqueue *vq)
{
	return vq->enabled ? vq->layout->avail_index(vq) : 0;
}
