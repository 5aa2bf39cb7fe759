/* SPDX-License-Identifier: MIT */
/*
 * A program of the host in namespaces of its own, for back-ends that serve a guest: it finds one
 * directory tree of the user's choice at a fixed place, is the first process of its PID namespace,
 * and dies with us, however we end.  It leaves no core dump, for what it shares with us is not the
 * host's to keep.
 *
 * As root it has mount and PID namespaces.  A normal user cannot make these, and gets a user
 * namespace as well, where the user is root: with the user and group IDs that /etc/subuid and
 * /etc/subgid give, or with no other for a process without supplementary groups.
 *
 * The host's other files are in its mount namespace as well, as the user may read them; nobody
 * can write to them there.  It is the program that has to confine itself to the tree, as virtiofsd
 * does: it makes that its root, and drops capabilities, before it listens to a guest.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_JAIL_H
#define GLASSBOX_DEVICES_BACKEND_JAIL_H

#include <sys/types.h>

#include "base/error.h"

#define JAIL_FD 3 /* the one descriptor that the program gets beside the standard ones */

struct jail_config {
	char *const *argv; /* of the program; the first is its path; ends with NULL */
	const char *path;  /* the directory tree, with what is mounted in it */
	const char *root;  /* where the program finds it; see jail_find_root() */
	bool read_only;    /* the tree is mounted so, and what is mounted in it */
	int fd;            /* becomes JAIL_FD; borrowed */
	int log;           /* becomes standard output and error; borrowed */
};

/** jail_find_root() - a directory of this host that the program need not see, to mount upon */
const char *jail_find_root(void);

/**
 * jail_start() - start the program
 * @ret_pid: the caller's to kill and to wait for; once it has ended, so have all processes it made
 *
 * On the main thread: the kernel ends the program with the thread that started it.  Return: 0 once
 * the program runs, or -errno with @error set to what could not be done, and why.
 */
int jail_start(const struct jail_config *config, pid_t *ret_pid, struct error *error) __must_check;

/**
 * jail_map_ids() - say who the users of a new user namespace are; for jail.c
 * @pid: its first process
 *
 * Return: 0, or -errno with @error set.
 */
int jail_map_ids(pid_t pid, struct error *error) __must_check;

#endif
