/* SPDX-License-Identifier: MIT */
/*
 * A device whose queues a vhost-user back-end serves: the fuzzer writes registers in any order,
 * sets queues up well or badly, and takes the back-end away.  The back-end aborts if it gets a ring
 * that is not in the guest's memory, and notes what no front-end should say: a ring started twice,
 * or stopped that never ran.  Each step has 8 bytes.
 */
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/fs.h"
#include "devices/virtio/mmio.h"
#include "tests/support/mock_driver.h"
#include "tests/support/mock_vhost.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUEUES    2
#define RING_SIZE 16
#define STEPS_MAX 64

enum {
	WRITE_REGISTER,
	READ_REGISTER,
	WRITE_CONFIG,
	START,
	ENABLE_QUEUE,
	NOTIFY,
	RESET,
	TURN,
	LOSE,
	NR_ACTIONS,
};

struct step {
	uint8_t action, queue;
	uint16_t off;
	uint32_t value;
};

struct machine {
	struct vhost_backend backend;
	struct mock_vhost mock;
	unsigned losts;
	struct mock_ram ram;
	struct loop *loop;
	struct device *dev;
};

static void machine_kill(struct vhost_backend *backend)
{
	struct machine *m = container_of(backend, struct machine, backend);

	mock_vhost_stop(&m->mock);
}

static void machine_lost(struct vhost_backend *backend, int error)
{
	struct machine *m = container_of(backend, struct machine, backend);

	must(error < 0 && !m->mock.running && m->losts++ == 0);
}

static const struct vhost_backend_ops backend_ops = {
	.kill = machine_kill,
	.lost = machine_lost,
	.destroy = machine_kill,
};

static void quit(void *ctx)
{
	loop_quit(ctx);
}

static void turn(struct machine *m)
{
	must(loop_post(m->loop, quit, m->loop) == 0);
	must(loop_run(m->loop) == 0);
}

/* A queue of a good driver, but for what the step spoils. */
static struct mock_ring make_ring(struct machine *m, const struct step *step)
{
	struct mock_ring ring;

	if (m->ram.next > MOCK_RAM_BASE + MOCK_RAM_SIZE / 2)
		m->ram.next = MOCK_RAM_BASE;
	mock_ring_init(&ring, &m->ram, RING_SIZE, MOCK_F_VERSION_1);
	if (step->off & 0x8000)
		ring.areas[step->off % 3] = step->value;
	if (step->off & 0x4000)
		ring.size = (uint16_t)step->value;
	return ring;
}

static void run_step(struct machine *m, const struct step *step)
{
	struct mock_ring ring;
	uint32_t q = step->queue % (QUEUES + 1);

	switch (step->action % NR_ACTIONS) {
	case WRITE_REGISTER:
		mock_mmio_write(m->dev, step->off % VIRTIO_MMIO_CONFIG & ~3u, step->value);
		break;
	case READ_REGISTER:
		(void)mock_mmio_read(m->dev, step->off % (2 * VIRTIO_MMIO_CONFIG) & ~3u);
		break;
	case WRITE_CONFIG:
		m->dev->ops->write(m->dev, VIRTIO_MMIO_CONFIG + step->off % 64, &step->value,
				   1u << step->queue % 3);
		break;
	case START:
		ring = make_ring(m, step);
		(void)mock_mmio_start(m->dev, MOCK_F_VERSION_1 | MOCK_F_RING_RESET, &ring, 1);
		break;
	case ENABLE_QUEUE:
		ring = make_ring(m, step);
		mock_mmio_enable_queue(m->dev, q, &ring);
		break;
	case NOTIFY: mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q); break;
	case RESET: mock_mmio_write(m->dev, VIRTIO_MMIO_STATUS, 0); break;
	case TURN: turn(m); break;
	default:
		/* Seldom, lest all that follows is lost. */
		if (step->value % 8 == 0)
			machine_kill(&m->backend);
		break;
	}
}

static void create(struct machine *m)
{
	struct virtio_dev_config config = { .name = "fuzz", .mem = &m->ram.mem, .loop = m->loop };
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	struct virtio_dev *vdev;
	struct error error;

	mock_vhost_init(&m->mock);
	m->mock.idle = true;
	/* Whoever reads one with nothing in it hangs. */
	m->mock.blocks_eventfds = true;
	mock_vhost_start(&m->mock);
	m->backend = (struct vhost_backend){ .ops = &backend_ops,
					     .socket = m->mock.front,
					     .timeout_ms = 60000 };
	must(virtio_fs_create(&config, "fuzz", &m->backend, &vdev, &error) == 0);
	must(virtio_mmio_create(&mmio, vdev, &m->dev) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	struct machine m = { 0 };
	struct step step;

	if (!ram.bytes)
		mock_ram_init_shared(&ram);
	m.ram = ram;
	must(loop_create(&m.loop) == 0);
	create(&m);
	for (unsigned i = 0; i < STEPS_MAX && (i + 1) * sizeof(step) <= size; i++) {
		memcpy(&step, data + i * sizeof(step), sizeof(step));
		run_step(&m, &step);
	}
	/* After a reset nobody has a ring. */
	mock_mmio_write(m.dev, VIRTIO_MMIO_STATUS, 0);
	for (unsigned q = 0; m.mock.running && q < QUEUES; q++)
		must(!m.mock.rings[q].started);
	turn(&m);
	m.dev->ops->destroy(m.dev);
	must(!m.mock.running && m.mock.bad_messages == 0);
	loop_destroy(m.loop);
	return 0;
}
