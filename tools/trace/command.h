/* SPDX-License-Identifier: MIT */
/* The subcommands of glassbox-trace: each one parses its own options and gives the exit status. */
#ifndef GLASSBOX_TOOLS_TRACE_COMMAND_H
#define GLASSBOX_TOOLS_TRACE_COMMAND_H

/* Exit statuses of the program. */
enum {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 2,
};

/** report_command() - "report DIR": @argv[0] is the name of the program.  Return: exit status. */
int report_command(int argc, char **argv);

#endif
