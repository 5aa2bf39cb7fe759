/* SPDX-License-Identifier: MIT */
/*
 * Cuts the requests of a disk into commands that an NBD server takes, and makes of their answers
 * what became of the request.
 *
 * A command has one piece of memory, its place and length are multiples of the server's block, and
 * it is not longer than the server allows.  So requests in small pieces go by way of a buffer, and
 * the part of a block is written by reading the block first.
 *
 * Pure: no I/O, no lock; the owner of the requests has one.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NBD_CUT_H
#define GLASSBOX_DEVICES_BACKEND_NBD_CUT_H

#include "devices/backend/disk.h"

#define NBD_BUFFER_LEN KIB(128) /* of what each command may need */
#define NBD_MAX_BLOCK  KIB(64)
#define NBD_ZEROES_LEN KIB(256)

/* What a server is like. */
struct nbd_server {
	uint64_t size;     /* bytes, as it says */
	uint32_t block;    /* a power of two from DISK_SECTOR_SIZE to NBD_MAX_BLOCK */
	uint32_t optimal;  /* best for I/O, bytes; a power of two, or 0 */
	uint32_t max_data; /* of one command, bytes; a multiple of block, not 0 */
	bool read_only, can_flush, can_fua, can_trim, can_zero;
};

enum nbd_verb {
	NBD_READ,
	NBD_WRITE,
	NBD_FLUSH,
	NBD_TRIM,
	NBD_ZERO,
};

struct nbd_command {
	/* What the server gets. */
	enum nbd_verb verb;
	bool fua;     /* answer when it is safe */
	bool no_hole; /* of NBD_ZERO */
	uint64_t offset;
	uint32_t len;
	void *data; /* of NBD_READ and NBD_WRITE */

	/* If data is the buffer: what of it belongs to the request, and which bytes of that. */
	bool is_buffered, is_patch; /* a patch: to be read, changed and written */
	uint32_t skip, used;
	const struct iovec *iov; /* NULL: zeroes */
	size_t within;
};

/** nbd_cut_begin() - before the first command of @request */
void nbd_cut_begin(const struct nbd_server *server, struct disk_request *request);

/** nbd_cut_is_left() - is there more to do, once what was cut so far is answered? */
bool nbd_cut_is_left(struct disk_request *request);

/** nbd_cut_is_patch() - would the next command change a part of a block? Nothing else may run then
 */
bool nbd_cut_is_patch(const struct nbd_server *server, const struct disk_request *request);

/**
 * nbd_cut_next() - cut the next command off @request
 * @buffer: NBD_BUFFER_LEN bytes that belong to the command
 * @zeroes: NBD_ZEROES_LEN of them
 *
 * Return: false if there is none, or none before the others are answered.
 */
bool nbd_cut_next(const struct nbd_server *server, struct disk_request *request, void *buffer,
		  void *zeroes, struct nbd_command *ret_command);

/**
 * nbd_cut_answered() - @command was answered
 * @result: 0 or -errno
 *
 * Return: true if it is to be sent once more: it was a patch that is now to be written.
 */
bool nbd_cut_answered(struct nbd_server *server, struct disk_request *request,
		      struct nbd_command *command, int result);

#endif
