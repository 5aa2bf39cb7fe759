/* SPDX-License-Identifier: MIT */
/*
 * An event loop over epoll.  All of it belongs to the thread that calls loop_run(), except
 * loop_post() and loop_quit(), the doors for other threads.
 *
 * A source that is removed gets no further call, even if its event was already fetched in the same
 * batch: its memory is freed after the batch.
 */
#ifndef GLASSBOX_BASE_LOOP_H
#define GLASSBOX_BASE_LOOP_H

#include "base/util.h"

struct loop;
struct loop_source;

/** typedef loop_fn - called on the loop's thread; @events is an EPOLL* mask (EPOLLIN, EPOLLHUP,
 * ...) */
typedef void (*loop_fn)(void *ctx, uint32_t events);

/** typedef loop_post_fn - called once on the loop's thread */
typedef void (*loop_post_fn)(void *ctx);

/** loop_create() - Return: 0 or -errno */
int loop_create(struct loop **ret_loop) __must_check;

/** loop_destroy() - frees the loop and every source left; does not close their descriptors; NULL is
 * fine */
void loop_destroy(struct loop *loop);

/**
 * loop_add() - watch @fd (borrowed) for @events (an EPOLL* mask; level-triggered without EPOLLET)
 *
 * Return: 0 or -errno.  The source is owned by the loop until loop_remove().
 */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *ctx,
	     struct loop_source **ret_source) __must_check;

/** loop_modify() - change the mask of @source; 0 keeps it silent (but for EPOLLHUP and EPOLLERR) */
int loop_modify(struct loop_source *source, uint32_t events) __must_check;

/** loop_remove() - stop watching; call it before closing the descriptor; NULL is fine */
void loop_remove(struct loop_source *source);

/**
 * loop_post() - have @fn called with @ctx on the loop's thread, in the order of the posts.  Any
 * thread.
 *
 * Return: 0 or -ENOMEM.
 */
int loop_post(struct loop *loop, loop_post_fn fn, void *ctx) __must_check;

/** loop_run() - serve events until loop_quit().  Return: 0 or -errno of epoll_wait(2) */
int loop_run(struct loop *loop) __must_check;

/** loop_quit() - make loop_run() return after the current batch.  Any thread. */
void loop_quit(struct loop *loop);

#endif
