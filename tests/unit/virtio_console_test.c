/* SPDX-License-Identifier: MIT */
/* The console device with one console: its bytes, both ways, and its configuration. */
#include "tests/unit/virtio_console_fixture.h"

static void console_alone_has_two_queues(void **state)
{
	struct console_fixture f;
	uint64_t offered;

	(void)state;
	console_setup(&f, BASIC);
	offered = mock_mmio_offered(f.dev);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_DEVICE_ID), 3);
	assert_true(offered & CONSOLE_FEATURE(SIZE));
	assert_true(offered & CONSOLE_FEATURE(EMERG_WRITE));
	assert_false(offered & CONSOLE_FEATURE(MULTIPORT));
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_NUM_MAX), 128);
	mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	console_teardown(&f);
}

static void console_output_arrives_in_order(void **state)
{
	static const uint64_t layouts[] = { 0, MOCK_F_PACKED };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct console_fixture f;
		int first, second;

		console_setup(&f, BASIC | layouts[i]);
		first = console_offer(&f, TX(0), "hello, ", 7, 3);
		second = console_offer(&f, TX(0), "world\n", 6, 1);
		console_expect_used(&f, TX(0), first, 0);
		console_expect_used(&f, TX(0), second, 0);
		assert_true(fake_char_wrote(&f.lines[0], "hello, world\n"));
		assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_VRING);
		assert_true(found_nothing());
		console_teardown(&f);
	}
}

/* Linux spins until its output was taken. */
static void console_output_never_waits(void **state)
{
	struct console_fixture f;

	(void)state;
	console_setup(&f, BASIC);
	f.lines[0].room = 0;
	console_print(&f, 0, "still here");
	assert_true(fake_char_wrote(&f.lines[0], "still here"));
	assert_false(f.lines[0].room_wanted);
	console_teardown(&f);
}

/* 1 MiB of output is one chain, and sixteen turns. */
static void console_long_output_takes_turns(void **state)
{
	struct console_fixture f;
	struct mock_buffer buffers[CONSOLE_RING];
	int head;

	(void)state;
	console_setup(&f, BASIC);
	buffers[0] = mock_buffer(&f.ram, 0x10000, false, 'x');
	for (unsigned i = 1; i < CONSOLE_RING; i++)
		buffers[i] = buffers[0];
	head = mock_ring_add(&f.rings[TX(0)], buffers, CONSOLE_RING);
	for (size_t turn = 1; turn <= 16; turn++) {
		assert_true(console_nothing_used(&f, TX(0)));
		console_kick(&f, TX(0));
		assert_int_equal(f.lines[0].count, turn * 0x10000);
	}
	console_expect_used(&f, TX(0), head, 0);
	console_print(&f, 0, "next");
	console_teardown(&f);
}

static void console_flush_takes_what_is_there(void **state)
{
	struct console_fixture f;
	struct mock_buffer buffers[2];
	int head;

	(void)state;
	console_setup(&f, BASIC);
	virtio_console_flush(f.vdev);
	buffers[0] = mock_buffer(&f.ram, 0x18000, false, 'x');
	buffers[1] = buffers[0];
	head = mock_ring_add(&f.rings[TX(0)], buffers, 2);
	virtio_console_flush(f.vdev);
	assert_int_equal(f.lines[0].count, 2 * 0x18000);
	console_expect_used(&f, TX(0), head, 0);
	/* A guest that offers for ever must not keep us. */
	buffers[0] = mock_buffer(&f.ram, 0x40000, false, 'x');
	for (unsigned i = 0; i < CONSOLE_RING; i++)
		assert_true(mock_ring_add(&f.rings[TX(0)], buffers, 1) >= 0);
	f.lines[0].count = 0;
	virtio_console_flush(f.vdev);
	assert_int_equal(f.lines[0].count, 16 * 0x10000);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	virtio_console_flush(f.vdev);
	assert_int_equal(f.lines[0].count, 16 * 0x10000);
	console_teardown(&f);
}

static void console_input_fills_buffers(void **state)
{
	struct console_fixture f;
	struct mock_buffer first, second;

	(void)state;
	console_setup(&f, BASIC | MOCK_F_PACKED);
	first = console_listen(&f, RX(0), 4);
	second = console_listen(&f, RX(0), 8);
	assert_int_equal(console_type(&f, 0, "abcdef"), 6);
	console_expect_used(&f, RX(0), 0, 4);
	console_expect_used(&f, RX(0), 1, 2);
	assert_memory_equal(mock_ram_at(&f.ram, first.gpa), "abcd", 4);
	assert_memory_equal(mock_ram_at(&f.ram, second.gpa), "ef\xee", 3);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_VRING);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void console_input_waits_for_buffers(void **state)
{
	struct console_fixture f;
	unsigned resumes;

	(void)state;
	console_setup(&f, BASIC);
	assert_int_equal(console_type(&f, 0, "abc"), 0);
	assert_int_equal(mock_mmio_acknowledge(f.dev), 0);
	/* Having refused, the device wants to hear of buffers; until it has used them, only once.
	 */
	resumes = f.lines[0].resumes;
	assert_true(mock_ring_should_kick(&f.rings[RX(0)]));
	(void)console_listen(&f, RX(0), 2);
	assert_int_equal(f.lines[0].resumes, resumes + 1);
	assert_false(mock_ring_should_kick(&f.rings[RX(0)]));
	assert_int_equal(console_type(&f, 0, "abc"), 2);
	assert_true(mock_ring_should_kick(&f.rings[RX(0)]));
	console_teardown(&f);
}

static void console_input_waits_for_a_driver(void **state)
{
	static const char *const names[] = { NULL };
	struct console_fixture f;

	(void)state;
	console_create(&f, 1, names);
	assert_int_equal(console_type(&f, 0, "early"), 0);
	/* Buffers alone are not enough: the driver isn't ready (3.1.1). */
	mock_ring_init(&f.rings[0], &f.ram, CONSOLE_RING, BASIC);
	assert_true(mock_mmio_negotiate(f.dev, BASIC));
	mock_mmio_enable_queue(f.dev, 0, &f.rings[0]);
	(void)console_listen(&f, RX(0), 16);
	assert_true(found_only("notify-early"));
	assert_int_equal(console_type(&f, 0, "early"), 0);
	console_start(&f, BASIC);
	(void)console_listen(&f, RX(0), 16);
	assert_int_equal(console_type(&f, 0, "early"), 5);
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(console_type(&f, 0, "late"), 0);
	console_teardown(&f);
}

/* Linux offers one page; a driver may offer single bytes, and buffers for nothing. */
static void console_input_fits_any_buffers(void **state)
{
	struct console_fixture f;
	struct mock_buffer readable;

	(void)state;
	console_setup(&f, BASIC);
	for (unsigned i = 0; i < 5; i++)
		(void)console_listen(&f, RX(0), 1);
	assert_int_equal(console_type(&f, 0, "123456789"), 5);
	assert_true(found_nothing());
	readable = mock_buffer(&f.ram, 8, false, 0x55);
	for (unsigned i = 0; i < 3; i++)
		assert_true(mock_ring_add(&f.rings[RX(0)], &readable, 1) >= 0);
	(void)console_listen(&f, RX(0), 16);
	assert_int_equal(console_type(&f, 0, "6789"), 4);
	assert_int_equal(recorded.findings, 3);
	assert_string_equal(recorded.last_rule, "console-readable");
	assert_memory_equal(mock_ram_at(&f.ram, readable.gpa), "UUUUUUUU", 8);
	console_teardown(&f);
}

static void console_writable_output_is_found(void **state)
{
	struct console_fixture f;
	struct mock_buffer buffers[2];
	int head;

	(void)state;
	console_setup(&f, BASIC);
	buffers[0] = mock_buffer(&f.ram, 4, false, 'y');
	buffers[1] = mock_buffer(&f.ram, 4, true, 'n');
	head = mock_ring_add(&f.rings[TX(0)], buffers, 2);
	console_kick(&f, TX(0));
	console_expect_used(&f, TX(0), head, 0);
	assert_true(found_only("console-writable"));
	assert_true(fake_char_wrote(&f.lines[0], "yyyy"));
	assert_memory_equal(mock_ram_at(&f.ram, buffers[1].gpa), "nnnn", 4);
	assert_true(mock_ring_add(&f.rings[TX(0)], buffers + 1, 1) >= 0);
	console_kick(&f, TX(0));
	assert_true(found_only("console-writable"));
	assert_true(fake_char_wrote(&f.lines[0], ""));
	console_teardown(&f);
}

static void console_size_is_in_the_configuration(void **state)
{
	struct console_fixture f;
	uint32_t generation;

	(void)state;
	console_setup(&f, BASIC);
	assert_int_equal(console_config_read(&f, 0, 4), 0);
	generation = mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION);
	console_resize(&f, 0, 132, 43);
	assert_int_equal(console_config_read(&f, 0, 2), 132);
	assert_int_equal(console_config_read(&f, 2, 2), 43);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	assert_int_not_equal(mock_mmio_read(f.dev, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	/* It outlives a reset; who didn't ask for it isn't told. */
	console_start(&f, MOCK_F_VERSION_1);
	assert_int_equal(console_config_read(&f, 0, 2), 132);
	console_resize(&f, 0, 80, 24);
	assert_int_equal(mock_mmio_acknowledge(f.dev), 0);
	assert_int_equal(console_config_read(&f, 0, 4), 80 | 24 << 16);
	/* Who did is told at once: Linux doesn't look by itself. */
	console_start(&f, BASIC);
	assert_int_equal(mock_mmio_acknowledge(f.dev), VIRTIO_MMIO_INT_CONFIG);
	console_teardown(&f);
}

static void console_configuration_is_bounded(void **state)
{
	struct console_fixture f;

	(void)state;
	console_setup(&f, BASIC);
	console_resize(&f, 0, 0x0102, 0x0304);
	assert_int_equal(console_config_read(&f, 1, 1), 0x01);
	assert_int_equal(console_config_read(&f, 0, 4), 0x03040102);
	assert_int_equal(console_config_read(&f, 4, 4), 1); /* max_nr_ports */
	assert_int_equal(console_config_read(&f, 8, 4), 0);
	assert_int_equal(console_config_read(&f, 12, 4), 0);
	assert_int_equal(console_config_read(&f, 0xe00, 4), 0);
	assert_true(found_nothing());
	assert_int_equal(console_config_read(&f, 2, 4), 0x00010304);
	assert_true(found_only("config-width"));
	console_config_write(&f, 0, UINT32_MAX, 4);
	console_config_write(&f, 4, UINT32_MAX, 4);
	console_config_write(&f, 12, UINT32_MAX, 4);
	assert_int_equal(console_config_read(&f, 0, 4), 0x03040102);
	assert_int_equal(console_config_read(&f, 4, 4), 1);
	assert_true(fake_char_wrote(&f.lines[0], ""));
	console_teardown(&f);
}

/* 5.3.5.1: even on an unconfigured device. */
static void console_emergency_write_works_at_any_time(void **state)
{
	static const char *const names[] = { NULL };
	struct console_fixture f;

	(void)state;
	console_create(&f, 1, names);
	console_config_write(&f, 8, 'd', 4);
	console_config_write(&f, 8, 0x1200 | 'i', 2);
	console_config_write(&f, 8, 'e', 1);
	assert_true(fake_char_wrote(&f.lines[0], "die"));
	assert_true(found_nothing());
	console_config_write(&f, 0, 7, 4);
	assert_true(found_only("config-early"));
	console_config_write(&f, 9, 7, 1);
	assert_true(fake_char_wrote(&f.lines[0], ""));
	console_start(&f, BASIC);
	console_config_write(&f, 8, '!', 4);
	assert_true(fake_char_wrote(&f.lines[0], "!"));
	/* The driver is done for, and says why. */
	mock_mmio_write(f.dev, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED | 0xf);
	console_config_write(&f, 8, '?', 4);
	assert_true(fake_char_wrote(&f.lines[0], "?"));
	assert_int_equal(console_config_read(&f, 8, 4), 0);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void console_malformed_ring_needs_reset(void **state)
{
	static const unsigned queues[] = { RX(0), TX(0) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
		struct console_fixture f;

		console_setup(&f, BASIC);
		f.rings[queues[i]].avail->idx = 1000;
		console_kick(&f, queues[i]);
		assert_int_equal(console_type(&f, 0, "x"), 0);
		assert_true(found_only("avail-jump"));
		assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) &
			    VIRTIO_CONFIG_S_NEEDS_RESET);
		console_config_write(&f, 8, '!', 4);
		assert_true(fake_char_wrote(&f.lines[0], "!"));
		console_start(&f, BASIC);
		console_print(&f, 0, "again");
		assert_true(fake_char_wrote(&f.lines[0], "again"));
		(void)console_listen(&f, RX(0), 4);
		assert_int_equal(console_type(&f, 0, "x"), 1);
		console_teardown(&f);
	}
}

/* A chain that was begun belongs to the driver of before. */
static void console_reset_forgets_what_was_begun(void **state)
{
	struct console_fixture f;
	struct mock_buffer buffer;

	(void)state;
	console_setup(&f, BASIC | MOCK_F_RING_RESET);
	for (unsigned how = 0; how < 2; how++) {
		buffer = mock_buffer(&f.ram, 0x20000, false, 'x');
		assert_true(mock_ring_add(&f.rings[TX(0)], &buffer, 1) >= 0);
		console_kick(&f, TX(0));
		assert_true(console_nothing_used(&f, TX(0)));
		if (how == 0) {
			console_start(&f, BASIC | MOCK_F_RING_RESET);
		} else {
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_SEL, TX(0));
			mock_mmio_write(f.dev, VIRTIO_MMIO_QUEUE_READY, 0);
			mock_ring_init(&f.rings[TX(0)], &f.ram, CONSOLE_RING, BASIC);
			mock_mmio_enable_queue(f.dev, TX(0), &f.rings[TX(0)]);
		}
		f.lines[0].count = 0;
		console_print(&f, 0, "new");
		assert_true(fake_char_wrote(&f.lines[0], "new"));
	}
	assert_true(found_nothing());
	console_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(console_alone_has_two_queues),
		cmocka_unit_test(console_output_arrives_in_order),
		cmocka_unit_test(console_output_never_waits),
		cmocka_unit_test(console_long_output_takes_turns),
		cmocka_unit_test(console_flush_takes_what_is_there),
		cmocka_unit_test(console_input_fills_buffers),
		cmocka_unit_test(console_input_waits_for_buffers),
		cmocka_unit_test(console_input_waits_for_a_driver),
		cmocka_unit_test(console_input_fits_any_buffers),
		cmocka_unit_test(console_writable_output_is_found),
		cmocka_unit_test(console_size_is_in_the_configuration),
		cmocka_unit_test(console_configuration_is_bounded),
		cmocka_unit_test(console_emergency_write_works_at_any_time),
		cmocka_unit_test(console_malformed_ring_needs_reset),
		cmocka_unit_test(console_reset_forgets_what_was_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
