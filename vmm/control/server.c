/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/listener.h"
#include "vmm/control/server.h"

/* What cannot be told by whom it is meant for: these lines are never a reply to a request. */
static const char too_long[] =
	"{\"ok\":false,\"code\":\"bad-request\",\"error\":\"the line is too long\"}\n";
static const char too_many[] =
	"{\"ok\":false,\"code\":\"busy\",\"error\":\"there are too many clients\"}\n";

struct control_client {
	struct control_server *server;
	struct control_client *next;
	int fd;
	struct loop_source *source;
	uint32_t events; /* what the loop watches for */
	char input[CONTROL_LINE_MAX];
	size_t input_len;
	bool skipping; /* the rest of a line that is too long */
	bool eof;      /* it has said its last word */
	bool waiting;  /* for the reply to its request */
	bool serving;  /* serve() is on the stack */
	bool broken;   /* there was no memory for a reply */
	char *out;     /* the reply, NULL: none */
	size_t out_len, out_sent;
};

struct control_server {
	struct loop *loop; /* borrowed */
	const struct control_server_ops *ops;
	void *ctx;
	struct listener *listener;
	struct control_client *clients;
	unsigned nr_clients;
};

static void free_client(struct control_client *client)
{
	loop_remove(client->source);
	(void)close(client->fd);
	free(client->out);
	free(client);
}

static void drop_client(struct control_client *client)
{
	struct control_server *server = client->server;
	struct control_client **link = &server->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	server->nr_clients--;
	if (client->waiting)
		server->ops->gone(server->ctx, client);
	free_client(client);
}

/* Sends what there is.  Return: false when the client is gone. */
static bool flush(struct control_client *client)
{
	while (client->out) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
				 client->out_len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		client->out_sent += (size_t)n;
		if (client->out_sent == client->out_len) {
			free(client->out);
			client->out = NULL;
		}
	}
	return true;
}

static void reply_too_long(struct control_client *client)
{
	control_client_reply(client, strdup(too_long));
}

/* Hands a request on; blank lines are none. */
static void dispatch(struct control_client *client, const char *line, size_t len)
{
	struct control_server *server = client->server;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	client->waiting = true;
	server->ops->request(server->ctx, client, line, len);
}

static void consume(struct control_client *client, size_t len)
{
	client->input_len -= len;
	memmove(client->input, client->input + len, client->input_len);
}

/* Takes a line out of the input.  Return: false if there is no whole one. */
static bool take_line(struct control_client *client)
{
	const char *end = memchr(client->input, '\n', client->input_len);
	size_t len = end ? (size_t)(end - client->input) + 1 : client->input_len;

	if (end) {
		if (!client->skipping)
			dispatch(client, client->input, len - 1);
		client->skipping = false;
	} else if (len == sizeof(client->input)) {
		if (!client->skipping)
			reply_too_long(client);
		client->skipping = true;
	} else if (client->eof && len > 0) {
		if (!client->skipping)
			dispatch(client, client->input, len);
	} else {
		return false;
	}
	consume(client, len);
	return true;
}

/* Watches for what can be dealt with now. */
static int update_events(struct control_client *client)
{
	uint32_t events = 0;
	int r = 0;

	if (client->out)
		events = EPOLLOUT;
	else if (!client->waiting)
		events = EPOLLIN;
	if (events != client->events)
		r = loop_modify(client->source, events);
	if (r == 0)
		client->events = events;
	return r;
}

/* Goes on with a client until it or we have to wait; drops it when it is done with. */
static void serve(struct control_client *client)
{
	bool there;

	client->serving = true;
	do
		there = flush(client) && !client->broken;
	while (there && !client->out && !client->waiting && take_line(client));
	client->serving = false;
	if (there && client->eof && !client->out && !client->waiting)
		there = false;
	if (!there || update_events(client) < 0)
		drop_client(client);
}

void control_client_reply(struct control_client *client, char *line)
{
	client->waiting = false;
	client->out = line;
	client->out_len = line ? strlen(line) : 0;
	client->out_sent = 0;
	if (!line)
		client->broken = true;
	if (!client->serving)
		serve(client);
}

/* Return: false when the client is gone. */
static bool receive(struct control_client *client)
{
	ssize_t n = recv(client->fd, client->input + client->input_len,
			 sizeof(client->input) - client->input_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	/* What it has asked for before is still answered. */
	client->eof = n == 0;
	client->input_len += (size_t)n;
	return true;
}

static void on_client(void *ctx, uint32_t events)
{
	struct control_client *client = ctx;

	if ((events & EPOLLIN) ? !receive(client) : (events & (EPOLLHUP | EPOLLERR)) != 0)
		drop_client(client);
	else
		serve(client);
}

static void on_connection(void *ctx)
{
	struct control_server *server = ctx;
	_cleanup_close_ int fd = listener_accept(server->listener);
	_cleanup_free_ struct control_client *client = NULL;

	if (fd < 0)
		return;
	if (server->nr_clients == CONTROL_MAX_CLIENTS) {
		/* If it does not fit into an empty socket, so be it. */
		(void)send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client || loop_add(server->loop, fd, EPOLLIN, on_client, client, &client->source) < 0)
		return;
	client->server = server;
	client->fd = TAKE_FD(fd);
	client->events = EPOLLIN;
	client->next = server->clients;
	server->clients = TAKE_PTR(client);
	server->nr_clients++;
}

static void cleanup_server(struct control_server **server)
{
	control_server_destroy(*server);
}

int control_server_create(struct loop *loop, const char *address,
			  const struct control_server_ops *ops, void *ctx,
			  struct control_server **ret_server, struct error *error)
{
	_cleanup_(cleanup_server) struct control_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return error_set_errno(error, -ENOMEM, "cannot make a control socket");
	*server = (struct control_server){ .loop = loop, .ops = ops, .ctx = ctx };
	/* Whoever can connect has all power over the guest, and a port has no owner. */
	if (strncmp(address, "unix:", 5) != 0)
		return error_set_usage(error, "control socket '%s' is not of the form unix:PATH",
				       address);
	r = listener_create(loop, address, on_connection, server, &server->listener, error);
	if (r < 0)
		return r;
	*ret_server = TAKE_PTR(server);
	return 0;
}

void control_server_destroy(struct control_server *server)
{
	if (!server)
		return;
	while (server->clients) {
		struct control_client *client = server->clients;

		server->clients = client->next;
		free_client(client);
	}
	listener_destroy(server->listener);
	free(server);
}
