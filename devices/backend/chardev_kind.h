/* SPDX-License-Identifier: MIT */
/*
 * Between chardev.c and chardev_output.c, which move the bytes, and the files that know how to open
 * each kind.
 *
 * A chardev has an input and an output side.  chardev_attach() gives it descriptors, each side ends
 * by itself, and the kind is told once both have.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_CHARDEV_KIND_H
#define GLASSBOX_DEVICES_BACKEND_CHARDEV_KIND_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/backend/byte_ring.h"
#include "devices/backend/chardev.h"

struct chardev_kind {
	const char *prefix;     /* of the spec; the whole of it if it doesn't end in a colon */
	size_t output_capacity; /* bytes kept; 0: output is thrown away */
	/* Opens @arg, what follows the prefix.  On failure leaves what close() can clean up. */
	int (*open)(struct chardev *chr, const char *arg, struct error *error);
	void (*close)(struct chardev *chr); /* may be NULL */
	/*
	 * Takes escapes out of @len bytes of input in place, returns how many are left; may be
	 * NULL.
	 */
	size_t (*filter)(struct chardev *chr, uint8_t *buf, size_t len);
	/* The size of the terminal; returns false if it isn't known.  May be NULL. */
	bool (*get_size)(struct chardev *chr, struct char_size *ret_size);
	/* True if both sides are one connection, whose end lets another client in. */
	bool reconnects;
	void (*detached)(struct chardev *chr); /* both sides have ended; may be NULL */
};

extern const struct chardev_kind chardev_stdio, chardev_file, chardev_unix, chardev_pty,
	chardev_none;

struct chardev {
	const struct chardev_kind *kind; /* immutable */
	struct chardev_config config;    /* immutable */
	char *address;                   /* immutable after open; owned */
	int wake_fd;                     /* immutable; an eventfd, any thread may write */
	int gather_fd;                   /* immutable; a timerfd, any thread may set it */
	atomic_bool input_blocked;       /* the receiver refused bytes and will resume */

	/* Loop thread: */
	struct char_receiver receiver;
	struct loop_source *wake_source, *gather_source, *in_source, *out_source;
	struct byte_ring in;
	struct byte_ring writing; /* gathered output on its way out, older than what is in out */
	int in_fd;                /* -EBADF: no input */
	bool in_polls; /* epoll refuses in_fd (a file, /dev/null): read whenever there is room */
	int extra_fd;  /* the kind's own: our end of the pty's slave */
	struct listener *listener; /* the kind's own, likewise */
	bool escape;               /* the kind's own: stdio interprets Ctrl-A */
	bool escape_seen;          /* Ctrl-A was the last byte */
	bool hung_up;              /* a client has gone, and the receiver wasn't told yet */
	bool told_connected;
	struct char_size told_size;

	/*
	 * Protects what follows, which the loop thread alone changes but for out, out_failed and
	 * dropped; inside the devices' locks.
	 */
	pthread_mutex_t lock;
	struct byte_ring out; /* unless it gathers, empty but for a full out_fd or nobody there */
	int out_fd;           /* -EBADF: nobody takes output */
	bool out_is_socket;   /* send(2) it, never raising SIGPIPE */
	bool out_may_block;   /* O_NONBLOCK is not ours to set: poll(2) before each write */
	bool out_gathers;     /* the loop alone writes, many bytes at a time */
	bool out_failed;      /* the loop is to end the output side */
	bool room_wanted;     /* the receiver waits for room in out */
	uint64_t dropped;
};

/**
 * chardev_attach() - start moving bytes
 * @in_fd: taken over; -EBADF for no input
 * @out_fd: taken over; -EBADF for no output
 * @out_may_block: @out_fd is not in non-blocking mode
 *
 * Return: 0 or -errno with both closed.
 */
int chardev_attach(struct chardev *chr, int in_fd, int out_fd, bool out_may_block) __must_check;

/** chardev_is_attached() - true while a side is open */
bool chardev_is_attached(struct chardev *chr);

/** chardev_terminal_size() - the size of the terminal @fd; Return: false if it has or knows none */
bool chardev_terminal_size(int fd, struct char_size *ret_size);

/** chardev_wake() - have the loop's thread look at everything.  Any thread. */
void chardev_wake(struct chardev *chr);

/**
 * chardev_flush_output() - write what the descriptor takes; loop thread
 * @ret_failed: the descriptor is broken
 *
 * Return: true if output waits for it to take more.
 */
bool chardev_flush_output(struct chardev *chr, bool *ret_failed);

/** chardev_take_room_wanted() - true, once, if the receiver waits for room and there is some */
bool chardev_take_room_wanted(struct chardev *chr);

#endif
