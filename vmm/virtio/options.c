/* SPDX-License-Identifier: MIT */
#include "vmm/virtio/options.h"

#include <string.h>

#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

int virtio_list_append(struct virtio_list *list, const struct virtio_options *options,
		       struct error *error)
{
	if (list->nr == ARRAY_SIZE(list->devices))
		return error_set_usage(error, "there is room for %u virtio devices only",
				       VIRTIO_MAX_DEVICES);
	list->devices[list->nr++] = *options;
	return 0;
}

int virtio_list_add(struct virtio_list *list, const struct virtio_kind *kind, char *text,
		    struct error *error)
{
	struct virtio_options options = { .kind = kind };
	int r = kind->parse(text, &options, error);

	if (r < 0)
		return r;
	for (unsigned i = 0; kind->join && i < list->nr; i++)
		if (list->devices[i].kind == kind)
			return kind->join(&list->devices[i], &options, error);
	return virtio_list_append(list, &options, error);
}

const struct console_options *virtio_list_console(const struct virtio_list *list)
{
	for (unsigned i = 0; i < list->nr; i++)
		if (list->devices[i].kind == &virtio_kind_console)
			return &list->devices[i].console;
	return NULL;
}

enum virtio_transport virtio_list_transport(const struct virtio_list *list, unsigned index)
{
	enum virtio_transport own = list->devices[index].transport;

	return own == VIRTIO_TRANSPORT_DEFAULT ? list->transport : own;
}

unsigned virtio_list_count(const struct virtio_list *list, enum virtio_transport transport)
{
	unsigned count = 0;

	for (unsigned i = 0; i < list->nr; i++)
		count += virtio_list_transport(list, i) == transport;
	return count;
}

bool virtio_list_shares_memory(const struct virtio_list *list)
{
	for (unsigned i = 0; i < list->nr; i++)
		if (list->devices[i].kind->shares_memory)
			return true;
	return false;
}

int suboption_transport(char *value, void *field, struct error *error)
{
	enum virtio_transport *transport = field;

	if (value && strcmp(value, "pci") == 0)
		*transport = VIRTIO_TRANSPORT_PCI;
	else if (value && strcmp(value, "mmio") == 0)
		*transport = VIRTIO_TRANSPORT_MMIO;
	else
		return error_set_usage(error, "'%s' is neither pci nor mmio", value ? value : "");
	return 0;
}
