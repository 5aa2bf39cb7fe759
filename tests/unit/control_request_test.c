/* SPDX-License-Identifier: MIT */
/* Lines of JSON from clients of the control socket, and to them. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/control/request.h"

static struct control_error error;

static int parse(const char *line, struct control_request *request)
{
	memset(request, 0xff, sizeof(*request));
	return control_request_parse(line, strlen(line), request, &error);
}

/* @id: what comes back, as JSON; "" if nothing does */
static void assert_refused_with(const char *line, const char *message, const char *id)
{
	struct control_request request;
	char *text;

	assert_int_equal(parse(line, &request), -1);
	text = request.id ? json_dumps(request.id, JSON_ENCODE_ANY) : strdup("");
	assert_string_equal(text, id);
	free(text);
	control_request_deinit(&request);
	assert_int_equal(error.code, CONTROL_BAD_REQUEST);
	if (!strstr(error.message, message))
		fail_msg("%s: %s", line, error.message);
}

static void assert_refused(const char *line, const char *message)
{
	assert_refused_with(line, message, "");
}

static void assert_line(char *line, const char *expected)
{
	assert_non_null(line);
	assert_string_equal(line, expected);
	free(line);
}

static void good_requests(void **state)
{
	struct control_request request;

	(void)state;
	assert_int_equal(parse("{\"command\":\"status\"}", &request), 0);
	assert_string_equal(request.command, "status");
	assert_int_equal(json_object_size(request.arguments), 0);
	assert_null(request.id);
	control_request_deinit(&request);
	assert_int_equal(parse(" {\"id\": \"x\", \"command\": \"a\", \"arguments\": {\"b\": [1]}} ",
			       &request),
			 0);
	assert_string_equal(request.command, "a");
	assert_int_equal(json_object_size(request.arguments), 1);
	assert_string_equal(json_string_value(request.id), "x");
	control_request_deinit(&request);
	control_request_deinit(&request);
}

static void bad_requests(void **state)
{
	struct control_request request;
	char deep[4000];

	(void)state;
	assert_refused("status", "this is no JSON: ");
	assert_refused("{", "this is no JSON: ");
	assert_refused("{\"command\":\"a\"} x", "this is no JSON: ");
	assert_refused("{\"command\":\"a\",\"command\":\"b\"}", "this is no JSON: duplicate");
	assert_refused("{\"command\":\"\xff\"}", "this is no JSON: ");
	assert_refused("{\"command\":\"a\\u0000b\"}", "this is no JSON: ");
	assert_refused("[]", "a request is an object");
	assert_refused("{}", "has a command");
	assert_refused("{\"command\":1}", "has a command");
	assert_refused("{\"command\":\"a\",\"arguments\":[]}", "arguments are an object");
	assert_refused("{\"command\":\"a\",\"arguments\":null}", "arguments are an object");
	assert_refused("{\"command\":\"a\",\"id\":{}}", "an id is");
	assert_refused("{\"command\":\"a\",\"id\":1.5}", "an id is");
	assert_refused("{\"command\":\"a\",\"argument\":{}}", "but no 'argument'");
	memset(deep, '[', sizeof(deep));
	assert_int_equal(control_request_parse(deep, sizeof(deep), &request, &error), -1);
	control_request_deinit(&request);
	assert_int_equal(control_request_parse("{\"command\":\"a\"}\0", 16, &request, &error), -1);
	control_request_deinit(&request);
	assert_int_equal(control_request_parse("", 0, &request, &error), -1);
	control_request_deinit(&request);
}

/* Of JSON that is no request, too, so that a client knows which one it was. */
static void ids_of_bad_requests(void **state)
{
	(void)state;
	assert_refused_with("{\"command\":1,\"id\":7}", "has a command", "7");
	assert_refused_with("{\"id\":\"x\"}", "has a command", "\"x\"");
	assert_refused_with("{\"command\":\"a\",\"arguments\":[],\"id\":-1}",
			    "arguments are an object", "-1");
	assert_refused_with("{\"command\":\"a\",\"more\":1,\"id\":0}", "but no 'more'", "0");
}

static void replies(void **state)
{
	struct control_request request;
	json_t *id;

	(void)state;
	assert_line(control_reply_ok(NULL, json_object()), "{\"ok\":true,\"result\":{}}\n");
	assert_int_equal(parse("{\"command\":\"a\",\"id\":7}", &request), 0);
	assert_line(control_reply_ok(request.id, json_pack("{ss}", "text", "two\nlines")),
		    "{\"ok\":true,\"id\":7,\"result\":{\"text\":\"two\\nlines\"}}\n");
	control_request_deinit(&request);
	/* What could not be made is not sent. */
	assert_null(control_reply_ok(NULL, NULL));

	id = json_string("x");
	assert_int_equal(control_error_set(&error, CONTROL_NO_DEVICE, "no '%s'", "a\"b\xc3"), -1);
	assert_line(
		control_reply_error(id, &error),
		"{\"ok\":false,\"id\":\"x\",\"code\":\"no-device\",\"error\":\"no 'a\\\"b?'\"}\n");
	json_decref(id);
	assert_line(control_reply_error(NULL, &error),
		    "{\"ok\":false,\"code\":\"no-device\",\"error\":\"no 'a\\\"b?'\"}\n");
}

static void every_code_has_a_word(void **state)
{
	(void)state;
	for (unsigned code = CONTROL_BAD_REQUEST; code <= CONTROL_FAILED; code++) {
		char *line;

		(void)control_error_set(&error, code, "x");
		line = control_reply_error(NULL, &error);
		assert_non_null(line);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests),         cmocka_unit_test(bad_requests),
		cmocka_unit_test(ids_of_bad_requests),   cmocka_unit_test(replies),
		cmocka_unit_test(every_code_has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
