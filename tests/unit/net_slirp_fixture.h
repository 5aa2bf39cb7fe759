/* SPDX-License-Identifier: MIT */
/* The guest of a user network: frames, ARP, and the patience to wait for answers; for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_NET_SLIRP_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_NET_SLIRP_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <poll.h>
#include <string.h>

#include "devices/backend/net_slirp.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/loop_fixture.h"

#define GUEST_MAC   "\2\0\0\0\0\7"
#define GUEST       "10.0.2.15"
#define GATEWAY     "10.0.2.2"
#define GUEST_PORT  4000
#define PATIENCE_MS 20000

struct fixture {
	struct loop *loop;
	struct net_backend *net;
	unsigned ready;
	uint8_t in[NET_FRAME_MAX]; /* the frame received last */
	uint32_t in_len;
	uint8_t out[1600];
	uint32_t out_len;
	uint32_t seq, ack; /* of the guest's connection */
	uint16_t port;     /* the guest's */
};

static inline void on_ready(void *ctx, unsigned pair)
{
	assert_int_equal(pair, 0);
	((struct fixture *)ctx)->ready++;
}

static inline void on_lost(void *ctx)
{
	(void)ctx;
	fail();
}

static const struct net_events events = { .ready = on_ready, .lost = on_lost };

static inline void setup_with(struct fixture *f, const struct net_slirp_config *config)
{
	struct error error;

	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_create(&f->loop), 0);
	if (net_slirp_create(config, f->loop, &f->net, &error) < 0)
		fail_msg("%s", error.message);
	net_attach(f->net, &events, f);
	net_watch(f->net, 0, true);
	f->port = GUEST_PORT;
}

static inline void setup(struct fixture *f)
{
	const struct net_slirp_config config = { 0 };

	setup_with(f, &config);
}

static inline void teardown(struct fixture *f)
{
	net_destroy(f->net);
	loop_destroy(f->loop);
}

/* ---- frames ---- */

static inline void put(struct fixture *f, const void *bytes, uint32_t len)
{
	memcpy(f->out + f->out_len, bytes, len);
	f->out_len += len;
}

static inline void begin(struct fixture *f, uint16_t type)
{
	const uint16_t wire_type = htons(type);

	f->out_len = 0;
	put(f, "\xff\xff\xff\xff\xff\xff" GUEST_MAC, 12);
	put(f, &wire_type, 2);
}

static inline void send_out(struct fixture *f)
{
	static struct net_header header;
	struct iovec iov[] = { { &header, NET_HEADER_LEN },
			       { f->out, 20 },
			       { f->out + 20, f->out_len - 20 } };

	assert_int_equal(net_send(f->net, 0, iov, 3), 0);
}

static inline bool receive(struct fixture *f)
{
	struct net_header header;
	struct iovec iov[] = { { &header, NET_HEADER_LEN },
			       { f->in, 33 },
			       { f->in + 33, sizeof(f->in) - 33 } };
	ssize_t n = net_receive(f->net, 0, iov, 3);

	if (n < 0) {
		assert_int_equal(n, -EAGAIN);
		return false;
	}
	assert_int_equal(header.flags | header.gso_type, 0);
	f->in_len = (uint32_t)n - NET_HEADER_LEN;
	return true;
}

static inline uint32_t sum_of(const void *bytes, size_t len, uint32_t sum)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)at[i] << (i % 2 ? 0 : 8);
	return sum;
}

static inline uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static inline void put_ip(struct fixture *f, uint8_t protocol, const char *to, size_t len)
{
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons((uint16_t)(sizeof(ip) + len)),
			    .ttl = 64,
			    .protocol = protocol };

	(void)inet_pton(AF_INET, GUEST, &ip.saddr);
	(void)inet_pton(AF_INET, to, &ip.daddr);
	if (protocol == IPPROTO_UDP)
		ip.saddr = 0;
	ip.check = fold(sum_of(&ip, sizeof(ip), 0));
	put(f, &ip, sizeof(ip));
}

/* Turns of the loop until a frame that @is_it arrives. */
static inline void await(struct fixture *f, bool (*is_it)(struct fixture *f))
{
	for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
		while (receive(f)) {
			if (is_it(f))
				return;
		}
		loop_turn(f->loop);
		(void)poll(NULL, 0, 1);
	}
	fail_msg("nothing came");
}

/* ---- ARP ---- */

static inline void send_arp(struct fixture *f, uint16_t operation, const char *from, const char *to)
{
	struct ether_arp arp = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
					     .ar_pro = htons(ETHERTYPE_IP),
					     .ar_hln = 6,
					     .ar_pln = 4,
					     .ar_op = htons(operation) } };

	memcpy(arp.arp_sha, GUEST_MAC, 6);
	(void)inet_pton(AF_INET, from, arp.arp_spa);
	(void)inet_pton(AF_INET, to, arp.arp_tpa);
	begin(f, ETHERTYPE_ARP);
	put(f, &arp, sizeof(arp));
	send_out(f);
}

static inline bool is_arp(const struct fixture *f, uint16_t operation, const char *sender)
{
	struct ether_arp arp;
	struct in_addr addr;

	if (f->in_len < 14 + sizeof(arp) || f->in[12] != 8 || f->in[13] != 6)
		return false;
	memcpy(&arp, f->in + 14, sizeof(arp));
	(void)inet_pton(AF_INET, sender, &addr);
	return ntohs(arp.ea_hdr.ar_op) == operation && memcmp(arp.arp_spa, &addr, 4) == 0;
}

/* Both know each other then. */
static inline void meet_gateway(struct fixture *f)
{
	send_arp(f, ARPOP_REQUEST, GUEST, GATEWAY);
	assert_true(net_commit(f->net));
	assert_true(receive(f));
	assert_true(is_arp(f, ARPOP_REPLY, GATEWAY));
	assert_memory_equal(f->in, GUEST_MAC, 6);
}

#endif
