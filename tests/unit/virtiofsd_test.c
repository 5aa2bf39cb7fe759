/* SPDX-License-Identifier: MIT */
/*
 * The real virtiofsd: started, asked for files by a driver that is nothing but memory, and gone
 * whenever it has to be.  Skipped where there is none, or where it cannot have namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/backend/virtiofsd.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/mmio.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"
#include "tests/unit/loop_fixture.h"

#define RING_SIZE     16
#define REQUEST_QUEUE 1
#define NOBODY        65534
#define SKIPPED       77
#define PATIENCE_S    60

struct fixture {
	struct mock_ram ram;
	struct mock_ring rings[2];
	struct recorded_irq irq;
	struct loop *loop;
	struct virtiofsd_config config;
	struct vhost_backend *backend; /* until the device has it */
	struct device *dev;
	struct error error;
	char dir[32]; /* that is shared; has a file "file" */
	unsigned losts;
	char why[256];
};

static void on_lost(void *ctx, const char *why)
{
	struct fixture *f = ctx;

	f->losts++;
	(void)snprintf(f->why, sizeof(f->why), "%s", why);
}

static void path_in(const struct fixture *f, const char *name, char path[64])
{
	(void)snprintf(path, 64, "%s/%s", f->dir, name);
}

static bool exists(const struct fixture *f, const char *name)
{
	char path[64];

	path_in(f, name, path);
	return access(path, F_OK) == 0;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[64];
	int fd;

	path_in(f, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void remove_file(const struct fixture *f, const char *name)
{
	char path[64];

	path_in(f, name, path);
	(void)unlink(path);
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/virtiofsd_test.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0777), 0);
	write_file(f, "file", "what is in the file");
	mock_ram_init_shared(&f->ram);
	assert_int_equal(loop_create(&f->loop), 0);
	f->config = (struct virtiofsd_config){
		.path = f->dir, .loop = f->loop, .lost = on_lost, .ctx = f
	};
}

static void teardown(struct fixture *f)
{
	if (f->dev)
		destroy_and_null(f->dev);
	vhost_backend_destroy(f->backend);
	loop_destroy(f->loop);
	mock_ram_deinit(&f->ram);
	remove_file(f, "file");
	remove_file(f, "new");
	assert_int_equal(rmdir(f->dir), 0);
}

static int start_device(struct fixture *f)
{
	struct virtio_dev_config config = { .name = "virtio-fs0",
					    .mem = &f->ram.mem,
					    .loop = f->loop };
	struct virtio_mmio_config mmio = { .base = 0xd0000000, .irq = recorded_irq_line(&f->irq) };
	struct virtio_dev *vdev;
	int r = virtiofsd_start(&f->config, &f->backend, &f->error);

	if (r == 0)
		r = virtio_fs_create(&config, "tag", f->backend, &vdev, &f->error);
	if (r < 0)
		return r;
	f->backend = NULL;
	assert_int_equal(virtio_mmio_create(&mmio, vdev, &f->dev), 0);
	return 0;
}

static void start_driver(struct fixture *f)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < 2; q++)
		mock_ring_init(&f->rings[q], &f->ram, RING_SIZE, MOCK_F_VERSION_1);
	assert_true(mock_mmio_start(f->dev, MOCK_F_VERSION_1, f->rings, 2));
}

/* Turns the loop until @flag is set, or for so long that it never will be. */
static void turn_until(struct fixture *f, const bool *flag, const unsigned *count)
{
	for (unsigned i = 0; i < PATIENCE_S * 1000; i++) {
		if ((flag && *flag) || (count && *count))
			return;
		loop_turn(f->loop);
		(void)poll(NULL, 0, 1);
	}
	fail_msg("nothing came");
}

/* One request of FUSE.  Return: its error, 0 or -errno. */
static int fuse_call(struct fixture *f, uint32_t opcode, uint64_t node, const void *in,
		     uint32_t in_len, void *out, uint32_t out_len)
{
	struct fuse_in_header header = { .len = (uint32_t)sizeof(header) + in_len,
					 .opcode = opcode,
					 .unique = 2,
					 .nodeid = node };
	const struct mock_buffer buffers[] = {
		mock_buffer(&f->ram, header.len, false, 0),
		mock_buffer(&f->ram, (uint32_t)sizeof(struct fuse_out_header) + out_len, true, 0),
	};
	struct fuse_out_header answer;
	uint8_t *sent = mock_ram_at(&f->ram, buffers[0].gpa);
	uint8_t *got = mock_ram_at(&f->ram, buffers[1].gpa);
	uint16_t head;
	uint32_t len;

	memcpy(sent, &header, sizeof(header));
	if (in_len)
		memcpy(sent + sizeof(header), in, in_len);
	assert_true(mock_ring_add(&f->rings[REQUEST_QUEUE], buffers, 2) >= 0);
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, REQUEST_QUEUE);
	/* virtiofsd may interrupt once for nothing, when it is told how. */
	while (!mock_ring_collect(&f->rings[REQUEST_QUEUE], &head, &len)) {
		turn_until(f, &f->irq.level, NULL);
		(void)mock_mmio_acknowledge(f->dev);
	}
	memcpy(&answer, got, sizeof(answer));
	if (answer.error == 0 && out_len)
		memcpy(out, got + sizeof(answer), out_len);
	return answer.error;
}

static void fuse_start(struct fixture *f)
{
	struct fuse_init_in init = { .major = FUSE_KERNEL_VERSION,
				     .minor = 31,
				     .max_readahead = 4096 };
	struct fuse_init_out answer = { 0 };

	assert_int_equal(fuse_call(f, FUSE_INIT, 0, &init, sizeof(init), &answer, sizeof(answer)),
			 0);
	assert_int_equal(answer.major, FUSE_KERNEL_VERSION);
}

/* Return: 0 with the node, or -errno. */
static int fuse_lookup(struct fixture *f, const char *name, uint64_t *ret_node)
{
	struct fuse_entry_out entry = { 0 };
	int r = fuse_call(f, FUSE_LOOKUP, FUSE_ROOT_ID, name, (uint32_t)strlen(name) + 1, &entry,
			  sizeof(entry));

	*ret_node = entry.nodeid;
	return r;
}

static int fuse_create(struct fixture *f, const char *name)
{
	struct {
		struct fuse_mknod_in in;
		char name[32];
	} request = { .in = { .mode = S_IFREG | 0644 } };
	struct fuse_entry_out entry;

	strcpy(request.name, name);
	return fuse_call(f, FUSE_MKNOD, FUSE_ROOT_ID, &request,
			 (uint32_t)(sizeof(request.in) + strlen(name) + 1), &entry, sizeof(entry));
}

static int fuse_open(struct fixture *f, uint64_t node, uint32_t flags, uint64_t *ret_handle)
{
	struct fuse_open_in in = { .flags = flags };
	struct fuse_open_out out = { 0 };
	int r = fuse_call(f, FUSE_OPEN, node, &in, sizeof(in), &out, sizeof(out));

	*ret_handle = out.fh;
	return r;
}

static void expect_file_is_read(struct fixture *f)
{
	static const char content[] = "what is in the file";
	char text[sizeof(content)] = "";
	struct fuse_read_in in = { .size = sizeof(content) - 1 };
	uint64_t node;

	assert_int_equal(fuse_lookup(f, "file", &node), 0);
	assert_int_equal(fuse_open(f, node, O_RDONLY, &in.fh), 0);
	assert_int_equal(fuse_call(f, FUSE_READ, node, &in, sizeof(in), text, in.size), 0);
	assert_string_equal(text, content);
}

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

static void bad_directories_are_refused(void **state)
{
	struct fixture f;
	char path[64];

	(void)state;
	setup(&f);
	f.config.path = "/nonexistent";
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOENT);
	assert_string_equal(f.error.message,
			    "cannot share '/nonexistent': No such file or directory");
	path_in(&f, "file", path);
	f.config.path = path;
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOTDIR);
	assert_non_null(strstr(f.error.message, "it is not a directory"));
	teardown(&f);
}

static void bad_programs_are_told_of(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.config.program = "/nonexistent/virtiofsd";
	assert_int_equal(virtiofsd_start(&f.config, &f.backend, &f.error), -ENOENT);
	assert_non_null(strstr(f.error.message, ": cannot run the program: No such file"));
	teardown(&f);

	/* One that does not know the options, and says so. */
	setup(&f);
	f.config.program = "/bin/ls";
	assert_int_equal(start_device(&f), -ECONNRESET);
	assert_string_equal(f.error.message, "it hung up");
	assert_non_null(strstr(virtiofsd_last_words(f.backend, "nothing"), "ls --help"));
	teardown(&f);

	setup(&f);
	f.config.program = "/bin/false";
	assert_int_equal(start_device(&f), -ECONNRESET);
	assert_string_equal(virtiofsd_last_words(f.backend, "nothing"), "nothing");
	teardown(&f);
}

enum { WORKS, FAILS, NEEDS_IDS, NO_NAMESPACES };

static int why_not(const char *message)
{
	if (strstr(message, "a normal user may not make namespaces"))
		return NO_NAMESPACES;
	return strstr(message, "newuidmap") ? NEEDS_IDS : FAILS;
}

static void __attribute__((noreturn))
be_nobody(struct fixture *f, const gid_t *groups, size_t nr_groups)
{
	bool refused;

	if (setgroups(nr_groups, groups) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(FAILS);
	/* What /proc shows of us is ours again. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	f->config.read_only = true;
	if (start_device(f) < 0) {
		print_message("%s\n", f->error.message);
		_exit(why_not(f->error.message));
	}
	start_driver(f);
	fuse_start(f);
	expect_file_is_read(f);
	refused = fuse_create(f, "new") == -EROFS;
	destroy_and_null(f->dev);
	_exit(refused ? WORKS : FAILS);
}

static int try_as_nobody(const gid_t *groups, size_t nr_groups)
{
	struct fixture f;
	int status;
	pid_t pid;

	setup(&f);
	pid = fork();
	if (pid == 0)
		be_nobody(&f, groups, nr_groups);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	teardown(&f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILS;
}

static void normal_user_can_share(void **state)
{
	static const gid_t some[] = { 5, 6 };
	int result;

	(void)state;
	if (geteuid() != 0)
		skip();
	result = try_as_nobody(NULL, 0);
	/* They may be root's on this host. */
	if (result == NO_NAMESPACES)
		skip();
	assert_int_equal(result, WORKS);
	/* Who cannot leave a group is told what would help. */
	result = try_as_nobody(some, ARRAY_SIZE(some));
	assert_true(result == NEEDS_IDS || result == WORKS);
}

/* Does it work at all here? */
static void check_host(void)
{
	struct fixture f;
	int r;

	setup(&f);
	r = virtiofsd_start(&f.config, &f.backend, &f.error);
	teardown(&f);
	if (r == 0)
		return;
	printf("skipped: %s\n", f.error.message);
	exit(SKIPPED);
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
		cmocka_unit_test(bad_directories_are_refused),
		cmocka_unit_test(bad_programs_are_told_of),
		cmocka_unit_test(normal_user_can_share),
	};

	check_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
