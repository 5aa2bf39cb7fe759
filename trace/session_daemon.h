/* SPDX-License-Identifier: MIT */
/*
 * The LTTng session daemon of this user: the one that runs, or one that we start and end again.
 * For root it is the system's (/run/lttng), for others that of $LTTNG_HOME, else $HOME.
 *
 * Several Glassbox processes of a user share it.  Each holds a shared lock on one file while it
 * uses the daemon; who started it stays until it gets that lock exclusively, then ends it.  The
 * kernel drops the lock of a process that crashes, so nothing is counted wrong.
 */
#ifndef GLASSBOX_TRACE_SESSION_DAEMON_H
#define GLASSBOX_TRACE_SESSION_DAEMON_H

#include <limits.h>
#include <sys/types.h>

#include "base/error.h"

struct session_daemon {
	int lock;            /* -EBADF without a lock: somebody else's daemon */
	char home[PATH_MAX]; /* ~/.lttng; "" for root */
	char lock_path[PATH_MAX];
	pid_t pid; /* the daemon that we started, else 0 */
};

/**
 * session_daemon_join() - have a session daemon, started if need be
 * @daemon: filled; session_daemon_leave() and session_daemon_end() it, even after a failure
 *
 * The caller is single-threaded.  Return: 0, or -errno with a sentence; takes 25 s at most.
 */
int session_daemon_join(struct session_daemon *daemon, struct error *error) __must_check;

/**
 * session_daemon_leave() - we use the daemon no longer
 *
 * Return: true if it is ours but other processes use it, so that session_daemon_end() will wait
 * for them without a bound.
 */
bool session_daemon_leave(struct session_daemon *daemon);

/**
 * session_daemon_end() - end the daemon if it is ours, as soon as nobody uses it, and remove what
 * we left in the file system
 */
void session_daemon_end(struct session_daemon *daemon);

#endif
