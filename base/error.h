/* SPDX-License-Identifier: MIT */
/*
 * A -errno with a sentence for people, for set-up code.  The function that knows the cause writes
 * the sentence, the one place that talks to the user prints it.  Data paths return bare -errno.
 */
#ifndef GLASSBOX_BASE_ERROR_H
#define GLASSBOX_BASE_ERROR_H

#include "base/util.h"

struct error {
	char message[512];
	bool is_usage; /* what was asked for is wrong, whatever host and files it meets */
};

/**
 * error_set() - write what failed, on what, why and what to do
 * @error: written; may be NULL when the caller does not care for the words
 * @code: a negative errno
 * @format: one line without a final full stop or newline
 *
 * Return: @code, so that a failing function can `return error_set(...)`.
 */
int error_set(struct error *error, int code, const char *format, ...) __printf(3, 4);

/**
 * error_set_errno() - like error_set(), with ": strerror(-code)" appended
 */
int error_set_errno(struct error *error, int code, const char *format, ...) __printf(3, 4);

/**
 * error_set_usage() - like error_set() with -EINVAL, for a mistake in the command line
 *
 * -EINVAL alone does not say so: the host's kernel returns it too, and so does a damaged file.
 */
int error_set_usage(struct error *error, const char *format, ...) __printf(2, 3);

#endif
