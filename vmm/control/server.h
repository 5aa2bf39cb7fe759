/* SPDX-License-Identifier: MIT */
/*
 * The control socket: lines in, one line back for each.  What they say is for others.
 *
 * Several clients at once, each with one request under way: while a reply is awaited or not taken,
 * nothing more is read of that client, so what a client can make us keep is a line and a reply.
 * All of it runs on the loop's thread.
 */
#ifndef GLASSBOX_VMM_CONTROL_SERVER_H
#define GLASSBOX_VMM_CONTROL_SERVER_H

#include "base/error.h"
#include "base/loop.h"

#define CONTROL_LINE_MAX    4096u /* bytes of a request, with its newline */
#define CONTROL_MAX_CLIENTS 16u

struct control_server;
struct control_client;

struct control_server_ops {
	/*
	 * A client's line, of @len bytes without its newline, any bytes at all; not empty.  Each
	 * is answered once, now or later, by control_client_reply().
	 */
	void (*request)(void *ctx, struct control_client *client, const char *line, size_t len);
	/* @client is gone, with a request that was not answered: do not answer it. */
	void (*gone)(void *ctx, struct control_client *client);
};

/**
 * control_server_create() - listen for clients
 * @loop: borrowed
 * @address: "unix:PATH"; the socket is for its owner alone (base/address.h)
 *
 * Return: 0, or -errno with @error set.
 */
int control_server_create(struct loop *loop, const char *address,
			  const struct control_server_ops *ops, void *ctx,
			  struct control_server **ret_server, struct error *error) __must_check;

/**
 * control_server_destroy() - hang up on everybody, remove the socket file; NULL is fine
 *
 * Calls no operation.  Replies that a client has not taken are lost.
 */
void control_server_destroy(struct control_server *server);

/**
 * control_client_reply() - answer the request of @client
 * @line: with its newline; taken over.  NULL: there was no memory for one; hangs up
 */
void control_client_reply(struct control_client *client, char *line);

#endif
