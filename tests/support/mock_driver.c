/* SPDX-License-Identifier: MIT */
#include "tests/support/mock_driver.h"
#include "tests/support/must.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EVENT_WRAP  (1u << 15)
#define PACKED_WRAP (1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED)

void mock_ram_init(struct mock_ram *ram)
{
	memset(ram, 0, sizeof(*ram));
	/* Of whole pages, so that they can be given back. */
	ram->bytes = aligned_alloc(GUEST_MEM_PAGE_SIZE, MOCK_RAM_SIZE);
	ram->fd = -1;
	must(ram->bytes);
	memset(ram->bytes, 0, MOCK_RAM_SIZE);
	must(guest_mem_add_region(&ram->mem, MOCK_RAM_BASE, MOCK_RAM_SIZE, ram->bytes) == 0);
	ram->next = MOCK_RAM_BASE;
}

/* The file begins with something else, so that an offset that is forgotten shows. */
void mock_ram_init_shared(struct mock_ram *ram)
{
	const uint64_t before = 0x10000;

	memset(ram, 0, sizeof(*ram));
	ram->fd = memfd_create("mock-ram", MFD_CLOEXEC);
	must(ram->fd >= 0 && ftruncate(ram->fd, (off_t)(before + MOCK_RAM_SIZE)) == 0);
	ram->bytes = mmap(NULL, MOCK_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd,
			  (off_t)before);
	must(ram->bytes != MAP_FAILED);
	must(guest_mem_add_region(&ram->mem, MOCK_RAM_BASE, MOCK_RAM_SIZE, ram->bytes) == 0);
	must(guest_mem_set_file(&ram->mem, MOCK_RAM_BASE, ram->fd, before) == 0);
	ram->next = MOCK_RAM_BASE;
}

void mock_ram_deinit(struct mock_ram *ram)
{
	if (ram->fd < 0) {
		free(ram->bytes);
		return;
	}
	must(munmap(ram->bytes, MOCK_RAM_SIZE) == 0);
	must(close(ram->fd) == 0);
}

void mock_ram_clear(struct mock_ram *ram)
{
	memset(ram->bytes, 0, MOCK_RAM_SIZE);
	ram->next = MOCK_RAM_BASE;
}

uint64_t mock_ram_alloc(struct mock_ram *ram, uint64_t len, uint64_t align)
{
	uint64_t gpa = ALIGN_UP(ram->next, align);

	ram->next = gpa + len;
	must(ram->next <= MOCK_RAM_BASE + MOCK_RAM_SIZE);
	memset(mock_ram_at(ram, gpa), 0, len);
	return gpa;
}

void *mock_ram_at(const struct mock_ram *ram, uint64_t gpa)
{
	return ram->bytes + (gpa - MOCK_RAM_BASE);
}

struct mock_buffer mock_buffer(struct mock_ram *ram, uint32_t len, bool writable, uint8_t fill)
{
	struct mock_buffer buffer = { mock_ram_alloc(ram, len, 1), len, writable };

	memset(mock_ram_at(ram, buffer.gpa), fill, len);
	return buffer;
}

void mock_ring_init(struct mock_ring *ring, struct mock_ram *ram, uint16_t size, uint64_t features)
{
	must(size && size <= MOCK_RING_MAX);
	memset(ring, 0, sizeof(*ring));
	ring->ram = ram;
	ring->size = size;
	ring->packed = features & MOCK_F_PACKED;
	ring->event_idx = features & MOCK_F_EVENT_IDX;
	ring->nr_free = size;
	ring->avail_wrap = true;
	ring->used_wrap = true;
	ring->areas[0] = mock_ram_alloc(ram, 16ull * size, 16);
	if (ring->packed) {
		ring->areas[1] = mock_ram_alloc(ram, 4, 4);
		ring->areas[2] = mock_ram_alloc(ram, 4, 4);
		ring->packed_desc = mock_ram_at(ram, ring->areas[0]);
		ring->driver_event = mock_ram_at(ram, ring->areas[1]);
		ring->device_event = mock_ram_at(ram, ring->areas[2]);
	} else {
		ring->areas[1] = mock_ram_alloc(ram, 6 + 2ull * size, 2);
		ring->areas[2] = mock_ram_alloc(ram, 6 + 8ull * size, 4);
		ring->desc = mock_ram_at(ram, ring->areas[0]);
		ring->avail = mock_ram_at(ram, ring->areas[1]);
		ring->used = mock_ram_at(ram, ring->areas[2]);
	}
}

/* A free descriptor (split) or ID (packed). */
static uint16_t take(struct mock_ring *ring)
{
	uint16_t i = 0;

	while (ring->taken[i])
		i++;
	ring->taken[i] = true;
	return i;
}

static void publish_split(struct mock_ring *ring, uint16_t head, uint16_t slots)
{
	ring->slots[head] = slots;
	ring->nr_free -= slots;
	ring->avail->ring[ring->next_avail % ring->size] = head;
	__atomic_store_n(&ring->avail->idx, ++ring->next_avail, __ATOMIC_RELEASE);
}

static int add_split(struct mock_ring *ring, const struct mock_buffer *buffers, unsigned count)
{
	uint16_t head = take(ring), at = head;

	for (unsigned i = 0; i < count; i++) {
		struct vring_desc *desc = &ring->desc[at];

		desc->addr = buffers[i].gpa;
		desc->len = buffers[i].len;
		desc->flags = buffers[i].writable ? VRING_DESC_F_WRITE : 0;
		if (i + 1 < count) {
			desc->flags |= VRING_DESC_F_NEXT;
			at = take(ring);
			desc->next = at;
		}
	}
	publish_split(ring, head, (uint16_t)count);
	return head;
}

static uint16_t packed_flags(const struct mock_ring *ring)
{
	return ring->avail_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED;
}

static void forward(const struct mock_ring *ring, uint16_t *slot, bool *wrap, unsigned slots)
{
	*slot = (uint16_t)(*slot + slots);
	if (*slot >= ring->size) {
		*slot = (uint16_t)(*slot - ring->size);
		*wrap = !*wrap;
	}
}

/* The first descriptor's flags are written last: they publish all of the list. */
static int add_packed(struct mock_ring *ring, const struct mock_buffer *buffers, unsigned count,
		      uint16_t more_flags)
{
	struct vring_packed_desc *first = &ring->packed_desc[ring->next_avail];
	uint16_t id = take(ring), first_flags = 0;

	for (unsigned i = 0; i < count; i++) {
		struct vring_packed_desc *desc = &ring->packed_desc[ring->next_avail];
		uint16_t flags = packed_flags(ring) | more_flags;

		if (buffers[i].writable)
			flags |= VRING_DESC_F_WRITE;
		if (i + 1 < count)
			flags |= VRING_DESC_F_NEXT;
		desc->addr = buffers[i].gpa;
		desc->len = buffers[i].len;
		desc->id = id;
		if (i == 0)
			first_flags = flags;
		else
			desc->flags = flags;
		forward(ring, &ring->next_avail, &ring->avail_wrap, 1);
	}
	ring->slots[id] = (uint16_t)count;
	ring->nr_free -= count;
	ring->unkicked += count;
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

int mock_ring_add(struct mock_ring *ring, const struct mock_buffer *buffers, unsigned count)
{
	if (count > ring->nr_free)
		return -1;
	return ring->packed ? add_packed(ring, buffers, count, 0) : add_split(ring, buffers, count);
}

int mock_ring_add_indirect(struct mock_ring *ring, const struct mock_buffer *buffers,
			   unsigned count)
{
	struct mock_buffer table = { mock_ram_alloc(ring->ram, 16ull * count, 16), 16 * count,
				     false };

	if (ring->nr_free == 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = buffers[i].writable ? VRING_DESC_F_WRITE : 0;

		if (ring->packed) {
			struct vring_packed_desc *desc = mock_ram_at(ring->ram, table.gpa);

			desc[i].addr = buffers[i].gpa;
			desc[i].len = buffers[i].len;
			desc[i].flags = flags;
		} else {
			struct vring_desc *desc = mock_ram_at(ring->ram, table.gpa);

			desc[i].addr = buffers[i].gpa;
			desc[i].len = buffers[i].len;
			desc[i].flags = flags | (i + 1 < count ? VRING_DESC_F_NEXT : 0);
			desc[i].next = (uint16_t)(i + 1);
		}
	}
	if (ring->packed)
		return add_packed(ring, &table, 1, VRING_DESC_F_INDIRECT);
	/* add_split() would publish it before it has its flag. */
	uint16_t head = take(ring);

	ring->desc[head] = (struct vring_desc){ table.gpa, table.len, VRING_DESC_F_INDIRECT, 0 };
	publish_split(ring, head, 1);
	return head;
}

static bool should_kick_packed(struct mock_ring *ring)
{
	uint32_t word = __atomic_load_n((uint32_t *)(void *)ring->device_event, __ATOMIC_ACQUIRE);
	uint16_t off_wrap = (uint16_t)word, flags = (uint16_t)(word >> 16);
	unsigned round = 2u * ring->size, now, event, unkicked = ring->unkicked;

	ring->unkicked = 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	now = ring->next_avail + (ring->avail_wrap ? 0u : ring->size);
	event = (off_wrap & ~EVENT_WRAP) + (off_wrap & EVENT_WRAP ? 0u : ring->size);
	return (now + round - event - 1) % round < unkicked;
}

bool mock_ring_should_kick(struct mock_ring *ring)
{
	uint16_t old = ring->kicked;

	__sync_synchronize();
	if (ring->packed)
		return should_kick_packed(ring);
	ring->kicked = ring->next_avail;
	if (!ring->event_idx)
		return !(__atomic_load_n(&ring->used->flags, __ATOMIC_ACQUIRE) &
			 VRING_USED_F_NO_NOTIFY);
	return vring_need_event(__atomic_load_n((uint16_t *)(void *)&ring->used->ring[ring->size],
						__ATOMIC_ACQUIRE),
				ring->next_avail, old);
}

/* Gives the descriptors of a chain back. */
static void release(struct mock_ring *ring, uint16_t head)
{
	uint16_t at = head;

	must(head < ring->size && ring->taken[head]);
	ring->nr_free += ring->slots[head];
	ring->taken[head] = false;
	if (ring->packed)
		return;
	for (unsigned i = 1; i < ring->slots[head]; i++) {
		at = ring->desc[at].next;
		ring->taken[at] = false;
	}
}

static bool collect_packed(struct mock_ring *ring, uint16_t *ret_head, uint32_t *ret_len)
{
	const struct vring_packed_desc *desc = &ring->packed_desc[ring->last_used];
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);

	if ((flags & PACKED_WRAP) != (ring->used_wrap ? PACKED_WRAP : 0))
		return false;
	*ret_head = desc->id;
	*ret_len = flags & VRING_DESC_F_WRITE ? desc->len : 0;
	must(desc->id < ring->size);
	forward(ring, &ring->last_used, &ring->used_wrap, ring->slots[desc->id]);
	return true;
}

bool mock_ring_collect(struct mock_ring *ring, uint16_t *ret_head, uint32_t *ret_len)
{
	if (ring->packed) {
		if (!collect_packed(ring, ret_head, ret_len))
			return false;
	} else {
		const struct vring_used_elem *elem =
			&ring->used->ring[ring->last_used % ring->size];

		if (__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) == ring->last_used)
			return false;
		must(elem->id < ring->size);
		*ret_head = (uint16_t)elem->id;
		*ret_len = elem->len;
		ring->last_used++;
	}
	release(ring, *ret_head);
	return true;
}

void mock_ring_want(struct mock_ring *ring, enum mock_signals when)
{
	bool never = when == MOCK_SIGNAL_NEVER;

	if (ring->packed)
		ring->driver_event->flags = never ? VRING_PACKED_EVENT_FLAG_DISABLE
						  : VRING_PACKED_EVENT_FLAG_ENABLE;
	else
		ring->avail->flags = never ? VRING_AVAIL_F_NO_INTERRUPT : 0;
}

void mock_ring_want_after(struct mock_ring *ring, unsigned count)
{
	uint16_t at = ring->last_used;
	bool wrap = ring->used_wrap;

	if (!ring->packed) {
		ring->avail->ring[ring->size] = (uint16_t)(at + count - 1);
		return;
	}
	forward(ring, &at, &wrap, count - 1);
	ring->driver_event->off_wrap = (uint16_t)(at | (wrap ? EVENT_WRAP : 0));
	ring->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
}

uint32_t mock_mmio_read(struct device *dev, uint64_t off)
{
	uint32_t value = 0x5a5a5a5a;

	dev->ops->read(dev, off, &value, sizeof(value));
	return value;
}

void mock_mmio_write(struct device *dev, uint64_t off, uint32_t value)
{
	dev->ops->write(dev, off, &value, sizeof(value));
}

uint64_t mock_mmio_offered(struct device *dev)
{
	uint64_t features;

	mock_mmio_write(dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)mock_mmio_read(dev, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	mock_mmio_write(dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | mock_mmio_read(dev, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void add_status(struct device *dev, uint32_t bits)
{
	mock_mmio_write(dev, VIRTIO_MMIO_STATUS, mock_mmio_read(dev, VIRTIO_MMIO_STATUS) | bits);
}

bool mock_mmio_negotiate(struct device *dev, uint64_t features)
{
	mock_mmio_write(dev, VIRTIO_MMIO_STATUS, 0);
	add_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(dev, VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		mock_mmio_write(dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		mock_mmio_write(dev, VIRTIO_MMIO_DRIVER_FEATURES,
				(uint32_t)(features >> (32 * word)));
	}
	add_status(dev, VIRTIO_CONFIG_S_FEATURES_OK);
	return mock_mmio_read(dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

void mock_mmio_set_queue(struct device *dev, uint32_t q, const struct mock_ring *ring)
{
	static const uint64_t low[] = { VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_USED_LOW };

	mock_mmio_write(dev, VIRTIO_MMIO_QUEUE_SEL, q);
	mock_mmio_write(dev, VIRTIO_MMIO_QUEUE_NUM, ring->size);
	for (unsigned i = 0; i < ARRAY_SIZE(low); i++) {
		mock_mmio_write(dev, low[i], (uint32_t)ring->areas[i]);
		mock_mmio_write(dev, low[i] + 4, (uint32_t)(ring->areas[i] >> 32));
	}
}

void mock_mmio_enable_queue(struct device *dev, uint32_t q, const struct mock_ring *ring)
{
	mock_mmio_set_queue(dev, q, ring);
	mock_mmio_write(dev, VIRTIO_MMIO_QUEUE_READY, 1);
}

bool mock_mmio_start(struct device *dev, uint64_t features, const struct mock_ring *rings,
		     unsigned count)
{
	if (!mock_mmio_negotiate(dev, features))
		return false;
	for (unsigned q = 0; q < count; q++)
		mock_mmio_enable_queue(dev, q, &rings[q]);
	add_status(dev, VIRTIO_CONFIG_S_DRIVER_OK);
	return !(mock_mmio_read(dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

uint32_t mock_mmio_acknowledge(struct device *dev)
{
	uint32_t bits = mock_mmio_read(dev, VIRTIO_MMIO_INTERRUPT_STATUS);

	if (bits)
		mock_mmio_write(dev, VIRTIO_MMIO_INTERRUPT_ACK, bits);
	return bits;
}
