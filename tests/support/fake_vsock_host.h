/* SPDX-License-Identifier: MIT */
/*
 * A host side for socket devices that is nothing but memory, for unit tests and fuzz targets: what
 * programs on the host do is done by calls.  It aborts if a device does what
 * devices/backend/vsock_host.h rules out.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_VSOCK_HOST_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_VSOCK_HOST_H

#include "devices/backend/vsock_host.h"

#define FAKE_VSOCK_STREAMS 600 /* more than a device has connections */
#define FAKE_VSOCK_BYTES   (512u << 10)

struct fake_vsock_stream {
	struct vsock_stream stream;
	struct fake_vsock_host *fake;
	bool open;       /* the device has it */
	bool connecting; /* connect() said -EINPROGRESS */
	uint32_t port;   /* of the listener or of the guest */
	uint32_t confirmed;
	bool shut_read, shut_write; /* by the device */

	/* For the guest; byte number n is (uint8_t)n. */
	uint32_t to_guest, read; /* bytes that there are in all, that were read */
	bool ended, broken;      /* behind them */

	/* From the guest. */
	uint32_t room;    /* bytes that will be taken */
	bool gone;        /* none will be taken any more */
	uint32_t written; /* bytes in all */
	uint32_t sum;     /* of all bytes, each with its place: see fake_vsock_sum() */
};

struct fake_vsock_host {
	struct vsock_host host;
	struct fake_vsock_stream streams[FAKE_VSOCK_STREAMS];
	int connect_result;    /* of connect() */
	uint32_t connect_room; /* of the streams that it makes */
	unsigned connects, closes, wakes, nr_open, destroyed;
	bool ticking;
};

/** fake_vsock_host_init() - @fake lives with the caller; destroying it frees nothing */
void fake_vsock_host_init(struct fake_vsock_host *fake);

/** fake_vsock_find() - the open stream of @port; NULL if there is none */
struct fake_vsock_stream *fake_vsock_find(struct fake_vsock_host *fake, uint32_t port);

/** fake_vsock_request() - a program connects to @port of the guest; Return: NULL if refused */
struct fake_vsock_stream *fake_vsock_request(struct fake_vsock_host *fake, uint32_t port);

/** fake_vsock_connected() - what connect() has begun ends so */
void fake_vsock_connected(struct fake_vsock_stream *stream, bool success);

/** fake_vsock_send() - the program writes @len more bytes */
void fake_vsock_send(struct fake_vsock_stream *stream, uint32_t len);

/** fake_vsock_take() - the program reads, so that there is room for @len bytes more */
void fake_vsock_take(struct fake_vsock_stream *stream, uint32_t len);

/** fake_vsock_end() - the program will write no more */
void fake_vsock_end(struct fake_vsock_stream *stream);

/** fake_vsock_stop() - the program will read no more, which shows when it is written to */
void fake_vsock_stop(struct fake_vsock_stream *stream);

/** fake_vsock_hang_up() - the program closes its end */
void fake_vsock_hang_up(struct fake_vsock_stream *stream);

/** fake_vsock_tick() - time passes, @count times as the device's tick */
void fake_vsock_tick(struct fake_vsock_host *fake, unsigned count);

/** fake_vsock_woken() - what wake() asked for, if it did */
void fake_vsock_woken(struct fake_vsock_host *fake);

/** fake_vsock_sum() - add @len bytes, of which the first is number @at, to the sum of a stream */
uint32_t fake_vsock_sum(uint32_t sum, uint32_t at, const void *bytes, size_t len);

#endif
