/* SPDX-License-Identifier: MIT */
/* A virtio device as it is in a machine: over MMIO, its event loop in a thread of its own. */
#ifndef GLASSBOX_TESTS_UNIT_BOARD_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_BOARD_FIXTURE_H

#include <pthread.h>
#include <string.h>

#include "base/loop.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/virtio.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

struct board {
	struct mock_ram ram;
	struct recorded_irq irq;
	struct loop *loop;
	pthread_t thread;
	struct device *dev;
};

static void *board_thread(void *loop)
{
	return loop_run(loop) < 0 ? loop : NULL;
}

/* What its device is created with. */
static struct virtio_dev_config board_init(struct board *board, const char *name)
{
	memset(board, 0, sizeof(*board));
	mock_ram_init(&board->ram);
	assert_int_equal(loop_create(&board->loop), 0);
	return (struct virtio_dev_config){ .name = name,
					   .mem = &board->ram.mem,
					   .loop = board->loop };
}

/* Owns the device from here on. */
static void board_start(struct board *board, struct virtio_dev *vdev)
{
	const struct virtio_mmio_config config = { .base = 0xd0000000,
						   .irq = recorded_irq_line(&board->irq) };

	assert_int_equal(virtio_mmio_create(&config, vdev, &board->dev), 0);
	assert_int_equal(pthread_create(&board->thread, NULL, board_thread, board->loop), 0);
}

static void board_deinit(struct board *board)
{
	void *failed;

	loop_quit(board->loop);
	assert_int_equal(pthread_join(board->thread, &failed), 0);
	assert_null(failed);
	destroy_and_null(board->dev);
	loop_destroy(board->loop);
	mock_ram_deinit(&board->ram);
}

#endif
