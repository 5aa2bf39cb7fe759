/* SPDX-License-Identifier: MIT */
#include "devices/backend/nbd_link.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/monotonic.h"

#define DEFAULT_MAX_DATA  MIB(32) /* if a server does not say: more makes some hang up */
#define MAX_DATA          MIB(1)  /* lest one command keep the others waiting */

/* A host that is gone is noticed after a minute, even if nothing is sent. */
#define KEEPALIVE_SECONDS 15
#define KEEPALIVE_PROBES  3
#define USER_TIMEOUT_MS   60000

/* The last error of libnbd on this thread, without the function: "nbd_poll: connect: ...". */
static void describe_error(const struct nbd_library *lib, char *buf, size_t len)
{
	const char *text = lib->get_error(), *behind;

	if (!text)
		text = "for no reason that libnbd tells";
	behind = strstr(text, ": ");
	if (strncmp(text, "nbd_", 4) == 0 && behind)
		text = behind + 2;
	(void)snprintf(buf, len, "%s", text);
	/* Some of it may be a server's. */
	for (char *c = buf; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
}

static int last_error(const struct nbd_library *lib)
{
	int code = lib->get_errno();

	return code > 0 ? -code : -ENOTCONN;
}

/* The same of a command; without a connection there is nobody to have made the error. */
static int command_error(const struct nbd_library *lib)
{
	int r = last_error(lib);

	return r == -ENOTCONN ? -EIO : r;
}

bool nbd_link_is_up(const struct nbd_link *link)
{
	return link->handle && !link->lib.aio_is_dead(link->handle) &&
	       !link->lib.aio_is_closed(link->handle);
}

void nbd_link_cause(const struct nbd_link *link, char *buf, size_t len)
{
	/* An end between two answers is no error to libnbd. */
	if (link->lib.aio_is_closed(link->handle))
		(void)snprintf(buf, len, "the server closed it");
	else
		describe_error(&link->lib, buf, len);
}

static int fail(const struct nbd_link *link, int code, struct error *error)
{
	char cause[256];

	nbd_link_cause(link, cause, sizeof(cause));
	return error_set(error, code, "%s", cause);
}

static int begin(const struct nbd_link *link, const char *uri, struct error *error)
{
	const struct nbd_library *lib = &link->lib;
	char cause[256];

	/* To clear the guest's memory first is of no use: an answer with gaps is an error. */
	if (lib->set_uri_allow_local_file(link->handle, true) == 0 &&
	    lib->set_pread_initialize(link->handle, false) == 0 &&
	    lib->aio_connect_uri(link->handle, uri) == 0)
		return 0;
	if (lib->get_errno() != EINVAL)
		return fail(link, last_error(lib), error);
	describe_error(lib, cause, sizeof(cause));
	return error_set_usage(error, "%s", cause);
}

static int connect_uri(const struct nbd_link *link, const char *uri, unsigned timeout_ms,
		       struct error *error)
{
	const struct nbd_library *lib = &link->lib;
	int64_t deadline = monotonic_ms() + timeout_ms;
	int r = begin(link, uri, error);

	if (r < 0)
		return r;
	while (lib->aio_is_connecting(link->handle)) {
		int64_t now = monotonic_ms();

		if (now >= deadline)
			return error_set(error, -ETIMEDOUT, "no answer within %u s",
					 timeout_ms / 1000);
		r = lib->poll(link->handle, (int)(deadline - now));
		/* An end before the first byte is something that libnbd does not expect. */
		if (r < 0 && lib->aio_is_connecting(link->handle))
			return error_set(error, -ENOTCONN, "the server hung up at once");
		if (r < 0)
			return fail(link, last_error(lib), error);
	}
	if (!lib->aio_is_ready(link->handle))
		return fail(link, -ENOTCONN, error);
	return 0;
}

static bool is_power_of_two(int64_t value)
{
	return value > 0 && (value & (value - 1)) == 0;
}

static int ask_server(const struct nbd_link *link, struct nbd_server *server, struct error *error)
{
	const struct nbd_library *lib = &link->lib;
	int64_t size = lib->get_size(link->handle);
	int64_t block = lib->get_block_size(link->handle, LIBNBD_SIZE_MINIMUM);
	int64_t optimal = lib->get_block_size(link->handle, LIBNBD_SIZE_PREFERRED);
	int64_t max_data = lib->get_block_size(link->handle, LIBNBD_SIZE_MAXIMUM);

	if (size < 0)
		return error_set(error, -EOVERFLOW, "it is larger than disks can be");
	if (block < DISK_SECTOR_SIZE)
		block = DISK_SECTOR_SIZE;
	if (max_data <= 0)
		max_data = DEFAULT_MAX_DATA;
	/* libnbd passes no others on, but it may some day. */
	if (!is_power_of_two(block) || block > (int64_t)NBD_MAX_BLOCK || max_data < block)
		return error_set(error, -EPROTO, "its blocks of %lld bytes are out of range",
				 (long long)block);
	*server = (struct nbd_server){
		.size = (uint64_t)size,
		.block = (uint32_t)block,
		.optimal = is_power_of_two(optimal) ? (uint32_t)optimal : 0,
		.max_data = (uint32_t)ALIGN_DOWN(MIN((uint64_t)max_data, MAX_DATA), block),
		.read_only = lib->is_read_only(link->handle) != 0,
		.can_flush = lib->can_flush(link->handle) > 0,
		.can_fua = lib->can_fua(link->handle) > 0,
		.can_trim = lib->can_trim(link->handle) > 0,
		.can_zero = lib->can_zero(link->handle) > 0,
	};
	return 0;
}

/* Of TCP; what other sockets don't know they don't need. */
static void keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

int nbd_link_open(const char *uri, unsigned timeout_ms, struct nbd_link *ret_link,
		  struct nbd_server *ret_server, struct error *error)
{
	struct nbd_link link = { 0 };
	struct nbd_server server;
	int r = nbd_library_find(&link.lib, error);

	if (r < 0)
		return r;
	link.handle = link.lib.create();
	if (!link.handle)
		return error_set_errno(error, -ENOMEM, "cannot make a handle of libnbd");
	r = connect_uri(&link, uri, timeout_ms, error);
	if (r == 0)
		r = ask_server(&link, &server, error);
	if (r < 0) {
		nbd_link_close(&link);
		return r;
	}
	link.is_tls = link.lib.get_tls_negotiated(link.handle) > 0;
	keep_alive(nbd_link_fd(&link));
	*ret_link = link;
	*ret_server = server;
	return 0;
}

void nbd_link_close(struct nbd_link *link)
{
	if (!link->handle)
		return;
	/* It goes out at once, if it can. */
	if (link->lib.aio_is_ready(link->handle))
		(void)link->lib.aio_disconnect(link->handle, 0);
	link->lib.close(link->handle);
	link->handle = NULL;
}

int nbd_link_fd(const struct nbd_link *link)
{
	return link->lib.aio_get_fd(link->handle);
}

int nbd_link_send(struct nbd_link *link, const struct nbd_command *command,
		  int (*on_answer)(void *ctx, int *error), void *ctx, uint64_t *ret_cookie)
{
	const struct nbd_library *lib = &link->lib;
	const nbd_completion_callback answer = { .callback = on_answer, .user_data = ctx };
	uint32_t flags = command->fua ? LIBNBD_CMD_FLAG_FUA : 0;
	int64_t cookie = -1;

	switch (command->verb) {
	case NBD_READ:
		cookie = lib->aio_pread(link->handle, command->data, command->len, command->offset,
					answer, 0);
		break;
	case NBD_WRITE:
		cookie = lib->aio_pwrite(link->handle, command->data, command->len, command->offset,
					 answer, flags);
		break;
	case NBD_FLUSH: cookie = lib->aio_flush(link->handle, answer, 0); break;
	case NBD_TRIM:
		cookie = lib->aio_trim(link->handle, command->len, command->offset, answer, 0);
		break;
	case NBD_ZERO:
		if (command->no_hole)
			flags |= LIBNBD_CMD_FLAG_NO_HOLE;
		cookie = lib->aio_zero(link->handle, command->len, command->offset, answer, flags);
		break;
	}
	if (cookie < 0)
		return command_error(lib);
	*ret_cookie = (uint64_t)cookie;
	return 0;
}

int nbd_link_result(struct nbd_link *link, uint64_t cookie)
{
	int r = link->lib.aio_command_completed(link->handle, cookie);

	/* 0: it was not answered at all. */
	return r > 0 ? 0 : r < 0 ? command_error(&link->lib) : -EPROTO;
}

int nbd_link_wait(struct nbd_link *link, int timeout_ms)
{
	/* It polls before it reads, for libnbd must not find that there is nothing. */
	int r = link->lib.poll(link->handle, timeout_ms);

	return r < 0 || !nbd_link_is_up(link) ? -ENOTCONN : r;
}

uint32_t nbd_link_events(const struct nbd_link *link, bool in_flight)
{
	/*
	 * Between commands a TLS session may have something to read that is no answer.  libnbd
	 * would then expect the rest of one, and not send.
	 */
	if (link->is_tls && !in_flight)
		return EPOLLRDHUP;
	return EPOLLIN | EPOLLRDHUP |
	       (link->lib.aio_get_direction(link->handle) & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT
										       : 0);
}
