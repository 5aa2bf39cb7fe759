/* SPDX-License-Identifier: MIT */
/*
 * The console device on fake lines: the fuzzer chooses what the driver offers, says and resets, and
 * what happens at the other ends.  Each step has 8 bytes.  What must hold whatever was chosen is
 * checked here; the rest is up to the sanitizers.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "tests/support/fake_char.h"
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 8
#define LINES     3
#define QUEUES    (2 * (LINES + 1) + 2) /* port 0 may be missing */
#define AREA      0x20000               /* bytes of output, and as many for input */

enum {
	OUTPUT,
	LISTEN,
	MIXED,
	CONTROL,
	TYPE,
	CONNECT,
	RESIZE,
	ROOM,
	CONFIG_WRITE,
	FLUSH,
	KICK,
	QUEUE_OFF,
	RESTART,
	NR_ACTIONS,
};

struct step {
	uint8_t action, which;
	uint16_t a, b;
	uint8_t c, d;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[QUEUES];
	struct fake_char lines[LINES];
	struct char_receiver receivers[LINES];
	const char *names[LINES];
	struct virtio_dev *vdev;
	struct device *dev;
	unsigned nr_queues;
	uint64_t features, out, in;
	bool off[QUEUES];
	unsigned offered[QUEUES], used[QUEUES];
	uint64_t typed, arrived; /* bytes of input: taken by the device, put into buffers */
};

static bool is_input(unsigned q)
{
	return q % 2 == 0;
}

static void start(struct machine *m)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < m->nr_queues; q++) {
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, m->features);
		m->off[q] = false;
		m->offered[q] = m->used[q] = 0;
	}
	m->out = mock_ram_alloc(&m->ram, AREA, 1);
	m->in = mock_ram_alloc(&m->ram, AREA, 1);
	must(mock_mmio_start(m->dev, m->features, m->rings, m->nr_queues));
}

static void kick(struct machine *m, unsigned q)
{
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

static void offer(struct machine *m, unsigned q, const struct mock_buffer *buffers, unsigned n)
{
	if (m->off[q] || n == 0 || m->rings[q].nr_free < n ||
	    mock_ring_add(&m->rings[q], buffers, n) < 0)
		return;
	m->offered[q]++;
	kick(m, q);
}

/* Buffers that are readable, writable or both, whatever the queue is for. */
static void offer_mixed(struct machine *m, const struct step *step)
{
	const struct mock_buffer buffers[] = { { m->out, step->a, false },
					       { m->in, step->b % AREA, true } };
	unsigned n = 1 + step->c % 2;

	offer(m, step->which % m->nr_queues, buffers + (n == 1 && step->d % 2), n);
}

static void say(struct machine *m, const struct step *step)
{
	const struct virtio_console_control control = { step->c % (LINES + 2), step->a % 9,
							step->b % 3 };
	const struct mock_buffer buffer = { m->out, step->d % 4 ? 8 : step->d / 4u, false };

	if (m->nr_queues <= 3)
		return;
	memcpy(mock_ram_at(&m->ram, m->out), &control, sizeof(control));
	offer(m, 3, &buffer, 1);
}

static void type(struct machine *m, unsigned line, uint16_t len)
{
	static const uint8_t text[UINT16_MAX];
	size_t taken = m->receivers[line].receive(m->receivers[line].ctx, text, len);

	must(taken <= len);
	m->typed += taken;
}

static void give_room(struct machine *m, unsigned line, size_t room)
{
	m->lines[line].room = room;
	m->receivers[line].writable(m->receivers[line].ctx);
}

static void collect(struct machine *m)
{
	for (unsigned q = 0; q < m->nr_queues; q++) {
		uint16_t head;
		uint32_t len;

		while (!m->off[q] && mock_ring_collect(&m->rings[q], &head, &len)) {
			must(q != 2 || len <= 8 + VIRTIO_CONSOLE_PORT_NAME_MAX);
			must(is_input(q) || len == 0);
			m->used[q]++;
			m->arrived += q != 2 ? len : 0;
		}
		must(m->used[q] <= m->offered[q]);
	}
	/* What was taken from the host is the guest's, unless it turned the queue off. */
	must(m->arrived <= m->typed);
	for (unsigned i = 0; i < LINES; i++)
		must(!m->names[i] || m->lines[i].overrun == 0);
}

static void turn_off(struct machine *m, unsigned q)
{
	collect(m);
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_SEL, q);
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_READY, 0);
	m->off[q] = true;
}

static void run_step(struct machine *m, const struct step *step)
{
	unsigned line = step->which % LINES, q = step->which % m->nr_queues;
	const struct mock_buffer out = { m->out, step->a, false };
	const struct mock_buffer in = { m->in, step->a % 256u, true };
	struct char_receiver *receiver = &m->receivers[line];

	switch (step->action % NR_ACTIONS) {
	case OUTPUT: offer(m, q | 1, &out, 1); break;
	case LISTEN: offer(m, q & ~1u, &in, 1); break;
	case MIXED: offer_mixed(m, step); break;
	case CONTROL: say(m, step); break;
	case TYPE: type(m, line, step->a % 1024); break;
	case CONNECT: receiver->connected(receiver->ctx, step->c & 1); break;
	case RESIZE:
		receiver->resized(receiver->ctx, (struct char_size){ step->a, step->b });
		break;
	case ROOM: give_room(m, line, step->a); break;
	case CONFIG_WRITE:
		/* Port 0 is a console, which needs no room. */
		m->dev->ops->write(m->dev, VIRTIO_MMIO_CONFIG + step->a % 20, &step->b,
				   1u << step->c % 2);
		break;
	case FLUSH: virtio_console_flush(m->vdev); break;
	case KICK: kick(m, step->a); break;
	case QUEUE_OFF: turn_off(m, q); break;
	default: collect(m); start(m);
	}
	collect(m);
}

/* Whatever was done to it: with room for it, all of the output goes, and all that is said. */
static void check_nothing_is_lost(struct machine *m)
{
	bool multiport = m->features & MOCK_FEATURE(VIRTIO_CONSOLE_F_MULTIPORT);

	for (unsigned i = 0; i < LINES; i++)
		give_room(m, i, SIZE_MAX);
	for (unsigned turn = 0; turn < 2 * RING_SIZE; turn++)
		for (unsigned q = 0; q < m->nr_queues; q++)
			if (!m->off[q])
				kick(m, q);
	collect(m);
	must(m->arrived == m->typed);
	for (unsigned q = 1; q < m->nr_queues; q += 2)
		must(m->off[q] || m->used[q] == m->offered[q] || (q > 1 && !multiport) ||
		     (q == 1 && m->names[0] && m->names[1] && m->names[2]));
}

static void create(struct machine *m, uint8_t choice)
{
	static const char *const names[] = { "a", "longer-name", NULL };
	struct virtio_dev_config config = { .name = "fuzz", .mem = &m->ram.mem };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct console_port_config ports[LINES];
	unsigned consoles = 0;

	for (unsigned i = 0; i < LINES; i++) {
		m->names[i] = names[(choice >> 2 * i & 3) % ARRAY_SIZE(names)];
		consoles += !m->names[i];
		fake_char_init(&m->lines[i]);
		ports[i].name = m->names[i];
		ports[i].backend = fake_char_backend(&m->lines[i]);
	}
	m->nr_queues = 2 * (LINES + !consoles) + 2;
	must(virtio_console_create(&config, ports, LINES, &m->vdev) == 0);
	for (unsigned i = 0; i < LINES; i++)
		m->receivers[i] = virtio_console_receiver(m->vdev, i);
	must(virtio_mmio_create(&mmio, m->vdev, &m->dev) == 0);
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
	create(&m, choice);
	m.features = mock_mmio_offered(m.dev);
	if (choice & 0x40)
		m.features &= ~MOCK_F_PACKED;
	if (choice & 0x80)
		m.features &= ~MOCK_FEATURE(VIRTIO_CONSOLE_F_MULTIPORT);
	start(&m);
	for (size_t at = 1; at + sizeof(struct step) <= size; at += sizeof(struct step)) {
		struct step step;

		memcpy(&step, data + at, sizeof(step));
		run_step(&m, &step);
	}
	check_nothing_is_lost(&m);
	m.dev->ops->destroy(m.dev);
	return 0;
}
