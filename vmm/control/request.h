/* SPDX-License-Identifier: MIT */
/*
 * Requests and replies of the control socket, each one line of JSON:
 *
 *     {"command": "balloon", "arguments": {"size": 134217728}, "id": 7}
 *     {"ok": true, "id": 7, "result": {...}}
 *     {"ok": false, "id": 7, "code": "refused", "error": "a sentence"}
 *
 * "arguments" and "id" (a string or an integer, which comes back) may be left out.  Pure: no
 * socket, no machine.
 */
#ifndef GLASSBOX_VMM_CONTROL_REQUEST_H
#define GLASSBOX_VMM_CONTROL_REQUEST_H

#include <jansson.h>

#include "base/util.h"

/* What kind of failure it was, for programs; docs/control.md lists the words. */
enum control_code {
	CONTROL_BAD_REQUEST,     /* not JSON, or not of the form above */
	CONTROL_UNKNOWN_COMMAND, /* ... */
	CONTROL_BAD_ARGUMENT,
	CONTROL_NO_DEVICE, /* the machine has none of that name or kind */
	CONTROL_REFUSED,   /* not in the state the machine or the device is in */
	CONTROL_BUSY,
	CONTROL_TIMEOUT, /* the guest did not answer */
	CONTROL_FAILED,  /* of the host */
};

struct control_error {
	enum control_code code;
	char message[256];
};

/**
 * control_error_set() - write what failed, for people
 * @format: one line without a final full stop or newline
 *
 * Return: -1, so that a failing function can `return control_error_set(...)`.
 */
int control_error_set(struct control_error *error, enum control_code code, const char *format, ...)
	__printf(3, 4);

struct control_request {
	json_t *root; /* owns the rest */
	const char *command;
	json_t *arguments; /* an object, perhaps an empty one */
	json_t *id;        /* NULL: none that could come back */
};

/**
 * control_request_parse() - take a client's line apart
 * @line: @len bytes, any
 *
 * Return: 0; or -1 with @error set, and of @ret_request only the id is of use.  To be released by
 * control_request_deinit() in either case.
 */
int control_request_parse(const char *line, size_t len, struct control_request *ret_request,
			  struct control_error *error) __must_check;

/** control_request_deinit() - also of one that is all zeros */
void control_request_deinit(struct control_request *request);

/**
 * control_reply_ok() / control_reply_error() - a line for the client, with its newline
 * @id: borrowed, may be NULL
 * @result: taken over; NULL as after a failed json_pack()
 *
 * Return: to be freed; NULL without memory.
 */
char *control_reply_ok(json_t *id, json_t *result) __must_check;
char *control_reply_error(json_t *id, const struct control_error *error) __must_check;

#endif
