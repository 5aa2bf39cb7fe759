/* SPDX-License-Identifier: MIT */
/*
 * The network device on a fake network: the fuzzer chooses frames that are sent and their headers,
 * buffers for those that arrive, commands, and when links and queues go and the driver resets.
 * Each step has 24 bytes.  The fake network aborts on what no device may do; what else must hold is
 * checked here; the rest is up to the sanitizers.
 */
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "tests/support/fake_net.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 32
#define PAIRS     2
#define QUEUES    (2 * PAIRS + 1)
#define PART_MAX  4096 /* bytes of a frame or a buffer, but for the largest */

enum {
	SEND,
	RAW_CHAIN,
	OFFER,
	OFFER_MANY,
	ARRIVE,
	COMMAND,
	LINK,
	FAIL,
	QUEUE_OFF,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, queue, cut, count;
	uint16_t len, arg;
	struct virtio_net_hdr_v1 header;
	uint8_t data[4];
};
_Static_assert(sizeof(struct step) == 24, "as said above");

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct device *dev;
	struct virtio_dev *vdev;
	uint64_t features, area;
	unsigned ctrl;
	bool off[QUEUES];
	unsigned offered[QUEUES], used[QUEUES];
};

/* Too large to be made anew for each run. */
static struct fake_net fake;

static void start(struct machine *m)
{
	m->ctrl = m->features & MOCK_FEATURE(VIRTIO_NET_F_MQ) ? QUEUES - 1 : 2;
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < QUEUES; q++) {
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, m->features);
		m->off[q] = q > m->ctrl;
		m->offered[q] = m->used[q] = 0;
	}
	m->area = mock_ram_alloc(&m->ram, NET_FRAME_MAX + 100, 1);
	must(mock_mmio_start(m->dev, m->features, m->rings, m->ctrl + 1));
}

static void collect(struct machine *m)
{
	for (unsigned q = 0; q < QUEUES; q++) {
		bool is_rx = q % 2 == 0 && q != m->ctrl;
		uint16_t head;
		uint32_t len;

		while (!m->off[q] && mock_ring_collect(&m->rings[q], &head, &len)) {
			must(len <= (is_rx ? NET_FRAME_MAX + 100 : q == m->ctrl));
			m->used[q]++;
		}
		/* Only buffers for frames are kept. */
		must(is_rx ? m->used[q] <= m->offered[q]
			   : m->used[q] == m->offered[q] || m->off[q]);
	}
}

static void offer(struct machine *m, unsigned q, const struct mock_buffer *buffers, unsigned n)
{
	if (m->off[q] || n == 0 || m->rings[q].nr_free < n ||
	    mock_ring_add(&m->rings[q], buffers, n) < 0)
		return;
	m->offered[q]++;
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Pieces of @piece bytes, as many as a chain may have here. */
static unsigned cut(struct mock_buffer *buffers, uint64_t gpa, uint32_t len, uint32_t piece,
		    bool writable)
{
	unsigned n = 0;

	for (uint32_t at = 0; at < len; n++) {
		uint32_t part = n == 7 || piece == 0 ? len - at : MIN(piece, len - at);

		buffers[n] = (struct mock_buffer){ gpa + at, part, writable };
		at += part;
	}
	return n;
}

static void send_frame(struct machine *m, const struct step *step)
{
	uint32_t len = NET_HEADER_LEN + (step->cut == 255 ? step->len : step->len % PART_MAX);
	struct virtio_net_hdr_v1 header = step->header;
	struct mock_buffer buffers[8];

	/* Mostly good ones. */
	if (step->count % 2) {
		header.flags &= 1;
		header.gso_type &= 0x85;
		header.csum_start %= 100;
		header.csum_offset %= 32;
	}
	memcpy(mock_ram_at(&m->ram, m->area), &header, sizeof(header));
	offer(m, 1 + 2 * (step->queue % PAIRS), buffers,
	      cut(buffers, m->area, len, step->cut, false));
}

static void raw_chain(struct machine *m, const struct step *step)
{
	struct mock_buffer buffers[16];
	unsigned n = cut(buffers, m->area, step->len % PART_MAX, step->cut, false);

	n += cut(buffers + n, m->area, step->arg % PART_MAX, step->cut * 3u, true);
	offer(m, step->queue % QUEUES, buffers, n);
}

static void offer_buffers(struct machine *m, const struct step *step, unsigned count)
{
	uint32_t len = step->cut == 255 ? step->len : step->len % PART_MAX;
	struct mock_buffer buffers[8];

	for (unsigned i = 0; i < count; i++)
		offer(m, 2 * (step->queue % PAIRS), buffers,
		      cut(buffers, m->area, len, step->arg, true));
}

static void arrive(const struct step *step)
{
	unsigned pair = step->queue % fake.nr_pairs;
	struct fake_frame *frame = fake_net_frame(&fake, pair);

	if (!frame)
		return;
	memcpy(&frame->header, &step->header, sizeof(frame->header));
	frame->len = step->cut == 255 ? NET_FRAME_MAX - step->count : step->len;
	fake_net_arrive(&fake, pair);
}

static void command(struct machine *m, const struct step *step)
{
	uint8_t bytes[2 + sizeof(*step)] = { step->queue % 6, step->arg % 3 };
	uint32_t len = 2 + step->len % sizeof(*step);
	struct mock_buffer buffers[16];
	unsigned n;

	memcpy(bytes + 2, step->data, sizeof(step->data));
	memcpy(bytes + 2 + sizeof(step->data), &step->header, sizeof(step->header));
	memcpy(mock_ram_at(&m->ram, m->area), bytes, sizeof(bytes));
	n = cut(buffers, m->area, len, step->cut % 9, false);
	n += cut(buffers + n, m->area + 64, 1, 1, true);
	offer(m, m->ctrl, buffers, n);
}

static void run_step(struct machine *m, const struct step *step)
{
	unsigned q = step->queue % QUEUES;

	switch (step->action % NR_ACTIONS) {
	case SEND: send_frame(m, step); break;
	case RAW_CHAIN: raw_chain(m, step); break;
	case OFFER: offer_buffers(m, step, 1); break;
	case OFFER_MANY: offer_buffers(m, step, step->count % (RING_SIZE + 1)); break;
	case ARRIVE: arrive(step); break;
	case COMMAND: command(m, step); break;
	case LINK: (void)virtio_net_set_link(m->vdev, step->cut & 1); break;
	case FAIL:
		fake.send_error = step->cut & 1 ? -EINVAL : 0;
		fake.change_error = step->cut & 2 ? -EPERM : 0;
		fake.echo = step->cut & 4;
		break;
	case QUEUE_OFF:
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_SEL, q);
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_READY, 0);
		m->off[q] = true;
		break;
	default:
		fake.change_error = 0;
		start(m);
		break;
	}
	collect(m);
}

/* Whatever was done to it: with link, buffers and a new driver, frames come. */
static void check_it_goes_on(struct machine *m)
{
	struct mock_buffer buffer;

	fake.send_error = fake.change_error = 0;
	(void)virtio_net_set_link(m->vdev, true);
	fake.pairs[0].nr_frames = 0;
	start(m);
	buffer = (struct mock_buffer){ m->area, 100, true };
	offer(m, 0, &buffer, 1);
	fake_net_frame(&fake, 0)->len = 60;
	fake_net_arrive(&fake, 0);
	collect(m);
	must(m->used[0] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	struct virtio_net_settings settings = { .mac = { 2, 0, 0, 0, 0, 1 } };
	struct virtio_dev_config config = { .name = "fuzz" };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	uint8_t choice = size ? data[0] : 0;

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	fake_net_init(&fake, PAIRS, choice & 1 ? 0 : NET_OFFLOAD_ALL);
	config.mem = &m.ram.mem;
	settings.mtu = choice & 2 ? 1500 : 0;
	must(virtio_net_create(&config, &fake.net, &settings, &m.vdev) == 0);
	must(virtio_mmio_create(&mmio, m.vdev, &m.dev) == 0);
	m.features = mock_mmio_offered(m.dev);
	if (choice & 4)
		m.features &= ~MOCK_F_PACKED;
	if (choice & 8)
		m.features &= ~MOCK_FEATURE(VIRTIO_NET_F_MRG_RXBUF);
	if (choice & 16)
		m.features &= ~MOCK_FEATURE(VIRTIO_NET_F_MQ);
	start(&m);
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
	}
	check_it_goes_on(&m);
	m.dev->ops->destroy(m.dev);
	must(fake.destroyed == 1);
	return 0;
}
