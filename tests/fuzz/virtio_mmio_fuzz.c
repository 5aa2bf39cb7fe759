/* SPDX-License-Identifier: MIT */
/*
 * virtio-mmio with an echoing device behind it: the fuzzer writes and reads registers and
 * configuration, fills rings and memory, starts good drivers in between, and lets the device
 * complete what it kept.  Each step has 12 bytes.
 */
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/virtio/mmio.h"
#include "tests/support/mock_driver.h"
#include "tests/support/mock_virtio_device.h"
#include "tests/support/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE 8
#define REQUIRED  MOCK_F_VERSION_1

enum {
	READ,
	WRITE,
	WRITE_REGISTER,
	START,
	REQUEST,
	KICK,
	POKE,
	KEEP,
	COMPLETE,
	CONFIG_CHANGE,
	ACKNOWLEDGE,
	RESET,
	NR_ACTIONS,
};

struct step {
	uint8_t action, index;
	uint16_t off;
	uint32_t low, high;
};

struct machine {
	struct mock_ram ram;
	struct mock_ring rings[MOCK_DEVICE_QUEUES];
	struct mock_virtio_device device;
	struct device *dev;
	bool level;
	uint64_t free; /* memory behind rings and requests */
};

static void set_line(void *ctx, bool level)
{
	struct machine *m = ctx;

	must(level != m->level);
	m->level = level;
}

static void make_rings(struct machine *m, uint64_t features)
{
	m->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < MOCK_DEVICE_QUEUES; q++)
		mock_ring_init(&m->rings[q], &m->ram, RING_SIZE, features);
}

static void start(struct machine *m, const struct step *step)
{
	const uint64_t choice = MOCK_F_PACKED | MOCK_F_EVENT_IDX | MOCK_F_INDIRECT |
				MOCK_F_RING_RESET | MOCK_DEVICE_F_BASE;
	uint64_t features = REQUIRED | (choice & ((uint64_t)step->high << 32 | step->low));

	mock_mmio_write(m->dev, VIRTIO_MMIO_STATUS, 0);
	make_rings(m, features);
	must(mock_mmio_start(m->dev, features, m->rings, MOCK_DEVICE_QUEUES));
}

static void request(struct machine *m, const struct step *step)
{
	struct mock_ring *ring = &m->rings[step->index % MOCK_DEVICE_QUEUES];
	const struct mock_buffer buffers[] = {
		{ m->free + step->off % 4096, 1 + step->low % 100, false },
		{ m->free + 8192 + step->high % 4096, 1 + step->high % 200, true },
	};

	/* The mock's indexes are its own; only good rings are filled. */
	if (ring->packed || ring->avail->idx == ring->next_avail)
		(void)mock_ring_add(ring, buffers, 2);
}

static void poke(struct machine *m, const struct step *step)
{
	const struct mock_ring *ring = &m->rings[step->index % MOCK_DEVICE_QUEUES];
	uint64_t area = ring->areas[step->index / MOCK_DEVICE_QUEUES % 3];

	memcpy(mock_ram_at(&m->ram, area + step->off % 128), &step->low, sizeof(step->low));
}

static void access_any(struct machine *m, const struct step *step, bool write)
{
	unsigned len = 1u << step->index % 4;
	uint64_t off = step->off % VIRTIO_MMIO_LEN, value = (uint64_t)step->high << 32 | step->low;
	uint8_t buf[8 + 1];

	if (step->index >= 0xf0)
		off = UINT64_MAX - step->off % 16;
	if (write) {
		m->dev->ops->write(m->dev, off, &value, len);
		return;
	}
	memset(buf, 0x5a, sizeof(buf));
	m->dev->ops->read(m->dev, off, buf, len);
	must(buf[len] == 0x5a);
}

static void run_step(struct machine *m, const struct step *step)
{
	switch (step->action % NR_ACTIONS) {
	case READ: access_any(m, step, false); break;
	case WRITE: access_any(m, step, true); break;
	case WRITE_REGISTER:
		mock_mmio_write(m->dev, step->off % 0x100 & ~3u, step->low >> step->index % 32);
		break;
	case START: start(m, step); break;
	case REQUEST: request(m, step); break;
	case KICK:
		mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, step->index % MOCK_DEVICE_QUEUES);
		break;
	case POKE: poke(m, step); break;
	case KEEP: m->device.keep = step->index & 1; break;
	case COMPLETE: mock_virtio_device_complete(&m->device); break;
	case CONFIG_CHANGE:
		(void)pthread_mutex_lock(&m->device.vdev.lock);
		virtio_dev_config_changed(&m->device.vdev);
		(void)pthread_mutex_unlock(&m->device.vdev.lock);
		break;
	case ACKNOWLEDGE: (void)mock_mmio_acknowledge(m->dev); break;
	case RESET: m->dev->ops->reset(m->dev); break;
	default: break;
	}
	/* The line is what InterruptStatus says, always. */
	must(m->level == !!mock_mmio_read(m->dev, VIRTIO_MMIO_INTERRUPT_STATUS));
	/* Nothing is taken before DRIVER_OK. */
	must(m->device.nr_kept == 0 || (m->device.vdev.status & VIRTIO_S_DRIVER_OK));
}

/* Whatever was done to it, a good driver finds a good device. */
static void check_good_driver(struct machine *m)
{
	const struct step plain = { .index = 0 };
	uint16_t head;
	uint32_t len;

	m->device.keep = false;
	start(m, &plain);
	must(!m->level);
	request(m, &plain);
	mock_mmio_write(m->dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	must(mock_ring_collect(&m->rings[0], &head, &len) && len == 1);
	must(mock_mmio_acknowledge(m->dev) == VIRTIO_MMIO_INT_VRING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_ram ram; /* kept from run to run */
	static struct machine m;
	struct virtio_dev_config config = { .name = "fuzz", .mem = &m.ram.mem };
	const struct virtio_mmio_config mmio = { .irq = { set_line, &m } };

	if (!ram.bytes)
		mock_ram_init(&ram);
	m = (struct machine){ .ram = ram };
	mock_ram_clear(&m.ram);
	m.free = MOCK_RAM_BASE + MOCK_RAM_SIZE / 2;
	make_rings(&m, 0);
	must(mock_virtio_device_init(&m.device, &config) == 0);
	must(virtio_mmio_create(&mmio, &m.device.vdev, &m.dev) == 0);
	for (; size >= sizeof(struct step);
	     data += sizeof(struct step), size -= sizeof(struct step)) {
		struct step step;

		memcpy(&step, data, sizeof(step));
		run_step(&m, &step);
	}
	check_good_driver(&m);
	device_destroy(m.dev);
	return 0;
}
