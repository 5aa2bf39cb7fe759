/* SPDX-License-Identifier: MIT */
/* An NBD disk at a server that is honest, with and without what servers may offer. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

#include "tests/unit/disk_nbd_fixture.h"

#define SECTORS 2048

static const struct fake_nbd_config plain = { .size = SECTORS * 512, .flags = NBD_FLAGS_ALL };

static void nbd_reads_and_writes(void **state)
{
	uint8_t data[1024];
	struct nbd_fixture f;

	(void)state;
	nbd_start_and_open(&f, &plain);
	assert_int_equal(f.on.disk->info.size, SECTORS * 512);
	assert_int_equal(f.on.disk->info.block_size, 512);
	assert_false(f.on.disk->info.read_only);
	assert_int_equal(f.notes.tail, 0);
	assert_false(f.notes.no_flush);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 3, data, sizeof(data)), 0);
	assert_int_equal(data[0], 4);
	assert_int_equal(data[1023], 5);
	memset(data, 0xa7, sizeof(data));
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 62, data, sizeof(data)), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 62 * 512 - 1), 62);
	assert_int_equal(fake_nbd_byte(&f.fake, 62 * 512), 0xa7);
	assert_int_equal(fake_nbd_byte(&f.fake, 64 * 512 - 1), 0xa7);
	assert_int_equal(fake_nbd_byte(&f.fake, 64 * 512), 65);
	assert_int_equal(disk_other(&f.on, DISK_FLUSH, 0, 0, false, false), 0);
	assert_int_equal(fake_nbd_count(&f.fake, NBD_CMD_FLUSH), 1);
	nbd_end(&f);
	assert_int_equal(f.fake.disconnects, 1);
	assert_int_equal(f.lost, 0);
}

/* More at once than there are commands for, answered in another order. */
static void nbd_serves_many_requests(void **state)
{
	enum { REQUESTS = 128 };
	static uint8_t data[REQUESTS][4][512];
	static struct disk_request requests[REQUESTS];
	static struct iovec iov[REQUESTS][4];
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.at_least = 64;
	config.batch = 256;
	nbd_start_and_open(&f, &config);
	assert_true(f.on.disk->info.max_requests >= REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		/* Backwards in memory. */
		for (unsigned j = 0; j < 4; j++)
			iov[i][j] = (struct iovec){ data[i][3 - j], 512 };
		requests[i] = (struct disk_request){
			.op = DISK_READ, .offset = i * 2048, .len = 2048, .iov = iov[i], .nr_iov = 4
		};
		disk_submit(f.on.disk, &requests[i]);
	}
	disk_wait_for(&f.on, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		assert_int_equal(requests[i].error, 0);
		for (unsigned j = 0; j < 4; j++)
			assert_int_equal(data[i][3 - j][511], (uint8_t)(i * 4 + j + 1));
	}
	nbd_end(&f);
	assert_int_equal(f.fake.most, 64);
}

/* Several MiB both ways, which no socket takes at once. */
static void nbd_long_transfers(void **state)
{
	const size_t len = MIB(8);
	const struct fake_nbd_config config = { .size = MIB(8) + 512, .flags = NBD_FLAGS_ALL };
	uint8_t *data = malloc(len), *back = calloc(1, len);
	struct nbd_fixture f;

	(void)state;
	assert_true(data && back);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + i / 4093);
	nbd_start_and_open(&f, &config);
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 1, data, len), 0);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 1, back, len), 0);
	assert_memory_equal(data, back, len);
	assert_int_equal(fake_nbd_byte(&f.fake, 511), 1);
	nbd_end(&f);
	free(data);
	free(back);
}

static void nbd_over_tcp(void **state)
{
	uint8_t data[1024];
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.tcp = true;
	nbd_start_and_open(&f, &config);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 3, data, sizeof(data)), 0);
	assert_int_equal(data[1023], 5);
	nbd_end(&f);
	assert_int_equal(f.fake.disconnects, 1);
}

static struct fake_nbd_command only_command(struct nbd_fixture *f)
{
	struct fake_nbd_command command = fake_nbd_command(&f->fake, 0);

	assert_int_equal(f->fake.nr_log, 1);
	fake_nbd_forget(&f->fake);
	return command;
}

static void nbd_erases(void **state)
{
	struct fake_nbd_command command;
	struct nbd_fixture f;

	(void)state;
	nbd_start_and_open(&f, &plain);
	assert_int_equal(disk_other(&f.on, DISK_DISCARD, 8, 16, false, false), 0);
	command = only_command(&f);
	assert_int_equal(command.kind, NBD_CMD_TRIM);
	assert_int_equal(command.offset, 8 * 512);
	assert_int_equal(command.len, 16 * 512);
	for (unsigned how = 0; how < 4; how++) {
		assert_int_equal(disk_other(&f.on, DISK_WRITE_ZEROES, 100, 900, how & 1, how & 2),
				 0);
		command = only_command(&f);
		assert_int_equal(command.kind, NBD_CMD_WRITE_ZEROES);
		assert_int_equal(command.flags, (how & 1 ? 0 : NBD_CMD_FLAG_NO_HOLE) |
							(how & 2 ? NBD_CMD_FLAG_FUA : 0));
		assert_int_equal(command.len, 900 * 512);
	}
	assert_int_equal(fake_nbd_byte(&f.fake, 100 * 512 - 1), 100);
	assert_int_equal(fake_nbd_byte(&f.fake, 100 * 512), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1000 * 512 - 1), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1000 * 512), (1001 & 0xff));
	nbd_end(&f);
}

static void nbd_durable_writes(void **state)
{
	uint8_t data[512] = { 1 };
	struct iovec iov;
	struct disk_request request = { .op = DISK_WRITE, .durable = true };
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	for (unsigned fua = 0; fua < 2; fua++) {
		config.flags = NBD_FLAGS_ALL & ~(fua ? 0 : NBD_FLAG_SEND_FUA);
		nbd_start_and_open(&f, &config);
		iov = (struct iovec){ data, sizeof(data) };
		request.len = sizeof(data);
		request.iov = &iov;
		request.nr_iov = 1;
		assert_int_equal(disk_do(&f.on, &request), 0);
		assert_int_equal(fake_nbd_command(&f.fake, 0).flags, fua ? NBD_CMD_FLAG_FUA : 0);
		assert_int_equal(fake_nbd_count(&f.fake, NBD_CMD_FLUSH), !fua);
		if (!fua)
			assert_int_equal(fake_nbd_command(&f.fake, 1).kind, NBD_CMD_FLUSH);
		nbd_end(&f);
	}
}

/* A server that can do nothing but read and write. */
static void nbd_poor_server(void **state)
{
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;
	uint8_t data[512] = { 1 };

	(void)state;
	config.flags = NBD_FLAG_HAS_FLAGS;
	nbd_start_and_open(&f, &config);
	assert_true(f.notes.no_flush);
	assert_int_equal(disk_other(&f.on, DISK_FLUSH, 0, 0, false, false), 0);
	assert_int_equal(disk_other(&f.on, DISK_DISCARD, 0, 8, false, false), 0);
	assert_int_equal(f.fake.nr_log, 0);
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 0, data, sizeof(data)), 0);
	assert_int_equal(disk_other(&f.on, DISK_WRITE_ZEROES, 1, 1500, true, true), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 0), 1);
	assert_int_equal(fake_nbd_byte(&f.fake, 512), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1501 * 512 - 1), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1501 * 512), (1502 & 0xff));
	nbd_end(&f);

	config.flags |= NBD_FLAG_READ_ONLY;
	nbd_start_and_open(&f, &config);
	assert_false(f.notes.no_flush);
	nbd_end(&f);
}

/* It said that it could, and says no when it is to. */
static void nbd_server_changes_its_mind(void **state)
{
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.fault = FAKE_NBD_ERROR;
	config.error = NBD_ENOTSUP;
	config.of = NBD_CMD_WRITE_ZEROES;
	nbd_start_and_open(&f, &config);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(disk_other(&f.on, DISK_WRITE_ZEROES, i * 700, 700, true, true), 0);
	/* It is asked no second time. */
	assert_int_equal(fake_nbd_count(&f.fake, NBD_CMD_WRITE_ZEROES), 1);
	assert_int_equal(fake_nbd_byte(&f.fake, 0), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1400 * 512 - 1), 0);
	assert_int_equal(fake_nbd_byte(&f.fake, 1400 * 512), (1401 & 0xff));
	nbd_end(&f);

	config.of = NBD_CMD_TRIM;
	nbd_start_and_open(&f, &config);
	assert_int_equal(disk_other(&f.on, DISK_DISCARD, 0, 8, false, false), 0);
	assert_int_equal(disk_other(&f.on, DISK_DISCARD, 0, 8, false, false), 0);
	assert_int_equal(fake_nbd_count(&f.fake, NBD_CMD_TRIM), 1);
	nbd_end(&f);
}

static void nbd_errors_of_the_server(void **state)
{
	uint8_t data[512] = { 0 };
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.fault = FAKE_NBD_ERROR;
	config.error = NBD_ENOSPC;
	config.of = NBD_CMD_WRITE;
	nbd_start_and_open(&f, &config);
	assert_int_equal(disk_transfer(&f.on, DISK_WRITE, 0, data, sizeof(data)), -ENOSPC);
	/* The connection is as good as before. */
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 1, data, sizeof(data)), 0);
	assert_int_equal(data[0], 2);
	nbd_end(&f);
	assert_int_equal(f.lost, 0);
}

static void nbd_block_sizes(void **state)
{
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.minimum = 1;
	config.preferred = 65536;
	config.maximum = 8192;
	/* Less than preferred: libnbd believes nothing of it. */
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.block_size, 512);
	nbd_end(&f);

	config.maximum = 65536;
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.block_size, 512);
	assert_int_equal(f.on.disk->info.physical_block_size, 65536);
	nbd_end(&f);

	config.minimum = 4096;
	config.preferred = 4096;
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.block_size, 4096);
	assert_int_equal(f.on.disk->info.physical_block_size, 4096);
	nbd_end(&f);

	/* More than drivers take. */
	config.minimum = 65536;
	config.preferred = MIB(1);
	config.maximum = MIB(1);
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.block_size, 4096);
	assert_int_equal(f.on.disk->info.physical_block_size, 65536);
	nbd_end(&f);
}

static unsigned draw(uint32_t *seed, unsigned limit)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % limit;
}

/* Any request in any pieces, against a disk that is an array. */
static void compare_with_model(const struct fake_nbd_config *config, uint32_t seed)
{
	enum { MAX_SECTORS = 600, MAX_PIECES = 40 };
	const size_t len = SECTORS * 512;
	uint8_t *model = malloc(len), *data = malloc(MAX_SECTORS * 512);
	struct iovec iov[MAX_PIECES];
	struct nbd_fixture f;

	assert_true(model && data);
	nbd_start_and_open(&f, config);
	memcpy(model, f.fake.bytes, len);
	for (unsigned round = 0; round < 300; round++) {
		static const enum disk_op ops[] = { DISK_READ, DISK_WRITE, DISK_WRITE_ZEROES };
		unsigned count = 1 + draw(&seed, draw(&seed, 4) ? 40 : MAX_SECTORS);
		unsigned sector = draw(&seed, SECTORS - count), pieces = 0;
		struct disk_request request = { .op = ops[draw(&seed, 3)],
						.durable = draw(&seed, 2),
						.may_unmap = draw(&seed, 2),
						.offset = sector * 512,
						.len = count * 512,
						.iov = iov };
		size_t at = 0, most = draw(&seed, 2) ? count * 512 : 3000;

		for (; at < request.len; pieces++) {
			size_t piece = 1 + draw(&seed, (unsigned)most);

			piece = pieces == MAX_PIECES - 1 ? request.len - at
							 : MIN(piece, request.len - at);
			iov[pieces] = (struct iovec){ data + at, piece };
			at += piece;
		}
		request.nr_iov = pieces;
		for (size_t i = 0; i < count * 512; i++)
			data[i] = (uint8_t)draw(&seed, 256);
		if (request.op == DISK_WRITE)
			memcpy(model + sector * 512, data, count * 512);
		else if (request.op == DISK_WRITE_ZEROES)
			memset(model + sector * 512, 0, count * 512);
		if (request.op != DISK_READ && request.op != DISK_WRITE)
			request.nr_iov = 0;
		assert_int_equal(disk_do(&f.on, &request), 0);
		if (request.op == DISK_READ)
			assert_memory_equal(data, model + sector * 512, count * 512);
	}
	disk_fixture_deinit(&f.on);
	fake_nbd_stop(&f.fake);
	assert_memory_equal(f.fake.bytes, model, len);
	fake_nbd_free(&f.fake);
	free(model);
	free(data);
}

static void nbd_any_request(void **state)
{
	static const struct fake_nbd_config configs[] = {
		{ .flags = NBD_FLAGS_ALL },
		{ .flags = NBD_FLAGS_ALL, .batch = 4 },
		{ .flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH },
		{ .flags = NBD_FLAGS_ALL, .minimum = 1, .preferred = 4096, .maximum = 8192 },
		{ .flags = NBD_FLAGS_ALL, .minimum = 4096, .preferred = 4096, .maximum = 16384 },
		{ .flags = NBD_FLAG_HAS_FLAGS,
		  .minimum = 4096,
		  .preferred = 4096,
		  .maximum = 65536,
		  .batch = 3 },
		{ .flags = NBD_FLAGS_ALL, .minimum = 65536, .preferred = 65536, .maximum = 65536 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(configs); i++) {
		struct fake_nbd_config config = configs[i];

		config.size = SECTORS * 512;
		compare_with_model(&config, i + 1);
	}
}

/* Neighbours in one block of the server, at once. */
static void nbd_patches_do_not_meet(void **state)
{
	enum { REQUESTS = 32 };
	struct fake_nbd_config config = plain;
	struct disk_request requests[REQUESTS];
	struct iovec iov[REQUESTS];
	uint8_t data[REQUESTS][512];
	struct nbd_fixture f;

	(void)state;
	config.minimum = config.preferred = 4096;
	config.maximum = MIB(1);
	config.batch = 8;
	nbd_start_and_open(&f, &config);
	for (unsigned i = 0; i < REQUESTS; i++) {
		memset(data[i], (int)(0x80 + i), sizeof(data[i]));
		iov[i] = (struct iovec){ data[i], 512 };
		requests[i] = (struct disk_request){
			.op = DISK_WRITE, .offset = i * 512, .len = 512, .iov = &iov[i], .nr_iov = 1
		};
		disk_submit(f.on.disk, &requests[i]);
	}
	disk_wait_for(&f.on, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		assert_int_equal(requests[i].error, 0);
		assert_int_equal(fake_nbd_byte(&f.fake, i * 512), 0x80 + i);
		assert_int_equal(fake_nbd_byte(&f.fake, i * 512 + 511), 0x80 + i);
	}
	nbd_end(&f);
	assert_int_equal(f.fake.most, 1);
}

static void nbd_tail_is_told(void **state)
{
	struct fake_nbd_config config = plain;
	struct nbd_fixture f;

	(void)state;
	config.size = 1024 + 511;
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.size, 1024);
	assert_int_equal(f.notes.tail, 511);
	nbd_end(&f);

	config.size = 8192 + 512;
	config.minimum = config.preferred = config.maximum = 4096;
	nbd_start_and_open(&f, &config);
	assert_int_equal(f.on.disk->info.size, 8192);
	assert_int_equal(f.notes.tail, 512);
	nbd_end(&f);

	config.size = 511;
	config.minimum = 0;
	nbd_start(&f, &config);
	assert_int_equal(nbd_open(&f, f.fake.uri), -EINVAL);
	assert_non_null(strstr(f.on.error.message, f.fake.uri));
	assert_non_null(strstr(f.on.error.message, "511 bytes"));
	assert_false(f.on.error.is_usage);
	nbd_end(&f);
}

static void nbd_read_only(void **state)
{
	struct fake_nbd_config config = plain;
	uint8_t data[512];
	struct nbd_fixture f;

	(void)state;
	config.flags |= NBD_FLAG_READ_ONLY;
	nbd_start(&f, &config);
	assert_int_equal(nbd_open(&f, f.fake.uri), -EROFS);
	assert_non_null(strstr(f.on.error.message, f.fake.uri));
	assert_non_null(strstr(f.on.error.message, "(ro)"));
	f.config.read_only = true;
	assert_int_equal(nbd_open(&f, f.fake.uri), 0);
	assert_true(f.on.disk->info.read_only);
	assert_int_equal(disk_transfer(&f.on, DISK_READ, 1, data, sizeof(data)), 0);
	assert_int_equal(disk_other(&f.on, DISK_FLUSH, 0, 0, false, false), 0);
	nbd_end(&f);

	/* The user's choice. */
	nbd_start(&f, &plain);
	f.config.read_only = true;
	assert_int_equal(nbd_open(&f, f.fake.uri), 0);
	assert_true(f.on.disk->info.read_only);
	nbd_end(&f);
}

static void nbd_drain_ends_what_is_in_flight(void **state)
{
	uint8_t data[512];
	struct iovec iov = { data, sizeof(data) };
	struct disk_request request = {
		.op = DISK_READ, .offset = 512, .len = 512, .iov = &iov, .nr_iov = 1
	};
	struct nbd_fixture f;

	(void)state;
	nbd_start_and_open(&f, &plain);
	/* Not even committed. */
	disk_submit(f.on.disk, &request);
	disk_drain(f.on.disk);
	assert_int_equal(data[0], 2);
	assert_int_equal(f.on.completed, 0);
	/* The loop comes to say so. */
	assert_int_equal(loop_run(f.on.loop), 0);
	assert_int_equal(f.on.completed, 1);
	assert_int_equal(request.error, 0);
	disk_drain(f.on.disk);
	nbd_end(&f);
}

static void nbd_reap_needs_no_loop(void **state)
{
	struct disk_request request = { .op = DISK_FLUSH };
	struct nbd_fixture f;

	(void)state;
	nbd_start_and_open(&f, &plain);
	disk_submit(f.on.disk, &request);
	disk_drain(f.on.disk);
	disk_reap(f.on.disk);
	assert_int_equal(f.on.completed, 1);
	nbd_end(&f);
}

/* What needs no server is completed by the loop, too, and not within a call of the device. */
static void nbd_completes_on_the_loop(void **state)
{
	struct fake_nbd_config config = plain;
	struct disk_request request = { .op = DISK_FLUSH };
	struct nbd_fixture f;

	(void)state;
	config.flags = NBD_FLAG_HAS_FLAGS;
	nbd_start_and_open(&f, &config);
	disk_submit(f.on.disk, &request);
	disk_commit(f.on.disk);
	assert_int_equal(f.on.completed, 0);
	assert_int_equal(loop_run(f.on.loop), 0);
	assert_int_equal(f.on.completed, 1);
	nbd_end(&f);
}

static void nbd_uris(void **state)
{
	static const char *const uris[] = { "nbd://host", "nbds://host:1/x",
					    "nbd+unix:///?socket=s", "nbds+unix:///x?socket=s",
					    "nbd+vsock://2/" };
	static const char *const files[] = { "",
					     "disk.img",
					     "nbd",
					     "nbd:host:1",
					     "nbdx://host",
					     "http://host/",
					     "./nbd://host",
					     "/nbd://" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(uris); i++)
		assert_true(disk_nbd_is_uri(uris[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		assert_false(disk_nbd_is_uri(files[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nbd_reads_and_writes),
		cmocka_unit_test(nbd_serves_many_requests),
		cmocka_unit_test(nbd_long_transfers),
		cmocka_unit_test(nbd_over_tcp),
		cmocka_unit_test(nbd_erases),
		cmocka_unit_test(nbd_durable_writes),
		cmocka_unit_test(nbd_poor_server),
		cmocka_unit_test(nbd_server_changes_its_mind),
		cmocka_unit_test(nbd_errors_of_the_server),
		cmocka_unit_test(nbd_block_sizes),
		cmocka_unit_test(nbd_any_request),
		cmocka_unit_test(nbd_patches_do_not_meet),
		cmocka_unit_test(nbd_tail_is_told),
		cmocka_unit_test(nbd_read_only),
		cmocka_unit_test(nbd_drain_ends_what_is_in_flight),
		cmocka_unit_test(nbd_reap_needs_no_loop),
		cmocka_unit_test(nbd_completes_on_the_loop),
		cmocka_unit_test(nbd_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
