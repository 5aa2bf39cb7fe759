/* SPDX-License-Identifier: MIT */
/*
 * The block device on a fake disk: the fuzzer chooses requests, how they are cut into descriptors,
 * when and in which order the disk completes them, and when the driver resets.  Each step has 16
 * bytes.  The fake disk aborts on a request that no device may make; what else must hold is checked
 * here; the rest is up to the sanitizers.
 */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "tests/support/fake_disk.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 32
#define QUEUES    2
#define PART_MAX  2048 /* bytes of one part of a request */

enum {
	REQUEST,
	RAW_REQUEST,
	COMPLETE,
	COMPLETE_ALL,
	FAIL,
	REAP,
	CONFIG_WRITE,
	QUEUE_OFF,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, queue, type, cut;
	uint16_t out_len, in_len;
	uint64_t sector;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct fake_disk disk;
	struct device *dev;
	uint64_t features, out, in;
	bool off[QUEUES];
	unsigned offered[QUEUES], used[QUEUES];
};

static void start(struct machine *m)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < QUEUES; q++) {
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, m->features);
		m->off[q] = false;
		m->offered[q] = m->used[q] = 0;
	}
	m->out = mock_ram_alloc(&m->ram, PART_MAX + 16, 1);
	m->in = mock_ram_alloc(&m->ram, PART_MAX, 1);
	must(mock_mmio_start(m->dev, m->features, m->rings, QUEUES));
}

/* Two pieces, or one; none of nothing. */
static unsigned cut(struct mock_buffer *buffers, uint64_t gpa, uint32_t len, uint32_t at, bool in)
{
	unsigned count = 0;

	at = MIN(at, len);
	if (at)
		buffers[count++] = (struct mock_buffer){ gpa, at, in };
	if (len > at)
		buffers[count++] = (struct mock_buffer){ gpa + at, len - at, in };
	return count;
}

static void collect(struct machine *m)
{
	for (unsigned q = 0; q < QUEUES; q++) {
		uint16_t head;
		uint32_t len;

		while (!m->off[q] && mock_ring_collect(&m->rings[q], &head, &len)) {
			must(len <= PART_MAX);
			m->used[q]++;
		}
		must(m->used[q] <= m->offered[q]);
	}
}

static void request(struct machine *m, const struct step *step, bool raw)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,
					  VIRTIO_BLK_T_FLUSH,   VIRTIO_BLK_T_GET_ID,
					  VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct virtio_blk_outhdr header = { types[step->type % ARRAY_SIZE(types)], 0,
					    step->sector };
	unsigned q = step->queue % QUEUES, n;
	uint32_t out_len = 16 + step->out_len % PART_MAX, in_len = 1 + step->in_len % PART_MAX;
	struct mock_buffer buffers[4];

	if (m->off[q])
		return;
	if (raw) {
		header.type = step->type;
		out_len = step->out_len % PART_MAX;
		in_len = step->in_len % PART_MAX;
	} else {
		/* Mostly good ones. */
		header.sector %= 2 * FAKE_DISK_SECTORS;
		out_len = 16 + (step->out_len & 0xf10);
		in_len = 1 + (step->in_len & 0x614);
		if (header.type == VIRTIO_BLK_T_DISCARD || header.type == VIRTIO_BLK_T_WRITE_ZEROES)
			out_len = 32;
		out_len = MIN(out_len, PART_MAX);
	}
	memcpy(mock_ram_at(&m->ram, m->out), &header, sizeof(header));
	memcpy((uint8_t *)mock_ram_at(&m->ram, m->out) + 16, step, sizeof(*step));
	n = cut(buffers, m->out, out_len, step->cut, false);
	n += cut(buffers + n, m->in, in_len, step->cut * 7u, true);
	if (n == 0 || m->rings[q].nr_free < n || mock_ring_add(&m->rings[q], buffers, n) < 0)
		return;
	m->offered[q]++;
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void run_step(struct machine *m, const struct step *step)
{
	unsigned q = step->queue % QUEUES;

	switch (step->action % NR_ACTIONS) {
	case REQUEST: request(m, step, false); break;
	case RAW_REQUEST: request(m, step, true); break;
	case COMPLETE:
		if (m->disk.nr_pending)
			fake_disk_complete(&m->disk, step->cut % m->disk.nr_pending);
		break;
	case COMPLETE_ALL: fake_disk_complete_all(&m->disk); break;
	case FAIL: m->disk.error = step->cut & 1 ? -EIO : 0; break;
	case REAP: disk_reap(&m->disk.disk); break;
	case CONFIG_WRITE:
		m->dev->ops->write(m->dev, VIRTIO_MMIO_CONFIG + step->out_len % 70, &step->sector,
				   1u << step->cut % 4);
		break;
	case QUEUE_OFF:
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_SEL, q);
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_READY, 0);
		m->off[q] = true;
		break;
	default: start(m); break;
	}
	collect(m);
}

/* Whatever was done to it: all that was offered comes back. */
static void check_nothing_is_lost(struct machine *m)
{
	for (unsigned i = 0; i < 2 * QUEUES * RING_SIZE; i++) {
		disk_reap(&m->disk.disk);
		fake_disk_complete_all(&m->disk);
	}
	collect(m);
	for (unsigned q = 0; q < QUEUES; q++)
		must(m->off[q] || m->used[q] == m->offered[q]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	struct virtio_dev_config config = { .name = "fuzz", .nr_queues = QUEUES };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	uint8_t choice = size ? data[0] : 0;
	struct virtio_dev *vdev;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	fake_disk_init(&m.disk, choice & 1);
	config.mem = &m.ram.mem;
	must(virtio_blk_create(&config, &m.disk.disk, "fuzz", &vdev) == 0);
	must(virtio_mmio_create(&mmio, vdev, &m.dev) == 0);
	m.features = mock_mmio_offered(m.dev);
	if (choice & 2)
		m.features &= ~MOCK_F_PACKED;
	if (choice & 4)
		m.features &= ~MOCK_FEATURE(VIRTIO_BLK_F_CONFIG_WCE);
	start(&m);
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
	}
	check_nothing_is_lost(&m);
	m.dev->ops->destroy(m.dev);
	must(m.disk.destroyed == 1);
	return 0;
}
