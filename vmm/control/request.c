/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/control/request.h"

static const char *const codes[] = {
	[CONTROL_BAD_REQUEST] = "bad-request",   [CONTROL_UNKNOWN_COMMAND] = "unknown-command",
	[CONTROL_BAD_ARGUMENT] = "bad-argument", [CONTROL_NO_DEVICE] = "no-device",
	[CONTROL_REFUSED] = "refused",           [CONTROL_BUSY] = "busy",
	[CONTROL_TIMEOUT] = "timeout",           [CONTROL_FAILED] = "failed",
};

int control_error_set(struct control_error *error, enum control_code code, const char *format, ...)
{
	va_list args;

	error->code = code;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -1;
}

/* The members that a request may have, and of which kind. */
static int check_members(const struct control_request *request, struct control_error *error)
{
	const char *key;
	json_t *value;

	json_object_foreach(request->root, key, value)
	{
		if (strcmp(key, "command") != 0 && strcmp(key, "arguments") != 0 &&
		    strcmp(key, "id") != 0)
			return control_error_set(
				error, CONTROL_BAD_REQUEST,
				"a request has command, arguments and id, but no '%.32s'", key);
	}
	if (!request->command)
		return control_error_set(error, CONTROL_BAD_REQUEST,
					 "a request has a command, which is a string");
	if (!json_is_object(request->arguments))
		return control_error_set(error, CONTROL_BAD_REQUEST, "arguments are an object");
	return 0;
}

static bool is_id(const json_t *id)
{
	return json_is_string(id) || json_is_integer(id);
}

int control_request_parse(const char *line, size_t len, struct control_request *ret_request,
			  struct control_error *error)
{
	struct control_request *request = ret_request;
	json_error_t cause;
	json_t *id;

	memset(request, 0, sizeof(*request));
	request->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &cause);
	if (!request->root)
		return control_error_set(error, CONTROL_BAD_REQUEST, "this is no JSON: %s",
					 cause.text);
	if (!json_is_object(request->root))
		return control_error_set(error, CONTROL_BAD_REQUEST, "a request is an object");
	id = json_object_get(request->root, "id");
	if (id && !is_id(id))
		return control_error_set(error, CONTROL_BAD_REQUEST,
					 "an id is a string or an integer");
	request->id = id;
	request->command = json_string_value(json_object_get(request->root, "command"));
	request->arguments = json_object_get(request->root, "arguments");
	if (!request->arguments) {
		request->arguments = json_object();
		/* Takes it over, on failure too. */
		if (json_object_set_new(request->root, "arguments", request->arguments) < 0)
			return control_error_set(error, CONTROL_FAILED, "out of memory");
	}
	return check_members(request, error);
}

void control_request_deinit(struct control_request *request)
{
	json_decref(request->root);
	request->root = NULL;
}

/* Takes @reply over. */
static char *line_of(json_t *reply)
{
	_cleanup_free_ char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	char *line;

	json_decref(reply);
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return NULL;
	return line;
}

char *control_reply_ok(json_t *id, json_t *result)
{
	/* o steals, on failure too; O* is left out if there is none. */
	return line_of(result ? json_pack("{sb sO* so}", "ok", true, "id", id, "result", result)
			      : NULL);
}

char *control_reply_error(json_t *id, const struct control_error *error)
{
	char message[sizeof(error->message)];

	/* What a client wrote is in it, perhaps cut off in the midst of a character. */
	(void)strcpy(message, error->message);
	for (char *at = message; *at; at++)
		if ((signed char)*at < 0)
			*at = '?';
	return line_of(json_pack("{sb sO* ss ss}", "ok", false, "id", id, "code",
				 codes[error->code], "error", message));
}
