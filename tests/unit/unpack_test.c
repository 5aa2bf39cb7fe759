/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/unpack.h"

static const char *const formats[] = { "gzip", "xz", "lzma", "zstd", "lz4" };

/* Collects what comes out. */
struct output {
	uint8_t *data;
	size_t len, room;
	size_t smallest_but_last;
	size_t last;
};

static int collect(void *opaque, const uint8_t *data, size_t len, struct error *error)
{
	struct output *out = opaque;

	(void)error;
	if (out->last != 0)
		out->smallest_but_last = MIN(out->smallest_but_last, out->last);
	out->last = len;
	assert_true(len <= out->room - out->len);
	memcpy(out->data + out->len, data, len);
	out->len += len;
	return 0;
}

static int unpack_all(const struct image *packed, size_t room, uint64_t limit, struct output *out,
		      struct error *error)
{
	*out = (struct output){ .data = malloc(room + 1),
				.room = room,
				.smallest_but_last = SIZE_MAX };
	return unpack_stream(packed->data, packed->len, limit, collect, out, error);
}

/* Neither trivial to pack nor random. */
static struct image make_plain(size_t len)
{
	struct image plain = { .data = malloc(len), .len = len };
	uint32_t seed = 1;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		plain.data[i] = (uint8_t)(i % 3 ? seed >> 28 : i >> 10);
	}
	return plain;
}

static void expect_round_trip(const struct image *plain, const char *format)
{
	struct image packed = image_pack(plain, format);
	struct error error = { 0 };
	struct output out;

	assert_string_equal(unpack_format_name(packed.data, packed.len), format);
	assert_int_equal(unpack_all(&packed, plain->len, plain->len, &out, &error), 0);
	assert_int_equal(out.len, plain->len);
	assert_memory_equal(out.data, plain->data, plain->len);
	assert_true(out.smallest_but_last >= UNPACK_PIECE);
	free(out.data);
	image_free(&packed);
}

static void unpacks_every_format(void **state)
{
	const size_t sizes[] = { 1, 1000, UNPACK_PIECE - 1, UNPACK_PIECE, UNPACK_PIECE * 2 + 1 };
	struct image plain;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		plain = make_plain(sizes[s]);
		for (size_t f = 0; f < ARRAY_SIZE(formats); f++)
			expect_round_trip(&plain, formats[f]);
		image_free(&plain);
	}
	/* More than one of its blocks. */
	plain = make_plain(MIB(9) + 7);
	expect_round_trip(&plain, "lz4");
	image_free(&plain);
}

static void refuses_every_truncation(void **state)
{
	struct image plain = make_plain(3000);

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		struct image packed = image_pack(&plain, formats[f]);
		size_t stream = packed.len - (strcmp(formats[f], "gzip") ? 4 : 0);

		for (size_t len = 0; len < stream; len++) {
			struct image cut = image_cut(&packed, len);
			struct error error = { 0 };
			struct output out;
			int r = unpack_all(&cut, plain.len, plain.len, &out, &error);

			assert_true(r == -EILSEQ || (len < 6 && r == -EOPNOTSUPP));
			assert_true(error.message[0] != '\0');
			free(out.data);
			image_free(&cut);
		}
		image_free(&packed);
	}
	image_free(&plain);
}

static void survives_every_flipped_byte(void **state)
{
	struct image plain = make_plain(400);

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		struct image packed = image_pack(&plain, formats[f]);

		for (size_t i = 0; i < packed.len; i++) {
			struct error error = { 0 };
			struct output out;
			int r;

			packed.data[i] ^= 0xff;
			r = unpack_all(&packed, KIB(64), KIB(64), &out, &error);
			packed.data[i] ^= 0xff;
			assert_true(out.len <= KIB(64));
			/* gzip and xz carry a checksum of the data. */
			if (r == 0 &&
			    (strcmp(formats[f], "gzip") == 0 || strcmp(formats[f], "xz") == 0))
				assert_memory_equal(out.data, plain.data, plain.len);
			free(out.data);
		}
		image_free(&packed);
	}
	image_free(&plain);
}

static void stops_at_the_limit(void **state)
{
	struct image plain = { .data = calloc(1, MIB(20)), .len = MIB(20) };

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		struct image packed = image_pack(&plain, formats[f]);
		struct error error = { 0 };
		struct output out;

		assert_int_equal(unpack_all(&packed, MIB(10), MIB(10), &out, &error), -E2BIG);
		assert_string_equal(error.message,
				    "it unpacks to more than the 10 MiB it may have");
		assert_true(out.len <= MIB(10));
		free(out.data);
		image_free(&packed);
	}
	image_free(&plain);
}

static void checks_the_appended_size(void **state)
{
	struct image plain = make_plain(3000);

	(void)state;
	for (size_t f = 1; f < ARRAY_SIZE(formats); f++) { /* all but gzip */
		struct image packed = image_pack(&plain, formats[f]);
		struct error error = { 0 };
		struct output out;

		packed.data[packed.len - 4] ^= 1;
		assert_int_equal(unpack_all(&packed, plain.len, plain.len, &out, &error), -EILSEQ);
		assert_string_equal(error.message,
				    "it unpacks to 3000 bytes, and says it should be 3001");
		free(out.data);
		image_free(&packed);
	}
	image_free(&plain);
}

static void names_what_it_cannot_unpack(void **state)
{
	const struct image bzip2 = { .data = (uint8_t[]){ 'B', 'Z', 'h', '9', 0, 0 }, .len = 6 };
	const struct image lzo = { .data = (uint8_t[]){ 0x89, 'L', 'Z', 'O', 0, 0 }, .len = 6 };
	const struct image zeros = { .data = (uint8_t[6]){ 0 }, .len = 6 };
	struct error error = { 0 };
	struct output out;

	(void)state;
	assert_int_equal(unpack_all(&bzip2, 0, 100, &out, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.message, "bzip2"));
	free(out.data);
	assert_int_equal(unpack_all(&lzo, 0, 100, &out, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.message, "lzo"));
	free(out.data);
	assert_int_equal(unpack_all(&zeros, 0, 100, &out, &error), -EOPNOTSUPP);
	free(out.data);
	assert_null(unpack_format_name(zeros.data, zeros.len));
	assert_null(unpack_format_name(zeros.data, 0));
}

static int refuse(void *opaque, const uint8_t *data, size_t len, struct error *error)
{
	unsigned *calls = opaque;

	(void)data;
	(void)len;
	++*calls;
	return error_set(error, -ENOSPC, "no");
}

static void stops_when_the_sink_does(void **state)
{
	struct image plain = make_plain(2 * UNPACK_PIECE);

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		struct image packed = image_pack(&plain, formats[f]);
		unsigned calls = 0;

		assert_int_equal(
			unpack_stream(packed.data, packed.len, plain.len, refuse, &calls, NULL),
			-ENOSPC);
		assert_int_equal(calls, 1);
		image_free(&packed);
	}
	image_free(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpacks_every_format),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_byte),
		cmocka_unit_test(stops_at_the_limit),
		cmocka_unit_test(checks_the_appended_size),
		cmocka_unit_test(names_what_it_cannot_unpack),
		cmocka_unit_test(stops_when_the_sink_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
