/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "trace/session_buffer.h"

/* The ring of a CPU that comes out, or the error. */
static int64_t ring_of(unsigned cpus, uint64_t memory, uint64_t shm, uint64_t wanted)
{
	const struct session_room room = { .cpus = cpus, .memory = memory, .shm = shm };
	uint64_t size = 0;
	int r = session_buffer_size(&room, wanted, &size, NULL);

	return r < 0 ? r : (int64_t)(size * SESSION_BUFFER_COUNT);
}

static void the_default_is_bounded_by_the_machine(void **state)
{
	(void)state;
	assert_int_equal(ring_of(2, GIB(24), GIB(12), 0), MIB(32));
	assert_int_equal(ring_of(8, GIB(24), GIB(12), 0), MIB(32));
	assert_int_equal(ring_of(32, GIB(64), GIB(32), 0), MIB(8));
	assert_int_equal(ring_of(128, GIB(256), GIB(128), 0), MIB(2));
	/* Rounded down, not up: 256 MiB / 12 = 21.3 MiB. */
	assert_int_equal(ring_of(12, GIB(24), GIB(12), 0), MIB(16));
	assert_int_equal(ring_of(2, MIB(64), GIB(12), 0), MIB(8));
	/* A container has 64 MiB of /dev/shm. */
	assert_int_equal(ring_of(2, GIB(24), MIB(64), 0), MIB(16));
}

static void a_size_asked_for_is_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(ring_of(2, GIB(24), GIB(12), MIB(4)), MIB(4));
	assert_int_equal(ring_of(2, GIB(24), GIB(12), MIB(4) + 1), MIB(8));
	assert_int_equal(ring_of(2, GIB(24), GIB(12), 1), KIB(32));
	assert_int_equal(ring_of(2, GIB(24), GIB(12), MIB(256)), MIB(256));
	assert_int_equal(ring_of(2, GIB(24), GIB(12), UINT64_MAX), MIB(512));
}

static void what_does_not_fit_is_refused(void **state)
{
	const struct session_room room = { .cpus = 4, .memory = GIB(8), .shm = MIB(64) };
	struct error error = { 0 };
	uint64_t size = 42;

	(void)state;
	assert_int_equal(session_buffer_size(&room, MIB(32), &size, &error), -ENOSPC);
	assert_non_null(strstr(error.message, "/dev/shm"));
	assert_int_equal(size, 42);
	assert_int_equal(ring_of(4, GIB(8), KIB(100), 0), -ENOSPC);
	assert_int_equal(ring_of(4, GIB(8), 0, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_bounded_by_the_machine),
		cmocka_unit_test(a_size_asked_for_is_rounded_up),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
