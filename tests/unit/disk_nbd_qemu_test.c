/* SPDX-License-Identifier: MIT */
/* An NBD disk at the server that people use: qemu-nbd, with raw and qcow2 images. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

#include "tests/unit/disk_nbd_fixture.h"
#include "tests/unit/loop_fixture.h"

#define SECTORS   16384 /* 8 MiB */
#define IMAGE_LEN ((size_t)SECTORS * 512)

struct qemu_fixture {
	struct disk_fixture on;
	char dir[32], uri[160], cause[256];
	const char *format;
	struct disk_nbd_notes notes;
	unsigned lost;
	uint8_t *model; /* what the disk should have */
};

static void on_lost(void *ctx, const char *cause)
{
	struct qemu_fixture *f = ctx;

	f->lost++;
	(void)snprintf(f->cause, sizeof(f->cause), "%s", cause);
	loop_quit(f->on.loop);
}

/* 0: none.  A test that fails leaves it behind. */
static pid_t server;

/* Runs a command of the shell in the fixture's directory, quietly.  Return: its exit status. */
static int run_in(const struct qemu_fixture *f, const char *command)
{
	char line[512];
	int status;

	(void)snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1 </dev/null", f->dir,
		       command);
	status = system(line);
	return status == -1 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

static void must_run_in(const struct qemu_fixture *f, const char *command)
{
	if (run_in(f, command) != 0) {
		(void)run_in(f, "cat log >&2");
		fail_msg("this failed: %s", command);
	}
}

static void put_file(const struct qemu_fixture *f, const char *name, const void *bytes, size_t len)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

static void get_file(const struct qemu_fixture *f, const char *name, void *bytes, size_t len)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

static void end_server(int number)
{
	if (!server)
		return;
	assert_int_equal(kill(server, number), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
	server = 0;
}

/* An image in which sector n is filled with n + 1. */
static void setup(struct qemu_fixture *f, const char *format)
{
	char command[128];

	end_server(SIGKILL);
	memset(f, 0, sizeof(*f));
	f->format = format;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/disk_nbd.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	disk_fixture_init(&f->on);
	f->model = malloc(IMAGE_LEN);
	assert_non_null(f->model);
	for (size_t i = 0; i < IMAGE_LEN; i++)
		f->model[i] = (uint8_t)(i / 512 + 1);
	put_file(f, "start", f->model, IMAGE_LEN);
	(void)snprintf(command, sizeof(command), "qemu-img convert -f raw -O %s start image",
		       format);
	must_run_in(f, command);
}

/* Returns when it listens. */
static void serve(struct qemu_fixture *f, const char *options)
{
	char command[384], pid[16] = "";
	int fd;

	(void)snprintf(command, sizeof(command),
		       "qemu-nbd --fork --persistent --pid-file=%s/pid --socket=%s/socket "
		       "--format=%s %s image",
		       f->dir, f->dir, f->format, options);
	must_run_in(f, command);
	(void)snprintf(command, sizeof(command), "%s/pid", f->dir);
	fd = open(command, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, pid, sizeof(pid) - 1) > 0);
	assert_int_equal(close(fd), 0);
	server = (pid_t)strtol(pid, NULL, 10);
	assert_true(server > 1);
	(void)snprintf(f->uri, sizeof(f->uri), "nbd+unix:///?socket=%s/socket", f->dir);
}

static int open_disk(struct qemu_fixture *f, bool read_only)
{
	const struct disk_nbd_config config = { .uri = f->uri,
						.read_only = read_only,
						.connect_ms = NBD_PATIENCE_MS,
						.answer_ms = NBD_PATIENCE_MS,
						.lost = on_lost,
						.ctx = f };
	int r = disk_nbd_open(&config, f->on.loop, &f->on.disk, &f->notes, &f->on.error);

	if (r == 0)
		disk_attach(f->on.disk, disk_on_completed, &f->on);
	return r;
}

static void teardown(struct qemu_fixture *f)
{
	char command[64];

	disk_fixture_deinit(&f->on);
	end_server(SIGTERM);
	free(f->model);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
}

static void write_pattern(struct qemu_fixture *f, unsigned sector, unsigned count, uint8_t seed,
			  bool durable)
{
	uint8_t *data = f->model + (size_t)sector * 512;
	size_t half = (size_t)count * 256;
	struct iovec iov[] = { { data, half }, { data + half, half } };
	struct disk_request request = { .op = DISK_WRITE,
					.offset = sector * 512,
					.len = half * 2,
					.iov = iov,
					.nr_iov = 2,
					.durable = durable };

	for (size_t i = 0; i < half * 2; i++)
		data[i] = (uint8_t)(i * 13 + i / 509 + seed);
	assert_int_equal(disk_do(&f->on, &request), 0);
}

static void change_everything(struct qemu_fixture *f)
{
	uint8_t *data = malloc(IMAGE_LEN);

	assert_non_null(data);
	write_pattern(f, 1, 1, 1, false);
	write_pattern(f, 7, 33, 2, true);
	write_pattern(f, 1000, 8000, 3, false);
	write_pattern(f, SECTORS - 2, 2, 4, false);
	for (unsigned how = 0; how < 4; how++) {
		unsigned sector = 10000 + how * 500;

		assert_int_equal(
			disk_other(&f->on, DISK_WRITE_ZEROES, sector, 301, how & 1, how & 2), 0);
		memset(f->model + (size_t)sector * 512, 0, 301 * 512);
	}
	assert_int_equal(disk_other(&f->on, DISK_FLUSH, 0, 0, false, false), 0);
	assert_int_equal(disk_transfer(&f->on, DISK_READ, 0, data, IMAGE_LEN), 0);
	assert_memory_equal(data, f->model, IMAGE_LEN);
	/* What is there now is nobody's business. */
	assert_int_equal(disk_other(&f->on, DISK_DISCARD, 12000, 2048, false, false), 0);
	assert_int_equal(
		disk_transfer(&f->on, DISK_READ, 12000, f->model + (size_t)12000 * 512, 2048 * 512),
		0);
	free(data);
}

static void nbd_serves_images(void **state)
{
	static const char *const formats[] = { "raw", "qcow2" };
	uint8_t *after = malloc(IMAGE_LEN);
	char command[128];
	struct qemu_fixture f;

	(void)state;
	assert_non_null(after);
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		setup(&f, formats[i]);
		serve(&f, "--discard=unmap --detect-zeroes=off");
		if (open_disk(&f, false) < 0)
			fail_msg("%s", f.on.error.message);
		assert_int_equal(f.on.disk->info.size, IMAGE_LEN);
		assert_int_equal(f.on.disk->info.block_size, 512);
		assert_int_equal(f.notes.tail, 0);
		assert_false(f.notes.no_flush);
		change_everything(&f);
		disk_destroy(f.on.disk);
		f.on.disk = NULL;
		end_server(SIGTERM);
		(void)snprintf(command, sizeof(command),
			       "qemu-img convert -f %s -O raw image after", formats[i]);
		must_run_in(&f, command);
		get_file(&f, "after", after, IMAGE_LEN);
		assert_memory_equal(after, f.model, IMAGE_LEN);
		assert_int_equal(f.lost, 0);
		teardown(&f);
	}
	free(after);
}

static void nbd_serves_one_after_the_other(void **state)
{
	uint8_t data[512];
	struct qemu_fixture f;

	(void)state;
	setup(&f, "qcow2");
	serve(&f, "");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(open_disk(&f, false), 0);
		assert_int_equal(disk_transfer(&f.on, DISK_READ, i, data, sizeof(data)), 0);
		assert_int_equal(data[0], i + 1);
		disk_destroy(f.on.disk);
		f.on.disk = NULL;
	}
	teardown(&f);
}

static void nbd_read_only_export(void **state)
{
	uint8_t data[512];
	struct qemu_fixture f;

	(void)state;
	setup(&f, "raw");
	serve(&f, "--read-only");
	assert_int_equal(open_disk(&f, false), -EROFS);
	assert_non_null(strstr(f.on.error.message, "(ro)"));
	assert_int_equal(open_disk(&f, true), 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 4, data, sizeof(data)), 0);
	assert_int_equal(data[0], 5);
	teardown(&f);
}

static void nbd_export_names(void **state)
{
	struct qemu_fixture f;

	(void)state;
	setup(&f, "raw");
	serve(&f, "--export-name=disk");
	(void)snprintf(f.uri, sizeof(f.uri), "nbd+unix:///other?socket=%s/socket", f.dir);
	assert_true(open_disk(&f, false) < 0);
	assert_non_null(strstr(f.on.error.message, "no export named 'other'"));
	(void)snprintf(f.uri, sizeof(f.uri), "nbd+unix:///disk?socket=%s/socket", f.dir);
	assert_int_equal(open_disk(&f, false), 0);
	teardown(&f);
}

/* Stopped, so that the requests are surely with it when it is killed. */
static void nbd_server_is_killed(void **state)
{
	static const enum disk_op ops[] = { DISK_READ, DISK_WRITE };
	uint8_t *data = calloc(1, IMAGE_LEN);
	struct disk_request flush = { .op = DISK_FLUSH };
	struct iovec iov;
	struct disk_request request = { .len = IMAGE_LEN, .iov = &iov, .nr_iov = 1 };
	struct qemu_fixture f;

	(void)state;
	assert_non_null(data);
	for (unsigned i = 0; i < 2; i++) {
		setup(&f, "qcow2");
		serve(&f, "");
		assert_int_equal(open_disk(&f, false), 0);
		assert_int_equal(kill(server, SIGSTOP), 0);
		iov = (struct iovec){ data, IMAGE_LEN };
		request = (struct disk_request){
			.op = ops[i], .len = IMAGE_LEN, .iov = &iov, .nr_iov = 1
		};
		disk_submit(f.on.disk, &request);
		disk_submit(f.on.disk, &flush);
		disk_commit(f.on.disk);
		end_server(SIGKILL);
		disk_wait_for(&f.on, 2);
		assert_int_equal(request.error, -EIO);
		assert_int_equal(flush.error, -EIO);
		assert_int_equal(f.lost, 1);
		assert_int_not_equal(f.cause[0], '\0');
		assert_int_equal(disk_transfer(&f.on, DISK_READ, 0, data, 512), -EIO);
		assert_int_equal(f.lost, 1);
		teardown(&f);
	}
	free(data);
}

static void *let_it_go_on(void *ctx)
{
	(void)poll(NULL, 0, 50);
	return kill(server, SIGCONT) == 0 ? NULL : ctx;
}

static void nbd_drain_waits_for_the_server(void **state)
{
	uint8_t *data = calloc(1, IMAGE_LEN);
	struct iovec iov = { data, IMAGE_LEN };
	struct disk_request request = {
		.op = DISK_READ, .len = IMAGE_LEN, .iov = &iov, .nr_iov = 1
	};
	struct qemu_fixture f;
	pthread_t thread;
	void *failed;

	(void)state;
	assert_non_null(data);
	setup(&f, "qcow2");
	serve(&f, "");
	assert_int_equal(open_disk(&f, false), 0);
	assert_int_equal(kill(server, SIGSTOP), 0);
	disk_submit(f.on.disk, &request);
	assert_int_equal(pthread_create(&thread, NULL, let_it_go_on, data), 0);
	disk_drain(f.on.disk);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_memory_equal(data, f.model, IMAGE_LEN);
	assert_int_equal(f.on.completed, 0);
	assert_int_equal(loop_run(f.on.loop), 0);
	assert_int_equal(f.on.completed, 1);
	assert_int_equal(request.error, 0);
	assert_int_equal(f.lost, 0);
	teardown(&f);
	free(data);
}

static void nbd_over_tls(void **state)
{
	static const char keys[] = "guest:00112233445566778899aabbccddeeff\n";
	char options[128];
	uint8_t data[4096];
	struct qemu_fixture f;

	(void)state;
	setup(&f, "raw");
	put_file(&f, "keys.psk", keys, sizeof(keys) - 1);
	if (run_in(&f, "qemu-nbd --help | grep -q tls-creds") != 0) {
		print_message("qemu-nbd has no TLS\n");
		teardown(&f);
		skip();
	}
	(void)snprintf(options, sizeof(options),
		       "--object tls-creds-psk,id=tls,endpoint=server,dir=%s --tls-creds=tls",
		       f.dir);
	serve(&f, options);
	/* Not without. */
	assert_true(open_disk(&f, false) < 0);
	assert_non_null(strstr(f.on.error.message, "TLS"));
	(void)snprintf(f.uri, sizeof(f.uri),
		       "nbds+unix://guest@/?socket=%s/socket&tls-psk-file=%s/keys.psk", f.dir,
		       f.dir);
	if (open_disk(&f, false) < 0)
		fail_msg("%s", f.on.error.message);
	for (unsigned i = 0; i < 20; i++) {
		/* What belongs to the session alone may come now. */
		(void)poll(NULL, 0, 5);
		loop_turn(f.on.loop);
		assert_int_equal(disk_transfer(&f.on, DISK_READ, i, data, sizeof(data)), 0);
		assert_int_equal(data[0], i + 1);
	}
	change_everything(&f);
	end_server(SIGKILL);
	while (!f.lost)
		assert_int_equal(loop_run(f.on.loop), 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nbd_serves_images),
		cmocka_unit_test(nbd_serves_one_after_the_other),
		cmocka_unit_test(nbd_read_only_export),
		cmocka_unit_test(nbd_export_names),
		cmocka_unit_test(nbd_server_is_killed),
		cmocka_unit_test(nbd_drain_waits_for_the_server),
		cmocka_unit_test(nbd_over_tls),
	};
	int failed;

	if (system("qemu-nbd --version >/dev/null 2>&1 && qemu-img --version >/dev/null 2>&1")) {
		print_message("qemu-nbd and qemu-img are not installed (qemu-utils)\n");
		return 77;
	}
	/* Of servers, whose parents have ended. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (server)
		(void)kill(server, SIGKILL);
	return failed;
}
