/* SPDX-License-Identifier: MIT */
/*
 * The entropy device (5.4), and the model to copy for others: it fills the buffers of its one queue
 * from a byte source.  Threads: as virtio.h says; chains never outlive queue_ready.  Owns itself,
 * borrows the source.
 */
#include "devices/virtio/rng.h"

#include <sys/random.h>

#include "base/cleanup.h"

enum { REQUEST_QUEUE }; /* 5.4.2 */

#define RNG_QUEUE_SIZE 64

/*
 * Of one request.  The loop's thread has other work, too: this and the queue size bound a batch to
 * 256 KiB of random numbers, about a millisecond.  Filling less than asked for is allowed
 * (5.4.6.2).
 */
#define RNG_MAX_BYTES  4096u

struct virtio_rng {
	struct virtio_dev vdev;
	struct byte_source source; /* immutable */
};

/* Return: bytes filled, maybe 0. */
static uint32_t rng_fill(const struct virtio_rng *rng, const struct virtq_chain *chain)
{
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	unsigned count = virtq_chain_in_iov(chain, 0, RNG_MAX_BYTES, pieces);
	uint32_t filled = 0;

	for (unsigned i = 0; i < count; i++) {
		long n = rng->source.fill(rng->source.ctx, pieces[i].iov_base, pieces[i].iov_len);

		if (n > 0)
			filled += (uint32_t)n;
		if (n < (long)pieces[i].iov_len)
			break;
	}
	return filled;
}

static void rng_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	const struct virtio_rng *rng = container_of(vdev, struct virtio_rng, vdev);
	struct virtqueue *vq = virtio_dev_queue(vdev, q);
	struct virtq_chain chain;
	int r;

	do {
		virtqueue_disable_notify(vq);
		while ((r = virtqueue_pop(vq, &chain)) > 0) {
			if (chain.out_len) /* 5.4.6.1 */
				virtio_finding(vdev->name, q, VIRTIO_RULE_RNG_READABLE,
					       chain.out_len);
			virtqueue_push(vq, &chain, rng_fill(rng, &chain));
		}
	} while (r == 0 && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(vdev, q);
}

static void rng_destroy(struct virtio_dev *vdev)
{
	virtio_dev_deinit(vdev);
	free(container_of(vdev, struct virtio_rng, vdev));
}

static const struct virtio_ops rng_ops = {
	.queue_ready = rng_queue_ready,
	.destroy = rng_destroy,
};

static const struct virtio_class rng_class = {
	.name = "virtio-rng",
	.id = VIRTIO_DEVICE_RNG,
	.nr_queues = REQUEST_QUEUE + 1,
	.queue_size = RNG_QUEUE_SIZE,
	.ops = &rng_ops,
};

int virtio_rng_create(const struct virtio_dev_config *config, const struct byte_source *source,
		      struct virtio_dev **ret_vdev)
{
	_cleanup_free_ struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int r;

	if (!rng)
		return -ENOMEM;
	rng->source = *source;
	r = virtio_dev_init(&rng->vdev, &rng_class, config, NULL);
	if (r < 0)
		return r;
	*ret_vdev = &TAKE_PTR(rng)->vdev;
	return 0;
}

/* Without blocking, which only early at boot is needed, when the host has none itself. */
static long host_fill(void *ctx, void *buf, size_t len)
{
	ssize_t n = getrandom(buf, len, GRND_NONBLOCK);

	(void)ctx;
	return n < 0 ? -errno : n;
}

struct byte_source byte_source_host(void)
{
	return (struct byte_source){ .fill = host_fill };
}
