/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue whose rings the fuzzer fills, as a hostile guest would, while a device pops and
 * pushes.  The first byte chooses layout, features and size; then each step has 12 bytes.  What
 * must hold of every chain that is popped is checked here; the rest is up to the sanitizers.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio/virtqueue.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT_MAX   8
#define TABLE_SIZE 512 /* bytes of indirect tables */

enum {
	POKE_AREA,
	POKE_TABLE,
	DESCRIPTOR,
	TABLE_DESCRIPTOR,
	OFFER,
	ADD_CHAIN,
	ADD_TABLE,
	POP,
	PUSH,
	UNDO,
	NOTIFY,
	SIGNAL,
	RESET,
	NR_ACTIONS,
};

struct step {
	uint8_t action, index;
	uint16_t flags, next, small;
	uint32_t len;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring ring;
	struct virtqueue vq;
	uint64_t features, table;
	struct virtq_chain kept[KEPT_MAX];
	unsigned nr_kept, breaks;
};

static void on_broken(void *ctx)
{
	((struct machine *)ctx)->breaks++;
}

static void enable(struct machine *m)
{
	m->vq.size = m->ring.size;
	memcpy(m->vq.areas, m->ring.areas, sizeof(m->vq.areas));
	must(virtqueue_enable(&m->vq, m->features) == 0);
	m->nr_kept = 0;
	m->breaks = 0;
}

/* Addresses on both sides of the edges, and good ones. */
static uint64_t address(const struct machine *m, const struct step *step)
{
	switch (step->small % 8) {
	case 0: return MOCK_RAM_BASE + MOCK_RAM_SIZE - step->small / 8;
	case 1: return UINT64_MAX - step->small / 8;
	case 2: return MOCK_RAM_BASE - step->small / 8;
	case 3: return m->table + step->small / 8 % 32;
	default: return MOCK_RAM_BASE + MOCK_RAM_SIZE / 2 + step->small;
	}
}

static void put_descriptor(struct machine *m, uint8_t *at, const struct step *step)
{
	const struct vring_desc split = { address(m, step), step->len >> step->index % 32,
					  step->flags, step->next };
	const struct vring_packed_desc packed = { split.addr, split.len, split.next, split.flags };

	if (m->ring.packed)
		memcpy(at, &packed, sizeof(packed));
	else
		memcpy(at, &split, sizeof(split));
}

/* Makes what is in the ring available, or not quite. */
static void offer(struct machine *m, const struct step *step)
{
	struct mock_ring *ring = &m->ring;

	if (ring->packed) {
		uint16_t *flags = &ring->packed_desc[m->vq.last_avail].flags;

		*flags &= (uint16_t) ~(1u << VRING_PACKED_DESC_F_AVAIL |
				       1u << VRING_PACKED_DESC_F_USED);
		*flags |= m->vq.avail_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL
					   : 1u << VRING_PACKED_DESC_F_USED;
		return;
	}
	ring->avail->ring[ring->avail->idx % ring->size] = step->next;
	ring->avail->idx = (uint16_t)(ring->avail->idx + (step->flags % 16 ? 1 : step->small));
}

/* A good chain, which gets the ring round the next corner. */
static void add_chain(struct machine *m, const struct step *step)
{
	struct mock_buffer buffers[4];
	unsigned count = 1 + step->index % 4;

	for (unsigned i = 0; i < count; i++)
		buffers[i] = (struct mock_buffer){ MOCK_RAM_BASE + MOCK_RAM_SIZE / 2 + i * 64u,
						   1 + step->small % 256u, i >= step->flags % 4u };
	if (m->ring.nr_free < count || m->ring.next_avail >= 0x8000)
		return;
	(void)mock_ring_add(&m->ring, buffers, count);
}

/* Good descriptors in the table, as many as the step says, of which others then make bad ones; and
 * a chain that refers to it. */
static void add_table(struct machine *m, const struct step *step)
{
	unsigned count = 1 + step->index % (TABLE_SIZE / 16);
	const struct mock_buffer buffer = { m->table, 16 * count, false };
	uint16_t *flags;
	int head;

	for (uint16_t i = 0; i < count; i++) {
		struct step desc = {
			.index = 24, .small = 4, .len = step->len, .flags = VRING_DESC_F_NEXT
		};

		if (i >= step->small % 32u)
			desc.flags |= VRING_DESC_F_WRITE;
		if (i + 1u == count)
			desc.flags &= (uint16_t)~VRING_DESC_F_NEXT;
		desc.next = i + 1u;
		put_descriptor(m, (uint8_t *)mock_ram_at(&m->ram, m->table) + 16u * i, &desc);
	}
	if (m->ring.nr_free == 0 || m->ring.next_avail >= 0x8000)
		return;
	flags = m->ring.packed ? &m->ring.packed_desc[m->ring.next_avail].flags : NULL;
	head = mock_ring_add(&m->ring, &buffer, 1);
	if (!flags)
		flags = &m->ring.desc[head].flags;
	*flags |= VRING_DESC_F_INDIRECT;
}

static void check_chain(const struct machine *m, struct virtq_chain *chain)
{
	const uint8_t *ram = m->ram.bytes;
	uint64_t out = 0, in = 0;

	must(chain->nr_desc >= 1 && chain->nr_desc <= m->vq.size);
	must(chain->nr_out + chain->nr_in <= chain->nr_desc);
	for (unsigned i = 0; i < chain->nr_out + chain->nr_in; i++) {
		const struct iovec *piece = &chain->iov[i];
		const uint8_t *base = piece->iov_base;

		must(piece->iov_len > 0);
		must(base >= ram && base + piece->iov_len <= ram + MOCK_RAM_SIZE);
		*(i < chain->nr_out ? &out : &in) += piece->iov_len;
	}
	must(out == chain->out_len && in == chain->in_len);
}

static void pop(struct machine *m)
{
	struct virtq_chain chain;
	uint8_t bytes[64] = { 0 };
	bool broken = m->vq.broken;
	int r;

	if (m->nr_kept == KEPT_MAX)
		return;
	r = virtqueue_pop(&m->vq, &chain);
	must(m->breaks <= 1 && m->vq.broken == (m->breaks == 1));
	must(r < 0 ? r == -EIO && m->breaks == 1 : !broken);
	if (r <= 0)
		return;
	check_chain(m, &chain);
	(void)virtq_chain_read(&chain, chain.out_len / 2, bytes, sizeof(bytes));
	m->kept[m->nr_kept++] = chain;
}

static void push(struct machine *m, const struct step *step)
{
	const uint8_t bytes[64] = { step->index };
	unsigned at;

	if (m->nr_kept == 0)
		return;
	at = step->index % m->nr_kept;
	/* Even if the guest let its buffers be where its rings are. */
	(void)virtq_chain_write(&m->kept[at], step->small, bytes, sizeof(bytes));
	virtqueue_push(&m->vq, &m->kept[at], MIN(step->len, m->kept[at].in_len));
	m->kept[at] = m->kept[--m->nr_kept];
}

static void undo(struct machine *m)
{
	if (m->nr_kept && m->kept[m->nr_kept - 1].seq == m->vq.seq)
		virtqueue_undo_pop(&m->vq, &m->kept[--m->nr_kept]);
}

static void notify(struct machine *m, const struct step *step)
{
	if (step->index % 3 == 0)
		virtqueue_disable_notify(&m->vq);
	else if (step->index % 3 == 1)
		(void)!virtqueue_enable_notify(&m->vq);
	else
		virtqueue_start_batch(&m->vq);
}

static void poke_area(struct machine *m, const struct step *step)
{
	static const unsigned fixed[] = { 0, 4, 4 };
	unsigned area = step->index % 3;
	unsigned len = area == 0 ? 16u * m->ring.size : fixed[area];

	if (!m->ring.packed && area > 0)
		len = 6 + (area == 1 ? 2u : 8u) * m->ring.size;
	memcpy((uint8_t *)mock_ram_at(&m->ram, m->ring.areas[area]) + step->small % (len - 3),
	       &step->len, sizeof(step->len));
}

static void reset(struct machine *m)
{
	uint64_t next = m->ram.next;

	virtqueue_reset(&m->vq);
	m->ram.next = MOCK_RAM_BASE;
	mock_ring_init(&m->ring, &m->ram, m->ring.size, m->features);
	m->ram.next = next;
	enable(m);
}

static void run_step(struct machine *m, const struct step *step)
{
	uint8_t *table = mock_ram_at(&m->ram, m->table);

	switch (step->action % NR_ACTIONS) {
	case POKE_AREA: poke_area(m, step); break;
	case POKE_TABLE: memcpy(table + step->small % (TABLE_SIZE - 4), &step->len, 4); break;
	case DESCRIPTOR:
		put_descriptor(m,
			       (uint8_t *)mock_ram_at(&m->ram, m->ring.areas[0]) +
				       16 * (step->index % m->ring.size),
			       step);
		break;
	case TABLE_DESCRIPTOR:
		put_descriptor(m, table + 16 * (step->index % (TABLE_SIZE / 16)), step);
		break;
	case OFFER: offer(m, step); break;
	case ADD_CHAIN: add_chain(m, step); break;
	case ADD_TABLE: add_table(m, step); break;
	case POP: pop(m); break;
	case PUSH: push(m, step); break;
	case UNDO: undo(m); break;
	case NOTIFY: notify(m, step); break;
	case SIGNAL: (void)!virtqueue_should_signal(&m->vq); break;
	case RESET: reset(m); break;
	default: break;
	}
	must(m->vq.in_flight == m->nr_kept);
}

/* Whatever was done to it, after a reset the queue works. */
static void check_after_reset(struct machine *m)
{
	struct mock_buffer buffer = { MOCK_RAM_BASE + MOCK_RAM_SIZE / 2, 8, true };
	struct virtq_chain chain;
	uint16_t head;
	uint32_t len;

	reset(m);
	must(mock_ring_add(&m->ring, &buffer, 1) >= 0);
	must(virtqueue_pop(&m->vq, &chain) == 1);
	virtqueue_push(&m->vq, &chain, 7);
	must(virtqueue_should_signal(&m->vq));
	must(mock_ring_collect(&m->ring, &head, &len));
	must(head == chain.head && len == 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	uint8_t choice = size ? data[0] : 0;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	m.features = (choice & 1 ? MOCK_F_PACKED : 0) | (choice & 2 ? MOCK_F_EVENT_IDX : 0) |
		     (choice & 4 ? MOCK_F_INDIRECT : 0);
	mock_ring_init(&m.ring, &m.ram, (uint16_t)(1u << (choice >> 3) % 7), m.features);
	m.table = mock_ram_alloc(&m.ram, TABLE_SIZE, 16);
	virtqueue_init(&m.vq, &m.ram.mem, "fuzz", 0, 256);
	virtqueue_set_on_broken(&m.vq, on_broken, &m);
	enable(&m);
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
	}
	check_after_reset(&m);
	return 0;
}
