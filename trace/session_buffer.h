/* SPDX-License-Identifier: MIT */
/* How much memory a trace buffers. */
#ifndef GLASSBOX_TRACE_SESSION_BUFFER_H
#define GLASSBOX_TRACE_SESSION_BUFFER_H

#include "base/error.h"

/* A ring a CPU, of this many sub-buffers: one is written, one read, the rest absorb bursts. */
#define SESSION_BUFFER_COUNT 8

/* What the machine has, in bytes. */
struct session_room {
	unsigned cpus;   /* LTTng makes a ring for each, idle ones too */
	uint64_t memory; /* available */
	uint64_t shm;    /* free in /dev/shm, where the rings live */
};

/** session_room_read() - ask the system.  Return: 0 or -errno. */
int session_room_read(struct session_room *ret_room) __must_check;

/**
 * session_buffer_size() - the size of one sub-buffer
 * @ring: bytes of a CPU's ring that the user wants, 0 for our choice
 *
 * Our choice: 32 MiB a CPU (half a million events, so a second of a vCPU that does nothing but
 * exit), but 256 MiB together, a quarter of the memory or half of /dev/shm if that is less.
 *
 * Return: 0 and a power of two; -ENOSPC with a sentence if it does not fit.
 */
int session_buffer_size(const struct session_room *room, uint64_t ring, uint64_t *ret_size,
			struct error *error) __must_check;

#endif
