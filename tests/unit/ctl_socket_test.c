/* SPDX-License-Identifier: MIT */
/* What `glassbox ctl` asks, of machines and of others that answer in their place. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/ctl_socket.h"

#define LONG_MS  (UNIX_PEER_PATIENCE_S * 1000)
#define SHORT_MS 200

static struct error error;

static void make_pair(int *fds)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* What a peer has said already, before it is asked. */
static void assert_answer(int fd, const char *expected)
{
	char *answer = NULL;

	assert_int_equal(ctl_exchange(fd, "question\n", ctl_deadline(LONG_MS), &answer, &error), 0);
	assert_string_equal(answer, expected);
	free(answer);
}

static void assert_fails(int fd, unsigned ms, int expected, const char *message)
{
	char *answer = NULL;

	assert_int_equal(ctl_exchange(fd, "question\n", ctl_deadline(ms), &answer, &error),
			 expected);
	assert_null(answer);
	assert_string_equal(error.message, message);
}

static void line_for_line(void **state)
{
	char asked[16] = "";
	int fds[2];

	(void)state;
	make_pair(fds);
	unix_peer_print(fds[1], "answer\n");
	assert_answer(fds[0], "answer\n");
	assert_int_equal(read(fds[1], asked, sizeof(asked)), 9);
	assert_string_equal(asked, "question\n");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* A machine with too many clients: one word, and it hangs up. */
static void answer_before_the_question(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	unix_peer_print(fds[1], "busy\n");
	(void)close(fds[1]);
	assert_answer(fds[0], "busy\n");
	assert_fails(fds[0], LONG_MS, -ECONNRESET, "the machine ended without an answer");
	(void)close(fds[0]);
}

static void silence_ends(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_fails(fds[0], SHORT_MS, -ETIMEDOUT,
		     "the machine does not answer: Connection timed out");
	unix_peer_print(fds[1], "half a line");
	assert_fails(fds[0], SHORT_MS, -ETIMEDOUT,
		     "the machine does not answer: Connection timed out");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void *drip(void *fd)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000000 };

	while (send(*(int *)fd, "x", 1, MSG_NOSIGNAL) == 1)
		(void)nanosleep(&moment, NULL);
	return NULL;
}

static void *flood(void *fd)
{
	static const char bytes[65536];

	while (send(*(int *)fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

/* Bytes that keep coming, and never a line's end. */
static void assert_bounded(void *(*talk)(void *fd), unsigned ms, int expected, const char *message)
{
	pthread_t thread;
	int fds[2];

	make_pair(fds);
	assert_int_equal(pthread_create(&thread, NULL, talk, &fds[1]), 0);
	assert_fails(fds[0], ms, expected, message);
	(void)close(fds[0]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(fds[1]);
}

static void talk_without_an_end_is_cut_off(void **state)
{
	(void)state;
	assert_bounded(drip, SHORT_MS, -ETIMEDOUT,
		       "the machine does not answer: Connection timed out");
	assert_bounded(flood, LONG_MS, -EMSGSIZE, "the machine's answer is too long");
}

static void peer_that_does_not_read(void **state)
{
	size_t len = MIB(1);
	char *request = malloc(len + 1), *answer = NULL;
	int fds[2];

	(void)state;
	assert_non_null(request);
	memset(request, 'x', len);
	request[len] = '\0';
	make_pair(fds);
	assert_int_equal(ctl_exchange(fds[0], request, ctl_deadline(SHORT_MS), &answer, &error),
			 -ETIMEDOUT);
	assert_string_equal(error.message, "the machine does not listen: Connection timed out");
	free(request);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void connecting(void **state)
{
	int listener, fd = -1, fds[16];
	unsigned connected = 0;
	char path[64], address[80];

	(void)state;
	(void)snprintf(path, sizeof(path), "ctl_socket_test.%d.socket", getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	assert_int_equal(ctl_connect(path, ctl_deadline(LONG_MS), &fd, &error), -ENOENT);
	assert_int_equal(ctl_connect("", ctl_deadline(LONG_MS), &fd, &error), -EINVAL);
	assert_true(error.is_usage);
	listener = unix_peer_listen(path, 1);
	assert_int_equal(ctl_connect(address, ctl_deadline(LONG_MS), &fds[connected++], &error), 0);
	/* Nobody accepts, and the queue is full soon. */
	while (connected < ARRAY_SIZE(fds) &&
	       ctl_connect(path, ctl_deadline(SHORT_MS), &fds[connected], &error) == 0)
		connected++;
	assert_true(connected < ARRAY_SIZE(fds));
	assert_non_null(strstr(error.message, "': Connection timed out"));
	assert_int_equal(fd, -1);
	while (connected)
		(void)close(fds[--connected]);
	(void)close(listener);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_for_line),
		cmocka_unit_test(answer_before_the_question),
		cmocka_unit_test(silence_ends),
		cmocka_unit_test(talk_without_an_end_is_cut_off),
		cmocka_unit_test(peer_that_does_not_read),
		cmocka_unit_test(connecting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
