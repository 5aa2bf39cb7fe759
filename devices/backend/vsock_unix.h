/* SPDX-License-Identifier: MIT */
/*
 * The host side of a socket device in the form of unix sockets:
 *
 *   - A program that wants to reach the guest connects to PATH, writes "CONNECT PORT\n", and reads
 *     "OK PORT\n" once the guest has accepted; from then on it talks to the program in the guest.
 *   - A program in the guest that connects to port P of the host (CID 2) reaches who listens at
 *     PATH_P.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VSOCK_UNIX_H
#define GLASSBOX_DEVICES_BACKEND_VSOCK_UNIX_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/vsock_host.h"

/* Programs that have not said what they want; more have to wait. */
#define VSOCK_UNIX_MAX_WAITING 32

struct vsock_unix_config {
	const char *path; /* copied; a port has to fit behind it */
	/* How long things may take, in ticks; 0: half a minute, and two seconds. */
	unsigned line_ticks;    /* a program, to say what it wants */
	unsigned connect_ticks; /* a full queue at PATH_P, to have room */
};

/**
 * vsock_unix_create() - listen at config->path, made with mode 0600 and removed by destroy
 * @loop: borrowed
 *
 * Before @loop runs, or on its thread.  Return: 0, or -errno with a message in @error: -EINVAL: the
 * path is empty or too long; -EADDRINUSE: somebody listens there; -EEXIST: something else than a
 * socket is there.
 */
int vsock_unix_create(const struct vsock_unix_config *config, struct loop *loop,
		      struct vsock_host **ret_host, struct error *error) __must_check;

#endif
