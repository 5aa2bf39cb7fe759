/* SPDX-License-Identifier: MIT */
/*
 *     submit             requests wait in a queue
 *     commit             nbd_cut.h cuts commands off them, as long as there are free ones; libnbd
 *                        writes what the socket takes
 *     socket, or drain   libnbd reads answers; when the last of a request is there, it is finished
 *     reap               completed()
 *
 * Threads: the device's come in by submit, commit and drain, the loop's by its two sources.  Only
 * the loop's thread changes what the loop watches; others have it come by the eventfd.
 *
 * libnbd closes its socket whenever it finds the connection broken, and the number of that
 * descriptor may be another's at once.  So the loop watches a duplicate.
 */
#include "devices/backend/disk_nbd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/monotonic.h"
#include "devices/backend/nbd_link.h"

#define MAX_REQUESTS       128u
#define MAX_COMMANDS       64u /* not yet answered, at once */
#define MAX_ANSWERS        32u /* taken before the loop's other sources have a turn */
#define CONNECT_MS         10000u
#define ANSWER_MS          30000u
#define MAX_BLOCK_SIZE     4096u /* Linux drivers take no larger one for addressing */
#define MAX_PHYSICAL_BLOCK 65536u

struct nbd_disk;

/* A command; free if it has no request. */
struct slot {
	struct nbd_disk *nbd;
	struct slot *next; /* free, or answered */
	struct disk_request *request;
	struct nbd_command command;
	uint64_t cookie;
	uint8_t *buffer; /* NBD_BUFFER_LEN bytes */
};

struct nbd_disk {
	struct disk_backend disk;
	/* Immutable. */
	struct disk_nbd_config config;
	void *memory; /* zeroes, and behind them the buffers */
	int event_fd;
	struct loop_source *event_source;

	pthread_mutex_t lock; /* protects what follows; libnbd's is taken within */
	struct nbd_link link;
	struct nbd_server server;
	struct slot slots[MAX_COMMANDS];
	struct slot *free, *answered;
	unsigned in_flight; /* commands */
	unsigned answers;
	bool is_patching; /* the only command in flight is a patch */
	struct disk_request *waiting, **waiting_tail;
	struct disk_request *finished, **finished_tail;
	char cause[256]; /* why the link is closed */

	/* Changed by the loop's thread with the lock. */
	int socket_fd;                     /* a duplicate of the link's */
	struct loop_source *socket_source; /* NULL once the loss was told */
	uint32_t watched;                  /* EPOLL* mask */
};

static struct nbd_disk *to_nbd(struct disk_backend *disk)
{
	return container_of(disk, struct nbd_disk, disk);
}

static void enqueue(struct disk_request ***tail, struct disk_request *request)
{
	request->next = NULL;
	**tail = request;
	*tail = &request->next;
}

static void finish(struct nbd_disk *nbd, struct disk_request *request)
{
	enqueue(&nbd->finished_tail, request);
}

static struct disk_request *next_waiting(struct nbd_disk *nbd)
{
	struct disk_request *request = nbd->waiting;

	nbd->waiting = request->next;
	if (!nbd->waiting)
		nbd->waiting_tail = &nbd->waiting;
	return request;
}

/* All that was cut off @request is answered, and it doesn't wait to be cut. */
static void settle(struct nbd_disk *nbd, struct disk_request *request)
{
	if (nbd_cut_is_left(request))
		enqueue(&nbd->waiting_tail, request);
	else
		finish(nbd, request);
}

static struct slot *take_slot(struct nbd_disk *nbd)
{
	struct slot *slot = nbd->free;

	nbd->free = slot->next;
	nbd->in_flight++;
	return slot;
}

static void put_slot(struct nbd_disk *nbd, struct slot *slot)
{
	slot->request = NULL;
	slot->next = nbd->free;
	nbd->free = slot;
	nbd->in_flight--;
}

/* Without a connection nothing is sent. */
static void fail_waiting(struct nbd_disk *nbd)
{
	while (nbd->waiting) {
		struct disk_request *request = next_waiting(nbd);

		request->error = -EIO;
		finish(nbd, request);
	}
}

/* Closes the connection for good, and fails whatever wanted it. */
static void lose(struct nbd_disk *nbd)
{
	nbd_link_close(&nbd->link);
	(void)shutdown(nbd->socket_fd, SHUT_RDWR);
	nbd->answered = NULL;
	nbd->is_patching = false;
	for (unsigned i = 0; i < MAX_COMMANDS; i++) {
		struct slot *slot = &nbd->slots[i];
		struct disk_request *request = slot->request;

		if (!request)
			continue;
		put_slot(nbd, slot);
		request->error = -EIO;
		request->commands--;
		/* The first that waits may be half cut. */
		if (request->commands == 0 && request != nbd->waiting)
			finish(nbd, request);
	}
	fail_waiting(nbd);
}

/* After a call of the link.  Return: true if it has lost the connection */
static bool is_lost(struct nbd_disk *nbd)
{
	if (nbd_link_is_up(&nbd->link))
		return false;
	if (!nbd->cause[0])
		nbd_link_cause(&nbd->link, nbd->cause, sizeof(nbd->cause));
	return true;
}

/* Of libnbd, in a call that the lock is held around. */
static int on_answer(void *ctx, int *error)
{
	struct slot *slot = ctx;

	(void)error;
	slot->next = slot->nbd->answered;
	slot->nbd->answered = slot;
	slot->nbd->answers++;
	return 0;
}

static void after_answer(struct nbd_disk *nbd, struct slot *slot, int result);

static void send_command(struct nbd_disk *nbd, struct slot *slot)
{
	int r = nbd_link_send(&nbd->link, &slot->command, on_answer, slot, &slot->cookie);

	if (!is_lost(nbd) && r < 0)
		after_answer(nbd, slot, r);
}

static void after_answer(struct nbd_disk *nbd, struct slot *slot, int result)
{
	struct disk_request *request = slot->request;

	if (nbd_cut_answered(&nbd->server, request, &slot->command, result)) {
		send_command(nbd, slot);
		return;
	}
	put_slot(nbd, slot);
	nbd->is_patching = false;
	if (request->commands == 0 && request != nbd->waiting)
		settle(nbd, request);
}

static void take_answers(struct nbd_disk *nbd)
{
	while (nbd->answered) {
		struct slot *slot = nbd->answered;

		nbd->answered = slot->next;
		after_answer(nbd, slot, nbd_link_result(&nbd->link, slot->cookie));
	}
}

/* Sends what can be sent of the first request that waits.  Return: false if nothing could. */
static bool send_next(struct nbd_disk *nbd)
{
	struct disk_request *request = nbd->waiting;
	bool is_patch;

	if (!request || !nbd->free || nbd->is_patching)
		return false;
	is_patch = nbd_cut_is_patch(&nbd->server, request);
	if (is_patch && nbd->in_flight)
		return false;
	if (nbd_cut_next(&nbd->server, request, nbd->free->buffer, nbd->memory,
			 &nbd->free->command)) {
		struct slot *slot = take_slot(nbd);

		slot->request = request;
		nbd->is_patching = is_patch;
		send_command(nbd, slot);
		return true;
	}
	(void)next_waiting(nbd);
	if (request->commands == 0)
		settle(nbd, request);
	return true;
}

/* Does all that can be done without waiting for the server. */
static void pump(struct nbd_disk *nbd)
{
	if (!nbd->link.handle)
		fail_waiting(nbd);
	while (nbd->link.handle) {
		take_answers(nbd);
		if (nbd->cause[0])
			lose(nbd);
		else if (!send_next(nbd))
			return;
	}
}

/* Reads answers and writes what is left over; see nbd_link_wait(). */
static bool exchange(struct nbd_disk *nbd, int timeout_ms)
{
	int r = nbd_link_wait(&nbd->link, timeout_ms);

	if (r < 0) {
		nbd_link_cause(&nbd->link, nbd->cause, sizeof(nbd->cause));
		lose(nbd);
	}
	pump(nbd);
	return r > 0;
}

/* Has the loop's thread come, if there is something for it. */
static void call_loop(struct nbd_disk *nbd)
{
	const uint64_t one = 1;
	bool watch = nbd->link.handle
			     ? nbd->watched != nbd_link_events(&nbd->link, nbd->in_flight > 0)
			     : nbd->socket_source != NULL;

	/* It fails only with a full count, and then the loop's thread comes anyway. */
	if ((watch || nbd->finished) && write(nbd->event_fd, &one, sizeof(one)) < 0)
		return;
}

static void nbd_submit(struct disk_backend *disk, struct disk_request *request)
{
	struct nbd_disk *nbd = to_nbd(disk);
	SCOPED_LOCK(&nbd->lock);

	nbd_cut_begin(&nbd->server, request);
	enqueue(&nbd->waiting_tail, request);
}

static void nbd_commit(struct disk_backend *disk)
{
	struct nbd_disk *nbd = to_nbd(disk);
	SCOPED_LOCK(&nbd->lock);

	pump(nbd);
	call_loop(nbd);
}

/*
 * A command can't be called back but by closing the connection.  A server that is silent for long
 * gets that, for who drains must not wait for ever.
 */
static void nbd_drain(struct disk_backend *disk)
{
	struct nbd_disk *nbd = to_nbd(disk);
	unsigned limit = nbd->config.answer_ms, answers;
	int64_t deadline = monotonic_ms() + limit;
	SCOPED_LOCK(&nbd->lock);

	pump(nbd);
	answers = nbd->answers;
	while (nbd->in_flight) {
		int64_t now = monotonic_ms();

		if (nbd->answers != answers) {
			answers = nbd->answers;
			deadline = now + limit;
		}
		if (now >= deadline) {
			(void)snprintf(nbd->cause, sizeof(nbd->cause), "no answer within %u s",
				       limit / 1000);
			lose(nbd);
			break;
		}
		(void)exchange(nbd, (int)(deadline - now));
	}
	call_loop(nbd);
}

/* On the loop's thread.  Return: true once, when the connection is lost. */
static bool watch_socket(struct nbd_disk *nbd)
{
	if (nbd->link.handle) {
		uint32_t events = nbd_link_events(&nbd->link, nbd->in_flight > 0);

		if (events != nbd->watched && loop_modify(nbd->socket_source, events) == 0)
			nbd->watched = events;
		return false;
	}
	if (!nbd->socket_source)
		return false;
	loop_remove(nbd->socket_source);
	nbd->socket_source = NULL;
	return true;
}

static void nbd_reap(struct disk_backend *disk)
{
	struct nbd_disk *nbd = to_nbd(disk);
	struct disk_request *finished;
	bool lost;

	(void)pthread_mutex_lock(&nbd->lock);
	pump(nbd);
	lost = watch_socket(nbd);
	finished = nbd->finished;
	nbd->finished = NULL;
	nbd->finished_tail = &nbd->finished;
	(void)pthread_mutex_unlock(&nbd->lock);
	if (lost && nbd->config.lost)
		nbd->config.lost(nbd->config.ctx, nbd->cause);
	if (finished)
		disk->completed(disk->ctx, finished);
}

static void on_event(void *ctx, uint32_t events)
{
	struct nbd_disk *nbd = ctx;
	uint64_t count;

	(void)events;
	if (read(nbd->event_fd, &count, sizeof(count)) == sizeof(count))
		nbd_reap(&nbd->disk);
}

static void on_socket(void *ctx, uint32_t events)
{
	struct nbd_disk *nbd = ctx;
	unsigned count = 0;

	(void)pthread_mutex_lock(&nbd->lock);
	/* Another thread may have been quicker. */
	if (nbd->link.handle &&
	    events & (nbd_link_events(&nbd->link, nbd->in_flight > 0) | EPOLLHUP | EPOLLERR))
		while (exchange(nbd, 0) && nbd->in_flight && ++count < MAX_ANSWERS)
			;
	(void)pthread_mutex_unlock(&nbd->lock);
	nbd_reap(&nbd->disk);
}

static void nbd_free(struct nbd_disk *nbd)
{
	loop_remove(nbd->socket_source);
	loop_remove(nbd->event_source);
	nbd_link_close(&nbd->link);
	if (nbd->socket_fd >= 0)
		(void)close(nbd->socket_fd);
	if (nbd->event_fd >= 0)
		(void)close(nbd->event_fd);
	(void)pthread_mutex_destroy(&nbd->lock);
	free(nbd->memory);
	free(nbd);
}

static void nbd_destroy(struct disk_backend *disk)
{
	nbd_free(to_nbd(disk));
}

static const struct disk_ops nbd_ops = {
	.submit = nbd_submit,
	.commit = nbd_commit,
	.drain = nbd_drain,
	.reap = nbd_reap,
	.destroy = nbd_destroy,
};

bool disk_nbd_is_uri(const char *text)
{
	static const char *const schemes[] = { "nbd",       "nbds",      "nbd+unix",
					       "nbds+unix", "nbd+vsock", "nbds+vsock" };
	const char *end = strstr(text, "://");

	for (unsigned i = 0; end && i < ARRAY_SIZE(schemes); i++)
		if (strlen(schemes[i]) == (size_t)(end - text) &&
		    strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static struct nbd_disk *allocate(const struct disk_nbd_config *config)
{
	struct nbd_disk *nbd = calloc(1, sizeof(*nbd));

	if (!nbd)
		return NULL;
	nbd->socket_fd = nbd->event_fd = -EBADF;
	nbd->config = *config;
	nbd->config.connect_ms = config->connect_ms ? config->connect_ms : CONNECT_MS;
	nbd->config.answer_ms = config->answer_ms ? config->answer_ms : ANSWER_MS;
	nbd->waiting_tail = &nbd->waiting;
	nbd->finished_tail = &nbd->finished;
	(void)pthread_mutex_init(&nbd->lock, NULL);
	/* Pages come when they are used. */
	nbd->memory = calloc(1, NBD_ZEROES_LEN + MAX_COMMANDS * NBD_BUFFER_LEN);
	if (!nbd->memory) {
		nbd_free(nbd);
		return NULL;
	}
	for (unsigned i = MAX_COMMANDS; i--;) {
		struct slot *slot = &nbd->slots[i];

		slot->nbd = nbd;
		slot->buffer = (uint8_t *)nbd->memory + NBD_ZEROES_LEN + i * NBD_BUFFER_LEN;
		slot->next = nbd->free;
		nbd->free = slot;
	}
	return nbd;
}

/* Return: 0 or -errno with the cause in @error. */
static int connect_link(struct nbd_disk *nbd, struct error *error)
{
	const struct disk_nbd_config *config = &nbd->config;
	const struct nbd_server *server = &nbd->server;
	int r = nbd_link_open(config->uri, config->connect_ms, &nbd->link, &nbd->server, error);

	if (r < 0)
		return r;
	if (server->read_only && !config->read_only)
		return error_set(error, -EROFS,
				 "its server offers it for reading only; make it read-only (ro)");
	if (server->size < server->block)
		return error_set(error, -EINVAL, "its %llu bytes are less than a block of %u",
				 (unsigned long long)server->size, server->block);
	nbd->socket_fd = fcntl(nbd_link_fd(&nbd->link), F_DUPFD_CLOEXEC, 0);
	if (nbd->socket_fd < 0)
		return error_set_errno(error, -errno, "cannot watch its connection");
	return 0;
}

static int watch(struct nbd_disk *nbd, struct loop *loop, struct error *error)
{
	int r;

	nbd->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (nbd->event_fd < 0)
		return error_set_errno(error, -errno, "cannot watch its connection");
	nbd->watched = nbd_link_events(&nbd->link, false);
	r = loop_add(loop, nbd->event_fd, EPOLLIN, on_event, nbd, &nbd->event_source);
	if (r == 0)
		r = loop_add(loop, nbd->socket_fd, nbd->watched, on_socket, nbd,
			     &nbd->socket_source);
	return r < 0 ? error_set_errno(error, r, "cannot watch its connection") : 0;
}

static void describe(const struct nbd_disk *nbd, struct disk_info *ret_info,
		     struct disk_nbd_notes *ret_notes)
{
	const struct nbd_server *server = &nbd->server;
	uint32_t block = MIN(server->block, MAX_BLOCK_SIZE);
	uint32_t physical = MIN(MAX(server->optimal, server->block), MAX_PHYSICAL_BLOCK);

	*ret_info = (struct disk_info){
		.size = ALIGN_DOWN(server->size, server->block),
		.block_size = block,
		.physical_block_size = physical,
		.read_only = nbd->config.read_only,
		.max_requests = MAX_REQUESTS,
	};
	*ret_notes = (struct disk_nbd_notes){
		.tail = (unsigned)(server->size % server->block),
		.no_flush = !server->can_flush && !nbd->config.read_only,
	};
}

int disk_nbd_open(const struct disk_nbd_config *config, struct loop *loop,
		  struct disk_backend **ret_disk, struct disk_nbd_notes *ret_notes,
		  struct error *error)
{
	struct nbd_disk *nbd = allocate(config);
	struct error cause;
	int r;

	if (!nbd)
		return error_set_errno(error, -ENOMEM, "cannot use '%s' as a disk", config->uri);
	r = connect_link(nbd, &cause);
	if (r == 0)
		r = watch(nbd, loop, &cause);
	if (r < 0) {
		nbd_free(nbd);
		(void)error_set(error, r, "cannot use '%s' as a disk: %s", config->uri,
				cause.message);
		if (error)
			error->is_usage = cause.is_usage;
		return r;
	}
	nbd->disk.ops = &nbd_ops;
	describe(nbd, &nbd->disk.info, ret_notes);
	*ret_disk = &nbd->disk;
	return 0;
}
