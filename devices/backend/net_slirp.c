/* SPDX-License-Identifier: MIT */
/*
 * libslirp wants to be asked which sockets to wait for before each wait, and told what came of it
 * after.  They are in an epoll set of their own, which the loop sees as one descriptor, and which
 * is changed where libslirp's wishes changed.  A timer in the same set stands for the waits' limit.
 *
 * What libslirp has for the guest is put in a queue, from where the device takes it.  While the
 * device does not watch, the set is not looked at: data stay in the host's sockets, and who sends
 * them notices.  The answers to what the guest sends still come; should it send without receiving,
 * the queue is full at some time, and frames are lost, as on a wire.
 *
 * Threads: all on the loop's.
 */
#include "devices/backend/net_slirp.h"

#include <arpa/inet.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/monotonic.h"
#include "base/size.h"

#define MTU_DEFAULT  1500u
#define QUEUE_FRAMES 512u
#define EVENTS       32 /* fetched at once */
#define NS_PER_MS    1000000
#define MS_PER_S     1000
#define NEVER        INT64_MAX

/* A descriptor that libslirp knows, by its number. */
struct watch {
	uint32_t wanted;  /* EPOLL*; 0: none */
	uint32_t set;     /* what is in the epoll set */
	uint32_t revents; /* what was found */
};

struct timer {
	struct timer *next;
	SlirpTimerId id;
	void *cb_opaque;
	int64_t expiry_ms;
};

struct frame {
	uint32_t len;
	uint8_t bytes[];
};

struct slirp_net {
	struct net_backend net;
	Slirp *slirp;
	size_t mtu;
	bool sent; /* since the set was changed */
	bool watched;

	int epoll_fd, timer_fd;
	struct loop_source *source;
	struct watch *watches; /* nr_watches */
	int nr_watches;
	struct timer *timers;
	int64_t armed_ms; /* when timer_fd expires; NEVER: it doesn't */

	uint8_t *queue; /* QUEUE_FRAMES of frame_size bytes, used round and round */
	size_t frame_size;
	unsigned first, count;
	uint8_t out[NET_FRAME_MAX]; /* a frame of the guest's, in one piece */
};

static struct slirp_net *to_slirp(struct net_backend *net)
{
	return container_of(net, struct slirp_net, net);
}

static struct frame *frame_at(const struct slirp_net *slirp, unsigned i)
{
	size_t slot = (slirp->first + i) % QUEUE_FRAMES;

	return (struct frame *)(void *)(slirp->queue + slot * slirp->frame_size);
}

/* ---- what libslirp calls ---- */

static ssize_t slirp_send_packet(const void *buf, size_t len, void *opaque)
{
	struct slirp_net *slirp = opaque;
	struct frame *frame = frame_at(slirp, slirp->count);

	if (slirp->count == QUEUE_FRAMES || len > slirp->frame_size - sizeof(*frame))
		return (ssize_t)len;
	frame->len = (uint32_t)len;
	memcpy(frame->bytes, buf, len);
	slirp->count++;
	return (ssize_t)len;
}

static void slirp_guest_error(const char *message, void *opaque)
{
	/* The guest's mistakes are its own. */
	(void)message;
	(void)opaque;
}

static int64_t slirp_clock_get_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * MS_PER_S * NS_PER_MS + now.tv_nsec;
}

static void *slirp_timer_create(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct slirp_net *slirp = opaque;
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->id = id;
	timer->cb_opaque = cb_opaque;
	timer->expiry_ms = NEVER;
	timer->next = slirp->timers;
	slirp->timers = timer;
	return timer;
}

static void slirp_timer_free(void *timer, void *opaque)
{
	struct slirp_net *slirp = opaque;
	struct timer **link = &slirp->timers;

	while (*link && *link != timer)
		link = &(*link)->next;
	if (*link) {
		*link = (*link)->next;
		free(timer);
	}
}

static void slirp_timer_mod(void *timer, int64_t expiry_ms, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct timer *)timer)->expiry_ms = expiry_ms;
}

static void slirp_register_poll_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

/* It is about to be closed: the number may soon be another's. */
static void slirp_unregister_poll_fd(int fd, void *opaque)
{
	struct slirp_net *slirp = opaque;

	if (fd < 0 || fd >= slirp->nr_watches || !slirp->watches[fd].set)
		return;
	(void)epoll_ctl(slirp->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	slirp->watches[fd] = (struct watch){ 0 };
}

static void slirp_notify(void *opaque)
{
	/* Whatever made it call is followed by update(). */
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = slirp_send_packet,
	.guest_error = slirp_guest_error,
	.clock_get_ns = slirp_clock_get_ns,
	.timer_new_opaque = slirp_timer_create,
	.timer_free = slirp_timer_free,
	.timer_mod = slirp_timer_mod,
	.register_poll_fd = slirp_register_poll_fd,
	.unregister_poll_fd = slirp_unregister_poll_fd,
	.notify = slirp_notify,
};

/* ---- waiting ---- */

static const struct {
	int slirp;
	uint32_t epoll;
} event_names[] = {
	{ SLIRP_POLL_IN, EPOLLIN },   { SLIRP_POLL_OUT, EPOLLOUT }, { SLIRP_POLL_PRI, EPOLLPRI },
	{ SLIRP_POLL_ERR, EPOLLERR }, { SLIRP_POLL_HUP, EPOLLHUP },
};

static int grow_watches(struct slirp_net *slirp, int fd)
{
	int count = MAX(2 * slirp->nr_watches, fd + 1);
	struct watch *watches;

	if (fd < slirp->nr_watches)
		return 0;
	watches = realloc(slirp->watches, (size_t)count * sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	memset(watches + slirp->nr_watches, 0,
	       (size_t)(count - slirp->nr_watches) * sizeof(*watches));
	slirp->watches = watches;
	slirp->nr_watches = count;
	return 0;
}

/* Return: the index by which libslirp asks for what was found. */
static int add_poll(int fd, int events, void *opaque)
{
	struct slirp_net *slirp = opaque;

	if (fd < 0 || grow_watches(slirp, fd) < 0)
		return -1;
	for (unsigned i = 0; i < ARRAY_SIZE(event_names); i++) {
		if (events & event_names[i].slirp)
			slirp->watches[fd].wanted |= event_names[i].epoll;
	}
	return fd;
}

static int get_revents(int index, void *opaque)
{
	const struct slirp_net *slirp = opaque;
	int events = 0;

	if (index < 0 || index >= slirp->nr_watches)
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(event_names); i++) {
		if (slirp->watches[index].revents & event_names[i].epoll)
			events |= event_names[i].slirp;
	}
	return events;
}

static void change_watch(struct slirp_net *slirp, int fd)
{
	struct watch *watch = &slirp->watches[fd];
	struct epoll_event event = { .events = watch->wanted, .data.fd = fd };
	int op = !watch->wanted ? EPOLL_CTL_DEL : watch->set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (watch->wanted == watch->set)
		return;
	/* Where there is no memory for it, the next update tries again. */
	if (epoll_ctl(slirp->epoll_fd, op, fd, &event) == 0 || op == EPOLL_CTL_DEL)
		watch->set = watch->wanted;
	else
		watch->set = 0;
}

static void arm_timer(struct slirp_net *slirp, int64_t deadline_ms)
{
	struct itimerspec when = { .it_value = { .tv_sec = deadline_ms / MS_PER_S,
						 .tv_nsec = deadline_ms % MS_PER_S * NS_PER_MS } };

	/* Limits mostly move on; it may expire too early, and is set again then. */
	if (slirp->armed_ms <= deadline_ms)
		return;
	if (timerfd_settime(slirp->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		slirp->armed_ms = deadline_ms;
}

/* Makes the set, and the timer, what libslirp wants now. */
static void update(struct slirp_net *slirp)
{
	uint32_t timeout_ms = UINT32_MAX;
	int64_t deadline_ms;

	slirp->sent = false;
	for (int fd = 0; fd < slirp->nr_watches; fd++)
		slirp->watches[fd].wanted = 0;
	slirp_pollfds_fill(slirp->slirp, &timeout_ms, add_poll, slirp);
	for (int fd = 0; fd < slirp->nr_watches; fd++)
		change_watch(slirp, fd);
	deadline_ms = timeout_ms == UINT32_MAX ? NEVER : monotonic_ms() + timeout_ms;
	for (const struct timer *timer = slirp->timers; timer; timer = timer->next)
		deadline_ms = MIN(deadline_ms, timer->expiry_ms);
	if (deadline_ms != NEVER)
		arm_timer(slirp, deadline_ms);
}

static void run_timers(struct slirp_net *slirp)
{
	int64_t now = monotonic_ms();
	struct timer *timer, *next;

	for (timer = slirp->timers; timer; timer = next) {
		next = timer->next;
		if (timer->expiry_ms > now)
			continue;
		timer->expiry_ms = NEVER;
		slirp_handle_timer(slirp->slirp, timer->id, timer->cb_opaque);
	}
}

static void find_events(struct slirp_net *slirp)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(slirp->epoll_fd, events, EVENTS, 0);
	uint64_t expirations;

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		if (fd < slirp->nr_watches && fd != slirp->timer_fd)
			slirp->watches[fd].revents = events[i].events;
		else if (read(fd, &expirations, sizeof(expirations)) > 0)
			slirp->armed_ms = NEVER;
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct slirp_net *slirp = ctx;

	(void)events;
	for (int fd = 0; fd < slirp->nr_watches; fd++)
		slirp->watches[fd].revents = 0;
	find_events(slirp);
	run_timers(slirp);
	slirp_pollfds_poll(slirp->slirp, 0, get_revents, slirp);
	update(slirp);
	if (slirp->count)
		slirp->net.events->ready(slirp->net.ctx, 0);
}

/* ---- what the device calls ---- */

static int slirp_net_send(struct net_backend *net, unsigned pair, const struct iovec *iov,
			  unsigned nr_iov)
{
	struct slirp_net *slirp = to_slirp(net);
	size_t len = 0;

	(void)pair;
	/* libslirp looks at some things twice, and must not see them change. */
	for (unsigned i = 1; i < nr_iov; i++) {
		if (iov[i].iov_len > sizeof(slirp->out) - len)
			return -EMSGSIZE;
		memcpy(slirp->out + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (len > slirp->mtu + NET_ETHER_HEADER_LEN)
		return -EMSGSIZE;
	slirp_input(slirp->slirp, slirp->out, (int)len);
	slirp->sent = true;
	return 0;
}

static bool slirp_net_commit(struct net_backend *net)
{
	struct slirp_net *slirp = to_slirp(net);

	if (slirp->sent)
		update(slirp);
	return slirp->count > 0;
}

static ssize_t slirp_net_receive(struct net_backend *net, unsigned pair, const struct iovec *iov,
				 unsigned nr_iov)
{
	struct slirp_net *slirp = to_slirp(net);
	const struct frame *frame = frame_at(slirp, 0);
	size_t done = 0;

	(void)pair;
	if (slirp->count == 0)
		return -EAGAIN;
	memset(iov[0].iov_base, 0, NET_HEADER_LEN);
	for (unsigned i = 1; i < nr_iov && done < frame->len; i++) {
		size_t len = MIN(iov[i].iov_len, frame->len - done);

		memcpy(iov[i].iov_base, frame->bytes + done, len);
		done += len;
	}
	slirp->first = (slirp->first + 1) % QUEUE_FRAMES;
	slirp->count--;
	return NET_HEADER_LEN + (ssize_t)done;
}

static void slirp_net_watch(struct net_backend *net, unsigned pair, bool on)
{
	struct slirp_net *slirp = to_slirp(net);

	(void)pair;
	if (on == slirp->watched)
		return;
	if (loop_modify(slirp->source, on ? EPOLLIN : 0) == 0)
		slirp->watched = on;
}

static void slirp_net_destroy(struct net_backend *net)
{
	struct slirp_net *slirp = to_slirp(net);

	loop_remove(slirp->source);
	if (slirp->slirp)
		slirp_cleanup(slirp->slirp);
	while (slirp->timers)
		slirp_timer_free(slirp->timers, slirp);
	if (slirp->timer_fd >= 0)
		(void)close(slirp->timer_fd);
	if (slirp->epoll_fd >= 0)
		(void)close(slirp->epoll_fd);
	free(slirp->watches);
	free(slirp->queue);
	free(slirp);
}

static const struct net_ops slirp_ops = {
	.send = slirp_net_send,
	.commit = slirp_net_commit,
	.receive = slirp_net_receive,
	.watch = slirp_net_watch,
	.destroy = slirp_net_destroy,
};

/* ---- making one ---- */

static struct in_addr v4(const char *text)
{
	struct in_addr addr = { 0 };

	(void)inet_pton(AF_INET, text, &addr);
	return addr;
}

static struct in6_addr v6(const char *text)
{
	struct in6_addr addr = { 0 };

	(void)inet_pton(AF_INET6, text, &addr);
	return addr;
}

static Slirp *create_slirp(struct slirp_net *slirp)
{
	const SlirpConfig config = {
		.version = 4,
		.in_enabled = true,
		.vnetwork = v4("10.0.2.0"),
		.vnetmask = v4("255.255.255.0"),
		.vhost = v4("10.0.2.2"),
		.vdhcp_start = v4("10.0.2.15"),
		.vnameserver = v4("10.0.2.3"),
		.in6_enabled = true,
		.vprefix_addr6 = v6("fec0::"),
		.vprefix_len = 64,
		.vhost6 = v6("fec0::2"),
		.vnameserver6 = v6("fec0::3"),
		.if_mtu = slirp->mtu,
		.if_mru = slirp->mtu,
	};

	return slirp_new(&config, &callbacks, slirp);
}

static int add_forward(struct slirp_net *slirp, const struct net_forward *forward,
		       struct error *error)
{
	char address[INET_ADDRSTRLEN];

	errno = 0;
	if (slirp_add_hostfwd(slirp->slirp, forward->udp, forward->host, forward->host_port,
			      forward->guest, forward->guest_port) == 0)
		return 0;
	return error_set_errno(error, errno ? -errno : -EIO, "cannot forward %s:%s:%u",
			       forward->udp ? "udp" : "tcp",
			       inet_ntop(AF_INET, &forward->host, address, sizeof(address)),
			       forward->host_port);
}

static int start(struct slirp_net *slirp, struct loop *loop)
{
	struct epoll_event event = { .events = EPOLLIN };

	slirp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	slirp->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (slirp->epoll_fd < 0 || slirp->timer_fd < 0)
		return -errno;
	event.data.fd = slirp->timer_fd;
	if (epoll_ctl(slirp->epoll_fd, EPOLL_CTL_ADD, slirp->timer_fd, &event) < 0)
		return -errno;
	slirp->frame_size = ALIGN_UP(sizeof(struct frame) + NET_ETHER_HEADER_LEN + slirp->mtu, 64);
	slirp->queue = calloc(QUEUE_FRAMES, slirp->frame_size);
	if (!slirp->queue)
		return -ENOMEM;
	slirp->slirp = create_slirp(slirp);
	if (!slirp->slirp)
		return -ENOMEM;
	return loop_add(loop, slirp->epoll_fd, 0, on_event, slirp, &slirp->source);
}

int net_slirp_create(const struct net_slirp_config *config, struct loop *loop,
		     struct net_backend **ret_net, struct error *error)
{
	struct slirp_net *slirp = calloc(1, sizeof(*slirp));
	int r;

	if (!slirp)
		return error_set_errno(error, -ENOMEM, "cannot make the user network");
	slirp->net.ops = &slirp_ops;
	slirp->net.info.max_pairs = 1;
	slirp->mtu = config->mtu ? config->mtu : MTU_DEFAULT;
	slirp->epoll_fd = slirp->timer_fd = -EBADF;
	slirp->armed_ms = NEVER;
	r = start(slirp, loop);
	if (r < 0)
		(void)error_set_errno(error, r, "cannot make the user network");
	for (unsigned i = 0; r == 0 && i < config->nr_forwards; i++)
		r = add_forward(slirp, &config->forwards[i], error);
	if (r < 0) {
		slirp_net_destroy(&slirp->net);
		return r;
	}
	update(slirp);
	*ret_net = &slirp->net;
	return 0;
}

/* "[ADDRESS]:PORT"; changes @text.  Return: 0 or -EINVAL. */
static int parse_end(char *text, struct in_addr *ret_address, uint16_t *ret_port)
{
	char *colon = strchr(text, ':');
	uint64_t port;

	if (!colon || number_parse(colon + 1, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	*colon = '\0';
	if (text[0] && inet_pton(AF_INET, text, ret_address) != 1)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int net_forward_parse(const char *text, struct net_forward *ret_forward, struct error *error)
{
	struct net_forward forward = { .host = v4("127.0.0.1"), .guest = v4("10.0.2.15") };
	char copy[64], *dash;

	forward.udp = strncmp(text, "udp:", 4) == 0;
	if ((!forward.udp && strncmp(text, "tcp:", 4) != 0) || strlen(text) >= sizeof(copy))
		goto wrong;
	(void)strcpy(copy, text + 4);
	dash = strchr(copy, '-');
	if (!dash)
		goto wrong;
	*dash = '\0';
	if (parse_end(copy, &forward.host, &forward.host_port) < 0 ||
	    parse_end(dash + 1, &forward.guest, &forward.guest_port) < 0)
		goto wrong;
	if ((forward.guest.s_addr & v4("255.255.255.0").s_addr) != v4("10.0.2.0").s_addr)
		return error_set_usage(error, "'%s' is for a guest that is not in 10.0.2.0/24",
				       text);
	*ret_forward = forward;
	return 0;

wrong:
	return error_set_usage(error, "'%s' is not of the form tcp:[ADDRESS]:PORT-[ADDRESS]:PORT",
			       text);
}
