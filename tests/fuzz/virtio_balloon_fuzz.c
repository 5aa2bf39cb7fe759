/* SPDX-License-Identifier: MIT */
/*
 * The memory balloon: the fuzzer chooses what is in the queues, when statistics are wanted, what
 * the driver writes into the configuration, and when it resets.  Each step has 12 bytes.  What must
 * hold is checked here; the rest is up to the sanitizers.
 */
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/mmio.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 16
#define QUEUES    5
#define STATSQ    2
#define ARRAY_MAX 8192 /* bytes */

enum {
	PAGES,
	PAGES_ANYWHERE,
	REPORT,
	RAW,
	REQUEST_STATS,
	CANCEL_STATS,
	TARGET,
	CONFIG_WRITE,
	QUEUE_OFF,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, queue, count, cut;
	uint32_t page;
	uint16_t len, seed;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct virtio_dev *vdev;
	struct device *dev;
	uint64_t array;
	bool off[QUEUES];
	unsigned offered[QUEUES], used[QUEUES];
	unsigned asked, answered;
};

static void on_stats(void *ctx, int error, const struct virtio_balloon_stats *stats)
{
	struct machine *m = ctx;

	must(error == 0 ? stats != NULL : error == -ECANCELED && !stats);
	must(!stats || stats->valid < 1u << VIRTIO_BALLOON_NR_STATS);
	m->answered++;
}

static void start(struct machine *m, uint64_t features)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < QUEUES; q++) {
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, features);
		m->off[q] = false;
		m->offered[q] = m->used[q] = 0;
	}
	m->array = mock_ram_alloc(&m->ram, ARRAY_MAX, 1);
	must(mock_mmio_start(m->dev, features, m->rings, QUEUES));
	/* A question to the driver before was answered when it went. */
	must(m->answered <= m->asked);
}

static void collect(struct machine *m)
{
	for (unsigned q = 0; q < QUEUES; q++) {
		uint16_t head;
		uint32_t len;

		while (!m->off[q] && mock_ring_collect(&m->rings[q], &head, &len)) {
			must(len == 0);
			m->used[q]++;
		}
		/* A balloon works on what it gets at once, but for the buffer it keeps. */
		must(m->off[q] || m->used[q] == m->offered[q] ||
		     (q == STATSQ && m->used[q] + 1 == m->offered[q]));
	}
}

static void offer(struct machine *m, unsigned q, const struct mock_buffer *buffers, unsigned count)
{
	if (m->off[q] || mock_ring_add(&m->rings[q], buffers, count) < 0)
		return;
	m->offered[q]++;
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* An array in two pieces; runs, steps, or numbers that are no RAM. */
static void offer_pages(struct machine *m, const struct step *step, bool anywhere)
{
	const uint32_t first = (uint32_t)(MOCK_RAM_BASE >> 12), pages = MOCK_RAM_SIZE >> 12;
	uint32_t len = 1 + step->len % (ARRAY_MAX - 1), cut = MIN(step->cut, len - 1);
	uint8_t *array = mock_ram_at(&m->ram, m->array);
	struct mock_buffer buffers[2];
	unsigned n = 0;

	for (uint32_t i = 0; i < ARRAY_MAX / 4; i++) {
		uint32_t page = step->page + i * (step->seed % 5);

		/* The upper half, for the rings are in the lower. */
		if (!anywhere)
			page = first + pages / 2 + page % (pages / 2);
		memcpy(array + i * 4, &page, sizeof(page));
	}
	if (cut)
		buffers[n++] = (struct mock_buffer){ m->array, cut, false };
	buffers[n++] = (struct mock_buffer){ m->array + cut, len - cut, false };
	offer(m, step->queue % QUEUES, buffers, n);
}

static void offer_report(struct machine *m, const struct step *step)
{
	struct mock_buffer buffers[RING_SIZE];
	unsigned count = 1 + step->count % (RING_SIZE - 1);

	for (unsigned i = 0; i < count; i++) {
		uint64_t gpa = MOCK_RAM_BASE + MOCK_RAM_SIZE / 2 + i * 0x1000u +
			       step->page % (MOCK_RAM_SIZE / 4);

		buffers[i] = (struct mock_buffer){ gpa, 1 + step->len, true };
		if (step->seed & 1u << i)
			buffers[i].gpa = ALIGN_DOWN(gpa, 4096);
	}
	offer(m, step->queue % QUEUES, buffers, count);
}

static void offer_raw(struct machine *m, const struct step *step)
{
	const struct mock_buffer buffers[] = { { m->array, 1 + step->len % ARRAY_MAX, false },
					       { MOCK_RAM_BASE + MOCK_RAM_SIZE / 2,
						 1 + step->page % 0x10000, true } };

	memcpy(mock_ram_at(&m->ram, m->array), step, sizeof(*step));
	offer(m, step->queue % QUEUES, buffers + (step->cut & 1), 1 + (step->cut == 0));
}

static void run_step(struct machine *m, const struct step *step)
{
	unsigned q = step->queue % QUEUES;
	uint64_t features;

	switch (step->action % NR_ACTIONS) {
	case PAGES: offer_pages(m, step, false); break;
	case PAGES_ANYWHERE: offer_pages(m, step, true); break;
	case REPORT: offer_report(m, step); break;
	case RAW: offer_raw(m, step); break;
	case REQUEST_STATS:
		if (virtio_balloon_request_stats(m->vdev, on_stats, m) == 0)
			m->asked++;
		break;
	case CANCEL_STATS: virtio_balloon_cancel_stats(m->vdev); break;
	case TARGET: {
		uint64_t pages = step->page >> step->cut % 32;
		int r = virtio_balloon_set_target(m->vdev, pages);

		must(r == (pages > MOCK_RAM_SIZE >> 12 ? -ERANGE : 0));
		break;
	}
	case CONFIG_WRITE:
		m->dev->ops->write(m->dev, VIRTIO_MMIO_CONFIG + step->len % 24, &step->page,
				   1u << step->cut % 3);
		break;
	case QUEUE_OFF:
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_SEL, q);
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_READY, 0);
		m->off[q] = true;
		break;
	default:
		features = mock_mmio_offered(m->dev) & ~(uint64_t)(step->len & 0x3f);
		if (step->seed & 1)
			features &= ~MOCK_F_PACKED;
		start(m, features);
		break;
	}
	must(m->answered <= m->asked);
}

/* The driver may have put its own rings into the balloon. */
static bool may_lack_rings(const struct step *step)
{
	unsigned action = step->action % NR_ACTIONS;

	return action == PAGES_ANYWHERE || (action == RAW && step->queue % QUEUES == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	struct virtio_dev_config config = { .name = "fuzz" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_balloon_state state;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	config.mem = &m.ram.mem;
	must(virtio_balloon_create(&config, &m.vdev) == 0);
	must(virtio_mmio_create(&mmio, m.vdev, &m.dev) == 0);
	start(&m, mock_mmio_offered(m.dev) & ~(size && data[0] & 1 ? MOCK_F_PACKED : 0));
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
		if (may_lack_rings(&step))
			start(&m, mock_mmio_offered(m.dev));
		collect(&m);
	}
	virtio_balloon_get_state(m.vdev, &state);
	must(state.failures == 0);
	m.dev->ops->destroy(m.dev);
	must(m.answered <= m.asked);
	return 0;
}
