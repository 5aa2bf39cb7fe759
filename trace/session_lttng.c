/* SPDX-License-Identifier: MIT */
/* See session_lttng.h.  The only thread of glassbox-trace-session. */
#include <errno.h>
#include <lttng/lttng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/cleanup.h"
#include "trace/session_buffer.h"
#include "trace/session_lttng.h"

#define CHANNEL            "glassbox"
#define EVENTS             "glassbox:*"
#define PENDING_TIMEOUT_MS 30000
#define DESTROY_TIMEOUT_MS 10000
#define POLL_MS            10
/* What is left on a file system that a trace has filled. */
#define DISK_FULL_BELOW    MIB(1)

static void destroy_handle(struct lttng_handle **handle)
{
	if (*handle)
		lttng_destroy_handle(*handle);
}

/* LTTng's codes are LTTNG_OK, or positive or negative numbers of enum lttng_error_code. */
static int lttng_failed(struct error *error, int code, const char *what)
{
	return error_set(error, -EIO, "LTTng cannot %s: %s", what, lttng_strerror(-abs(code)));
}

static int create_session(const struct session_recording *recording, struct error *error)
{
	struct lttng_session_descriptor *descriptor =
		lttng_session_descriptor_local_create(recording->name, recording->dir);
	enum lttng_error_code code;

	if (!descriptor)
		return error_set_errno(error, -ENOMEM, "cannot start a trace");
	code = lttng_create_session_ext(descriptor);
	lttng_session_descriptor_destroy(descriptor);
	return code == LTTNG_OK ? 0 : lttng_failed(error, code, "create a session");
}

/* Per-PID buffers: another VM of this user neither fills ours nor shares our files. */
static int enable_channel(const struct session_recording *recording, struct lttng_domain *domain,
			  struct lttng_handle *handle, struct error *error)
{
	struct lttng_channel *channel = lttng_channel_create(domain);
	int code;

	if (!channel)
		return error_set_errno(error, -ENOMEM, "cannot start a trace");
	(void)snprintf(channel->name, sizeof(channel->name), "%s", CHANNEL);
	channel->attr.overwrite = 0;
	channel->attr.subbuf_size = recording->subbuffer_size;
	channel->attr.num_subbuf = SESSION_BUFFER_COUNT;
	code = lttng_enable_channel(handle, channel);
	lttng_channel_destroy(channel);
	return code < 0 ? lttng_failed(error, code, "make the channel") : 0;
}

static int enable_events(struct lttng_handle *handle, struct error *error)
{
	struct lttng_event *event = lttng_event_create();
	int code;

	if (!event)
		return error_set_errno(error, -ENOMEM, "cannot start a trace");
	event->type = LTTNG_EVENT_TRACEPOINT;
	event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
	event->loglevel = -1;
	(void)snprintf(event->name, sizeof(event->name), "%s", EVENTS);
	code = lttng_enable_event(handle, event, CHANNEL);
	lttng_event_destroy(event);
	return code < 0 ? lttng_failed(error, code, "enable the events") : 0;
}

static int track_process(const struct session_recording *recording, struct error *error)
{
	struct lttng_process_attr_tracker_handle *tracker;
	enum lttng_process_attr_tracker_handle_status status;
	enum lttng_error_code code;

	code = lttng_session_get_tracker_handle(recording->name, LTTNG_DOMAIN_UST,
						LTTNG_PROCESS_ATTR_VIRTUAL_PROCESS_ID, &tracker);
	if (code != LTTNG_OK)
		return lttng_failed(error, code, "record one process");
	status = lttng_process_attr_tracker_handle_set_tracking_policy(
		tracker, LTTNG_TRACKING_POLICY_INCLUDE_SET);
	if (status == LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK)
		status = lttng_process_attr_process_id_tracker_handle_add_pid(tracker,
									      recording->pid);
	lttng_process_attr_tracker_handle_destroy(tracker);
	if (status != LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK)
		return error_set(error, -EIO, "LTTng cannot record one process (status %d)",
				 (int)status);
	return 0;
}

static int fill_session(const struct session_recording *recording, struct error *error)
{
	struct lttng_domain domain = { .type = LTTNG_DOMAIN_UST, .buf_type = LTTNG_BUFFER_PER_PID };
	_cleanup_(destroy_handle) struct lttng_handle *handle =
		lttng_create_handle(recording->name, &domain);
	int r;

	if (!handle)
		return error_set_errno(error, -ENOMEM, "cannot start a trace");
	r = enable_channel(recording, &domain, handle, error);
	if (r < 0)
		return r;
	r = enable_events(handle, error);
	if (r < 0)
		return r;
	r = track_process(recording, error);
	if (r < 0)
		return r;
	r = lttng_start_tracing(recording->name);
	return r < 0 ? lttng_failed(error, r, "start the session") : 0;
}

int session_recording_start(struct session_recording *recording, struct error *error)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	int r;

	if (localtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(recording->name, sizeof(recording->name), "glassbox-%d-%s",
		       (int)recording->pid, date);
	r = create_session(recording, error);
	if (r < 0)
		return r;
	r = fill_session(recording, error);
	if (r < 0)
		(void)lttng_destroy_session_no_wait(recording->name);
	return r;
}

static void sleep_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)ms * 1000000 };

	(void)nanosleep(&time, NULL);
}

/* Return: 0 when all is written, 1 when it takes too long, or LTTng's negative code. */
static int wait_for_data(const char *name)
{
	for (unsigned waited = 0; waited < PENDING_TIMEOUT_MS; waited += POLL_MS) {
		int pending = lttng_data_pending(name);

		if (pending <= 0)
			return pending;
		sleep_ms(POLL_MS);
	}
	return 1;
}

static int count_lost(const char *name, struct session_reply *reply)
{
	struct lttng_domain domain = { .type = LTTNG_DOMAIN_UST, .buf_type = LTTNG_BUFFER_PER_PID };
	_cleanup_(destroy_handle) struct lttng_handle *handle = lttng_create_handle(name, &domain);
	_cleanup_free_ struct lttng_channel *channels = NULL;
	int count, code;

	if (!handle)
		return -LTTNG_ERR_NOMEM;
	count = lttng_list_channels(handle, &channels);
	for (int i = 0; i < count; i++) {
		uint64_t events, packets;

		code = lttng_channel_get_discarded_event_count(&channels[i], &events);
		if (code == 0)
			code = lttng_channel_get_lost_packet_count(&channels[i], &packets);
		if (code < 0)
			return code;
		reply->lost_events += events;
		reply->lost_packets += packets;
	}
	return MIN(count, 0);
}

static bool disk_is_full(const char *dir)
{
	struct statvfs room;

	return statvfs(dir, &room) == 0 &&
	       (uint64_t)room.f_bavail * room.f_frsize < DISK_FULL_BELOW;
}

static int destroy_session(const char *name)
{
	struct lttng_destruction_handle *handle = NULL;
	enum lttng_destruction_handle_status status;
	enum lttng_error_code code = lttng_destroy_session_ext(name, &handle);

	if (code != LTTNG_OK)
		return -(int)code;
	status = lttng_destruction_handle_wait_for_completion(handle, DESTROY_TIMEOUT_MS);
	lttng_destruction_handle_destroy(handle);
	return status == LTTNG_DESTRUCTION_HANDLE_STATUS_COMPLETED ? 0 : 1;
}

void session_recording_stop(const struct session_recording *recording, struct session_reply *reply)
{
	int code = lttng_stop_tracing_no_wait(recording->name);

	/* The user may have stopped it already, by `lttng stop`. */
	if (code == -LTTNG_ERR_TRACE_ALREADY_STOPPED)
		code = 0;
	if (code >= 0)
		code = wait_for_data(recording->name);
	if (code > 0)
		reply->flags |= SESSION_REPLY_UNFINISHED;
	if (code >= 0)
		code = count_lost(recording->name, reply);
	if (code >= 0)
		code = destroy_session(recording->name);
	if (code > 0)
		reply->flags |= SESSION_REPLY_UNFINISHED;
	if (disk_is_full(recording->dir))
		reply->flags |= SESSION_REPLY_DISK_FULL;
	if (code < 0) {
		reply->flags |= SESSION_REPLY_UNFINISHED;
		reply->code = error_set(&reply->error, -EPIPE,
					"LTTng stopped recording before the end (%s): the end of "
					"the trace may be missing",
					lttng_strerror(code));
	}
}
