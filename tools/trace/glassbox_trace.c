/* SPDX-License-Identifier: MIT */
/* glassbox-trace: what a trace of Glassbox tells.  Chooses the subcommand. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "tools/trace/command.h"

static const char help[] = "Usage: glassbox-trace COMMAND [OPTION...] DIR\n"
			   "Analyse the traces that Glassbox left in DIR.\n"
			   "\n"
			   "Commands:\n"
			   "  report         VM exits: counts and latencies by what caused them\n"
			   "\n"
			   "  -h, --help     show this help and exit\n"
			   "  -V, --version  show the version and exit\n"
			   "\n"
			   "'glassbox-trace COMMAND --help' tells the options of a command.\n";

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "report", report_command },
};

static int print(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) < 0 ? COMMAND_FAILED : COMMAND_OK;
}

int main(int argc, char **argv)
{
	int option;

	log_init("glassbox-trace", LOG_LEVEL_INFO);
	/* "+": options behind the command are the command's. */
	while ((option = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
		switch (option) {
		case 'h': return print(help);
		case 'V': return print("glassbox-trace " GLASSBOX_VERSION "\n");
		default:
			(void)fputs("Try 'glassbox-trace --help'.\n", stderr);
			return COMMAND_USAGE;
		}
	}
	if (optind == argc) {
		(void)fputs(help, stderr);
		return COMMAND_USAGE;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		/* getopt names the program in front of what it complains about. */
		argv[optind] = argv[0];
		return commands[i].run(argc - optind, argv + optind);
	}
	log_error("unknown command '%s'; try 'glassbox-trace --help'", argv[optind]);
	return COMMAND_USAGE;
}
