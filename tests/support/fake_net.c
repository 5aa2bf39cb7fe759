/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_net.h"
#include "tests/support/must.h"

#include <errno.h>
#include <string.h>

static struct fake_net *to_fake(struct net_backend *net)
{
	return container_of(net, struct fake_net, net);
}

static uint32_t offload_of_gso(uint8_t gso_type)
{
	static const uint32_t offloads[] = { [NET_GSO_TCPV4] = NET_OFFLOAD_TSO4,
					     [NET_GSO_UDP] = NET_OFFLOAD_UFO,
					     [NET_GSO_TCPV6] = NET_OFFLOAD_TSO6 };

	gso_type &= (uint8_t)~NET_GSO_ECN;
	must(gso_type < ARRAY_SIZE(offloads));
	return offloads[gso_type];
}

/* What net_send() promises of a header. */
static void check_header(const struct fake_net *fake, const struct net_header *header, uint32_t len)
{
	uint32_t offloads = fake->net.info.send_offloads;

	must((header->flags & ~NET_HEADER_NEEDS_CSUM) == 0);
	if (header->flags) {
		must(offloads & NET_OFFLOAD_CHECKSUM);
		must((uint32_t)header->csum_start + header->csum_offset + 2u <= len);
	}
	if (header->gso_type) {
		must(header->flags && header->gso_size);
		must(offloads & offload_of_gso(header->gso_type));
	}
	if (header->gso_type & NET_GSO_ECN)
		must(offloads & NET_OFFLOAD_ECN);
	must(header->hdr_len <= len);
}

static int fake_send(struct net_backend *net, unsigned pair, const struct iovec *iov,
		     unsigned nr_iov)
{
	struct fake_net *fake = to_fake(net);
	struct fake_frame *sent = &fake->sent;

	must(pair < fake->nr_pairs && nr_iov >= 2 && iov[0].iov_len == NET_HEADER_LEN);
	memcpy(&sent->header, iov[0].iov_base, NET_HEADER_LEN);
	sent->len = 0;
	for (unsigned i = 1; i < nr_iov; i++) {
		must(iov[i].iov_len <= sizeof(sent->bytes) - sent->len);
		memcpy(sent->bytes + sent->len, iov[i].iov_base, iov[i].iov_len);
		sent->len += (uint32_t)iov[i].iov_len;
	}
	must(sent->len >= NET_ETHER_HEADER_LEN);
	check_header(fake, &sent->header, sent->len);
	fake->sent_pair = pair;
	fake->nr_sent++;
	if (fake->send_error == 0 && fake->echo && fake->pairs[0].nr_frames < FAKE_NET_FRAMES)
		fake->pairs[0].frames[fake->pairs[0].nr_frames++] = *sent;
	return fake->send_error;
}

static bool fake_commit(struct net_backend *net)
{
	struct fake_net *fake = to_fake(net);

	fake->commits++;
	return fake->echo && fake->pairs[0].nr_frames;
}

static ssize_t fake_receive(struct net_backend *net, unsigned pair, const struct iovec *iov,
			    unsigned nr_iov)
{
	struct fake_net *fake = to_fake(net);
	struct fake_frame *frame = &fake->pairs[pair].frames[0];
	uint32_t done = 0;
	size_t room = 0;

	must(pair < fake->nr_pairs && nr_iov >= 2 && nr_iov <= 1024);
	must(iov[0].iov_len == NET_HEADER_LEN);
	for (unsigned i = 1; i < nr_iov; i++)
		room += iov[i].iov_len;
	must(room >= NET_FRAME_MAX);
	fake->pairs[pair].reads++;
	if (fake->gone)
		return -ENODEV;
	if (fake->pairs[pair].nr_frames == 0)
		return -EAGAIN;
	memcpy(iov[0].iov_base, &frame->header, NET_HEADER_LEN);
	for (unsigned i = 1; i < nr_iov && done < frame->len; i++) {
		uint32_t len = (uint32_t)MIN(iov[i].iov_len, frame->len - done);

		memcpy(iov[i].iov_base, frame->bytes + done, len);
		done += len;
	}
	fake->pairs[pair].nr_frames--;
	memmove(frame, frame + 1, fake->pairs[pair].nr_frames * sizeof(*frame));
	return NET_HEADER_LEN + (ssize_t)done;
}

static void fake_watch(struct net_backend *net, unsigned pair, bool on)
{
	must(pair < net->info.max_pairs);
	to_fake(net)->pairs[pair].watched = on;
}

static int fake_set_pairs(struct net_backend *net, unsigned count)
{
	struct fake_net *fake = to_fake(net);

	must(count >= 1 && count <= net->info.max_pairs);
	if (fake->change_error)
		return fake->change_error;
	fake->nr_pairs = count;
	return 0;
}

static int fake_set_offloads(struct net_backend *net, uint32_t receive)
{
	struct fake_net *fake = to_fake(net);

	must((receive & ~net->info.receive_offloads) == 0);
	if (fake->change_error)
		return fake->change_error;
	fake->offloads = receive;
	return 0;
}

static void fake_set_link(struct net_backend *net, bool up)
{
	to_fake(net)->link_up = up;
}

static void fake_destroy(struct net_backend *net)
{
	to_fake(net)->destroyed++;
}

static const struct net_ops fake_ops = {
	.send = fake_send,
	.commit = fake_commit,
	.receive = fake_receive,
	.watch = fake_watch,
	.set_pairs = fake_set_pairs,
	.set_offloads = fake_set_offloads,
	.set_link = fake_set_link,
	.destroy = fake_destroy,
};

void fake_net_init(struct fake_net *fake, unsigned max_pairs, uint32_t offloads)
{
	must(max_pairs <= FAKE_NET_PAIRS);
	/* The frames are much, and there is nothing in them yet. */
	for (unsigned pair = 0; pair < FAKE_NET_PAIRS; pair++) {
		fake->pairs[pair].nr_frames = fake->pairs[pair].reads = 0;
		fake->pairs[pair].watched = false;
	}
	fake->net = (struct net_backend){ .ops = &fake_ops,
					  .info = { .max_pairs = max_pairs,
						    .send_offloads = offloads,
						    .receive_offloads = offloads } };
	fake->sent.len = 0;
	fake->sent_pair = fake->nr_sent = fake->commits = fake->destroyed = 0;
	fake->send_error = fake->change_error = 0;
	fake->echo = fake->gone = false;
	fake->nr_pairs = 1;
	fake->offloads = 0;
	fake->link_up = true;
}

struct fake_frame *fake_net_frame(struct fake_net *fake, unsigned pair)
{
	unsigned nr = fake->pairs[pair].nr_frames;

	if (nr == FAKE_NET_FRAMES)
		return NULL;
	fake->pairs[pair].frames[nr].header = (struct net_header){ 0 };
	return &fake->pairs[pair].frames[nr];
}

void fake_net_arrive(struct fake_net *fake, unsigned pair)
{
	must(fake->pairs[pair].nr_frames < FAKE_NET_FRAMES);
	fake->pairs[pair].nr_frames++;
	if (fake->pairs[pair].watched)
		fake->net.events->ready(fake->net.ctx, pair);
}
