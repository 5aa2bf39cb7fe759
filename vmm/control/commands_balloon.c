/* SPDX-License-Identifier: MIT */
/*
 * Commands about the memory balloon: balloon, balloon-stats.
 *
 * The guest's driver collects statistics when it is asked to, and may never answer.  All clients
 * that want some share one question.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "devices/virtio/balloon.h"
#include "vmm/control/commands.h"

#define ANSWER_SECONDS 10

static struct virtio_dev *find_balloon(struct control *control, struct control_error *error)
{
	struct virtio_dev *vdev = control_virtio_of(control->machine->board, VIRTIO_DEVICE_BALLOON);

	if (!vdev)
		(void)control_error_set(error, CONTROL_NO_DEVICE,
					"the machine has no balloon: run it with --balloon");
	return vdev;
}

static json_t *describe_balloon(struct virtio_dev *vdev)
{
	struct virtio_balloon_state state;

	virtio_balloon_get_state(vdev, &state);
	return json_pack("{sI sI sb sI sI sI}", "target",
			 (json_int_t)(state.target * VIRTIO_BALLOON_PAGE_SIZE), "actual",
			 (json_int_t)(state.actual * VIRTIO_BALLOON_PAGE_SIZE), "driver",
			 state.has_driver, "inflated", (json_int_t)state.inflated, "reported",
			 (json_int_t)state.reported, "failures", (json_int_t)state.failures);
}

static int set_target(struct virtio_dev *vdev, json_int_t size, struct control_error *error)
{
	if (size < 0 || size % (json_int_t)VIRTIO_BALLOON_PAGE_SIZE)
		return control_error_set(error, CONTROL_BAD_ARGUMENT,
					 "size is not a multiple of 4K");
	if (virtio_balloon_set_target(vdev, (uint64_t)size / VIRTIO_BALLOON_PAGE_SIZE) < 0)
		return control_error_set(error, CONTROL_BAD_ARGUMENT,
					 "size is more than the guest's memory");
	return 0;
}

static int run_balloon(struct control_call *call, json_t **ret_result, struct control_error *error)
{
	json_int_t size = 0;
	struct virtio_dev *vdev;

	if (control_arguments(call, error, "{s?I}", "size", &size) < 0)
		return -1;
	vdev = find_balloon(call->control, error);
	if (!vdev)
		return -1;
	if (json_object_get(call->request.arguments, "size") && set_target(vdev, size, error) < 0)
		return -1;
	*ret_result = describe_balloon(vdev);
	return CONTROL_DONE;
}

static json_t *describe_stats(struct control *control)
{
	const struct virtio_balloon_stats *stats = &control->balloon.stats;
	json_t *json = json_object();

	for (unsigned tag = 0; tag < VIRTIO_BALLOON_NR_STATS; tag++) {
		/* JSON's numbers end below what a guest can say. */
		json_int_t value = (json_int_t)MIN(stats->values[tag], (uint64_t)INT64_MAX);

		if (stats->valid >> tag & 1)
			(void)json_object_set_new(json, virtio_balloon_stat_info(tag)->name,
						  json_integer(value));
	}
	return json;
}

static void set_timer(struct control_balloon *balloon, time_t seconds)
{
	const struct itimerspec when = { .it_value.tv_sec = seconds };

	(void)timerfd_settime(balloon->timer_fd, 0, &when, NULL);
}

/* The question is over, one way or another. */
static void finish_stats(struct control *control, const struct control_error *error)
{
	control->balloon.asked = false;
	set_timer(&control->balloon, 0);
	control_answer_all(control, CONTROL_WAIT_STATS, describe_stats, error);
}

static void finish_answered(struct control *control)
{
	struct control_error error;

	if (control->balloon.error == 0) {
		finish_stats(control, NULL);
		return;
	}
	(void)control_error_set(&error, CONTROL_REFUSED, "the guest's balloon driver went away");
	finish_stats(control, &error);
}

static void answer_posted(void *ctx)
{
	struct control *control = ctx;

	/* An answer to a question that was given up is none to the next. */
	if (control->balloon.asked && atomic_load(&control->balloon.answered))
		finish_answered(control);
}

/* Any thread, with the device's lock held. */
static void answer_arrived(void *ctx, int error, const struct virtio_balloon_stats *stats)
{
	struct control *control = ctx;

	control->balloon.error = error;
	if (stats)
		control->balloon.stats = *stats;
	atomic_store(&control->balloon.answered, true);
	/* Without memory for it the time-out brings the answer. */
	if (loop_post(control->loop, answer_posted, control) < 0)
		return;
}

static void time_is_over(void *ctx, uint32_t events)
{
	struct control *control = ctx;
	struct control_error error;
	uint64_t count;

	(void)events;
	if (read(control->balloon.timer_fd, &count, sizeof(count)) < 0 || !control->balloon.asked)
		return;
	/* The device is there as long as it has not answered; its end is an answer. */
	if (atomic_load(&control->balloon.answered)) {
		finish_answered(control);
		return;
	}
	virtio_balloon_cancel_stats(control->balloon.vdev);
	(void)control_error_set(&error, CONTROL_TIMEOUT,
				"the guest's balloon driver does not answer");
	finish_stats(control, &error);
}

static int ask(struct control *control, struct virtio_dev *vdev, struct control_error *error)
{
	struct control_balloon *balloon = &control->balloon;
	int r;

	if (balloon->asked)
		return 0;
	atomic_store(&balloon->answered, false);
	r = virtio_balloon_request_stats(vdev, answer_arrived, control);
	if (r == -ENOTCONN)
		return control_error_set(error, CONTROL_REFUSED,
					 "the guest has no balloon driver, or not yet");
	if (r == -EOPNOTSUPP)
		return control_error_set(error, CONTROL_REFUSED,
					 "the guest's balloon driver has no statistics");
	if (r < 0)
		return control_error_set(error, CONTROL_FAILED, "cannot ask the guest: %s",
					 strerror(-r));
	balloon->vdev = vdev;
	balloon->asked = true;
	set_timer(balloon, ANSWER_SECONDS);
	return 0;
}

static int run_balloon_stats(struct control_call *call, json_t **ret_result,
			     struct control_error *error)
{
	const struct control_machine *machine = call->control->machine;
	struct virtio_dev *vdev;

	(void)ret_result;
	if (control_arguments(call, error, "{}") < 0)
		return -1;
	vdev = find_balloon(call->control, error);
	if (!vdev)
		return -1;
	if (!control_is_running(machine))
		return control_error_set(error, CONTROL_REFUSED,
					 "the machine does not run, so the guest cannot answer");
	if (ask(call->control, vdev, error) < 0)
		return -1;
	control_call_wait(call, CONTROL_WAIT_STATS);
	return CONTROL_LATER;
}

int control_balloon_init(struct control *control)
{
	struct control_balloon *balloon = &control->balloon;

	balloon->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (balloon->timer_fd < 0)
		return -errno;
	return loop_add(control->loop, balloon->timer_fd, EPOLLIN, time_is_over, control,
			&balloon->timer);
}

void control_balloon_deinit(struct control *control)
{
	loop_remove(control->balloon.timer);
	cleanup_close(&control->balloon.timer_fd);
}

const struct control_command control_commands_balloon[] = {
	{ "balloon", run_balloon },
	{ "balloon-stats", run_balloon_stats },
	{ 0 },
};
