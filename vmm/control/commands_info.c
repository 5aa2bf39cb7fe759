/* SPDX-License-Identifier: MIT */
/* Commands that look at devices: info-devices, info-virtio. */
#include <inttypes.h>

#include "devices/virtio/feature_names.h"
#include "devices/virtio/inspect.h"
#include "vmm/control/commands.h"
#include "vmm/virtio/machine.h"

/* Numbers of 64 bits as text, since many readers of JSON know only 53; so are addresses. */
static json_t *json_hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *describe_status(uint8_t status)
{
	json_t *bits = json_array();

	for (unsigned bit = 0; bit < 8; bit++) {
		const char *name = virtio_status_name(bit);

		if ((status >> bit & 1) && name)
			(void)json_array_append_new(bits, json_string(name));
	}
	return bits;
}

/* What info-devices says of every device; takes @address over. */
static json_t *describe_place(const char *name, const char *bus, json_t *address)
{
	return json_pack("{ss ss so}", "name", name, "bus", bus, "address", address);
}

static json_t *describe_virtio_place(const char *name, const struct machine_virtio_place *place)
{
	if (place->transport == VIRTIO_TRANSPORT_PCI)
		return describe_place(name, "pci", json_sprintf("00:%02x.0", place->pci_slot));
	return describe_place(name, "mmio", json_hex(place->gpa));
}

static void describe_bus(json_t *devices, const struct board *board, const struct bus *bus)
{
	for (unsigned i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *range = &bus->ranges[i];
		json_t *device;

		/* Those come by themselves. */
		if (control_virtio_named(board, range->dev->name, NULL))
			continue;
		device = describe_place(range->dev->name,
					bus->space == TRACE_SPACE_PIO ? "pio" : "mmio",
					json_hex(range->base));
		if (device)
			(void)json_object_set_new(device, "size",
						  json_integer((json_int_t)range->len));
		(void)json_array_append_new(devices, device);
	}
}

static int run_info_devices(struct control_call *call, json_t **ret_result,
			    struct control_error *error)
{
	const struct board *board = call->control->machine->board;
	struct machine_virtio_place place;
	struct virtio_dev *vdev;
	json_t *devices;

	if (control_arguments(call, error, "{}") < 0)
		return -1;
	devices = json_array();
	describe_bus(devices, board, &board->vm->pio);
	describe_bus(devices, board, &board->vm->mmio);
	for (unsigned i = 0; (vdev = machine_virtio_device(board->virtio, i, &place)); i++) {
		struct virtio_dev_info info;
		json_t *device;

		virtio_dev_inspect(vdev, &info);
		device = describe_virtio_place(vdev->name, &place);
		if (device)
			(void)json_object_update_new(
				device, json_pack("{ss so}", "type", info.type, "status",
						  describe_status(info.status)));
		(void)json_array_append_new(devices, device);
	}
	*ret_result = json_pack("{so}", "devices", devices);
	return CONTROL_DONE;
}

static json_t *describe_features(const struct virtio_dev_info *info)
{
	json_t *features = json_array();

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = virtio_feature_name(info->id, bit);

		if (!((info->offered | info->accepted) >> bit & 1))
			continue;
		(void)json_array_append_new(
			features, json_pack("{si ss? sb sb}", "bit", (int)bit, "name", name,
					    "offered", (int)(info->offered >> bit & 1), "accepted",
					    (int)(info->accepted >> bit & 1)));
	}
	return features;
}

static json_t *describe_heads(const uint16_t *heads, unsigned count)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++)
		(void)json_array_append_new(array, json_integer(heads[i]));
	return array;
}

static json_t *describe_event(const struct virtqueue_event *event, bool packed)
{
	switch (event->when) {
	case VIRTQUEUE_NOTIFY_OFF: return json_pack("{ss}", "when", "off");
	case VIRTQUEUE_NOTIFY_ON: return json_pack("{ss}", "when", "on");
	default: break;
	}
	if (packed)
		return json_pack("{ss si sb}", "when", "at", "index", (int)event->index, "wrap",
				 event->wrap);
	return json_pack("{ss si}", "when", "at", "index", (int)event->index);
}

/* Indexes of packed rings go with a wrap counter; together they are no number. */
static json_t *describe_index(uint16_t index, bool wrap, bool packed)
{
	return packed ? json_pack("{si sb}", "index", (int)index, "wrap", wrap)
		      : json_integer(index);
}

static json_t *describe_queue(unsigned q, const struct virtqueue_info *info)
{
	json_t *queue = json_pack("{si si si sb sb so so so}", "queue", (int)q, "size",
				  (int)info->size, "max_size", (int)info->max_size, "enabled",
				  info->enabled, "broken", info->broken, "descriptor_area",
				  json_hex(info->areas[VIRTQUEUE_DESC]), "driver_area",
				  json_hex(info->areas[VIRTQUEUE_DRIVER]), "device_area",
				  json_hex(info->areas[VIRTQUEUE_DEVICE]));

	if (!queue || !info->enabled)
		return queue;
	(void)json_object_update_new(
		queue, json_pack("{ss so so}", "layout", info->packed ? "packed" : "split", "kicks",
				 describe_event(&info->kicks, info->packed), "interrupts",
				 describe_event(&info->interrupts, info->packed)));
	if (!info->elsewhere || !info->packed)
		(void)json_object_update_new(
			queue,
			json_pack("{so so}", "avail",
				  describe_index(info->avail, info->avail_wrap, info->packed),
				  "used",
				  describe_index(info->used, info->used_wrap, info->packed)));
	if (!info->elsewhere)
		(void)json_object_update_new(
			queue, json_pack("{so so so}", "last_avail",
					 describe_index(info->last_avail, info->last_avail_wrap,
							info->packed),
					 "waiting", describe_heads(info->waiting, info->nr_waiting),
					 "in_flight",
					 describe_heads(info->in_flight, info->nr_in_flight)));
	return queue;
}

static json_t *describe_queues(struct virtio_dev *vdev, unsigned nr_queues)
{
	json_t *queues = json_array();

	for (unsigned q = 0; q < nr_queues; q++) {
		struct virtqueue_info info;

		virtio_dev_inspect_queue(vdev, q, &info);
		(void)json_array_append_new(queues, describe_queue(q, &info));
	}
	return queues;
}

static int run_info_virtio(struct control_call *call, json_t **ret_result,
			   struct control_error *error)
{
	const struct board *board = call->control->machine->board;
	struct machine_virtio_place place;
	struct virtio_dev_info info;
	struct virtio_dev *vdev;
	const char *name;

	if (control_arguments(call, error, "{ss}", "device", &name) < 0)
		return -1;
	vdev = control_virtio_named(board, name, &place);
	if (!vdev)
		return control_error_set(error, CONTROL_NO_DEVICE,
					 "there is no virtio device '%.32s'", name);
	virtio_dev_inspect(vdev, &info);
	*ret_result = describe_virtio_place(info.name, &place);
	if (*ret_result)
		(void)json_object_update_new(
			*ret_result,
			json_pack("{ss si s{si so} so sI so}", "type", info.type, "device_id",
				  (int)info.id, "status", "value", (int)info.status, "bits",
				  describe_status(info.status), "features",
				  describe_features(&info), "config_generation",
				  (json_int_t)info.config_generation, "queues",
				  describe_queues(vdev, info.nr_queues)));
	return CONTROL_DONE;
}

const struct control_command control_commands_info[] = {
	{ "info-devices", run_info_devices },
	{ "info-virtio", run_info_virtio },
	{ 0 },
};
