/* SPDX-License-Identifier: MIT */
/* --disk */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "devices/backend/disk_nbd.h"
#include "devices/backend/disk_raw.h"
#include "devices/virtio/blk.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

static int parse_serial(char *value, void *field, struct error *error)
{
	int r = suboption_text(value, field, error);

	if (r == 0 && strlen(value) > VIRTIO_BLK_SERIAL_MAX)
		return error_set_usage(error, "'%s' has more than %d characters", value,
				       VIRTIO_BLK_SERIAL_MAX);
	return r;
}

static int parse_queues(char *value, void *field, struct error *error)
{
	uint64_t queues;

	if (!value || number_parse(value, 1, VIRTIO_BLK_MAX_QUEUES, &queues) < 0)
		return error_set_usage(error, "'%s' is not a number from 1 to %d",
				       value ? value : "", VIRTIO_BLK_MAX_QUEUES);
	*(unsigned *)field = (unsigned)queues;
	return 0;
}

static int parse_format(char *value, void *field, struct error *error)
{
	if (!value || strcmp(value, "raw") != 0)
		return error_set_usage(error, "'%s' is not raw", value ? value : "");
	*(bool *)field = true;
	return 0;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION(NULL, suboption_text, disk.path),
	VIRTIO_SUBOPTION("ro", suboption_flag, disk.read_only),
	VIRTIO_SUBOPTION("direct", suboption_flag, disk.direct),
	VIRTIO_SUBOPTION("format", parse_format, disk.raw),
	VIRTIO_SUBOPTION("serial", parse_serial, disk.serial),
	VIRTIO_SUBOPTION("queues", parse_queues, disk.queues),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int disk_parse(char *text, struct virtio_options *options, struct error *error)
{
	const struct disk_options *disk = &options->disk;
	int r = suboptions_parse(text, suboptions, options, error);

	if (r < 0 || !disk_nbd_is_uri(disk->path))
		return r;
	if (disk->direct)
		return error_set_usage(error,
				       "direct is not for NBD: its server says how it does I/O");
	if (disk->raw)
		return error_set_usage(error, "format is not for NBD: its server knows the format");
	return 0;
}

static void warn_of_loss(void *ctx, const char *cause)
{
	const struct disk_options *options = ctx;

	log_warning("disk '%s': the connection is lost (%s); from now on the guest gets errors",
		    options->path, cause);
}

static int open_nbd(const struct disk_options *options, struct loop *loop,
		    struct disk_backend **ret_disk, struct error *error)
{
	const struct disk_nbd_config config = {
		.uri = options->path,
		.read_only = options->read_only,
		.lost = warn_of_loss,
		.ctx = (void *)(uintptr_t)options,
	};
	struct disk_nbd_notes notes;
	int r = disk_nbd_open(&config, loop, ret_disk, &notes, error);

	if (r < 0)
		return r;
	if (notes.tail)
		log_warning("disk '%s': its last %u bytes fill no block, and the guest cannot see "
			    "them",
			    options->path, notes.tail);
	if (notes.no_flush)
		log_warning("disk '%s': its server knows no flush; what the guest has flushed may "
			    "not be safe",
			    options->path);
	return 0;
}

static int open_disk(const struct disk_options *options, struct loop *loop,
		     struct disk_backend **ret_disk, struct error *error)
{
	const struct disk_raw_config config = {
		.path = options->path,
		.read_only = options->read_only,
		.direct = options->direct,
		.any_content = options->raw,
	};
	unsigned tail = 0;
	int r;

	if (disk_nbd_is_uri(options->path))
		return open_nbd(options, loop, ret_disk, error);
	r = disk_raw_open(&config, loop, ret_disk, &tail, error);
	if (r == 0 && tail)
		log_warning("disk image '%s': its last %u bytes fill no sector, and the guest "
			    "cannot see them",
			    options->path, tail);
	return r;
}

static int disk_create(const struct virtio_options *options, const struct virtio_host *host,
		       const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
		       struct error *error)
{
	const struct disk_options *disk = &options->disk;
	struct virtio_dev_config dev = *config;
	struct disk_backend *backend = NULL;
	int r = open_disk(disk, config->loop, &backend, error);

	if (r < 0)
		return r;
	dev.nr_queues = disk->queues ? disk->queues
				     : MIN(host->nr_vcpus, (unsigned)VIRTIO_BLK_MAX_QUEUES);
	r = virtio_blk_create(&dev, backend, disk->serial, ret_vdev);
	if (r == 0)
		return 0;
	disk_destroy(backend);
	return error_set_errno(error, r, "cannot make %s", config->name);
}

const struct virtio_kind virtio_kind_disk = {
	.name = "virtio-blk",
	.parse = disk_parse,
	.create = disk_create,
};
