/* SPDX-License-Identifier: MIT */
/* The control socket on real sockets: clients that talk nonsense, do not listen, come and go. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"
#include "vmm/control/server.h"

struct fixture {
	struct loop *loop;
	struct control_server *server;
	char path[64];
	unsigned requests, gone;
	char last[CONTROL_LINE_MAX]; /* the last request */
	size_t last_len;
	bool later;       /* replies wait for reply_now() */
	size_t reply_len; /* not 0: replies are so long */
	struct control_client *waiting;
};

static char *make_reply(const struct fixture *f, const char *line, size_t len)
{
	char *reply = malloc(MAX(len, f->reply_len) + 2);

	assert_non_null(reply);
	memcpy(reply, line, len);
	if (f->reply_len) {
		memset(reply, 'x', f->reply_len);
		len = f->reply_len;
	}
	reply[len] = '\n';
	reply[len + 1] = '\0';
	return reply;
}

/* An echo. */
static void on_request(void *ctx, struct control_client *client, const char *line, size_t len)
{
	struct fixture *f = ctx;

	assert_true(len > 0 && len < CONTROL_LINE_MAX);
	f->requests++;
	memcpy(f->last, line, len);
	f->last_len = len;
	f->waiting = client;
	if (!f->later)
		control_client_reply(client, make_reply(f, line, len));
}

static void reply_now(struct fixture *f)
{
	control_client_reply(f->waiting, make_reply(f, f->last, f->last_len));
}

static void on_gone(void *ctx, struct control_client *client)
{
	struct fixture *f = ctx;

	assert_ptr_equal(client, f->waiting);
	f->gone++;
}

static const struct control_server_ops ops = { .request = on_request, .gone = on_gone };

static void setup(struct fixture *f)
{
	char address[80];
	struct error error;

	memset(f, 0, sizeof(*f));
	(void)snprintf(f->path, sizeof(f->path), "control_server_test.%d.socket", getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", f->path);
	assert_int_equal(loop_create(&f->loop), 0);
	assert_int_equal(control_server_create(f->loop, address, &ops, f, &f->server, &error), 0);
}

static void teardown(struct fixture *f)
{
	control_server_destroy(f->server);
	control_server_destroy(NULL);
	loop_destroy(f->loop);
	assert_int_equal(access(f->path, F_OK), -1);
}

static int client_open(const struct fixture *f)
{
	return unix_peer_connect_nonblocking(f->path);
}

static void say(struct fixture *f, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	loop_turns(f->loop, 4);
}

/* What has come is @text, and no more. */
static void assert_hears(int fd, const char *text)
{
	char heard[8192];
	ssize_t n = recv(fd, heard, sizeof(heard) - 1, MSG_DONTWAIT);

	heard[MAX(n, 0)] = '\0';
	assert_string_equal(heard, text);
}

static void assert_closed(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	(void)close(fd);
}

static void requests_and_replies(void **state)
{
	struct fixture f;
	struct stat st;
	int one, two;

	(void)state;
	setup(&f);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	one = client_open(&f);
	two = client_open(&f);
	say(&f, one, "first\n");
	say(&f, two, "second\r\n");
	assert_hears(one, "first\n");
	assert_hears(two, "second\n");
	/* Several at once, and one in pieces; blank lines are nothing. */
	say(&f, one, "a\n\n\r\nb\nc");
	assert_hears(one, "a\nb\n");
	say(&f, one, "d\n");
	assert_hears(one, "cd\n");
	assert_int_equal(f.requests, 5);
	(void)close(two);
	say(&f, one, "e\n");
	assert_hears(one, "e\n");
	(void)close(one);
	loop_turns(f.loop, 3);
	teardown(&f);
}

static void any_bytes_are_a_line(void **state)
{
	const char bytes[] = "\0\xff{\x80\0\n";
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	assert_int_equal(send(fd, bytes, sizeof(bytes) - 1, MSG_NOSIGNAL), sizeof(bytes) - 1);
	loop_turns(f.loop, 3);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.last_len, 5);
	assert_memory_equal(f.last, bytes, 5);
	(void)close(fd);
	teardown(&f);
}

/* Told once, however long it is; what comes after it counts again. */
static void lines_that_are_too_long(void **state)
{
	static char text[4 * CONTROL_LINE_MAX + 1];
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	memset(text, 'x', sizeof(text) - 1);
	say(&f, fd, text);
	loop_turns(f.loop, 10);
	assert_hears(fd, "{\"ok\":false,\"code\":\"bad-request\","
			 "\"error\":\"the line is too long\"}\n");
	say(&f, fd, "xxx\nnext\n");
	assert_hears(fd, "next\n");
	assert_int_equal(f.requests, 1);
	/* The longest that is not. */
	text[CONTROL_LINE_MAX - 1] = '\n';
	text[CONTROL_LINE_MAX] = '\0';
	say(&f, fd, text);
	assert_int_equal(f.last_len, CONTROL_LINE_MAX - 1);
	assert_int_equal(f.requests, 2);
	(void)close(fd);
	teardown(&f);
}

/* One request at a time: what a client sends meanwhile waits, and others go on. */
static void replies_that_take_their_time(void **state)
{
	struct control_client *waiting;
	struct fixture f;
	int fd, other;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	f.later = true;
	say(&f, fd, "one\ntwo\n");
	assert_int_equal(f.requests, 1);
	assert_hears(fd, "");
	other = client_open(&f);
	waiting = f.waiting;
	f.later = false;
	say(&f, other, "quick\n");
	assert_hears(other, "quick\n");
	f.later = true;
	control_client_reply(waiting, strdup("done\n"));
	assert_hears(fd, "done\n");
	/* Now its next one came. */
	assert_int_equal(f.requests, 3);
	reply_now(&f);
	assert_hears(fd, "two\n");
	(void)close(fd);
	(void)close(other);
	loop_turns(f.loop, 3);
	assert_int_equal(f.gone, 0);
	teardown(&f);
}

static void client_goes_while_it_waits(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	f.later = true;
	say(&f, fd, "slow\n");
	(void)close(fd);
	loop_turns(f.loop, 3);
	assert_int_equal(f.gone, 1);
	/* Nor does the end of the server answer anybody. */
	fd = client_open(&f);
	say(&f, fd, "slow\n");
	teardown(&f);
	assert_int_equal(f.gone, 1);
	assert_closed(fd);
}

/* `echo REQUEST | nc -N -U PATH`: nothing more to say, but still there to hear. */
static void client_that_shuts_its_side(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	f.later = true;
	assert_int_equal(send(fd, "one\ntwo", 7, MSG_NOSIGNAL), 7);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	loop_turns(f.loop, 4);
	assert_int_equal(f.requests, 1);
	reply_now(&f);
	loop_turns(f.loop, 4);
	assert_hears(fd, "one\n");
	assert_int_equal(f.requests, 2);
	reply_now(&f);
	loop_turns(f.loop, 4);
	assert_hears(fd, "two\n");
	assert_closed(fd);
	teardown(&f);
}

/* A client that does not read: its requests are not read either, and others do not notice. */
static void client_that_does_not_listen(void **state)
{
	struct fixture f;
	char *heard = malloc(1 << 20);
	unsigned before;
	size_t total = 0;
	int deaf, other;

	(void)state;
	setup(&f);
	deaf = client_open(&f);
	other = client_open(&f);
	f.reply_len = 100000;
	for (unsigned i = 0; i < 100; i++) {
		if (send(deaf, "more\n", 5, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		loop_turn(f.loop);
	}
	loop_turns(f.loop, 10);
	before = f.requests;
	assert_true(before < 50);
	f.reply_len = 0;
	say(&f, other, "still there\n");
	assert_hears(other, "still there\n");
	assert_int_equal(f.requests, before + 1);
	/* It gets all when it listens. */
	f.reply_len = 100000;
	for (unsigned i = 0; i < 10000 && total < 100 * 100001u; i++) {
		ssize_t n = recv(deaf, heard, 1 << 20, MSG_DONTWAIT);

		total += (size_t)MAX(n, 0);
		loop_turn(f.loop);
	}
	assert_int_equal(total, 100 * 100001u);
	(void)close(deaf);
	(void)close(other);
	free(heard);
	teardown(&f);
}

static void clients_too_many(void **state)
{
	int fds[CONTROL_MAX_CLIENTS], more;
	struct fixture f;

	(void)state;
	setup(&f);
	/* The listening socket's queue is shorter than that. */
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		fds[i] = client_open(&f);
		loop_turns(f.loop, 2);
	}
	more = client_open(&f);
	loop_turns(f.loop, 3);
	assert_hears(more, "{\"ok\":false,\"code\":\"busy\","
			   "\"error\":\"there are too many clients\"}\n");
	assert_closed(more);
	say(&f, fds[0], "first\n");
	assert_hears(fds[0], "first\n");
	(void)close(fds[3]);
	loop_turns(f.loop, 3);
	fds[3] = client_open(&f);
	loop_turns(f.loop, 3);
	say(&f, fds[3], "back\n");
	assert_hears(fds[3], "back\n");
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		(void)close(fds[i]);
	teardown(&f);
}

/* No memory for a reply: better no connection than a client that waits for ever. */
static void replies_that_could_not_be_made(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	f.later = true;
	say(&f, fd, "one\ntwo\n");
	control_client_reply(f.waiting, NULL);
	assert_closed(fd);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.gone, 0);
	teardown(&f);
}

static void addresses_that_are_refused(void **state)
{
	struct control_server *server = NULL;
	struct error error;
	struct fixture f;
	char address[80];

	(void)state;
	setup(&f);
	assert_int_equal(
		control_server_create(f.loop, "tcp:127.0.0.1:0", &ops, &f, &server, &error),
		-EINVAL);
	assert_true(error.is_usage);
	assert_string_equal(error.message,
			    "control socket 'tcp:127.0.0.1:0' is not of the form unix:PATH");
	(void)snprintf(address, sizeof(address), "unix:%s", f.path);
	assert_int_equal(control_server_create(f.loop, address, &ops, &f, &server, &error),
			 -EADDRINUSE);
	assert_null(server);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_replies),
		cmocka_unit_test(any_bytes_are_a_line),
		cmocka_unit_test(lines_that_are_too_long),
		cmocka_unit_test(replies_that_take_their_time),
		cmocka_unit_test(client_goes_while_it_waits),
		cmocka_unit_test(client_that_shuts_its_side),
		cmocka_unit_test(client_that_does_not_listen),
		cmocka_unit_test(clients_too_many),
		cmocka_unit_test(replies_that_could_not_be_made),
		cmocka_unit_test(addresses_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
