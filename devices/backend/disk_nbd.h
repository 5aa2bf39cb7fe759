/* SPDX-License-Identifier: MIT */
/*
 * A disk backend whose blocks are at a server of the Network Block Device protocol, by libnbd.
 *
 * What the server kept of a write is its own affair until a flush: so it is with any disk.  A
 * connection that is lost stays lost; requests then fail with -EIO at once.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_DISK_NBD_H
#define GLASSBOX_DEVICES_BACKEND_DISK_NBD_H

#include "base/error.h"
#include "base/loop.h"
#include "devices/backend/disk.h"

struct disk_nbd_config {
	const char *uri; /* see nbd_connect_uri(3) */
	bool read_only;
	unsigned connect_ms; /* how long connecting may take; 0: 10 s */
	unsigned answer_ms;  /* how long disk_drain() waits for one more answer; 0: 30 s */
	/* The connection is lost: @cause in a line.  Once, on the loop's thread, without a lock. */
	void (*lost)(void *ctx, const char *cause);
	void *ctx;
};

/* Something to warn of. */
struct disk_nbd_notes {
	unsigned tail; /* bytes at the export's end that fill no block, and are not of the disk */
	bool no_flush; /* writable, but the server can't say when a write is safe */
};

/** disk_nbd_is_uri() - is @text such a URI and not the name of a file? */
bool disk_nbd_is_uri(const char *text);

/**
 * disk_nbd_open() - connect to the export that config->uri names
 * @loop: where requests are completed; borrowed
 *
 * Before @loop runs, or on its thread.  To look up a host's name may take longer than connect_ms.
 * Return: 0, or -errno with a message in @error that names the URI: -EROFS if the server offers it
 * for reading only, and that is not what was asked for; -EINVAL for a URI that is wrong (a mistake
 * of usage), or less than a block; -ETIMEDOUT; or what libnbd found.
 */
int disk_nbd_open(const struct disk_nbd_config *config, struct loop *loop,
		  struct disk_backend **ret_disk, struct disk_nbd_notes *ret_notes,
		  struct error *error) __must_check;

#endif
