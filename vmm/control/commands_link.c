/* SPDX-License-Identifier: MIT */
/* The command link: the cable of a network interface. */
#include <string.h>

#include "devices/virtio/net.h"
#include "vmm/control/commands.h"

static int run_link(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	const char *name, *state;
	struct virtio_dev *vdev;
	bool up;

	if (control_arguments(call, error, "{ss ss}", "device", &name, "state", &state) < 0)
		return -1;
	up = strcmp(state, "up") == 0;
	if (!up && strcmp(state, "down") != 0)
		return control_error_set(error, CONTROL_BAD_ARGUMENT,
					 "state '%.32s' is neither up nor down", state);
	vdev = control_virtio_named(call->control->machine->board, name, NULL);
	if (!vdev || vdev->class->id != VIRTIO_DEVICE_NET)
		return control_error_set(error, CONTROL_NO_DEVICE,
					 "there is no network interface '%.32s'", name);
	if (virtio_net_set_link(vdev, up) < 0)
		return control_error_set(error, CONTROL_REFUSED,
					 "what '%.32s' was connected to is gone", name);
	*ret_result = json_pack("{ss}", "state", state);
	return CONTROL_DONE;
}

const struct control_command control_commands_link[] = {
	{ "link", run_link },
	{ 0 },
};
