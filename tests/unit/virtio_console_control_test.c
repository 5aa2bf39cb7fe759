/* SPDX-License-Identifier: MIT */
/* The console device with several ports: what device and driver tell each other of them. */
#include "tests/unit/virtio_console_fixture.h"

#define NOBODY UINT32_MAX

/* Two named ports and, in between, the console. */
static const char *const three[] = { "org.example.agent", NULL, "log" };

enum { AGENT, CONSOLE, LOG };          /* lines */
enum { CONSOLE_ID, AGENT_ID, LOG_ID }; /* ports */

static void send_control(struct console_fixture *f, uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control control = { id, event, value };

	console_expect_used(f, CONTROL_TX,
			    console_offer(f, CONTROL_TX, &control, sizeof(control), 3), 0);
}

/* The device's next message is this, with @more behind it. */
static void expect_control(struct console_fixture *f, uint32_t id, uint16_t event, uint16_t value,
			   const void *more, uint32_t more_len)
{
	struct virtio_console_control control;
	const struct vring_desc *desc;
	const uint8_t *bytes;
	uint16_t head;
	uint32_t len;

	assert_true(mock_ring_collect(&f->rings[CONTROL_RX], &head, &len));
	desc = &f->rings[CONTROL_RX].desc[head];
	bytes = mock_ram_at(&f->ram, desc->addr);
	assert_int_equal(len, sizeof(control) + more_len);
	memcpy(&control, bytes, sizeof(control));
	assert_int_equal(control.id, id);
	assert_int_equal(control.event, event);
	assert_int_equal(control.value, value);
	assert_memory_equal(bytes + sizeof(control), more, more_len);
	(void)console_listen(f, CONTROL_RX, 128);
}

static void expect_event(struct console_fixture *f, uint32_t id, uint16_t event)
{
	expect_control(f, id, event, 1, NULL, 0);
}

static void expect_open(struct console_fixture *f, uint32_t id, bool open)
{
	expect_control(f, id, VIRTIO_CONSOLE_PORT_OPEN, open, NULL, 0);
}

static void expect_silence(struct console_fixture *f)
{
	assert_true(console_nothing_used(f, CONTROL_RX));
}

static void listen_for_control(struct console_fixture *f, unsigned buffers)
{
	while (buffers--)
		(void)console_listen(f, CONTROL_RX, 128);
}

/* All up to where each port is ready and opened by the guest. */
static void bring_up(struct console_fixture *f)
{
	listen_for_control(f, 8);
	send_control(f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t id = 0; id < CONSOLE_PORTS; id++)
		expect_event(f, id, VIRTIO_CONSOLE_PORT_ADD);
	for (uint32_t id = 0; id < CONSOLE_PORTS; id++) {
		uint16_t head;
		uint32_t len;

		send_control(f, id, VIRTIO_CONSOLE_PORT_READY, 1);
		while (mock_ring_collect(&f->rings[CONTROL_RX], &head, &len))
			listen_for_control(f, 1);
		send_control(f, id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
}

static void setup(struct console_fixture *f, uint64_t features)
{
	console_create(f, CONSOLE_PORTS, three);
	console_start(f, features);
}

static void ports_are_announced_one_by_one(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	assert_true(mock_mmio_offered(f.dev) & CONSOLE_FEATURE(MULTIPORT));
	assert_int_equal(console_config_read(&f, 4, 4), 3);
	console_connect(&f, AGENT, true);
	console_resize(&f, CONSOLE, 100, 50);
	listen_for_control(&f, 8);
	expect_silence(&f);
	send_control(&f, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect_event(&f, CONSOLE_ID, VIRTIO_CONSOLE_PORT_ADD);
	expect_event(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_ADD);
	expect_event(&f, LOG_ID, VIRTIO_CONSOLE_PORT_ADD);
	expect_silence(&f);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_NAME, 1, three[AGENT], 17);
	expect_open(&f, AGENT_ID, true);
	send_control(&f, CONSOLE_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_event(&f, CONSOLE_ID, VIRTIO_CONSOLE_CONSOLE_PORT);
	expect_control(&f, CONSOLE_ID, VIRTIO_CONSOLE_RESIZE, 1, "\x64\0\x32\0", 4);
	send_control(&f, LOG_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_control(&f, LOG_ID, VIRTIO_CONSOLE_PORT_NAME, 1, "log", 3);
	expect_silence(&f);
	/* Said again, it is nothing new. */
	send_control(&f, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
	send_control(&f, LOG_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_silence(&f);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void ports_carry_their_own_bytes(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI | MOCK_F_EVENT_IDX);
	bring_up(&f);
	console_print(&f, CONSOLE_ID, "console");
	console_print(&f, AGENT_ID, "agent");
	console_print(&f, LOG_ID, "log");
	assert_true(fake_char_wrote(&f.lines[CONSOLE], "console"));
	assert_true(fake_char_wrote(&f.lines[AGENT], "agent"));
	assert_true(fake_char_wrote(&f.lines[LOG], "log"));
	(void)console_listen(&f, RX(AGENT_ID), 8);
	assert_int_equal(console_type(&f, AGENT, "in"), 2);
	console_expect_used(&f, RX(AGENT_ID), 0, 2);
	assert_int_equal(console_type(&f, LOG, "in"), 0);
	console_config_write(&f, 8, '!', 4);
	assert_true(fake_char_wrote(&f.lines[CONSOLE], "!"));
	assert_true(found_nothing());
	console_teardown(&f);
}

static void port_zero_is_left_to_a_console(void **state)
{
	static const char *const named[] = { "one", "two" };
	struct console_fixture f;
	uint64_t offered;

	(void)state;
	console_create(&f, 2, named);
	console_start(&f, MULTI & ~CONSOLE_FEATURE(SIZE));
	offered = mock_mmio_offered(f.dev);
	assert_false(offered & (CONSOLE_FEATURE(SIZE) | CONSOLE_FEATURE(EMERG_WRITE)));
	assert_int_equal(console_config_read(&f, 4, 4), 3);
	listen_for_control(&f, 8);
	send_control(&f, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect_event(&f, 1, VIRTIO_CONSOLE_PORT_ADD);
	expect_event(&f, 2, VIRTIO_CONSOLE_PORT_ADD);
	expect_silence(&f);
	send_control(&f, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_true(found_only("console-port"));
	/* Its queues are there, and nobody is behind them. */
	(void)console_offer(&f, TX(0), "hello", 5, 5);
	(void)console_listen(&f, RX(0), 8);
	console_config_write(&f, 8, '!', 4);
	assert_int_equal(f.lines[0].count + f.lines[1].count, 0);
	console_teardown(&f);
}

static void host_side_opens_and_closes(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	bring_up(&f);
	for (unsigned i = 0; i < 2; i++) {
		console_connect(&f, AGENT, true);
		expect_open(&f, AGENT_ID, true);
		console_connect(&f, AGENT, true);
		expect_silence(&f);
		console_connect(&f, AGENT, false);
		expect_open(&f, AGENT_ID, false);
	}
	expect_silence(&f);
	assert_true(mock_mmio_acknowledge(f.dev) & VIRTIO_MMIO_INT_VRING);
	console_teardown(&f);
}

/* However much happens while the driver has no buffers, what it is told is short, and true. */
static void news_wait_for_buffers(void **state)
{
	struct console_fixture f;
	uint16_t head;
	uint32_t len;

	(void)state;
	setup(&f, MULTI);
	listen_for_control(&f, 3);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_true(mock_ring_collect(&f.rings[CONTROL_RX], &head, &len));
	for (unsigned i = 0; i < 100; i++) {
		console_connect(&f, AGENT, true);
		console_connect(&f, AGENT, false);
	}
	console_connect(&f, AGENT, true);
	expect_silence(&f);
	assert_true(mock_ring_should_kick(&f.rings[CONTROL_RX]));
	(void)console_listen(&f, CONTROL_RX, 128);
	expect_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_NAME, 1, three[AGENT], 17);
	expect_open(&f, AGENT_ID, true);
	expect_silence(&f);
	console_teardown(&f);
}

/* Has the device use each buffer that it has for control messages. */
static void use_up_control(struct console_fixture *f)
{
	struct mock_ring *ring = &f->rings[CONTROL_RX];
	uint16_t head;
	uint32_t len;

	while (ring->nr_free < CONSOLE_RING) {
		console_resize(f, CONSOLE, (uint16_t)(ring->nr_free + 1), 1);
		assert_true(mock_ring_collect(ring, &head, &len));
	}
}

static void end_of_a_client_is_not_forgotten(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	bring_up(&f);
	console_connect(&f, AGENT, true);
	expect_open(&f, AGENT_ID, true);
	use_up_control(&f);
	for (unsigned i = 0; i < 3; i++) {
		console_connect(&f, AGENT, false);
		console_connect(&f, AGENT, true);
	}
	expect_silence(&f);
	listen_for_control(&f, 4);
	expect_open(&f, AGENT_ID, false);
	expect_open(&f, AGENT_ID, true);
	expect_silence(&f);
	use_up_control(&f);
	console_connect(&f, AGENT, false);
	console_connect(&f, AGENT, true);
	console_connect(&f, AGENT, false);
	listen_for_control(&f, 4);
	expect_open(&f, AGENT_ID, false);
	expect_silence(&f);
	console_teardown(&f);
}

static void input_waits_until_the_guest_opens(void **state)
{
	struct console_fixture f;
	unsigned resumes;

	(void)state;
	setup(&f, MULTI);
	listen_for_control(&f, 8);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	(void)console_listen(&f, RX(AGENT_ID), 8);
	assert_int_equal(console_type(&f, AGENT, "x"), 0);
	resumes = f.lines[AGENT].resumes;
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(f.lines[AGENT].resumes, resumes + 1);
	assert_int_equal(console_type(&f, AGENT, "x"), 1);
	(void)console_listen(&f, RX(AGENT_ID), 8);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(console_type(&f, AGENT, "x"), 0);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void output_of_a_named_port_waits_for_room(void **state)
{
	struct console_fixture f;
	int head, next;

	(void)state;
	setup(&f, MULTI);
	bring_up(&f);
	f.lines[AGENT].room = 3;
	head = console_offer(&f, TX(AGENT_ID), "abcdef", 6, 4);
	next = console_offer(&f, TX(AGENT_ID), "ghi", 3, 3);
	assert_true(console_nothing_used(&f, TX(AGENT_ID)));
	assert_true(fake_char_wrote(&f.lines[AGENT], "abc"));
	assert_true(f.lines[AGENT].room_wanted);
	/* The others don't wait with it. */
	console_print(&f, LOG_ID, "log");
	f.lines[AGENT].room = 2;
	f.receivers[AGENT].writable(f.receivers[AGENT].ctx);
	assert_true(fake_char_wrote(&f.lines[AGENT], "de"));
	assert_true(console_nothing_used(&f, TX(AGENT_ID)));
	f.lines[AGENT].room = 100;
	f.receivers[AGENT].writable(f.receivers[AGENT].ctx);
	console_expect_used(&f, TX(AGENT_ID), head, 0);
	console_expect_used(&f, TX(AGENT_ID), next, 0);
	assert_true(fake_char_wrote(&f.lines[AGENT], "fghi"));
	assert_int_equal(f.lines[AGENT].overrun, 0);
	/* Nothing is begun: nothing happens. */
	f.receivers[AGENT].writable(f.receivers[AGENT].ctx);
	assert_int_equal(f.lines[AGENT].count, 0);
	console_teardown(&f);
}

static void sizes_are_told_to_who_wants_them(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	bring_up(&f);
	console_resize(&f, CONSOLE, 80, 24);
	expect_control(&f, CONSOLE_ID, VIRTIO_CONSOLE_RESIZE, 1, "\x50\0\x18\0", 4);
	assert_int_equal(console_config_read(&f, 0, 4), 80 | 24 << 16);
	/* A terminal behind a named port is nothing to the guest. */
	console_resize(&f, LOG, 132, 43);
	expect_silence(&f);
	assert_int_equal(console_config_read(&f, 0, 4), 80 | 24 << 16);
	console_start(&f, MULTI & ~CONSOLE_FEATURE(SIZE));
	bring_up(&f);
	console_resize(&f, CONSOLE, 100, 30);
	expect_silence(&f);
	console_teardown(&f);
}

static void driver_that_fails_is_left_alone(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	listen_for_control(&f, 8);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 0);
	expect_silence(&f);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t id = 0; id < CONSOLE_PORTS; id++)
		expect_event(&f, id, VIRTIO_CONSOLE_PORT_ADD);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 0);
	console_connect(&f, AGENT, true);
	console_resize(&f, CONSOLE, 80, 24);
	expect_silence(&f);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void bad_messages_are_found(void **state)
{
	struct console_fixture f;
	struct mock_buffer buffers[2];
	int head;

	(void)state;
	setup(&f, MULTI);
	listen_for_control(&f, 8);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1); /* not added yet */
	assert_true(found_only("console-port"));
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t id = 0; id < CONSOLE_PORTS; id++)
		expect_event(&f, id, VIRTIO_CONSOLE_PORT_ADD);
	send_control(&f, CONSOLE_PORTS, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_true(found_only("console-port"));
	send_control(&f, NOBODY, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_true(found_only("console-port"));
	send_control(&f, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
	assert_true(found_only("console-event"));
	send_control(&f, 0, 0xffff, 1);
	assert_true(found_only("console-event"));
	console_expect_used(&f, CONTROL_TX, console_offer(&f, CONTROL_TX, "1234567", 7, 7), 0);
	assert_true(found_only("console-control"));
	buffers[0] = mock_buffer(&f.ram, 8, false, 0); /* DEVICE_READY of a driver that failed */
	buffers[1] = mock_buffer(&f.ram, 8, true, 0);
	head = mock_ring_add(&f.rings[CONTROL_TX], buffers, 2);
	console_kick(&f, CONTROL_TX);
	console_expect_used(&f, CONTROL_TX, head, 0);
	assert_true(found_only("console-writable"));
	expect_silence(&f);
	/* None of it did harm. */
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_NAME, 1, three[AGENT], 17);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void buffers_for_nothing_are_found(void **state)
{
	struct console_fixture f;
	struct mock_buffer readable;

	(void)state;
	setup(&f, MULTI);
	readable = mock_buffer(&f.ram, 64, false, 0x11);
	assert_true(mock_ring_add(&f.rings[CONTROL_RX], &readable, 1) >= 0);
	(void)console_listen(&f, CONTROL_RX, 5);
	(void)console_listen(&f, CONTROL_RX, 64);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_int_equal(recorded.findings, 3);
	console_expect_used(&f, CONTROL_RX, 0, 0);
	console_expect_used(&f, CONTROL_RX, 1, 5);
	expect_event(&f, LOG_ID, VIRTIO_CONSOLE_PORT_ADD);
	assert_memory_equal(mock_ram_at(&f.ram, readable.gpa), "\x11\x11\x11", 3);
	console_teardown(&f);
}

static void driver_without_multiport_has_port_zero(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, BASIC);
	console_print(&f, CONSOLE_ID, "plain");
	assert_true(fake_char_wrote(&f.lines[CONSOLE], "plain"));
	(void)console_listen(&f, RX(CONSOLE_ID), 8);
	assert_int_equal(console_type(&f, CONSOLE, "in"), 2);
	console_connect(&f, AGENT, true);
	console_resize(&f, CONSOLE, 80, 24);
	/* At DRIVER_OK each queue is looked at once, and these should not be on. */
	assert_int_equal(recorded.findings, CONSOLE_QUEUES - 2);
	recorded.findings = 0;
	(void)console_listen(&f, RX(AGENT_ID), 8);
	assert_true(found_only("console-queue"));
	assert_int_equal(console_type(&f, AGENT, "in"), 0);
	(void)console_offer(&f, TX(AGENT_ID), "out", 3, 3);
	assert_true(found_only("console-queue"));
	(void)console_offer(&f, CONTROL_TX, "\0\0\0\0\0\0\1\0", 8, 8);
	assert_true(found_only("console-queue"));
	assert_int_equal(f.lines[AGENT].count, 0);
	console_teardown(&f);
}

static void reset_starts_from_the_beginning(void **state)
{
	struct console_fixture f;

	(void)state;
	setup(&f, MULTI);
	console_connect(&f, AGENT, true);
	bring_up(&f);
	console_start(&f, MULTI);
	listen_for_control(&f, 8);
	(void)console_listen(&f, RX(AGENT_ID), 8);
	assert_int_equal(console_type(&f, AGENT, "x"), 0);
	console_connect(&f, LOG, true);
	expect_silence(&f);
	send_control(&f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t id = 0; id < CONSOLE_PORTS; id++)
		expect_event(&f, id, VIRTIO_CONSOLE_PORT_ADD);
	send_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_control(&f, AGENT_ID, VIRTIO_CONSOLE_PORT_NAME, 1, three[AGENT], 17);
	expect_open(&f, AGENT_ID, true);
	assert_true(found_nothing());
	console_teardown(&f);
}

static void malformed_control_ring_needs_reset(void **state)
{
	static const unsigned queues[] = { CONTROL_RX, CONTROL_TX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
		struct console_fixture f;

		setup(&f, MULTI);
		bring_up(&f);
		use_up_control(&f);
		f.rings[queues[i]].avail->idx = 999;
		console_kick(&f, queues[i]);
		console_connect(&f, AGENT, true);
		assert_true(found_only("avail-jump"));
		assert_true(mock_mmio_read(f.dev, VIRTIO_MMIO_STATUS) &
			    VIRTIO_CONFIG_S_NEEDS_RESET);
		console_start(&f, MULTI);
		bring_up(&f);
		console_print(&f, LOG_ID, "log");
		assert_true(found_nothing());
		console_teardown(&f);
	}
}

static void too_much_is_refused(void **state)
{
	struct virtio_dev_config config = { .name = "virtio-console0" };
	struct console_port_config ports[VIRTIO_CONSOLE_MAX_PORTS + 1];
	char long_name[VIRTIO_CONSOLE_PORT_NAME_MAX + 2] = { 0 };
	struct virtio_dev *vdev = NULL;
	struct mock_ram ram;

	(void)state;
	mock_ram_init(&ram);
	config.mem = &ram.mem;
	memset(ports, 0, sizeof(ports));
	assert_int_equal(virtio_console_create(&config, ports, 0, &vdev), -EINVAL);
	assert_int_equal(virtio_console_create(&config, ports, ARRAY_SIZE(ports), &vdev), -EINVAL);
	assert_int_equal(virtio_console_create(&config, ports, VIRTIO_CONSOLE_MAX_PORTS, &vdev), 0);
	assert_int_equal(vdev->nr_queues, VIRTIO_MAX_QUEUES);
	virtio_dev_destroy(vdev);
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i].name = "name";
	assert_int_equal(virtio_console_create(&config, ports, VIRTIO_CONSOLE_MAX_PORTS, &vdev),
			 -EINVAL);
	memset(long_name, 'n', sizeof(long_name) - 1);
	ports[0].name = long_name;
	assert_int_equal(virtio_console_create(&config, ports, 1, &vdev), -EINVAL);
	ports[0].name = "";
	assert_int_equal(virtio_console_create(&config, ports, 1, &vdev), -EINVAL);
	ports[0].name = long_name + 1;
	assert_int_equal(virtio_console_create(&config, ports, 1, &vdev), 0);
	virtio_dev_destroy(vdev);
	mock_ram_deinit(&ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_announced_one_by_one),
		cmocka_unit_test(ports_carry_their_own_bytes),
		cmocka_unit_test(port_zero_is_left_to_a_console),
		cmocka_unit_test(host_side_opens_and_closes),
		cmocka_unit_test(news_wait_for_buffers),
		cmocka_unit_test(end_of_a_client_is_not_forgotten),
		cmocka_unit_test(input_waits_until_the_guest_opens),
		cmocka_unit_test(output_of_a_named_port_waits_for_room),
		cmocka_unit_test(sizes_are_told_to_who_wants_them),
		cmocka_unit_test(driver_that_fails_is_left_alone),
		cmocka_unit_test(bad_messages_are_found),
		cmocka_unit_test(buffers_for_nothing_are_found),
		cmocka_unit_test(driver_without_multiport_has_port_zero),
		cmocka_unit_test(reset_starts_from_the_beginning),
		cmocka_unit_test(malformed_control_ring_needs_reset),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
