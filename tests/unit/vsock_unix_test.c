/* SPDX-License-Identifier: MIT */
/* The unix sockets of a socket device, with programs of the host good and bad; its device is here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "devices/backend/vsock_unix.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

#define NEVER 1000000 /* ticks: longer than any test */
#define SOON  3
#define MANY  100

struct guest {
	char directory[64], path[80], path_of_port[96];
	struct loop *loop;
	struct vsock_host *host;
	int request_result;
	unsigned requests, events, ticks, wakes;
	uint32_t port; /* of the last request */
	struct vsock_stream *streams[MANY];
	struct vsock_stream *last; /* that was ready */
};

static int guest_request(void *ctx, struct vsock_stream *stream, uint32_t port)
{
	struct guest *guest = ctx;

	guest->port = port;
	if (guest->request_result == 0)
		guest->streams[guest->requests] = stream;
	guest->requests++;
	return guest->request_result;
}

static void guest_ready(void *ctx, struct vsock_stream *stream, unsigned events)
{
	struct guest *guest = ctx;

	guest->last = stream;
	guest->events |= events;
}

static void guest_tick(void *ctx)
{
	((struct guest *)ctx)->ticks++;
}

static void guest_woken(void *ctx)
{
	((struct guest *)ctx)->wakes++;
}

static const struct vsock_guest_ops guest_ops = {
	.request = guest_request,
	.ready = guest_ready,
	.tick = guest_tick,
	.woken = guest_woken,
};

static void setup_with(struct guest *guest, unsigned ticks)
{
	struct vsock_unix_config config = { .line_ticks = ticks, .connect_ticks = ticks };
	struct error error;

	memset(guest, 0, sizeof(*guest));
	strcpy(guest->directory, "/tmp/vsock_unix_test.XXXXXX");
	assert_non_null(mkdtemp(guest->directory));
	(void)snprintf(guest->path, sizeof(guest->path), "%s/v.sock", guest->directory);
	(void)snprintf(guest->path_of_port, sizeof(guest->path_of_port), "%s_4294967295",
		       guest->path);
	config.path = guest->path;
	assert_int_equal(loop_create(&guest->loop), 0);
	assert_int_equal(vsock_unix_create(&config, guest->loop, &guest->host, &error), 0);
	vsock_host_attach(guest->host, &guest_ops, guest);
}

static void setup(struct guest *guest)
{
	setup_with(guest, NEVER);
}

static void teardown(struct guest *guest)
{
	vsock_host_destroy(guest->host);
	loop_destroy(guest->loop);
	(void)unlink(guest->path_of_port);
	/* Only if nothing else is left in it. */
	assert_int_equal(rmdir(guest->directory), 0);
}

/* Runs the loop until @count is @wanted; Return: false if that takes too long. */
static bool comes(struct guest *guest, const unsigned *count, unsigned wanted)
{
	for (unsigned i = 0; i < 20000 && *count < wanted; i++) {
		loop_turn(guest->loop);
		if (*count < wanted)
			(void)poll(NULL, 0, 1);
	}
	return *count == wanted;
}

static bool happens(struct guest *guest, unsigned events)
{
	for (unsigned i = 0; i < 20000 && (guest->events & events) != events; i++) {
		loop_turn(guest->loop);
		(void)poll(NULL, 0, 1);
	}
	return (guest->events & events) == events;
}

static int connect_program(struct guest *guest)
{
	int fd = unix_peer_connect(guest->path);

	assert_true(fd >= 0);
	return fd;
}

static char hello[] = "hello";

static struct iovec piece(void *bytes, size_t len)
{
	return (struct iovec){ .iov_base = bytes, .iov_len = len };
}

static ssize_t read_stream(struct guest *guest, struct vsock_stream *stream, void *bytes,
			   size_t len)
{
	struct iovec iov = piece(bytes, len);

	return guest->host->ops->read(stream, &iov, 1);
}

static ssize_t write_stream(struct guest *guest, struct vsock_stream *stream, void *bytes,
			    size_t len)
{
	struct iovec iov = piece(bytes, len);

	return guest->host->ops->write(stream, &iov, 1);
}

static void vsock_unix_socket_is_private_and_goes_with_its_owner(void **state)
{
	struct guest guest;
	struct stat st;

	(void)state;
	setup(&guest);
	assert_int_equal(stat(guest.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	teardown(&guest);
}

static void expect_refused(struct guest *guest, const char *path, int code, const char *words)
{
	const struct vsock_unix_config config = { .path = path };
	struct vsock_host *host = NULL;
	struct error error = { .message = "" };

	assert_int_equal(vsock_unix_create(&config, guest->loop, &host, &error), code);
	assert_null(host);
	if (!strstr(error.message, words) || (*path && !strstr(error.message, path)))
		fail_msg("%s", error.message);
}

static void vsock_unix_paths_that_cannot_be(void **state)
{
	char path[98];
	struct guest guest;

	(void)state;
	setup(&guest);
	expect_refused(&guest, "", -EINVAL, "1 to 96 characters");
	memset(path, 'x', sizeof(path));
	path[97] = '\0';
	expect_refused(&guest, path, -EINVAL, "room for a port");
	expect_refused(&guest, guest.path, -EADDRINUSE, "another process listens");
	expect_refused(&guest, "/dev/null", -EEXIST, "not a socket");
	expect_refused(&guest, "/nonexistent/v.sock", -ENOENT, "No such file");
	/* The one in use was left alone. */
	assert_int_equal(access(guest.path, F_OK), 0);
	teardown(&guest);
}

static void vsock_unix_program_connects(void **state)
{
	struct vsock_stream *stream;
	char bytes[16];
	struct guest guest;
	int fd;

	(void)state;
	setup(&guest);
	fd = connect_program(&guest);
	unix_peer_print(fd, "CONNECT 1234\nat once");
	assert_true(comes(&guest, &guest.requests, 1));
	assert_int_equal(guest.port, 1234);
	stream = guest.streams[0];
	/* What follows the line is the guest's. */
	assert_int_equal(guest.host->ops->peek(stream), 1);
	assert_int_equal(read_stream(&guest, stream, bytes, sizeof(bytes)), 7);
	assert_memory_equal(bytes, "at once", 7);
	assert_int_equal(guest.host->ops->peek(stream), -EAGAIN);
	assert_int_equal(read_stream(&guest, stream, bytes, sizeof(bytes)), -EAGAIN);

	assert_int_equal(guest.host->ops->confirm(stream, 0x40000000), 0);
	assert_int_equal(write_stream(&guest, stream, hello, 5), 5);
	assert_true(unix_peer_read(fd, bytes, 16));
	assert_memory_equal(bytes, "OK 1073741824\nhe", 16);
	assert_true(unix_peer_read(fd, bytes, 3));

	unix_peer_print(fd, "more");
	assert_true(happens(&guest, VSOCK_READABLE));
	assert_int_equal(read_stream(&guest, stream, bytes, sizeof(bytes)), 4);
	/* Half of it ends, then all. */
	guest.events = 0;
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(happens(&guest, VSOCK_READABLE));
	assert_false(guest.events & VSOCK_HUNG_UP);
	assert_int_equal(guest.host->ops->peek(stream), 0);
	assert_int_equal(read_stream(&guest, stream, bytes, sizeof(bytes)), 0);
	assert_int_equal(write_stream(&guest, stream, hello, 5), 5);
	assert_int_equal(close(fd), 0);
	assert_true(happens(&guest, VSOCK_HUNG_UP));
	assert_int_equal(write_stream(&guest, stream, hello, 5), -EPIPE);
	guest.host->ops->close(stream);
	teardown(&guest);
}

static void vsock_unix_device_ends_its_half(void **state)
{
	struct vsock_stream *stream;
	struct guest guest;
	int fd;

	(void)state;
	setup(&guest);
	fd = connect_program(&guest);
	unix_peer_print(fd, "CONNECT 1\n");
	assert_true(comes(&guest, &guest.requests, 1));
	stream = guest.streams[0];
	guest.host->ops->shutdown(stream, SHUT_WR);
	assert_true(unix_peer_ended(fd));
	unix_peer_print(fd, "x");
	assert_int_equal(guest.host->ops->peek(stream), 1);
	guest.host->ops->shutdown(stream, SHUT_RD);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	guest.host->ops->close(stream);
	assert_int_equal(close(fd), 0);
	teardown(&guest);
}

/* It tells once that it can go on, after it said that it can't. */
static void vsock_unix_full_socket_tells_when_there_is_room(void **state)
{
	static uint8_t block[65536];
	struct vsock_stream *stream;
	struct guest guest;
	size_t all = 0;
	ssize_t n;
	int fd;

	(void)state;
	setup(&guest);
	fd = connect_program(&guest);
	unix_peer_print(fd, "CONNECT 1\n");
	assert_true(comes(&guest, &guest.requests, 1));
	stream = guest.streams[0];
	while ((n = write_stream(&guest, stream, block, sizeof(block))) > 0)
		all += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	loop_turns(guest.loop, 3);
	guest.events = 0;
	loop_turns(guest.loop, 3);
	assert_int_equal(guest.events, 0);
	for (; all; all -= MIN(all, sizeof(block)))
		assert_true(unix_peer_read(fd, block, MIN(all, sizeof(block))));
	assert_true(happens(&guest, VSOCK_WRITABLE));
	assert_true(write_stream(&guest, stream, block, sizeof(block)) > 0);
	guest.host->ops->close(stream);
	assert_int_equal(close(fd), 0);
	teardown(&guest);
}

static void vsock_unix_lines(void **state)
{
	static const struct {
		const char *line;
		bool good;
		uint32_t port;
	} lines[] = {
		{ "CONNECT 0\n", true, 0 },
		{ "CONNECT 4294967295\n", true, UINT32_MAX },
		{ "connect 52\r\n", true, 52 },
		{ "CONNECT  \t 52 \n", true, 52 },
		{ "CONNECT 4294967296\n", false, 0 },
		{ "CONNECT 99999999999999999999\n", false, 0 },
		{ "CONNECT -1\n", false, 0 },
		{ "CONNECT\n", false, 0 },
		{ "CONNECT \n", false, 0 },
		{ "CONNECT x\n", false, 0 },
		{ "CONNECT 52x\n", false, 0 },
		{ "CONNECT 5 2\n", false, 0 },
		{ "CONNECT52\n", false, 0 },
		{ "\n", false, 0 },
		{ "\n\n\nCONNECT 52\n", false, 0 },
		{ "GET / HTTP/1.1\r\n\r\n", false, 0 },
		{ "                                             ", false, 0 },
		{ "CONNECT 000000000000000000000000000000000052\n", false, 0 },
	};
	struct guest guest;

	(void)state;
	setup(&guest);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = connect_program(&guest);

		guest.requests = 0;
		unix_peer_print(fd, lines[i].line);
		if (lines[i].good) {
			assert_true(comes(&guest, &guest.requests, 1));
			assert_int_equal(guest.port, lines[i].port);
			guest.host->ops->close(guest.streams[0]);
		} else {
			loop_turns(guest.loop, 4);
			assert_int_equal(guest.requests, 0);
		}
		assert_true(unix_peer_ended(fd));
		assert_int_equal(close(fd), 0);
	}
	teardown(&guest);
}

static void vsock_unix_garbage(void **state)
{
	uint8_t bytes[100];
	struct guest guest;

	(void)state;
	setup(&guest);
	srandom(1);
	for (unsigned round = 0; round < 200; round++) {
		int fd = connect_program(&guest);
		size_t len = (size_t)random() % sizeof(bytes);

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)random();
		if (round % 2)
			memcpy(bytes, "CONNECT ", 8);
		if (len)
			unix_peer_write(fd, bytes, len);
		if (round % 3)
			loop_turns(guest.loop, 3);
		assert_int_equal(close(fd), 0);
		loop_turns(guest.loop, 3);
	}
	assert_int_equal(guest.requests, 0);
	teardown(&guest);
}

static void vsock_unix_line_in_pieces(void **state)
{
	const char *line = "CONNECT 77\n";
	struct guest guest;
	int fd;

	(void)state;
	setup(&guest);
	fd = connect_program(&guest);
	for (; *line; line++) {
		assert_int_equal(guest.requests, 0);
		unix_peer_write(fd, line, 1);
		loop_turns(guest.loop, 3);
	}
	assert_int_equal(guest.requests, 1);
	assert_int_equal(guest.port, 77);
	guest.host->ops->close(guest.streams[0]);
	assert_int_equal(close(fd), 0);
	teardown(&guest);
}

static void vsock_unix_refused_by_the_device(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	setup(&guest);
	guest.request_result = -ENOTCONN;
	fd = connect_program(&guest);
	unix_peer_print(fd, "CONNECT 77\n");
	assert_true(comes(&guest, &guest.requests, 1));
	assert_true(unix_peer_ended(fd));
	assert_int_equal(close(fd), 0);
	teardown(&guest);
}

/* Programs that say nothing are few; the others wait for them. */
static void vsock_unix_silent_programs(void **state)
{
	int silent[VSOCK_UNIX_MAX_WAITING], fds[MANY];
	struct guest guest;

	(void)state;
	setup(&guest);
	for (unsigned i = 0; i < VSOCK_UNIX_MAX_WAITING; i++) {
		silent[i] = connect_program(&guest);
		loop_turns(guest.loop, 3);
	}
	fds[0] = connect_program(&guest);
	unix_peer_print(fds[0], "CONNECT 1\n");
	loop_turns(guest.loop, 10);
	assert_int_equal(guest.requests, 0);
	/* One of them gives up. */
	assert_int_equal(close(silent[0]), 0);
	assert_true(comes(&guest, &guest.requests, 1));
	/* Many that know what they want get through. */
	for (unsigned i = 1; i < MANY; i++) {
		fds[i] = connect_program(&guest);
		unix_peer_print(fds[i], "CONNECT 2\n");
		loop_turns(guest.loop, 2);
	}
	assert_true(comes(&guest, &guest.requests, MANY));
	for (unsigned i = 0; i < MANY; i++) {
		guest.host->ops->close(guest.streams[i]);
		assert_true(unix_peer_ended(fds[i]));
		assert_int_equal(close(fds[i]), 0);
	}
	/* The silent ones are left for the end. */
	teardown(&guest);
	for (unsigned i = 1; i < VSOCK_UNIX_MAX_WAITING; i++) {
		assert_true(unix_peer_ended(silent[i]));
		assert_int_equal(close(silent[i]), 0);
	}
}

static void vsock_unix_silence_has_an_end(void **state)
{
	struct guest guest;
	int silent, fd;

	(void)state;
	setup_with(&guest, SOON);
	silent = connect_program(&guest);
	unix_peer_print(silent, "CONN");
	while (poll(&(struct pollfd){ .fd = silent, .events = POLLIN }, 1, 1) == 0)
		loop_turn(guest.loop);
	assert_true(unix_peer_ended(silent));
	assert_int_equal(close(silent), 0);
	/* Who has said what it wants has all the time it wants. */
	fd = connect_program(&guest);
	unix_peer_print(fd, "CONNECT 1\n");
	if (comes(&guest, &guest.requests, 1)) {
		guest.host->ops->set_ticking(guest.host, true);
		(void)comes(&guest, &guest.ticks, 2 * SOON);
		assert_int_equal(guest.host->ops->peek(guest.streams[0]), -EAGAIN);
		guest.host->ops->close(guest.streams[0]);
	}
	assert_int_equal(close(fd), 0);
	teardown(&guest);
}

static void vsock_unix_guest_connects(void **state)
{
	struct vsock_stream *stream = NULL;
	struct guest guest;
	char bytes[8];
	int listener, fd;

	(void)state;
	setup(&guest);
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &stream), -ENOENT);
	listener = unix_peer_listen(guest.path_of_port, 4);
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &stream), 0);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(write_stream(&guest, stream, hello, 5), 5);
	assert_true(unix_peer_read(fd, bytes, 5));
	unix_peer_print(fd, "host");
	assert_true(happens(&guest, VSOCK_READABLE));
	assert_ptr_equal(guest.last, stream);
	assert_int_equal(read_stream(&guest, stream, bytes, sizeof(bytes)), 4);
	guest.host->ops->close(stream);
	assert_true(unix_peer_ended(fd));
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(listener), 0);
	/* The file is still there, but nobody listens. */
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &stream), -ECONNREFUSED);
	teardown(&guest);
}

/* A listener that does not accept as fast as guests connect. */
static void vsock_unix_full_queue(void **state)
{
	struct vsock_stream *streams[3];
	struct guest guest;
	int listener, fds[2];

	(void)state;
	setup(&guest);
	listener = unix_peer_listen(guest.path_of_port, 0);
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &streams[0]), 0);
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &streams[i]),
				 -EINPROGRESS);
	fds[0] = accept(listener, NULL, NULL);
	assert_true(happens(&guest, VSOCK_CONNECTED));
	assert_ptr_not_equal(guest.last, streams[0]);
	fds[1] = accept(listener, NULL, NULL);
	assert_int_equal(write_stream(&guest, guest.last, hello, 5), 5);
	assert_true(recv(fds[1], hello, 5, 0) == 5);
	/* The device gives the last one up; there is nothing to wait for any more. */
	for (unsigned i = 0; i < 3; i++)
		guest.host->ops->close(streams[i]);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(close(listener), 0);
	teardown(&guest);
}

static void vsock_unix_queue_stays_full(void **state)
{
	struct vsock_stream *streams[2];
	struct guest guest;
	int listener;

	(void)state;
	setup_with(&guest, SOON);
	listener = unix_peer_listen(guest.path_of_port, 0);
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &streams[0]), 0);
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &streams[1]),
			 -EINPROGRESS);
	assert_true(happens(&guest, VSOCK_REFUSED));
	assert_ptr_equal(guest.last, streams[1]);
	guest.host->ops->close(streams[1]);
	/* The listener goes away while one waits for it. */
	assert_int_equal(guest.host->ops->connect(guest.host, UINT32_MAX, &streams[1]),
			 -EINPROGRESS);
	assert_int_equal(close(listener), 0);
	guest.events = 0;
	assert_true(happens(&guest, VSOCK_REFUSED));
	guest.host->ops->close(streams[1]);
	guest.host->ops->close(streams[0]);
	teardown(&guest);
}

static void vsock_unix_ticks_only_when_asked_to(void **state)
{
	struct guest guest;
	unsigned ticks;

	(void)state;
	setup(&guest);
	guest.host->ops->set_ticking(guest.host, true);
	assert_true(comes(&guest, &guest.ticks, 3));
	guest.host->ops->set_ticking(guest.host, false);
	ticks = guest.ticks;
	(void)poll(NULL, 0, 2 * VSOCK_TICK_MS);
	loop_turns(guest.loop, 3);
	assert_int_equal(guest.ticks, ticks);
	guest.host->ops->wake(guest.host);
	guest.host->ops->wake(guest.host);
	assert_int_equal(guest.wakes, 0);
	assert_true(comes(&guest, &guest.wakes, 1));
	loop_turns(guest.loop, 3);
	assert_int_equal(guest.wakes, 1);
	teardown(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsock_unix_socket_is_private_and_goes_with_its_owner),
		cmocka_unit_test(vsock_unix_paths_that_cannot_be),
		cmocka_unit_test(vsock_unix_program_connects),
		cmocka_unit_test(vsock_unix_device_ends_its_half),
		cmocka_unit_test(vsock_unix_full_socket_tells_when_there_is_room),
		cmocka_unit_test(vsock_unix_lines),
		cmocka_unit_test(vsock_unix_garbage),
		cmocka_unit_test(vsock_unix_line_in_pieces),
		cmocka_unit_test(vsock_unix_refused_by_the_device),
		cmocka_unit_test(vsock_unix_silent_programs),
		cmocka_unit_test(vsock_unix_silence_has_an_end),
		cmocka_unit_test(vsock_unix_guest_connects),
		cmocka_unit_test(vsock_unix_full_queue),
		cmocka_unit_test(vsock_unix_queue_stays_full),
		cmocka_unit_test(vsock_unix_ticks_only_when_asked_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
