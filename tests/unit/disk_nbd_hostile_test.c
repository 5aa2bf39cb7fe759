/* SPDX-License-Identifier: MIT */
/* An NBD disk whose server is none, breaks the protocol, or goes away. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

#include "tests/unit/disk_nbd_fixture.h"

static const struct fake_nbd_config plain = { .size = 65536 * 4, .flags = NBD_FLAGS_ALL };

/* So many reads of 4 KiB from sector 8 on. */
struct reads {
	struct disk_request requests[32];
	struct iovec iov[32];
	uint8_t data[32][4096];
};

static void submit_reads(struct nbd_fixture *f, struct reads *reads, unsigned count)
{
	memset(reads, 0, sizeof(*reads));
	for (unsigned i = 0; i < count; i++) {
		reads->iov[i] = (struct iovec){ reads->data[i], 4096 };
		reads->requests[i] = (struct disk_request){ .op = DISK_READ,
							    .offset = (i + 1) * 4096,
							    .len = 4096,
							    .iov = &reads->iov[i],
							    .nr_iov = 1 };
		disk_submit(f->on.disk, &reads->requests[i]);
	}
}

static unsigned count_errors(const struct reads *reads, unsigned count)
{
	unsigned errors = 0;

	for (unsigned i = 0; i < count; i++) {
		assert_true(reads->requests[i].error == 0 || reads->requests[i].error == -EIO);
		errors += reads->requests[i].error != 0;
	}
	return errors;
}

static void wait_for_loss(struct nbd_fixture *f)
{
	while (!f->lost)
		assert_int_equal(loop_run(f->on.loop), 0);
}

/* Once the connection is lost: it was said, and everything fails at once. */
static void assert_lost(struct nbd_fixture *f)
{
	static struct reads reads;
	uint8_t data[512];

	wait_for_loss(f);
	assert_int_equal(f->lost, 1);
	assert_int_not_equal(f->cause[0], '\0');
	assert_int_equal(disk_transfer(&f->on, DISK_READ, 0, data, sizeof(data)), -EIO);
	assert_int_equal(disk_transfer(&f->on, DISK_WRITE, 0, data, sizeof(data)), -EIO);
	assert_int_equal(disk_other(&f->on, DISK_FLUSH, 0, 0, false, false), -EIO);
	assert_int_equal(disk_other(&f->on, DISK_DISCARD, 0, 8, false, false), -EIO);
	assert_int_equal(disk_other(&f->on, DISK_WRITE_ZEROES, 0, 8, true, true), -EIO);
	submit_reads(f, &reads, 32);
	disk_drain(f->on.disk);
	disk_wait_for(&f->on, 32);
	assert_int_equal(count_errors(&reads, 32), 32);
	assert_int_equal(f->lost, 1);
}

static void nbd_broken_answers(void **state)
{
	static const struct {
		enum fake_nbd_fault fault;
		const char *words;
	} cases[] = {
		{ FAKE_NBD_HANG_UP, "" },
		{ FAKE_NBD_HANG_UP_IN_DATA, "" },
		{ FAKE_NBD_GARBAGE, "magic" },
		{ FAKE_NBD_OTHER_COOKIE, "cookie" },
		{ FAKE_NBD_STRUCTURED, "structured" },
	};
	static struct reads reads;
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned good = 0; good < 3; good++) {
			config.fault = cases[i].fault;
			config.good = good;
			nbd_start_and_open(&f, &config);
			submit_reads(&f, &reads, 8);
			disk_wait_for(&f.on, 8);
			/* An answer that came with the end may be lost with it. */
			assert_in_range(count_errors(&reads, 8), 8 - good, 8);
			assert_lost(&f);
			if (!strstr(f.cause, cases[i].words))
				fail_msg("'%s' has no '%s'", f.cause, cases[i].words);
			nbd_end(&f);
		}
	}
}

static void nbd_answers_nobody_wants(void **state)
{
	uint8_t data[512];
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.fault = FAKE_NBD_TWICE;
	nbd_start_and_open(&f, &config);
	(void)disk_transfer(&f.on, DISK_READ, 0, data, sizeof(data));
	assert_lost(&f);
	nbd_end(&f);

	config.fault = FAKE_NBD_UNASKED;
	nbd_start_and_open(&f, &config);
	assert_lost(&f);
	nbd_end(&f);
}

/* It goes while nothing is to be done. */
static void nbd_idle_loss(void **state)
{
	uint8_t data[512];
	struct nbd_fixture f;

	(void)state;
	nbd_start_and_open(&f, &plain);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 0, data, sizeof(data)), 0);
	fake_nbd_stop(&f.fake);
	assert_lost(&f);
	assert_string_equal(f.cause, "the server closed it");
	disk_fixture_deinit(&f.on);
	fake_nbd_free(&f.fake);
}

/* In the midst of a request of many commands, some of which wait to be sent. */
static void nbd_loss_in_a_long_request(void **state)
{
	static const enum disk_op ops[] = { DISK_READ, DISK_WRITE };
	const size_t len = MIB(16);
	uint8_t *data = calloc(1, len);
	struct fake_nbd_config config = { .size = MIB(16),
					  .flags = NBD_FLAGS_ALL,
					  .fault = FAKE_NBD_HANG_UP };
	struct nbd_fixture f;

	(void)state;
	assert_non_null(data);
	for (unsigned i = 0; i < 8; i++) {
		config.good = i / 2;
		nbd_start_and_open(&f, &config);
		assert_int_equal(disk_transfer(&f.on, ops[i & 1], 0, data, len), -EIO);
		assert_lost(&f);
		nbd_end(&f);
	}
	free(data);
}

/* Of a patch, when its block was read, or is written. */
static void nbd_loss_in_a_patch(void **state)
{
	uint8_t data[512] = { 0 };
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.minimum = config.preferred = 4096;
	config.maximum = 65536;
	config.fault = FAKE_NBD_HANG_UP;
	for (config.good = 0; config.good < 2; config.good++) {
		nbd_start_and_open(&f, &config);
		assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 1, data, sizeof(data)), -EIO);
		assert_lost(&f);
		nbd_end(&f);
	}
}

static void nbd_loss_in_a_drain(void **state)
{
	static struct reads reads;
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.fault = FAKE_NBD_HANG_UP_IN_DATA;
	config.good = 3;
	nbd_start_and_open(&f, &config);
	submit_reads(&f, &reads, 16);
	disk_drain(f.on.disk);
	/* Nobody was told yet: that is the loop's to do. */
	assert_int_equal(f.on.completed, 0);
	assert_int_equal(f.lost, 0);
	disk_wait_for(&f.on, 16);
	assert_in_range(count_errors(&reads, 16), 13, 16);
	assert_lost(&f);
	nbd_end(&f);
}

/* A server that is silent for ever is left when somebody has to have the memory back. */
static void nbd_drain_of_a_silent_server(void **state)
{
	static struct reads reads;
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.fault = FAKE_NBD_SILENT;
	config.good = 5;
	nbd_start(&f, &config);
	f.config.answer_ms = 100;
	assert_int_equal(nbd_open(&f, f.fake.uri), 0);
	submit_reads(&f, &reads, 16);
	disk_drain(f.on.disk);
	memset(reads.data, 0x77, sizeof(reads.data));
	disk_wait_for(&f.on, 16);
	assert_in_range(count_errors(&reads, 16), 11, 16);
	for (size_t i = 0; i < sizeof(reads.data); i++)
		assert_int_equal(((uint8_t *)reads.data)[i], 0x77);
	assert_lost(&f);
	assert_non_null(strstr(f.cause, "no answer"));
	nbd_end(&f);
}

static void assert_refused(const struct fake_nbd_config *config, const char *words)
{
	struct nbd_fixture f;
	int r;

	nbd_start(&f, config);
	if (config->fault == FAKE_NBD_NO_GREETING)
		f.config.connect_ms = 100;
	r = nbd_open(&f, f.fake.uri);
	assert_true(r < 0);
	assert_null(f.on.disk);
	if (!strstr(f.on.error.message, f.fake.uri) || !strstr(f.on.error.message, words))
		fail_msg("'%s' has no '%s'", f.on.error.message, words);
	assert_null(strchr(f.on.error.message, '\n'));
	assert_false(f.on.error.is_usage);
	nbd_end(&f);
}

static void nbd_no_server_at_all(void **state)
{
	static const struct {
		enum fake_nbd_fault fault;
		const char *words;
	} cases[] = {
		{ FAKE_NBD_NO_GREETING, "no answer within" },
		{ FAKE_NBD_GARBAGE_GREETING, "magic" },
		{ FAKE_NBD_HANG_UP_AT_ONCE, "" },
		{ FAKE_NBD_NO_EXPORT, "no export named" },
	};
	struct fake_nbd_config config = plain;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		config.fault = cases[i].fault;
		assert_refused(&config, cases[i].words);
	}
	config = plain;
	config.said_size = UINT64_MAX - 511;
	assert_refused(&config, "larger than");
	config.said_size = 0;
	config.flags = 0;
	assert_refused(&config, "flags");
}

static void nbd_wrong_uris(void **state)
{
	static const struct {
		const char *uri, *words;
		bool is_usage;
	} cases[] = {
		{ "nbd+unix:///", "socket", true },
		{ "nbd://host:port:/%zz", "", true },
		{ "nbd+unix:///?socket=/nonexistent/socket", "No such file", false },
		{ "nbd://127.0.0.1:1/", "refused", false },
	};
	struct nbd_fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		nbd_init(&f);
		assert_true(nbd_open(&f, cases[i].uri) < 0);
		if (!strstr(f.on.error.message, cases[i].uri) ||
		    !strstr(f.on.error.message, cases[i].words))
			fail_msg("'%s' has no '%s'", f.on.error.message, cases[i].words);
		assert_int_equal(f.on.error.is_usage, cases[i].is_usage);
		disk_fixture_deinit(&f.on);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nbd_broken_answers),
		cmocka_unit_test(nbd_answers_nobody_wants),
		cmocka_unit_test(nbd_idle_loss),
		cmocka_unit_test(nbd_loss_in_a_long_request),
		cmocka_unit_test(nbd_loss_in_a_patch),
		cmocka_unit_test(nbd_loss_in_a_drain),
		cmocka_unit_test(nbd_drain_of_a_silent_server),
		cmocka_unit_test(nbd_no_server_at_all),
		cmocka_unit_test(nbd_wrong_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
