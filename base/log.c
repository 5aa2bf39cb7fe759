/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Set once by main() before the first thread starts. */
static const char *log_program = "glassbox";
static enum log_level log_highest = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_highest = level;
}

void log_write(enum log_level level, const char *format, ...)
{
	static const char *const prefix[] = {
		[LOG_LEVEL_ERROR] = "",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char line[1024];
	va_list args;
	size_t len;

	if (level > log_highest)
		return;
	/* One byte is kept for the newline, even of a line that had to be cut. */
	len = (size_t)snprintf(line, sizeof(line) - 1, "%s: %s", log_program, prefix[level]);
	len = MIN(len, sizeof(line) - 2);
	va_start(args, format);
	(void)vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
	va_end(args);
	len = strlen(line);
	line[len++] = '\n';
	/* Nobody is left to be told if standard error is gone. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}
