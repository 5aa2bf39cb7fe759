/* SPDX-License-Identifier: MIT */
/*
 * The host side of a guest's serial line or console.
 *
 *   stdio      standard input and output.  A terminal is put into raw mode and gets the escapes of
 *              Ctrl-A: x ends the machine, a or Ctrl-A sends a Ctrl-A, h lists them.  Anything else
 *              (pipe, file, /dev/null) is passed on untouched; its end just ends the input.
 *   file:PATH  output only; an existing file is truncated
 *   unix:PATH  listens on a socket (mode 0600).  One client at a time, further ones are closed at
 *              once; the next may come when it has gone, and waits until it was heard out.
 *   pty        a pseudo-terminal of its own, which programs may open and close as they like
 *   none       nowhere
 *
 * Output never blocks the guest.  What the host doesn't take at once is kept, up to 1 MiB for stdio
 * and file:, 64 KiB for unix: and pty; beyond that the oldest bytes are dropped, and counted.  So
 * whoever connects late still reads the last 64 KiB of the boot log.  Files and pipes, but no
 * terminal and no socket, get their output some milliseconds late and in large pieces.
 *
 * A device that asks chardev_room() before it writes loses nothing to somebody who reads slowly.
 * Somebody is at the other end of a unix: while a client is connected, and of all else always.  The
 * size of the terminal is known for stdio, and of a pty whenever something is typed there.
 *
 * Input waits in a buffer of 64 KiB until the guest takes it; when that is full the host isn't read
 * (a terminal's escapes neither) until there is room, so that none is lost.
 *
 * The program has to ignore SIGPIPE.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_CHARDEV_H
#define GLASSBOX_DEVICES_BACKEND_CHARDEV_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/char_backend.h"

struct chardev;

struct chardev_config {
	struct loop *loop;       /* borrowed; outlives the chardev */
	void (*quit)(void *ctx); /* Ctrl-A x was typed; loop thread; may be NULL */
	void *quit_ctx;
	/*
	 * Each client is a conversation of its own: what a client of unix: did not read, or what is
	 * written while there is none, is dropped and not kept for the next.
	 */
	bool session;
};

/**
 * chardev_create() - open what @spec (see above) names
 *
 * Before the loop runs, or on its thread.  Input is read from now on and kept until there is a
 * receiver that takes it.
 *
 * Return: 0, or -errno with @error set.
 */
int chardev_create(const char *spec, const struct chardev_config *config, struct chardev **ret_chr,
		   struct error *error) __must_check;

/**
 * chardev_destroy() - write what output is left, for half a second at most; restore and close all
 *
 * On the loop's thread or after it, when nobody calls chardev_write() any more.  NULL is fine.
 */
void chardev_destroy(struct chardev *chr);

/**
 * chardev_set_receiver() - who takes the input; NULL: nobody.  Before the loop or on its thread
 *
 * A new receiver is told soon who is connected and how large the terminal is.
 */
void chardev_set_receiver(struct chardev *chr, const struct char_receiver *receiver);

/** chardev_write() - output of the guest.  Any thread; never blocks. */
void chardev_write(struct chardev *chr, const void *buf, size_t len);

/**
 * chardev_room() - how many of @want bytes can be written without dropping any.  Any thread.
 *
 * Return: @want, or less: then the receiver's writable() is called when there is more.  Where
 * nobody will ever take the output, @want.
 */
size_t chardev_room(struct chardev *chr, size_t want);

/** chardev_check_size() - the terminal may have another size.  Loop thread; for SIGWINCH. */
void chardev_check_size(struct chardev *chr);

/**
 * chardev_flush() - hand the host what was written until now, as far as it takes it.  Loop thread.
 *
 * For a moment at which somebody looks: the guest has stopped.
 */
void chardev_flush(struct chardev *chr);

/** chardev_resume() - the receiver has room again.  Any thread; cheap if nothing waits. */
void chardev_resume(struct chardev *chr);

/** chardev_backend() - chardev_write() and the like in the form that devices want */
struct char_backend chardev_backend(struct chardev *chr);

/**
 * chardev_address() - what a user connects to: "unix:PATH" or "/dev/pts/N"
 *
 * Return: owned by @chr; NULL where there is nothing to connect to.
 */
const char *chardev_address(const struct chardev *chr);

/** chardev_dropped() - bytes of output dropped so far.  Any thread. */
uint64_t chardev_dropped(struct chardev *chr);

#endif
