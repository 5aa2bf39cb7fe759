/* SPDX-License-Identifier: MIT */
/*
 * A listening socket on an event loop.  Loop thread.
 *
 * Whoever connects while the process has no descriptor left waits in the socket's queue: the
 * listener looks again some moments later, and does not keep the loop busy meanwhile.
 */
#ifndef GLASSBOX_BASE_LISTENER_H
#define GLASSBOX_BASE_LISTENER_H

#include "base/error.h"
#include "base/loop.h"

/* How long it does not look when it could not accept somebody. */
#define LISTENER_REST_MS 100

struct listener;

/** typedef listener_fn - somebody waits: call listener_accept() or listener_hold() */
typedef void (*listener_fn)(void *ctx);

/**
 * listener_create() - listen, see address_listen() for @address and errors
 * @loop: borrowed
 *
 * Return: 0, or -errno with @error set.
 */
int listener_create(struct loop *loop, const char *address, listener_fn fn, void *ctx,
		    struct listener **ret_listener, struct error *error) __must_check;

/** listener_destroy() - nobody can connect any more; a unix socket's file is gone.  NULL is fine */
void listener_destroy(struct listener *listener);

/**
 * listener_accept() - the next one that waits
 *
 * Return: its descriptor, non-blocking and close-on-exec; -EAGAIN: there is none; other -errno.
 */
int listener_accept(struct listener *listener) __must_check;

/** listener_hold() - let them wait, until it is let go */
void listener_hold(struct listener *listener, bool on);

/** listener_address() - as the user can connect to it: with the port that was chosen for 0 */
const char *listener_address(const struct listener *listener);

#endif
