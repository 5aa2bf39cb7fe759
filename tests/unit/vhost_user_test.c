/* SPDX-License-Identifier: MIT */
/* The front-end of vhost-user, with a back-end that keeps to the protocol and one that doesn't. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/backend/vhost_user.h"
#include "devices/virtio/spec.h"
#include "tests/support/mock_driver.h"
#include "tests/support/mock_vhost.h"
#include "tests/unit/cmocka_all.h"

/* For all answers, those before the one that never comes, too. */
#define PATIENT_MS   60000
#define IMPATIENT_MS 3000

struct fixture {
	struct mock_ram ram;
	struct mock_vhost mock;
	struct vhost_user *front;
	struct error error;
	int kick, call;
};

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	mock_ram_init_shared(&f->ram);
	mock_vhost_init(&f->mock);
	f->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(f->kick >= 0 && f->call >= 0);
}

static int connect_front(struct fixture *f)
{
	struct vhost_user_config config = { .mem = &f->ram.mem,
					    .nr_queues = MOCK_VHOST_RINGS,
					    .timeout_ms = f->mock.fault == MOCK_VHOST_SILENT
								  ? IMPATIENT_MS
								  : PATIENT_MS };
	int r;

	mock_vhost_start(&f->mock);
	config.socket = f->mock.front;
	r = vhost_user_connect(&config, &f->front, &f->error);
	if (r < 0) {
		assert_null(f->front);
		assert_true(strlen(f->error.message) > 0);
		assert_int_equal(close(f->mock.front), 0);
	}
	return r;
}

static void setup_connected(struct fixture *f)
{
	setup(f);
	assert_int_equal(connect_front(f), 0);
}

static void teardown(struct fixture *f)
{
	vhost_user_close(f->front);
	vhost_user_close(NULL);
	mock_vhost_stop(&f->mock);
	assert_int_equal(f->mock.bad_messages, 0);
	assert_int_equal(close(f->kick), 0);
	assert_int_equal(close(f->call), 0);
	mock_ram_deinit(&f->ram);
}

static struct vhost_user_ring some_ring(struct fixture *f, unsigned index)
{
	return (struct vhost_user_ring){ .index = index,
					 .size = 16,
					 .desc = f->ram.bytes + 0x1000,
					 .driver = f->ram.bytes + 0x2000,
					 .device = f->ram.bytes + 0x3000,
					 .kick = f->kick,
					 .call = f->call };
}

static int start_ring(struct fixture *f, unsigned index)
{
	const struct vhost_user_ring ring = some_ring(f, index);

	return vhost_user_start_ring(f->front, &ring);
}

static bool is_hung_up(struct fixture *f)
{
	struct pollfd pollfd = { .fd = vhost_user_socket(f->front), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLHUP;
}

/* Nothing works any more, and whoever watches the socket sees it. */
static void expect_broken(struct fixture *f, int error)
{
	assert_int_equal(vhost_user_error(f->front), error);
	assert_true(is_hung_up(f));
	assert_int_equal(vhost_user_set_features(f->front, 0), -EIO);
	assert_int_equal(start_ring(f, 0), -EIO);
	assert_int_equal(vhost_user_stop_ring(f->front, 0), -EIO);
	vhost_user_fail(f->front, -EINVAL);
	assert_int_equal(vhost_user_error(f->front), error);
}

static void memory_is_shared(void **state)
{
	const struct vhost_user_region *region;
	struct fixture f;

	(void)state;
	setup_connected(&f);
	assert_int_equal(f.mock.owners, 1);
	assert_int_equal(f.mock.tables, 1);
	assert_int_equal(f.mock.memory.count, 1);
	region = &f.mock.memory.regions[0];
	assert_int_equal(region->gpa, MOCK_RAM_BASE);
	assert_int_equal(region->size, MOCK_RAM_SIZE);
	assert_int_equal(region->hva, (uintptr_t)f.ram.bytes);
	strcpy((char *)f.ram.bytes, "the same bytes");
	assert_string_equal((const char *)f.mock.mapped[0] + region->offset, "the same bytes");
	teardown(&f);
}

static void only_known_features_are_chosen(void **state)
{
	struct fixture f;

	(void)state;
	setup_connected(&f);
	assert_int_equal(vhost_user_features(f.front),
			 VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_INDIRECT);
	assert_int_equal(f.mock.chosen_protocol,
			 VHOST_USER_PROTOCOL_MQ | VHOST_USER_PROTOCOL_REPLY_ACK);
	assert_int_equal(vhost_user_set_features(f.front, VIRTIO_FEATURE_VERSION_1 |
								  VIRTIO_FEATURE_RESET |
								  VIRTIO_FEATURE_PACKED),
			 0);
	assert_int_equal(f.mock.chosen_features,
			 VIRTIO_FEATURE_VERSION_1 | VHOST_USER_F_PROTOCOL_FEATURES);
	teardown(&f);
}

static void ring_starts_and_stops(void **state)
{
	const struct mock_vhost_ring *ring;
	struct fixture f;

	(void)state;
	setup_connected(&f);
	ring = &f.mock.rings[1];
	for (unsigned round = 1; round <= 3; round++) {
		assert_int_equal(start_ring(&f, 1), 0);
		assert_int_equal(ring->starts, round);
		assert_int_equal(ring->num, 16);
		assert_int_equal(ring->base, 0);
		assert_int_equal(ring->enabled, 1);
		assert_int_equal(ring->addr.flags, 0);
		assert_int_equal(ring->addr.desc_user_addr, (uintptr_t)f.ram.bytes + 0x1000);
		assert_int_equal(ring->addr.avail_user_addr, (uintptr_t)f.ram.bytes + 0x2000);
		assert_int_equal(ring->addr.used_user_addr, (uintptr_t)f.ram.bytes + 0x3000);
		assert_true(ring->kick >= 0 && ring->call >= 0);
		assert_int_equal(f.mock.rings[0].starts, 0);
		assert_int_equal(vhost_user_stop_ring(f.front, 1), 0);
		assert_int_equal(ring->stops, round);
	}
	assert_int_equal(vhost_user_error(f.front), 0);
	assert_false(is_hung_up(&f));
	teardown(&f);
}

static void packed_ring_starts_with_both_wrap_counters(void **state)
{
	struct vhost_user_ring ring;
	struct fixture f;

	(void)state;
	setup_connected(&f);
	ring = some_ring(&f, 0);
	ring.packed = true;
	assert_int_equal(vhost_user_start_ring(f.front, &ring), 0);
	assert_int_equal(f.mock.rings[0].base, 0x80008000);
	assert_int_equal(vhost_user_stop_ring(f.front, 0), 0);
	teardown(&f);
}

/* The oldest back-ends: no protocol features, and each of them missing. */
static void protocol_features_may_be_missing(void **state)
{
	static const uint64_t protocols[] = { 0, VHOST_USER_PROTOCOL_MQ,
					      VHOST_USER_PROTOCOL_REPLY_ACK };
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i <= ARRAY_SIZE(protocols); i++) {
		bool none = i == ARRAY_SIZE(protocols);

		setup(&f);
		if (none)
			f.mock.features &= ~VHOST_USER_F_PROTOCOL_FEATURES;
		else
			f.mock.protocol = protocols[i];
		assert_int_equal(connect_front(&f), 0);
		assert_int_equal(vhost_user_set_features(f.front, VIRTIO_FEATURE_VERSION_1), 0);
		assert_int_equal(start_ring(&f, 0), 0);
		/* Its answer comes after all that was sent before. */
		assert_int_equal(vhost_user_stop_ring(f.front, 0), 0);
		assert_int_equal(f.mock.chosen_protocol, none ? 0 : protocols[i]);
		assert_int_equal(f.mock.chosen_features,
				 VIRTIO_FEATURE_VERSION_1 |
					 (none ? 0 : VHOST_USER_F_PROTOCOL_FEATURES));
		assert_int_equal(f.mock.rings[0].starts, 1);
		assert_int_equal(f.mock.rings[0].enabled, none ? 0 : 1);
		teardown(&f);
	}
}

static void unfit_back_ends_are_refused(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.mock.features &= ~VIRTIO_FEATURE_VERSION_1;
	assert_int_equal(connect_front(&f), -EOPNOTSUPP);
	assert_string_equal(f.error.message, "it does not know virtio 1");
	assert_int_equal(f.mock.tables, 0);
	teardown(&f);

	setup(&f);
	f.mock.queues = MOCK_VHOST_RINGS - 1;
	assert_int_equal(connect_front(&f), -EOPNOTSUPP);
	assert_string_equal(f.error.message, "it serves 1 queues, not 2");
	assert_int_equal(f.mock.tables, 0);
	teardown(&f);

	setup(&f);
	f.mock.queues = 0;
	assert_int_equal(connect_front(&f), -EOPNOTSUPP);
	teardown(&f);
}

static void private_memory_is_not_shared(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.ram.mem.regions[0].fd = -EBADF;
	assert_int_equal(connect_front(&f), -EBADF);
	assert_int_equal(f.mock.tables, 0);
	teardown(&f);
}

/* What each fault is taken for. */
static int error_of(enum mock_vhost_fault fault)
{
	switch (fault) {
	case MOCK_VHOST_SILENT: return -ETIMEDOUT;
	case MOCK_VHOST_HANG_UP:
	case MOCK_VHOST_HALF_HEADER:
	case MOCK_VHOST_HALF_PAYLOAD: return -ECONNRESET;
	case MOCK_VHOST_BAD_VALUE: return -EREMOTEIO;
	default: return -EPROTO;
	}
}

/* Silence takes its time, so it is met at one answer of each sort only. */
static bool worth_a_try(enum mock_vhost_fault fault, enum vhost_user_type type)
{
	return fault != MOCK_VHOST_SILENT || type == VHOST_USER_GET_FEATURES ||
	       type == VHOST_USER_SET_VRING_KICK;
}

static void faults_end_the_set_up(void **state)
{
	static const enum vhost_user_type types[] = {
		VHOST_USER_GET_FEATURES,  VHOST_USER_GET_PROTOCOL_FEATURES, VHOST_USER_SET_OWNER,
		VHOST_USER_GET_QUEUE_NUM, VHOST_USER_SET_MEM_TABLE,
	};
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		for (unsigned fault = 1; fault < MOCK_VHOST_NR_FAULTS; fault++) {
			bool acked = types[i] == VHOST_USER_SET_OWNER ||
				     types[i] == VHOST_USER_SET_MEM_TABLE;

			/* There is no wrong value for the others. */
			if ((fault == MOCK_VHOST_BAD_VALUE && !acked) ||
			    !worth_a_try(fault, types[i]))
				continue;
			setup(&f);
			f.mock.fault = fault;
			f.mock.fault_at = types[i];
			assert_int_equal(connect_front(&f), error_of(fault));
			assert_string_equal(f.error.message, vhost_user_strerror(error_of(fault)));
			teardown(&f);
		}
	}
}

static void faults_break_the_connection(void **state)
{
	static const enum vhost_user_type types[] = {
		VHOST_USER_SET_FEATURES,   VHOST_USER_SET_VRING_NUM,  VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_SET_VRING_KICK, VHOST_USER_GET_VRING_BASE,
	};
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		for (unsigned fault = 1; fault < MOCK_VHOST_NR_FAULTS; fault++) {
			int error = error_of(fault), r;

			if (!worth_a_try(fault, types[i]))
				continue;
			if (fault == MOCK_VHOST_BAD_VALUE && types[i] == VHOST_USER_GET_VRING_BASE)
				error = -EPROTO;
			setup(&f);
			f.mock.fault = fault;
			f.mock.fault_at = types[i];
			assert_int_equal(connect_front(&f), 0);
			r = vhost_user_set_features(f.front, VIRTIO_FEATURE_VERSION_1);
			if (r == 0)
				r = start_ring(&f, 0);
			if (r == 0)
				r = vhost_user_stop_ring(f.front, 0);
			assert_int_equal(r, error);
			expect_broken(&f, error);
			teardown(&f);
		}
	}
}

static void hang_up_is_met_by_the_next_call(void **state)
{
	struct fixture f;

	(void)state;
	setup_connected(&f);
	mock_vhost_stop(&f.mock);
	assert_int_equal(vhost_user_set_features(f.front, 0), -ECONNRESET);
	expect_broken(&f, -ECONNRESET);
	teardown(&f);
}

/* An answer to nothing is not taken for one to the next question. */
static void unasked_words_break_the_connection(void **state)
{
	static const uint8_t noise[40] = { 1, 2, 3 };
	struct fixture f;

	(void)state;
	setup_connected(&f);
	mock_vhost_say(&f.mock, noise, sizeof(noise));
	assert_int_equal(vhost_user_set_features(f.front, 0), -EPROTO);
	expect_broken(&f, -EPROTO);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_shared),
		cmocka_unit_test(only_known_features_are_chosen),
		cmocka_unit_test(ring_starts_and_stops),
		cmocka_unit_test(packed_ring_starts_with_both_wrap_counters),
		cmocka_unit_test(protocol_features_may_be_missing),
		cmocka_unit_test(unfit_back_ends_are_refused),
		cmocka_unit_test(private_memory_is_not_shared),
		cmocka_unit_test(faults_end_the_set_up),
		cmocka_unit_test(faults_break_the_connection),
		cmocka_unit_test(hang_up_is_met_by_the_next_call),
		cmocka_unit_test(unasked_words_break_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
