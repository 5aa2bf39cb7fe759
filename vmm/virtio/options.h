/* SPDX-License-Identifier: MIT */
/* What the command line says of virtio devices: one entry a device, in the order it was given. */
#ifndef GLASSBOX_VMM_VIRTIO_OPTIONS_H
#define GLASSBOX_VMM_VIRTIO_OPTIONS_H

#include "base/error.h"
#include "devices/backend/net_slirp.h"

enum virtio_transport {
	VIRTIO_TRANSPORT_DEFAULT, /* what --transport says */
	VIRTIO_TRANSPORT_PCI,
	VIRTIO_TRANSPORT_MMIO,
};

struct balloon_options {
	uint64_t size; /* bytes that are wanted in it from the start */
	bool strict;   /* the guest does not take them back by itself */
};

struct disk_options {
	const char *path; /* never NULL */
	const char *serial;
	unsigned queues; /* 0: one a vCPU */
	bool read_only;
	bool direct;
	bool raw; /* whatever it looks like */
};

struct vsock_options {
	uint32_t cid;     /* never 0 */
	const char *path; /* never NULL */
};

#define NET_MAX_FORWARDS 32

struct net_options {
	const char *tap; /* interface; NULL: the user network */
	struct net_forward forwards[NET_MAX_FORWARDS];
	unsigned nr_forwards;
	uint8_t mac[NET_MAC_LEN]; /* all zero: one is made up */
	unsigned mtu;             /* bytes; 0: is not said */
	unsigned queues;          /* pairs; 0: one */
	bool link_down;
};

#define CONSOLE_MAX_PORTS 15u

struct console_option {
	const char *where; /* stdio, file:PATH, unix:PATH, pty or none */
	const char *name;  /* of a port; NULL: a console */
};

/* All that --virtio-console says: a port each. */
struct console_options {
	struct console_option ports[CONSOLE_MAX_PORTS];
	unsigned nr; /* 1 or more */
};

struct share_options {
	const char *tag, *path; /* never NULL */
	bool read_only;
};

struct virtio_kind;

struct virtio_options {
	const struct virtio_kind *kind;
	enum virtio_transport transport;
	union {
		struct balloon_options balloon;
		struct console_options console;
		struct disk_options disk;
		struct vsock_options vsock;
		struct net_options net;
		struct share_options share;
	};
};

#define VIRTIO_MAX_DEVICES 31 /* as many as the PCI bus has slots, beside the host bridge */

struct virtio_list {
	struct virtio_options devices[VIRTIO_MAX_DEVICES];
	unsigned nr;
	enum virtio_transport transport; /* of those that say nothing else; never DEFAULT */
};

/**
 * virtio_list_add() - a device that the user asked for
 * @text: the option's argument, "" if there is none; taken apart in place
 *
 * Return: 0, or -EINVAL with @error set.
 */
int virtio_list_add(struct virtio_list *list, const struct virtio_kind *kind, char *text,
		    struct error *error) __must_check;

/** virtio_list_console() - the console device's ports, or NULL if there is none */
const struct console_options *virtio_list_console(const struct virtio_list *list);

/** virtio_list_append() - a device that follows from another option; as virtio_list_add() */
int virtio_list_append(struct virtio_list *list, const struct virtio_options *options,
		       struct error *error) __must_check;

/** virtio_list_transport() - of the device at @index */
enum virtio_transport virtio_list_transport(const struct virtio_list *list, unsigned index);

/** virtio_list_count() - how many are behind @transport */
unsigned virtio_list_count(const struct virtio_list *list, enum virtio_transport transport);

/** virtio_list_shares_memory() - does a device need guest memory that another process can map? */
bool virtio_list_shares_memory(const struct virtio_list *list);

/** virtio_share_twice() - a tag that two shared folders have; NULL: none */
const char *virtio_share_twice(const struct virtio_list *list);

/** suboption_transport() - parser for suboptions_parse() of an enum virtio_transport */
int suboption_transport(char *value, void *field, struct error *error);

/* An entry for a field of struct virtio_options. */
#define VIRTIO_SUBOPTION(name, parser, member)                                                     \
	{                                                                                          \
		.key = (name), .parse = (parser),                                                  \
		.offset = offsetof(struct virtio_options, member)                                  \
	}

#define VIRTIO_SUBOPTION_TRANSPORT VIRTIO_SUBOPTION("transport", suboption_transport, transport)

#endif
