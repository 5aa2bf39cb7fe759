/* SPDX-License-Identifier: MIT */
/* The real virtiofsd serves files, and is gone whenever it has to be. */
#include <linux/virtio_config.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/virtiofsd_fixture.h"

static void writable_share_is_read_and_written(void **state)
{
	struct fixture f;
	uint64_t node, handle;

	(void)state;
	setup(&f);
	assert_int_equal(start_device(&f), 0);
	/* A second driver after a reset finds the same. */
	for (unsigned i = 0; i < 2; i++) {
		start_driver(&f);
		fuse_start(&f);
		expect_file_is_read(&f);
		assert_int_equal(fuse_lookup(&f, "nothing", &node), -ENOENT);
		assert_int_equal(fuse_create(&f, "new"), i == 0 ? 0 : -EEXIST);
		assert_true(exists(&f, "new"));
		assert_int_equal(fuse_lookup(&f, "new", &node), 0);
		assert_int_equal(fuse_open(&f, node, O_RDWR, &handle), 0);
	}
	teardown(&f);
}

/* Whatever the guest's kernel has mounted it as: the host says no. */
static void read_only_share_is_not_written(void **state)
{
	struct fixture f;
	uint64_t node, handle;

	(void)state;
	setup(&f);
	f.config.read_only = true;
	assert_int_equal(start_device(&f), 0);
	start_driver(&f);
	fuse_start(&f);
	expect_file_is_read(&f);
	assert_int_equal(fuse_create(&f, "new"), -EROFS);
	assert_false(exists(&f, "new"));
	assert_int_equal(fuse_lookup(&f, "file", &node), 0);
	assert_int_equal(fuse_open(&f, node, O_RDWR, &handle), -EROFS);
	assert_int_equal(fuse_call(&f, FUSE_UNLINK, FUSE_ROOT_ID, "file", 5, NULL, 0), -EROFS);
	assert_true(exists(&f, "file"));
	teardown(&f);
}

static void root_of_the_host_is_shared(void **state)
{
	struct fixture f;
	uint64_t node;

	(void)state;
	setup(&f);
	f.config.path = "/";
	f.config.read_only = true;
	assert_int_equal(start_device(&f), 0);
	start_driver(&f);
	fuse_start(&f);
	assert_int_equal(fuse_lookup(&f, "usr", &node), 0);
	assert_int_equal(fuse_create(&f, "glassbox-was-here"), -EROFS);
	teardown(&f);
}

/* The processes that @pid made, by /proc.  Return: how many; the last is @ret_child. */
static unsigned children_of(pid_t pid, pid_t *ret_child)
{
	char path[64], text[256] = "";
	unsigned count = 0;
	FILE *file;
	int child, at = 0, len;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	(void)!fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	while (sscanf(text + at, "%d%n", &child, &len) == 1) {
		*ret_child = child;
		at += len;
		count++;
	}
	return count;
}

static void expect_gone(pid_t pid)
{
	for (unsigned i = 0; i < PATIENCE_S * 100; i++) {
		char path[64], state = 'Z';
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		file = fopen(path, "re");
		if (!file)
			return;
		if (fscanf(file, "%*d %*s %c", &state) != 1)
			state = 'Z';
		(void)fclose(file);
		/* Whoever inherited it may take its time. */
		if (state == 'Z')
			return;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("process %d is still there", (int)pid);
}

static void killed_virtiofsd_is_missed(void **state)
{
	pid_t first = 0, worker = 0;
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(start_device(&f), 0);
	start_driver(&f);
	fuse_start(&f);
	assert_int_equal(children_of(getpid(), &first), 1);
	assert_int_equal(children_of(first, &worker), 1);
	assert_int_equal(kill(worker, SIGKILL), 0);
	turn_until(&f, NULL, &f.losts);
	assert_string_equal(f.why, "it ended");
	assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(children_of(getpid(), &first), 0);
	teardown(&f);
}

static void expect_no_core_dump(pid_t pid)
{
	struct rlimit limit;

	assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &limit), 0);
	assert_int_equal(limit.rlim_cur, 1);
	assert_int_equal(limit.rlim_max, 1);
}

/* A request that virtiofsd takes for the end of the world.  It aborts, with all of the guest's
 * memory mapped. */
static void guest_can_end_virtiofsd_only(void **state)
{
	pid_t first = 0, worker = 0;
	struct mock_buffer buffer;
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(start_device(&f), 0);
	start_driver(&f);
	fuse_start(&f);
	assert_int_equal(children_of(getpid(), &first), 1);
	assert_int_equal(children_of(first, &worker), 1);
	expect_no_core_dump(first);
	expect_no_core_dump(worker);
	buffer = mock_buffer(&f.ram, 3, false, 0);
	assert_true(mock_ring_add(&f.rings[REQUEST_QUEUE], &buffer, 1) >= 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, REQUEST_QUEUE);
	turn_until(&f, NULL, &f.losts);
	assert_int_equal(strncmp(f.why, "it ended: ", 10), 0);
	assert_int_equal(f.losts, 1);
	teardown(&f);
}

/* Starts a device, tells which processes it made, and is killed. */
static void __attribute__((noreturn)) be_killed(int tell)
{
	pid_t pids[2] = { 0, 0 };
	struct fixture f;

	setup(&f);
	if (start_device(&f) == 0) {
		start_driver(&f);
		fuse_start(&f);
		(void)children_of(getpid(), &pids[0]);
		(void)children_of(pids[0], &pids[1]);
	}
	/* Only its own end shall end them: the connection stays. */
	(void)fcntl(tell, F_SETFD, 0);
	(void)!write(tell, pids, sizeof(pids));
	(void)!write(tell, f.dir, sizeof(f.dir));
	for (;;)
		(void)pause();
}

static void virtiofsd_dies_with_us(void **state)
{
	pid_t pids[2], pid;
	struct fixture f = { 0 };
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		be_killed(pipes[1]);
	assert_true(pid > 0);
	assert_int_equal(read(pipes[0], pids, sizeof(pids)), sizeof(pids));
	assert_int_equal(read(pipes[0], f.dir, sizeof(f.dir)), sizeof(f.dir));
	assert_true(pids[0] > 0 && pids[1] > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	expect_gone(pids[0]);
	expect_gone(pids[1]);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	remove_file(&f, "file");
	assert_int_equal(rmdir(f.dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writable_share_is_read_and_written),
		cmocka_unit_test(read_only_share_is_not_written),
		cmocka_unit_test(root_of_the_host_is_shared),
		cmocka_unit_test(killed_virtiofsd_is_missed),
		cmocka_unit_test(guest_can_end_virtiofsd_only),
		cmocka_unit_test(virtiofsd_dies_with_us),
	};

	check_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
