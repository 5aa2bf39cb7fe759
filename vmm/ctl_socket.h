/* SPDX-License-Identifier: MIT */
/*
 * The client's end of a control socket.  Who is at the other end is not known before it has
 * answered: it may not listen, say nothing, or talk without an end.
 */
#ifndef GLASSBOX_VMM_CTL_SOCKET_H
#define GLASSBOX_VMM_CTL_SOCKET_H

#include "base/error.h"

/* Bytes of an answer; more than any machine says. */
#define CTL_ANSWER_MAX MIB(4)

/** ctl_deadline() - @ms from now, for the functions below */
int64_t ctl_deadline(unsigned ms);

/**
 * ctl_connect() - connect to @path, or unix:PATH
 *
 * Return: 0; -ETIMEDOUT: its queue is full, and was until the deadline; other -errno.  With @error
 * set.
 */
int ctl_connect(const char *path, int64_t deadline, int *ret_fd, struct error *error) __must_check;

/**
 * ctl_exchange() - send a line, and receive one; from ctl_connect()
 * @ret_answer: what has come, a newline in it; free() it
 *
 * A machine that has too many clients says so and hangs up, before it is asked.
 * Return: 0; -ETIMEDOUT; -EMSGSIZE: it is too long; other -errno.  With @error set.
 */
int ctl_exchange(int fd, const char *request, int64_t deadline, char **ret_answer,
		 struct error *error) __must_check;

#endif
