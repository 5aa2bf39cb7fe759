/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user back-end in a thread of the test, for unit tests and fuzz targets.
 *
 * It maps the guest's memory for itself, serves split rings by copying the readable part of each
 * chain to the writable one, and notes what it was told.  One of its answers it can spoil.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_MOCK_VHOST_H
#define GLASSBOX_TESTS_SUPPORT_MOCK_VHOST_H

#include <pthread.h>

#include "devices/backend/vhost_user_wire.h"

#define MOCK_VHOST_RINGS 2

/* What it does in place of an answer. */
enum mock_vhost_fault {
	MOCK_VHOST_FINE,
	MOCK_VHOST_HANG_UP,
	MOCK_VHOST_SILENT,
	MOCK_VHOST_HALF_HEADER, /* then it hangs up */
	MOCK_VHOST_HALF_PAYLOAD,
	MOCK_VHOST_OTHER_TYPE,
	MOCK_VHOST_LONGER, /* by a byte, which is there */
	MOCK_VHOST_SHORTER,
	MOCK_VHOST_ENDLESS, /* a size of 4 GiB */
	MOCK_VHOST_NO_REPLY_FLAG,
	MOCK_VHOST_OTHER_VERSION,
	MOCK_VHOST_WITH_FD,
	MOCK_VHOST_BAD_VALUE, /* refuses; GET_VRING_BASE: of another ring */
	MOCK_VHOST_NR_FAULTS,
};

struct mock_vhost_ring {
	struct vhost_vring_addr addr;
	uint32_t num, base, enabled;
	int kick, call;
	bool started;
	unsigned starts, stops;
	uint16_t last_avail; /* of what it serves */
};

struct mock_vhost {
	/* Chosen before mock_vhost_start(). */
	uint64_t features, protocol, queues;
	enum mock_vhost_fault fault;
	enum vhost_user_type fault_at; /* the type of message it spoils the answer to */
	bool idle;                     /* looks at rings when they are started, and serves none */
	bool blocks_eventfds;          /* makes whoever reads the rings' eventfds wait */

	int front;    /* the front-end's end of the connection: the test's to hand on */
	bool running; /* between start and stop; for the thread that calls these */

	pthread_mutex_t lock; /* of what follows */
	uint64_t chosen_features, chosen_protocol;
	struct vhost_user_memory memory;
	void *mapped[VHOST_USER_MAX_REGIONS];
	struct mock_vhost_ring rings[MOCK_VHOST_RINGS];
	unsigned owners, tables;
	unsigned bad_messages; /* that no front-end should send */

	/* The thread's. */
	int socket, quit;
	pthread_t thread;
	bool silent;
};

/** mock_vhost_init() - as virtiofsd is: protocol features, answers to everything, no packed rings
 */
void mock_vhost_init(struct mock_vhost *mock);

/** mock_vhost_start() - begin to listen at the other end of `front` */
void mock_vhost_start(struct mock_vhost *mock);

/** mock_vhost_stop() - like a process that is killed: it is gone when this returns; more than once
 * is fine */
void mock_vhost_stop(struct mock_vhost *mock);

/** mock_vhost_say() - send what nobody asked for */
void mock_vhost_say(struct mock_vhost *mock, const void *bytes, size_t len);

#endif
