/* SPDX-License-Identifier: MIT */
/* Requests of a disk cut into commands of NBD, without any server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/backend/nbd_cut.h"
#include "tests/unit/cmocka_all.h"

#define MAX_COMMANDS 64

struct cut_fixture {
	struct nbd_server server;
	struct disk_request request;
	struct iovec iov[64];
	uint8_t *memory; /* of the guest */
	uint8_t buffer[NBD_BUFFER_LEN], zeroes[NBD_ZEROES_LEN];
	struct nbd_command commands[MAX_COMMANDS];
	unsigned nr;
};

static void setup(struct cut_fixture *f, enum disk_op op)
{
	memset(f, 0, sizeof(*f));
	f->server = (struct nbd_server){ .size = GIB(4),
					 .block = 512,
					 .max_data = MIB(1),
					 .can_flush = true,
					 .can_fua = true,
					 .can_trim = true,
					 .can_zero = true };
	f->memory = malloc(MIB(4));
	assert_non_null(f->memory);
	for (size_t i = 0; i < MIB(4); i++)
		f->memory[i] = (uint8_t)(i / 16);
	f->request.op = op;
	f->request.iov = f->iov;
}

static void teardown(struct cut_fixture *f)
{
	free(f->memory);
}

/* Pieces of these lengths, one after the other in memory but for a gap of 16 bytes. */
static void put_pieces(struct cut_fixture *f, const size_t *lens, unsigned count)
{
	uint8_t *at = f->memory;

	for (unsigned i = 0; i < count; i++) {
		f->iov[i] = (struct iovec){ at, lens[i] };
		f->request.len += lens[i];
		at += lens[i] + 16;
	}
	f->request.nr_iov = count;
}

/* Cuts all there is before an answer. */
static void cut(struct cut_fixture *f)
{
	f->nr = 0;
	while (f->nr < MAX_COMMANDS &&
	       nbd_cut_next(&f->server, &f->request, f->buffer, f->zeroes, &f->commands[f->nr]))
		f->nr++;
	assert_int_equal(f->request.commands, f->nr);
}

static void begin(struct cut_fixture *f)
{
	nbd_cut_begin(&f->server, &f->request);
	cut(f);
}

static bool answer(struct cut_fixture *f, unsigned i, int result)
{
	return nbd_cut_answered(&f->server, &f->request, &f->commands[i], result);
}

static void answer_all(struct cut_fixture *f)
{
	for (unsigned i = 0; i < f->nr; i++)
		assert_false(answer(f, i, 0));
}

static void assert_command(const struct nbd_command *command, enum nbd_verb verb, uint64_t offset,
			   uint32_t len)
{
	assert_int_equal(command->verb, verb);
	assert_int_equal(command->offset, offset);
	assert_int_equal(command->len, len);
}

static void cut_long_pieces_go_directly(void **state)
{
	static const size_t lens[] = { 65536, 69632, MIB(2) + 512 };
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_READ);
	put_pieces(&f, lens, 3);
	f.request.offset = 1024;
	begin(&f);
	assert_int_equal(f.nr, 5);
	assert_command(&f.commands[0], NBD_READ, 1024, 65536);
	assert_ptr_equal(f.commands[0].data, f.iov[0].iov_base);
	assert_command(&f.commands[1], NBD_READ, 1024 + 65536, 69632);
	assert_ptr_equal(f.commands[1].data, f.iov[1].iov_base);
	/* No more at once than the server takes. */
	assert_command(&f.commands[2], NBD_READ, 1024 + 135168, MIB(1));
	assert_command(&f.commands[3], NBD_READ, 1024 + 135168 + MIB(1), MIB(1));
	assert_ptr_equal(f.commands[3].data, (uint8_t *)f.iov[2].iov_base + MIB(1));
	/* What is left is all that is left. */
	assert_command(&f.commands[4], NBD_READ, 1024 + 135168 + MIB(2), 512);
	assert_false(f.commands[4].is_buffered);
	answer_all(&f);
	assert_false(nbd_cut_is_left(&f.request));
	assert_int_equal(f.request.error, 0);
	teardown(&f);
}

static void cut_short_pieces_are_gathered(void **state)
{
	static const size_t lens[] = { 16, 1000, 4096, 4096, 24, 65536, 4096, 4592 };
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_WRITE);
	put_pieces(&f, lens, 8);
	begin(&f);
	/* What is in front of the long one up to a block's end; the rest of that, and all of it. */
	assert_int_equal(f.nr, 2);
	assert_command(&f.commands[0], NBD_WRITE, 0, 9216);
	assert_true(f.commands[0].is_buffered);
	assert_command(&f.commands[1], NBD_WRITE, 9216, 16 + 65536 + 4096 + 4592);
	teardown(&f);
}

static void cut_buffer_has_the_pieces(void **state)
{
	static const size_t lens[] = { 16, 1000, 520 };
	struct cut_fixture f;
	uint8_t *at;

	(void)state;
	setup(&f, DISK_WRITE);
	put_pieces(&f, lens, 3);
	begin(&f);
	assert_int_equal(f.nr, 1);
	assert_ptr_equal(f.commands[0].data, f.buffer);
	at = f.buffer;
	for (unsigned i = 0; i < 3; at += lens[i], i++)
		assert_memory_equal(at, f.iov[i].iov_base, lens[i]);
	teardown(&f);

	setup(&f, DISK_READ);
	put_pieces(&f, lens, 3);
	begin(&f);
	assert_int_equal(f.nr, 1);
	memset(f.buffer, 0xa5, NBD_BUFFER_LEN);
	answer_all(&f);
	at = f.memory;
	for (unsigned i = 0; i < 3; at += lens[i] + 16, i++) {
		assert_int_equal(at[0], 0xa5);
		assert_int_equal(at[lens[i] - 1], 0xa5);
		/* Between the pieces. */
		assert_int_not_equal(at[lens[i]], 0xa5);
	}
	teardown(&f);
}

static void cut_buffer_is_bounded(void **state)
{
	size_t lens[64];
	struct cut_fixture f;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		lens[i] = 8192;
	setup(&f, DISK_READ);
	put_pieces(&f, lens, 64);
	begin(&f);
	assert_int_equal(f.nr, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_command(&f.commands[i], NBD_READ, i * NBD_BUFFER_LEN, NBD_BUFFER_LEN);
	teardown(&f);

	setup(&f, DISK_READ);
	f.server.max_data = 65536;
	put_pieces(&f, lens, 64);
	begin(&f);
	assert_int_equal(f.nr, 8);
	teardown(&f);
}

static void cut_durable_writes(void **state)
{
	static const size_t one[] = { 65536 }, two[] = { 65536, 65536 };
	static const struct {
		bool can_fua, can_flush, many, fua, flush;
	} cases[] = {
		{ true, true, false, true, false },    { true, true, true, false, true },
		{ false, true, false, false, true },   { false, true, true, false, true },
		{ true, false, false, true, false },   { true, false, true, true, false },
		{ false, false, false, false, false }, { false, false, true, false, false },
	};
	struct cut_fixture f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(&f, DISK_WRITE);
		f.request.durable = true;
		f.server.can_fua = cases[i].can_fua;
		f.server.can_flush = cases[i].can_flush;
		put_pieces(&f, cases[i].many ? two : one, cases[i].many ? 2 : 1);
		begin(&f);
		assert_int_equal(f.nr, cases[i].many ? 2 : 1);
		for (unsigned j = 0; j < f.nr; j++)
			assert_int_equal(f.commands[j].fua, cases[i].fua);
		answer_all(&f);
		assert_int_equal(nbd_cut_is_left(&f.request), cases[i].flush);
		if (cases[i].flush) {
			cut(&f);
			assert_int_equal(f.nr, 1);
			assert_command(&f.commands[0], NBD_FLUSH, 0, 0);
			answer_all(&f);
			assert_false(nbd_cut_is_left(&f.request));
		}
		teardown(&f);
	}
}

static void cut_flush(void **state)
{
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_FLUSH);
	begin(&f);
	assert_int_equal(f.nr, 1);
	assert_command(&f.commands[0], NBD_FLUSH, 0, 0);
	answer_all(&f);
	assert_false(nbd_cut_is_left(&f.request));
	teardown(&f);

	setup(&f, DISK_FLUSH);
	f.server.can_flush = false;
	begin(&f);
	assert_int_equal(f.nr, 0);
	assert_false(nbd_cut_is_left(&f.request));
	teardown(&f);
}

static void cut_error_ends_a_request(void **state)
{
	static const size_t lens[] = { 65536, 65536, 65536 };
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_WRITE);
	f.request.durable = true;
	put_pieces(&f, lens, 3);
	nbd_cut_begin(&f.server, &f.request);
	for (f.nr = 0; f.nr < 2; f.nr++)
		assert_true(
			nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[f.nr]));
	assert_false(answer(&f, 1, -ENOSPC));
	assert_false(nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[2]));
	assert_false(answer(&f, 0, -EIO));
	assert_false(nbd_cut_is_left(&f.request));
	/* The first there was. */
	assert_int_equal(f.request.error, -ENOSPC);
	assert_int_equal(f.request.commands, 0);
	teardown(&f);
}

/* A server with blocks of 4 KiB; the request is for bytes 3584 to 9216. */
static void cut_parts_of_blocks(void **state)
{
	static const size_t lens[] = { 512, 5120 };
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_READ);
	f.server.block = 4096;
	f.request.offset = 3584;
	put_pieces(&f, lens, 2);
	assert_false(nbd_cut_is_patch(&f.server, &f.request));
	begin(&f);
	assert_int_equal(f.nr, 3);
	assert_command(&f.commands[0], NBD_READ, 0, 4096);
	assert_command(&f.commands[1], NBD_READ, 4096, 4096);
	assert_command(&f.commands[2], NBD_READ, 8192, 4096);
	memset(f.buffer, 0xa5, 4096);
	f.buffer[3583] = f.buffer[1024] = 0x5a;
	assert_false(answer(&f, 0, 0));
	assert_int_equal(f.memory[0], 0xa5);
	assert_int_equal(f.memory[511], 0xa5);
	assert_int_not_equal(f.memory[512], 0xa5);
	assert_false(answer(&f, 2, 0));
	assert_int_equal(f.memory[528 + 4096], 0xa5);
	assert_int_equal(f.memory[528 + 5119], 0xa5);
	assert_int_not_equal(f.memory[528 + 5120], 0x5a);
	teardown(&f);
}

static void cut_patches_blocks(void **state)
{
	static const size_t lens[] = { 512, 5120 };
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_WRITE);
	f.server.block = 4096;
	f.request.offset = 3584;
	f.request.durable = true;
	put_pieces(&f, lens, 2);
	nbd_cut_begin(&f.server, &f.request);
	assert_true(nbd_cut_is_patch(&f.server, &f.request));
	assert_true(nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[0]));
	assert_command(&f.commands[0], NBD_READ, 0, 4096);
	memset(f.buffer, 0xa5, 4096);
	assert_true(answer(&f, 0, 0));
	assert_command(&f.commands[0], NBD_WRITE, 0, 4096);
	assert_int_equal(f.buffer[3583], 0xa5);
	assert_memory_equal(f.buffer + 3584, f.memory, 512);
	assert_false(answer(&f, 0, 0));

	assert_false(nbd_cut_is_patch(&f.server, &f.request));
	assert_true(nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[0]));
	assert_command(&f.commands[0], NBD_WRITE, 4096, 4096);
	assert_false(answer(&f, 0, 0));

	assert_true(nbd_cut_is_patch(&f.server, &f.request));
	assert_true(nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[0]));
	assert_command(&f.commands[0], NBD_READ, 8192, 4096);
	/* The other half of it can't be read. */
	assert_false(answer(&f, 0, -EIO));
	assert_false(nbd_cut_is_left(&f.request));
	assert_int_equal(f.request.error, -EIO);
	teardown(&f);
}

static void cut_zeroes(void **state)
{
	struct cut_fixture f;

	(void)state;
	for (unsigned unmap = 0; unmap < 2; unmap++) {
		setup(&f, DISK_WRITE_ZEROES);
		f.request.len = GIB(2) + 512;
		f.request.may_unmap = unmap;
		begin(&f);
		/* One at a time. */
		assert_int_equal(f.nr, 1);
		assert_command(&f.commands[0], NBD_ZERO, 0, GIB(1));
		assert_int_equal(f.commands[0].no_hole, !unmap);
		answer_all(&f);
		assert_true(nbd_cut_is_left(&f.request));
		cut(&f);
		answer_all(&f);
		cut(&f);
		assert_int_equal(f.nr, 1);
		assert_command(&f.commands[0], NBD_ZERO, GIB(2), 512);
		answer_all(&f);
		assert_false(nbd_cut_is_left(&f.request));
		teardown(&f);
	}
}

static void cut_zeroes_are_written(void **state)
{
	struct cut_fixture f;

	(void)state;
	/* The server can't, and says so before, or only then. */
	for (unsigned late = 0; late < 2; late++) {
		setup(&f, DISK_WRITE_ZEROES);
		f.server.can_zero = late;
		f.request.offset = 512;
		f.request.len = NBD_ZEROES_LEN + 1024;
		f.request.durable = true;
		begin(&f);
		if (late) {
			assert_command(&f.commands[0], NBD_ZERO, 512, NBD_ZEROES_LEN + 1024);
			assert_true(f.commands[0].fua);
			assert_false(answer(&f, 0, -EOPNOTSUPP));
			assert_true(nbd_cut_is_left(&f.request));
			cut(&f);
		}
		assert_int_equal(f.nr, 2);
		assert_command(&f.commands[0], NBD_WRITE, 512, NBD_ZEROES_LEN);
		assert_command(&f.commands[1], NBD_WRITE, 512 + NBD_ZEROES_LEN, 1024);
		assert_ptr_equal(f.commands[0].data, f.zeroes);
		assert_false(f.commands[0].fua);
		answer_all(&f);
		/* To make it durable. */
		assert_true(nbd_cut_is_left(&f.request));
		cut(&f);
		assert_int_equal(f.nr, 1);
		assert_int_equal(f.commands[0].verb, NBD_FLUSH);
		answer_all(&f);
		assert_int_equal(f.request.error, 0);
		teardown(&f);
	}
}

static void cut_zeroes_patch_blocks(void **state)
{
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_WRITE_ZEROES);
	f.server.block = 4096;
	f.request.offset = 512;
	f.request.len = 8192;
	nbd_cut_begin(&f.server, &f.request);
	assert_true(nbd_cut_is_patch(&f.server, &f.request));
	assert_true(nbd_cut_next(&f.server, &f.request, f.buffer, f.zeroes, &f.commands[0]));
	memset(f.buffer, 0xa5, 4096);
	assert_true(answer(&f, 0, 0));
	assert_int_equal(f.buffer[511], 0xa5);
	assert_int_equal(f.buffer[512], 0);
	assert_int_equal(f.buffer[4095], 0);
	assert_false(answer(&f, 0, 0));
	cut(&f);
	assert_int_equal(f.nr, 1);
	assert_command(&f.commands[0], NBD_ZERO, 4096, 4096);
	answer_all(&f);
	assert_true(nbd_cut_is_patch(&f.server, &f.request));
	teardown(&f);
}

static void cut_discards(void **state)
{
	struct cut_fixture f;

	(void)state;
	setup(&f, DISK_DISCARD);
	f.server.block = 4096;
	f.request.offset = 512;
	f.request.len = 4096 * 3;
	begin(&f);
	assert_int_equal(f.nr, 1);
	assert_command(&f.commands[0], NBD_TRIM, 4096, 8192);
	/* It is a hint. */
	assert_false(answer(&f, 0, -EOPNOTSUPP));
	assert_false(nbd_cut_is_left(&f.request));
	assert_int_equal(f.request.error, 0);
	assert_false(f.server.can_trim);
	f.request.offset = 0;
	f.request.len = 4096;
	begin(&f);
	assert_int_equal(f.nr, 0);
	teardown(&f);

	/* Less than a block. */
	setup(&f, DISK_DISCARD);
	f.server.block = 4096;
	f.request.offset = 512;
	f.request.len = 7168;
	begin(&f);
	assert_int_equal(f.nr, 0);
	assert_false(nbd_cut_is_left(&f.request));
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_long_pieces_go_directly),
		cmocka_unit_test(cut_short_pieces_are_gathered),
		cmocka_unit_test(cut_buffer_has_the_pieces),
		cmocka_unit_test(cut_buffer_is_bounded),
		cmocka_unit_test(cut_durable_writes),
		cmocka_unit_test(cut_flush),
		cmocka_unit_test(cut_error_ends_a_request),
		cmocka_unit_test(cut_parts_of_blocks),
		cmocka_unit_test(cut_patches_blocks),
		cmocka_unit_test(cut_zeroes),
		cmocka_unit_test(cut_zeroes_are_written),
		cmocka_unit_test(cut_zeroes_patch_blocks),
		cmocka_unit_test(cut_discards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
