/* SPDX-License-Identifier: MIT */
/* The program: finds the command and calls it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "vmm/config.h"
#include "vmm/ctl.h"
#include "vmm/doctor.h"
#include "vmm/run.h"
#include "vmm/status.h"

struct command {
	const char *name;
	const char *help;
	int (*main)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "run", "boot a guest kernel", run_main },
	{ "ctl", "control a machine that runs", ctl_main },
	{ "doctor", "say whether this host can run, debug and trace guests", doctor_main },
};

static void print_help(FILE *out)
{
	(void)fprintf(out,
		      "Usage: glassbox COMMAND [OPTION...]\n"
		      "Run a guest kernel where every exit and every instruction can be seen.\n\n"
		      "Commands:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(out, "\n\"glassbox COMMAND --help\" lists the options of a command.\n"
			   "\"glassbox --version\" prints the version.\n");
}

/* A descriptor that we open must not become a standard stream which somebody closed. */
static int open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	log_init("glassbox", LOG_LEVEL_INFO);
	if (open_standard_streams() < 0) {
		log_error("cannot open /dev/null: %s", strerror(errno));
		return GLASSBOX_STATUS_FAILURE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return GLASSBOX_STATUS_OK;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("glassbox %s\n", GLASSBOX_VERSION);
		return GLASSBOX_STATUS_OK;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		char full_name[64];

		if (strcmp(name, commands[i].name) != 0)
			continue;
		/* What argp calls the program in its messages. */
		(void)snprintf(full_name, sizeof(full_name), "glassbox %s", name);
		argv[1] = full_name;
		return commands[i].main(argc - 1, argv + 1);
	}
	if (name[0] == '\0')
		log_error("a command is missing: try \"glassbox --help\"");
	else
		log_error("unknown command '%s': try \"glassbox --help\"", name);
	return GLASSBOX_STATUS_USAGE;
}
