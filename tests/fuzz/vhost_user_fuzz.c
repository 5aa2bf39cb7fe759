/* SPDX-License-Identifier: MIT */
/*
 * The front-end of vhost-user: the input is all that a back-end says before it hangs up.  Whatever
 * it is, each call ends, what failed stays failed, and nothing is installed or left behind.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/vhost_user.h"
#include "devices/virtio/spec.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RINGS     2
#define ROUNDS    2
#define INPUT_MAX 16384 /* fits into the socket */

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	must(fd >= 0);
	return fd;
}

/* The life of a device: a driver, and one more after a reset. */
static void use(struct vhost_user *front, struct vhost_user_ring *ring)
{
	int r = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		r = vhost_user_set_features(front, vhost_user_features(front));
		for (ring->index = 0; r == 0 && ring->index < RINGS; ring->index++)
			r = vhost_user_start_ring(front, ring);
		for (unsigned i = 0; r == 0 && i < RINGS; i++)
			r = vhost_user_stop_ring(front, i);
		ring->packed = !ring->packed;
	}
	must((r == 0) == (vhost_user_error(front) == 0));
	if (r < 0)
		must(vhost_user_stop_ring(front, 0) == -EIO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run, as the eventfds */
	static struct vhost_user_ring ring;
	struct vhost_user_config config = { .mem = &ram.mem,
					    .nr_queues = RINGS,
					    .timeout_ms = 60000 };
	struct vhost_user *front = NULL;
	struct error error;
	int pair[2], next, r;

	if (!ram.bytes) {
		mock_ram_init_shared(&ram);
		ring = (struct vhost_user_ring){ .size = 8,
						 .desc = ram.bytes,
						 .driver = ram.bytes + 0x1000,
						 .device = ram.bytes + 0x2000,
						 .kick = new_eventfd(),
						 .call = new_eventfd() };
	}
	size = MIN(size, INPUT_MAX);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	must(size == 0 || write(pair[1], data, size) == (ssize_t)size);
	must(shutdown(pair[1], SHUT_WR) == 0);
	config.socket = pair[0];
	r = vhost_user_connect(&config, &front, &error);
	if (r == 0) {
		must(vhost_user_features(front) & VIRTIO_FEATURE_VERSION_1);
		use(front, &ring);
		vhost_user_close(front);
	} else {
		must(!front && memchr(error.message, '\0', sizeof(error.message)));
		(void)close(pair[0]);
	}
	(void)close(pair[1]);
	/* No descriptor is left: the next one is where the first was. */
	next = dup(ring.kick);
	must(next == MIN(pair[0], pair[1]));
	(void)close(next);
	return 0;
}
