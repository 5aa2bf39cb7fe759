/* SPDX-License-Identifier: MIT */
/*
 * The real virtiofsd, and a driver that is nothing but memory and asks it for files.  Skipped where
 * there is none, or where it cannot have namespaces.
 */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIOFSD_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIOFSD_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static inline void on_lost(void *ctx, const char *why)
{
	struct fixture *f = ctx;

	f->losts++;
	(void)snprintf(f->why, sizeof(f->why), "%s", why);
}

static inline void path_in(const struct fixture *f, const char *name, char path[64])
{
	(void)snprintf(path, 64, "%s/%s", f->dir, name);
}

static inline bool exists(const struct fixture *f, const char *name)
{
	char path[64];

	path_in(f, name, path);
	return access(path, F_OK) == 0;
}

static inline void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[64];
	int fd;

	path_in(f, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static inline void remove_file(const struct fixture *f, const char *name)
{
	char path[64];

	path_in(f, name, path);
	(void)unlink(path);
}

static inline void setup(struct fixture *f)
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

static inline void teardown(struct fixture *f)
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

static inline int start_device(struct fixture *f)
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

static inline void start_driver(struct fixture *f)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < 2; q++)
		mock_ring_init(&f->rings[q], &f->ram, RING_SIZE, MOCK_F_VERSION_1);
	assert_true(mock_mmio_start(f->dev, MOCK_F_VERSION_1, f->rings, 2));
}

/* Turns the loop until @flag is set, or for so long that it never will be. */
static inline void turn_until(struct fixture *f, const bool *flag, const unsigned *count)
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
static inline int fuse_call(struct fixture *f, uint32_t opcode, uint64_t node, const void *in,
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

static inline void fuse_start(struct fixture *f)
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
static inline int fuse_lookup(struct fixture *f, const char *name, uint64_t *ret_node)
{
	struct fuse_entry_out entry = { 0 };
	int r = fuse_call(f, FUSE_LOOKUP, FUSE_ROOT_ID, name, (uint32_t)strlen(name) + 1, &entry,
			  sizeof(entry));

	*ret_node = entry.nodeid;
	return r;
}

static inline int fuse_create(struct fixture *f, const char *name)
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

static inline int fuse_open(struct fixture *f, uint64_t node, uint32_t flags, uint64_t *ret_handle)
{
	struct fuse_open_in in = { .flags = flags };
	struct fuse_open_out out = { 0 };
	int r = fuse_call(f, FUSE_OPEN, node, &in, sizeof(in), &out, sizeof(out));

	*ret_handle = out.fh;
	return r;
}

static inline void expect_file_is_read(struct fixture *f)
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

/* Does it work at all here? */
static inline void check_host(void)
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

#endif
