/* SPDX-License-Identifier: MIT */
/*
 * The TAP backend on a real interface, in a network namespace of the test's own: a packet socket is
 * the host's end of the cable.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/net_tap.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

#define NAME      "gbtest0"
#define ETHERTYPE 0x88b5 /* for experiments: nobody else sends it */
#define FRAME_LEN 200

struct fixture {
	struct loop *loop;
	struct net_backend *net;
	int host; /* the host's end */
	unsigned ready[4], lost;
	struct net_header header; /* of the frame received last */
	uint8_t bytes[NET_FRAME_MAX];
};

static void on_ready(void *ctx, unsigned pair)
{
	((struct fixture *)ctx)->ready[pair]++;
}

static void on_lost(void *ctx)
{
	((struct fixture *)ctx)->lost++;
}

static const struct net_events events = { .ready = on_ready, .lost = on_lost };

static int open_tap(struct fixture *f, unsigned pairs, struct error *error)
{
	const struct net_tap_config config = { .name = NAME, .max_pairs = pairs };

	return net_tap_open(&config, f->loop, &f->net, error);
}

static void turn_on(struct fixture *f)
{
	struct ifreq ifr = { .ifr_name = NAME };

	assert_int_equal(ioctl(f->host, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(f->host, SIOCSIFFLAGS, &ifr), 0);
}

static void setup(struct fixture *f, unsigned pairs)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE) };
	struct error error = { 0 };
	int one = 1;

	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_create(&f->loop), 0);
	if (open_tap(f, pairs, &error) < 0)
		fail_msg("%s", error.message);
	net_attach(f->net, &events, f);
	f->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
	assert_true(f->host >= 0);
	assert_int_equal(setsockopt(f->host, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	turn_on(f);
	addr.sll_ifindex = (int)if_nametoindex(NAME);
	assert_true(addr.sll_ifindex > 0);
	assert_int_equal(bind(f->host, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void teardown(struct fixture *f)
{
	assert_int_equal(close(f->host), 0);
	net_destroy(f->net);
	loop_destroy(f->loop);
	/* It went with its last queue. */
	assert_int_equal(if_nametoindex(NAME), 0);
}

/* A broadcast frame. */
static void make_frame(uint8_t *frame, uint32_t len, uint16_t type, unsigned seed)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\2\0\0\0\0\7", 6);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	for (uint32_t i = 14; i < len; i++)
		frame[i] = (uint8_t)(i * 3 + seed);
}

static int send_frame(struct fixture *f, unsigned pair, struct net_header *header, uint8_t *frame,
		      uint32_t len)
{
	struct iovec iov[] = { { header, NET_HEADER_LEN },
			       { frame, 14 },
			       { frame + 14, len - 14 } };

	return net_send(f->net, pair, iov, 3);
}

/* The next frame of that type; those of the host's own stack are passed over. */
static ssize_t receive_type(struct fixture *f, unsigned pair, uint16_t type)
{
	struct iovec iov[] = { { &f->header, NET_HEADER_LEN },
			       { f->bytes, 100 },
			       { f->bytes + 100, sizeof(f->bytes) - 100 } };
	ssize_t n;

	do
		n = net_receive(f->net, pair, iov, 3);
	while (n > 0 && (f->bytes[12] != type >> 8 || f->bytes[13] != (type & 0xff)));
	return n;
}

/* From the host, with its own kind of header. */
static void host_send(struct fixture *f, const struct virtio_net_hdr *header, const uint8_t *frame,
		      uint32_t len)
{
	static const struct virtio_net_hdr none;
	struct iovec iov[] = { { (void *)(uintptr_t)(header ? header : &none),
				 sizeof(struct virtio_net_hdr) },
			       { (void *)(uintptr_t)frame, len } };

	/* To cut it, the kernel has to know what it is. */
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_ifindex = (int)if_nametoindex(NAME),
				    .sll_halen = ETH_ALEN };
	struct msghdr message = {
		.msg_name = &addr, .msg_namelen = sizeof(addr), .msg_iov = iov, .msg_iovlen = 2
	};

	memcpy(&addr.sll_protocol, frame + 12, sizeof(addr.sll_protocol));
	assert_int_equal(sendmsg(f->host, &message, 0), sizeof(struct virtio_net_hdr) + len);
}

static void tap_frames_go_both_ways(void **state)
{
	uint8_t frame[FRAME_LEN], got[2000];
	struct net_header header = { 0 };
	struct fixture f;

	(void)state;
	setup(&f, 1);
	make_frame(frame, sizeof(frame), ETHERTYPE, 1);
	assert_int_equal(send_frame(&f, 0, &header, frame, sizeof(frame)), 0);
	assert_int_equal(recv(f.host, got, sizeof(got), 0),
			 sizeof(struct virtio_net_hdr) + sizeof(frame));
	assert_memory_equal(got + sizeof(struct virtio_net_hdr), frame, sizeof(frame));
	assert_int_equal(receive_type(&f, 0, ETHERTYPE), -EAGAIN);
	make_frame(frame, sizeof(frame), ETHERTYPE, 2);
	host_send(&f, NULL, frame, sizeof(frame));
	assert_int_equal(receive_type(&f, 0, ETHERTYPE), NET_HEADER_LEN + sizeof(frame));
	assert_memory_equal(f.bytes, frame, sizeof(frame));
	assert_int_equal(f.header.gso_type, 0);
	assert_int_equal(receive_type(&f, 0, ETHERTYPE), -EAGAIN);
	teardown(&f);
}

static void tap_is_watched_when_told(void **state)
{
	uint8_t frame[FRAME_LEN];
	struct fixture f;

	(void)state;
	setup(&f, 1);
	make_frame(frame, sizeof(frame), ETHERTYPE, 1);
	host_send(&f, NULL, frame, sizeof(frame));
	loop_turns(f.loop, 3);
	assert_int_equal(f.ready[0], 0);
	net_watch(f.net, 0, true);
	loop_turn(f.loop);
	assert_true(f.ready[0] > 0);
	net_watch(f.net, 0, false);
	f.ready[0] = 0;
	loop_turns(f.loop, 3);
	assert_int_equal(f.ready[0], 0);
	assert_int_equal(receive_type(&f, 0, ETHERTYPE), NET_HEADER_LEN + sizeof(frame));
	teardown(&f);
}

/* The kernel checks, too. */
static void tap_refuses_headers_of_no_sense(void **state)
{
	struct net_header bad[] = {
		{ .flags = 1, .gso_type = NET_GSO_TCPV4, .csum_start = 34, .csum_offset = 16 },
		{ .flags = 1, .csum_start = 199, .csum_offset = 16 },
		{ .gso_type = 9, .gso_size = 10 },
	};
	uint8_t frame[FRAME_LEN];
	struct fixture f;

	(void)state;
	setup(&f, 1);
	make_frame(frame, sizeof(frame), ETHERTYPE, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(send_frame(&f, 0, &bad[i], frame, sizeof(frame)), -EINVAL);
	teardown(&f);
}

/* A frame of TCP over IPv4, of @len bytes, whose checksum covers the pseudo header only. */
static void make_tcp(uint8_t *frame, uint32_t len, uint16_t port)
{
	static const uint8_t ip[] = { 0x45, 0, 0,  0, 0, 1, 0,  0, 64, 6,
				      0,    0, 10, 9, 8, 7, 10, 9, 8,  6 };
	uint32_t sum = 0;

	make_frame(frame, len, ETHERTYPE_IP, 0);
	memcpy(frame + 14, ip, sizeof(ip));
	frame[16] = (uint8_t)((len - 14) >> 8);
	frame[17] = (uint8_t)(len - 14);
	for (unsigned i = 14; i < 34; i += 2)
		sum += (unsigned)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (uint8_t)(~sum >> 8);
	frame[25] = (uint8_t)~sum;
	memset(frame + 34, 0, 20);
	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	frame[46] = 5 << 4;
	frame[47] = 0x10; /* ACK */
}

/* What the host has in one piece comes in one, or cut by the host, as was set. */
static void tap_offloads_are_those_set(void **state)
{
	const struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					       .hdr_len = 54,
					       .gso_size = 1000,
					       .csum_start = 34,
					       .csum_offset = 16 };
	uint8_t frame[4054];
	struct fixture f;

	(void)state;
	setup(&f, 1);
	assert_int_equal(f.net->info.send_offloads & ~NET_OFFLOAD_UFO,
			 NET_OFFLOAD_ALL & ~NET_OFFLOAD_UFO);
	make_tcp(frame, sizeof(frame), 80);
	host_send(&f, &header, frame, sizeof(frame));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(receive_type(&f, 0, ETHERTYPE_IP), NET_HEADER_LEN + 1054);
		assert_int_equal(f.header.gso_type, NET_GSO_NONE);
		assert_int_equal(f.header.flags & NET_HEADER_NEEDS_CSUM, 0);
	}
	assert_int_equal(receive_type(&f, 0, ETHERTYPE_IP), -EAGAIN);
	assert_int_equal(net_set_offloads(f.net, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4), 0);
	host_send(&f, &header, frame, sizeof(frame));
	assert_int_equal(receive_type(&f, 0, ETHERTYPE_IP), NET_HEADER_LEN + sizeof(frame));
	assert_int_equal(f.header.gso_type, NET_GSO_TCPV4);
	assert_int_equal(f.header.flags, NET_HEADER_NEEDS_CSUM);
	assert_int_equal(f.header.gso_size, 1000);
	assert_int_equal(f.header.csum_start, 34);
	assert_int_equal(net_set_offloads(f.net, 0), 0);
	host_send(&f, &header, frame, sizeof(frame));
	assert_int_equal(receive_type(&f, 0, ETHERTYPE_IP), NET_HEADER_LEN + 1054);
	teardown(&f);
}

/* Frames of many flows; Return: how many came through @pair. */
static unsigned count_flows(struct fixture *f, unsigned pair)
{
	unsigned count = 0;

	while (receive_type(f, pair, ETHERTYPE_IP) > 0)
		count++;
	return count;
}

static void send_flows(struct fixture *f)
{
	uint8_t frame[100];

	for (uint16_t port = 1; port <= 64; port++) {
		make_tcp(frame, sizeof(frame), port);
		host_send(f, NULL, frame, sizeof(frame));
	}
}

static void tap_pairs_are_used_as_set(void **state)
{
	uint8_t frame[100];
	struct net_header header = { 0 };
	unsigned first, second;
	struct fixture f;

	(void)state;
	setup(&f, 2);
	assert_int_equal(f.net->info.max_pairs, 2);
	send_flows(&f);
	assert_int_equal(count_flows(&f, 0), 64);
	assert_int_equal(count_flows(&f, 1), 0);
	assert_int_equal(net_set_pairs(f.net, 2), 0);
	assert_int_equal(net_set_pairs(f.net, 2), 0);
	net_watch(f.net, 1, true);
	send_flows(&f);
	loop_turn(f.loop);
	first = count_flows(&f, 0);
	second = count_flows(&f, 1);
	assert_int_equal(first + second, 64);
	assert_true(first > 0 && second > 0 && f.ready[1] > 0);
	make_frame(frame, sizeof(frame), ETHERTYPE, 3);
	assert_int_equal(send_frame(&f, 1, &header, frame, sizeof(frame)), 0);
	assert_int_equal(net_set_pairs(f.net, 1), 0);
	assert_int_equal(net_set_pairs(f.net, 1), 0);
	send_flows(&f);
	assert_int_equal(count_flows(&f, 1), 0);
	assert_int_equal(count_flows(&f, 0), 64);
	/* A queue that is not in use is quiet, not broken. */
	loop_turns(f.loop, 3);
	assert_int_equal(f.lost, 0);
	teardown(&f);
}

static bool host_has_carrier(struct fixture *f)
{
	struct ifreq ifr = { .ifr_name = NAME };

	assert_int_equal(ioctl(f->host, SIOCGIFFLAGS, &ifr), 0);
	return ifr.ifr_flags & IFF_RUNNING;
}

/* The operational state follows the carrier after a while. */
static bool carrier_becomes(struct fixture *f, bool up)
{
	for (unsigned i = 0; i < 500 && host_has_carrier(f) != up; i++)
		(void)poll(NULL, 0, 10);
	return host_has_carrier(f) == up;
}

static void tap_shows_the_host_its_link(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, 1);
	assert_true(carrier_becomes(&f, true));
	net_set_link(f.net, false);
	assert_true(carrier_becomes(&f, false));
	net_set_link(f.net, true);
	assert_true(carrier_becomes(&f, true));
	teardown(&f);
}

static void remove_interface(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = { .header = { .nlmsg_len = sizeof(request),
				  .nlmsg_type = RTM_DELLINK,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		      .info = { .ifi_index = (int)if_nametoindex(NAME) } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char answer[256];

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void tap_interface_may_go(void **state)
{
	struct net_header header = { 0 };
	uint8_t frame[FRAME_LEN];
	struct fixture f;

	(void)state;
	/* While it is watched, when it is watched again, or by who reads; and told once. */
	for (unsigned i = 0; i < 3; i++) {
		setup(&f, 2);
		net_watch(f.net, 0, i == 0);
		remove_interface();
		if (i == 1)
			net_watch(f.net, 0, true);
		if (i == 2)
			assert_int_equal(receive_type(&f, 0, ETHERTYPE), -ENODEV);
		loop_turns(f.loop, 3);
		assert_int_equal(f.lost, i == 2 ? 0 : 1);
		assert_int_equal(f.ready[0], 0);
		net_watch(f.net, 0, false);
		net_watch(f.net, 0, true);
		loop_turns(f.loop, 3);
		assert_int_equal(f.lost, i == 2 ? 0 : 1);
		assert_int_equal(receive_type(&f, 0, ETHERTYPE), -ENODEV);
		make_frame(frame, sizeof(frame), ETHERTYPE, 1);
		assert_true(send_frame(&f, 0, &header, frame, sizeof(frame)) < 0);
		net_set_link(f.net, false);
		teardown(&f);
	}
}

static void tap_refusals_say_why(void **state)
{
	static const char *const names[] = { "", "tap%d", "a/b", "a b", "sixteen_letters_" };
	struct net_tap_config config = { .max_pairs = 1 };
	struct net_backend *net = NULL;
	struct error error = { 0 };
	struct fixture f;

	(void)state;
	setup(&f, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		config.name = names[i];
		error.is_usage = false;
		assert_int_equal(net_tap_open(&config, f.loop, &net, &error), -EINVAL);
		assert_true(error.is_usage);
	}
	config.name = NAME;
	assert_int_equal(net_tap_open(&config, f.loop, &net, &error), -EBUSY);
	assert_non_null(strstr(error.message, "in use"));
	config.name = "lo";
	assert_int_equal(net_tap_open(&config, f.loop, &net, &error), -EINVAL);
	assert_non_null(strstr(error.message, "not a TAP interface"));
	assert_false(error.is_usage);
	config.name = NAME;
	config.max_pairs = 2;
	assert_int_equal(net_tap_open(&config, f.loop, &net, &error), -EINVAL);
	assert_non_null(strstr(error.message, "multi_queue"));
	assert_null(net);
	teardown(&f);
}

/* The other way round it is no mistake: queues that nobody asks for are not made. */
static void tap_with_many_queues_serves_one(void **state)
{
	struct net_backend *first;
	struct error error = { 0 };
	struct fixture f;

	(void)state;
	setup(&f, 2);
	first = f.net;
	assert_int_equal(open_tap(&f, 1, &error), 0);
	net_destroy(f.net);
	f.net = first;
	teardown(&f);
}

/* Where it isn't permitted, there is nothing to test. */
static int enter_namespace(void)
{
	struct net_tap_config config = { .name = NAME, .max_pairs = 1 };
	struct net_backend *net;
	struct error error;
	struct loop *loop;
	int r;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		print_message("skipped: no network namespace of its own: %s\n", strerror(errno));
		return -1;
	}
	assert_int_equal(loop_create(&loop), 0);
	r = net_tap_open(&config, loop, &net, &error);
	if (r < 0)
		print_message("skipped: %s\n", error.message);
	else
		net_destroy(net);
	loop_destroy(loop);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap_frames_go_both_ways),
		cmocka_unit_test(tap_is_watched_when_told),
		cmocka_unit_test(tap_refuses_headers_of_no_sense),
		cmocka_unit_test(tap_offloads_are_those_set),
		cmocka_unit_test(tap_pairs_are_used_as_set),
		cmocka_unit_test(tap_shows_the_host_its_link),
		cmocka_unit_test(tap_interface_may_go),
		cmocka_unit_test(tap_refusals_say_why),
		cmocka_unit_test(tap_with_many_queues_serves_one),
	};

	if (enter_namespace() < 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
