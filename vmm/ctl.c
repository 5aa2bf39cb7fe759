/* SPDX-License-Identifier: MIT */
/*
 * `glassbox ctl`: one request to the control socket of a running machine.  The machine decides what
 * may be done; here are the words for people, and what it answered.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/size.h"
#include "vmm/ctl.h"
#include "vmm/ctl_socket.h"
#include "vmm/ctl_table.h"
#include "vmm/ctl_text.h"
#include "vmm/usage.h"

#define MAX_WORDS      4u
#define ANSWER_SECONDS 60

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

struct ctl_options {
	bool json;
	const char *path;
	const char *words[MAX_WORDS]; /* of the command */
	unsigned nr_words;
};

struct ctl_command {
	const char *words[2]; /* that name it; the second may be NULL */
	unsigned nr_arguments;
	const char *request;
	/* From the words behind the name; NULL: there are no arguments.  Returns new, or NULL with
	 * @error set. */
	json_t *(*arguments)(const char *const *words, struct error *error);
	ctl_print_fn *print;
};

static json_t *device_argument(const char *const *words, struct error *error)
{
	json_t *arguments = json_pack("{ss}", "device", words[0]);

	if (!arguments)
		(void)error_set_usage(error, "'%s' is not the name of a device", words[0]);
	return arguments;
}

static json_t *link_arguments(const char *const *words, struct error *error)
{
	json_t *arguments;

	if (strcmp(words[1], "up") != 0 && strcmp(words[1], "down") != 0) {
		(void)error_set_usage(error, "'%s' is neither up nor down", words[1]);
		return NULL;
	}
	arguments = device_argument(words, error);
	if (arguments)
		(void)json_object_set_new(arguments, "state", json_string(words[1]));
	return arguments;
}

static json_t *size_argument(const char *const *words, struct error *error)
{
	uint64_t bytes;

	if (size_parse(words[0], MIB(1), &bytes) < 0 || bytes > INT64_MAX) {
		(void)error_set_usage(error, "'%s' is not a size", words[0]);
		return NULL;
	}
	return json_pack("{sI}", "size", (json_int_t)bytes);
}

/* The first that fits is it. */
static const struct ctl_command commands[] = {
	{ { "status" }, 0, "status", NULL, ctl_print_status },
	{ { "pause" }, 0, "pause", NULL, ctl_print_state },
	{ { "resume" }, 0, "resume", NULL, ctl_print_state },
	{ { "power-button" }, 0, "power-button", NULL, ctl_print_nothing },
	{ { "quit" }, 0, "quit", NULL, ctl_print_nothing },
	{ { "info", "devices" }, 0, "info-devices", NULL, ctl_print_devices },
	{ { "info", "virtio" }, 1, "info-virtio", device_argument, ctl_print_virtio },
	{ { "link" }, 2, "link", link_arguments, ctl_print_nothing },
	{ { "balloon", "stats" }, 0, "balloon-stats", NULL, ctl_print_stats },
	{ { "balloon" }, 0, "balloon", NULL, ctl_print_balloon },
	{ { "balloon" }, 1, "balloon", size_argument, ctl_print_balloon },
};

enum option_key {
	KEY_JSON = 'j',
};

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "print the machine's reply as it came, one line of JSON", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct ctl_options *ctl = state->input;

	switch (key) {
	case KEY_JSON: ctl->json = true; break;
	case ARGP_KEY_INIT: usage_keep_short(state); break;
	case ARGP_KEY_ARG:
		if (!ctl->path)
			ctl->path = arg;
		else if (ctl->nr_words < MAX_WORDS)
			ctl->words[ctl->nr_words++] = arg;
		else
			usage_error(state, "unexpected argument '%s'", arg);
		break;
	case ARGP_KEY_END:
		if (ctl->nr_words == 0)
			usage_error(state, "a socket and a command are needed: try \"%s --help\"",
				    state->name);
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "SOCKET COMMAND [ARGUMENT...]",
	.doc = "Control a running machine by the control socket it was given.\v"
	       "Commands:\n"
	       "  status               what runs, and whether it does\n"
	       "  pause                hold all vCPUs\n"
	       "  resume               let them run on\n"
	       "  power-button         ask the guest to shut down\n"
	       "  quit                 end the machine\n"
	       "  info devices         the devices and where they are\n"
	       "  info virtio DEVICE   status, features and queues of a virtio device\n"
	       "  link DEVICE up|down  the cable of a network interface\n"
	       "  balloon [SIZE]       the memory balloon; or how large it is to be\n"
	       "  balloon stats        the guest's own view of its memory\n\n"
	       "Exit status: 0 done; 1 no machine there, or no answer; 2 wrong usage; 3 the "
	       "machine refused.",
};

static const struct ctl_command *find_command(const struct ctl_options *ctl,
					      const char *const **ret_arguments)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct ctl_command *command = &commands[i];
		unsigned names = command->words[1] ? 2 : 1;

		if (ctl->nr_words == names + command->nr_arguments &&
		    strcmp(ctl->words[0], command->words[0]) == 0 &&
		    (names == 1 || strcmp(ctl->words[1], command->words[1]) == 0)) {
			*ret_arguments = ctl->words + names;
			return command;
		}
	}
	return NULL;
}

/* What is wrong with a command that was not found, for people. */
static int explain_command(const struct ctl_options *ctl, struct error *error)
{
	char text[128] = "";

	for (unsigned i = 0; i < ctl->nr_words; i++) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", ctl->words[i]);
	}
	return error_set_usage(error, "there is no command '%s': try \"glassbox ctl --help\"",
			       text);
}

/* The line that asks; NULL with @error set. */
static char *make_request(const struct ctl_command *command, const char *const *words,
			  struct error *error)
{
	json_t *arguments = json_object();
	_cleanup_json_ json_t *request = NULL;
	_cleanup_free_ char *text = NULL;
	char *line;

	if (command->arguments) {
		json_decref(arguments);
		arguments = command->arguments(words, error);
		if (!arguments)
			return NULL;
	}
	request = json_pack("{ss so}", "command", command->request, "arguments", arguments);
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		(void)error_set_errno(error, -ENOMEM, "cannot make the request");
		return NULL;
	}
	return line;
}

static int ask(const char *path, const char *request, char **ret_reply, struct error *error)
{
	const int64_t deadline = ctl_deadline(ANSWER_SECONDS * 1000);
	_cleanup_close_ int fd = -EBADF;
	int r = ctl_connect(path, deadline, &fd, error);

	return r < 0 ? r : ctl_exchange(fd, request, deadline, ret_reply, error);
}

static void print_refusal(const json_t *reply)
{
	const char *message = json_string_value(json_object_get(reply, "error"));
	_cleanup_free_ char *text = strdup(message ? message : "the machine refused");

	log_error("%s", text ? ctl_printable(text) : "out of memory");
}

static int show(const struct ctl_options *ctl, const struct ctl_command *command, const char *line)
{
	_cleanup_json_ json_t *reply = json_loads(line, 0, NULL);
	const json_t *ok = json_object_get(reply, "ok");

	if (!json_is_boolean(ok)) {
		log_error("what answers at '%s' is no machine of Glassbox", ctl->path);
		return CTL_STATUS_NO_ANSWER;
	}
	if (ctl->json)
		(void)fputs(line, stdout);
	else if (json_is_true(ok))
		command->print(stdout, json_object_get(reply, "result"));
	else
		print_refusal(reply);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error("cannot write the answer: %s", strerror(errno));
		return CTL_STATUS_NO_ANSWER;
	}
	return json_is_true(ok) ? CTL_STATUS_OK : CTL_STATUS_REFUSED;
}

static int failure(const struct error *error)
{
	log_error("%s", error->message);
	return error->is_usage ? CTL_STATUS_USAGE : CTL_STATUS_NO_ANSWER;
}

int ctl_main(int argc, char **argv)
{
	_cleanup_free_ char *request = NULL, *reply = NULL;
	const struct ctl_command *command;
	struct ctl_options ctl = { 0 };
	const char *const *words = NULL;
	struct error error = { 0 };

	if (argp_parse(&argp, argc, argv, 0, NULL, &ctl) != 0)
		return CTL_STATUS_USAGE;
	command = find_command(&ctl, &words);
	if (!command) {
		(void)explain_command(&ctl, &error);
		return failure(&error);
	}
	request = make_request(command, words, &error);
	if (!request || ask(ctl.path, request, &reply, &error) < 0)
		return failure(&error);
	return show(&ctl, command, reply);
}
