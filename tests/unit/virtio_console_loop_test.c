/* SPDX-License-Identifier: MIT */
/* The console device on an event loop, with a real line behind it: a named port on a socket. */
#include "base/cleanup.h"
#include "tests/unit/chardev_fixture.h"
#include "tests/unit/virtio_console_fixture.h"

#define AGENT_ID 1u
#define CHUNK    4096u
#define TOTAL    KIB(512)

struct socket_fixture {
	struct console_fixture f;
	struct loop *loop;
	struct chardev *chr;
};

static void send_control(struct socket_fixture *s, uint16_t event)
{
	const struct virtio_console_control control = { AGENT_ID, event, 1 };
	int head = console_offer(&s->f, CONTROL_TX, &control, sizeof(control), 8);

	loop_turns(s->loop, 3);
	console_expect_used(&s->f, CONTROL_TX, head, 0);
}

static int socket_setup(void **state)
{
	static const char *const names[] = { "agent" };
	struct socket_fixture *s = calloc(1, sizeof(*s));
	struct chardev_config config = { .session = true };
	struct char_backend backend;
	struct error error = { 0 };
	char spec[64];

	assert_non_null(s);
	*state = s;
	assert_int_equal(loop_create(&s->loop), 0);
	config.loop = s->loop;
	(void)snprintf(spec, sizeof(spec), "unix:virtio_console.%d.sock", (int)getpid());
	assert_int_equal(chardev_create(spec, &config, &s->chr, &error), 0);
	backend = chardev_backend(s->chr);
	console_create_with(&s->f, s->loop, &backend, 1, names);
	chardev_set_receiver(s->chr, &s->f.receivers[0]);
	console_start(&s->f, MULTI & ~CONSOLE_FEATURE(SIZE));
	for (unsigned i = 0; i < 8; i++)
		(void)console_listen(&s->f, CONTROL_RX, 128);
	send_control(s, VIRTIO_CONSOLE_DEVICE_READY);
	send_control(s, VIRTIO_CONSOLE_PORT_READY);
	send_control(s, VIRTIO_CONSOLE_PORT_OPEN);
	return 0;
}

static int socket_teardown(void **state)
{
	struct socket_fixture *s = *state;

	chardev_set_receiver(s->chr, NULL);
	console_teardown(&s->f);
	chardev_destroy(s->chr);
	loop_destroy(s->loop);
	free(s);
	return 0;
}

/* What the last PORT_OPEN that was told says; -1 if there was none. */
static int host_is_open(struct socket_fixture *s)
{
	struct virtio_console_control control;
	int open = -1;
	uint16_t head;
	uint32_t len;

	loop_turns(s->loop, 10);
	while (mock_ring_collect(&s->f.rings[CONTROL_RX], &head, &len)) {
		memcpy(&control, mock_ram_at(&s->f.ram, s->f.rings[CONTROL_RX].desc[head].addr),
		       sizeof(control));
		if (control.event == VIRTIO_CONSOLE_PORT_OPEN)
			open = control.value;
	}
	return open;
}

static void port_is_open_while_a_client_is_there(void **state)
{
	struct socket_fixture *s = *state;
	int client;

	assert_int_equal(host_is_open(s), -1);
	client = connect_to(s->chr);
	assert_int_equal(host_is_open(s), 1);
	(void)close(client);
	assert_int_equal(host_is_open(s), 0);
	client = connect_to(s->chr);
	assert_int_equal(host_is_open(s), 1);
	(void)close(client);
}

/* A driver that sends as fast as it may, and a reader that is slower. */
static void output_is_whole_however_slow_the_reader(void **state)
{
	static uint8_t got[TOTAL + CHUNK];
	struct socket_fixture *s = *state;
	struct mock_ring *ring = &s->f.rings[TX(AGENT_ID)];
	struct mock_buffer buffers[CONSOLE_RING];
	_cleanup_close_ int client = connect_to(s->chr);
	size_t sent = 0, count = 0;
	uint16_t head;
	uint32_t len;

	loop_turns(s->loop, 3);
	for (unsigned i = 0; i < CONSOLE_RING; i++)
		buffers[i] = mock_buffer(&s->f.ram, CHUNK, false, 0);
	while (count < TOTAL) {
		ssize_t n;

		while (sent < TOTAL && ring->nr_free > 0) {
			const struct mock_buffer *buffer = &buffers[sent / CHUNK % CONSOLE_RING];
			uint8_t *bytes = mock_ram_at(&s->f.ram, buffer->gpa);

			for (size_t i = 0; i < CHUNK; i++)
				bytes[i] = pattern(sent + i);
			assert_true(mock_ring_add(ring, buffer, 1) >= 0);
			sent += CHUNK;
		}
		if (mock_ring_should_kick(ring))
			console_kick(&s->f, TX(AGENT_ID));
		loop_turns(s->loop, 2);
		n = read(client, got + count, 1000);
		count += n > 0 ? (size_t)n : 0;
		while (mock_ring_collect(ring, &head, &len))
			assert_int_equal(len, 0);
	}
	assert_int_equal(count, TOTAL);
	for (size_t i = 0; i < TOTAL; i++)
		assert_int_equal(got[i], pattern(i));
	assert_int_equal(chardev_dropped(s->chr), 0);
}

/* One chain that is longer than a turn: the loop comes back to it by itself. */
static void long_output_goes_on_by_itself(void **state)
{
	static uint8_t got[TOTAL];
	struct socket_fixture *s = *state;
	struct mock_buffer buffers[8];
	_cleanup_close_ int client = connect_to(s->chr);
	size_t count = 0;
	int head;

	loop_turns(s->loop, 3);
	buffers[0] = mock_buffer(&s->f.ram, 0x10000, false, 'x');
	for (unsigned i = 1; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = buffers[0];
	head = mock_ring_add(&s->f.rings[TX(AGENT_ID)], buffers, ARRAY_SIZE(buffers));
	console_kick(&s->f, TX(AGENT_ID));
	for (unsigned i = 0; i < 1000 && count < TOTAL; i++) {
		loop_turn(s->loop);
		count += read_all(s->loop, client, got + count, sizeof(got) - count);
	}
	assert_int_equal(count, TOTAL);
	loop_turns(s->loop, 2);
	console_expect_used(&s->f, TX(AGENT_ID), head, 0);
}

/* What the client took is no business of the next one, and waits for no one. */
static void output_ends_with_its_client(void **state)
{
	struct socket_fixture *s = *state;
	struct mock_buffer buffer = mock_buffer(&s->f.ram, 0x80000, false, 'x');
	int client = connect_to(s->chr), head;
	uint8_t byte;

	loop_turns(s->loop, 3);
	head = mock_ring_add(&s->f.rings[TX(AGENT_ID)], &buffer, 1);
	console_kick(&s->f, TX(AGENT_ID));
	loop_turns(s->loop, 20);
	assert_true(console_nothing_used(&s->f, TX(AGENT_ID)));
	(void)close(client);
	loop_turns(s->loop, 20);
	console_expect_used(&s->f, TX(AGENT_ID), head, 0);
	client = connect_to(s->chr);
	assert_int_equal(read_all(s->loop, client, &byte, 1), 0);
	(void)close(client);
}

static void input_is_whole_however_slow_the_guest(void **state)
{
	static uint8_t got[TOTAL];
	struct socket_fixture *s = *state;
	struct mock_ring *ring = &s->f.rings[RX(AGENT_ID)];
	_cleanup_close_ int client = connect_to(s->chr);
	struct mock_buffer buffer = mock_buffer(&s->f.ram, 1500, true, 0);
	size_t sent = 0, count = 0;
	uint16_t head;
	uint32_t len;

	while (count < TOTAL) {
		uint8_t page[CHUNK];
		ssize_t n;

		for (size_t i = 0; i < MIN(CHUNK, TOTAL - sent); i++)
			page[i] = pattern(sent + i);
		n = write(client, page, MIN(CHUNK, TOTAL - sent));
		sent += n > 0 ? (size_t)n : 0;
		assert_true(mock_ring_add(ring, &buffer, 1) >= 0);
		if (mock_ring_should_kick(ring))
			console_kick(&s->f, RX(AGENT_ID));
		for (int i = 0; i < 10 && !mock_ring_collect(ring, &head, &len); i++)
			loop_turn(s->loop);
		assert_int_equal(ring->nr_free, CONSOLE_RING);
		assert_true(len > 0 && len <= TOTAL - count);
		memcpy(got + count, mock_ram_at(&s->f.ram, buffer.gpa), len);
		count += len;
	}
	for (size_t i = 0; i < TOTAL; i++)
		assert_int_equal(got[i], pattern(i));
}

#define SOCKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, socket_setup, socket_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET_TEST(port_is_open_while_a_client_is_there),
		SOCKET_TEST(output_is_whole_however_slow_the_reader),
		SOCKET_TEST(long_output_goes_on_by_itself),
		SOCKET_TEST(output_ends_with_its_client),
		SOCKET_TEST(input_is_whole_however_slow_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
