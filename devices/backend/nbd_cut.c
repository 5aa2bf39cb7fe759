/* SPDX-License-Identifier: MIT */
#include "devices/backend/nbd_cut.h"

#include <errno.h>
#include <string.h>

/*
 * A piece from here on is a command of its own.  Shorter ones are gathered in the buffer: to copy
 * them costs less than a turn of the server for each, ten times less for pages.
 */
#define DIRECT_LEN KIB(64)
#define ERASE_LEN  GIB(1) /* at once; lengths have 32 bits */

enum {
	STEP_START,
	STEP_PLAIN,
	STEP_FUA,        /* each command has the flag */
	STEP_THEN_FLUSH, /* a flush makes it durable in the end */
	STEP_FLUSH,
};

static bool is_edge(const struct nbd_server *server, const struct disk_request *request)
{
	return request->offset % server->block || request->len < server->block;
}

static bool is_erased(const struct nbd_server *server, const struct disk_request *request)
{
	return request->op == DISK_DISCARD ||
	       (request->op == DISK_WRITE_ZEROES && server->can_zero);
}

void nbd_cut_begin(const struct nbd_server *server, struct disk_request *request)
{
	uint64_t end = ALIGN_DOWN(request->offset + request->len, server->block);

	request->error = 0;
	request->step = STEP_START;
	request->commands = 0;
	request->within = 0;
	if (request->op == DISK_FLUSH) {
		request->len = 0;
		request->step = server->can_flush ? STEP_FLUSH : STEP_PLAIN;
	} else if (request->op == DISK_DISCARD) {
		/* A part of a block can't be forgotten. */
		request->offset = ALIGN_UP(request->offset, server->block);
		request->len = server->can_trim && end > request->offset ? end - request->offset
									 : 0;
	}
}

bool nbd_cut_is_left(struct disk_request *request)
{
	if (request->error)
		return false;
	if (request->len == 0 && request->step == STEP_THEN_FLUSH)
		request->step = STEP_FLUSH;
	return request->len || request->step == STEP_FLUSH;
}

bool nbd_cut_is_patch(const struct nbd_server *server, const struct disk_request *request)
{
	return (request->op == DISK_WRITE || request->op == DISK_WRITE_ZEROES) && request->len &&
	       is_edge(server, request);
}

/* Copies between @buf and the pieces from byte @within of the first on; zeroes without pieces. */
static void copy_pieces(const struct iovec *iov, size_t within, uint8_t *buf, size_t len,
			bool to_pieces)
{
	if (!iov)
		memset(buf, 0, len);
	for (; iov && len; iov++, within = 0) {
		size_t part = MIN(iov->iov_len - within, len);
		uint8_t *piece = (uint8_t *)iov->iov_base + within;

		if (to_pieces)
			memcpy(piece, buf, part);
		else
			memcpy(buf, piece, part);
		buf += part;
		len -= part;
	}
}

/* A block of which the request has a part only, or none of the others. */
static void cut_edge(const struct nbd_server *server, const struct disk_request *request,
		     struct nbd_command *command)
{
	command->skip = (uint32_t)(request->offset % server->block);
	command->used = (uint32_t)MIN(server->block - command->skip, request->len);
	command->offset -= command->skip;
	command->len = server->block;
	command->verb = NBD_READ;
	command->is_buffered = true;
	command->is_patch = request->op != DISK_READ;
}

static void cut_erase(const struct nbd_server *server, const struct disk_request *request,
		      struct nbd_command *command)
{
	command->used = command->len =
		(uint32_t)ALIGN_DOWN(MIN(request->len, ERASE_LEN), server->block);
	command->verb = request->op == DISK_DISCARD ? NBD_TRIM : NBD_ZERO;
	command->no_hole = request->op == DISK_WRITE_ZEROES && !request->may_unmap;
}

static void cut_zeroes(const struct nbd_server *server, const struct disk_request *request,
		       void *zeroes, struct nbd_command *command)
{
	uint64_t most = MIN(NBD_ZEROES_LEN, server->max_data);

	command->used = command->len = (uint32_t)ALIGN_DOWN(MIN(request->len, most), server->block);
	command->verb = NBD_WRITE;
	command->data = zeroes;
}

/* How much to gather: up to a piece that goes directly, but one block at least. */
static uint64_t gather_len(const struct nbd_server *server, const struct disk_request *request)
{
	uint64_t most = MIN(MIN(NBD_BUFFER_LEN, server->max_data), request->len), len = 0;
	size_t within = request->within;

	for (unsigned i = 0; i < request->nr_iov && len < most; i++, within = 0) {
		size_t piece = request->iov[i].iov_len - within;

		if (len >= server->block && piece >= DIRECT_LEN)
			break;
		len += piece;
	}
	return ALIGN_DOWN(MIN(len, most), server->block);
}

static void cut_pieces(const struct nbd_server *server, const struct disk_request *request,
		       struct nbd_command *command)
{
	uint64_t piece = request->iov->iov_len - request->within;
	uint64_t direct = ALIGN_DOWN(MIN(piece, server->max_data), server->block);

	command->verb = request->op == DISK_READ ? NBD_READ : NBD_WRITE;
	command->is_buffered = direct < MIN(DIRECT_LEN, request->len);
	if (!command->is_buffered)
		command->data = (uint8_t *)request->iov->iov_base + request->within;
	command->used = command->len =
		(uint32_t)(command->is_buffered ? gather_len(server, request) : direct);
}

/* @command is done: the request begins behind it. */
static void advance(struct disk_request *request, const struct nbd_command *command)
{
	request->offset += command->used;
	request->len -= command->used;
	if (request->op != DISK_READ && request->op != DISK_WRITE)
		return;
	request->within += command->used;
	while (request->nr_iov && request->within >= request->iov->iov_len) {
		request->within -= request->iov->iov_len;
		request->iov++;
		request->nr_iov--;
	}
}

/* Many commands with the flag cost the server more than one flush behind them. */
static unsigned choose_step(const struct nbd_server *server, const struct disk_request *request,
			    const struct nbd_command *command)
{
	if (!request->durable || (request->op != DISK_WRITE && request->op != DISK_WRITE_ZEROES))
		return STEP_PLAIN;
	if (server->can_fua && (command->used == request->len || !server->can_flush))
		return STEP_FUA;
	return server->can_flush ? STEP_THEN_FLUSH : STEP_PLAIN;
}

static void cut_data(const struct nbd_server *server, struct disk_request *request, void *buffer,
		     void *zeroes, struct nbd_command *command)
{
	command->offset = request->offset;
	if (request->op == DISK_DISCARD)
		cut_erase(server, request, command);
	else if (is_edge(server, request))
		cut_edge(server, request, command);
	else if (request->op == DISK_WRITE_ZEROES && server->can_zero)
		cut_erase(server, request, command);
	else if (request->op == DISK_WRITE_ZEROES)
		cut_zeroes(server, request, zeroes, command);
	else
		cut_pieces(server, request, command);
	if (command->is_buffered) {
		command->data = buffer;
		command->iov = request->op == DISK_WRITE_ZEROES ? NULL : request->iov;
		command->within = request->within;
	}
	if (command->is_buffered && command->verb == NBD_WRITE)
		copy_pieces(command->iov, command->within, buffer, command->used, false);
	if (request->step == STEP_START)
		request->step = choose_step(server, request, command);
	command->fua = request->step == STEP_FUA;
	advance(request, command);
}

bool nbd_cut_next(const struct nbd_server *server, struct disk_request *request, void *buffer,
		  void *zeroes, struct nbd_command *ret_command)
{
	struct nbd_command command = { 0 };

	if (request->step == STEP_FLUSH) {
		command.verb = NBD_FLUSH;
		request->step = STEP_PLAIN;
	} else if (request->len && !(is_erased(server, request) && request->commands)) {
		cut_data(server, request, buffer, zeroes, &command);
	} else {
		return false;
	}
	request->commands++;
	*ret_command = command;
	return true;
}

/* The server says that it can't, though it said that it could. */
static int do_without(struct nbd_server *server, struct disk_request *request,
		      const struct nbd_command *command)
{
	if (command->verb == NBD_TRIM) {
		server->can_trim = false;
		return 0;
	}
	if (command->verb != NBD_ZERO)
		return -EOPNOTSUPP;
	/* Nothing behind it was cut yet. */
	server->can_zero = false;
	request->offset = command->offset;
	request->len += command->len;
	if (request->step == STEP_FUA && server->can_flush)
		request->step = STEP_THEN_FLUSH;
	return 0;
}

bool nbd_cut_answered(struct nbd_server *server, struct disk_request *request,
		      struct nbd_command *command, int result)
{
	if (result == 0 && command->is_patch) {
		copy_pieces(command->iov, command->within, (uint8_t *)command->data + command->skip,
			    command->used, false);
		command->verb = NBD_WRITE;
		command->is_patch = false;
		return true;
	}
	if (result == 0 && command->is_buffered && command->verb == NBD_READ)
		copy_pieces(command->iov, command->within, (uint8_t *)command->data + command->skip,
			    command->used, true);
	if (result == -EOPNOTSUPP)
		result = do_without(server, request, command);
	if (result < 0 && request->error == 0) {
		request->error = result;
		request->len = 0;
	}
	request->commands--;
	return false;
}
