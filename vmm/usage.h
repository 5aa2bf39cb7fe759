/* SPDX-License-Identifier: MIT */
/* Mistakes in a command line that argp parses: one line each, as with every other error. */
#ifndef GLASSBOX_VMM_USAGE_H
#define GLASSBOX_VMM_USAGE_H

#include <argp.h>

#include "base/util.h"

/**
 * usage_keep_short() - leave out argp's second line, "Try ..."
 *
 * To be called by a parser for ARGP_KEY_INIT.  argp_parse() then returns for a mistake, instead of
 * ending the program.
 */
void usage_keep_short(struct argp_state *state);

/** usage_error() - print one line that names the command, and end the program with status 2 */
void usage_error(const struct argp_state *state, const char *format, ...) __printf(2, 3)
	__attribute__((noreturn));

#endif
