/* SPDX-License-Identifier: MIT */
/* --vsock */
#include "devices/virtio/vsock.h"
#include "base/size.h"
#include "devices/backend/vsock_unix.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

static int parse_cid(char *value, void *field, struct error *error)
{
	uint64_t cid;

	if (!value || number_parse(value, VIRTIO_VSOCK_CID_MIN, VIRTIO_VSOCK_CID_MAX, &cid) < 0)
		return error_set_usage(error, "'%s' is not a number from %u to %u",
				       value ? value : "", VIRTIO_VSOCK_CID_MIN,
				       VIRTIO_VSOCK_CID_MAX);
	*(uint32_t *)field = (uint32_t)cid;
	return 0;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION("cid", parse_cid, vsock.cid),
	VIRTIO_SUBOPTION("socket", suboption_text, vsock.path),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int vsock_parse(char *text, struct virtio_options *options, struct error *error)
{
	int r = suboptions_parse(text, suboptions, options, error);

	if (r == 0 && (!options->vsock.cid || !options->vsock.path))
		return error_set_usage(error, "needs cid=N and socket=PATH");
	return r;
}

static int vsock_create(const struct virtio_options *options, const struct virtio_host *host,
			const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
			struct error *error)
{
	const struct vsock_unix_config unix_config = { .path = options->vsock.path };
	struct vsock_host *backend = NULL;
	int r = vsock_unix_create(&unix_config, config->loop, &backend, error);

	(void)host;
	if (r < 0)
		return r;
	r = virtio_vsock_create(config, options->vsock.cid, backend, ret_vdev);
	if (r == 0)
		return 0;
	vsock_host_destroy(backend);
	return error_set_errno(error, r, "cannot make %s", config->name);
}

const struct virtio_kind virtio_kind_vsock = {
	.name = "virtio-vsock",
	.parse = vsock_parse,
	.create = vsock_create,
};
