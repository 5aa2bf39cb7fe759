/* SPDX-License-Identifier: MIT */
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "tests/unit/cmocka_all.h"

struct pair {
	struct loop *loop;
	struct loop_source *mine, *other;
	unsigned calls;
	int order[4];
};

/* Whichever of the two ready sources runs first removes the other: only one may be called. */
static void remove_other(void *ctx, uint32_t events)
{
	struct pair *pair = ctx;

	(void)events;
	pair->calls++;
	loop_remove(pair->mine);
	loop_remove(pair->other);
	loop_quit(pair->loop);
}

static void loop_removed_source_is_not_called_in_same_batch(void **state)
{
	struct pair pair = { 0 };
	int a[2], b[2];

	(void)state;
	assert_int_equal(loop_create(&pair.loop), 0);
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(loop_add(pair.loop, a[0], EPOLLIN, remove_other, &pair, &pair.mine), 0);
	assert_int_equal(loop_add(pair.loop, b[0], EPOLLIN, remove_other, &pair, &pair.other), 0);
	assert_int_equal(loop_run(pair.loop), 0);
	assert_int_equal(pair.calls, 1);
	loop_destroy(pair.loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void note_one(void *ctx)
{
	struct pair *pair = ctx;

	pair->order[pair->calls++] = 1;
}

static void note_two_and_quit(void *ctx)
{
	struct pair *pair = ctx;

	pair->order[pair->calls++] = 2;
	loop_quit(pair->loop);
}

static void *post_from_thread(void *ctx)
{
	struct pair *pair = ctx;

	if (loop_post(pair->loop, note_one, pair) < 0 ||
	    loop_post(pair->loop, note_two_and_quit, pair) < 0)
		abort();
	return NULL;
}

static void loop_posts_of_another_thread_run_in_order(void **state)
{
	struct pair pair = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(loop_create(&pair.loop), 0);
	assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &pair), 0);
	assert_int_equal(loop_run(pair.loop), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pair.calls, 2);
	assert_int_equal(pair.order[0], 1);
	assert_int_equal(pair.order[1], 2);
	/* A post that never ran is freed with the loop. */
	assert_int_equal(loop_post(pair.loop, note_one, &pair), 0);
	loop_destroy(pair.loop);
	loop_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loop_removed_source_is_not_called_in_same_batch),
		cmocka_unit_test(loop_posts_of_another_thread_run_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
