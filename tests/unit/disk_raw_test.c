/* SPDX-License-Identifier: MIT */
/* Raw disk images: opening, locking, and I/O through the kernel's io_uring on temporary files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/backend/disk_raw.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/disk_fixture.h"

#define SECTORS 64

struct raw_fixture {
	struct disk_fixture on;
	char dir[32], path[64];
	unsigned tail;
};

static void make_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t at = 0; at < size; at += 512) {
		uint8_t sector[512];
		size_t len = MIN(sizeof(sector), size - at);

		memset(sector, (int)(at / 512 + 1), sizeof(sector));
		assert_int_equal(pwrite(fd, sector, len, (off_t)at), len);
	}
	assert_int_equal(close(fd), 0);
}

static void setup_in(struct raw_fixture *f, const char *parent, size_t size)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->dir, sizeof(f->dir), "%s/disk_raw_test.XXXXXX", parent);
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/disk.img", f->dir);
	make_file(f->path, size);
	disk_fixture_init(&f->on);
}

static void setup(struct raw_fixture *f, size_t size)
{
	setup_in(f, "/tmp", size);
}

static int open_disk(struct raw_fixture *f, bool read_only, bool direct)
{
	const struct disk_raw_config config = { .path = f->path,
						.read_only = read_only,
						.direct = direct };
	int r = disk_raw_open(&config, f->on.loop, &f->on.disk, &f->tail, &f->on.error);

	if (r == -ENOSYS || r == -EPERM) {
		print_message("%s\n", f->on.error.message);
		exit(77);
	}
	if (r == 0)
		disk_attach(f->on.disk, disk_on_completed, &f->on);
	return r;
}

static void teardown(struct raw_fixture *f)
{
	disk_fixture_deinit(&f->on);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(rmdir(f->dir), 0);
}

static uint8_t byte_at(struct raw_fixture *f, off_t off)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	uint8_t byte = 0x5a;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, off), 1);
	assert_int_equal(close(fd), 0);
	return byte;
}

static void raw_reads_and_writes(void **state)
{
	uint8_t data[1024];
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	assert_int_equal(f.on.disk->info.size, SECTORS * 512);
	assert_int_equal(f.on.disk->info.block_size, 512);
	assert_int_equal(f.tail, 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 3, data, sizeof(data)), 0);
	assert_int_equal(data[0], 4);
	assert_int_equal(data[1023], 5);
	memset(data, 0xa7, sizeof(data));
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 62, data, sizeof(data)), 0);
	assert_int_equal(byte_at(&f, 62 * 512), 0xa7);
	assert_int_equal(byte_at(&f, 64 * 512 - 1), 0xa7);
	assert_int_equal(byte_at(&f, 62 * 512 - 1), 62);
	assert_int_equal(disk_other(&f.on, DISK_FLUSH, 0, 0, false, false), 0);
	teardown(&f);
}

static void raw_serves_many_pieces_and_requests(void **state)
{
	static uint8_t data[16][512];
	struct disk_request requests[16];
	struct iovec iov[16][32];
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, true, false), 0);
	assert_true(f.on.disk->info.max_requests >= 16);
	for (unsigned i = 0; i < 16; i++) {
		/* Backwards in memory, 16 bytes each. */
		for (unsigned j = 0; j < 32; j++)
			iov[i][j] = (struct iovec){ &data[i][512 - 16 * (j + 1)], 16 };
		requests[i] = (struct disk_request){
			.op = DISK_READ, .offset = i * 2048, .len = 512, .iov = iov[i], .nr_iov = 32
		};
		disk_submit(f.on.disk, &requests[i]);
	}
	disk_wait_for(&f.on, 16);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(requests[i].error, 0);
		assert_int_equal(data[i][0], i * 4 + 1);
		assert_int_equal(data[i][511], i * 4 + 1);
	}
	teardown(&f);
}

static void make_zeroes_in(const char *parent)
{
	struct raw_fixture f;

	for (unsigned how = 0; how < 4; how++) {
		setup_in(&f, parent, 2048 * 512);
		assert_int_equal(open_disk(&f, false, false), 0);
		/* More than is written at once, where the file system can't do it. */
		assert_int_equal(disk_other(&f.on, DISK_WRITE_ZEROES, 1, 1501, how & 1, how & 2),
				 0);
		assert_int_equal(byte_at(&f, 511), 1);
		assert_int_equal(byte_at(&f, 512), 0);
		assert_int_equal(byte_at(&f, 900 * 512), 0);
		assert_int_equal(byte_at(&f, 1502 * 512 - 1), 0);
		assert_int_equal(byte_at(&f, 1502 * 512), (1503 & 0xff));
		teardown(&f);
	}
}

static void raw_makes_zeroes(void **state)
{
	(void)state;
	make_zeroes_in("/tmp");
	/* tmpfs can punch holes but not zero a range: there zeroes are written. */
	if (access("/dev/shm", W_OK) == 0)
		make_zeroes_in("/dev/shm");
}

static void raw_discards(void **state)
{
	struct stat st;
	struct raw_fixture f;

	(void)state;
	setup(&f, 2048 * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	assert_int_equal(disk_other(&f.on, DISK_DISCARD, 8, 2032, false, false), 0);
	assert_int_equal(byte_at(&f, 7 * 512), 8);
	assert_int_equal(byte_at(&f, 2040 * 512), (2041 & 0xff));
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_size, 2048 * 512);
	teardown(&f);
}

static void raw_file_that_shrinks_is_an_error(void **state)
{
	uint8_t data[1024];
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	assert_int_equal(truncate(f.path, 10 * 512 + 100), 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 9, data, 1024), -EIO);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 9, data, 512), 0);
	teardown(&f);
}

/* Aligned or not, and one after the other. */
static void raw_direct_takes_any_memory(void **state)
{
	void *aligned = NULL;
	uint8_t *bytes;
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	if (open_disk(&f, false, true) == -EINVAL) {
		assert_non_null(strstr(f.on.error.message, "direct I/O"));
		teardown(&f);
		return;
	}
	assert_int_equal(posix_memalign(&aligned, 4096, 8192), 0);
	bytes = aligned;
	memset(bytes, 0x31, 8192);
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 8, bytes, 4096), 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 8, bytes + 1, 512), 0);
	assert_int_equal(bytes[512], 0x31);
	memset(bytes, 0x32, 8192);
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 9, bytes + 3, 512), 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 8, bytes, 4096), 0);
	assert_int_equal(bytes[511], 0x31);
	assert_int_equal(bytes[512], 0x32);
	assert_int_equal(bytes[1024], 0x31);
	free(aligned);
	teardown(&f);
}

static void raw_drain_ends_what_is_in_flight(void **state)
{
	uint8_t data[512];
	struct iovec iov = { data, sizeof(data) };
	struct disk_request request = {
		.op = DISK_READ, .offset = 512, .len = 512, .iov = &iov, .nr_iov = 1
	};
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	/* Not even committed. */
	disk_submit(f.on.disk, &request);
	disk_drain(f.on.disk);
	assert_int_equal(data[0], 2);
	assert_int_equal(f.on.completed, 0);
	/* The loop comes to say so. */
	assert_int_equal(loop_run(f.on.loop), 0);
	assert_int_equal(f.on.completed, 1);
	assert_int_equal(request.error, 0);
	disk_drain(f.on.disk);
	teardown(&f);
}

static void raw_reap_needs_no_loop(void **state)
{
	struct disk_request request = { .op = DISK_FLUSH };
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	disk_submit(f.on.disk, &request);
	disk_drain(f.on.disk);
	disk_reap(f.on.disk);
	assert_int_equal(f.on.completed, 1);
	teardown(&f);
}

static void raw_tail_is_told(void **state)
{
	struct raw_fixture f;

	(void)state;
	setup(&f, 1024 + 511);
	assert_int_equal(open_disk(&f, true, false), 0);
	assert_int_equal(f.on.disk->info.size, 1024);
	assert_int_equal(f.tail, 511);
	teardown(&f);

	setup(&f, 511);
	assert_int_equal(open_disk(&f, true, false), -EINVAL);
	assert_non_null(strstr(f.on.error.message, f.path));
	assert_non_null(strstr(f.on.error.message, "511 bytes"));
	teardown(&f);
}

static void raw_refuses_what_is_no_disk(void **state)
{
	static const struct {
		const char *path, *words;
		int result;
	} cases[] = {
		{ "/nonexistent/disk.img", "No such file", -ENOENT },
		{ "/", "is a directory", -EISDIR },
		{ "/dev/null", "neither a file nor a block device", -ENOTBLK },
	};
	struct raw_fixture f;

	(void)state;
	setup(&f, 512);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct disk_raw_config config = { .path = cases[i].path, .read_only = true };

		assert_int_equal(
			disk_raw_open(&config, f.on.loop, &f.on.disk, &f.tail, &f.on.error),
			cases[i].result);
		assert_non_null(strstr(f.on.error.message, cases[i].path));
		assert_non_null(strstr(f.on.error.message, cases[i].words));
		assert_null(f.on.disk);
	}
	teardown(&f);
}

/* Another process tries to open the image; Return: with what result. */
static int open_elsewhere(struct raw_fixture *f, bool read_only)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		const struct disk_raw_config config = { .path = f->path, .read_only = read_only };
		struct disk_backend *disk;
		struct error error;
		unsigned tail;
		int r = disk_raw_open(&config, f->on.loop, &disk, &tail, &error);

		_exit(r < 0 && !strstr(error.message, f->path) ? 255 : -r);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void raw_image_has_one_writer(void **state)
{
	struct raw_fixture f;

	(void)state;
	setup(&f, SECTORS * 512);
	assert_int_equal(open_disk(&f, false, false), 0);
	assert_int_equal(open_elsewhere(&f, false), -EBUSY);
	assert_int_equal(open_elsewhere(&f, true), -EBUSY);
	disk_destroy(f.on.disk);
	f.on.disk = NULL;
	assert_int_equal(open_elsewhere(&f, false), 0);
	assert_int_equal(open_disk(&f, true, false), 0);
	assert_int_equal(open_elsewhere(&f, false), -EBUSY);
	assert_int_equal(open_elsewhere(&f, true), 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_reads_and_writes),
		cmocka_unit_test(raw_serves_many_pieces_and_requests),
		cmocka_unit_test(raw_makes_zeroes),
		cmocka_unit_test(raw_discards),
		cmocka_unit_test(raw_file_that_shrinks_is_an_error),
		cmocka_unit_test(raw_direct_takes_any_memory),
		cmocka_unit_test(raw_drain_ends_what_is_in_flight),
		cmocka_unit_test(raw_reap_needs_no_loop),
		cmocka_unit_test(raw_tail_is_told),
		cmocka_unit_test(raw_refuses_what_is_no_disk),
		cmocka_unit_test(raw_image_has_one_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
