/* SPDX-License-Identifier: MIT */
/*
 * The block device (5.2).
 *
 *     queue_ready: pop -> parse -> submit     (the loop's thread)
 *     on_completed: status -> push -> signal  (the loop's thread)
 *
 * Threads: as virtio.h says.  Owns the backend and a fixed number of requests.  A chain is popped
 * only if there is a request for it; a queue that finds none waits in `starved` for a completion.
 *
 * Where a driver puts the ends of its descriptors means nothing (2.7.4): a request is the bytes of
 * its readable part, and those of its writable part, the last of which is the status.
 */
#include "devices/virtio/blk.h"

#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/blk_spec.h"

#define BLK_QUEUE_SIZE          256

/* So much at once, lest a single request keep the host's disk for long. */
#define BLK_MAX_DISCARD_SECTORS (UINT32_C(1) << 22) /* 2 GiB */
#define BLK_MAX_ZEROES_SECTORS  (UINT32_C(1) << 17) /* 64 MiB: the host may have to write them */

struct blk_request {
	struct disk_request disk;
	struct blk_request *next; /* free ones */
	unsigned queue;
	bool in_flight; /* at the backend */
	bool orphan;    /* in flight, but its queue was turned off */
	uint32_t type;
	uint64_t sector;
	struct virtq_chain chain;
	struct iovec iov[VIRTQ_MAX_CHAIN];
};

struct virtio_blk {
	struct virtio_dev vdev;
	struct disk_backend *disk; /* immutable */
	char serial[VIRTIO_BLK_SERIAL_MAX];
	struct virtio_blk_config config;
	struct blk_request *requests; /* disk->info.max_requests */
	struct blk_request *free;
	uint32_t starved; /* a bit for each queue with chains for which there was no request */
};

static struct virtio_blk *to_blk(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_blk, vdev);
}

static struct blk_request *take_request(struct virtio_blk *blk)
{
	struct blk_request *request = blk->free;

	blk->free = request->next;
	return request;
}

static void put_request(struct virtio_blk *blk, struct blk_request *request)
{
	request->in_flight = false;
	request->orphan = false;
	request->next = blk->free;
	blk->free = request;
}

/* Bytes that the device may write in front of the status byte. */
static uint32_t in_data_len(const struct blk_request *request)
{
	return request->chain.in_len - 1;
}

/*
 * Gives the request back to the driver; @written bytes of data are there.  The used length counts
 * from the start without a gap (2.7.8.2), so the status byte is in it only if they fill the rest.
 */
static void finish(struct virtio_blk *blk, struct blk_request *request, uint8_t status,
		   uint32_t written)
{
	struct virtqueue *vq = virtio_dev_queue(&blk->vdev, request->queue);
	uint32_t data_len = in_data_len(request);

	(void)virtq_chain_write(&request->chain, data_len, &status, sizeof(status));
	virtqueue_push(vq, &request->chain, written == data_len ? written + 1 : written);
	put_request(blk, request);
}

static void refuse(struct virtio_blk *blk, struct blk_request *request, enum virtio_rule rule,
		   uint64_t detail, uint8_t status)
{
	virtio_finding(blk->vdev.name, request->queue, rule, detail);
	finish(blk, request, status, 0);
}

/* Is [@sector, + @len bytes) a range of the disk?  Refuses the request if not. */
static bool check_range(struct virtio_blk *blk, struct blk_request *request, uint64_t sector,
			uint64_t len)
{
	uint64_t sectors = len / DISK_SECTOR_SIZE;

	if (range_within(sector, sectors, 0, blk->config.capacity))
		return true;
	refuse(blk, request, VIRTIO_RULE_BLK_RANGE, sector, VIRTIO_BLK_S_IOERR);
	return false;
}

/* 5.2.6.2: does a driver take a write for safe once it is completed? */
static bool is_writethrough(const struct virtio_blk *blk)
{
	if (virtio_dev_has_feature(&blk->vdev, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config.writeback;
	return !virtio_dev_has_feature(&blk->vdev, VIRTIO_BLK_F_FLUSH);
}

static const char *operation_name(enum disk_op op)
{
	static const char *const names[] = {
		[DISK_READ] = "read",
		[DISK_WRITE] = "write",
		[DISK_FLUSH] = "flush",
		[DISK_DISCARD] = "discard",
		[DISK_WRITE_ZEROES] = "write-zeroes",
	};

	return names[op];
}

static void submit(struct virtio_blk *blk, struct blk_request *request, enum disk_op op,
		   uint64_t sector, uint64_t len)
{
	struct disk_request *disk = &request->disk;

	disk->op = op;
	disk->durable = is_writethrough(blk);
	disk->offset = sector * DISK_SECTOR_SIZE;
	disk->len = len;
	request->in_flight = true;
	trace_virtio_backend_begin(blk->vdev.name, request->queue, request->chain.seq,
				   operation_name(op), sector, len);
	disk_submit(blk->disk, disk);
}

static void serve_transfer(struct virtio_blk *blk, struct blk_request *request, bool write)
{
	uint32_t len = write ? request->chain.out_len - (uint32_t)BLK_HEADER_LEN
			     : in_data_len(request);

	if (len % DISK_SECTOR_SIZE) {
		refuse(blk, request, VIRTIO_RULE_BLK_LENGTH, len, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (!check_range(blk, request, request->sector, len))
		return;
	if (len == 0) {
		finish(blk, request, VIRTIO_BLK_S_OK, 0);
		return;
	}
	request->disk.iov = request->iov;
	request->disk.nr_iov =
		write ? virtq_chain_out_iov(&request->chain, BLK_HEADER_LEN, len, request->iov)
		      : virtq_chain_in_iov(&request->chain, 0, len, request->iov);
	submit(blk, request, write ? DISK_WRITE : DISK_READ, request->sector, len);
}

static void serve_get_id(struct virtio_blk *blk, struct blk_request *request)
{
	uint32_t len = MIN(in_data_len(request), (uint32_t)sizeof(blk->serial));

	if (in_data_len(request) != sizeof(blk->serial))
		virtio_finding(blk->vdev.name, request->queue, VIRTIO_RULE_BLK_LENGTH,
			       in_data_len(request));
	(void)virtq_chain_write(&request->chain, 0, blk->serial, len);
	finish(blk, request, VIRTIO_BLK_S_OK, len);
}

/* Discard and write zeroes: one segment, as configuration says. */
static void serve_erase(struct virtio_blk *blk, struct blk_request *request, bool zeroes)
{
	struct virtio_blk_erase erase;
	uint32_t len = request->chain.out_len - (uint32_t)BLK_HEADER_LEN;
	uint32_t most = zeroes ? blk->config.max_write_zeroes_sectors
			       : blk->config.max_discard_sectors;

	if (len != sizeof(erase)) {
		refuse(blk, request, VIRTIO_RULE_BLK_LENGTH, len, VIRTIO_BLK_S_IOERR);
		return;
	}
	(void)virtq_chain_read(&request->chain, BLK_HEADER_LEN, &erase, sizeof(erase));
	if (erase.flags & ~(zeroes ? VIRTIO_BLK_ERASE_UNMAP : 0)) {
		refuse(blk, request, VIRTIO_RULE_BLK_FLAGS, erase.flags, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	if (erase.num_sectors > most) {
		refuse(blk, request, VIRTIO_RULE_BLK_RANGE, erase.num_sectors, VIRTIO_BLK_S_IOERR);
		return;
	}
	len = erase.num_sectors * DISK_SECTOR_SIZE;
	if (!check_range(blk, request, erase.sector, len))
		return;
	if (len == 0) {
		finish(blk, request, VIRTIO_BLK_S_OK, 0);
		return;
	}
	request->disk.may_unmap = erase.flags & VIRTIO_BLK_ERASE_UNMAP;
	submit(blk, request, zeroes ? DISK_WRITE_ZEROES : DISK_DISCARD, erase.sector, len);
}

/* Is it a request that this driver can make at all? */
static bool is_supported(const struct virtio_blk *blk, uint32_t type)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
	case VIRTIO_BLK_T_FLUSH:
	case VIRTIO_BLK_T_GET_ID: return true;
	case VIRTIO_BLK_T_DISCARD: return virtio_dev_has_feature(&blk->vdev, VIRTIO_BLK_F_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return virtio_dev_has_feature(&blk->vdev, VIRTIO_BLK_F_WRITE_ZEROES);
	default: return false;
	}
}

/* Would the request change the disk? */
static bool is_change(uint32_t type)
{
	return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
	       type == VIRTIO_BLK_T_WRITE_ZEROES;
}

static void serve_type(struct virtio_blk *blk, struct blk_request *request)
{
	if (is_change(request->type) && blk->disk->info.read_only) {
		refuse(blk, request, VIRTIO_RULE_BLK_READ_ONLY, request->type, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (!is_supported(blk, request->type)) {
		finish(blk, request, VIRTIO_BLK_S_UNSUPP, 0);
		return;
	}
	switch (request->type) {
	case VIRTIO_BLK_T_IN: serve_transfer(blk, request, false); break;
	case VIRTIO_BLK_T_OUT: serve_transfer(blk, request, true); break;
	case VIRTIO_BLK_T_FLUSH: submit(blk, request, DISK_FLUSH, 0, 0); break;
	case VIRTIO_BLK_T_GET_ID: serve_get_id(blk, request); break;
	case VIRTIO_BLK_T_DISCARD: serve_erase(blk, request, false); break;
	default: serve_erase(blk, request, true); break;
	}
}

static void serve(struct virtio_blk *blk, struct blk_request *request)
{
	struct virtio_blk_header header;

	memset(&request->disk, 0, sizeof(request->disk));
	if (request->chain.in_len == 0) {
		/* There is nowhere to say that it failed. */
		virtio_finding(blk->vdev.name, request->queue, VIRTIO_RULE_BLK_STATUS, 0);
		virtqueue_push(virtio_dev_queue(&blk->vdev, request->queue), &request->chain, 0);
		put_request(blk, request);
		return;
	}
	if (virtq_chain_read(&request->chain, 0, &header, sizeof(header)) < sizeof(header)) {
		refuse(blk, request, VIRTIO_RULE_BLK_HEADER, request->chain.out_len,
		       VIRTIO_BLK_S_IOERR);
		return;
	}
	request->type = header.type;
	request->sector = header.sector;
	serve_type(blk, request);
}

/* Return: 1, or as virtqueue_pop(); -EBUSY without a free request. */
static int serve_next(struct virtio_blk *blk, unsigned q)
{
	struct blk_request *request = blk->free;
	int r;

	if (!request) {
		blk->starved |= UINT32_C(1) << q;
		return -EBUSY;
	}
	r = virtqueue_pop(virtio_dev_queue(&blk->vdev, q), &request->chain);
	if (r <= 0)
		return r;
	request = take_request(blk);
	request->queue = q;
	serve(blk, request);
	return 1;
}

static void blk_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_blk *blk = to_blk(vdev);
	struct virtqueue *vq = virtio_dev_queue(vdev, q);
	int r;

	do {
		virtqueue_disable_notify(vq);
		do
			r = serve_next(blk, q);
		while (r > 0);
	} while (r == 0 && virtqueue_enable_notify(vq));
	disk_commit(blk->disk);
	virtio_dev_signal_queue(vdev, q);
}

static void complete(struct virtio_blk *blk, struct blk_request *request)
{
	int error = request->disk.error;
	bool has_data = request->type == VIRTIO_BLK_T_IN && error == 0;

	trace_virtio_backend_end(blk->vdev.name, request->queue, request->chain.seq,
				 (uint32_t)-error);
	finish(blk, request, error ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK,
	       has_data ? in_data_len(request) : 0);
}

/* Of the backend: on the loop's thread, without the lock. */
static void on_completed(void *ctx, struct disk_request *finished)
{
	struct virtio_blk *blk = ctx;
	uint32_t pushed = 0, starved;
	SCOPED_LOCK(&blk->vdev.lock);

	while (finished) {
		struct blk_request *request = container_of(finished, struct blk_request, disk);

		finished = finished->next;
		if (request->orphan) {
			put_request(blk, request);
			continue;
		}
		pushed |= UINT32_C(1) << request->queue;
		complete(blk, request);
	}
	starved = blk->starved;
	blk->starved = 0;
	for (unsigned q = 0; q < blk->vdev.nr_queues; q++) {
		if (pushed >> q & 1)
			virtio_dev_signal_queue(&blk->vdev, q);
		if (starved >> q & 1)
			virtio_dev_again(&blk->vdev, q);
	}
}

/* 5.2.5.2: the field follows the features. */
static void blk_features_chosen(struct virtio_dev *vdev)
{
	to_blk(vdev)->config.writeback = virtio_dev_has_feature(vdev, VIRTIO_BLK_F_FLUSH);
}

static void blk_config_write(struct virtio_dev *vdev, unsigned off, const void *buf, unsigned len)
{
	struct virtio_blk *blk = to_blk(vdev);
	unsigned at = offsetof(struct virtio_blk_config, writeback) - off;
	uint8_t value;

	/* The one field that a driver writes (5.2.4). */
	if (off > offsetof(struct virtio_blk_config, writeback) || at >= len ||
	    !virtio_dev_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	value = ((const uint8_t *)buf)[at];
	if (value <= 1)
		blk->config.writeback = value;
}

static void blk_queue_stop(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_blk *blk = to_blk(vdev);
	bool found = false;

	for (unsigned i = 0; i < blk->disk->info.max_requests; i++) {
		struct blk_request *request = &blk->requests[i];

		if (request->in_flight && request->queue == q) {
			request->orphan = true;
			found = true;
		}
	}
	blk->starved &= ~(UINT32_C(1) << q);
	if (found)
		disk_drain(blk->disk);
}

static void blk_free(struct virtio_blk *blk)
{
	free(blk->requests);
	free(blk);
}

static void blk_destroy(struct virtio_dev *vdev)
{
	struct virtio_blk *blk = to_blk(vdev);

	/* The orphans of the last reset. */
	disk_reap(blk->disk);
	disk_destroy(blk->disk);
	virtio_dev_deinit(vdev);
	blk_free(blk);
}

static const struct virtio_ops blk_ops = {
	.features_chosen = blk_features_chosen,
	.queue_ready = blk_queue_ready,
	.config_write = blk_config_write,
	.queue_stop = blk_queue_stop,
	.destroy = blk_destroy,
};

#define BLK_FEATURES_WRITABLE                                                                      \
	(VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

static const struct virtio_class blk_class = {
	.name = "virtio-blk",
	.id = VIRTIO_DEVICE_BLOCK,
	.nr_queues = VIRTIO_BLK_MAX_QUEUES,
	.queue_size = BLK_QUEUE_SIZE,
	.features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |
		    VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_MQ |
		    BLK_FEATURES_WRITABLE,
	.config_len = VIRTIO_BLK_CONFIG_LEN,
	.ops = &blk_ops,
};

static void fill_config(struct virtio_blk_config *config, const struct disk_info *info,
			const struct virtio_dev_config *dev)
{
	unsigned queue_size = dev->queue_size ? dev->queue_size : BLK_QUEUE_SIZE;
	unsigned block_sectors = info->block_size / DISK_SECTOR_SIZE;
	unsigned ratio = info->physical_block_size / info->block_size;

	*config = (struct virtio_blk_config){
		.capacity = info->size / DISK_SECTOR_SIZE,
		/* A chain has no more descriptors than its queue; header and status take two. */
		.seg_max = queue_size > 2 ? queue_size - 2 : 1,
		.blk_size = info->block_size,
		.physical_block_exp = (uint8_t)__builtin_ctz(ratio),
		.min_io_size = (uint16_t)ratio,
		.writeback = !info->read_only,
		.num_queues = (uint16_t)dev->nr_queues,
		.max_discard_sectors = BLK_MAX_DISCARD_SECTORS,
		.max_discard_seg = 1,
		.discard_sector_alignment = block_sectors,
		.max_write_zeroes_sectors = BLK_MAX_ZEROES_SECTORS,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
}

static int create_requests(struct virtio_blk *blk)
{
	unsigned count = blk->disk->info.max_requests;

	blk->requests = calloc(count, sizeof(*blk->requests));
	if (!blk->requests)
		return -ENOMEM;
	for (unsigned i = count; i--;)
		put_request(blk, &blk->requests[i]);
	return 0;
}

int virtio_blk_create(const struct virtio_dev_config *config, struct disk_backend *disk,
		      const char *serial, struct virtio_dev **ret_vdev)
{
	struct virtio_dev_config dev = *config;
	struct virtio_blk *blk;
	int r;

	if (serial && strlen(serial) > VIRTIO_BLK_SERIAL_MAX)
		return -EINVAL;
	blk = calloc(1, sizeof(*blk));
	if (!blk)
		return -ENOMEM;
	blk->disk = disk;
	if (serial)
		memcpy(blk->serial, serial, strlen(serial));
	dev.nr_queues = MAX(dev.nr_queues, 1u);
	dev.features_off |= disk->info.read_only ? BLK_FEATURES_WRITABLE : VIRTIO_BLK_F_RO;
	/* 5.2.5.2: the one not without the other. */
	if (dev.features_off & VIRTIO_BLK_F_FLUSH)
		dev.features_off |= VIRTIO_BLK_F_CONFIG_WCE;
	if (dev.nr_queues == 1)
		dev.features_off |= VIRTIO_BLK_F_MQ;
	fill_config(&blk->config, &disk->info, &dev);
	r = create_requests(blk);
	if (r == 0)
		r = virtio_dev_init(&blk->vdev, &blk_class, &dev, (uint8_t *)&blk->config);
	if (r < 0) {
		blk_free(blk);
		return r;
	}
	disk_attach(disk, on_completed, blk);
	*ret_vdev = &blk->vdev;
	return 0;
}
