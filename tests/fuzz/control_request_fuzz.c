/* SPDX-License-Identifier: MIT */
/*
 * Lines from a client of the control socket.  Whatever they are, the reply is one line that is JSON
 * again, with the id of the request.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/must.h"
#include "vmm/control/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(char *line, const json_t *id, bool ok)
{
	size_t len = strlen(line);
	json_t *reply;

	must(len > 0 && memchr(line, '\n', len) == line + len - 1);
	reply = json_loadb(line, len, 0, NULL);
	must(json_is_object(reply));
	must(json_is_true(json_object_get(reply, "ok")) == ok);
	must(id ? json_equal(json_object_get(reply, "id"), id) : !json_object_get(reply, "id"));
	json_decref(reply);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request;
	struct control_error error;

	if (control_request_parse((const char *)data, size, &request, &error) < 0) {
		check_reply(control_reply_error(request.id, &error), request.id, false);
		control_request_deinit(&request);
		return 0;
	}
	must(request.command && json_is_object(request.arguments));
	(void)control_error_set(&error, CONTROL_UNKNOWN_COMMAND, "there is no command '%.32s'",
				request.command);
	check_reply(control_reply_error(request.id, &error), request.id, false);
	check_reply(control_reply_ok(request.id, json_incref(request.arguments)), request.id, true);
	control_request_deinit(&request);
	return 0;
}
