/* SPDX-License-Identifier: MIT */
/*
 * User networking with libslirp itself: the test is the guest, which speaks just as much ARP, DHCP,
 * ICMPv6, UDP and TCP as it takes, and at the same time the host's end of what is connected.
 */
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_slirp_fixture.h"

static void slirp_answers_arp(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_false(net_commit(f.net));
	assert_false(receive(&f));
	meet_gateway(&f);
	assert_false(receive(&f));
	send_arp(&f, ARPOP_REQUEST, GUEST, "10.0.2.77");
	assert_false(net_commit(f.net));
	teardown(&f);
}

/* ---- DHCP ---- */

static void slirp_gives_addresses_by_dhcp(void **state)
{
	static const uint8_t discover[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
	static const uint8_t nameserver[] = { 6, 4, 10, 0, 2, 3 };
	static const uint8_t router[] = { 3, 4, 10, 0, 2, 2 };
	uint8_t bootp[300] = { 1, 1, 6, 0, 1, 2, 3, 4 };
	struct udphdr udp = { .source = htons(68), .dest = htons(67) };
	struct fixture f;
	const uint8_t *reply;

	(void)state;
	setup(&f);
	memcpy(bootp + 28, GUEST_MAC, 6);
	memcpy(bootp + 236, discover, sizeof(discover));
	udp.len = htons(sizeof(udp) + sizeof(bootp));
	begin(&f, ETHERTYPE_IP);
	put_ip(&f, IPPROTO_UDP, "255.255.255.255", sizeof(udp) + sizeof(bootp));
	put(&f, &udp, sizeof(udp));
	put(&f, bootp, sizeof(bootp));
	send_out(&f);
	assert_true(net_commit(f.net));
	assert_true(receive(&f));
	reply = f.in + 14 + 20 + 8;
	assert_true(f.in_len > 14 + 20 + 8 + 240);
	assert_int_equal(reply[0], 2);
	assert_memory_equal(reply + 4, "\1\2\3\4", 4);
	assert_memory_equal(reply + 16, "\x0a\0\2\x0f", 4);
	assert_non_null(memmem(reply, f.in_len - 42, nameserver, sizeof(nameserver)));
	assert_non_null(memmem(reply, f.in_len - 42, router, sizeof(router)));
	teardown(&f);
}

/* ---- IPv6 ---- */

static bool is_advertisement(struct fixture *f)
{
	return f->in_len > 54 && f->in[12] == 0x86 && f->in[13] == 0xdd &&
	       f->in[14 + 6] == IPPROTO_ICMPV6 && f->in[54] == ND_ROUTER_ADVERT;
}

static void slirp_advertises_a_router(void **state)
{
	struct nd_router_solicit solicit = { .nd_rs_type = ND_ROUTER_SOLICIT };
	struct ip6_hdr ip6 = { .ip6_flow = htonl(6u << 28), .ip6_plen = htons(sizeof(solicit)) };
	struct fixture f;
	uint32_t sum;

	(void)state;
	setup(&f);
	ip6.ip6_nxt = IPPROTO_ICMPV6;
	ip6.ip6_hlim = 255;
	(void)inet_pton(AF_INET6, "fe80::7", &ip6.ip6_src);
	(void)inet_pton(AF_INET6, "ff02::2", &ip6.ip6_dst);
	sum = sum_of(&ip6.ip6_src, 32, sizeof(solicit) + IPPROTO_ICMPV6);
	solicit.nd_rs_cksum = fold(sum_of(&solicit, sizeof(solicit), sum));
	begin(&f, ETHERTYPE_IPV6);
	put(&f, &ip6, sizeof(ip6));
	put(&f, &solicit, sizeof(solicit));
	send_out(&f);
	(void)net_commit(f.net);
	await(&f, is_advertisement);
	teardown(&f);
}

/* ---- TCP ---- */

static void send_tcp(struct fixture *f, const char *to, uint16_t port, uint8_t flags)
{
	struct tcphdr tcp = { .source = htons(f->port),
			      .dest = htons(port),
			      .seq = htonl(f->seq),
			      .ack_seq = htonl(f->ack),
			      .doff = 5,
			      .window = htons(60000) };
	uint32_t sum;

	tcp.th_flags = flags;
	begin(f, ETHERTYPE_IP);
	put_ip(f, IPPROTO_TCP, to, sizeof(tcp));
	sum = sum_of(f->out + 14 + 12, 8, IPPROTO_TCP + sizeof(tcp));
	tcp.check = fold(sum_of(&tcp, sizeof(tcp), sum));
	put(f, &tcp, sizeof(tcp));
	send_out(f);
	(void)net_commit(f->net);
}

/* Return: NULL if it is no segment for the guest's port. */
static const struct tcphdr *tcp_of(const struct fixture *f, uint16_t port, struct tcphdr *ret_tcp)
{
	if (f->in_len < 54 || f->in[12] != 8 || f->in[13] != 0 || f->in[23] != IPPROTO_TCP)
		return NULL;
	memcpy(ret_tcp, f->in + 34, sizeof(*ret_tcp));
	return ntohs(ret_tcp->dest) == port ? ret_tcp : NULL;
}

static bool is_syn_ack(struct fixture *f)
{
	struct tcphdr tcp;

	if (!tcp_of(f, f->port, &tcp) || tcp.th_flags != (TH_SYN | TH_ACK))
		return false;
	f->seq++;
	f->ack = ntohl(tcp.seq) + 1;
	return true;
}

static bool is_data(struct fixture *f)
{
	struct tcphdr tcp;

	return tcp_of(f, f->port, &tcp) && f->in_len > 54 &&
	       memcmp(f->in + 14 + 20 + 4 * tcp.doff, "hello", 5) == 0;
}

static int listen_on(uint16_t *ret_port, int type)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_true(type == SOCK_DGRAM || listen(fd, 8) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static void connect_to_host(struct fixture *f, uint16_t port)
{
	f->seq = 1000;
	f->ack = 0;
	send_tcp(f, GATEWAY, port, TH_SYN);
	await(f, is_syn_ack);
	send_tcp(f, GATEWAY, port, TH_ACK);
}

/* Also a socket's number that was another's a moment ago. */
static void slirp_connects_to_the_host(void **state)
{
	struct fixture f;
	uint16_t port;
	int server, fd;

	(void)state;
	setup(&f);
	server = listen_on(&port, SOCK_STREAM);
	meet_gateway(&f);
	for (unsigned i = 0; i < 5; i++) {
		f.port = (uint16_t)(GUEST_PORT + i);
		connect_to_host(&f, port);
		fd = accept(server, NULL, NULL);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "hello", 5), 5);
		await(&f, is_data);
		assert_true(f.ready > 0);
		send_tcp(&f, GATEWAY, port, TH_RST);
		assert_int_equal(close(fd), 0);
	}
	assert_int_equal(close(server), 0);
	teardown(&f);
}

/* What is sent to a guest that does not receive waits on the host. */
static void slirp_waits_while_nobody_watches(void **state)
{
	struct fixture f;
	uint16_t port;
	int server, fd;

	(void)state;
	setup(&f);
	server = listen_on(&port, SOCK_STREAM);
	meet_gateway(&f);
	connect_to_host(&f, port);
	fd = accept(server, NULL, NULL);
	assert_true(fd >= 0);
	while (receive(&f))
		;
	net_watch(f.net, 0, false);
	f.ready = 0;
	assert_int_equal(write(fd, "hello", 5), 5);
	for (unsigned i = 0; i < 20; i++) {
		loop_turn(f.loop);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(f.ready, 0);
	assert_false(receive(&f));
	net_watch(f.net, 0, true);
	await(&f, is_data);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(server), 0);
	teardown(&f);
}

/* ---- forwarded ports ---- */

static bool is_request_for_guest(struct fixture *f)
{
	return is_arp(f, ARPOP_REQUEST, GATEWAY);
}

static bool is_syn_to_22(struct fixture *f)
{
	struct tcphdr tcp;

	return tcp_of(f, 22, &tcp) && tcp.th_flags == TH_SYN;
}

static bool is_datagram_to_53(struct fixture *f)
{
	return f->in_len == 14 + 20 + 8 + 5 && f->in[23] == IPPROTO_UDP && f->in[36] == 0 &&
	       f->in[37] == 53 && memcmp(f->in + 42, "hello", 5) == 0;
}

static void free_port(uint16_t *ret_port, int type)
{
	assert_int_equal(close(listen_on(ret_port, type)), 0);
}

static void connect_to(int fd, uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = { htonl(INADDR_LOOPBACK) } };

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static struct net_forward forward_to(bool udp, uint16_t host_port, uint16_t guest_port)
{
	struct net_forward forward = { .udp = udp,
				       .host = { htonl(INADDR_LOOPBACK) },
				       .host_port = host_port,
				       .guest_port = guest_port };

	(void)inet_pton(AF_INET, GUEST, &forward.guest);
	return forward;
}

static void slirp_forwards_ports(void **state)
{
	struct net_forward forwards[2];
	const struct net_slirp_config config = { .forwards = forwards, .nr_forwards = 2 };
	uint16_t tcp_port, udp_port;
	struct fixture f;
	int tcp, udp;

	(void)state;
	free_port(&tcp_port, SOCK_STREAM);
	free_port(&udp_port, SOCK_DGRAM);
	forwards[0] = forward_to(false, tcp_port, 22);
	forwards[1] = forward_to(true, udp_port, 53);
	setup_with(&f, &config);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connect_to(tcp, tcp_port);
	await(&f, is_request_for_guest);
	send_arp(&f, ARPOP_REPLY, GUEST, GATEWAY);
	(void)net_commit(f.net);
	await(&f, is_syn_to_22);
	connect_to(udp, udp_port);
	assert_int_equal(send(udp, "hello", 5, 0), 5);
	await(&f, is_datagram_to_53);
	assert_int_equal(close(tcp), 0);
	assert_int_equal(close(udp), 0);
	teardown(&f);
}

static void slirp_port_in_use_is_told(void **state)
{
	struct net_forward forward;
	const struct net_slirp_config config = { .forwards = &forward, .nr_forwards = 1 };
	struct net_backend *net = NULL;
	struct error error = { 0 };
	struct loop *loop;
	uint16_t port;
	int fd = listen_on(&port, SOCK_STREAM);

	(void)state;
	forward = forward_to(false, port, 22);
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(net_slirp_create(&config, loop, &net, &error), -EADDRINUSE);
	assert_non_null(strstr(error.message, "cannot forward tcp:127.0.0.1:"));
	assert_null(net);
	assert_int_equal(close(fd), 0);
	loop_destroy(loop);
}

static void slirp_forwards_are_parsed(void **state)
{
	static const char *const bad[] = {
		"",
		"tcp",
		"tcp:",
		"tcp:1",
		"tcp::1-",
		"tcp::1-:",
		"tcp:1-2",
		"sctp::1-:2",
		"tcp::0-:2",
		"tcp::1-:65536",
		"tcp:localhost:1-:2",
		"tcp::1-:2-:3",
		"tcp:1.2.3:1-:2",
		"tcp:[::1]:1-:2",
		"tcp::1-192.168.1.1:2",
		"tcp:100.100.100.100:10000-100.100.100.100:10000aaaaaaaaaaaaaaaaaa"
	};
	struct net_forward forward;
	struct error error;

	(void)state;
	assert_int_equal(net_forward_parse("tcp::2222-:22", &forward, &error), 0);
	assert_false(forward.udp);
	assert_int_equal(ntohl(forward.host.s_addr), INADDR_LOOPBACK);
	assert_int_equal(forward.host_port, 2222);
	assert_int_equal(ntohl(forward.guest.s_addr), 0x0a00020f);
	assert_int_equal(forward.guest_port, 22);
	assert_int_equal(net_forward_parse("udp:0.0.0.0:1-10.0.2.99:65535", &forward, &error), 0);
	assert_true(forward.udp);
	assert_int_equal(ntohl(forward.host.s_addr), INADDR_ANY);
	assert_int_equal(forward.host_port, 1);
	assert_int_equal(ntohl(forward.guest.s_addr), 0x0a000263);
	assert_int_equal(forward.guest_port, 65535);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		error.is_usage = false;
		assert_int_equal(net_forward_parse(bad[i], &forward, &error), -EINVAL);
		assert_true(error.is_usage);
	}
}

/* ---- what a guest may send ---- */

static int send_len(struct fixture *f, uint32_t len, unsigned seed)
{
	static struct net_header header;
	static uint8_t bytes[NET_FRAME_MAX];
	struct iovec iov[] = { { &header, NET_HEADER_LEN }, { bytes, len } };

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(rand() >> 4);
	bytes[12] = seed % 2 ? 0x08 : 0x86;
	bytes[13] = seed % 2 ? 0x00 : 0xdd;
	bytes[14] = seed % 2 ? 0x45 : 0x60;
	/* Whatever gets through is to reach nobody but this host. */
	(void)inet_pton(AF_INET, GATEWAY, bytes + 30);
	if (seed % 2 == 0)
		(void)inet_pton(AF_INET6, "fec0::2", bytes + 38);
	return net_send(f->net, 0, iov, 2);
}

static void slirp_survives_rubbish(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	srand(1);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(send_len(&f, 14 + i % 1501, i), 0);
	assert_int_equal(send_len(&f, 1515, 1), -EMSGSIZE);
	assert_int_equal(send_len(&f, NET_FRAME_MAX, 1), -EMSGSIZE);
	(void)net_commit(f.net);
	while (receive(&f))
		;
	/* A guest that asks and asks, and takes no answer. */
	for (unsigned i = 0; i < 3000; i++)
		send_arp(&f, ARPOP_REQUEST, GUEST, GATEWAY);
	for (unsigned i = 0; receive(&f); i++)
		assert_true(i < 1000);
	meet_gateway(&f);
	teardown(&f);
}

static void slirp_mtu_is_the_networks(void **state)
{
	const struct net_slirp_config config = { .mtu = 9000 };
	struct fixture f;

	(void)state;
	setup_with(&f, &config);
	assert_int_equal(send_len(&f, 9014, 1), 0);
	assert_int_equal(send_len(&f, 9015, 1), -EMSGSIZE);
	meet_gateway(&f);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slirp_answers_arp),
		cmocka_unit_test(slirp_gives_addresses_by_dhcp),
		cmocka_unit_test(slirp_advertises_a_router),
		cmocka_unit_test(slirp_connects_to_the_host),
		cmocka_unit_test(slirp_waits_while_nobody_watches),
		cmocka_unit_test(slirp_forwards_ports),
		cmocka_unit_test(slirp_port_in_use_is_told),
		cmocka_unit_test(slirp_forwards_are_parsed),
		cmocka_unit_test(slirp_survives_rubbish),
		cmocka_unit_test(slirp_mtu_is_the_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
