/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "trace/session_buffer.h"

#define RING_WANTED   MIB(32)
#define RINGS_MAX     MIB(256)
#define SUBBUFFER_MIN KIB(4) /* a page, LTTng's least */
#define SUBBUFFER_MAX MIB(64)

static uint64_t available_memory(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			return KIB(kib);
	return RINGS_MAX * 4;
}

int session_room_read(struct session_room *ret_room)
{
	struct statvfs shm;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	if (statvfs("/dev/shm", &shm) < 0)
		return -errno;
	ret_room->cpus = cpus > 0 ? (unsigned)cpus : 1;
	ret_room->memory = available_memory();
	ret_room->shm = (uint64_t)shm.f_bavail * shm.f_frsize;
	return 0;
}

int session_buffer_size(const struct session_room *room, uint64_t ring, uint64_t *ret_size,
			struct error *error)
{
	uint64_t total = MIN(RINGS_MAX, MIN(room->memory / 4, room->shm / 2));
	uint64_t wanted = ring ? ring : MIN(RING_WANTED, total / room->cpus);
	uint64_t size = SUBBUFFER_MIN;

	/* The user's size is rounded up, ours down: it is a bound. */
	while (size < SUBBUFFER_MAX &&
	       size * SESSION_BUFFER_COUNT * (ring ? 1 : 2) <= wanted - !!ring)
		size *= 2;
	if (size * SESSION_BUFFER_COUNT * room->cpus > room->shm)
		return error_set(error, -ENOSPC,
				 "no room for the trace buffers: %llu KiB for each of %u CPUs, but "
				 "only %llu KiB are free in /dev/shm",
				 (unsigned long long)(size * SESSION_BUFFER_COUNT / KIB(1)),
				 room->cpus, (unsigned long long)(room->shm / KIB(1)));
	*ret_size = size;
	return 0;
}
