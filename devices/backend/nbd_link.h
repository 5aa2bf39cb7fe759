/* SPDX-License-Identifier: MIT */
/*
 * One connection to an NBD server, by libnbd: connecting, sending commands, taking answers.
 *
 * It never waits for the server but where a function says for how long.  One thread at a time: the
 * owner has a lock.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NBD_LINK_H
#define GLASSBOX_DEVICES_BACKEND_NBD_LINK_H

#include "devices/backend/nbd_cut.h"
#include "devices/backend/nbd_library.h"

struct nbd_link {
	struct nbd_library lib;
	struct nbd_handle *handle; /* NULL: closed */
	bool is_tls;
};

/**
 * nbd_link_open() - connect, and learn what the server offers
 * @uri: as nbd_connect_uri(3) has it; its tls-* parameters may name local files
 * @timeout_ms: for all of it but the look-up of the host's name, which has the resolver's limits
 *
 * Return: 0, or -errno with the cause in @error, without the URI.
 */
int nbd_link_open(const char *uri, unsigned timeout_ms, struct nbd_link *ret_link,
		  struct nbd_server *ret_server, struct error *error) __must_check;

/** nbd_link_close() - say good-bye and close; from now on nothing touches the memory of commands */
void nbd_link_close(struct nbd_link *link);

/** nbd_link_fd() - the socket; closed by nbd_link_close(), and by itself when the link fails */
int nbd_link_fd(const struct nbd_link *link);

/** nbd_link_is_up() - false once the connection is lost, which sending may find */
bool nbd_link_is_up(const struct nbd_link *link);

/** nbd_link_cause() - why the call before, on this thread, lost it; in one line */
void nbd_link_cause(const struct nbd_link *link, char *buf, size_t len);

/**
 * nbd_link_send() - start @command, the memory of which is the server's until it is answered
 * @on_answer: called once with @ctx, in one of these functions; calls none of them, and returns 0
 * @ret_cookie: for nbd_link_result()
 *
 * Return: 0, or -errno; then @on_answer is not called.
 */
int nbd_link_send(struct nbd_link *link, const struct nbd_command *command,
		  int (*on_answer)(void *ctx, int *error), void *ctx, uint64_t *ret_cookie)
	__must_check;

/** nbd_link_result() - once, of a command that was answered.  Return: 0, or -errno */
int nbd_link_result(struct nbd_link *link, uint64_t cookie) __must_check;

/**
 * nbd_link_wait() - wait until the socket can be read or, if so desired, written, and do that
 *
 * Return: 1 if something was done; 0 if not within @timeout_ms; -ENOTCONN: the connection is lost.
 */
int nbd_link_wait(struct nbd_link *link, int timeout_ms) __must_check;

/**
 * nbd_link_events() - what nbd_link_wait() would wait for now, as an EPOLL* mask
 * @in_flight: commands are not yet answered
 */
uint32_t nbd_link_events(const struct nbd_link *link, bool in_flight);

#endif
