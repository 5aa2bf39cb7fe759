/* SPDX-License-Identifier: MIT */
/* What people are shown of a device: its queues, split and packed, and the names of bits. */
#include "tests/unit/virtio_fixture.h"

#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>

#include "devices/virtio/feature_names.h"
#include "devices/virtio/inspect.h"
#include "tests/unit/virtio_device_fixture.h"

static struct virtqueue_info info; /* of the last look */

static void look(struct queue_fixture *f)
{
	virtqueue_inspect(&f->vq, &info);
}

/* Offers @count chains of two descriptors; Return: the head of the first. */
static uint16_t add(struct queue_fixture *f, unsigned count)
{
	int first = -1;

	while (count--) {
		struct mock_buffer buffers[] = { mock_buffer(&f->ram, 8, false, 0),
						 mock_buffer(&f->ram, 8, true, 0) };
		int head = mock_ring_add(&f->ring, buffers, 2);

		assert_true(head >= 0);
		if (first < 0)
			first = head;
	}
	return (uint16_t)first;
}

static void pop(struct queue_fixture *f)
{
	virtqueue_start_batch(&f->vq);
	assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 1);
}

static void push(struct queue_fixture *f)
{
	uint16_t head;
	uint32_t len;

	virtqueue_push(&f->vq, &f->chain, 0);
	assert_true(mock_ring_collect(&f->ring, &head, &len));
}

static void inspect_a_queue_that_is_off(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 16, MOCK_F_VERSION_1);
	(void)add(&f, 2);
	virtqueue_reset(&f.vq);
	f.vq.size = 8;
	look(&f);
	assert_false(info.enabled);
	assert_int_equal(info.size, 8);
	assert_int_equal(info.max_size, 256);
	assert_int_equal(info.avail, 0);
	assert_int_equal(info.nr_waiting, 0);
	queue_teardown(&f);
}

static void inspect_split(void **state)
{
	struct queue_fixture f;
	uint16_t first;

	(void)state;
	queue_setup(&f, 16, MOCK_F_VERSION_1);
	/* Around the ring, so that indexes and places in it differ. */
	for (unsigned i = 0; i < 20; i++) {
		(void)add(&f, 1);
		pop(&f);
		push(&f);
	}
	first = add(&f, 3);
	pop(&f);
	look(&f);
	assert_true(info.enabled);
	assert_false(info.broken || info.packed);
	assert_memory_equal(info.areas, f.ring.areas, sizeof(info.areas));
	assert_int_equal(info.size, 16);
	assert_int_equal(info.avail, 23);
	assert_int_equal(info.last_avail, 21);
	assert_int_equal(info.used, 20);
	assert_int_equal(info.nr_in_flight, 1);
	assert_int_equal(info.in_flight[0], first);
	assert_int_equal(info.nr_waiting, 2);
	assert_int_equal(info.waiting[0], f.ring.avail->ring[21 % 16]);
	assert_int_equal(info.waiting[1], f.ring.avail->ring[22 % 16]);
	/* To look changes nothing. */
	pop(&f);
	assert_int_equal(f.chain.head, info.waiting[0]);
	queue_teardown(&f);
}

static void inspect_split_notifications(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 16, MOCK_F_VERSION_1);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_ON);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_ON);
	virtqueue_disable_notify(&f.vq);
	mock_ring_want(&f.ring, MOCK_SIGNAL_NEVER);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_OFF);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_OFF);
	queue_teardown(&f);

	queue_setup(&f, 16, MOCK_F_VERSION_1 | MOCK_F_EVENT_IDX);
	(void)add(&f, 2);
	pop(&f);
	pop(&f);
	assert_false(virtqueue_enable_notify(&f.vq));
	mock_ring_want_after(&f.ring, 5);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_AT);
	assert_int_equal(info.kicks.index, 2);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_AT);
	assert_int_equal(info.interrupts.index, 4);
	queue_teardown(&f);
}

/* A ring that no driver would write is shown, and nothing is read beyond it. */
static void inspect_split_nonsense(void **state)
{
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 16, MOCK_F_VERSION_1);
	f.ring.avail->idx = 17;
	look(&f);
	assert_int_equal(info.avail, 17);
	assert_int_equal(info.nr_waiting, 0);
	f.ring.avail->idx = 16;
	f.ring.avail->ring[7] = 0xffff;
	look(&f);
	assert_int_equal(info.nr_waiting, 16);
	assert_int_equal(info.waiting[7], 0xffff);
	f.ring.avail->idx = 17;
	assert_int_equal(virtqueue_pop(&f.vq, &f.chain), -EIO);
	look(&f);
	assert_true(info.broken);
	queue_teardown(&f);
}

static void inspect_packed(void **state)
{
	const uint64_t features = MOCK_F_VERSION_1 | MOCK_F_PACKED;
	struct queue_fixture f;
	uint16_t first;

	(void)state;
	queue_setup(&f, 8, features);
	for (unsigned i = 0; i < 3; i++) {
		(void)add(&f, 1);
		pop(&f);
		push(&f);
	}
	/* The first at slot 6, the second over the end. */
	first = add(&f, 2);
	pop(&f);
	look(&f);
	assert_true(info.enabled && info.packed);
	assert_int_equal(info.used, 6);
	assert_true(info.used_wrap);
	assert_int_equal(info.last_avail, 0);
	assert_false(info.last_avail_wrap);
	assert_int_equal(info.avail, 2);
	assert_false(info.avail_wrap);
	assert_int_equal(info.nr_in_flight, 1);
	assert_int_equal(info.in_flight[0], first);
	assert_int_equal(info.nr_waiting, 1);
	pop(&f);
	assert_int_equal(f.chain.head, info.waiting[0]);
	look(&f);
	assert_int_equal(info.nr_waiting, 0);
	queue_teardown(&f);
}

/* Every slot available, and the last list without an end: once around, no more. */
static void inspect_packed_full(void **state)
{
	const uint64_t features = MOCK_F_VERSION_1 | MOCK_F_PACKED;
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 8, features);
	(void)add(&f, 4);
	look(&f);
	assert_int_equal(info.nr_waiting, 4);
	assert_int_equal(info.avail, 0);
	assert_false(info.avail_wrap);
	for (unsigned i = 0; i < 8; i++)
		f.ring.packed_desc[i].flags |= VRING_DESC_F_NEXT;
	look(&f);
	assert_int_equal(info.nr_waiting, 0);
	queue_teardown(&f);
}

static void inspect_packed_notifications(void **state)
{
	const uint64_t features = MOCK_F_VERSION_1 | MOCK_F_PACKED | MOCK_F_EVENT_IDX;
	struct queue_fixture f;

	(void)state;
	queue_setup(&f, 8, features);
	virtqueue_disable_notify(&f.vq);
	mock_ring_want(&f.ring, MOCK_SIGNAL_ALWAYS);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_OFF);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_ON);
	assert_false(virtqueue_enable_notify(&f.vq));
	mock_ring_want_after(&f.ring, 3);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_AT);
	assert_int_equal(info.kicks.index, 0);
	assert_true(info.kicks.wrap);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_AT);
	assert_int_equal(info.interrupts.index, 2);
	assert_true(info.interrupts.wrap);
	queue_teardown(&f);

	/* A driver that wants what it has not accepted: it is interrupted always. */
	queue_setup(&f, 8, features & ~MOCK_F_EVENT_IDX);
	mock_ring_want_after(&f.ring, 3);
	look(&f);
	assert_int_equal(info.kicks.when, VIRTQUEUE_NOTIFY_ON);
	assert_int_equal(info.interrupts.when, VIRTQUEUE_NOTIFY_ON);
	queue_teardown(&f);
}

static void inspect_a_device(void **state)
{
	struct virtio_dev_info dev;
	struct device_fixture f;

	(void)state;
	device_setup(&f);
	virtio_dev_inspect(&f.device.vdev, &dev);
	assert_string_equal(dev.name, "mock0");
	assert_int_equal(dev.id, MOCK_DEVICE_ID);
	assert_int_equal(dev.status, 0);
	assert_int_equal(dev.accepted, 0);
	assert_int_equal(dev.offered, mock_mmio_offered(f.dev));
	assert_int_equal(dev.nr_queues, MOCK_DEVICE_QUEUES);
	start_driver(&f, BASIC_FEATURES);
	(void)offer(&f, 1);
	f.device.keep = true;
	kick(&f, 1);
	virtio_dev_inspect(&f.device.vdev, &dev);
	assert_int_equal(dev.status, 0xf);
	assert_int_equal(dev.accepted, BASIC_FEATURES);
	virtio_dev_inspect_queue(&f.device.vdev, 0, &info);
	assert_int_equal(info.avail, 0);
	virtio_dev_inspect_queue(&f.device.vdev, 1, &info);
	assert_int_equal(info.avail, 1);
	assert_int_equal(info.nr_in_flight, 1);
	device_teardown(&f);
}

#define ASSERT_NAME(id, bit, name) assert_string_equal(virtio_feature_name(id, bit), name)
#define ASSERT_NAMED(id, bit)      ASSERT_NAME(id, bit, #bit)

/* Against Linux's headers, which are somebody else's reading of the specification. */
static void names_of_features(void **state)
{
	(void)state;
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_CSUM);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_CSUM);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_MTU);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_MAC);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_TSO4);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_UFO);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_HOST_TSO4);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_HOST_UFO);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_MRG_RXBUF);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_STATUS);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_CTRL_VQ);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_CTRL_VLAN);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_ANNOUNCE);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_MQ);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_CTRL_MAC_ADDR);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_HASH_REPORT);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_RSS);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_NET_F_SPEED_DUPLEX);
	ASSERT_NAMED(VIRTIO_ID_BLOCK, VIRTIO_BLK_F_SIZE_MAX);
	ASSERT_NAMED(VIRTIO_ID_BLOCK, VIRTIO_BLK_F_RO);
	ASSERT_NAMED(VIRTIO_ID_BLOCK, VIRTIO_BLK_F_FLUSH);
	ASSERT_NAMED(VIRTIO_ID_BLOCK, VIRTIO_BLK_F_CONFIG_WCE);
	ASSERT_NAMED(VIRTIO_ID_BLOCK, VIRTIO_BLK_F_WRITE_ZEROES);
	ASSERT_NAMED(VIRTIO_ID_CONSOLE, VIRTIO_CONSOLE_F_MULTIPORT);
	ASSERT_NAMED(VIRTIO_ID_BALLOON, VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	ASSERT_NAME(VIRTIO_ID_BALLOON, VIRTIO_BALLOON_F_REPORTING,
		    "VIRTIO_BALLOON_F_PAGE_REPORTING");
	ASSERT_NAME(VIRTIO_ID_VSOCK, VIRTIO_VSOCK_F_SEQPACKET, "VIRTIO_VSOCK_F_SEQPACKET");
	ASSERT_NAME(VIRTIO_ID_FS, 0, "VIRTIO_FS_F_NOTIFICATION");
	ASSERT_NAMED(VIRTIO_ID_RNG, VIRTIO_F_VERSION_1);
	ASSERT_NAMED(VIRTIO_ID_NET, VIRTIO_F_ACCESS_PLATFORM);
	ASSERT_NAMED(12345, VIRTIO_F_RING_PACKED);
	ASSERT_NAME(VIRTIO_ID_BLOCK, VIRTIO_RING_F_EVENT_IDX, "VIRTIO_F_EVENT_IDX");
	ASSERT_NAME(VIRTIO_ID_BLOCK, VIRTIO_RING_F_INDIRECT_DESC, "VIRTIO_F_INDIRECT_DESC");
	assert_null(virtio_feature_name(VIRTIO_ID_RNG, 0));
	assert_null(virtio_feature_name(VIRTIO_ID_BLOCK, 63));
	assert_null(virtio_feature_name(VIRTIO_ID_BLOCK, 64));
}

static void names_of_status_bits(void **state)
{
	(void)state;
	assert_string_equal(virtio_status_name(0), "ACKNOWLEDGE");
	assert_string_equal(virtio_status_name(2), "DRIVER_OK");
	assert_string_equal(virtio_status_name(6), "NEEDS_RESET");
	assert_null(virtio_status_name(4));
	assert_null(virtio_status_name(8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inspect_a_queue_that_is_off),
		cmocka_unit_test(inspect_split),
		cmocka_unit_test(inspect_split_notifications),
		cmocka_unit_test(inspect_split_nonsense),
		cmocka_unit_test(inspect_packed),
		cmocka_unit_test(inspect_packed_full),
		cmocka_unit_test(inspect_packed_notifications),
		cmocka_unit_test(inspect_a_device),
		cmocka_unit_test(names_of_features),
		cmocka_unit_test(names_of_status_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
