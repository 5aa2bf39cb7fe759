/* SPDX-License-Identifier: MIT */
/*
 * The session on a socket.  Loop thread.  Owns the listener, the client's socket and the session.
 *
 * Bytes flow only as fast as both ends take them: while output waits for the client, nothing is
 * read, so neither side's buffer grows.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/listener.h"
#include "gdbstub/server.h"
#include "gdbstub/session.h"

#define INPUT_SIZE 16384u

struct gdb_server {
	struct loop *loop; /* borrowed */
	struct gdb_session *session;
	struct listener *listener;
	int client_fd; /* -EBADF: none */
	struct loop_source *client;
	uint32_t client_events;    /* what the loop watches for */
	uint8_t input[INPUT_SIZE]; /* received, [input_at, input_end) not yet fed */
	size_t input_at, input_end;
};

static void drop_client(struct gdb_server *server)
{
	if (server->client_fd < 0)
		return;
	loop_remove(TAKE_PTR(server->client));
	(void)close(TAKE_FD(server->client_fd));
	gdb_session_detach(server->session, false);
}

/* Sends what there is.  Return: false when the client is gone. */
static bool flush(struct gdb_server *server)
{
	struct gdb_buffer *out = &server->session->out;
	size_t sent = 0;

	while (sent < out->len) {
		ssize_t n = send(server->client_fd, out->data + sent, out->len - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		sent += (size_t)n;
	}
	gdb_buffer_drop(out, sent);
	return true;
}

/* Feeds and flushes until one of the two cannot go on.  Return: false when the client is gone. */
static bool pump(struct gdb_server *server)
{
	struct gdb_session *session = server->session;

	for (;;) {
		if (!flush(server))
			return false;
		if (session->closing && session->out.len == 0)
			return false;
		if (server->input_at == server->input_end || !gdb_session_accepts(session))
			return true;
		server->input_at += gdb_session_feed(session, server->input + server->input_at,
						     server->input_end - server->input_at);
	}
}

/* Watches for what can be dealt with now. */
static int update_events(struct gdb_server *server)
{
	uint32_t events = 0;
	int r = 0;

	if (server->session->out.len > 0)
		events |= EPOLLOUT;
	else if (server->input_at == server->input_end)
		events |= EPOLLIN;
	if (events != server->client_events)
		r = loop_modify(server->client, events);
	if (r == 0)
		server->client_events = events;
	return r;
}

static void serve_client(struct gdb_server *server)
{
	if (!pump(server) || update_events(server) < 0)
		drop_client(server);
}

/* Return: false when the client is gone. */
static bool receive(struct gdb_server *server)
{
	ssize_t n;

	if (server->input_at < server->input_end)
		return true;
	n = recv(server->client_fd, server->input, sizeof(server->input), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	server->input_at = 0;
	server->input_end = (size_t)n;
	return n > 0;
}

static void on_client(void *ctx, uint32_t events)
{
	struct gdb_server *server = ctx;

	/* A client that has sent its last words and hung up is still heard out. */
	if ((events & EPOLLIN) ? !receive(server) : (events & (EPOLLHUP | EPOLLERR)) != 0) {
		drop_client(server);
		return;
	}
	serve_client(server);
}

/* Nothing of this is needed for the protocol to work, so failures are ignored (a unix socket
 * has no such options). */
static void tune_socket(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* A debugger's machine that vanished must not keep the next one out for ever. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

/* True if the client has hung up, which the loop has not told us yet. */
static bool client_is_gone(const struct gdb_server *server)
{
	struct pollfd pollfd = { .fd = server->client_fd, .events = POLLRDHUP };

	return poll(&pollfd, 1, 0) > 0;
}

static void on_connection(void *ctx)
{
	struct gdb_server *server = ctx;
	_cleanup_close_ int fd = listener_accept(server->listener);

	/* A user who leaves and comes back at once is not a second client. */
	if (server->client_fd >= 0 && client_is_gone(server))
		drop_client(server);
	/* One at a time: a second one is told so by a closed connection. */
	if (fd < 0 || server->client_fd >= 0)
		return;
	tune_socket(fd);
	if (loop_add(server->loop, fd, EPOLLIN, on_client, server, &server->client) < 0)
		return;
	if (gdb_session_attach(server->session) < 0) {
		loop_remove(TAKE_PTR(server->client));
		return;
	}
	server->client_events = EPOLLIN;
	server->client_fd = TAKE_FD(fd);
	server->input_at = 0;
	server->input_end = 0;
}

static void cleanup_server(struct gdb_server **server)
{
	gdb_server_destroy(*server);
}

int gdb_server_create(struct loop *loop, const char *address, struct gdb_target *target,
		      bool stopped, struct gdb_server **ret_server, struct error *error)
{
	_cleanup_(cleanup_server) struct gdb_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return error_set_errno(error, -ENOMEM, "cannot listen for gdb");
	server->loop = loop;
	server->client_fd = -EBADF;
	r = gdb_session_create(target, stopped, &server->session);
	if (r < 0)
		return error_set_errno(error, r, "cannot prepare a debugging session");
	r = listener_create(loop, address, on_connection, server, &server->listener, error);
	if (r < 0)
		return r;
	*ret_server = TAKE_PTR(server);
	return 0;
}

void gdb_server_destroy(struct gdb_server *server)
{
	if (!server)
		return;
	loop_remove(server->client);
	listener_destroy(server->listener);
	if (server->client_fd >= 0)
		(void)close(server->client_fd);
	gdb_session_destroy(server->session);
	free(server);
}

const char *gdb_server_address(const struct gdb_server *server)
{
	return listener_address(server->listener);
}

void gdb_server_report_stop(struct gdb_server *server, const struct gdb_stop *stop)
{
	gdb_session_report_stop(server->session, stop);
	if (server->client_fd >= 0)
		serve_client(server);
}

bool gdb_server_owns_breakpoint(struct gdb_server *server, unsigned vcpu, uint64_t gva)
{
	return gdb_session_owns_breakpoint(server->session, vcpu, gva);
}

bool gdb_server_is_attached(const struct gdb_server *server)
{
	return server->client_fd >= 0;
}

int gdb_server_machine_reset(struct gdb_server *server)
{
	return gdb_session_machine_reset(server->session);
}
