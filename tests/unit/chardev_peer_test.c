/* SPDX-License-Identifier: MIT */
/* What a chardev tells of its other end: who is there, how large it is, how much it takes. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "tests/unit/chardev_fixture.h"

#define KEPT  KIB(64)
#define TURNS 10 /* more than it takes for all to be told */

/* A receiver that writes down what it is told. */
struct peer {
	struct loop *loop;
	struct chardev *chr;
	char log[64]; /* "C" connected, "D" disconnected, "W" writable, and the input */
	bool refuses, discards;
	unsigned resizes;
	struct char_size size;
};

static void note(struct peer *peer, const char *what, size_t len)
{
	size_t used = strlen(peer->log);

	assert_true(used + len < sizeof(peer->log));
	memcpy(peer->log + used, what, len);
	peer->log[used + len] = '\0';
}

static size_t peer_receive(void *ctx, const void *buf, size_t len)
{
	struct peer *peer = ctx;

	if (peer->discards)
		return len;
	if (peer->refuses)
		return 0;
	note(peer, buf, len);
	return len;
}

static void peer_connected(void *ctx, bool connected)
{
	note(ctx, connected ? "C" : "D", 1);
}

static void peer_writable(void *ctx)
{
	note(ctx, "W", 1);
}

static void peer_resized(void *ctx, struct char_size size)
{
	struct peer *peer = ctx;

	peer->resizes++;
	peer->size = size;
}

static struct char_receiver peer_receiver(struct peer *peer)
{
	return (struct char_receiver){
		.receive = peer_receive,
		.ctx = peer,
		.writable = peer_writable,
		.connected = peer_connected,
		.resized = peer_resized,
	};
}

static void peer_open(struct peer *peer, const char *spec, bool session)
{
	struct chardev_config config = { .session = session };
	struct char_receiver receiver = peer_receiver(peer);
	struct error error = { 0 };

	config.loop = peer->loop;
	if (chardev_create(spec, &config, &peer->chr, &error) < 0)
		fail_msg("%s", error.message);
	chardev_set_receiver(peer->chr, &receiver);
	loop_turns(peer->loop, 2);
}

static void peer_close(struct peer *peer)
{
	chardev_destroy(peer->chr);
	peer->chr = NULL;
	peer->log[0] = '\0';
}

static int peer_setup(void **state)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	assert_non_null(peer);
	assert_int_equal(loop_create(&peer->loop), 0);
	*state = peer;
	return 0;
}

static int peer_teardown(void **state)
{
	struct peer *peer = *state;

	chardev_destroy(peer->chr);
	loop_destroy(peer->loop);
	free(peer);
	return 0;
}

static void unix_open(struct peer *peer, bool session)
{
	char spec[64];

	(void)snprintf(spec, sizeof(spec), "unix:chardev_peer.%d.sock", (int)getpid());
	peer_open(peer, spec, session);
}

/* True if exactly this was told since the last look. */
static bool told(struct peer *peer, const char *expected)
{
	bool equal;

	loop_turns(peer->loop, TURNS);
	equal = strcmp(peer->log, expected) == 0;
	if (!equal)
		print_message("told '%s', expected '%s'\n", peer->log, expected);
	peer->log[0] = '\0';
	return equal;
}

static void others_are_always_connected(void **state)
{
	static const char *const specs[] = { "pty", "none", "file:/dev/null" };
	struct peer *peer = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(specs); i++) {
		peer_open(peer, specs[i], true);
		assert_true(told(peer, "C"));
		peer_close(peer);
	}
}

static void unix_tells_of_each_client(void **state)
{
	struct peer *peer = *state;

	unix_open(peer, false);
	assert_true(told(peer, ""));
	for (int i = 0; i < 2; i++) {
		int fd = connect_to(peer->chr);

		assert_true(told(peer, "C"));
		assert_int_equal(write(fd, "x", 1), 1);
		assert_true(told(peer, "x"));
		(void)close(fd);
		assert_true(told(peer, "D"));
	}
}

static void unix_half_of_a_client_is_one(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	struct peer *peer = *state;

	unix_open(peer, false);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(told(peer, ""));
	(void)close(fd);
	fd = -EBADF;
	assert_true(told(peer, "D"));
}

/* Whoever connects, writes and goes is heard out. */
static void unix_input_comes_before_the_end(void **state)
{
	struct peer *peer = *state;
	int fd;

	unix_open(peer, false);
	fd = connect_to(peer->chr);
	assert_int_equal(write(fd, "hello", 5), 5);
	(void)close(fd);
	assert_true(told(peer, "ChelloD"));
	peer->refuses = true;
	fd = connect_to(peer->chr);
	assert_int_equal(write(fd, "later", 5), 5);
	(void)close(fd);
	assert_true(told(peer, "C"));
	peer->refuses = false;
	chardev_resume(peer->chr);
	assert_true(told(peer, "laterD"));
}

static void unix_next_client_is_not_taken_for_the_last(void **state)
{
	_cleanup_close_ int next = -EBADF;
	struct peer *peer = *state;
	int fd;

	unix_open(peer, false);
	peer->refuses = true;
	fd = connect_to(peer->chr);
	assert_int_equal(write(fd, "old", 3), 3);
	(void)close(fd);
	assert_true(told(peer, "C"));
	next = connect_to(peer->chr);
	assert_true(told(peer, "DC"));
	peer->refuses = false;
	chardev_resume(peer->chr);
	assert_true(told(peer, "old"));
}

/* It comes before anybody had the time to see that the other one has gone. */
static void unix_next_client_waits_for_the_end_of_the_last(void **state)
{
	static char page[4096];
	struct peer *peer = *state;
	_cleanup_close_ int next = -EBADF, third = -EBADF;
	int fd;

	unix_open(peer, false);
	fd = connect_to(peer->chr);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	next = connect_to(peer->chr);
	assert_true(told(peer, "CxDC"));
	/* The input of the last one is more than is taken now. */
	peer->refuses = true;
	while (write(next, page, sizeof(page)) > 0)
		loop_turn(peer->loop);
	(void)close(next);
	next = connect_to(peer->chr);
	assert_true(told(peer, ""));
	assert_int_equal(read(next, page, 1), -1); /* not closed */
	peer->discards = true;
	chardev_resume(peer->chr);
	loop_turns(peer->loop, 1000); /* a page each */
	assert_true(told(peer, "DC"));
	/* Yet one that is still there keeps others out. */
	third = connect_to(peer->chr);
	assert_true(told(peer, ""));
	assert_int_equal(read(third, page, 1), 0);
}

/* Another machine has the same consoles. */
static void new_receiver_is_told_anew(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	struct char_receiver receiver;
	struct peer *peer = *state;

	unix_open(peer, false);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	chardev_set_receiver(peer->chr, NULL);
	assert_true(told(peer, ""));
	receiver = peer_receiver(peer);
	chardev_set_receiver(peer->chr, &receiver);
	assert_true(told(peer, "C"));
}

static void session_keeps_nothing_for_the_next_client(void **state)
{
	static const char page[4096];
	uint8_t buf[64];
	struct peer *peer = *state;
	int fd;

	unix_open(peer, true);
	chardev_write(peer->chr, "nobody", 6);
	assert_int_equal(chardev_dropped(peer->chr), 6);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	chardev_write(peer->chr, "you", 3);
	assert_int_equal(read_all(peer->loop, fd, buf, sizeof(buf)), 3);
	/* What it never reads goes with it. */
	while (chardev_room(peer->chr, sizeof(page)) == sizeof(page))
		chardev_write(peer->chr, page, sizeof(page));
	(void)close(fd);
	/* Which of its ends is seen first is up to the kernel. */
	loop_turns(peer->loop, TURNS);
	assert_true(strcmp(peer->log, "WD") == 0 || strcmp(peer->log, "DW") == 0);
	peer->log[0] = '\0';
	assert_true(chardev_dropped(peer->chr) > 6);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	assert_int_equal(read_all(peer->loop, fd, buf, sizeof(buf)), 0);
	(void)close(fd);
}

/* Writes as much as there is room for. */
static size_t fill(struct peer *peer, size_t sent)
{
	uint8_t page[4096];
	size_t room;

	do {
		room = chardev_room(peer->chr, sizeof(page));
		for (size_t i = 0; i < room; i++)
			page[i] = pattern(sent + i);
		chardev_write(peer->chr, page, room);
		sent += room;
	} while (room == sizeof(page));
	return sent;
}

static void writer_that_asks_for_room_loses_nothing(void **state)
{
	static uint8_t buf[MIB(8)];
	size_t sent = 0, got = 0;
	_cleanup_close_ int fd = -EBADF;
	struct peer *peer = *state;

	unix_open(peer, true);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	for (int round = 0; round < 10; round++) {
		sent = fill(peer, sent);
		/* Full, and not a word until somebody reads. */
		assert_true(told(peer, ""));
		while (peer->log[0] == '\0') {
			ssize_t n = read(fd, buf + got, 8192);

			assert_true(n > 0);
			got += (size_t)n;
			loop_turns(peer->loop, 2);
		}
		assert_true(told(peer, "W"));
	}
	got += read_all(peer->loop, fd, buf + got, sizeof(buf) - got);
	assert_int_equal(got, sent);
	assert_int_equal(chardev_dropped(peer->chr), 0);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(buf[i], pattern(i));
}

/* Nobody will ever take it, so nobody should wait for that. */
static void there_is_room_where_nothing_is_taken(void **state)
{
	static const char page[4096];
	struct peer *peer = *state;

	peer_open(peer, "none", true);
	assert_int_equal(chardev_room(peer->chr, MIB(1)), MIB(1));
	peer_close(peer);
	unix_open(peer, false);
	for (int i = 0; i < 20; i++)
		chardev_write(peer->chr, page, sizeof(page));
	assert_int_equal(chardev_room(peer->chr, MIB(1)), MIB(1));
}

static void more_than_fits_at_all_is_asked_for_in_parts(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	struct peer *peer = *state;

	unix_open(peer, true);
	fd = connect_to(peer->chr);
	assert_true(told(peer, "C"));
	assert_int_equal(chardev_room(peer->chr, MIB(1)), KEPT);
	assert_true(told(peer, "W"));
}

static void full_disk_stops_nobody(void **state)
{
	static const char page[4096];
	struct peer *peer = *state;

	if (access("/dev/full", W_OK) < 0)
		skip();
	peer_open(peer, "file:/dev/full", true);
	assert_true(told(peer, "C"));
	while (chardev_room(peer->chr, sizeof(page)) == sizeof(page))
		chardev_write(peer->chr, page, sizeof(page));
	assert_true(told(peer, "W"));
	assert_int_equal(chardev_room(peer->chr, MIB(4)), MIB(4));
}

static void set_size(const struct peer *peer, uint16_t cols, uint16_t rows)
{
	struct winsize size = { .ws_col = cols, .ws_row = rows };
	_cleanup_close_ int fd = open(chardev_address(peer->chr), O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
}

static void pty_size_is_told_when_it_changed(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	struct peer *peer = *state;

	peer_open(peer, "pty", false);
	assert_int_equal(peer->resizes, 0); /* 0 by 0: not known */
	set_size(peer, 120, 45);
	chardev_check_size(peer->chr);
	assert_int_equal(peer->resizes, 1);
	assert_int_equal(peer->size.cols, 120);
	assert_int_equal(peer->size.rows, 45);
	chardev_check_size(peer->chr);
	assert_int_equal(peer->resizes, 1);
	/* Nothing tells of a change, but then somebody types. */
	set_size(peer, 80, 24);
	fd = open(chardev_address(peer->chr), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	for (int i = 0; i < 5000 && peer->resizes < 2; i++) {
		(void)usleep(1000); /* the kernel takes its time */
		loop_turn(peer->loop);
	}
	assert_int_equal(peer->size.cols, 80);
	assert_int_equal(peer->size.rows, 24);
}

#define PEER_TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(others_are_always_connected),
		PEER_TEST(unix_tells_of_each_client),
		PEER_TEST(unix_half_of_a_client_is_one),
		PEER_TEST(unix_input_comes_before_the_end),
		PEER_TEST(unix_next_client_is_not_taken_for_the_last),
		PEER_TEST(unix_next_client_waits_for_the_end_of_the_last),
		PEER_TEST(new_receiver_is_told_anew),
		PEER_TEST(session_keeps_nothing_for_the_next_client),
		PEER_TEST(writer_that_asks_for_room_loses_nothing),
		PEER_TEST(there_is_room_where_nothing_is_taken),
		PEER_TEST(more_than_fits_at_all_is_asked_for_in_parts),
		PEER_TEST(full_disk_stops_nobody),
		PEER_TEST(pty_size_is_told_when_it_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
