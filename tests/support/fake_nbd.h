/* SPDX-License-Identifier: MIT */
/*
 * An NBD server in a thread, for unit tests: its disk is memory, it notes what it is asked for, and
 * it breaks the protocol when it is told to.  It aborts if the client breaks it.
 *
 * One client after the other.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_NBD_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_NBD_H

#include <pthread.h>

#include "base/util.h"

/* Of the protocol, as its specification names them. */
#define NBD_FLAG_HAS_FLAGS         (1u << 0)
#define NBD_FLAG_READ_ONLY         (1u << 1)
#define NBD_FLAG_SEND_FLUSH        (1u << 2)
#define NBD_FLAG_SEND_FUA          (1u << 3)
#define NBD_FLAG_SEND_TRIM         (1u << 5)
#define NBD_FLAG_SEND_WRITE_ZEROES (1u << 6)
#define NBD_FLAGS_ALL                                                                              \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM |       \
	 NBD_FLAG_SEND_WRITE_ZEROES)

#define NBD_CMD_FLAG_FUA     (1u << 0)
#define NBD_CMD_FLAG_NO_HOLE (1u << 1)

#define NBD_ENOSPC           28u
#define NBD_ENOTSUP          95u

enum nbd_cmd {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_WRITE_ZEROES = 6,
};

enum fake_nbd_fault {
	FAKE_NBD_HONEST,
	/* Instead of a greeting. */
	FAKE_NBD_NO_GREETING,
	FAKE_NBD_GARBAGE_GREETING,
	FAKE_NBD_HANG_UP_AT_ONCE,
	FAKE_NBD_NO_EXPORT, /* "there is none of that name" */
	/* After `good` answers. */
	FAKE_NBD_ERROR, /* answers with `error` to commands of kind `of`, to others as it should */
	FAKE_NBD_SILENT,
	FAKE_NBD_HANG_UP,
	FAKE_NBD_HANG_UP_IN_DATA,
	FAKE_NBD_GARBAGE,
	FAKE_NBD_OTHER_COOKIE,
	FAKE_NBD_STRUCTURED, /* a form of answer that was not agreed on */
	FAKE_NBD_TWICE,
	FAKE_NBD_UNASKED, /* an answer before there was a command */
};

struct fake_nbd_config {
	uint64_t size, said_size;             /* bytes; 0: it says what is true */
	unsigned flags;                       /* NBD_FLAG_* */
	uint32_t minimum, preferred, maximum; /* 0: it says nothing of blocks */
	/* Commands that it gathers before it answers, backwards: so many it waits for; so many it
	 * takes, if they come soon. */
	unsigned at_least, batch;
	bool tcp; /* on the loopback, not on a unix socket */
	enum fake_nbd_fault fault;
	unsigned good;
	uint32_t error;
	enum nbd_cmd of;
};

struct fake_nbd_command {
	enum nbd_cmd kind;
	unsigned flags; /* NBD_CMD_FLAG_* */
	uint64_t cookie, offset;
	uint32_t len;
};

#define FAKE_NBD_LOG 512

struct fake_nbd {
	struct fake_nbd_config config;
	char dir[32], socket[48], uri[96];
	uint8_t *bytes; /* config.size; sector n is filled with n + 1 */

	pthread_mutex_t lock; /* protects what follows */
	struct fake_nbd_command log[FAKE_NBD_LOG];
	unsigned nr_log, most; /* commands; and how many at once were not yet answered */
	unsigned disconnects;  /* good-byes */

	pthread_t thread;
	int listen_fd, stop_fd;
};

/** fake_nbd_start() - @fake lives with the caller */
void fake_nbd_start(struct fake_nbd *fake, const struct fake_nbd_config *config);

/** fake_nbd_count() - how often it was told to do @kind */
unsigned fake_nbd_count(struct fake_nbd *fake, enum nbd_cmd kind);

/** fake_nbd_command() - number @i of what it was told, from 0 on */
struct fake_nbd_command fake_nbd_command(struct fake_nbd *fake, unsigned i);

/** fake_nbd_forget() - what it was told until now */
void fake_nbd_forget(struct fake_nbd *fake);

/** fake_nbd_byte() - what is on its disk, once that was answered */
uint8_t fake_nbd_byte(struct fake_nbd *fake, uint64_t offset);

/** fake_nbd_stop() - hang up; its log and disk are there until fake_nbd_free() */
void fake_nbd_stop(struct fake_nbd *fake);

void fake_nbd_free(struct fake_nbd *fake);

#endif
