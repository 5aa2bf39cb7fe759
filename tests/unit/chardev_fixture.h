/* SPDX-License-Identifier: MIT */
/* A chardev with a receiver that takes as much as a test allows it. */
#ifndef GLASSBOX_TESTS_UNIT_CHARDEV_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_CHARDEV_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/backend/chardev.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

struct host {
	struct loop *loop;
	struct chardev *chr;
	uint8_t received[256 * 1024];
	size_t count, room; /* bytes received; how many more will be taken */
	unsigned quits;
};

static inline size_t host_receive(void *ctx, const void *buf, size_t len)
{
	struct host *host = ctx;
	size_t taken = MIN(len, MIN(host->room, sizeof(host->received) - host->count));

	memcpy(host->received + host->count, buf, taken);
	host->count += taken;
	host->room -= taken;
	return taken;
}

static inline void host_quit(void *ctx)
{
	struct host *host = ctx;

	host->quits++;
}

static inline void host_open(struct host *host, const char *spec)
{
	struct chardev_config config = { .loop = host->loop, .quit = host_quit, .quit_ctx = host };
	struct char_receiver receiver = { .receive = host_receive, .ctx = host };
	struct error error = { 0 };

	if (chardev_create(spec, &config, &host->chr, &error) < 0)
		fail_msg("%s", error.message);
	chardev_set_receiver(host->chr, &receiver);
}

static inline void host_close(struct host *host)
{
	chardev_destroy(host->chr);
	host->chr = NULL;
}

static inline int host_setup(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	assert_non_null(host);
	assert_int_equal(loop_create(&host->loop), 0);
	host->room = SIZE_MAX;
	*state = host;
	return 0;
}

static inline int host_teardown(void **state)
{
	struct host *host = *state;

	chardev_destroy(host->chr);
	loop_destroy(host->loop);
	free(host);
	return 0;
}

/* A client of a chardev that is a socket. */
static inline int connect_to(const struct chardev *chr)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		       chardev_address(chr) + strlen("unix:"));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Reads what is there, letting the loop bring more; returns the number of bytes. */
static inline size_t read_all(struct loop *loop, int fd, uint8_t *buf, size_t size)
{
	size_t count = 0;

	for (int idle = 0; idle < 3;) {
		ssize_t n = read(fd, buf + count, size - count);

		if (n > 0)
			count += (size_t)n;
		else if (n == 0)
			break;
		idle = n > 0 ? 0 : idle + 1;
		loop_turn(loop);
	}
	return count;
}

static inline void host_print(struct host *host, const char *text)
{
	chardev_write(host->chr, text, strlen(text));
}

/* True if exactly @text was received since the last call. */
static inline bool host_received(struct host *host, const char *text)
{
	bool equal = host->count == strlen(text) && memcmp(host->received, text, host->count) == 0;

	host->count = 0;
	return equal;
}

/* A byte that depends on its place, so that loss and disorder show. */
static inline uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

#endif
