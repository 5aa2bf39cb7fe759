/* SPDX-License-Identifier: MIT */
/* glassbox-trace report: options, and the graph that they describe. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/size.h"
#include "tools/trace/command.h"
#include "tools/trace/discover.h"
#include "tools/trace/trace_graph.h"

static const char help[] =
	"Usage: glassbox-trace report [OPTION...] DIR\n"
	"Report the VM exits in the traces in and below DIR: counts and latencies by\n"
	"reason, address and device register, vCPU, and guest function.\n"
	"\n"
	"  -s, --vmlinux=FILE  name guest functions by the symbols of this kernel\n"
	"  -j, --json          write JSON instead of text\n"
	"  -l, --limit=N       show at most N rows of each table; 0 for all (default 20)\n"
	"  -o, --output=FILE   write to FILE instead of standard output\n"
	"  -h, --help          show this help and exit\n"
	"\n"
	"Exit status: 0 if the whole trace was read, 1 on failure, 2 on wrong usage.\n";

static const struct option options[] = {
	{ "vmlinux", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ "limit", required_argument, NULL, 'l' },   { "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

struct report_options {
	const char *dir;
	const char *vmlinux;
	const char *output;
	uint64_t limit;
	bool has_limit;
	bool json;
	bool help;
};

static int parse(int argc, char **argv, struct report_options *ret_options)
{
	struct report_options parsed = { 0 };
	int option;

	optind = 0; /* glibc: start over, main() has parsed before */
	while ((option = getopt_long(argc, argv, "s:jl:o:h", options, NULL)) != -1) {
		switch (option) {
		case 's': parsed.vmlinux = optarg; break;
		case 'j': parsed.json = true; break;
		case 'o': parsed.output = optarg; break;
		case 'h': parsed.help = true; break;
		case 'l':
			if (number_parse(optarg, 0, INT64_MAX, &parsed.limit) < 0) {
				log_error("--limit must be a number of rows, not '%s'", optarg);
				return -EINVAL;
			}
			parsed.has_limit = true;
			break;
		default: return -EINVAL; /* getopt has said why */
		}
	}
	if (!parsed.help && argc - optind != 1) {
		log_error(argc == optind ? "report needs a trace directory"
					 : "report takes one trace directory");
		return -EINVAL;
	}
	parsed.dir = argv[optind];
	*ret_options = parsed;
	return 0;
}

static bool insert_text(bt_value *params, const char *name, const char *text)
{
	return bt_value_map_insert_string_entry(params, name, text) ==
	       BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK;
}

/* The parameters of sink.glassbox.exits; NULL if there is no memory. */
static bt_value *make_params(const struct report_options *parsed)
{
	bt_value *params = bt_value_map_create();
	bool ok = params != NULL;

	ok = ok && insert_text(params, "format", parsed->json ? "json" : "text");
	if (parsed->vmlinux)
		ok = ok && insert_text(params, "vmlinux", parsed->vmlinux);
	if (parsed->output && strcmp(parsed->output, "-") != 0)
		ok = ok && insert_text(params, "output", parsed->output);
	if (parsed->has_limit)
		ok = ok &&
		     bt_value_map_insert_unsigned_integer_entry(params, "limit", parsed->limit) ==
			     BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK;
	ok = ok && bt_value_map_insert_bool_entry(params, "progress", isatty(STDERR_FILENO)) ==
			   BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK;
	if (!ok) {
		bt_value_put_ref(params);
		return NULL;
	}
	return params;
}

int report_command(int argc, char **argv)
{
	_cleanup_(discovered_clear) struct discovered traces = { 0 };
	struct report_options parsed;
	struct error error;
	bt_value *params;
	int r;

	if (parse(argc, argv, &parsed) < 0) {
		(void)fputs("Try 'glassbox-trace report --help'.\n", stderr);
		return COMMAND_USAGE;
	}
	if (parsed.help)
		return fputs(help, stdout) < 0 || fflush(stdout) < 0 ? COMMAND_FAILED : COMMAND_OK;
	r = discover_traces(parsed.dir, &traces, &error);
	if (r < 0) {
		log_error("%s", error.message);
		return COMMAND_FAILED;
	}
	params = make_params(&parsed);
	if (!params) {
		log_error("out of memory");
		return COMMAND_FAILED;
	}
	r = trace_graph_run(&traces, "exits", params, &error);
	bt_value_put_ref(params);
	if (r < 0) {
		log_error("%s", error.message);
		return COMMAND_FAILED;
	}
	return COMMAND_OK;
}
