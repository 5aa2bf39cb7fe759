/* SPDX-License-Identifier: MIT */
/* stdio with standard input and output replaced by what a test wants. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/cleanup.h"
#include "devices/backend/chardev_kind.h"
#include "tests/unit/chardev_fixture.h"

static int real_in = -EBADF, real_out = -EBADF;

static int stdio_setup(void **state)
{
	(void)fflush(stdout);
	real_in = dup(STDIN_FILENO);
	real_out = dup(STDOUT_FILENO);
	return host_setup(state);
}

static int stdio_teardown(void **state)
{
	(void)host_teardown(state);
	(void)dup2(real_in, STDIN_FILENO);
	(void)dup2(real_out, STDOUT_FILENO);
	(void)close(real_in);
	(void)close(real_out);
	return 0;
}

/* Takes over both descriptors. */
static void stdio_open(struct host *host, int in_fd, int out_fd)
{
	assert_int_equal(dup2(in_fd, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(dup2(out_fd, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(in_fd);
	(void)close(out_fd);
	host_open(host, "stdio");
}

static bool reads(int fd, const char *text)
{
	char buf[1024];
	ssize_t n = read(fd, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static void stdio_pipes_are_transparent_until_the_end(void **state)
{
	struct host *host = *state;
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	stdio_open(host, in[0], out[1]);
	assert_int_equal(write(in[1], "\x01x\x03", 3), 3);
	loop_turns(host->loop, 2);
	assert_true(host_received(host, "\x01x\x03"));
	assert_int_equal(host->quits, 0);
	host_print(host, "out");
	chardev_flush(host->chr);
	assert_true(reads(out[0], "out"));
	(void)close(in[1]);
	loop_turns(host->loop, 2);
	assert_true(host->chr->in_fd < 0); /* nothing left to be woken by */
	assert_null(host->chr->in_source);
	host_print(host, "more");
	chardev_flush(host->chr);
	assert_true(reads(out[0], "more"));
	(void)close(out[0]);
}

static bool is_readable(int fd, int timeout_ms)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, timeout_ms) == 1;
}

/* Byte by byte, as a guest prints: what comes out is one piece, and nobody has to ask for it. */
static void stdio_gathers_output_to_a_pipe(void **state)
{
	static const char text[] = "gathered";
	struct host *host = *state;
	int out[2];

	assert_int_equal(pipe2(out, O_DIRECT), 0); /* a pipe that keeps writes apart */
	stdio_open(host, open("/dev/null", O_RDONLY), out[1]);
	for (int round = 0; round < 3; round++) {
		for (const char *at = text; *at; at++)
			chardev_write(host->chr, at, 1);
		for (int i = 0; i < 1000 && !is_readable(out[0], 10); i++)
			loop_turn(host->loop);
		assert_true(reads(out[0], text));
		assert_false(is_readable(out[0], 0));
	}
	host_print(host, "last words");
	host_close(host);
	assert_true(reads(out[0], "last words"));
	(void)close(out[0]);
}

/* The ring, the one being written and the pipe itself hold what a reader is behind. */
static void stdio_slow_reader_gets_the_newest_in_order(void **state)
{
	struct host *host = *state;
	static uint8_t chunk[4096];
	size_t sent = 0, got = 0, total = MIB(4);
	int out[2];

	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	stdio_open(host, open("/dev/null", O_RDONLY), out[1]);
	for (; sent < total; sent += sizeof(chunk)) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = pattern(sent + i);
		chardev_write(host->chr, chunk, sizeof(chunk));
		if (sent % MIB(1) == 0)
			loop_turn(host->loop);
	}
	for (int i = 0; i < 10000 && got + chardev_dropped(host->chr) < total; i++) {
		ssize_t n = read(out[0], chunk, sizeof(chunk));

		for (ssize_t j = 0; j < n; j++, got++) {
			/* At first what was taken before anything was lost, at last the newest. */
			size_t left = total - (size_t)chardev_dropped(host->chr) - got;

			if (left <= MIB(1))
				assert_int_equal(chunk[j], pattern(total - left));
		}
		loop_turn(host->loop);
	}
	assert_true(chardev_dropped(host->chr) > 0);
	assert_int_equal(got + chardev_dropped(host->chr), total);
	(void)close(out[0]);
}

static void stdio_leaves_shared_descriptors_blocking(void **state)
{
	struct host *host = *state;
	int in[2], out[2], flags;
	static const char page[4096];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	stdio_open(host, in[0], out[1]);
	flags = fcntl(STDOUT_FILENO, F_GETFL) | fcntl(STDIN_FILENO, F_GETFL);
	assert_int_equal(flags & O_NONBLOCK, 0);
	for (int i = 0; i < 1024; i++) /* far more than a pipe holds, and nobody reads */
		chardev_write(host->chr, page, sizeof(page));
	assert_true(chardev_dropped(host->chr) > 0);
	(void)close(in[1]);
	(void)close(out[0]);
}

static void stdio_reads_regular_files_and_dev_null(void **state)
{
	struct host *host = *state;
	FILE *file = tmpfile();
	static uint8_t text[100000];

	assert_non_null(file);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = pattern(i);
	assert_int_equal(fwrite(text, sizeof(text), 1, file), 1);
	assert_int_equal(fflush(file), 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
	stdio_open(host, dup(fileno(file)), open("/dev/null", O_WRONLY));
	host->room = 0;
	loop_turns(host->loop, 100);
	assert_int_equal(host->count, 0);
	host->room = SIZE_MAX;
	chardev_resume(host->chr);
	loop_turns(host->loop, 100);
	assert_int_equal(host->count, sizeof(text));
	assert_memory_equal(host->received, text, sizeof(text));
	assert_true(host->chr->in_fd < 0);
	host_close(host);
	stdio_open(host, open("/dev/null", O_RDONLY), open("/dev/null", O_WRONLY));
	loop_turns(host->loop, 2);
	assert_true(host->chr->in_fd < 0);
	(void)fclose(file);
}

static void stdio_works_with_sockets(void **state)
{
	struct host *host = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	stdio_open(host, dup(pair[0]), pair[0]);
	assert_int_equal(write(pair[1], "hi", 2), 2);
	loop_turns(host->loop, 2);
	assert_true(host_received(host, "hi"));
	host_print(host, "ho");
	assert_true(reads(pair[1], "ho"));
	(void)close(pair[1]); /* no SIGPIPE from here on */
	for (int i = 0; i < 3; i++) {
		host_print(host, "into the void");
		loop_turn(host->loop);
	}
	assert_int_equal(host->chr->out_fd, -EBADF);
}

static bool is_raw(int fd)
{
	struct termios settings;

	assert_int_equal(tcgetattr(fd, &settings), 0);
	return !(settings.c_lflag & (ICANON | ECHO | ISIG));
}

static void type(struct host *host, int terminal, const char *keys)
{
	struct pollfd arrived = { .fd = STDIN_FILENO, .events = POLLIN };

	assert_int_equal(write(terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
	/* The kernel takes its time to bring them to the other end. */
	assert_int_equal(poll(&arrived, 1, 10000), 1);
	loop_turns(host->loop, 2);
}

static void stdio_terminal_is_raw_and_has_escapes(void **state)
{
	struct host *host = *state;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_false(is_raw(slave));
	stdio_open(host, dup(slave), dup(slave));
	assert_true(is_raw(slave));
	type(host, master, "a\x03\r");
	assert_true(host_received(host, "a\x03\r"));
	type(host, master, "\x01");
	type(host, master,
	     "\x01"
	     "b\x01"
	     "a");
	assert_true(host_received(host, "\x01"
					"b\x01"));
	assert_int_equal(host->quits, 0);
	type(host, master, "\x01h\x01q!");
	assert_true(host_received(host, "!"));
	assert_false(reads(master, ""));
	type(host, master, "\x01x");
	assert_int_equal(host->quits, 1);
	assert_true(host_received(host, ""));
	host_close(host);
	assert_false(is_raw(slave));
	(void)close(master);
	(void)close(slave);
}

/* Escapes have to work while the guest is stuck. */
static void stdio_quits_while_the_guest_takes_no_input(void **state)
{
	struct host *host = *state;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	host->room = 0;
	stdio_open(host, dup(slave), slave);
	for (int i = 0; i < 100; i++)
		type(host, master, "are you there? ");
	type(host, master, "\x01x");
	assert_int_equal(host->quits, 1);
	(void)close(master);
}

#define STDIO_TEST(fn) cmocka_unit_test_setup_teardown(fn, stdio_setup, stdio_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STDIO_TEST(stdio_pipes_are_transparent_until_the_end),
		STDIO_TEST(stdio_gathers_output_to_a_pipe),
		STDIO_TEST(stdio_slow_reader_gets_the_newest_in_order),
		STDIO_TEST(stdio_leaves_shared_descriptors_blocking),
		STDIO_TEST(stdio_reads_regular_files_and_dev_null),
		STDIO_TEST(stdio_works_with_sockets),
		STDIO_TEST(stdio_terminal_is_raw_and_has_escapes),
		STDIO_TEST(stdio_quits_while_the_guest_takes_no_input),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
