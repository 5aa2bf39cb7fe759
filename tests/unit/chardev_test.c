/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/cleanup.h"
#include "devices/backend/byte_ring.h"
#include "tests/unit/chardev_fixture.h"

#define KEPT KIB(64)

static void ring_keeps_the_newest_and_counts_the_lost(void **state)
{
	struct byte_ring ring = { 0 };
	const uint8_t *bytes;

	(void)state;
	assert_int_equal(byte_ring_init(&ring, 4), 0);
	assert_int_equal(byte_ring_push(&ring, "abc", 3), 0);
	byte_ring_pop(&ring, 2);
	assert_int_equal(byte_ring_push(&ring, "def", 3), 0);
	assert_int_equal(byte_ring_peek(&ring, &bytes), 2); /* up to where it wraps */
	assert_memory_equal(bytes, "cd", 2);
	assert_int_equal(byte_ring_push(&ring, "g", 1), 1);
	byte_ring_pop(&ring, 1);
	assert_int_equal(byte_ring_peek(&ring, &bytes), 3);
	assert_memory_equal(bytes, "efg", 3);
	assert_int_equal(byte_ring_push(&ring, "0123456789", 10), 9);
	assert_int_equal(byte_ring_space(&ring), 0);
	byte_ring_deinit(&ring);
	assert_int_equal(byte_ring_init(&ring, 0), 0);
	assert_int_equal(byte_ring_push(&ring, "x", 1), 1);
	byte_ring_deinit(&ring);
}

static void chardev_refuses_unknown_specs(void **state)
{
	static const char *const bad[] = { "",      "stdout", "stdio:", "file:",
					   "unix:", "pty:1",  "none " };
	struct host *host = *state;
	struct chardev_config config = { .loop = host->loop };
	struct error error = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(chardev_create(bad[i], &config, &host->chr, &error), -EINVAL);
	assert_non_null(strstr(error.message, "unix:PATH"));
	assert_int_equal(chardev_create("file:/nonexistent/x", &config, &host->chr, &error),
			 -ENOENT);
	assert_int_equal(chardev_create("unix:/nonexistent/x", &config, &host->chr, &error),
			 -ENOENT);
	assert_null(host->chr);
	chardev_destroy(NULL);
}

static void chardev_none_swallows_all(void **state)
{
	struct host *host = *state;

	host_open(host, "none");
	host_print(host, "hello");
	chardev_resume(host->chr);
	loop_turn(host->loop);
	assert_int_equal(chardev_dropped(host->chr), 0);
	assert_null(chardev_address(host->chr));
}

static void chardev_file_is_truncated_and_written(void **state)
{
	struct host *host = *state;
	char spec[64], *path = spec + 5, buf[16];
	_cleanup_close_ int fd = -EBADF;

	(void)snprintf(spec, sizeof(spec), "file:chardev_test.%d.out", (int)getpid());
	for (int round = 0; round < 2; round++) {
		host_open(host, spec);
		host_print(host, "one");
		host_print(host, "two");
		host_close(host);
	}
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "onetwo", 6);
	assert_int_equal(unlink(path), 0);
}

/* A disk that is full ends the output, it neither blocks nor fails the guest. */
static void chardev_failed_output_is_dropped(void **state)
{
	struct host *host = *state;
	static const char page[4096];

	if (access("/dev/full", W_OK) < 0)
		skip();
	host_open(host, "file:/dev/full");
	for (int i = 0; i < 300; i++)
		chardev_write(host->chr, page, sizeof(page));
	loop_turns(host->loop, 2);
	assert_int_equal(chardev_dropped(host->chr), 300 * sizeof(page) - MIB(1));
}

/* --- unix: --- */

static int unix_setup(void **state)
{
	char spec[64];

	(void)host_setup(state);
	(void)snprintf(spec, sizeof(spec), "unix:chardev_test.%d.sock", (int)getpid());
	host_open(*state, spec);
	return 0;
}

static int connect_client(struct host *host)
{
	int fd = connect_to(host->chr);

	loop_turns(host->loop, 2);
	return fd;
}

static bool reads(struct host *host, int fd, const char *text)
{
	uint8_t buf[64];
	size_t n = read_all(host->loop, fd, buf, sizeof(buf));

	return n == strlen(text) && memcmp(buf, text, n) == 0;
}

static bool is_closed(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

static void unix_passes_bytes_both_ways(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = connect_client(host);
	struct stat st;

	assert_int_equal(stat(chardev_address(host->chr) + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	host_print(host, "login: ");
	assert_true(reads(host, fd, "login: "));
	assert_int_equal(write(fd, "\x01xroot", 6), 6); /* no escapes here */
	loop_turn(host->loop);
	assert_true(host_received(host, "\x01xroot"));
	assert_int_equal(host->quits, 0);
}

static void unix_keeps_the_last_output_for_whoever_connects(void **state)
{
	struct host *host = *state;
	static uint8_t buf[2 * KEPT];
	_cleanup_close_ int fd = -EBADF;

	for (size_t i = 0; i < KEPT + 1000; i++) {
		uint8_t byte = pattern(i);

		chardev_write(host->chr, &byte, 1);
	}
	assert_int_equal(chardev_dropped(host->chr), 1000);
	fd = connect_client(host);
	assert_int_equal(read_all(host->loop, fd, buf, sizeof(buf)), KEPT);
	for (size_t i = 0; i < KEPT; i++)
		assert_int_equal(buf[i], pattern(i + 1000));
	host_print(host, "on");
	assert_true(reads(host, fd, "on"));
}

static void unix_serves_one_client_at_a_time_and_then_the_next(void **state)
{
	struct host *host = *state;

	for (int round = 0; round < 3; round++) {
		_cleanup_close_ int fd = connect_client(host), second = connect_client(host);

		assert_true(is_closed(second));
		host_print(host, "hi");
		assert_true(reads(host, fd, "hi"));
		(void)close(fd);
		fd = -EBADF;
		loop_turns(host->loop, 3);
		host_print(host, "later ");
		fd = connect_client(host);
		assert_true(reads(host, fd, "later "));
		(void)close(fd);
		fd = -EBADF;
		loop_turns(host->loop, 3);
	}
	assert_int_equal(chardev_dropped(host->chr), 0);
}

static void unix_client_that_only_listens_stays(void **state)
{
	struct host *host = *state;
	int fd = connect_client(host);

	assert_int_equal(write(fd, "last", 4), 4);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	loop_turns(host->loop, 3);
	assert_true(host_received(host, "last"));
	host_print(host, "still here");
	assert_true(reads(host, fd, "still here"));
	(void)close(fd);
	loop_turns(host->loop, 2);
	fd = connect_client(host);
	host_print(host, "next");
	assert_true(reads(host, fd, "next"));
	(void)close(fd);
}

static void unix_client_that_does_not_read_blocks_nobody(void **state)
{
	struct host *host = *state;
	static uint8_t buf[4 * MIB(1)];
	_cleanup_close_ int fd = connect_client(host);
	size_t total = MIB(2), got, dropped;

	for (size_t i = 0; i < total; i += 64) {
		uint8_t chunk[64];

		for (size_t j = 0; j < sizeof(chunk); j++)
			chunk[j] = pattern(i + j);
		chardev_write(host->chr, chunk, sizeof(chunk));
	}
	loop_turns(host->loop, 3);
	dropped = (size_t)chardev_dropped(host->chr);
	assert_true(dropped > 0);
	got = read_all(host->loop, fd, buf, sizeof(buf));
	assert_int_equal(got + dropped, total);
	/* What came last is there, in order. */
	for (size_t i = 1; i <= KEPT; i++)
		assert_int_equal(buf[got - i], pattern(total - i));
	host_print(host, "alive");
	assert_true(reads(host, fd, "alive"));
}

static void unix_paste_arrives_whole_through_a_small_fifo(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = connect_client(host);
	size_t sent = 0, total = 200000;

	host->room = 16;
	while (host->count < total) {
		uint8_t chunk[1000];
		size_t len = MIN(sizeof(chunk), total - sent), before = host->count;
		ssize_t n;

		for (size_t i = 0; i < len; i++)
			chunk[i] = pattern(sent + i);
		n = write(fd, chunk, len);
		sent += n > 0 ? (size_t)n : 0;
		host->room = 16; /* the guest reads its FIFO */
		chardev_resume(host->chr);
		loop_turn(host->loop);
		assert_true(host->count > before || sent < total);
	}
	assert_int_equal(host->count, total);
	for (size_t i = 0; i < total; i++)
		assert_int_equal(host->received[i], pattern(i));
}

static void unix_input_waits_for_a_receiver(void **state)
{
	struct host *host = *state;
	struct char_receiver receiver = { .receive = host_receive, .ctx = host };
	_cleanup_close_ int fd = -EBADF;

	chardev_set_receiver(host->chr, NULL);
	fd = connect_client(host);
	assert_int_equal(write(fd, "early", 5), 5);
	loop_turns(host->loop, 2);
	assert_int_equal(host->count, 0);
	chardev_set_receiver(host->chr, &receiver);
	loop_turn(host->loop);
	assert_true(host_received(host, "early"));
}

static void unix_socket_is_removed_at_the_end(void **state)
{
	struct host *host = *state;
	_cleanup_close_ int fd = connect_client(host);
	_cleanup_free_ char *address = strdup(chardev_address(host->chr));

	host_print(host, "bye");
	host_close(host);
	assert_int_equal(access(address + 5, F_OK), -1);
	char buf[8];
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_true(is_closed(fd));
}

/* --- pty --- */

static void pty_survives_close_and_reopen(void **state)
{
	struct host *host = *state;

	host_open(host, "pty");
	assert_memory_equal(chardev_address(host->chr), "/dev/pts/", 9);
	host_print(host, "boot\r\n");
	for (int round = 0; round < 3; round++) {
		_cleanup_close_ int fd =
			open(chardev_address(host->chr), O_RDWR | O_NOCTTY | O_NONBLOCK);

		assert_true(fd >= 0);
		assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000), 1);
		assert_true(reads(host, fd, round ? "again\r\n" : "boot\r\n"));
		assert_int_equal(write(fd, "ls\r", 3), 3);
		/* The kernel takes its time to bring it to the other end. */
		for (int i = 0; i < 5000 && host->count < 3; i++) {
			(void)usleep(1000);
			loop_turn(host->loop);
		}
		assert_true(host_received(host, "ls\r"));
		(void)close(fd);
		fd = -EBADF;
		loop_turns(host->loop, 2);
		host_print(host, "again\r\n");
	}
	/* Nothing of the output was echoed as input. */
	assert_int_equal(host->count, 0);
}

static void pty_output_nobody_reads_is_bounded_and_resumes(void **state)
{
	struct host *host = *state;
	static uint8_t buf[MIB(1)];
	size_t total = KIB(512), got = 0;
	_cleanup_close_ int fd = -EBADF;

	host_open(host, "pty");
	for (size_t i = 0; i < total; i++) {
		uint8_t byte = pattern(i);

		chardev_write(host->chr, &byte, 1);
	}
	fd = open(chardev_address(host->chr), O_RDWR | O_NOCTTY | O_NONBLOCK);
	for (int i = 0; i < 1000 && got + chardev_dropped(host->chr) < total; i++) {
		got += read_all(host->loop, fd, buf + got, sizeof(buf) - got);
		(void)usleep(1000); /* the kernel moves bytes between the ends by itself */
	}
	assert_int_equal(got + chardev_dropped(host->chr), total);
	for (size_t i = 1; i <= KEPT; i++)
		assert_int_equal(buf[got - i], pattern(total - i));
}

#define HOST_TEST(fn) cmocka_unit_test_setup_teardown(fn, host_setup, host_teardown)
#define UNIX_TEST(fn) cmocka_unit_test_setup_teardown(fn, unix_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_keeps_the_newest_and_counts_the_lost),
		HOST_TEST(chardev_refuses_unknown_specs),
		HOST_TEST(chardev_none_swallows_all),
		HOST_TEST(chardev_file_is_truncated_and_written),
		HOST_TEST(chardev_failed_output_is_dropped),
		UNIX_TEST(unix_passes_bytes_both_ways),
		UNIX_TEST(unix_keeps_the_last_output_for_whoever_connects),
		UNIX_TEST(unix_serves_one_client_at_a_time_and_then_the_next),
		UNIX_TEST(unix_client_that_only_listens_stays),
		UNIX_TEST(unix_client_that_does_not_read_blocks_nobody),
		UNIX_TEST(unix_paste_arrives_whole_through_a_small_fifo),
		UNIX_TEST(unix_input_waits_for_a_receiver),
		UNIX_TEST(unix_socket_is_removed_at_the_end),
		HOST_TEST(pty_survives_close_and_reopen),
		HOST_TEST(pty_output_nobody_reads_is_bounded_and_resumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
