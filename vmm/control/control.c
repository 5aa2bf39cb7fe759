/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/control/commands.h"

static const struct control_command *const groups[] = {
	control_commands_balloon,
	control_commands_info,
	control_commands_link,
	control_commands_machine,
};

static const struct control_command *find_command(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct control_command *command = groups[i]; command->name; command++)
			if (strcmp(command->name, name) == 0)
				return command;
	}
	return NULL;
}

int control_arguments(const struct control_call *call, struct control_error *error,
		      const char *format, ...)
{
	json_error_t cause;
	va_list args;
	int r;

	va_start(args, format);
	r = json_vunpack_ex(call->request.arguments, &cause, JSON_STRICT, format, args);
	va_end(args);
	return r < 0 ? control_error_set(error, CONTROL_BAD_ARGUMENT, "arguments: %s", cause.text)
		     : 0;
}

json_t *control_text(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("(not UTF-8)");
}

struct virtio_dev *control_virtio_named(const struct board *board, const char *name,
					struct machine_virtio_place *ret_place)
{
	struct virtio_dev *vdev;

	for (unsigned i = 0; (vdev = machine_virtio_device(board->virtio, i, ret_place)); i++)
		if (strcmp(vdev->name, name) == 0)
			return vdev;
	return NULL;
}

struct virtio_dev *control_virtio_of(const struct board *board, uint16_t id)
{
	struct virtio_dev *vdev;

	for (unsigned i = 0; (vdev = machine_virtio_device(board->virtio, i, NULL)); i++)
		if (vdev->class->id == id)
			return vdev;
	return NULL;
}

static void free_call(struct control_call *call)
{
	control_request_deinit(&call->request);
	free(call);
}

/* Takes @result over. */
static void finish_call(struct control_call *call, json_t *result)
{
	control_client_reply(call->client, control_reply_ok(call->request.id, result));
	free_call(call);
}

static void fail_call(struct control_call *call, const struct control_error *error)
{
	control_client_reply(call->client, control_reply_error(call->request.id, error));
	free_call(call);
}

void control_call_wait(struct control_call *call, enum control_wait what)
{
	struct control_call **link = &call->control->waiting[what];

	while (*link)
		link = &(*link)->next;
	*link = call;
}

void control_answer_all(struct control *control, enum control_wait what,
			json_t *(*make)(struct control *control), const struct control_error *error)
{
	struct control_call *calls = TAKE_PTR(control->waiting[what]), *next;

	/* A client's next request may come at once, and wait for the next time. */
	for (struct control_call *call = calls; call; call = next) {
		next = call->next;
		if (error)
			fail_call(call, error);
		else
			finish_call(call, make(control));
	}
}

static void run_call(struct control_call *call)
{
	const struct control_command *command = find_command(call->request.command);
	struct control_error error;
	json_t *result = NULL;
	int r;

	if (command)
		r = command->run(call, &result, &error);
	else
		r = control_error_set(&error, CONTROL_UNKNOWN_COMMAND,
				      "there is no command '%.32s'", call->request.command);
	if (r < 0)
		fail_call(call, &error);
	else if (r == CONTROL_DONE)
		finish_call(call, result);
}

static void on_request(void *ctx, struct control_client *client, const char *line, size_t len)
{
	struct control_call *call = calloc(1, sizeof(*call));
	struct control_error error;

	if (!call) {
		control_client_reply(client, NULL);
		return;
	}
	call->control = ctx;
	call->client = client;
	if (control_request_parse(line, len, &call->request, &error) < 0)
		fail_call(call, &error);
	else
		run_call(call);
}

static void on_gone(void *ctx, struct control_client *client)
{
	struct control *control = ctx;

	for (unsigned i = 0; i < CONTROL_NR_WAITS; i++) {
		struct control_call **link = &control->waiting[i];

		while (*link && (*link)->client != client)
			link = &(*link)->next;
		if (*link) {
			struct control_call *call = *link;

			*link = call->next;
			free_call(call);
		}
	}
}

static void cleanup_control(struct control **control)
{
	control_destroy(*control);
}

int control_create(struct loop *loop, const char *address, const struct control_machine *machine,
		   struct control **ret_control, struct error *error)
{
	static const struct control_server_ops ops = { .request = on_request, .gone = on_gone };
	_cleanup_(cleanup_control) struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return error_set_errno(error, -ENOMEM, "cannot make a control socket");
	control->loop = loop;
	control->machine = machine;
	r = control_balloon_init(control);
	if (r < 0)
		return error_set_errno(error, r, "cannot make a control socket");
	r = control_server_create(loop, address, &ops, control, &control->server, error);
	if (r < 0)
		return r;
	*ret_control = TAKE_PTR(control);
	return 0;
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	control_server_destroy(control->server);
	control_balloon_deinit(control);
	for (unsigned i = 0; i < CONTROL_NR_WAITS; i++) {
		while (control->waiting[i]) {
			struct control_call *call = control->waiting[i];

			control->waiting[i] = call->next;
			free_call(call);
		}
	}
	free(control);
}

void control_machine_parked(struct control *control)
{
	if (vm_is_parked(control->machine->board->vm))
		control_answer_all(control, CONTROL_WAIT_PARKED, control_state, NULL);
}
