/* SPDX-License-Identifier: MIT */
/* Set-up of a device's queues by its driver, notifications in both directions. */
#include "devices/virtio/virtio_queue.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/event_count.h"
#include "trace/trace.h"

static void on_doorbell(void *ctx, uint32_t events);

static void on_broken(void *ctx)
{
	virtio_dev_needs_reset(ctx);
}

static int doorbell_init(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_doorbell *doorbell = &vdev->doorbells[q];

	doorbell->vdev = vdev;
	doorbell->queue = q;
	doorbell->eventfd = -EBADF;
	if (!vdev->loop && !virtio_dev_is_served_elsewhere(vdev))
		return 0;
	doorbell->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (doorbell->eventfd < 0)
		return -errno;
	/* A count that was read here would be lost to the one who waits for it. */
	if (virtio_dev_is_served_elsewhere(vdev))
		return 0;
	return loop_add(vdev->loop, doorbell->eventfd, EPOLLIN, on_doorbell, doorbell,
			&doorbell->source);
}

int virtio_queues_init(struct virtio_dev *vdev, const struct virtio_dev_config *config)
{
	uint16_t size = config->queue_size ? config->queue_size : vdev->class->queue_size;

	vdev->queues = calloc(vdev->nr_queues, sizeof(*vdev->queues));
	vdev->doorbells = calloc(vdev->nr_queues, sizeof(*vdev->doorbells));
	if (!vdev->queues || !vdev->doorbells) {
		free(vdev->queues);
		free(vdev->doorbells);
		return -ENOMEM;
	}
	for (unsigned q = 0; q < vdev->nr_queues; q++) {
		virtqueue_init(&vdev->queues[q], config->mem, config->name, q, size);
		virtqueue_set_on_broken(&vdev->queues[q], on_broken, vdev);
		vdev->doorbells[q].eventfd = -EBADF;
	}
	for (unsigned q = 0; q < vdev->nr_queues; q++) {
		int r = doorbell_init(vdev, q);

		if (r < 0) {
			virtio_queues_deinit(vdev);
			return r;
		}
	}
	return 0;
}

void virtio_queues_deinit(struct virtio_dev *vdev)
{
	for (unsigned q = 0; q < vdev->nr_queues; q++) {
		loop_remove(vdev->doorbells[q].source);
		if (vdev->doorbells[q].eventfd >= 0)
			(void)close(vdev->doorbells[q].eventfd);
	}
	free(vdev->doorbells);
	free(vdev->queues);
}

unsigned virtio_queues_in_flight(const struct virtio_dev *vdev)
{
	unsigned count = 0;

	for (unsigned q = 0; q < vdev->nr_queues; q++)
		count += vdev->queues[q].in_flight;
	return count;
}

void virtio_queues_break(struct virtio_dev *vdev)
{
	for (unsigned q = 0; q < vdev->nr_queues; q++)
		vdev->queues[q].broken = true;
}

/* What the driver wants done to queue @q, if there is one that is off; else NULL. */
static struct virtqueue *queue_to_set_up(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = virtio_dev_queue(vdev, q);

	if (!vq)
		virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_QUEUE_SELECT, q);
	else if (vq->enabled)
		virtio_finding(vdev->name, q, VIRTIO_RULE_QUEUE_LIVE, q);
	return vq && !vq->enabled ? vq : NULL;
}

void virtio_dev_queue_set_size(struct virtio_dev *vdev, unsigned q, uint32_t size)
{
	struct virtqueue *vq = queue_to_set_up(vdev, q);

	/* Checked when enabled; whatever doesn't fit must not become something that does. */
	if (vq)
		vq->size = (uint16_t)MIN(size, UINT16_MAX);
}

void virtio_dev_queue_set_area(struct virtio_dev *vdev, unsigned q, enum virtqueue_area area,
			       bool high, uint32_t bits)
{
	struct virtqueue *vq = queue_to_set_up(vdev, q);

	if (!vq)
		return;
	vq->areas[area] &= (uint64_t)UINT32_MAX << (high ? 0 : 32);
	vq->areas[area] |= (uint64_t)bits << (high ? 32 : 0);
}

static void trace_queue(const struct virtio_dev *vdev, const struct virtqueue *vq)
{
	trace_virtio_queue(vdev->name, vq->index, vq->size, vq->areas[VIRTQUEUE_DESC],
			   vq->areas[VIRTQUEUE_DRIVER], vq->areas[VIRTQUEUE_DEVICE], vq->enabled);
}

void virtio_dev_queue_enable(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = queue_to_set_up(vdev, q);

	if (!vq)
		return;
	if (!(vdev->status & VIRTIO_S_FEATURES_OK)) {
		virtio_finding(vdev->name, q, VIRTIO_RULE_QUEUE_EARLY, vdev->status);
		return;
	}
	if (virtqueue_enable(vq, vdev->accepted) < 0)
		virtio_dev_needs_reset(vdev);
	/* The device as a whole is out of order: this queue is, too. */
	vq->broken = vdev->status & VIRTIO_S_NEEDS_RESET;
	trace_queue(vdev, vq);
	virtio_queue_start(vdev, q);
}

void virtio_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = &vdev->queues[q];
	struct virtio_doorbell *doorbell = &vdev->doorbells[q];
	bool was_enabled = vq->enabled;

	if (vq->enabled && vdev->class->ops->queue_stop)
		vdev->class->ops->queue_stop(vdev, q);
	virtqueue_reset(vq);
	if (was_enabled)
		trace_queue(vdev, vq);
	/* A notification of before must not be taken for one of the next driver. */
	if (doorbell->eventfd >= 0)
		(void)event_count_take(doorbell->eventfd);
	doorbell->own = 0;
}

void virtio_dev_queue_disable(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = virtio_dev_queue(vdev, q);
	uint64_t areas[VIRTQUEUE_NR_AREAS];
	uint16_t size;

	if (!vq) {
		virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_QUEUE_SELECT, q);
		return;
	}
	/* The registers keep what was written to them: the driver may just turn it on again. */
	size = vq->size;
	memcpy(areas, vq->areas, sizeof(areas));
	virtio_queue_stop(vdev, q);
	vq->size = size;
	memcpy(vq->areas, areas, sizeof(areas));
}

void virtio_dev_queue_reset(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = virtio_dev_queue(vdev, q);

	if (!vq)
		virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_QUEUE_SELECT, q);
	else if (!vq->enabled || !virtio_dev_has_feature(vdev, VIRTIO_FEATURE_RESET))
		virtio_finding(vdev->name, q, VIRTIO_RULE_QUEUE_RESET, vq->enabled);
	else
		virtio_queue_stop(vdev, q);
}

static bool can_serve(const struct virtio_dev *vdev, const struct virtqueue *vq)
{
	return vdev->active && !(vdev->status & VIRTIO_S_NEEDS_RESET) && vq->enabled;
}

void virtio_queue_start(struct virtio_dev *vdev, unsigned q)
{
	int r;

	if (!virtio_dev_is_served_elsewhere(vdev) || !can_serve(vdev, &vdev->queues[q]))
		return;
	r = vdev->class->ops->queue_start(vdev, q);
	if (r < 0) {
		virtio_finding(vdev->name, q, VIRTIO_RULE_DEVICE_FAILED, (uint64_t)-r);
		virtio_dev_needs_reset(vdev);
		return;
	}
	/* For chains that came before, and to say that it may begin. */
	virtio_dev_again(vdev, q);
}

/* Has the loop's thread come back to the queue. */
static void ring_own_doorbell(struct virtio_doorbell *doorbell)
{
	/* It fails only with a full count, and then the loop's thread comes anyway. */
	if (event_count_add_one(doorbell->eventfd))
		doorbell->own++;
}

void virtio_dev_serve(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = &vdev->queues[q];

	if (!can_serve(vdev, vq))
		return;
	virtqueue_start_batch(vq);
	vdev->class->ops->queue_ready(vdev, q);
	if (virtqueue_batch_ended(vq) && vdev->loop)
		ring_own_doorbell(&vdev->doorbells[q]);
}

void virtio_dev_again(struct virtio_dev *vdev, unsigned q)
{
	if (!can_serve(vdev, &vdev->queues[q]))
		return;
	if (vdev->doorbells[q].eventfd >= 0)
		ring_own_doorbell(&vdev->doorbells[q]);
	else
		virtio_dev_serve(vdev, q);
}

static void trace_kick(const struct virtio_dev *vdev, const struct virtqueue *vq, const char *via)
{
	uint16_t avail;

	/* Looks into the ring, so only for those who want to know. */
	if (!trace_virtio_kick_enabled())
		return;
	avail = virtqueue_avail_index(vq);
	/* How far somebody else has come with the queue is not known here. */
	trace_virtio_kick(vq->device, vq->index, avail,
			  virtio_dev_is_served_elsewhere(vdev) ? avail : vq->last_avail, via);
}

/* May the driver notify now?  (3.1.1, 2.9) */
static bool may_notify(const struct virtio_dev *vdev, const struct virtqueue *vq)
{
	if (!(vdev->status & VIRTIO_S_DRIVER_OK)) {
		virtio_finding(vdev->name, vq->index, VIRTIO_RULE_NOTIFY_EARLY, vdev->status);
		return false;
	}
	if (!vq->enabled) {
		virtio_finding(vdev->name, vq->index, VIRTIO_RULE_NOTIFY_QUEUE, vq->index);
		return false;
	}
	return true;
}

void virtio_dev_kick(struct virtio_dev *vdev, uint32_t q)
{
	struct virtqueue *vq = virtio_dev_queue(vdev, q);

	if (!vq) {
		virtio_finding(vdev->name, VIRTIO_NO_QUEUE, VIRTIO_RULE_NOTIFY_QUEUE, q);
		return;
	}
	trace_kick(vdev, vq, "exit");
	if (may_notify(vdev, vq))
		virtio_dev_again(vdev, q);
}

static void on_doorbell(void *ctx, uint32_t events)
{
	struct virtio_doorbell *doorbell = ctx;
	struct virtio_dev *vdev = doorbell->vdev;
	struct virtqueue *vq = &vdev->queues[doorbell->queue];
	uint64_t count, own;
	SCOPED_LOCK(&vdev->lock);

	(void)events;
	count = event_count_take(doorbell->eventfd);
	/* Nothing there: a reset took it, while this waited for the lock. */
	if (count == 0)
		return;
	own = doorbell->own;
	doorbell->own = 0;
	if (count > own) {
		trace_kick(vdev, vq, "doorbell");
		if (!may_notify(vdev, vq))
			return;
	}
	virtio_dev_serve(vdev, doorbell->queue);
}

int virtio_dev_doorbell(const struct virtio_dev *vdev, unsigned q)
{
	return vdev->doorbells[q].eventfd;
}

static enum trace_irq_decision signal_queue(struct virtio_dev *vdev, unsigned q,
					    uint16_t *ret_vector)
{
	if (!vdev->transport)
		return TRACE_IRQ_MASKED;
	return vdev->transport->signal_queue(vdev->transport_ctx, q, ret_vector);
}

void virtio_dev_signal_queue(struct virtio_dev *vdev, unsigned q)
{
	struct virtqueue *vq = &vdev->queues[q];
	enum trace_irq_decision decision = TRACE_IRQ_SUPPRESSED;
	uint16_t vector = 0;

	/* Nothing to tell: not even that it was suppressed. */
	if (vq->unsignalled == 0)
		return;
	if (virtqueue_should_signal(vq))
		decision = signal_queue(vdev, q, &vector);
	trace_virtio_irq(vdev->name, q, vector, decision, vq->used_event);
}

void virtio_dev_interrupt(struct virtio_dev *vdev, unsigned q)
{
	enum trace_irq_decision decision;
	uint16_t vector = 0;

	if (!can_serve(vdev, &vdev->queues[q]))
		return;
	decision = signal_queue(vdev, q, &vector);
	trace_virtio_irq(vdev->name, q, vector, decision, 0);
}
