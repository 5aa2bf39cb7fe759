/* SPDX-License-Identifier: MIT */
/*
 * A serial port and a socket joined as in a machine, each on its own thread: a guest that echoes,
 * the loop, and a client that pastes.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "devices/legacy/serial.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/chardev_fixture.h"
#include "tests/unit/device_fixture.h"

enum { DATA, IER, FCR, LSR = 5 };

#define PASTE 60000

struct line {
	struct loop *loop;
	struct chardev *chr;
	struct device *dev;
	atomic_bool stop;
};

static void *run_guest(void *ctx)
{
	struct line *line = ctx;

	poke(line->dev, FCR, 0x07);
	poke(line->dev, IER, 0x01);
	while (!atomic_load(&line->stop)) {
		if (peek(line->dev, LSR) & 0x01)
			poke(line->dev, DATA, peek(line->dev, DATA));
	}
	return NULL;
}

static void *run_loop(void *ctx)
{
	struct line *line = ctx;

	return loop_run(line->loop) == 0 ? ctx : NULL;
}

static int connect_client(const char *address)
{
	return unix_peer_connect_nonblocking(address + strlen("unix:"));
}

/* Sends the pattern as fast as it is taken and checks what comes back. */
static void paste_and_compare(int fd)
{
	size_t sent = 0, got = 0;
	uint8_t buf[4096];

	while (got < PASTE) {
		struct pollfd ready = { .fd = fd, .events = POLLIN | (sent < PASTE ? POLLOUT : 0) };
		ssize_t n;

		assert_int_equal(poll(&ready, 1, 30000), 1);
		if (sent < PASTE && (ready.revents & POLLOUT)) {
			size_t len = MIN(sizeof(buf), PASTE - sent);

			for (size_t i = 0; i < len; i++)
				buf[i] = pattern(sent + i);
			n = write(fd, buf, len);
			sent += n > 0 ? (size_t)n : 0;
		}
		n = read(fd, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], pattern(got + (size_t)i));
		got += n > 0 ? (size_t)n : 0;
	}
}

static void line_echoes_a_fast_paste_without_loss(void **state)
{
	struct line line = { 0 };
	struct serial_config serial = { .name = "serial0" };
	struct chardev_config config = { 0 };
	struct char_receiver receiver;
	struct error error = { 0 };
	char spec[64];
	pthread_t guest, loop;
	void *loop_ok = NULL;
	int fd;

	(void)state;
	assert_int_equal(loop_create(&line.loop), 0);
	config.loop = line.loop;
	(void)snprintf(spec, sizeof(spec), "unix:serial_line_test.%d.sock", (int)getpid());
	assert_int_equal(chardev_create(spec, &config, &line.chr, &error), 0);
	serial.backend = chardev_backend(line.chr);
	assert_int_equal(serial_create(&serial, &line.dev), 0);
	receiver = serial_receiver(line.dev);
	chardev_set_receiver(line.chr, &receiver);

	fd = connect_client(chardev_address(line.chr));
	assert_int_equal(pthread_create(&loop, NULL, run_loop, &line), 0);
	assert_int_equal(pthread_create(&guest, NULL, run_guest, &line), 0);
	paste_and_compare(fd);

	atomic_store(&line.stop, true);
	assert_int_equal(pthread_join(guest, NULL), 0);
	loop_quit(line.loop);
	assert_int_equal(pthread_join(loop, &loop_ok), 0);
	assert_non_null(loop_ok);
	assert_int_equal(chardev_dropped(line.chr), 0);
	chardev_destroy(line.chr);
	device_destroy(line.dev);
	loop_destroy(line.loop);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_echoes_a_fast_paste_without_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
