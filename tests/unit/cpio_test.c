/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cpio_reader.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/boot/cpio.h"

static void expect(const struct file_map *archive, size_t *at, const char *name, unsigned mode,
		   size_t len)
{
	struct cpio_entry entry;

	assert_true(cpio_next(archive, at, &entry));
	assert_string_equal(entry.name, name);
	assert_int_equal(entry.mode, mode);
	assert_int_equal(entry.len, len);
}

static void archive_has_what_was_added(void **state)
{
	static const uint8_t bytes[5] = { 0, 1, 2, 3, 0xff };
	struct file_map archive = { 0 };
	struct cpio_entry entry;
	struct cpio cpio;
	char path[32];
	size_t at = 0;
	int fd = memfd_create("archive", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	cpio_init(&cpio, fd);
	cpio_add_directory(&cpio, "a");
	cpio_add_directory(&cpio, "a/bc");
	/* Names and contents of all lengths modulo four. */
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		char name[] = "a/bc/xxxxx";

		name[5 + i] = '\0';
		if (i)
			cpio_add_file(&cpio, name, 0640, bytes, i);
	}
	cpio_add_device(&cpio, "console", 0600, 5, 1);
	assert_int_equal(cpio_finish(&cpio), 0);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(file_map_open(path, "archive", &archive, NULL), 0);
	expect(&archive, &at, "a", S_IFDIR | 0755, 0);
	expect(&archive, &at, "a/bc", S_IFDIR | 0755, 0);
	for (size_t i = 1; i <= sizeof(bytes); i++) {
		assert_true(cpio_next(&archive, &at, &entry));
		assert_int_equal(strlen(entry.name), 5 + i);
		assert_int_equal(entry.mode, S_IFREG | 0640);
		assert_int_equal(entry.len, i);
		assert_memory_equal(entry.data, bytes, i);
	}
	assert_true(cpio_next(&archive, &at, &entry));
	assert_int_equal(entry.mode, S_IFCHR | 0600);
	assert_int_equal(entry.major, 5);
	assert_int_equal(entry.minor, 1);
	assert_false(cpio_next(&archive, &at, &entry));
	file_map_close(&archive);
	assert_int_equal(close(fd), 0);
}

static void failure_is_kept(void **state)
{
	struct cpio cpio;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	cpio_init(&cpio, fd);
	cpio_add_file(&cpio, "a", 0644, "b", 1);
	assert_int_equal(cpio_finish(&cpio), -ENOSPC);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archive_has_what_was_added),
		cmocka_unit_test(failure_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
