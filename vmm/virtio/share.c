/* SPDX-License-Identifier: MIT */
/* --share */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "devices/backend/virtiofsd.h"
#include "devices/virtio/fs.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

/* TAG=PATH; the tag cannot have a '=', the path may. */
static int parse_tag_and_path(char *value, void *field, struct error *error)
{
	struct share_options *share = field;
	char *path = strchr(value, '=');

	if (!path || path == value || path[1] == '\0')
		return error_set_usage(error, "'%s' is not TAG=PATH", value);
	*path++ = '\0';
	if (strlen(value) > VIRTIO_FS_TAG_MAX)
		return error_set_usage(error, "the tag '%s' has more than %d bytes", value,
				       VIRTIO_FS_TAG_MAX);
	share->tag = value;
	share->path = path;
	return 0;
}

static const struct suboption suboptions[] = {
	VIRTIO_SUBOPTION(NULL, parse_tag_and_path, share),
	VIRTIO_SUBOPTION("ro", suboption_flag, share.read_only),
	VIRTIO_SUBOPTION_TRANSPORT,
	{ 0 },
};

static int share_parse(char *text, struct virtio_options *options, struct error *error)
{
	return suboptions_parse(text, suboptions, options, error);
}

static void share_lost(void *ctx, const char *why)
{
	const struct share_options *share = ctx;

	log_warning("the guest has lost the shared folder '%s' ('%s'): virtiofsd: %s", share->tag,
		    share->path, why);
}

static int share_create(const struct virtio_options *options, const struct virtio_host *host,
			const struct virtio_dev_config *config, struct virtio_dev **ret_vdev,
			struct error *error)
{
	const struct share_options *share = &options->share;
	const struct virtiofsd_config virtiofsd = {
		.path = share->path,
		.read_only = share->read_only,
		.loop = config->loop,
		.lost = share_lost,
		/* It comes back as const. */
		.ctx = (void *)(uintptr_t)share,
	};
	struct vhost_backend *backend;
	struct error cause;
	int r = virtiofsd_start(&virtiofsd, &backend, error);

	(void)host;
	if (r < 0)
		return r;
	r = virtio_fs_create(config, share->tag, backend, ret_vdev, &cause);
	if (r == 0)
		return 0;
	/* Its last words tell why it hung up, and nothing else. */
	(void)error_set(error, r, "cannot share '%s': virtiofsd: %s", share->path,
			r == -ECONNRESET ? virtiofsd_last_words(backend, cause.message)
					 : cause.message);
	vhost_backend_destroy(backend);
	return r;
}

const struct virtio_kind virtio_kind_share = {
	.name = "virtio-fs",
	.parse = share_parse,
	.create = share_create,
	.shares_memory = true,
};

const char *virtio_share_twice(const struct virtio_list *list)
{
	for (unsigned i = 0; i < list->nr; i++) {
		const struct virtio_options *one = &list->devices[i];

		for (unsigned j = 0; one->kind == &virtio_kind_share && j < i; j++)
			if (list->devices[j].kind == one->kind &&
			    strcmp(list->devices[j].share.tag, one->share.tag) == 0)
				return one->share.tag;
	}
	return NULL;
}
