/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/loop.h"

#define LOOP_BATCH 32

struct loop_source {
	struct loop *loop;
	struct loop_source *next; /* in loop->sources or loop->removed */
	int fd;
	loop_fn fn; /* NULL once removed */
	void *ctx;
};

struct loop_post {
	struct loop_post *next;
	loop_post_fn fn;
	void *ctx;
};

struct loop {
	int epoll_fd;                /* immutable */
	int wake_fd;                 /* immutable; an eventfd */
	atomic_bool quit;            /* any thread */
	struct loop_source *sources; /* loop thread */
	struct loop_source *removed; /* loop thread; freed after the batch */
	pthread_mutex_t lock;        /* protects the posts; nests inside every other lock */
	struct loop_post *posts, **posts_tail;
};

int loop_create(struct loop **ret_loop)
{
	_cleanup_free_ struct loop *loop = calloc(1, sizeof(*loop));
	_cleanup_close_ int epoll_fd = -EBADF, wake_fd = -EBADF;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	if (!loop)
		return -ENOMEM;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) < 0)
		return -errno;
	(void)pthread_mutex_init(&loop->lock, NULL);
	loop->posts_tail = &loop->posts;
	loop->epoll_fd = TAKE_FD(epoll_fd);
	loop->wake_fd = TAKE_FD(wake_fd);
	*ret_loop = TAKE_PTR(loop);
	return 0;
}

static void free_sources(struct loop_source **list)
{
	while (*list) {
		struct loop_source *source = *list;

		*list = source->next;
		free(source);
	}
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	free_sources(&loop->sources);
	free_sources(&loop->removed);
	while (loop->posts) {
		struct loop_post *post = loop->posts;

		loop->posts = post->next;
		free(post);
	}
	(void)pthread_mutex_destroy(&loop->lock);
	(void)close(loop->wake_fd);
	(void)close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *ctx,
	     struct loop_source **ret_source)
{
	_cleanup_free_ struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (!source)
		return -ENOMEM;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->loop = loop;
	source->fd = fd;
	source->fn = fn;
	source->ctx = ctx;
	source->next = loop->sources;
	loop->sources = source;
	*ret_source = TAKE_PTR(source);
	return 0;
}

int loop_modify(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	return 0;
}

void loop_remove(struct loop_source *source)
{
	struct loop_source **link;

	if (!source)
		return;
	for (link = &source->loop->sources; *link && *link != source; link = &(*link)->next)
		;
	if (!*link)
		return;
	*link = source->next;
	(void)epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fn = NULL;
	source->next = source->loop->removed;
	source->loop->removed = source;
}

static void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	/* A full counter already wakes the loop. */
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

int loop_post(struct loop *loop, loop_post_fn fn, void *ctx)
{
	struct loop_post *post = calloc(1, sizeof(*post));

	if (!post)
		return -ENOMEM;
	post->fn = fn;
	post->ctx = ctx;
	(void)pthread_mutex_lock(&loop->lock);
	*loop->posts_tail = post;
	loop->posts_tail = &post->next;
	(void)pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
	return 0;
}

void loop_quit(struct loop *loop)
{
	atomic_store(&loop->quit, true);
	loop_wake(loop);
}

/*
 * Runs the posts that are there now; one made by them waits for the next round, so that sources get
 * a turn.
 */
static void run_posts(struct loop *loop)
{
	struct loop_post *post;
	uint64_t count;

	if (read(loop->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	(void)pthread_mutex_lock(&loop->lock);
	post = loop->posts;
	loop->posts = NULL;
	loop->posts_tail = &loop->posts;
	(void)pthread_mutex_unlock(&loop->lock);
	while (post) {
		struct loop_post *next = post->next;

		post->fn(post->ctx);
		free(post);
		post = next;
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];

	while (!atomic_load(&loop->quit)) {
		int n = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source)
				run_posts(loop);
			else if (source->fn)
				source->fn(source->ctx, events[i].events);
		}
		free_sources(&loop->removed);
	}
	atomic_store(&loop->quit, false);
	return 0;
}
