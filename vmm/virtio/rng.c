/* SPDX-License-Identifier: MIT */
/* --rng */
#include "devices/virtio/rng.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

static const struct suboption suboptions[] = { VIRTIO_SUBOPTION_TRANSPORT, { 0 } };

static int rng_parse(char *text, struct virtio_options *options, struct error *error)
{
	return *text ? suboptions_parse(text, suboptions, options, error) : 0;
}

static int rng_create(const struct virtio_options *options, const struct virtio_host *host,
		      const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
		      struct error *error)
{
	const struct byte_source source = byte_source_host();
	int r = virtio_rng_create(config, &source, ret_vdev);

	(void)options;
	(void)host;
	return r < 0 ? error_set_errno(error, r, "cannot make %s", config->name) : 0;
}

const struct virtio_kind virtio_kind_rng = {
	.name = "virtio-rng",
	.parse = rng_parse,
	.create = rng_create,
};
