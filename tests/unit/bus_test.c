/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/bus.h"

struct recorder {
	struct device dev;
	uint64_t off;
	unsigned len, reads, writes;
};

static void record_read(struct device *dev, uint64_t off, void *buf, unsigned len)
{
	struct recorder *recorder = container_of(dev, struct recorder, dev);

	recorder->off = off;
	recorder->len = len;
	recorder->reads++;
	memset(buf, 0x5a, len);
}

static void record_write(struct device *dev, uint64_t off, const void *buf, unsigned len)
{
	struct recorder *recorder = container_of(dev, struct recorder, dev);

	(void)buf;
	recorder->off = off;
	recorder->len = len;
	recorder->writes++;
}

static const struct device_ops recorder_ops = { .read = record_read, .write = record_write };

static void accesses_reach_the_device_of_their_range(void **state)
{
	struct recorder a = { .dev = { .ops = &recorder_ops, .name = "a" } };
	struct recorder b = { .dev = { .ops = &recorder_ops, .name = "b" } };
	struct bus bus = { .space = TRACE_SPACE_PIO };
	uint32_t value = 0;

	(void)state;
	assert_int_equal(bus_add(&bus, 0x3f8, 8, &b.dev), 0);
	assert_int_equal(bus_add(&bus, 0x70, 2, &a.dev), 0);
	assert_ptr_equal(bus_read(&bus, 0x71, &value, 1), &a.dev);
	assert_int_equal(a.off, 1);
	assert_ptr_equal(bus_write(&bus, 0x3ff, &value, 1), &b.dev);
	assert_int_equal(b.off, 7);
	/* Over the end, below, between and above: nobody's. */
	assert_null(bus_read(&bus, 0x3fd, &value, 4));
	assert_int_equal(value, UINT32_MAX);
	assert_null(bus_write(&bus, 0x6f, &value, 1));
	assert_null(bus_write(&bus, 0x72, &value, 1));
	assert_null(bus_read(&bus, 0x400, &value, 1));
	assert_null(bus_read(&bus, UINT64_MAX, &value, 4));
	assert_int_equal(b.reads, 0);
}

static void overlaps_and_overflows_are_refused(void **state)
{
	struct recorder a = { .dev = { .ops = &recorder_ops, .name = "a" } };
	struct bus bus = { .space = TRACE_SPACE_MMIO };

	(void)state;
	assert_int_equal(bus_add(&bus, 0x1000, 0x1000, &a.dev), 0);
	assert_int_equal(bus_add(&bus, 0x1fff, 1, &a.dev), -EEXIST);
	assert_int_equal(bus_add(&bus, 0x0, 0x1001, &a.dev), -EEXIST);
	assert_int_equal(bus_add(&bus, 0x2000, 0, &a.dev), -EINVAL);
	assert_int_equal(bus_add(&bus, UINT64_MAX, 2, &a.dev), -EINVAL);
	assert_int_equal(bus_add(&bus, 0x2000, 1, &a.dev), 0);
	for (unsigned i = 2; i < BUS_MAX_RANGES; i++)
		assert_int_equal(bus_add(&bus, 0x10000 + i, 1, &a.dev), 0);
	assert_int_equal(bus_add(&bus, 0x100000, 1, &a.dev), -ENOSPC);
}

static void a_cleared_bus_has_no_devices(void **state)
{
	struct recorder a = { .dev = { .ops = &recorder_ops, .name = "a" } };
	struct bus bus = { .space = TRACE_SPACE_MMIO };
	uint32_t value = 0;

	(void)state;
	assert_int_equal(bus_add(&bus, 0x1000, 0x1000, &a.dev), 0);
	bus_clear(&bus);
	assert_null(bus_read(&bus, 0x1000, &value, 4));
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(a.reads, 0);
	/* There is room again. */
	assert_int_equal(bus_add(&bus, 0x1800, 0x1000, &a.dev), 0);
	assert_ptr_equal(bus_read(&bus, 0x1800, &value, 4), &a.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_reach_the_device_of_their_range),
		cmocka_unit_test(overlaps_and_overflows_are_refused),
		cmocka_unit_test(a_cleared_bus_has_no_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
