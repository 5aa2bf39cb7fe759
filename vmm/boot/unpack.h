/* SPDX-License-Identifier: MIT */
/*
 * The compression formats of kernel images, as a stream: what comes out is handed on in pieces, and
 * each byte is copied once more at most.  Only zstd takes memory of the kernel's size, as it would
 * for its window; the piece is the whole then.
 */
#ifndef GLASSBOX_VMM_BOOT_UNPACK_H
#define GLASSBOX_VMM_BOOT_UNPACK_H

#include "base/error.h"
#include "base/util.h"

/* Every piece but the last has at least this size. */
#define UNPACK_PIECE KIB(256)

/**
 * unpack_sink - takes the next @len bytes, in order; they are gone when it returns
 *
 * Return: 0, or -errno with @error set to stop.
 */
typedef int unpack_sink(void *opaque, const uint8_t *data, size_t len, struct error *error);

/**
 * unpack_format_name() - what @data is packed with, by its magic number
 *
 * Return: "gzip", "lzma", "xz", "zstd", "lz4", "bzip2", "lzo", or NULL.
 */
const char *unpack_format_name(const uint8_t *data, size_t len);

/**
 * unpack_stream() - unpack @data into @sink
 * @data: a stream, with or without the four bytes of unpacked size that Linux appends to it
 * @limit: fail once more bytes than this come out
 *
 * Return: 0; -EOPNOTSUPP for a format that is not supported or not known; -EILSEQ for data that is
 * damaged; -E2BIG beyond @limit; -ENOMEM; or what @sink returned.  @error is set: a clause without
 * the name of the file.
 */
int unpack_stream(const uint8_t *data, size_t len, uint64_t limit, unpack_sink *sink, void *opaque,
		  struct error *error) __must_check;

#endif
