/* SPDX-License-Identifier: MIT */
/* The facade against a provider that counts: calls reach it only while the event's word is set. */
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "trace/trace.h"

static unsigned calls[TRACE_EVENT_COUNT];
static int words[TRACE_EVENT_COUNT];
static struct {
	uint32_t vcpu, reason, space, len, is_write;
	uint64_t seq, rip, addr, data;
} last_exit;
static const char *last_device;

/* Parameters are not used by most of these. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define FAKE_COUNT(name, params, args)                                                             \
	static void count_##name params                                                            \
	{                                                                                          \
		calls[TRACE_EVENT_##name]++;                                                       \
	}
TRACE_EVENTS(FAKE_COUNT)
#pragma GCC diagnostic pop

static void keep_exit(uint32_t vcpu, uint64_t seq, uint32_t reason, uint64_t rip, uint32_t space,
		      uint64_t addr, uint32_t len, uint32_t is_write, uint64_t data)
{
	count_exit(vcpu, seq, reason, rip, space, addr, len, is_write, data);
	last_exit.vcpu = vcpu;
	last_exit.seq = seq;
	last_exit.reason = reason;
	last_exit.rip = rip;
	last_exit.space = space;
	last_exit.addr = addr;
	last_exit.len = len;
	last_exit.is_write = is_write;
	last_exit.data = data;
}

static void keep_entry(uint32_t vcpu, uint64_t seq, const char *device, uint64_t data)
{
	count_entry(vcpu, seq, device, data);
	last_device = device;
}

static void call_all(void)
{
	trace_exit(1, 2, 3, 4, 5, 6, 7, 8, 9);
	trace_entry(1, 2, "uart0", 3);
	trace_device_map("uart0", TRACE_SPACE_PIO, 1, 2);
	trace_device_register("uart0", TRACE_SPACE_PIO, 1, "rw", "IER");
	trace_vcpu_counters(1, 2, 3, 4, 5, 6, 7);
	trace_stop(1, TRACE_STOP_STEP, 2);
	trace_resume(1, 0);
	trace_vm_start("1", 2, 3, "vmlinuz", 4);
	trace_vm_stop(0, "shutdown");
	trace_serial_rx("uart0", 1);
	trace_serial_tx("uart0", 1);
	trace_serial_overrun("uart0", 1);
	trace_irq_line("uart0", 1);
	trace_rtc_access("rtc", 1, 0, 1);
	trace_power("pm", "reset", 1);
	trace_virtio_status("rng0", 1, 3);
	trace_virtio_features("rng0", 3, 1, 1);
	trace_virtio_queue("rng0", 0, 256, 1, 2, 3, 1);
	trace_virtio_kick("rng0", 0, 2, 1, "doorbell");
	trace_virtio_desc("rng0", 0, 1, 2, 3, 4, 5, 6);
	trace_virtio_pop("rng0", 0, 1, 2, 3, 4, 5);
	trace_virtio_backend_begin("disk0", 0, 1, "read", 2, 512);
	trace_virtio_backend_end("disk0", 0, 1, 0);
	trace_vsock_packet("vsock0", 0, 1, "RW", 2, 3, 4, 0, 5, 6);
	trace_virtio_used("rng0", 0, 1, 2, 3, 4);
	trace_virtio_irq("rng0", 0, 1, 2, 3);
	trace_virtio_ack("rng0", 1, 1);
	trace_virtio_reset("rng0", 0);
	trace_virtio_finding("rng0", 0, "loop", "2.7.5", 1);
}

static void nothing_is_recorded_without_a_provider(void **state)
{
	(void)state;
	memset(calls, 0, sizeof(calls));
	assert_false(trace_exit_enabled());
	assert_false(trace_power_enabled());
	call_all();
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		assert_int_equal(calls[i], 0);
}

static void attach_fake(void)
{
#define FAKE_MEMBER(name, params, args)  .name = count_##name,
#define FAKE_ENABLED(name, params, args) [TRACE_EVENT_##name] = &words[TRACE_EVENT_##name],
	struct trace_provider fake = { .enabled = { TRACE_EVENTS(FAKE_ENABLED) },
				       TRACE_EVENTS(FAKE_MEMBER) };

	fake.exit = keep_exit;
	fake.entry = keep_entry;
	trace_attach(&fake);
}

static void each_word_enables_its_own_event(void **state)
{
	(void)state;
	attach_fake();
	for (unsigned on = 0; on < TRACE_EVENT_COUNT; on++) {
		memset(calls, 0, sizeof(calls));
		memset(words, 0, sizeof(words));
		words[on] = 1;
		call_all();
		for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
			assert_int_equal(calls[i], i == on);
	}
	memset(calls, 0, sizeof(calls));
	memset(words, 0, sizeof(words));
	call_all();
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		assert_int_equal(calls[i], 0);
}

static void arguments_arrive_in_order(void **state)
{
	static const char device[] = "virtio0";

	(void)state;
	attach_fake();
	words[TRACE_EVENT_exit] = 1;
	words[TRACE_EVENT_entry] = 1;
	trace_exit(1, UINT64_MAX, 3, 4, 5, 6, 7, 8, UINT64_MAX - 1);
	trace_entry(1, 2, device, 3);
	assert_int_equal(last_exit.vcpu, 1);
	assert_true(last_exit.seq == UINT64_MAX);
	assert_int_equal(last_exit.reason, 3);
	assert_int_equal(last_exit.rip, 4);
	assert_int_equal(last_exit.space, 5);
	assert_int_equal(last_exit.addr, 6);
	assert_int_equal(last_exit.len, 7);
	assert_int_equal(last_exit.is_write, 8);
	assert_true(last_exit.data == UINT64_MAX - 1);
	assert_ptr_equal(last_device, device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_recorded_without_a_provider),
		cmocka_unit_test(each_word_enables_its_own_event),
		cmocka_unit_test(arguments_arrive_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
