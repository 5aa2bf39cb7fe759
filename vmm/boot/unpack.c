/* SPDX-License-Identifier: MIT */
#define ZLIB_CONST /* next_in points to const */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "vmm/boot/unpack.h"

/* Decoders allocate a window of the size that the stream asks for, up to this. */
#define MAX_WINDOW       MIB(256)
#define MAX_WINDOW_LOG   28

/* The frame format of "lz4 -l": a magic number, then blocks, each behind its packed size. */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK MIB(8)

struct unpack {
	const uint8_t *in; /* what is left of the input */
	size_t in_len;
	uint8_t *buf; /* one piece of output */
	size_t buf_len;
	uint64_t total, limit;
	unpack_sink *sink;
	void *opaque;
	struct error *error;
};

static int emit_from(struct unpack *u, const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (len > u->limit - u->total)
		return error_set(u->error, -E2BIG,
				 "it unpacks to more than the %" PRIu64 " MiB it may have",
				 u->limit >> 20);
	u->total += len;
	return u->sink(u->opaque, data, len, u->error);
}

static int emit(struct unpack *u, size_t len)
{
	return emit_from(u, u->buf, len);
}

/* NULL if there is no memory. */
static uint8_t *map_buffer(size_t len)
{
	uint8_t *buf = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED)
		return NULL;
	(void)madvise(buf, len, MADV_HUGEPAGE);
	return buf;
}

static int damaged(struct unpack *u, const char *format)
{
	return error_set(u->error, -EILSEQ, "its %s data is damaged", format);
}

static int truncated(struct unpack *u, const char *format)
{
	return error_set(u->error, -EILSEQ, "its %s data is truncated", format);
}

static int no_memory(struct unpack *u, const char *format)
{
	return error_set(u->error, -ENOMEM, "not enough memory to unpack its %s data", format);
}

static int inflate_all(struct unpack *u, z_stream *z)
{
	for (;;) {
		size_t before = z->avail_in = (unsigned)MIN(u->in_len, (size_t)UINT_MAX);
		int status, r;

		z->next_in = u->in;
		status = inflate(z, Z_NO_FLUSH);
		u->in += before - z->avail_in;
		u->in_len -= before - z->avail_in;
		if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
			return damaged(u, "gzip");
		if (status == Z_STREAM_END || z->avail_out == 0) {
			r = emit(u, u->buf_len - z->avail_out);
			if (r < 0 || status == Z_STREAM_END)
				return r;
			z->next_out = u->buf;
			z->avail_out = (unsigned)u->buf_len;
		} else if (u->in_len == 0) {
			return truncated(u, "gzip");
		}
	}
}

static int unpack_gzip(struct unpack *u)
{
	z_stream z = { .next_out = u->buf, .avail_out = (unsigned)u->buf_len };
	int r;

	/* 16: a gzip header and trailer. */
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return no_memory(u, "gzip");
	r = inflate_all(u, &z);
	(void)inflateEnd(&z);
	return r;
}

static int lzma_all(struct unpack *u, lzma_stream *lzma, const char *format)
{
	lzma->next_in = u->in;
	lzma->avail_in = u->in_len;
	for (;;) {
		lzma_ret status = lzma_code(lzma, LZMA_RUN);
		int r;

		u->in = lzma->next_in;
		u->in_len = lzma->avail_in;
		if (status == LZMA_MEM_ERROR)
			return no_memory(u, format);
		if (status == LZMA_MEMLIMIT_ERROR)
			return error_set(u->error, -EILSEQ,
					 "its %s data wants more than %" PRIu64 " MiB to unpack",
					 format, MAX_WINDOW >> 20);
		if (status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR)
			return damaged(u, format);
		if (status == LZMA_STREAM_END || lzma->avail_out == 0) {
			r = emit(u, u->buf_len - lzma->avail_out);
			if (r < 0 || status == LZMA_STREAM_END)
				return r;
			lzma->next_out = u->buf;
			lzma->avail_out = u->buf_len;
		} else if (u->in_len == 0) {
			return truncated(u, format);
		}
	}
}

static int unpack_xz(struct unpack *u)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	int r;

	if (lzma_stream_decoder(&lzma, MAX_WINDOW, 0) != LZMA_OK)
		return no_memory(u, "xz");
	lzma.next_out = u->buf;
	lzma.avail_out = u->buf_len;
	r = lzma_all(u, &lzma, "xz");
	lzma_end(&lzma);
	return r;
}

static int unpack_lzma(struct unpack *u)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	int r;

	if (lzma_alone_decoder(&lzma, MAX_WINDOW) != LZMA_OK)
		return no_memory(u, "lzma");
	lzma.next_out = u->buf;
	lzma.avail_out = u->buf_len;
	r = lzma_all(u, &lzma, "lzma");
	lzma_end(&lzma);
	return r;
}

static uint32_t read_le32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

/* What the frame unpacks to, where itself or what Linux appends to it tells; 0 if neither does. */
static uint64_t zstd_size(const struct unpack *u, size_t frame_len)
{
	unsigned long long size = ZSTD_getFrameContentSize(u->in, u->in_len);

	if (size != ZSTD_CONTENTSIZE_UNKNOWN && size != ZSTD_CONTENTSIZE_ERROR)
		return size;
	return u->in_len - frame_len == 4 ? read_le32(u->in + frame_len) : 0;
}

/*
 * In one piece.  Kernels are packed with a window as large as they are: as a stream libzstd would
 * keep all of it too, in small pages, and copy out of it.  Return: false if that cannot be, and the
 * stream is to say why.
 */
static bool unpack_zstd_whole(struct unpack *u, int *ret_result)
{
	size_t frame_len = ZSTD_findFrameCompressedSize(u->in, u->in_len);
	uint64_t size;
	uint8_t *buf;
	bool whole;

	if (ZSTD_isError(frame_len))
		return false;
	size = zstd_size(u, frame_len);
	if (size == 0 || size > MIN(u->limit, (uint64_t)MAX_WINDOW))
		return false;
	buf = map_buffer(size);
	if (!buf)
		return false;
	whole = ZSTD_decompress(buf, size, u->in, frame_len) == size;
	if (whole) {
		u->in += frame_len;
		u->in_len -= frame_len;
		*ret_result = emit_from(u, buf, size);
	}
	(void)munmap(buf, size);
	return whole;
}

static int zstd_all(struct unpack *u, ZSTD_DCtx *zstd)
{
	ZSTD_inBuffer in = { .src = u->in, .size = u->in_len };
	ZSTD_outBuffer out = { .dst = u->buf, .size = u->buf_len };

	for (;;) {
		size_t status = ZSTD_decompressStream(zstd, &out, &in);
		int r;

		if (ZSTD_isError(status))
			return damaged(u, "zstd");
		if (status == 0 || out.pos == out.size) {
			r = emit(u, out.pos);
			if (r < 0)
				return r;
			out.pos = 0;
		} else if (in.pos == in.size) {
			return truncated(u, "zstd");
		}
		if (status == 0) { /* the end of the frame */
			u->in += in.pos;
			u->in_len -= in.pos;
			return 0;
		}
	}
}

static int unpack_zstd(struct unpack *u)
{
	ZSTD_DCtx *zstd;
	int r;

	if (unpack_zstd_whole(u, &r))
		return r;
	zstd = ZSTD_createDCtx();
	if (!zstd ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, MAX_WINDOW_LOG)))
		r = no_memory(u, "zstd");
	else
		r = zstd_all(u, zstd);
	(void)ZSTD_freeDCtx(zstd);
	return r;
}

static int unpack_lz4(struct unpack *u)
{
	/* Four bytes at the end are the unpacked size, not a block. */
	while (u->in_len > 4) {
		uint32_t packed = read_le32(u->in);
		int len, r;

		u->in += 4;
		u->in_len -= 4;
		if (packed == LZ4_LEGACY_MAGIC)
			continue;
		if (packed > u->in_len)
			return truncated(u, "lz4");
		len = LZ4_decompress_safe((const char *)u->in, (char *)u->buf, (int)packed,
					  (int)u->buf_len);
		if (len < 0)
			return damaged(u, "lz4");
		r = emit(u, (size_t)len);
		if (r < 0)
			return r;
		u->in += packed;
		u->in_len -= packed;
	}
	/* The format has no mark at its end. */
	if (u->total == 0 || u->in_len % 4 != 0)
		return truncated(u, "lz4");
	return 0;
}

struct format {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_len;
	uint32_t piece;                  /* size of the output buffer */
	int (*unpack)(struct unpack *u); /* NULL: recognised, not supported */
};

static const struct format formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, UNPACK_PIECE, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, UNPACK_PIECE, unpack_xz },
	{ "lzma", { 0x5d, 0, 0 }, 3, UNPACK_PIECE, unpack_lzma },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, UNPACK_PIECE, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, LZ4_LEGACY_BLOCK, unpack_lz4 },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, 0, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, 0, NULL },
};

static const struct format *find_format(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (len >= formats[i].magic_len &&
		    memcmp(data, formats[i].magic, formats[i].magic_len) == 0)
			return &formats[i];
	}
	return NULL;
}

const char *unpack_format_name(const uint8_t *data, size_t len)
{
	const struct format *format = find_format(data, len);

	return format ? format->name : NULL;
}

int unpack_stream(const uint8_t *data, size_t len, uint64_t limit, unpack_sink *sink, void *opaque,
		  struct error *error)
{
	const struct format *format = find_format(data, len);
	struct unpack u = {
		.in = data,
		.in_len = len,
		.limit = limit,
		.sink = sink,
		.opaque = opaque,
		.error = error,
	};
	int r;

	if (!format)
		return error_set(error, -EOPNOTSUPP, "it is packed in an unknown format");
	if (!format->unpack)
		return error_set(error, -EOPNOTSUPP,
				 "it is packed with %s, which is not supported; gzip, xz, lzma, "
				 "zstd and lz4 are",
				 format->name);
	u.buf_len = format->piece;
	u.buf = map_buffer(u.buf_len);
	if (!u.buf)
		return no_memory(&u, format->name);
	r = format->unpack(&u);
	(void)munmap(u.buf, u.buf_len);
	if (r < 0)
		return r;
	/* What Linux appends when the format itself does not say how long the result is. */
	if (u.in_len == 4 && read_le32(u.in) != u.total)
		return error_set(error, -EILSEQ,
				 "it unpacks to %" PRIu64 " bytes, and says it should be %" PRIu32,
				 u.total, read_le32(u.in));
	return 0;
}
