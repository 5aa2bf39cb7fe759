/* SPDX-License-Identifier: MIT */
/*
 * Moves bytes between a guest's device and the descriptors of a chardev: its life, its descriptors
 * and its input.  Output is in chardev_output.c.
 *
 * Input is read by the loop into a ring and offered to the receiver; a receiver that refuses wakes
 * the loop when it has room.  Other threads wake the loop through an eventfd, which needs no memory
 * and goes away with the chardev.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/monotonic.h"
#include "devices/backend/chardev_kind.h"

#define INPUT_CAPACITY KIB(64)
#define READ_CHUNK     4096

#define LAST_WORDS_MS  500

static const struct chardev_kind *const kinds[] = {
	&chardev_stdio, &chardev_file, &chardev_unix, &chardev_pty, &chardev_none,
};

void chardev_wake(struct chardev *chr)
{
	uint64_t one = 1;

	/* A full counter already wakes the loop. */
	if (write(chr->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* --- Output: its descriptor.  The bytes are chardev_output.c's. --- */

/* A side was closed.  The receiver hears of it from the loop: its caller may be anywhere. */
static void note_end(struct chardev *chr)
{
	if (!chardev_is_attached(chr)) {
		chr->hung_up = chr->kind->reconnects;
		if (chr->kind->detached)
			chr->kind->detached(chr);
	}
	chardev_wake(chr);
}

static void close_output(struct chardev *chr)
{
	loop_remove(chr->out_source);
	chr->out_source = NULL;
	(void)pthread_mutex_lock(&chr->lock);
	if (chr->out_fd >= 0)
		(void)close(chr->out_fd);
	chr->out_fd = -EBADF;
	chr->out_failed = false;
	if (chr->config.session && chr->kind->reconnects) {
		chr->dropped += chr->out.count;
		byte_ring_pop(&chr->out, chr->out.count);
	}
	(void)pthread_mutex_unlock(&chr->lock);
	note_end(chr);
}

static void on_output(void *ctx, uint32_t events);

/*
 * Watches the output side for what is needed now: room, if output waits; the client's going, if no
 * end of input will tell; else nothing, for a hang-up can't be masked and would spin.
 */
static void update_output(struct chardev *chr)
{
	bool failed, waiting, watch;
	int r = 0;

	if (chr->out_fd < 0)
		return;
	waiting = chardev_flush_output(chr, &failed);
	watch = waiting || (chr->kind->reconnects && chr->in_fd < 0);
	if (!failed && watch && !chr->out_source)
		r = loop_add(chr->config.loop, chr->out_fd, waiting ? EPOLLOUT : 0, on_output, chr,
			     &chr->out_source);
	else if (!failed && watch)
		r = loop_modify(chr->out_source, waiting ? EPOLLOUT : 0);
	if (failed || r < 0) {
		close_output(chr);
	} else if (!watch) {
		loop_remove(chr->out_source);
		chr->out_source = NULL;
	}
}

static void on_output(void *ctx, uint32_t events)
{
	struct chardev *chr = ctx;

	if ((events & (EPOLLHUP | EPOLLERR)) && chr->in_fd < 0)
		close_output(chr);
	else
		update_output(chr);
}

static void on_gathered(void *ctx, uint32_t events)
{
	struct chardev *chr = ctx;
	uint64_t count;

	(void)events;
	if (read(chr->gather_fd, &count, sizeof(count)) == sizeof(count))
		update_output(chr);
}

void chardev_flush(struct chardev *chr)
{
	update_output(chr);
}

/* --- What the receiver wants to know, besides the input --- */

static void tell_connected(struct chardev *chr, bool connected)
{
	if (chr->told_connected == connected || !chr->receiver.connected)
		return;
	chr->told_connected = connected;
	chr->receiver.connected(chr->receiver.ctx, connected);
}

bool chardev_terminal_size(int fd, struct char_size *ret_size)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		return false;
	*ret_size = (struct char_size){ .cols = size.ws_col, .rows = size.ws_row };
	return true;
}

static void tell_size(struct chardev *chr)
{
	struct char_size size;

	if (!chr->receiver.resized || !chr->kind->get_size || !chr->kind->get_size(chr, &size) ||
	    (size.cols == chr->told_size.cols && size.rows == chr->told_size.rows))
		return;
	chr->told_size = size;
	chr->receiver.resized(chr->receiver.ctx, size);
}

static void update_receiver(struct chardev *chr)
{
	bool connected = !chr->kind->reconnects || chardev_is_attached(chr);

	/* The next client ends the conversation of the last one, even if nobody listened. */
	if (chr->hung_up && (connected || chr->in.count == 0)) {
		chr->hung_up = false;
		tell_connected(chr, false);
	}
	if (connected)
		tell_connected(chr, true);
	tell_size(chr);
	if (chardev_take_room_wanted(chr) && chr->receiver.writable)
		chr->receiver.writable(chr->receiver.ctx);
}

void chardev_check_size(struct chardev *chr)
{
	tell_size(chr);
}

/* --- Input --- */

static void on_input(void *ctx, uint32_t events);

static void close_input(struct chardev *chr)
{
	loop_remove(chr->in_source);
	chr->in_source = NULL;
	if (chr->in_fd >= 0)
		(void)close(chr->in_fd);
	chr->in_fd = -EBADF;
	chr->in_polls = false;
	chr->escape_seen = false;
	note_end(chr);
	update_output(chr); /* whose end is not seen here any more */
}

/* Offers what waits until it is gone or refused. */
static void deliver_input(struct chardev *chr)
{
	const uint8_t *bytes;
	size_t len, taken;

	while (chr->receiver.receive && (len = byte_ring_peek(&chr->in, &bytes)) > 0) {
		taken = chr->receiver.receive(chr->receiver.ctx, bytes, len);
		byte_ring_pop(&chr->in, taken);
		/*
		 * Refused.  It may have made room before it could see that we wait, so it is asked
		 * again after that is marked.
		 */
		if (taken == 0 && atomic_exchange(&chr->input_blocked, true))
			break;
	}
}

/* Reads while there is room, and not otherwise. */
static void update_input(struct chardev *chr)
{
	bool room = byte_ring_space(&chr->in) > 0;

	if (chr->in_fd < 0)
		return;
	if (chr->in_polls) {
		if (room)
			chardev_wake(chr);
	} else if (!room) {
		loop_remove(chr->in_source);
		chr->in_source = NULL;
	} else if (!chr->in_source) {
		int r = loop_add(chr->config.loop, chr->in_fd, EPOLLIN, on_input, chr,
				 &chr->in_source);

		if (r == -EPERM) {
			chr->in_polls = true;
			chardev_wake(chr);
		} else if (r < 0) {
			close_input(chr);
		}
	}
}

static void read_input(struct chardev *chr)
{
	uint8_t buf[READ_CHUNK];
	ssize_t n = read(chr->in_fd, buf, MIN(sizeof(buf), byte_ring_space(&chr->in)));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_input(chr);
		return;
	}
	if (chr->kind->filter)
		n = (ssize_t)chr->kind->filter(chr, buf, (size_t)n);
	(void)byte_ring_push(&chr->in, buf, (size_t)n);
}

static void on_input(void *ctx, uint32_t events)
{
	struct chardev *chr = ctx;

	(void)events;
	read_input(chr);
	deliver_input(chr);
	update_input(chr);
	update_receiver(chr);
}

static void on_wake(void *ctx, uint32_t events)
{
	struct chardev *chr = ctx;
	uint64_t count;

	(void)events;
	if (read(chr->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	if (chr->in_fd >= 0 && chr->in_polls && byte_ring_space(&chr->in) > 0)
		read_input(chr);
	deliver_input(chr);
	update_input(chr);
	update_output(chr);
	update_receiver(chr);
}

void chardev_resume(struct chardev *chr)
{
	if (atomic_load_explicit(&chr->input_blocked, memory_order_relaxed) &&
	    atomic_exchange(&chr->input_blocked, false))
		chardev_wake(chr);
}

void chardev_set_receiver(struct chardev *chr, const struct char_receiver *receiver)
{
	chr->receiver = receiver ? *receiver : (struct char_receiver){ 0 };
	chr->told_connected = false;
	chr->told_size = (struct char_size){ 0 };
	chardev_wake(chr);
}

/* --- Life --- */

int chardev_attach(struct chardev *chr, int in_fd, int out_fd, bool out_may_block)
{
	struct stat st;

	chr->in_fd = in_fd;
	(void)pthread_mutex_lock(&chr->lock);
	chr->out_fd = out_fd;
	chr->out_is_socket = out_fd >= 0 && fstat(out_fd, &st) == 0 && S_ISSOCK(st.st_mode);
	chr->out_may_block = out_may_block && !chr->out_is_socket;
	chr->out_gathers = out_fd >= 0 && !chr->out_is_socket && !isatty(out_fd);
	(void)pthread_mutex_unlock(&chr->lock);
	update_receiver(chr); /* before there is input */
	update_input(chr);
	if (chr->in_fd != in_fd) {
		close_output(chr);
		return -ENOMEM;
	}
	update_output(chr);
	return 0;
}

bool chardev_is_attached(struct chardev *chr)
{
	SCOPED_LOCK(&chr->lock);

	return chr->in_fd >= 0 || chr->out_fd >= 0;
}

const char *chardev_address(const struct chardev *chr)
{
	return chr->address;
}

uint64_t chardev_dropped(struct chardev *chr)
{
	SCOPED_LOCK(&chr->lock);

	return chr->dropped;
}

static void write_adaptor(void *ctx, const void *buf, size_t len)
{
	chardev_write(ctx, buf, len);
}

static void resume_adaptor(void *ctx)
{
	chardev_resume(ctx);
}

static size_t room_adaptor(void *ctx, size_t want)
{
	return chardev_room(ctx, want);
}

struct char_backend chardev_backend(struct chardev *chr)
{
	return (struct char_backend){
		.write = write_adaptor,
		.resume = resume_adaptor,
		.room = room_adaptor,
		.ctx = chr,
	};
}

/* The end of the output, which tells why a machine died, is worth a moment's wait. */
static void write_last_words(struct chardev *chr)
{
	int64_t deadline = monotonic_ms() + LAST_WORDS_MS, left = LAST_WORDS_MS;
	bool failed = false;

	while (chr->out_fd >= 0 && chardev_flush_output(chr, &failed) && !failed && left > 0) {
		struct pollfd ready = { .fd = chr->out_fd, .events = POLLOUT };

		(void)poll(&ready, 1, (int)left);
		left = deadline - monotonic_ms();
	}
}

void chardev_destroy(struct chardev *chr)
{
	if (!chr)
		return;
	write_last_words(chr);
	loop_remove(chr->wake_source);
	loop_remove(chr->gather_source);
	loop_remove(chr->in_source);
	loop_remove(chr->out_source);
	if (chr->kind->close)
		chr->kind->close(chr);
	cleanup_close(&chr->in_fd);
	cleanup_close(&chr->out_fd);
	cleanup_close(&chr->wake_fd);
	cleanup_close(&chr->gather_fd);
	byte_ring_deinit(&chr->in);
	byte_ring_deinit(&chr->out);
	byte_ring_deinit(&chr->writing);
	(void)pthread_mutex_destroy(&chr->lock);
	free(chr->address);
	free(chr);
}

static int chardev_init(struct chardev *chr)
{
	int r;

	chr->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	chr->gather_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (chr->wake_fd < 0 || chr->gather_fd < 0)
		return -errno;
	r = byte_ring_init(&chr->in, INPUT_CAPACITY);
	if (r == 0)
		r = byte_ring_init(&chr->out, chr->kind->output_capacity);
	if (r == 0)
		r = byte_ring_init(&chr->writing, chr->kind->output_capacity);
	if (r == 0)
		r = loop_add(chr->config.loop, chr->gather_fd, EPOLLIN, on_gathered, chr,
			     &chr->gather_source);
	if (r == 0)
		r = loop_add(chr->config.loop, chr->wake_fd, EPOLLIN, on_wake, chr,
			     &chr->wake_source);
	return r;
}

/* The kind whose prefix @spec has, and what follows it. */
static const struct chardev_kind *find_kind(const char *spec, const char **ret_arg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i]->prefix);
		bool takes_arg = kinds[i]->prefix[len - 1] == ':';

		if (strncmp(spec, kinds[i]->prefix, len) == 0 &&
		    (takes_arg ? spec[len] != '\0' : spec[len] == '\0')) {
			*ret_arg = spec + len;
			return kinds[i];
		}
	}
	return NULL;
}

int chardev_create(const char *spec, const struct chardev_config *config, struct chardev **ret_chr,
		   struct error *error)
{
	const char *arg;
	const struct chardev_kind *kind = find_kind(spec, &arg);
	struct chardev *chr;
	int r;

	if (!kind)
		return error_set_usage(
			error, "console '%s' must be stdio, file:PATH, unix:PATH, pty or none",
			spec);
	chr = calloc(1, sizeof(*chr));
	if (!chr)
		return error_set_errno(error, -ENOMEM, "cannot open console '%s'", spec);
	chr->kind = kind;
	chr->config = *config;
	chr->wake_fd = chr->gather_fd = chr->in_fd = chr->out_fd = chr->extra_fd = -EBADF;
	(void)pthread_mutex_init(&chr->lock, NULL);
	r = chardev_init(chr);
	if (r < 0)
		(void)error_set_errno(error, r, "cannot open console '%s'", spec);
	else
		r = kind->open(chr, arg, error);
	if (r < 0) {
		chardev_destroy(chr);
		return r;
	}
	*ret_chr = chr;
	return 0;
}
