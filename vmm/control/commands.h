/* SPDX-License-Identifier: MIT */
/* What commands of the control socket are made of; for vmm/control/ only.  Loop thread. */
#ifndef GLASSBOX_VMM_CONTROL_COMMANDS_H
#define GLASSBOX_VMM_CONTROL_COMMANDS_H

#include <stdatomic.h>

#include "devices/virtio/balloon.h"
#include "vmm/control/control.h"
#include "vmm/control/request.h"
#include "vmm/control/server.h"

/* What a request that is not answered yet waits for. */
enum control_wait {
	CONTROL_WAIT_PARKED, /* every vCPU is parked */
	CONTROL_WAIT_STATS,  /* the guest's balloon driver answers */
	CONTROL_NR_WAITS,
};

/* A request, until it is answered. */
struct control_call {
	struct control *control;
	struct control_client *client;
	struct control_request request;
	struct control_call *next; /* those that wait for the same */
};

/* The question to the guest's balloon driver. */
struct control_balloon {
	int timer_fd;
	struct loop_source *timer;
	struct virtio_dev *vdev; /* asked; there until it has answered */
	bool asked;
	atomic_bool answered; /* any thread sets it, and before it the two below */
	int error;
	struct virtio_balloon_stats stats;
};

struct control {
	struct loop *loop;
	const struct control_machine *machine;
	struct control_server *server;
	struct control_call *waiting[CONTROL_NR_WAITS];
	struct control_balloon balloon;
};

/* What a command returns, beside -1 for a failure with its error set. */
enum {
	CONTROL_DONE,  /* the result is there */
	CONTROL_LATER, /* control_call_wait() was called */
};

struct control_command {
	const char *name;
	/* On CONTROL_DONE *@ret_result is new, and may be NULL for want of memory. */
	int (*run)(struct control_call *call, json_t **ret_result, struct control_error *error);
};

/* Groups of commands; each ends with a NULL name. */
extern const struct control_command control_commands_balloon[], control_commands_info[],
	control_commands_link[], control_commands_machine[];

/** control_arguments() - json_unpack_ex() for the request's arguments, of which there must be no
 * others.  Return: 0, or -1 with @error set. */
int control_arguments(const struct control_call *call, struct control_error *error,
		      const char *format, ...) __must_check;

/** control_call_wait() - @call is answered by control_answer_all() */
void control_call_wait(struct control_call *call, enum control_wait what);

/** control_answer_all() - answer all that wait for @what; @error: in place of @make's result */
void control_answer_all(struct control *control, enum control_wait what,
			json_t *(*make)(struct control *control),
			const struct control_error *error);

/** control_text() - a string; what is not UTF-8 (a file's name) is not shown */
json_t *control_text(const char *text);

/**
 * control_virtio_named() - the machine's virtio device of that name, e.g. "virtio-blk0"
 * @ret_place: may be NULL
 *
 * Return: NULL if there is none.
 */
struct virtio_dev *control_virtio_named(const struct board *board, const char *name,
					struct machine_virtio_place *ret_place);

/** control_virtio_of() - the first one of type @id (VIRTIO_DEVICE_*); NULL if there is none */
struct virtio_dev *control_virtio_of(const struct board *board, uint16_t id);

/** control_is_running() - neither stopped, nor paused, nor dead */
bool control_is_running(const struct control_machine *machine);

/** control_balloon_init() - Return: 0 or -errno; control_balloon_deinit() is fine in any case */
int control_balloon_init(struct control *control) __must_check;
void control_balloon_deinit(struct control *control);

/** control_state() - the result of commands that change it: {"state": "paused", ...} */
json_t *control_state(struct control *control);

#endif
