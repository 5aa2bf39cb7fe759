/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/bzimage.h"

static uint8_t payload_bytes[1000] = { 0x1f, 0x8b, 8 };
static const struct image payload = { payload_bytes, sizeof(payload_bytes) };

static void finds_the_parts(void **state)
{
	struct image image = image_bz(&payload);
	struct error error = { 0 };
	struct bzimage bz;

	(void)state;
	assert_true(bzimage_probe(image.data, image.len));
	assert_int_equal(bzimage_parse(image.data, image.len, &bz, &error), 0);
	assert_int_equal(bz.header.pref_address, IMAGE_BZ_PREF_GPA);
	assert_int_equal(bz.header.init_size, IMAGE_BZ_INIT_SIZE);
	assert_ptr_equal(bz.code, image.data + 3 * 512);
	assert_int_equal(bz.code_len, image.len - 3 * 512);
	assert_int_equal(bz.payload_len, payload.len);
	assert_memory_equal(bz.payload, payload.data, payload.len);
	assert_string_equal(bz.version, IMAGE_BZ_VERSION);
	image_free(&image);
}

static void copies_only_the_header_that_is_there(void **state)
{
	struct image image = image_bz(&payload);
	struct error error = { 0 };
	struct bzimage bz;

	(void)state;
	/* The jump, and with it the header, ends before init_size. */
	image.data[0x201] = 0x260 - 0x202;
	assert_int_equal(bzimage_parse(image.data, image.len, &bz, &error), 0);
	assert_int_equal(bz.header.pref_address, IMAGE_BZ_PREF_GPA);
	assert_int_equal(bz.header.init_size, 0);
	image_free(&image);
}

static void a_signature_behind_the_code_is_fine(void **state)
{
	struct image image = image_bz(&payload), with_signature = { 0 };
	struct error error = { 0 };
	struct bzimage bz;

	(void)state;
	with_signature.len = image.len + 100;
	with_signature.data = calloc(1, with_signature.len);
	memcpy(with_signature.data, image.data, image.len);
	assert_int_equal(bzimage_parse(with_signature.data, with_signature.len, &bz, &error), 0);
	assert_int_equal(bz.code_len, image.len - 3 * 512);
	image_free(&image);
	image_free(&with_signature);
}

static void refuses_every_truncation(void **state)
{
	struct image image = image_bz(&payload);

	(void)state;
	for (size_t len = 0; len < image.len; len++) {
		struct image cut = image_cut(&image, len);
		struct error error = { 0 };
		struct bzimage bz;

		assert_int_equal(bzimage_parse(cut.data, cut.len, &bz, &error), -ENOEXEC);
		assert_true(error.message[0] != '\0');
		image_free(&cut);
	}
	image_free(&image);
}

static void expect_refusal(struct image *image, const char *words)
{
	struct error error = { 0 };
	struct bzimage bz;

	assert_int_equal(bzimage_parse(image->data, image->len, &bz, &error), -ENOEXEC);
	assert_non_null(strstr(error.message, words));
	image_free(image);
}

static void refuses_what_it_cannot_enter(void **state)
{
	struct image image = image_bz(&payload);

	(void)state;
	image_bz_header(&image)->xloadflags = 0;
	expect_refusal(&image, "no 64-bit entry point");

	image = image_bz(&payload);
	image_bz_header(&image)->version = 0x207;
	expect_refusal(&image, "boot protocol 2.07; 2.12 or newer");

	image = image_bz(&payload);
	image_bz_header(&image)->boot_flag = 0;
	expect_refusal(&image, "not a bzImage");

	image = image_bz(&payload);
	image_bz_header(&image)->payload_length = 0;
	expect_refusal(&image, "payload outside the file");

	image = image_bz(&payload);
	image_bz_header(&image)->payload_offset = 0xfffffff0;
	expect_refusal(&image, "payload outside the file");

	image = image_bz(&payload);
	image_bz_header(&image)->syssize = 0xffffffff;
	expect_refusal(&image, "truncated");
}

static void a_version_outside_the_setup_part_is_no_version(void **state)
{
	struct image image = image_bz(&payload);
	struct error error = { 0 };
	struct bzimage bz;

	(void)state;
	image_bz_header(&image)->kernel_version = 0xffff;
	assert_int_equal(bzimage_parse(image.data, image.len, &bz, &error), 0);
	assert_string_equal(bz.version, "");
	/* A long one without an end is cut. */
	memset(image.data + 0x400, 'x', 0x200);
	image_bz_header(&image)->kernel_version = 0x200;
	assert_int_equal(bzimage_parse(image.data, image.len, &bz, &error), 0);
	assert_int_equal(strlen(bz.version), sizeof(bz.version) - 1);
	image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_parts),
		cmocka_unit_test(copies_only_the_header_that_is_there),
		cmocka_unit_test(a_signature_behind_the_code_is_fine),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_what_it_cannot_enter),
		cmocka_unit_test(a_version_outside_the_setup_part_is_no_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
