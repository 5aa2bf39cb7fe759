/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/status.h"
#include "vmm/usage.h"

void usage_keep_short(struct argp_state *state)
{
	state->err_stream = NULL;
}

void usage_error(const struct argp_state *state, const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "%s: ", state->name);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(GLASSBOX_STATUS_USAGE);
}
