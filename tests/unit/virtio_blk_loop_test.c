/* SPDX-License-Identifier: MIT */
/*
 * The block device as it is in a machine: its loop in a thread, its blocks in a file or at a server
 * of NBD, and a driver in another thread that resets it in the midst of its work.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "devices/backend/disk_nbd.h"
#include "devices/backend/disk_raw.h"
#include "devices/virtio/blk.h"
#include "tests/support/fake_nbd.h"
#include "tests/unit/board_fixture.h"
#include "tests/unit/cmocka_all.h"

#define FEATURES    (MOCK_F_VERSION_1 | MOCK_FEATURE(VIRTIO_BLK_F_FLUSH))
#define SECTORS     256
#define PER_ROUND   40
#define ROUNDS      60
#define REQUEST_LEN 4096

struct machine {
	struct board board;
	struct mock_ring ring;
	uint64_t data[PER_ROUND];
	char path[64];
	struct fake_nbd nbd;
	bool is_nbd;
};

static void make_image(struct machine *m)
{
	uint8_t block[REQUEST_LEN];
	int fd;

	strcpy(m->path, "/tmp/virtio_blk_loop_test.XXXXXX");
	fd = mkostemp(m->path, O_CLOEXEC);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < SECTORS / 8; i++) {
		memset(block, (int)(i + 1), sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	assert_int_equal(close(fd), 0);
}

static struct disk_backend *open_raw(struct machine *m)
{
	struct disk_raw_config raw = { .path = m->path };
	struct disk_backend *disk;
	struct error error;
	unsigned tail;
	int r;

	make_image(m);
	r = disk_raw_open(&raw, m->board.loop, &disk, &tail, &error);
	if (r == -ENOSYS || r == -EPERM) {
		print_message("%s\n", error.message);
		(void)unlink(m->path);
		exit(77);
	}
	assert_int_equal(r, 0);
	return disk;
}

static struct disk_backend *open_nbd(struct machine *m)
{
	const struct fake_nbd_config config = { .size = SECTORS * 512,
						.flags = NBD_FLAGS_ALL,
						.batch = 8 };
	struct disk_nbd_config nbd = { .uri = m->nbd.uri };
	struct disk_nbd_notes notes;
	struct disk_backend *disk;
	struct error error;

	fake_nbd_start(&m->nbd, &config);
	for (size_t i = 0; i < config.size; i++)
		m->nbd.bytes[i] = (uint8_t)(i / REQUEST_LEN + 1);
	if (disk_nbd_open(&nbd, m->board.loop, &disk, &notes, &error) < 0)
		fail_msg("%s", error.message);
	return disk;
}

static void setup(struct machine *m, bool is_nbd)
{
	struct virtio_dev_config config;
	struct disk_backend *disk;
	struct virtio_dev *vdev;

	memset(m, 0, sizeof(*m));
	m->is_nbd = is_nbd;
	config = board_init(&m->board, "virtio-blk0");
	disk = is_nbd ? open_nbd(m) : open_raw(m);
	assert_int_equal(virtio_blk_create(&config, disk, NULL, &vdev), 0);
	board_start(&m->board, vdev);
}

static void teardown(struct machine *m)
{
	board_deinit(&m->board);
	if (m->is_nbd) {
		fake_nbd_stop(&m->nbd);
		fake_nbd_free(&m->nbd);
	} else {
		assert_int_equal(unlink(m->path), 0);
	}
}

static void start(struct machine *m)
{
	m->board.ram.next = MOCK_RAM_BASE;
	mock_ring_init(&m->ring, &m->board.ram, 128, FEATURES);
	assert_true(mock_mmio_start(m->board.dev, FEATURES, &m->ring, 1));
}

/* Reads block i into buffer i. */
static void offer(struct machine *m, unsigned i)
{
	struct virtio_blk_outhdr header = { VIRTIO_BLK_T_IN, 0, i % (SECTORS / 8) * 8 };
	struct mock_buffer buffers[] = {
		mock_buffer(&m->board.ram, sizeof(header), false, 0),
		mock_buffer(&m->board.ram, REQUEST_LEN + 1, true, 0xee),
	};

	memcpy(mock_ram_at(&m->board.ram, buffers[0].gpa), &header, sizeof(header));
	m->data[i] = buffers[1].gpa;
	assert_true(mock_ring_add(&m->ring, buffers, 2) >= 0);
	mock_mmio_write(m->board.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void collect(struct machine *m, unsigned count)
{
	while (count) {
		uint16_t head;
		uint32_t len;

		if (!mock_ring_collect(&m->ring, &head, &len)) {
			(void)poll(NULL, 0, 1);
			continue;
		}
		assert_int_equal(len, REQUEST_LEN + 1);
		count--;
	}
}

static void read_everything(bool is_nbd)
{
	struct machine m;

	setup(&m, is_nbd);
	start(&m);
	for (unsigned i = 0; i < PER_ROUND; i++)
		offer(&m, i);
	collect(&m, PER_ROUND);
	for (unsigned i = 0; i < PER_ROUND; i++) {
		const uint8_t *data = mock_ram_at(&m.board.ram, m.data[i]);

		assert_int_equal(data[0], i % (SECTORS / 8) + 1);
		assert_int_equal(data[REQUEST_LEN - 1], i % (SECTORS / 8) + 1);
		assert_int_equal(data[REQUEST_LEN], VIRTIO_BLK_S_OK);
	}
	teardown(&m);
}

/* Nothing may land in memory once the reset is done. */
static void reset_in_the_midst(bool is_nbd)
{
	struct machine m;

	setup(&m, is_nbd);
	for (unsigned round = 0; round < ROUNDS; round++) {
		start(&m);
		for (unsigned i = 0; i < PER_ROUND; i++)
			offer(&m, i);
		collect(&m, round % (PER_ROUND / 2));
		mock_mmio_write(m.board.dev, VIRTIO_MMIO_STATUS, 0);
		memset(m.board.ram.bytes, 0x77, MOCK_RAM_SIZE);
		if (round % 10 == 0)
			(void)poll(NULL, 0, 2);
		for (size_t i = 0; i < MOCK_RAM_SIZE; i++) {
			if (m.board.ram.bytes[i] != 0x77)
				fail_msg("round %u: byte %zu changed", round, i);
		}
	}
	start(&m);
	offer(&m, 0);
	collect(&m, 1);
	/* The last reset has requests in flight, too, and no loop any more. */
	for (unsigned i = 0; i < PER_ROUND; i++)
		offer(&m, i);
	teardown(&m);
}

static void blk_reads_from_a_file(void **state)
{
	(void)state;
	read_everything(false);
}

static void blk_reads_from_a_server(void **state)
{
	(void)state;
	read_everything(true);
}

static void blk_reset_in_the_midst_of_a_file(void **state)
{
	(void)state;
	reset_in_the_midst(false);
}

static void blk_reset_in_the_midst_of_nbd(void **state)
{
	(void)state;
	reset_in_the_midst(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk_reads_from_a_server),
		cmocka_unit_test(blk_reset_in_the_midst_of_nbd),
		cmocka_unit_test(blk_reads_from_a_file),
		cmocka_unit_test(blk_reset_in_the_midst_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
