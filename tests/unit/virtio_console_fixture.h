/* SPDX-License-Identifier: MIT */
/* A console device on fake lines, behind virtio-mmio, with a mock driver before it, for cmocka. */
#ifndef GLASSBOX_TESTS_UNIT_VIRTIO_CONSOLE_FIXTURE_H
#define GLASSBOX_TESTS_UNIT_VIRTIO_CONSOLE_FIXTURE_H

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>

#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "tests/support/fake_char.h"
#include "tests/support/finding_recorder.h"
#include "tests/support/mock_driver.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/device_fixture.h"

#define CONSOLE_FEATURE(name) MOCK_FEATURE(VIRTIO_CONSOLE_F_##name)
#define CONSOLE_PORTS         3
#define CONSOLE_QUEUES        (2 * CONSOLE_PORTS + 2)
#define CONSOLE_RING          16

/* The queues of the ports, and of control. */
#define RX(port)              ((port) ? 2u * (port) + 2 : 0u)
#define TX(port)              (RX(port) + 1)
#define CONTROL_RX            2u
#define CONTROL_TX            3u

#define BASIC                 (MOCK_F_VERSION_1 | MOCK_F_INDIRECT | CONSOLE_FEATURE(SIZE))
#define MULTI                 (BASIC | CONSOLE_FEATURE(MULTIPORT))

struct console_fixture {
	struct mock_ram ram;
	struct mock_ring rings[CONSOLE_QUEUES];
	unsigned nr_queues;
	struct recorded_irq irq;
	struct fake_char lines[CONSOLE_PORTS];
	struct char_receiver receivers[CONSOLE_PORTS];
	struct virtio_dev *vdev;
	struct device *dev; /* the registers */
};

/* New rings in new memory, and a driver that starts with them. */
static inline void console_start(struct console_fixture *f, uint64_t features)
{
	f->ram.next = MOCK_RAM_BASE;
	for (unsigned q = 0; q < f->nr_queues; q++)
		mock_ring_init(&f->rings[q], &f->ram, CONSOLE_RING, features);
	assert_true(mock_mmio_start(f->dev, features, f->rings, f->nr_queues));
}

/* @names: of the ports, NULL for a console.  @backend: instead of the fake lines; may be NULL */
static inline void console_create_with(struct console_fixture *f, struct loop *loop,
				       const struct char_backend *backend, unsigned nr_ports,
				       const char *const *names)
{
	struct virtio_dev_config config = { .name = "virtio-console0", .loop = loop };
	struct console_port_config ports[CONSOLE_PORTS];
	struct virtio_mmio_config mmio = { .base = 0xd0000000 };
	bool has_console = false;

	memset(f, 0, sizeof(*f));
	start_recording();
	mock_ram_init(&f->ram);
	config.mem = &f->ram.mem;
	mmio.irq = recorded_irq_line(&f->irq);
	for (unsigned i = 0; i < nr_ports; i++) {
		fake_char_init(&f->lines[i]);
		ports[i].name = names[i];
		ports[i].backend = backend ? *backend : fake_char_backend(&f->lines[i]);
		has_console = has_console || !names[i];
	}
	assert_int_equal(virtio_console_create(&config, ports, nr_ports, &f->vdev), 0);
	for (unsigned i = 0; i < nr_ports; i++)
		f->receivers[i] = virtio_console_receiver(f->vdev, i);
	assert_int_equal(virtio_mmio_create(&mmio, f->vdev, &f->dev), 0);
	f->nr_queues = nr_ports == 1 && has_console ? 2 : 2 * (nr_ports + !has_console) + 2;
}

static inline void console_create(struct console_fixture *f, unsigned nr_ports,
				  const char *const *names)
{
	console_create_with(f, NULL, NULL, nr_ports, names);
}

/* The one console, with a driver. */
static inline void console_setup(struct console_fixture *f, uint64_t features)
{
	static const char *const names[] = { NULL };

	console_create(f, 1, names);
	console_start(f, features);
}

static inline void console_teardown(struct console_fixture *f)
{
	destroy_and_null(f->dev);
	mock_ram_deinit(&f->ram);
}

static inline void console_kick(struct console_fixture *f, unsigned q)
{
	mock_mmio_write(f->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Offers @text in queue @q, in descriptors of @piece bytes, and notifies; Return: the head. */
static inline int console_offer(struct console_fixture *f, unsigned q, const void *text,
				uint32_t len, uint32_t piece)
{
	uint64_t gpa = mock_ram_alloc(&f->ram, len, 1);
	struct mock_buffer buffers[CONSOLE_RING];
	unsigned n = 0;
	int head;

	memcpy(mock_ram_at(&f->ram, gpa), text, len);
	for (uint32_t at = 0; at < len; at += piece)
		buffers[n++] = (struct mock_buffer){ gpa + at, MIN(piece, len - at), false };
	head = mock_ring_add(&f->rings[q], buffers, n);
	assert_true(head >= 0);
	console_kick(f, q);
	return head;
}

/* The next chain used in queue @q is @head, with @len bytes. */
static inline void console_expect_used(struct console_fixture *f, unsigned q, int head,
				       uint32_t len)
{
	uint16_t used_head;
	uint32_t used_len;

	assert_true(mock_ring_collect(&f->rings[q], &used_head, &used_len));
	assert_int_equal(used_head, head);
	assert_int_equal(used_len, len);
}

static inline bool console_nothing_used(struct console_fixture *f, unsigned q)
{
	uint16_t head;
	uint32_t len;

	return !mock_ring_collect(&f->rings[q], &head, &len);
}

/* The guest prints @text on the port whose line is @line. */
static inline void console_print(struct console_fixture *f, unsigned port, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);

	console_expect_used(f, TX(port), console_offer(f, TX(port), text, len, len), 0);
}

/* Offers a buffer for input, and notifies. */
static inline struct mock_buffer console_listen(struct console_fixture *f, unsigned q, uint32_t len)
{
	struct mock_buffer buffer = mock_buffer(&f->ram, len, true, 0xee);

	assert_true(mock_ring_add(&f->rings[q], &buffer, 1) >= 0);
	console_kick(f, q);
	return buffer;
}

/* Somebody types on line @index.  Return: how much of it was taken. */
static inline size_t console_type(struct console_fixture *f, unsigned index, const char *text)
{
	return f->receivers[index].receive(f->receivers[index].ctx, text, strlen(text));
}

static inline void console_connect(struct console_fixture *f, unsigned index, bool connected)
{
	f->receivers[index].connected(f->receivers[index].ctx, connected);
}

static inline void console_resize(struct console_fixture *f, unsigned index, uint16_t cols,
				  uint16_t rows)
{
	f->receivers[index].resized(f->receivers[index].ctx, (struct char_size){ cols, rows });
}

static inline uint32_t console_config_read(struct console_fixture *f, unsigned off, unsigned len)
{
	uint32_t value = 0;

	f->dev->ops->read(f->dev, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

static inline void console_config_write(struct console_fixture *f, unsigned off, uint32_t value,
					unsigned len)
{
	f->dev->ops->write(f->dev, VIRTIO_MMIO_CONFIG + off, &value, len);
}

#endif
