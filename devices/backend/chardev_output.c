/* SPDX-License-Identifier: MIT */
/*
 * The output of a chardev.
 *
 * Output to a terminal or a socket is written by the thread that brings it, as long as the
 * descriptor takes it.  What it doesn't take goes to a ring, which the loop writes out; until it is
 * empty all output queues there, so the order holds.
 *
 * Output to anything else is gathered: a file may block each write for as long as it likes, and a
 * guest prints byte by byte.  It goes to the ring; the first byte there sets a timer, at whose end
 * the loop takes the whole ring and writes it out with no lock held.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "devices/backend/chardev_kind.h"

/* POLLOUT of a pipe promises that much room. */
#define MAY_BLOCK_CHUNK 512

/* How long output is gathered: too short for people to notice, long enough for many lines. */
#define GATHER_NS       5000000

/* Like write(2), but never blocks and never raises SIGPIPE on a socket; -errno. */
static ssize_t write_some(const struct chardev *chr, const void *buf, size_t len)
{
	struct pollfd ready = { .fd = chr->out_fd, .events = POLLOUT };
	ssize_t n;

	if (chr->out_may_block) {
		if (poll(&ready, 1, 0) <= 0)
			return -EAGAIN;
		len = MIN(len, MAY_BLOCK_CHUNK);
	}
	do {
		n = chr->out_is_socket ? send(chr->out_fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT)
				       : write(chr->out_fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Returns how many of @len bytes the descriptor took; all that is wrong with it ends the side. */
static size_t write_direct_locked(struct chardev *chr, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len && chr->out_fd >= 0 && !chr->out_failed) {
		ssize_t n = write_some(chr, bytes + done, len - done);

		if (n == -EAGAIN || n == 0)
			break;
		if (n < 0)
			chr->out_failed = true;
		else
			done += (size_t)n;
	}
	return done;
}

static void flush_locked(struct chardev *chr)
{
	const uint8_t *bytes;
	size_t len, done;

	while ((len = byte_ring_peek(&chr->out, &bytes)) > 0) {
		done = write_direct_locked(chr, bytes, len);
		byte_ring_pop(&chr->out, done);
		if (done < len)
			break;
	}
}

/*
 * On the loop's thread.  Both rings once: what comes meanwhile has set the timer, and the loop has
 * others to serve.
 */
static void flush_gathered(struct chardev *chr)
{
	const uint8_t *bytes;
	size_t len;

	for (int ring = 0; ring < 2; ring++) {
		while ((len = byte_ring_peek(&chr->writing, &bytes)) > 0) {
			ssize_t n = write_some(chr, bytes, len);

			if (n == -EAGAIN || n == 0)
				return;
			if (n < 0) {
				SCOPED_LOCK(&chr->lock);

				chr->out_failed = true;
				return;
			}
			byte_ring_pop(&chr->writing, (size_t)n);
		}
		if (ring == 0) {
			SCOPED_LOCK(&chr->lock);
			struct byte_ring empty = chr->writing;

			chr->writing = chr->out;
			chr->out = empty;
		}
	}
}

/* Will the output that is kept ever be less? */
static bool is_drained_locked(const struct chardev *chr)
{
	return chr->out_fd >= 0 && !chr->out_failed && chr->kind->output_capacity > 0;
}

/* Is there room that is worth being told of? */
static bool has_room_locked(const struct chardev *chr)
{
	return !is_drained_locked(chr) || byte_ring_space(&chr->out) >= chr->out.capacity / 2;
}

static void tell_of_room_locked(struct chardev *chr)
{
	if (chr->room_wanted && has_room_locked(chr))
		chardev_wake(chr);
}

bool chardev_flush_output(struct chardev *chr, bool *ret_failed)
{
	if (chr->out_gathers)
		flush_gathered(chr);
	SCOPED_LOCK(&chr->lock);

	if (!chr->out_gathers)
		flush_locked(chr);
	*ret_failed = chr->out_failed;
	tell_of_room_locked(chr);
	return chr->out_gathers ? chr->writing.count > 0 : chr->out.count > 0;
}

static void gather_locked(struct chardev *chr, const void *buf, size_t len)
{
	static const struct itimerspec soon = { .it_value.tv_nsec = GATHER_NS };
	size_t before = chr->out.count, half = chr->out.capacity / 2;

	chr->dropped += byte_ring_push(&chr->out, buf, len);
	if (chr->out_fd < 0)
		return;
	/* The loop takes the ring before it is full, if it can. */
	if (before < half && chr->out.count >= half)
		chardev_wake(chr);
	else if (before == 0)
		(void)timerfd_settime(chr->gather_fd, 0, &soon, NULL);
}

size_t chardev_room(struct chardev *chr, size_t want)
{
	size_t space;
	SCOPED_LOCK(&chr->lock);

	space = byte_ring_space(&chr->out);
	if (space >= want || !is_drained_locked(chr))
		return want;
	chr->room_wanted = true;
	tell_of_room_locked(chr);
	return space;
}

bool chardev_take_room_wanted(struct chardev *chr)
{
	SCOPED_LOCK(&chr->lock);

	if (!chr->room_wanted || !has_room_locked(chr))
		return false;
	chr->room_wanted = false;
	return true;
}

void chardev_write(struct chardev *chr, const void *buf, size_t len)
{
	const uint8_t *bytes = buf;
	bool was_empty, was_failed;
	size_t done = 0;
	SCOPED_LOCK(&chr->lock);

	if (chr->kind->output_capacity == 0)
		return;
	if (chr->config.session && chr->kind->reconnects && chr->out_fd < 0) {
		chr->dropped += len;
		return;
	}
	if (chr->out_gathers) {
		gather_locked(chr, buf, len);
		return;
	}
	was_empty = chr->out.count == 0;
	was_failed = chr->out_failed;
	if (was_empty)
		done = write_direct_locked(chr, bytes, len);
	if (done == len)
		return;
	chr->dropped += byte_ring_push(&chr->out, bytes + done, len - done);
	/* Once the loop knows, it need not be told for each byte. */
	if (chr->out_fd >= 0 && (was_empty || chr->out_failed != was_failed))
		chardev_wake(chr);
}
