/* SPDX-License-Identifier: MIT */
/* Rings that break a rule: each is found out, named, and harmless. */
#include "tests/unit/virtio_fixture.h"

#define SIZE  8
#define FAR   UINT64_C(0xffffffff00000000)
#define NEXT  VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define TABLE VRING_DESC_F_INDIRECT
#define RAM   MOCK_RAM_BASE
#define END   (MOCK_RAM_BASE + MOCK_RAM_SIZE)
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)

/* What a hostile driver puts into its descriptors, from slot 0 on, and into those of a table. */
struct ring_case {
	const char *rule;
	struct vring_desc desc[4]; /* packed: next is the ID */
	struct vring_desc table[3];
	bool no_indirect; /* the feature was not accepted */
};

/* desc.addr of a table: its place is known at run time only. */
#define THE_TABLE UINT64_C(0x7ab1e)

static const struct ring_case split_cases[] = {
	{ "next-range", { { RAM, 8, NEXT, SIZE } }, { { 0 } }, false },
	{ "next-range", { { RAM, 8, NEXT, 0xffff } }, { { 0 } }, false },
	{ "chain-length", { { RAM, 8, NEXT, 0 } }, { { 0 } }, false },
	{ "chain-length", { { RAM, 8, NEXT, 1 }, { RAM, 8, NEXT, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { 0, 8, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { END, 1, WRITE, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { END - 8, 9, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { RAM - 1, 8, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { UINT64_MAX, 8, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { FAR, 0xffffffff, WRITE, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { RAM, 0xffffffff, 0, 0 } }, { { 0 } }, false },
	{ "buffer-order", { { RAM, 8, NEXT | WRITE, 1 }, { RAM, 8, 0, 0 } }, { { 0 } }, false },
	{ "indirect-feature", { { THE_TABLE, 16, TABLE, 0 } }, { { RAM, 8, 0, 0 } }, true },
	{ "indirect-next", { { THE_TABLE, 16, TABLE | NEXT, 1 } }, { { RAM, 8, 0, 0 } }, false },
	{ "indirect-size", { { THE_TABLE, 0, TABLE, 0 } }, { { RAM, 8, 0, 0 } }, false },
	{ "indirect-size", { { THE_TABLE, 17, TABLE, 0 } }, { { RAM, 8, 0, 0 } }, false },
	{ "indirect-memory", { { END - 16, 32, TABLE, 0 } }, { { 0 } }, false },
	{ "indirect-memory", { { UINT64_MAX - 15, 16, TABLE, 0 } }, { { 0 } }, false },
	{ "indirect-memory", { { RAM, 0xfffffff0, TABLE, 0 } }, { { 0 } }, false },
	{ "indirect-nested",
	  { { THE_TABLE, 16, TABLE, 0 } },
	  { { THE_TABLE, 16, TABLE, 0 } },
	  false },
	{ "indirect-nested",
	  { { THE_TABLE, 32, TABLE, 0 } },
	  { { RAM, 8, NEXT, 1 }, { RAM, 16, TABLE, 0 } },
	  false },
	{ "next-range", { { THE_TABLE, 16, TABLE, 0 } }, { { RAM, 8, NEXT, 1 } }, false },
	{ "next-range", { { THE_TABLE, 48, TABLE, 0 } }, { { RAM, 8, NEXT, 3 } }, false },
	{ "chain-length", { { THE_TABLE, 16, TABLE, 0 } }, { { RAM, 8, NEXT, 0 } }, false },
	{ "buffer-order",
	  { { THE_TABLE, 32, TABLE, 0 } },
	  { { RAM, 8, NEXT | WRITE, 1 }, { RAM, 8, 0, 0 } },
	  false },
	{ "buffer-memory", { { THE_TABLE, 16, TABLE, 0 } }, { { END, 8, 0, 0 } }, false },
	{ "buffer-memory",
	  { { RAM, 8, NEXT, 1 }, { THE_TABLE, 16, TABLE, 0 } },
	  { { END, 8, 0, 0 } },
	  false },
};

/* The first descriptor gets its AVAIL bit by the test, later ones have it here or not. */
static const struct ring_case packed_cases[] = {
	{ "buffer-memory", { { END - 1, 2, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { UINT64_MAX, 2, 0, 0 } }, { { 0 } }, false },
	{ "buffer-memory", { { RAM, 8, NEXT, 0 }, { END, 8, AVAIL, 0 } }, { { 0 } }, false },
	{ "list-not-available", { { RAM, 8, NEXT, 0 }, { RAM, 8, 0, 0 } }, { { 0 } }, false },
	{ "buffer-order", { { RAM, 8, NEXT | WRITE, 0 }, { RAM, 8, AVAIL, 0 } }, { { 0 } }, false },
	{ "indirect-feature", { { THE_TABLE, 16, TABLE, 0 } }, { { RAM, 8, 0, 0 } }, true },
	{ "indirect-next",
	  { { THE_TABLE, 16, TABLE | NEXT, 0 }, { RAM, 8, AVAIL, 0 } },
	  { { RAM, 8, 0, 0 } },
	  false },
	{ "indirect-next",
	  { { RAM, 8, NEXT, 0 }, { THE_TABLE, 16, TABLE | AVAIL, 0 } },
	  { { RAM, 8, 0, 0 } },
	  false },
	{ "indirect-size", { { THE_TABLE, 8, TABLE, 0 } }, { { RAM, 8, 0, 0 } }, false },
	{ "indirect-memory", { { END, 16, TABLE, 0 } }, { { 0 } }, false },
	{ "buffer-order",
	  { { THE_TABLE, 32, TABLE, 0 } },
	  { { RAM, 8, WRITE, 0 }, { RAM, 8, 0, 0 } },
	  false },
};

static struct vring_desc placed(struct vring_desc desc, uint64_t table)
{
	if (desc.addr == THE_TABLE)
		desc.addr = table;
	return desc;
}

static void put_packed(struct queue_fixture *f, unsigned slot, struct vring_desc desc)
{
	f->ring.packed_desc[slot] =
		(struct vring_packed_desc){ desc.addr, desc.len, desc.next, desc.flags };
}

static void run_case(const struct ring_case *c, uint64_t layout)
{
	uint64_t features = layout | (c->no_indirect ? 0 : MOCK_F_INDIRECT), table;
	struct queue_fixture f;

	queue_setup(&f, SIZE, features);
	/* On an odd address, which is allowed. */
	table = mock_ram_alloc(&f.ram, sizeof(c->table), 16) + 1;
	f.ram.next++;
	for (unsigned i = 0; i < ARRAY_SIZE(c->table); i++) {
		struct vring_desc desc = placed(c->table[i], table);
		struct vring_packed_desc packed = { desc.addr, desc.len, 0, desc.flags };

		if (f.ring.packed)
			memcpy(mock_ram_at(&f.ram, table + 16 * i), &packed, sizeof(packed));
		else
			memcpy(mock_ram_at(&f.ram, table + 16 * i), &desc, sizeof(desc));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(c->desc); i++) {
		if (f.ring.packed)
			put_packed(&f, i, placed(c->desc[i], table));
		else
			f.ring.desc[i] = placed(c->desc[i], table);
	}
	if (f.ring.packed)
		f.ring.packed_desc[0].flags |= AVAIL;
	else
		f.ring.avail->idx = 1;
	expect_break(&f, features, c->rule);
	queue_teardown(&f);
}

static void split_malformed_chains_break_the_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(split_cases); i++)
		run_case(&split_cases[i], 0);
}

static void packed_malformed_lists_break_the_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(packed_cases); i++)
		run_case(&packed_cases[i], MOCK_F_PACKED);
}

/* Overlapping buffers add up to more than 2^32 bytes in little memory. */
static void split_sum_of_lengths_is_bounded(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 256, 0);
	/* As if memory were 1 GiB: nothing reads it. */
	f.ram.mem.regions[0].size = GIB(1);
	for (unsigned i = 0; i < 5; i++)
		f.ring.desc[i] = (struct vring_desc){ RAM, 0x3fffffff, NEXT, (uint16_t)(i + 1) };
	f.ring.avail->idx = 1;
	expect_break(&f, 0, "chain-bytes");
	queue_teardown(&f);
}

static void split_avail_ring_is_checked(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, SIZE, 0);
	f.ring.avail->idx = SIZE + 1;
	expect_break(&f, 0, "avail-jump");
	queue_teardown(&f);

	queue_setup(&f, SIZE, 0);
	f.ring.avail->idx = 0xffff; /* backwards */
	expect_break(&f, 0, "avail-jump");
	queue_teardown(&f);

	queue_setup(&f, SIZE, 0);
	f.ring.avail->ring[0] = SIZE;
	f.ring.avail->idx = 1;
	expect_break(&f, 0, "head-range");
	queue_teardown(&f);

	queue_setup(&f, SIZE, 0);
	f.ring.desc[3] = (struct vring_desc){ RAM, 8, 0, 0 };
	f.ring.avail->ring[0] = f.ring.avail->ring[1] = 3;
	f.ring.avail->idx = 2;
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
	expect_break(&f, 0, "head-in-flight");
	queue_teardown(&f);
}

static void packed_ring_is_not_overrun(void **state)
{
	struct queue_fixture f;

	(void)state;
	/* All slots in flight, and the driver says that they are available again. */
	queue_setup(&f, SIZE, MOCK_F_PACKED);
	for (uint16_t i = 0; i < SIZE; i++)
		put_packed(&f, i, (struct vring_desc){ RAM, 8, AVAIL, i });
	for (uint16_t i = 0; i < SIZE; i++)
		assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
	for (uint16_t i = 0; i < SIZE; i++)
		f.ring.packed_desc[i].flags = 1u << VRING_PACKED_DESC_F_USED;
	virtqueue_start_batch(&f.vq);
	expect_break(&f, MOCK_F_PACKED, "list-overrun");
	queue_teardown(&f);

	/* A list that goes round the ring. */
	queue_setup(&f, SIZE, MOCK_F_PACKED);
	for (uint16_t i = 0; i < SIZE; i++)
		put_packed(&f, i, (struct vring_desc){ RAM, 8, AVAIL | NEXT, 0 });
	f.ring.packed_desc[0].flags = AVAIL | NEXT;
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), -EIO);
	assert_true(found_only("list-not-available"));
	queue_teardown(&f);

	/* One ID for two. */
	queue_setup(&f, SIZE, MOCK_F_PACKED);
	put_packed(&f, 0, (struct vring_desc){ RAM, 8, AVAIL, 0xffff });
	put_packed(&f, 1, (struct vring_desc){ RAM, 8, AVAIL, 0xffff });
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
	assert_int_equal(f.chain.head, 0xffff);
	expect_break(&f, MOCK_F_PACKED, "head-in-flight");
	queue_teardown(&f);
}

static void ring_empty_buffers_are_passed_over(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, SIZE, 0);
	f.ring.desc[0] = (struct vring_desc){ UINT64_MAX, 0, NEXT, 1 };
	f.ring.desc[1] = (struct vring_desc){ RAM, 8, WRITE, 0 };
	f.ring.avail->idx = 1;
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
	assert_int_equal(f.chain.nr_out, 0);
	assert_int_equal(f.chain.in_len, 8);
	assert_true(found_only("buffer-empty"));
	virtqueue_push(&f.vq, &f.chain, 8);
	queue_teardown(&f);
}

static void packed_table_is_not_longer_than_the_queue(void **state)
{
	const uint64_t features = MOCK_F_PACKED | MOCK_F_INDIRECT;
	struct mock_buffer buffers[SIZE + 1];
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, SIZE, features);
	for (unsigned i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = mock_buffer(&f.ram, 1, true, 0);
	mock_ring_add_indirect(&f.ring, buffers, ARRAY_SIZE(buffers));
	expect_break(&f, features, "chain-length");
	queue_teardown(&f);
}

/* 2.8.7: only WRITE counts there. */
static void packed_table_ignores_other_flags(void **state)
{
	struct queue_fixture f;
	struct vring_packed_desc *table;
	uint64_t gpa;

	(void)state;
	queue_setup(&f, SIZE, MOCK_F_PACKED | MOCK_F_INDIRECT);
	gpa = mock_ram_alloc(&f.ram, 32, 16);
	table = mock_ram_at(&f.ram, gpa);
	table[0] = (struct vring_packed_desc){ RAM, 8, 7, NEXT | TABLE | 0x7ff0 };
	table[1] = (struct vring_packed_desc){ RAM, 8, 9, WRITE | NEXT | 0xfff0 };
	put_packed(&f, 0, (struct vring_desc){ gpa, 32, AVAIL | TABLE | WRITE, 5 });
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
	assert_int_equal(f.chain.head, 5);
	assert_int_equal(f.chain.nr_out, 1);
	assert_int_equal(f.chain.nr_in, 1);
	assert_true(found_nothing());
	virtqueue_push(&f.vq, &f.chain, 8);
	queue_teardown(&f);
}

/* 2.8.3: in a used descriptor, WRITE says that something was written. */
static void packed_used_descriptor_tells_of_writes(void **state)
{
	const uint16_t used = AVAIL | 1u << VRING_PACKED_DESC_F_USED;
	struct queue_fixture f;
	struct mock_buffer buffer;

	(void)state;
	queue_setup(&f, SIZE, MOCK_F_PACKED);
	buffer = mock_buffer(&f.ram, 8, true, 0);
	for (uint16_t len = 0; len < 2; len++) {
		mock_ring_add(&f.ring, &buffer, 1);
		assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
		virtqueue_push(&f.vq, &f.chain, len);
		assert_int_equal(f.ring.packed_desc[len].flags, len ? used | WRITE : used);
	}
	queue_teardown(&f);
}

static void packed_reserved_event_flags_signal(void **state)
{
	struct queue_fixture f;
	struct mock_buffer buffer;

	(void)state;
	queue_setup(&f, SIZE, MOCK_F_PACKED);
	buffer = mock_buffer(&f.ram, 8, true, 0);
	for (uint16_t flags = 2; flags <= 3; flags++) {
		f.ring.driver_event->flags = flags; /* 2 is EVENT_IDX's, not accepted */
		mock_ring_add(&f.ring, &buffer, 1);
		assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
		virtqueue_push(&f.vq, &f.chain, 0);
		assert_true(virtqueue_should_signal(&f.vq));
		assert_true(found_only("event-flags"));
	}
	queue_teardown(&f);
}

struct geometry_case {
	const char *rule;
	uint64_t features;
	uint16_t size;
	unsigned area;
	uint64_t gpa;
	int result;
};

static void ring_geometry_is_checked(void **state)
{
	static const struct geometry_case cases[] = {
		{ "queue-size", 0, 0, 0, RAM, -EINVAL },
		{ "queue-size", 0, 512, 0, RAM, -EINVAL },
		{ "queue-size", 0, 0xffff, 0, RAM, -EINVAL },
		{ "queue-size", 0, 6, 0, RAM, -EINVAL },
		{ "queue-size", MOCK_F_PACKED, 257, 0, RAM, -EINVAL },
		{ "queue-align", 0, 8, 0, RAM + 8, -EINVAL },
		{ "queue-align", 0, 8, 1, RAM + 1, -EINVAL },
		{ "queue-align", 0, 8, 2, RAM + 2, -EINVAL },
		{ "queue-align", MOCK_F_PACKED, 8, 1, RAM + 2, -EINVAL },
		{ "queue-memory", 0, 8, 0, END - 112, -EFAULT },
		{ "queue-memory", 0, 8, 0, UINT64_MAX - 15, -EFAULT },
		{ "queue-memory", 0, 8, 1, END - 20, -EFAULT },
		{ "queue-memory", 0, 8, 2, END - 68, -EFAULT },
		{ "queue-memory", 0, 8, 2, 0, -EFAULT },
		{ "queue-memory", MOCK_F_PACKED, 8, 2, END, -EFAULT },
		{ "queue-overlap", 0, 8, 1, RAM + 0x1000 + 64, 0 },
		{ NULL, MOCK_F_PACKED, 6, 1, RAM, 0 }, /* need not be a power of two */
		{ NULL, 0, 8, 0, END - 128, 0 },
	};
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, SIZE, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct geometry_case *c = &cases[i];

		virtqueue_reset(&f.vq);
		f.vq.size = c->size;
		for (unsigned area = 0; area < 3; area++)
			f.vq.areas[area] = RAM + 0x1000 * (area + 1);
		f.vq.areas[c->area] = c->gpa;
		assert_int_equal(virtqueue_enable(&f.vq, c->features), c->result);
		assert_int_equal(f.vq.enabled, c->result == 0);
		assert_true(c->rule ? found_only(c->rule) : found_nothing());
	}
	queue_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_malformed_chains_break_the_ring),
		cmocka_unit_test(packed_malformed_lists_break_the_ring),
		cmocka_unit_test(split_sum_of_lengths_is_bounded),
		cmocka_unit_test(split_avail_ring_is_checked),
		cmocka_unit_test(packed_ring_is_not_overrun),
		cmocka_unit_test(ring_empty_buffers_are_passed_over),
		cmocka_unit_test(packed_table_is_not_longer_than_the_queue),
		cmocka_unit_test(packed_table_ignores_other_flags),
		cmocka_unit_test(packed_used_descriptor_tells_of_writes),
		cmocka_unit_test(packed_reserved_event_flags_signal),
		cmocka_unit_test(ring_geometry_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
