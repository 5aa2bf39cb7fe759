/* SPDX-License-Identifier: MIT */
/* The registers of virtio-mmio, its interrupt and its doorbells. */
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/virtio_device_fixture.h"

#include "tests/unit/loop_fixture.h"

static void mmio_identifies_itself(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), MOCK_DEVICE_ID);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_NUM_MAX), MOCK_DEVICE_QUEUE_SIZE);
	/* No shared memory (4.2.2): length and base of all ones. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_SHM_SEL, 0);
	for (uint64_t off = VIRTIO_MMIO_SHM_LEN_LOW; off <= VIRTIO_MMIO_SHM_BASE_HIGH; off += 4)
		assert_int_equal(mock_mmio_read(f.dev, off), UINT32_MAX);
	assert_true(found_nothing());
	assert_string_equal(f.dev->name, "mock0");
	device_teardown(&f);
}

static void mmio_register_names_are_of_the_offsets(void **state)
{
	struct device_fixture f;
	const struct device_register *reg;
	unsigned count = 0;

	(void)state;
	device_setup(&f);
	for (reg = f.dev->registers; reg->name; reg++, count++) {
		assert_true(reg->off <= VIRTIO_MMIO_CONFIG && reg->off % 4 == 0);
		if (count > 0)
			assert_true(reg->off > reg[-1].off);
	}
	assert_int_equal(count, 30);
	device_teardown(&f);
}

/* Each access that a register is not for leaves a finding, and nothing else. */
static void mmio_refuses_what_registers_are_not_for(void **state)
{
	struct device_fixture f;
	const struct device_register *reg;
	uint8_t bytes[8] = { 0 };

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (uint64_t off = 0; off < VIRTIO_MMIO_CONFIG; off++) {
			if (len == 4 && off % 4 == 0)
				continue;
			assert_true(reads_as_ones(f.dev, off, len));
			assert_true(found_only("register-width"));
			f.dev->ops->write(f.dev, off, bytes, len);
			assert_true(found_only("register-width"));
		}
	}
	for (uint64_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
		for (reg = f.dev->registers; reg->name && reg->off != off; reg++)
			;
		if (!reg->name || !strchr(reg->access, 'r')) {
			assert_int_equal(mock_mmio_read(f.dev, off), UINT32_MAX);
			assert_true(found_only("register-access"));
		}
		if (!reg->name || !strchr(reg->access, 'w')) {
			mock_mmio_write(f.dev, off, 0);
			assert_true(found_only("register-access"));
		}
	}
	expect_works(&f, 0);
	expect_works(&f, 1);
	/* Far out: the bus lets nothing through, but if it did. */
	poke_nonsense(f.dev);
	device_teardown(&f);
}

static void mmio_line_is_high_until_all_is_acknowledged(void **state)
{
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	start_driver(&f, BASIC_FEATURES);
	offer(&f, 0);
	kick(&f, 0);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SENT], 1);
	offer(&f, 1);
	kick(&f, 1);
	assert_int_equal(recorded.irqs[TRACE_IRQ_COALESCED], 1);
	virtio_dev_config_changed(&f.device.vdev);
	assert_int_equal(recorded.irqs[TRACE_IRQ_COALESCED], 2);
	assert_int_equal(f.irq.rises, 1);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	mock_mmio_write(f.dev, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_true(f.irq.level);
	assert_true(found_nothing());
	mock_mmio_write(f.dev, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_true(found_only("ack-not-pending"));
	mock_mmio_write(f.dev, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	assert_false(f.irq.level);
	/* Not wanted, not sent; nothing used, nothing to send. */
	mock_ring_want(&f.rings[0], MOCK_SIGNAL_NEVER);
	offer(&f, 0);
	kick(&f, 0);
	kick(&f, 0);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SUPPRESSED], 1);
	assert_int_equal(recorded.irqs[TRACE_IRQ_SENT], 1);
	assert_false(f.irq.level);
	device_teardown(&f);
}

/* What KVM does with ioeventfds, by hand. */
struct recorded_doorbells {
	struct doorbell rung[MOCK_DEVICE_QUEUES];
	unsigned count, adds, removes;
	int result;
};

static int record_add(void *ctx, const struct doorbell *doorbell)
{
	struct recorded_doorbells *doorbells = ctx;

	doorbells->adds++;
	if (doorbells->result == 0)
		doorbells->rung[doorbells->count++] = *doorbell;
	return doorbells->result;
}

static void record_remove(void *ctx, const struct doorbell *doorbell)
{
	struct recorded_doorbells *doorbells = ctx;

	assert_int_equal(doorbell->eventfd, doorbells->rung[doorbell->match].eventfd);
	doorbells->removes++;
	doorbells->count--;
}

static const struct doorbell_ops recorded_doorbell_ops = { record_add, record_remove };

static void mmio_doorbells_are_there_while_the_driver_is(void **state)
{
	struct recorded_doorbells doorbells = { .result = 0 };
	const struct doorbell_host host = { &recorded_doorbell_ops, &doorbells };
	struct device_fixture f;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	device_setup_with(&f, loop, &host);
	assert_int_equal(doorbells.adds, 0);
	start_driver(&f, BASIC_FEATURES);
	assert_int_equal(doorbells.count, MOCK_DEVICE_QUEUES);
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++) {
		assert_int_equal(doorbells.rung[q].addr, MMIO_BASE + VIRTIO_MMIO_QUEUE_NOTIFY);
		assert_int_equal(doorbells.rung[q].len, 4);
		assert_true(doorbells.rung[q].has_match);
		assert_int_equal(doorbells.rung[q].match, q);
	}
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(doorbells.count, 0);
	start_driver(&f, BASIC_FEATURES);
	f.dev->ops->reset(f.dev);
	assert_int_equal(doorbells.count, 0);
	start_driver(&f, BASIC_FEATURES);
	device_teardown(&f);
	assert_int_equal(doorbells.count, 0);
	assert_int_equal(doorbells.adds, doorbells.removes);

	/* The host has no more of them: exits do, and nothing is removed that wasn't added. */
	doorbells = (struct recorded_doorbells){ .result = -ENOSPC };
	device_setup_with(&f, loop, &host);
	start_driver(&f, BASIC_FEATURES);
	assert_int_equal(doorbells.adds, MOCK_DEVICE_QUEUES);
	device_teardown(&f);
	assert_int_equal(doorbells.removes, 0);
	loop_destroy(loop);
}

static void ring_doorbell(const struct recorded_doorbells *doorbells, unsigned q)
{
	assert_int_equal(eventfd_write(doorbells->rung[q].eventfd, 1), 0);
}

static void mmio_doorbell_is_served_by_the_loop(void **state)
{
	struct recorded_doorbells doorbells = { .result = 0 };
	const struct doorbell_host host = { &recorded_doorbell_ops, &doorbells };
	struct device_fixture f;
	struct loop *loop;
	int head;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	device_setup_with(&f, loop, &host);
	start_driver(&f, BASIC_FEATURES);
	loop_turns(loop, 2);
	head = offer(&f, 1);
	ring_doorbell(&doorbells, 1);
	assert_int_equal(recorded.pops, 0);
	loop_turns(loop, 2);
	assert_true(echoed(&f, 1, head));
	assert_string_equal(recorded.last_via, "doorbell");
	assert_int_equal(recorded.kicks, 1);
	/* An exit goes the same way. */
	head = offer(&f, 1);
	kick(&f, 1);
	assert_false(echoed(&f, 1, head));
	assert_string_equal(recorded.last_via, "exit");
	loop_turns(loop, 2);
	assert_true(echoed(&f, 1, head));
	assert_int_equal(recorded.kicks, 2);
	assert_true(found_nothing());
	/* One of before a reset is not taken for one of after it. */
	ring_doorbell(&doorbells, 0);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	loop_turns(loop, 2);
	assert_true(found_nothing());
	assert_int_equal(recorded.kicks, 2);
	/* Nor does what the device told itself before the reset count after it. */
	start_driver(&f, BASIC_FEATURES);
	kick(&f, 1);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	start_driver(&f, BASIC_FEATURES);
	ring_doorbell(&doorbells, 1);
	loop_turns(loop, 2);
	assert_int_equal(recorded.kicks, 4);
	assert_string_equal(recorded.last_via, "doorbell");
	device_teardown(&f);
	loop_turns(loop, 1);
	loop_destroy(loop);
}

/* A guest that refills its ring as fast as the device empties it. */
struct refill {
	struct device_fixture f;
	unsigned left;
};

static void refill(void *ctx)
{
	struct refill *refill = ctx;
	uint16_t head;
	uint32_t len;

	assert_true(mock_ring_collect(&refill->f.rings[0], &head, &len));
	if (refill->left == 0)
		return;
	refill->left--;
	offer(&refill->f, 0);
}

static void mmio_queue_gives_way_and_comes_back(void **state)
{
	struct refill guest;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	device_setup_with(&guest.f, loop, NULL);
	start_driver(&guest.f, BASIC_FEATURES);
	loop_turns(loop, 2);
	guest.f.device.on_echo = refill;
	guest.f.device.ctx = &guest;
	guest.left = 100;
	offer(&guest.f, 0);
	kick(&guest.f, 0);
	/* Not more than the size of the ring at once, and without another notification. */
	for (unsigned i = 1; recorded.pops < 101; i++) {
		unsigned before = recorded.pops;

		loop_turn(loop);
		assert_true(recorded.pops - before <= 8);
		assert_true(i < 50);
	}
	loop_turns(loop, 2);
	assert_int_equal(recorded.pops, 101);
	assert_int_equal(recorded.kicks, 1);
	device_teardown(&guest.f);
	loop_destroy(loop);
}

#define STRESS_CHAINS 5000

struct stress {
	struct device_fixture f;
	struct loop *loop;
};

static void *run_loop(void *ctx)
{
	return (void *)(intptr_t)loop_run(ctx);
}

/*
 * A vCPU that keeps the ring full, and notifies only when it must: a notification that is lost
 * hangs here for ever.
 */
static void run_guest(struct stress *stress, unsigned chains)
{
	struct device_fixture *f = &stress->f;
	unsigned added = 0, done = 0;
	const struct mock_buffer buffers[] = { mock_buffer(&f->ram, 16, false, 0x77),
					       mock_buffer(&f->ram, 32, true, 0) };

	while (done < chains) {
		uint16_t head;
		uint32_t len;

		while (added < chains && mock_ring_add(&f->rings[0], buffers, 2) >= 0) {
			added++;
			if (mock_ring_should_kick(&f->rings[0]))
				kick(f, 0);
		}
		while (mock_ring_collect(&f->rings[0], &head, &len)) {
			assert_int_equal(len, 16);
			done++;
		}
		(void)sched_yield();
	}
}

static void mmio_no_notification_is_lost(void **state)
{
	static const uint64_t layouts[] = { 0, MOCK_F_EVENT_IDX, MOCK_F_PACKED,
					    MOCK_F_PACKED | MOCK_F_EVENT_IDX };
	struct stress stress;
	pthread_t thread;
	void *result;

	(void)state;
	assert_int_equal(loop_create(&stress.loop), 0);
	device_setup_with(&stress.f, stress.loop, NULL);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, stress.loop), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
		/* Driver after driver, resets while the loop may still be busy. */
		mock_mmio_write(stress.f.dev, VIRTIO_MMIO_STATUS, 0);
		start_driver(&stress.f, MOCK_F_VERSION_1 | layouts[i]);
		run_guest(&stress, STRESS_CHAINS);
	}
	loop_quit(stress.loop);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_true(found_nothing());
	device_teardown(&stress.f);
	loop_destroy(stress.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmio_identifies_itself),
		cmocka_unit_test(mmio_register_names_are_of_the_offsets),
		cmocka_unit_test(mmio_refuses_what_registers_are_not_for),
		cmocka_unit_test(mmio_line_is_high_until_all_is_acknowledged),
		cmocka_unit_test(mmio_doorbells_are_there_while_the_driver_is),
		cmocka_unit_test(mmio_doorbell_is_served_by_the_loop),
		cmocka_unit_test(mmio_queue_gives_way_and_comes_back),
		cmocka_unit_test(mmio_no_notification_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
