/* SPDX-License-Identifier: MIT */
/* --balloon */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/balloon_spec.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

static int parse_size(char *value, void *field, struct error *error)
{
	uint64_t bytes;

	if (!value || size_parse(value, MIB(1), &bytes) < 0)
		return error_set_usage(error, "'%s' is not a size", value ? value : "");
	if (bytes % VIRTIO_BALLOON_PAGE_SIZE)
		return error_set_usage(error, "'%s' is not a multiple of 4K", value);
	*(uint64_t *)field = bytes;
	return 0;
}

static int parse_deflate_on_oom(char *value, void *field, struct error *error)
{
	if (!value || (strcmp(value, "on") != 0 && strcmp(value, "off") != 0))
		return error_set_usage(error, "'%s' is neither on nor off", value ? value : "");
	*(bool *)field = strcmp(value, "off") == 0;
	return 0;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION("size", parse_size, balloon.size),
	VIRTIO_SUBOPTION("deflate-on-oom", parse_deflate_on_oom, balloon.strict),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int balloon_parse(char *text, struct virtio_options *options, struct error *error)
{
	return *text ? suboptions_parse(text, suboptions, options, error) : 0;
}

static int balloon_join(struct virtio_options *device, const struct virtio_options *more,
			struct error *error)
{
	(void)device;
	(void)more;
	return error_set_usage(error, "one is all that a guest's memory needs");
}

static int balloon_create(const struct virtio_options *options, const struct virtio_host *host,
			  const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
			  struct error *error)
{
	const struct balloon_options *balloon = &options->balloon;
	struct virtio_dev_config dev = *config;
	int r;

	(void)host;
	if (balloon->strict)
		dev.features_off |= VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
	r = virtio_balloon_create(&dev, ret_vdev);
	if (r < 0)
		return error_set_errno(error, r, "cannot make %s", config->name);
	r = virtio_balloon_set_target(*ret_vdev, balloon->size / VIRTIO_BALLOON_PAGE_SIZE);
	if (r == 0)
		return 0;
	virtio_dev_destroy(*ret_vdev);
	return error_set_errno(error, r, "cannot set the size of %s", config->name);
}

const struct virtio_kind virtio_kind_balloon = {
	.name = "virtio-balloon",
	.parse = balloon_parse,
	.join = balloon_join,
	.create = balloon_create,
};
