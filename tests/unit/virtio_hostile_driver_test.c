/* SPDX-License-Identifier: MIT */
/*
 * What a hostile driver may try with any device, tried with each: none crashes, hangs or reads
 * beyond, and each works after a reset.  What only one device can be done to is with its own tests.
 */
#include "tests/unit/virtio_every_device.h"

#define SIZE      EVERY_RING_SIZE
#define NEXT      VRING_DESC_F_NEXT
#define WRITE     VRING_DESC_F_WRITE
#define TABLE     VRING_DESC_F_INDIRECT
#define RAM       MOCK_RAM_BASE
#define END       (MOCK_RAM_BASE + MOCK_RAM_SIZE)

/* desc.addr of a table: its place is known at run time only. */
#define THE_TABLE 1
#define TABLE_MAX (2 * SIZE)

/* What the driver makes available; @table_len: descriptors that @table is repeated for */
struct hostile_chain {
	const char *rule;
	uint16_t head;
	struct vring_desc desc[2], table;
	unsigned table_len;
};

static const struct hostile_chain chains[] = {
	/* A head beyond the ring. */
	{ "head-range", SIZE, { { RAM, 8, 0, 0 } }, { 0 }, 0 },
	{ "head-range", 0xffff, { { RAM, 8, 0, 0 } }, { 0 }, 0 },
	{ "next-range", 0, { { RAM, 8, NEXT, SIZE } }, { 0 }, 0 },
	/* Loops. */
	{ "chain-length", 0, { { RAM, 8, NEXT, 0 } }, { 0 }, 0 },
	{ "chain-length", 0, { { RAM, 8, NEXT, 1 }, { RAM, 8, NEXT, 0 } }, { 0 }, 0 },
	/* More than the queue has. */
	{ "chain-length", 0, { { THE_TABLE, 0, TABLE, 0 } }, { RAM, 8, NEXT, 0 }, TABLE_MAX },
	/* A table in a table. */
	{ "indirect-nested", 0, { { THE_TABLE, 0, TABLE, 0 } }, { RAM, 16, TABLE, 0 }, 1 },
	/* Buffers outside of memory. */
	{ "buffer-memory", 0, { { 0, 8, 0, 0 } }, { 0 }, 0 },
	{ "buffer-memory", 0, { { END - 8, 9, WRITE, 0 } }, { 0 }, 0 },
	{ "buffer-memory", 0, { { THE_TABLE, 0, TABLE, 0 } }, { END, 1, 0, 0 }, 1 },
	{ "indirect-memory", 0, { { END, 16, TABLE, 0 } }, { 0 }, 0 },
	/* Lengths that overflow. */
	{ "buffer-memory", 0, { { UINT64_MAX, 8, WRITE, 0 } }, { 0 }, 0 },
	{ "buffer-memory", 0, { { RAM, UINT32_MAX, 0, 0 } }, { 0 }, 0 },
	{ "buffer-memory", 0, { { UINT64_MAX - 7, UINT32_MAX, 0, 0 } }, { 0 }, 0 },
	{ "indirect-memory", 0, { { UINT64_MAX - 15, 16, TABLE, 0 } }, { 0 }, 0 },
};

static struct every_machine machine;

static void for_each_device(void (*fn)(struct every_machine *m))
{
	for (unsigned i = 0; i < ARRAY_SIZE(every_device); i++) {
		every_setup(&machine, &every_device[i]);
		fn(&machine);
		every_teardown(&machine);
	}
}

static void offer(struct every_machine *m, unsigned q, const struct hostile_chain *chain)
{
	struct mock_ring *ring = &m->rings[q];
	uint64_t table = mock_ram_alloc(&m->ram, TABLE_MAX * sizeof(chain->table), 16);
	struct vring_desc *entries = mock_ram_at(&m->ram, table);

	for (unsigned i = 0; i < chain->table_len; i++) {
		entries[i] = chain->table;
		if (entries[i].flags & NEXT)
			entries[i].next = (uint16_t)((i + 1) % chain->table_len);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(chain->desc); i++) {
		ring->desc[i] = chain->desc[i];
		if (ring->desc[i].addr == THE_TABLE) {
			ring->desc[i].addr = table;
			ring->desc[i].len = chain->table_len * (uint32_t)sizeof(*entries);
		}
	}
	ring->avail->ring[0] = chain->head;
	ring->avail->idx = 1;
}

/* A finding, an interrupt, a device that does nothing more; and after a reset it works. */
static void expect_break(struct every_machine *m, unsigned q, const struct hostile_chain *chain)
{
	uint32_t status;

	every_kick(m, q);
	if (!found_only(chain->rule))
		fail_msg("%s, queue %u: %s expected, got %s", m->kind->name, q, chain->rule,
			 recorded.last_rule ? recorded.last_rule : "nothing, or several");
	status = mock_mmio_read(m->dev, VIRTIO_MMIO_STATUS);
	assert_true(status & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(mock_mmio_acknowledge(m->dev) & VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(m->rings[q].used->idx, 0);
	recorded.pops = 0;
	every_queue(m, other)
		every_kick(m, other);
	assert_int_equal(recorded.pops, 0);
	assert_true(found_nothing());
	every_start(m);
	m->kind->expect_works(m);
}

static void break_each_queue(struct every_machine *m)
{
	every_queue(m, q) {
		for (unsigned i = 0; i < ARRAY_SIZE(chains) && m->kind->heard & 1u << q; i++) {
			every_start(m);
			offer(m, q, &chains[i]);
			expect_break(m, q, &chains[i]);
		}
	}
}

static void malformed_chains_need_a_reset(void **state)
{
	(void)state;
	for_each_device(break_each_queue);
}

static void notify_early(struct every_machine *m)
{
	const struct mock_buffer buffers[] = { mock_buffer(&m->ram, 64, false, 0),
					       mock_buffer(&m->ram, 64, true, 0) };

	assert_true(mock_mmio_negotiate(m->dev, m->features));
	every_queue(m, q) {
		mock_ring_init(&m->rings[q], &m->ram, SIZE, m->features);
		mock_mmio_enable_queue(m->dev, q, &m->rings[q]);
		assert_true(mock_ring_add(&m->rings[q], buffers, 2) >= 0);
		recorded.pops = 0;
		every_kick(m, q);
		assert_true(found_only("notify-early"));
		assert_int_equal(recorded.pops, 0);
		assert_int_equal(m->rings[q].used->idx, 0);
	}
	every_start(m);
	m->kind->expect_works(m);
	every_kick(m, EVERY_NO_QUEUE);
	assert_true(found_only("notify-queue"));
}

static void nothing_happens_before_driver_ok(void **state)
{
	(void)state;
	for_each_device(notify_early);
}

static void accept_too_much(struct every_machine *m)
{
	uint64_t offered = mock_mmio_offered(m->dev);

	for (unsigned bit = 0; bit < 64; bit++) {
		if (offered & MOCK_FEATURE(bit))
			continue;
		assert_false(mock_mmio_negotiate(m->dev, m->features | MOCK_FEATURE(bit)));
		assert_true(found_only("features-not-offered"));
	}
	assert_false(mock_mmio_negotiate(m->dev, m->features & ~MOCK_F_VERSION_1));
	assert_true(found_only("features-version-1"));
	every_start(m);
	m->kind->expect_works(m);
}

static void features_not_offered_are_refused(void **state)
{
	(void)state;
	for_each_device(accept_too_much);
}

/* The driver moves a queue, or turns it on again, while it is in use. */
static void enable_again(struct every_machine *m)
{
	struct mock_ring other;

	every_queue(m, q) {
		mock_ring_init(&other, &m->ram, SIZE / 2, m->features);
		mock_mmio_enable_queue(m->dev, q, &other);
		assert_true(recorded.findings > 0);
		assert_string_equal(recorded.last_rule, "queue-live");
		start_recording();
	}
	m->kind->expect_works(m);
}

static void queues_in_use_stay_where_they_are(void **state)
{
	(void)state;
	for_each_device(enable_again);
}

/* Each byte is the same in accesses of any width; beyond the last field there is nothing. */
static void read_configuration(struct every_machine *m)
{
	uint8_t alone, bytes[16];

	for (unsigned off = 0; off < m->kind->config_len + 16; off++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(bytes, 0x5a, sizeof(bytes));
			m->dev->ops->read(m->dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
			for (unsigned i = 0; i < len; i++) {
				m->dev->ops->read(m->dev, VIRTIO_MMIO_CONFIG + off + i, &alone, 1);
				assert_int_equal(bytes[i], alone);
				assert_true(off + i < m->kind->config_len || alone == 0);
			}
			assert_int_equal(bytes[len], 0x5a);
		}
	}
	for (unsigned off = 0; off < m->kind->config_len + 16; off++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(bytes, 0xff, sizeof(bytes));
			m->dev->ops->write(m->dev, VIRTIO_MMIO_CONFIG + off, bytes, len);
		}
	}
	start_recording();
	every_start(m);
	m->kind->expect_works(m);
}

static void configuration_is_accessed_anyhow(void **state)
{
	(void)state;
	for_each_device(read_configuration);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_chains_need_a_reset),
		cmocka_unit_test(nothing_happens_before_driver_ok),
		cmocka_unit_test(features_not_offered_are_refused),
		cmocka_unit_test(queues_in_use_stay_where_they_are),
		cmocka_unit_test(configuration_is_accessed_anyhow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
