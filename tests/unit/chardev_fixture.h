/* SPDX-License-Identifier: MIT */
/* A chardev with a receiver that takes as much as a test allows it. */
#ifndef GLASSBOX_TESTS_UNIT_CHARDEV_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_CHARDEV_FIXTURE_H

#include <stdlib.h>
#include <string.h>

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
	struct chardev_config config = { host->loop, host_quit, host };
	struct char_receiver receiver = { host_receive, host };
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
