/* SPDX-License-Identifier: MIT */
/* Where the parts of Glassbox lie that a program loads or starts at run time. */
#ifndef GLASSBOX_TRACE_INSTALL_PATH_H
#define GLASSBOX_TRACE_INSTALL_PATH_H

#include <limits.h>

#include "base/error.h"

/**
 * install_path_find() - the readable file @name of this installation
 *
 * Looked for in ../lib/glassbox and ../lib beside the running program (a build tree, or an
 * installation that was moved), then in the library directory Glassbox was configured for.
 *
 * Return: 0; -ENOENT with a sentence that names the places; -errno if /proc is not there.
 */
int install_path_find(const char *name, char ret_path[PATH_MAX], struct error *error) __must_check;

#endif
