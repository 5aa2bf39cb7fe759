/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	error->is_usage = false;
	return code;
}

int error_set_usage(struct error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return -EINVAL;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	error->is_usage = true;
	return -EINVAL;
}

int error_set_errno(struct error *error, int code, const char *format, ...)
{
	va_list args;
	size_t len;

	if (!error)
		return code;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	error->is_usage = false;
	len = strlen(error->message);
	(void)snprintf(error->message + len, sizeof(error->message) - len, ": %s", strerror(-code));
	return code;
}
