/* SPDX-License-Identifier: MIT */
/*
 * The file system device with a back-end in a thread: requests go there and come back, resets take
 * the queues away from it, and when it is lost the machine goes on.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/fs.h"
#include "devices/virtio/mmio.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/support/mock_vhost.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"
#include "tests/unit/loop_fixture.h"

#define QUEUES     2
#define RING_SIZE  16
#define REG_RESET  0x0c0 /* QueueReset, newer than Linux's header */
#define FEATURES   (MOCK_F_VERSION_1 | MOCK_F_RING_RESET)
#define PATIENT_MS 60000

/* The back-end, as whoever runs it sees it. */
struct process {
	struct vhost_backend backend;
	struct mock_vhost mock;
	unsigned kills, losts, destroyed;
	int lost_by;
};

struct fixture {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct recorded_irq irq;
	struct process process;
	struct loop *loop;
	struct error error;
	struct device *dev;
};

static struct process *to_process(struct vhost_backend *backend)
{
	return container_of(backend, struct process, backend);
}

static void process_kill(struct vhost_backend *backend)
{
	struct process *process = to_process(backend);

	process->kills++;
	mock_vhost_stop(&process->mock);
}

static void process_lost(struct vhost_backend *backend, int error)
{
	struct process *process = to_process(backend);

	assert_false(process->mock.running);
	process->losts++;
	process->lost_by = error;
}

static void process_destroy(struct vhost_backend *backend)
{
	to_process(backend)->destroyed++;
}

static const struct vhost_backend_ops process_ops = {
	.kill = process_kill,
	.lost = process_lost,
	.destroy = process_destroy,
};

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init_shared(&f->ram);
	assert_int_equal(loop_create(&f->loop), 0);
	mock_vhost_init(&f->process.mock);
	f->process.backend =
		(struct vhost_backend){ .ops = &process_ops, .timeout_ms = PATIENT_MS };
}

static int create_with_tag(struct fixture *f, const char *tag)
{
	struct virtio_dev_config config = { .name = "virtio-fs0" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev = NULL;
	int r;

	mock_vhost_start(&f->process.mock);
	f->process.backend.socket = f->process.mock.front;
	config.mem = &f->ram.mem;
	config.loop = f->loop;
	mmio.irq = recorded_irq_line(&f->irq);
	r = virtio_fs_create(&config, tag, &f->process.backend, &vdev, &f->error);
	if (r < 0) {
		assert_null(vdev);
		/* All is the caller's still. */
		assert_int_equal(f->process.destroyed, 0);
		assert_int_equal(close(f->process.backend.socket), 0);
		return r;
	}
	assert_true(f->process.backend.socket < 0);
	assert_int_equal(virtio_mmio_create(&mmio, vdev, &f->dev), 0);
	return 0;
}

static void setup_created(struct fixture *f)
{
	setup(f);
	assert_int_equal(create_with_tag(f, "share"), 0);
}

static void teardown(struct fixture *f)
{
	if (f->dev) {
		destroy_and_null(f->dev);
		assert_int_equal(f->process.destroyed, 1);
	}
	mock_vhost_stop(&f->process.mock);
	assert_int_equal(f->process.mock.bad_messages, 0);
	loop_destroy(f->loop);
	mock_ram_deinit(&f->ram);
}

static bool start(struct fixture *f, uint64_t features)
{
	/* Its rings are about to become others. */
	mock_mmio_write(f->dev, VIRTIO_MMIO_STATUS, 0);
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < QUEUES; q++)
		mock_ring_init(&f->rings[q], &f->ram, RING_SIZE, features);
	return mock_mmio_start(f->dev, features, f->rings, QUEUES);
}

static void offer(struct fixture *f, unsigned q)
{
	const struct mock_buffer buffers[] = { mock_buffer(&f->ram, 40, false, 0x77),
					       mock_buffer(&f->ram, 64, true, 0) };

	assert_true(mock_ring_add(&f->rings[q], buffers, 2) >= 0);
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Turns the loop until @condition, which the back-end's thread brings about. */
#define TURN_UNTIL(f, condition)                                                                   \
	do {                                                                                       \
		while (!(condition)) {                                                             \
			loop_turn((f)->loop);                                                      \
			(void)poll(NULL, 0, 1);                                                    \
		}                                                                                  \
	} while (0)

/* A request goes to the back-end and comes back, with an interrupt. */
static void expect_works(struct fixture *f, unsigned q)
{
	uint16_t head;
	uint32_t len;

	offer(f, q);
	TURN_UNTIL(f, f->irq.level);
	assert_int_equal(mock_mmio_acknowledge(f->dev), VIRTIO_MMIO_INT_VRING);
	assert_true(mock_ring_collect(&f->rings[q], &head, &len));
	assert_int_equal(len, 40);
}

static uint32_t status_of(struct fixture *f)
{
	return mock_mmio_read(f->dev, VIRTIO_MMIO_STATUS);
}

static void write_status(struct fixture *f, uint32_t status)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_STATUS, status);
}

static void fs_says_what_it_is(void **state)
{
	static const char longest[] = "a tag that has all of 36 bytes, \xe2\x82\xac.";
	struct virtio_fs_config config;
	struct fixture f;

	(void)state;
	assert_int_equal(strlen(longest), sizeof(config.tag));
	setup(&f);
	assert_int_equal(create_with_tag(&f, longest), 0);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 26);
	for (unsigned off = 0; off < sizeof(config); off++)
		f.dev->ops->read(f.dev, VIRTIO_MMIO_CONFIG + off, (uint8_t *)&config + off, 1);
	assert_memory_equal(config.tag, longest, sizeof(config.tag));
	assert_int_equal(config.num_request_queues, 1);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG + sizeof(config)), 0);
	teardown(&f);

	setup_created(&f);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG + 4), 'e');
	assert_true(found_nothing());
	/* Not the driver's to write. */
	assert_true(mock_mmio_negotiate(f.dev, FEATURES));
	mock_mmio_write(f.dev, VIRTIO_MMIO_CONFIG, 0);
	assert_true(found_only("fs-config"));
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG + 4), 'e');
	poke_nonsense(f.dev);
	teardown(&f);
}

static void fs_offers_what_both_sides_have(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	/* A reset of a queue needs no help of the back-end. */
	assert_int_equal(mock_mmio_offered(f.dev),
			 MOCK_F_VERSION_1 | MOCK_F_INDIRECT | MOCK_F_RING_RESET);
	teardown(&f);

	setup(&f);
	f.process.mock.features |= MOCK_F_PACKED | MOCK_F_EVENT_IDX | MOCK_FEATURE(26);
	assert_int_equal(create_with_tag(&f, "share"), 0);
	assert_int_equal(mock_mmio_offered(f.dev), MOCK_F_VERSION_1 | MOCK_F_INDIRECT |
							   MOCK_F_RING_RESET | MOCK_F_PACKED |
							   MOCK_F_EVENT_IDX);
	/* Turned on without queues that the mock would have to understand. */
	assert_true(mock_mmio_start(f.dev, FEATURES | MOCK_F_PACKED, NULL, 0));
	assert_int_equal(f.process.mock.chosen_features,
			 MOCK_F_VERSION_1 | MOCK_F_PACKED | VHOST_USER_F_PROTOCOL_FEATURES);
	teardown(&f);
}

static void fs_requests_are_served(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	assert_true(start(&f, FEATURES));
	for (unsigned i = 0; i < 3 * RING_SIZE; i++)
		expect_works(&f, i % QUEUES);
	assert_true(found_nothing());
	assert_int_equal(recorded.pops, 0);
	assert_int_equal(f.process.kills, 0);
	assert_int_equal(f.process.losts, 0);
	teardown(&f);
}

/* It may take as long as a request that hangs: it is killed, and nobody hears of a loss. */
static void fs_end_does_not_wait_for_requests(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	assert_true(start(&f, FEATURES));
	expect_works(&f, 1);
	destroy_and_null(f.dev);
	f.dev = NULL;
	assert_true(f.process.kills > 0);
	assert_false(f.process.mock.running);
	assert_int_equal(f.process.mock.rings[1].stops, 0);
	assert_int_equal(f.process.destroyed, 1);
	loop_turns(f.loop, 2);
	assert_int_equal(f.process.losts, 0);
	teardown(&f);
}

/* What was offered before DRIVER_OK, whoever notified of it or not. */
static void fs_early_requests_are_served(void **state)
{
	struct mock_buffer buffer;
	struct fixture f;

	(void)state;
	setup_created(&f);
	f.ram.next = MOCK_RAM_BASE;
	mock_ring_init(&f.rings[0], &f.ram, RING_SIZE, FEATURES);
	buffer = mock_buffer(&f.ram, 8, true, 0);
	assert_true(mock_ring_add(&f.rings[0], &buffer, 1) >= 0);
	assert_true(mock_mmio_start(f.dev, FEATURES, f.rings, 1));
	TURN_UNTIL(&f, f.irq.level);
	teardown(&f);
}

/* Nothing lands in memory once a reset is done. */
static void fs_reset_takes_the_queues_back(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	for (unsigned round = 0; round < 30; round++) {
		assert_true(start(&f, FEATURES));
		expect_works(&f, 1);
		for (unsigned i = 0; i < RING_SIZE / 2; i++)
			offer(&f, i % QUEUES);
		write_status(&f, 0);
		memset(f.ram.bytes, 0x55, MOCK_RAM_SIZE);
		(void)poll(NULL, 0, 1);
		for (size_t i = 0; i < MOCK_RAM_SIZE; i++)
			assert_int_equal(f.ram.bytes[i], 0x55);
		/* Nor is an interrupt of before left. */
		loop_turns(f.loop, 2);
		assert_false(f.irq.level);
	}
	assert_int_equal(f.process.mock.rings[0].stops, 30);
	assert_int_equal(f.process.kills, 0);
	teardown(&f);
}

static void fs_one_queue_is_reset(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	assert_true(start(&f, FEATURES));
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 1);
	mock_mmio_write(f.dev, REG_RESET, 1);
	assert_int_equal(f.process.mock.rings[1].stops, 1);
	assert_int_equal(f.process.mock.rings[0].stops, 0);
	expect_works(&f, 0);
	mock_ring_init(&f.rings[1], &f.ram, RING_SIZE, FEATURES);
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	expect_works(&f, 1);
	expect_works(&f, 0);
	/* And off and on again, as MMIO has it. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(f.process.mock.rings[1].stops, 2);
	mock_ring_init(&f.rings[1], &f.ram, RING_SIZE, FEATURES);
	mock_mmio_enable_queue(f.dev, 1, &f.rings[1]);
	expect_works(&f, 1);
	assert_true(found_nothing());
	teardown(&f);
}

/* The back-end never hears of a ring that is not in the guest's memory. */
static void fs_bad_rings_stay_here(void **state)
{
	static const uint64_t bad[] = { 0, MOCK_RAM_BASE - 16, MOCK_RAM_BASE + MOCK_RAM_SIZE - 16,
					MOCK_RAM_BASE + MOCK_RAM_SIZE, UINT64_MAX - 15 };
	struct fixture f;

	(void)state;
	setup_created(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		for (unsigned area = 0; area < 3; area++) {
			f.ram.next = MOCK_RAM_BASE;
			mock_ring_init(&f.rings[0], &f.ram, RING_SIZE, FEATURES);
			f.rings[0].areas[area] = bad[i];
			assert_false(mock_mmio_start(f.dev, FEATURES, f.rings, 1));
			assert_true(found_only("queue-memory"));
		}
	}
	assert_int_equal(f.process.mock.rings[0].starts, 0);
	assert_int_equal(f.process.mock.rings[0].addr.desc_user_addr, 0);
	assert_true(start(&f, FEATURES));
	expect_works(&f, 0);
	teardown(&f);
}

static void *run_loop(void *ctx)
{
	return loop_run(ctx) < 0 ? ctx : NULL;
}

/* Answers that a vCPU waits for are no news for the loop's thread. */
static void fs_starts_and_stops_beside_its_loop(void **state)
{
	struct fixture f;
	pthread_t thread;
	void *failed;

	(void)state;
	setup_created(&f);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, f.loop), 0);
	for (unsigned round = 0; round < 200; round++) {
		assert_true(start(&f, FEATURES));
		for (unsigned i = 0; i < RING_SIZE / 2; i++)
			offer(&f, i % QUEUES);
	}
	loop_quit(f.loop);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(f.process.losts, 0);
	teardown(&f);
}

/* The guest is told, once, and every try to go on leads there again. */
static void expect_lost(struct fixture *f, int error)
{
	TURN_UNTIL(f, f->process.losts);
	assert_int_equal(f->process.lost_by, error);
	assert_true(status_of(f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(mock_mmio_acknowledge(f->dev) & VIRTIO_MMIO_INT_CONFIG);
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_false(start(f, FEATURES));
		assert_true(found_only("device-failed"));
	}
	write_status(f, 0);
	loop_turns(f->loop, 3);
	assert_int_equal(f->process.losts, 1);
}

static void fs_goes_on_without_its_back_end(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	assert_true(start(&f, FEATURES));
	expect_works(&f, 1);
	mock_vhost_stop(&f.process.mock);
	expect_lost(&f, -ECONNRESET);
	teardown(&f);

	/* Before there was a driver. */
	setup_created(&f);
	mock_vhost_stop(&f.process.mock);
	TURN_UNTIL(&f, f.process.losts);
	assert_int_equal(status_of(&f), 0);
	assert_false(start(&f, FEATURES));
	teardown(&f);
}

/* It is found out by the next question. */
static void fs_back_end_that_talks_too_much_is_killed(void **state)
{
	struct fixture f;

	(void)state;
	setup_created(&f);
	assert_true(start(&f, FEATURES));
	mock_vhost_say(&f.process.mock, "hello, hello, hello", 19);
	write_status(&f, 0);
	assert_false(f.process.mock.running);
	TURN_UNTIL(&f, f.process.losts);
	assert_int_equal(f.process.lost_by, -EPROTO);
	assert_false(start(&f, FEATURES));
	teardown(&f);
}

/* The memory is the guest's again when the reset is done, one way or the other. */
static void fs_back_end_that_does_not_stop_is_killed(void **state)
{
	static const enum mock_vhost_fault faults[] = { MOCK_VHOST_SILENT, MOCK_VHOST_LONGER,
							MOCK_VHOST_BAD_VALUE };
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		setup(&f);
		f.process.mock.fault = faults[i];
		f.process.mock.fault_at = VHOST_USER_GET_VRING_BASE;
		if (faults[i] == MOCK_VHOST_SILENT)
			f.process.backend.timeout_ms = 3000;
		assert_int_equal(create_with_tag(&f, "share"), 0);
		assert_true(start(&f, FEATURES));
		write_status(&f, 0);
		assert_false(f.process.mock.running);
		assert_int_equal(status_of(&f), 0);
		/* Now the user is told. */
		TURN_UNTIL(&f, f.process.losts);
		assert_int_equal(f.process.lost_by,
				 faults[i] == MOCK_VHOST_SILENT ? -ETIMEDOUT : -EPROTO);
		assert_false(start(&f, FEATURES));
		teardown(&f);
	}
}

/* An eventfd that two have is read without waiting, whatever the other one did to it. */
static void fs_back_end_cannot_make_us_wait(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.process.mock.blocks_eventfds = true;
	assert_int_equal(create_with_tag(&f, "share"), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_true(start(&f, FEATURES));
		expect_works(&f, 1);
		/* Neither queue has anything left to read, neither of kicks nor of calls. */
		write_status(&f, 0);
	}
	assert_int_equal(f.process.mock.rings[1].stops, 3);
	teardown(&f);
}

static void fs_back_end_that_refuses_is_lost(void **state)
{
	static const enum vhost_user_type types[] = { VHOST_USER_SET_FEATURES,
						      VHOST_USER_SET_VRING_ADDR,
						      VHOST_USER_SET_VRING_KICK };
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		setup(&f);
		f.process.mock.fault = MOCK_VHOST_BAD_VALUE;
		f.process.mock.fault_at = types[i];
		assert_int_equal(create_with_tag(&f, "share"), 0);
		assert_false(start(&f, FEATURES));
		assert_true(found_only("device-failed"));
		assert_true(status_of(&f) & VIRTIO_CONFIG_S_NEEDS_RESET);
		TURN_UNTIL(&f, f.process.losts);
		assert_false(f.process.mock.running);
		assert_int_equal(f.process.lost_by, -EREMOTEIO);
		teardown(&f);
	}
}

static void fs_without_a_fit_back_end_is_none(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.process.mock.queues = 1;
	assert_int_equal(create_with_tag(&f, "share"), -EOPNOTSUPP);
	assert_string_equal(f.error.message, "it serves 1 queues, not 2");
	teardown(&f);

	setup(&f);
	f.process.mock.fault = MOCK_VHOST_HANG_UP;
	f.process.mock.fault_at = VHOST_USER_GET_FEATURES;
	assert_int_equal(create_with_tag(&f, "share"), -ECONNRESET);
	teardown(&f);

	setup(&f);
	assert_int_equal(create_with_tag(&f, ""), -EINVAL);
	mock_vhost_stop(&f.process.mock);
	assert_int_equal(create_with_tag(&f, "one more than the 36 bytes it may have"), -EINVAL);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fs_says_what_it_is),
		cmocka_unit_test(fs_offers_what_both_sides_have),
		cmocka_unit_test(fs_requests_are_served),
		cmocka_unit_test(fs_end_does_not_wait_for_requests),
		cmocka_unit_test(fs_early_requests_are_served),
		cmocka_unit_test(fs_reset_takes_the_queues_back),
		cmocka_unit_test(fs_one_queue_is_reset),
		cmocka_unit_test(fs_bad_rings_stay_here),
		cmocka_unit_test(fs_starts_and_stops_beside_its_loop),
		cmocka_unit_test(fs_goes_on_without_its_back_end),
		cmocka_unit_test(fs_back_end_that_talks_too_much_is_killed),
		cmocka_unit_test(fs_back_end_that_does_not_stop_is_killed),
		cmocka_unit_test(fs_back_end_cannot_make_us_wait),
		cmocka_unit_test(fs_back_end_that_refuses_is_lost),
		cmocka_unit_test(fs_without_a_fit_back_end_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
