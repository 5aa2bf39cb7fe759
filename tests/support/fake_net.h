/* SPDX-License-Identifier: MIT */
/*
 * A network that keeps the last frames that were sent and has those to be received that it was
 * given, for unit tests and fuzz targets.  It aborts if a device does what devices/backend/net.h
 * rules out.
 */
#ifndef GLASSBOX_TESTS_SUPPORT_FAKE_NET_H
#define GLASSBOX_TESTS_SUPPORT_FAKE_NET_H

#include "devices/backend/net.h"

#define FAKE_NET_PAIRS  3
#define FAKE_NET_FRAMES 24

struct fake_frame {
	struct net_header header;
	uint32_t len; /* of bytes */
	uint8_t bytes[NET_FRAME_MAX];
};

struct fake_net {
	struct net_backend net;
	struct {
		struct fake_frame frames[FAKE_NET_FRAMES]; /* to be received, oldest first */
		unsigned nr_frames;
		bool watched;
		unsigned reads; /* calls of receive */
	} pairs[FAKE_NET_PAIRS];
	struct fake_frame sent; /* the last one */
	unsigned sent_pair, nr_sent, commits;
	int send_error;   /* of what is sent from now on */
	int change_error; /* of setting pairs and offloads */
	bool echo;        /* what is sent can be received, on pair 0 */
	bool gone;        /* receive says so */
	unsigned nr_pairs;
	uint32_t offloads;
	bool link_up;
	unsigned destroyed;
};

/** fake_net_init() - @fake lives with the caller; destroying it frees nothing */
void fake_net_init(struct fake_net *fake, unsigned max_pairs, uint32_t offloads);

/** fake_net_frame() - the next frame to fill, for fake_net_arrive(); NULL if there are too many */
struct fake_frame *fake_net_frame(struct fake_net *fake, unsigned pair);

/** fake_net_arrive() - the frame last filled is there: ready() if the device watches */
void fake_net_arrive(struct fake_net *fake, unsigned pair);

#endif
