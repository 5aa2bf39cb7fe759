/* SPDX-License-Identifier: MIT */
#include "devices/virtio/inspect.h"

#include "base/cleanup.h"
#include "devices/virtio/layout.h"

void virtqueue_inspect(const struct virtqueue *vq, struct virtqueue_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	ret_info->size = vq->size;
	ret_info->max_size = vq->max_size;
	ret_info->enabled = vq->enabled;
	ret_info->broken = vq->broken;
	memcpy(ret_info->areas, vq->areas, sizeof(vq->areas));
	if (!vq->enabled)
		return;
	ret_info->packed = vq->layout == &virtqueue_packed;
	ret_info->last_avail = vq->last_avail;
	ret_info->used = vq->used;
	for (unsigned head = 0; ret_info->nr_in_flight < vq->in_flight; head++) {
		if (virtqueue_head_in_flight(vq, (uint16_t)head))
			ret_info->in_flight[ret_info->nr_in_flight++] = (uint16_t)head;
	}
	vq->layout->inspect(vq, ret_info);
}

void virtio_dev_inspect(struct virtio_dev *vdev, struct virtio_dev_info *ret_info)
{
	SCOPED_LOCK(&vdev->lock);

	*ret_info = (struct virtio_dev_info){
		.name = vdev->name,
		.type = vdev->class->name,
		.id = vdev->class->id,
		.status = vdev->status,
		.offered = vdev->offered,
		.accepted = vdev->accepted,
		.config_generation = vdev->config_generation,
		.nr_queues = vdev->nr_queues,
	};
}

void virtio_dev_inspect_queue(struct virtio_dev *vdev, unsigned q, struct virtqueue_info *ret_info)
{
	SCOPED_LOCK(&vdev->lock);

	virtqueue_inspect(&vdev->queues[q], ret_info);
	if (!virtio_dev_is_served_elsewhere(vdev))
		return;
	ret_info->elsewhere = true;
	ret_info->nr_waiting = 0;
}
