/* SPDX-License-Identifier: MIT */
/*
 * A device whose queues are served elsewhere: when they are handed over and taken back, and the way
 * of notifications and interrupts past the core.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/inspect.h"
#include "devices/virtio/mmio.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"
#include "tests/unit/loop_fixture.h"

#define QUEUES    2
#define RING_SIZE 8
#define REG_RESET 0x0c0 /* QueueReset, newer than Linux's header */
#define FEATURES  (MOCK_F_VERSION_1 | MOCK_F_RING_RESET)

struct elsewhere {
	struct virtio_dev vdev;
	unsigned starts[QUEUES], stops[QUEUES];
	bool running[QUEUES];
	int start_result;
	unsigned resets;
};

struct fixture {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct recorded_irq irq;
	struct loop *loop;
	struct elsewhere device;
	struct device *dev;
};

static struct elsewhere *to_elsewhere(struct virtio_dev *vdev)
{
	return container_of(vdev, struct elsewhere, vdev);
}

static int on_start(struct virtio_dev *vdev, unsigned q)
{
	struct elsewhere *device = to_elsewhere(vdev);

	assert_true(vdev->active);
	assert_non_null(virtio_dev_queue(vdev, q)->host[VIRTQUEUE_DESC]);
	assert_false(device->running[q]);
	if (device->start_result < 0)
		return device->start_result;
	device->starts[q]++;
	device->running[q] = true;
	return 0;
}

static void on_stop(struct virtio_dev *vdev, unsigned q)
{
	struct elsewhere *device = to_elsewhere(vdev);

	device->stops[q]++;
	device->running[q] = false;
}

static void on_reset(struct virtio_dev *vdev)
{
	struct elsewhere *device = to_elsewhere(vdev);

	device->resets++;
	for (unsigned q = 0; q < QUEUES; q++)
		assert_false(device->running[q]);
}

static const struct virtio_ops elsewhere_ops = {
	.queue_start = on_start,
	.queue_stop = on_stop,
	.reset = on_reset,
	.destroy = virtio_dev_deinit,
};

static const struct virtio_class elsewhere_class = {
	.name = "elsewhere",
	.id = 42,
	.nr_queues = QUEUES,
	.queue_size = RING_SIZE,
	.ops = &elsewhere_ops,
};

static void setup(struct fixture *f)
{
	struct virtio_dev_config config = { .name = "elsewhere0" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	assert_int_equal(loop_create(&f->loop), 0);
	config.mem = &f->ram.mem;
	config.loop = f->loop;
	mmio.irq = recorded_irq_line(&f->irq);
	assert_int_equal(virtio_dev_init(&f->device.vdev, &elsewhere_class, &config, NULL), 0);
	assert_int_equal(virtio_mmio_create(&mmio, &f->device.vdev, &f->dev), 0);
}

static void teardown(struct fixture *f)
{
	destroy_and_null(f->dev);
	loop_destroy(f->loop);
	mock_ram_deinit(&f->ram);
}

static void make_rings(struct fixture *f)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, RING_SIZE, FEATURES);
}

static bool start(struct fixture *f, unsigned queues)
{
	make_rings(f);
	return mock_mmio_start(f->dev, FEATURES, f->rings, queues);
}

/* Takes what whoever serves the queue would find at its doorbell. */
static uint64_t take_kicks(struct fixture *f, unsigned q)
{
	uint64_t count = 0;
	int fd = virtio_dev_doorbell(&f->device.vdev, q);

	assert_true(fd >= 0);
	if (read(fd, &count, sizeof(count)) < 0)
		assert_int_equal(errno, EAGAIN);
	return count;
}

static void select_queue(struct fixture *f, unsigned q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_SEL, q);
}

static uint32_t status_of(struct fixture *f)
{
	return mock_mmio_read(f->dev, VIRTIO_MMIO_STATUS);
}

static void queues_that_are_on_are_handed_over(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_true(start(&f, 1));
	assert_int_equal(f.device.starts[0], 1);
	assert_int_equal(f.device.starts[1], 0);
	/* It may begin at once, in case that there is something already. */
	assert_true(take_kicks(&f, 0) > 0);
	assert_int_equal(take_kicks(&f, 1), 0);

	/* One that is turned on later. */
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	assert_int_equal(f.device.starts[1], 1);
	assert_true(take_kicks(&f, 1) > 0);
	assert_int_equal(f.device.starts[0], 1);
	assert_true(found_nothing());
	teardown(&f);
	assert_int_equal(f.device.stops[0], 1);
	assert_int_equal(f.device.stops[1], 1);
	assert_int_equal(f.device.resets, 1);
}

static void notifications_go_to_the_doorbell(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_true(start(&f, QUEUES));
	(void)take_kicks(&f, 0);
	(void)take_kicks(&f, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	/* The loop leaves it to the one it is for. */
	loop_turns(f.loop, 3);
	assert_int_equal(take_kicks(&f, 1), 1);
	assert_int_equal(take_kicks(&f, 0), 0);
	assert_int_equal(recorded.kicks, 1);
	assert_string_equal(recorded.last_via, "exit");

	/* Not for a queue that is off, or not there. */
	select_queue(&f, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(take_kicks(&f, 1), 0);
	assert_true(found_only("notify-queue"));
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, QUEUES);
	assert_true(found_only("notify-queue"));
	teardown(&f);
}

/* Whoever serves a queue can make its doorbell one that waits, and leave no room in it. */
static void full_doorbell_is_not_waited_for(void **state)
{
	const uint64_t most = UINT64_MAX - 1;
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	assert_true(start(&f, 1));
	(void)take_kicks(&f, 0);
	fd = virtio_dev_doorbell(&f.device.vdev, 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(take_kicks(&f, 0), most);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(take_kicks(&f, 0), 1);
	/* Now there is nothing in it. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	teardown(&f);
}

static void interrupts_reach_the_driver(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	virtio_dev_interrupt(&f.device.vdev, 0);
	assert_false(f.irq.level);
	assert_true(start(&f, 1));
	virtio_dev_interrupt(&f.device.vdev, 0);
	assert_true(f.irq.level);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_VRING);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SENT], 1);
	/* Of a queue that is off: it comes from before it was turned off. */
	virtio_dev_interrupt(&f.device.vdev, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	virtio_dev_interrupt(&f.device.vdev, 0);
	assert_false(f.irq.level);
	teardown(&f);
}

static void queues_are_taken_back(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_true(start(&f, QUEUES));
	select_queue(&f, 1);
	mock_mmio_write(f.dev, REG_RESET, 1);
	assert_int_equal(f.device.stops[1], 1);
	assert_int_equal(f.device.stops[0], 0);
	/* A notification of before is not left for the next driver. */
	assert_int_equal(take_kicks(&f, 1), 0);
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	assert_int_equal(f.device.starts[1], 2);

	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f.device.stops[0], 1);
	assert_int_equal(f.device.stops[1], 2);
	assert_int_equal(f.device.resets, 1);
	assert_int_equal(take_kicks(&f, 0), 0);
	assert_true(start(&f, QUEUES));
	assert_int_equal(f.device.starts[0], 2);
	assert_true(found_nothing());
	teardown(&f);
}

/* No address gets out that was not checked. */
static void bad_rings_are_not_handed_over(void **state)
{
	static const struct {
		uint64_t gpa;
		const char *rule;
	} bad[] = {
		{ MOCK_RAM_BASE + MOCK_RAM_SIZE, "queue-memory" },
		{ MOCK_RAM_BASE + MOCK_RAM_SIZE - 16, "queue-memory" },
		{ MOCK_RAM_BASE - 16, "queue-memory" },
		{ UINT64_MAX - 15, "queue-memory" },
		{ MOCK_RAM_BASE + 1, "queue-align" },
	};
	struct fixture f;

	(void)state;
	setup(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		for (unsigned area = 0; area < ARRAY_SIZE(f.rings[0].areas); area++) {
			make_rings(&f);
			f.rings[0].areas[area] = bad[i].gpa;
			assert_false(mock_mmio_start(f.dev, FEATURES, f.rings, 1));
			assert_int_equal(f.device.starts[0], 0);
			assert_true(found_only(bad[i].rule));
		}
	}
	/* Nor of a queue that is turned on later. */
	assert_true(start(&f, 1));
	f.rings[1].areas[2] = 0x10;
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	assert_int_equal(f.device.starts[1], 0);
	assert_true(status_of(&f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	teardown(&f);
}

static void failure_to_start_needs_a_reset(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.device.start_result = -EIO;
	assert_false(start(&f, QUEUES));
	assert_true(found_only("device-failed"));
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(take_kicks(&f, 0), 0);

	f.device.start_result = 0;
	assert_true(start(&f, 1));
	f.device.start_result = -ENOMEM;
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	assert_true(found_only("device-failed"));
	assert_true(status_of(&f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	teardown(&f);
}

/* What is shown of such a queue is what stands in its rings. */
static void rings_are_inspected(void **state)
{
	struct virtqueue_info info;
	struct mock_buffer buffer;
	struct fixture f;

	(void)state;
	setup(&f);
	assert_true(start(&f, 1));
	buffer = mock_buffer(&f.ram, 8, true, 0);
	assert_true(mock_ring_add(&f.rings[0], &buffer, 1) >= 0);
	assert_true(mock_ring_add(&f.rings[0], &buffer, 1) >= 0);
	f.rings[0].used->idx = 1;
	virtio_dev_inspect_queue(&f.device.vdev, 0, &info);
	assert_true(info.enabled && info.elsewhere);
	assert_int_equal(info.avail, 2);
	assert_int_equal(info.used, 1);
	assert_int_equal(info.nr_waiting, 0);
	assert_int_equal(info.nr_in_flight, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_that_are_on_are_handed_over),
		cmocka_unit_test(notifications_go_to_the_doorbell),
		cmocka_unit_test(full_doorbell_is_not_waited_for),
		cmocka_unit_test(interrupts_reach_the_driver),
		cmocka_unit_test(queues_are_taken_back),
		cmocka_unit_test(bad_rings_are_not_handed_over),
		cmocka_unit_test(failure_to_start_needs_a_reset),
		cmocka_unit_test(rings_are_inspected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
