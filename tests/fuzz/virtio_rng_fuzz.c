/* SPDX-License-Identifier: MIT */
/*
 * The entropy device: the fuzzer chooses buffers, what the source gives, what is in the rings, and
 * when the driver starts anew.  Each step has 12 bytes.  What must hold is checked here; the rest
 * is up to the sanitizers.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE   16
#define BUFFERS_MAX 8
#define GIVEN       0x5d /* each byte of the source */

enum {
	REQUEST,
	REQUEST_BY_TABLE,
	SOURCE,
	DESCRIPTOR,
	POKE,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, count, slot, flags;
	uint32_t addr;
	uint16_t len, value;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring ring;
	struct device *dev;
	long limit;     /* of the source, at a time; negative: its error */
	uint64_t given; /* bytes by the source since the driver's start */
	bool tampered;  /* the rings are not what the driver knows */
};

static long give(void *ctx, void *buf, size_t len)
{
	struct machine *m = ctx;
	long n = MIN((long)len, m->limit);

	if (n > 0) {
		memset(buf, GIVEN, (size_t)n);
		m->given += (uint64_t)n;
	}
	return n;
}

static void start(struct machine *m, uint64_t features)
{
	m->ram.next = MOCK_RAM_BASE;
	mock_ring_init(&m->ring, &m->ram, RING_SIZE, features);
	must(mock_mmio_start(m->dev, features, &m->ring, 1));
	m->tampered = false;
	m->given = 0;
}

/* What is said to be filled was filled, by no more than the source gave. */
static void collect(struct machine *m)
{
	uint64_t said = 0;
	uint16_t head;
	uint32_t len;

	while (!m->tampered && mock_ring_collect(&m->ring, &head, &len))
		said += len;
	must(m->tampered || said == m->given);
	m->given = 0;
}

static void request(struct machine *m, const struct step *step, bool table)
{
	struct mock_buffer buffers[BUFFERS_MAX];
	unsigned count = 1 + step->count % BUFFERS_MAX, readable = step->slot % (count + 1);
	int head;

	/* The upper half, for the rings are in the lower. */
	for (unsigned i = 0; i < count; i++)
		buffers[i] = (struct mock_buffer){ MOCK_RAM_BASE + MOCK_RAM_SIZE / 2 +
							   (step->addr + i * step->value) %
								   (MOCK_RAM_SIZE / 4),
						   1u + step->len, i >= readable };
	head = table ? mock_ring_add_indirect(&m->ring, buffers, count)
		     : mock_ring_add(&m->ring, buffers, count);
	if (head >= 0)
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

/* A descriptor, split or packed, as the fuzzer has it, and one more that is available. */
static void put_descriptor(struct machine *m, const struct step *step)
{
	unsigned slot = step->slot % RING_SIZE;
	uint64_t addr = step->value & 1 ? step->addr : MOCK_RAM_BASE + step->addr % MOCK_RAM_SIZE;

	m->tampered = true;
	if (m->ring.packed) {
		m->ring.packed_desc[slot] =
			(struct vring_packed_desc){ addr, step->len, step->count,
						    (uint16_t)(step->flags | step->value << 7) };
	} else {
		m->ring.desc[slot] = (struct vring_desc){ addr, step->len, step->flags & 7,
							  step->count % (RING_SIZE + 2) };
		m->ring.avail->ring[m->ring.avail->idx++ % RING_SIZE] = step->slot;
	}
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, step->flags >> 7);
}

static void poke(struct machine *m, const struct step *step)
{
	uint64_t area = m->ring.areas[step->slot % 3] + step->count % 64;

	m->tampered = true;
	memcpy(mock_ram_at(&m->ram, area), &step->value, sizeof(step->value));
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void run_step(struct machine *m, const struct step *step)
{
	switch (step->action % NR_ACTIONS) {
	case REQUEST: request(m, step, false); break;
	case REQUEST_BY_TABLE: request(m, step, m->ring.packed || step->flags & 1); break;
	case SOURCE: m->limit = step->flags & 1 ? -EAGAIN : step->len; break;
	case DESCRIPTOR: put_descriptor(m, step); break;
	case POKE: poke(m, step); break;
	default:
		start(m, mock_mmio_offered(m->dev) & ~(step->flags & 1 ? MOCK_F_PACKED : 0) &
				 ~(step->flags & 2 ? MOCK_F_EVENT_IDX : 0));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	const struct byte_source source = { give, &m };
	struct virtio_dev_config config = { .name = "fuzz" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram, .limit = INT32_MAX };
	mock_ram_clear(&m.ram);
	config.mem = &m.ram.mem;
	must(virtio_rng_create(&config, &source, &vdev) == 0);
	must(virtio_mmio_create(&mmio, vdev, &m.dev) == 0);
	start(&m, mock_mmio_offered(m.dev) & ~(size && data[0] & 1 ? MOCK_F_PACKED : 0));
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
		collect(&m);
	}
	/* Whatever was done to it: after a reset it gives random numbers. */
	m.limit = INT32_MAX;
	start(&m, mock_mmio_offered(m.dev));
	request(&m, &(struct step){ .len = 7 }, false);
	must(m.given == 8);
	collect(&m);
	must(!(mock_mmio_read(m.dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET));
	m.dev->ops->destroy(m.dev);
	return 0;
}
