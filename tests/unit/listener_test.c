/* SPDX-License-Identifier: MIT */
/* Listening on a loop: clients that wait, and a process without descriptors. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/listener.h"
#include "tests/support/unix_peer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

struct fixture {
	struct loop *loop;
	struct listener *listener;
	char path[64];
	unsigned calls; /* somebody waited */
	bool holds;     /* in place of accepting */
	int accepted;   /* the last descriptor, or -errno */
};

static void on_waiting(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	if (f->holds)
		listener_hold(f->listener, true);
	else
		f->accepted = listener_accept(f->listener);
}

static void setup(struct fixture *f)
{
	char address[80];
	struct error error;

	memset(f, 0, sizeof(*f));
	(void)snprintf(f->path, sizeof(f->path), "listener_test.%d.socket", getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", f->path);
	assert_int_equal(loop_create(&f->loop), 0);
	assert_int_equal(listener_create(f->loop, address, on_waiting, f, &f->listener, &error), 0);
	assert_string_equal(listener_address(f->listener), address);
}

static void teardown(struct fixture *f)
{
	listener_destroy(f->listener);
	listener_destroy(NULL);
	loop_destroy(f->loop);
	assert_int_equal(access(f->path, F_OK), -1);
}

static int client_open(const struct fixture *f)
{
	int fd = unix_peer_connect(f->path);

	assert_true(fd >= 0);
	return fd;
}

static void clients_are_accepted(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	for (unsigned i = 1; i <= 3; i++) {
		int fd = client_open(&f);

		loop_turns(f.loop, 3);
		assert_int_equal(f.calls, i);
		assert_true(fcntl(f.accepted, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(f.accepted, F_GETFD) & FD_CLOEXEC);
		(void)close(f.accepted);
		assert_true(unix_peer_ended(fd));
		(void)close(fd);
	}
	assert_int_equal(listener_accept(f.listener), -EAGAIN);
	teardown(&f);
}

static void clients_wait_while_it_holds(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	f.holds = true;
	loop_turns(f.loop, 10);
	assert_int_equal(f.calls, 1);
	f.holds = false;
	listener_hold(f.listener, false);
	loop_turns(f.loop, 3);
	assert_int_equal(f.calls, 2);
	(void)close(f.accepted);
	(void)close(fd);
	teardown(&f);
}

/* The loop has other things to do than to be told so again and again. */
static void clients_wait_for_descriptors(void **state)
{
	struct rlimit before, few;
	struct fixture f;
	int fd;

	(void)state;
	setup(&f);
	fd = client_open(&f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 3; /* all of these are in use */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	/* Held or not, it looks again when its time has come. */
	for (unsigned i = 1; i <= 3; i++) {
		for (unsigned turns = 0; turns < 20000 && f.calls < i; turns++) {
			loop_turn(f.loop);
			(void)poll(NULL, 0, 1);
		}
		loop_turns(f.loop, 10);
		assert_int_equal(f.calls, i);
		assert_int_equal(f.accepted, -EMFILE);
		listener_hold(f.listener, i % 2);
		listener_hold(f.listener, false);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (unsigned turns = 0; turns < 20000 && f.accepted < 0; turns++) {
		loop_turn(f.loop);
		(void)poll(NULL, 0, 1);
	}
	assert_true(f.accepted >= 0);
	(void)close(f.accepted);
	(void)close(fd);
	teardown(&f);
}

static void addresses_that_are_refused(void **state)
{
	struct fixture f;
	struct listener *other = NULL;
	struct error error;

	(void)state;
	setup(&f);
	assert_int_equal(listener_create(f.loop, "carrier:pigeon", on_waiting, &f, &other, &error),
			 -EINVAL);
	assert_int_equal(listener_create(f.loop, listener_address(f.listener), on_waiting, &f,
					 &other, &error),
			 -EADDRINUSE);
	assert_null(other);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_accepted),
		cmocka_unit_test(clients_wait_while_it_holds),
		cmocka_unit_test(clients_wait_for_descriptors),
		cmocka_unit_test(addresses_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
