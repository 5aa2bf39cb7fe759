/* SPDX-License-Identifier: MIT */
/*
 * Messages for the user, one line each on standard error: "PROGRAM: message".  Only programs and
 * the board log; libraries return -errno.  Any thread.
 */
#ifndef GLASSBOX_BASE_LOG_H
#define GLASSBOX_BASE_LOG_H

#include "base/util.h"

enum log_level {
	LOG_LEVEL_ERROR,   /* what the user asked for failed */
	LOG_LEVEL_WARNING, /* it goes on, but not as asked */
	LOG_LEVEL_INFO,    /* what a user wants to know once */
	LOG_LEVEL_DEBUG,   /* for developers of Glassbox */
};

/**
 * log_init() - name the program in front of each line, and set the highest level that is printed
 * @program: borrowed for ever, e.g. "glassbox"
 */
void log_init(const char *program, enum log_level level);

/**
 * log_write() - print one line; the newline is added
 *
 * The line is written by one write(2), so that lines of several threads do not mix.
 */
void log_write(enum log_level level, const char *format, ...) __printf(2, 3);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
