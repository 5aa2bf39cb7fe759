/* SPDX-License-Identifier: MIT */
/* Stream socket addresses as users type them: tcp:HOST:PORT, unix:PATH. */
#ifndef GLASSBOX_BASE_ADDRESS_H
#define GLASSBOX_BASE_ADDRESS_H

#include <sys/un.h>

#include "base/error.h"
#include "base/util.h"

/**
 * address_listen() - a listening, non-blocking, close-on-exec stream socket
 * @address: "tcp:HOST:PORT" (an empty HOST is 127.0.0.1; IPv6 in brackets; port 0 takes a free one)
 *or "unix:PATH" (made with mode 0600; a dead socket of that name is replaced, a live one is
 *-EADDRINUSE)
 * @ret_fd: owned by the caller
 * @ret_bound: what was bound, in the same notation, for the user (the port chosen for 0); free() it
 *
 * Return: 0, or -errno with @error set.
 */
int address_listen(const char *address, int *ret_fd, char **ret_bound, struct error *error)
	__must_check;

/** address_unix() - the address of a unix socket.  Return: 0; -EINVAL with @error set: no path at
 * all, or one that is too long */
int address_unix(const char *path, struct sockaddr_un *ret_addr, struct error *error) __must_check;

/** address_unlink() - remove the socket file that "unix:PATH" made; nothing for other addresses */
void address_unlink(const char *address);

#endif
