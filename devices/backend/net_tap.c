/* SPDX-License-Identifier: MIT */
/*
 * A descriptor of /dev/net/tun for each pair of queues, which is one queue of the interface.  The
 * kernel understands the header in front of each frame (IFF_VNET_HDR), does what it says of
 * checksums and segmentation, and steers frames to the queue that last sent one of their flow.
 *
 * Threads: as net.h says; all that both kinds of functions touch is immutable.
 */
#include "devices/backend/net_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

#define TUN_DEVICE "/dev/net/tun"

struct tap;

struct tap_queue {
	struct tap *tap;
	unsigned pair;
	int fd;
	struct loop_source *source; /* NULL once the interface is gone */
	bool watched;
};

struct tap {
	struct net_backend net;
	bool lost;
	unsigned nr_queues;
	struct tap_queue queues[];
};

static struct tap *to_tap(struct net_backend *net)
{
	return container_of(net, struct tap, net);
}

/* There is nothing to wait for any more; what is wrong with the descriptors would be told for ever.
 */
static void unwatch_all(struct tap *tap)
{
	tap->lost = true;
	for (unsigned i = 0; i < tap->nr_queues; i++) {
		loop_remove(tap->queues[i].source);
		tap->queues[i].source = NULL;
	}
}

static void on_readable(void *ctx, uint32_t events)
{
	struct tap_queue *queue = ctx;
	struct net_backend *net = &queue->tap->net;

	if (events & EPOLLERR) {
		/* Somebody removed the interface. */
		unwatch_all(queue->tap);
		net->events->lost(net->ctx);
		return;
	}
	net->events->ready(net->ctx, queue->pair);
}

static int tap_send(struct net_backend *net, unsigned pair, const struct iovec *iov,
		    unsigned nr_iov)
{
	ssize_t n;

	do
		n = writev(to_tap(net)->queues[pair].fd, iov, (int)nr_iov);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static ssize_t tap_receive(struct net_backend *net, unsigned pair, const struct iovec *iov,
			   unsigned nr_iov)
{
	struct tap *tap = to_tap(net);
	ssize_t n;

	if (tap->lost)
		return -ENODEV;
	do
		n = readv(tap->queues[pair].fd, iov, (int)nr_iov);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return -EAGAIN;
	unwatch_all(tap);
	return -ENODEV;
}

static void tap_watch(struct net_backend *net, unsigned pair, bool on)
{
	struct tap_queue *queue = &to_tap(net)->queues[pair];

	if (on == queue->watched || !queue->source)
		return;
	if (loop_modify(queue->source, on ? EPOLLIN : 0) == 0)
		queue->watched = on;
}

static int attach_queue(int fd, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(fd, TUNSETQUEUE, &ifr) < 0 ? -errno : 0;
}

/* A queue that is not attached gets no frames.  One that is already, or isn't, says so by EINVAL.
 */
static int tap_set_pairs(struct net_backend *net, unsigned count)
{
	struct tap *tap = to_tap(net);

	for (unsigned i = 1; i < tap->nr_queues; i++) {
		int r = attach_queue(tap->queues[i].fd, i < count);

		if (r < 0 && r != -EINVAL)
			return r;
	}
	return 0;
}

static unsigned tun_offloads(uint32_t offloads)
{
	return (offloads & NET_OFFLOAD_CHECKSUM ? TUN_F_CSUM : 0) |
	       (offloads & NET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0) |
	       (offloads & NET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0) |
	       (offloads & NET_OFFLOAD_ECN ? TUN_F_TSO_ECN : 0) |
	       (offloads & NET_OFFLOAD_UFO ? TUN_F_UFO : 0);
}

/* Of the interface as a whole. */
static int set_offloads(int fd, uint32_t offloads)
{
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)tun_offloads(offloads)) < 0 ? -errno : 0;
}

static int tap_set_offloads(struct net_backend *net, uint32_t receive)
{
	return set_offloads(to_tap(net)->queues[0].fd, receive);
}

/* The host's stack sees a cable that is out, and keeps what it would send. */
static void tap_set_link(struct net_backend *net, bool up)
{
	int carrier = up;

	/* Not before Linux 5.0; it works without, only nobody on the host sees it. */
	(void)ioctl(to_tap(net)->queues[0].fd, TUNSETCARRIER, &carrier);
}

static void tap_destroy(struct net_backend *net)
{
	struct tap *tap = to_tap(net);

	unwatch_all(tap);
	for (unsigned i = 0; i < tap->nr_queues; i++) {
		if (tap->queues[i].fd >= 0)
			(void)close(tap->queues[i].fd);
	}
	free(tap);
}

static const struct net_ops tap_ops = {
	.send = tap_send,
	.receive = tap_receive,
	.watch = tap_watch,
	.set_pairs = tap_set_pairs,
	.set_offloads = tap_set_offloads,
	.set_link = tap_set_link,
	.destroy = tap_destroy,
};

static int open_device(const char *name, int *ret_fd, struct error *error)
{
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), r;

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	r = -errno;
	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		return error_set(error, r,
				 "cannot use network interface '%s': this host has no " TUN_DEVICE
				 " (as root: modprobe tun)",
				 name);
	return error_set_errno(error, r, "cannot use network interface '%s': cannot open %s", name,
			       TUN_DEVICE);
}

/* TUNSETIFF failed with @code. */
static int explain(const struct net_tap_config *config, int code, struct error *error)
{
	const char *queues = config->max_pairs > 1 ? " multi_queue" : "";
	bool exists = if_nametoindex(config->name) != 0;

	switch (code) {
	case -EPERM:
		if (exists)
			return error_set(error, code,
					 "network interface '%s' was not made for this user (as "
					 "root: ip tuntap add dev NAME mode tap user USER%s)",
					 config->name, queues);
		return error_set(error, code,
				 "not permitted to make network interface '%s' (as root: ip tuntap "
				 "add dev %s mode tap user USER%s)",
				 config->name, config->name, queues);
	case -EBUSY:
		return error_set(error, code, "network interface '%s' is in use by another program",
				 config->name);
	case -EINVAL:
		if (exists)
			return error_set(
				error, code,
				"network interface '%s' is not a TAP interface%s (one is made by: "
				"ip tuntap add dev NAME mode tap%s)",
				config->name, config->max_pairs > 1 ? " with several queues" : "",
				queues);
		break;
	case -E2BIG:
		return error_set(error, code,
				 "network interface '%s' has not that many queues to give",
				 config->name);
	default: break;
	}
	return error_set_errno(error, code, "cannot use network interface '%s'", config->name);
}

/* Attaches @fd to the interface.  Return: 0 or -errno of TUNSETIFF. */
static int attach_interface(int fd, const char *name, int flags)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };

	memcpy(ifr.ifr_name, name, strlen(name));
	return ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : 0;
}

static int open_queue(const struct net_tap_config *config, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -EBADF;
	int header_len = NET_HEADER_LEN, r;

	r = open_device(config->name, &fd, error);
	if (r < 0)
		return r;
	r = attach_interface(fd, config->name, config->max_pairs > 1 ? IFF_MULTI_QUEUE : 0);
	/* One that could have more queues will do, too. */
	if (r == -EINVAL && config->max_pairs == 1)
		r = attach_interface(fd, config->name, IFF_MULTI_QUEUE);
	if (r < 0)
		return explain(config, r, error);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
		return error_set_errno(error, -errno,
				       "network interface '%s' takes no headers for offloads",
				       config->name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* What this kernel knows: fragmentation of UDP was there, then not, then again. */
static uint32_t find_offloads(int fd)
{
	static const uint32_t sets[] = { NET_OFFLOAD_ALL, NET_OFFLOAD_ALL & ~NET_OFFLOAD_UFO };
	uint32_t found = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sets) && !found; i++) {
		if (set_offloads(fd, sets[i]) == 0)
			found = sets[i];
	}
	(void)set_offloads(fd, 0);
	return found;
}

static int open_queues(struct tap *tap, const struct net_tap_config *config, struct loop *loop,
		       struct error *error)
{
	for (unsigned i = 0; i < tap->nr_queues; i++) {
		struct tap_queue *queue = &tap->queues[i];
		int r = open_queue(config, &queue->fd, error);

		if (r < 0)
			return r;
		if (i > 0)
			r = attach_queue(queue->fd, false);
		if (r == 0)
			r = loop_add(loop, queue->fd, 0, on_readable, queue, &queue->source);
		if (r < 0)
			return error_set_errno(error, r, "cannot use network interface '%s'",
					       config->name);
	}
	return 0;
}

int net_tap_open(const struct net_tap_config *config, struct loop *loop,
		 struct net_backend **ret_net, struct error *error)
{
	size_t queues_size = config->max_pairs * sizeof(struct tap_queue);
	struct tap *tap;
	int r;

	/* The kernel would make a name of its own of one with a '%'. */
	if (config->name[0] == '\0' || strlen(config->name) >= IFNAMSIZ ||
	    strpbrk(config->name, "%/: "))
		return error_set_usage(error, "'%s' is not a network interface's name",
				       config->name);
	tap = calloc(1, sizeof(*tap) + queues_size);
	if (!tap)
		return error_set_errno(error, -ENOMEM, "cannot use network interface '%s'",
				       config->name);
	tap->net.ops = &tap_ops;
	tap->nr_queues = config->max_pairs;
	for (unsigned i = 0; i < tap->nr_queues; i++)
		tap->queues[i] = (struct tap_queue){ .tap = tap, .pair = i, .fd = -EBADF };
	r = open_queues(tap, config, loop, error);
	if (r < 0) {
		tap_destroy(&tap->net);
		return r;
	}
	tap->net.info.max_pairs = config->max_pairs;
	tap->net.info.receive_offloads = find_offloads(tap->queues[0].fd);
	tap->net.info.send_offloads = tap->net.info.receive_offloads;
	*ret_net = &tap->net;
	return 0;
}
