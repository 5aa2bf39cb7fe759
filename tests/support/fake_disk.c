/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_disk.h"
#include "tests/support/must.h"

#include <string.h>

static struct fake_disk *to_fake(struct disk_backend *disk)
{
	return container_of(disk, struct fake_disk, disk);
}

static void fake_submit(struct disk_backend *disk, struct disk_request *request)
{
	struct fake_disk *fake = to_fake(disk);
	uint64_t len = 0;

	must(fake->nr_pending < FAKE_DISK_MAX_REQUESTS);
	must(!disk->info.read_only || request->op == DISK_READ || request->op == DISK_FLUSH);
	must(range_within(request->offset, request->len, 0, sizeof(fake->bytes)));
	must(request->offset % DISK_SECTOR_SIZE == 0 && request->len % DISK_SECTOR_SIZE == 0);
	must((request->op == DISK_FLUSH) == (request->len == 0));
	if (request->op == DISK_READ || request->op == DISK_WRITE) {
		for (unsigned i = 0; i < request->nr_iov; i++)
			len += request->iov[i].iov_len;
		must(len == request->len);
	}
	fake->pending[fake->nr_pending++] = request;
	fake->last = *request;
	fake->submitted++;
}

static void fake_commit(struct disk_backend *disk)
{
	to_fake(disk)->commits++;
}

/* Touches the memory of the request, which shows sanitizers whether it may. */
static void perform(struct fake_disk *fake, struct disk_request *request)
{
	uint8_t *at = fake->bytes + request->offset;

	request->error = fake->error;
	if (fake->error)
		return;
	if (request->op == DISK_DISCARD || request->op == DISK_WRITE_ZEROES)
		memset(at, request->op == DISK_DISCARD ? 0xdd : 0, request->len);
	for (unsigned i = 0; i < request->nr_iov; i++) {
		const struct iovec *piece = &request->iov[i];

		if (request->op == DISK_READ)
			memcpy(piece->iov_base, at, piece->iov_len);
		else
			memcpy(at, piece->iov_base, piece->iov_len);
		at += piece->iov_len;
	}
}

static struct disk_request *take(struct fake_disk *fake, unsigned i)
{
	struct disk_request *request = fake->pending[i];

	must(i < fake->nr_pending);
	fake->nr_pending--;
	memmove(&fake->pending[i], &fake->pending[i + 1],
		(fake->nr_pending - i) * sizeof(struct disk_request *));
	perform(fake, request);
	request->next = NULL;
	return request;
}

static struct disk_request *take_all(struct fake_disk *fake, struct disk_request *list)
{
	struct disk_request **tail = &list;

	while (*tail)
		tail = &(*tail)->next;
	while (fake->nr_pending) {
		*tail = take(fake, 0);
		tail = &(*tail)->next;
	}
	return list;
}

static void fake_drain(struct disk_backend *disk)
{
	struct fake_disk *fake = to_fake(disk);

	fake->drains++;
	fake->drained = take_all(fake, fake->drained);
}

static void complete(struct fake_disk *fake, struct disk_request *list)
{
	if (list)
		fake->disk.completed(fake->disk.ctx, list);
}

static void fake_reap(struct disk_backend *disk)
{
	struct fake_disk *fake = to_fake(disk);
	struct disk_request *list = fake->drained;

	fake->drained = NULL;
	complete(fake, list);
}

static void fake_destroy(struct disk_backend *disk)
{
	must(to_fake(disk)->nr_pending == 0 && !to_fake(disk)->drained);
	to_fake(disk)->destroyed++;
}

static const struct disk_ops fake_ops = {
	.submit = fake_submit,
	.commit = fake_commit,
	.drain = fake_drain,
	.reap = fake_reap,
	.destroy = fake_destroy,
};

void fake_disk_init(struct fake_disk *fake, bool read_only)
{
	memset(fake, 0, sizeof(*fake));
	for (size_t i = 0; i < sizeof(fake->bytes); i++)
		fake->bytes[i] = (uint8_t)(i / DISK_SECTOR_SIZE + 1);
	fake->disk.ops = &fake_ops;
	fake->disk.info = (struct disk_info){
		.size = sizeof(fake->bytes),
		.block_size = 512,
		.physical_block_size = 4096,
		.read_only = read_only,
		.max_requests = FAKE_DISK_MAX_REQUESTS,
	};
}

void fake_disk_complete(struct fake_disk *fake, unsigned i)
{
	complete(fake, take(fake, i));
}

void fake_disk_complete_all(struct fake_disk *fake)
{
	complete(fake, take_all(fake, NULL));
}
