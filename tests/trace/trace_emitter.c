/* SPDX-License-Identifier: MIT */
/*
 * A process that traces, for tests/trace: what `glassbox run --trace DIR` does, without a machine.
 *
 *	trace_emitter [-b RING_BYTES] [-n PAIRS] [-u USECONDS] [-w] [-k] [-p] DIR
 *
 * Emits each event once with known values, then -n pairs of exit and entry, -u apart.  -w waits for
 * standard input to end before it stops, -k kills itself instead of stopping, -p loads the provider
 * without a session of its own (DIR is not used).  Prints "started", and what was lost.
 */
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/size.h"
#include "trace/loader.h"
#include "trace/session.h"
#include "trace/trace.h"

struct options {
	const char *dir;
	uint64_t ring;
	uint64_t pairs;
	uint64_t pause_us;
	bool wait;
	bool crash;
	bool provider_only;
};

/* No value twice, so that no two fields can be mixed up unseen; the widest values of each width. */
static void emit_each_event_once(void)
{
	trace_vm_start("v1.2 \"quoted\"", 3, UINT64_C(0x123456789), "/boot/vm linuz",
		       UINT64_C(0xffffffff80000000));
	trace_device_map("uart0", TRACE_SPACE_PIO, 0x3f8, 8);
	trace_device_register("uart0", TRACE_SPACE_MMIO, UINT64_C(0xfedcba9876543210), "rw", "IER");
	trace_exit(31, UINT64_C(18446744073709551615), KVM_EXIT_MMIO, UINT64_C(0xffffffff81000042),
		   TRACE_SPACE_MMIO, UINT64_C(0xd0000004), 4, 1, UINT64_C(0xdeadbeef));
	trace_entry(30, UINT64_C(18446744073709551614), "virtio0", UINT64_C(0x1122334455667788));
	trace_exit(29, 28, 4294967295U, 27, TRACE_SPACE_NONE, 26, 25, 0, 24);
	trace_vcpu_counters(1, 1001, 1002, 1003, 1004, 1005, 1006);
	trace_stop(2, TRACE_STOP_WATCHPOINT, UINT64_C(0xffffffff81000099));
	trace_resume(4, 1);
	trace_serial_rx("uart1", 0x41);
	trace_serial_tx("uart2", 0xfe);
	trace_serial_overrun("uart3", 77);
	trace_irq_line("uart4", 1);
	trace_rtc_access("rtc", 0x0b, 1, 0x82);
	trace_power("pm", "sleep S5", 0x2001);
	trace_virtio_status("rng0", 0x3, 0xb);
	trace_virtio_features("rng1", UINT64_C(0x130000001), UINT64_C(0x100000001), 1);
	trace_virtio_queue("rng2", 5, 256, UINT64_C(0x10000), UINT64_C(0x20000), UINT64_C(0x30000),
			   1);
	trace_virtio_kick("rng3", 6, 65535, 65534, "doorbell");
	trace_virtio_desc("rng4", 7, UINT64_C(18446744073709551613), 8, UINT64_C(0x123456789abc),
			  UINT32_MAX, 0x5, 9);
	trace_virtio_pop("rng5", 10, 11, 12, 13, 14, 15);
	trace_virtio_backend_begin("blk0", 27, 28, "write", UINT64_C(18446744073709551612), 29);
	trace_virtio_backend_end("blk1", 30, 31, 5);
	trace_vsock_packet("vsock0", 32, 33, "SHUTDOWN", 34, 35, 36, 0x3, 37, UINT32_MAX);
	trace_virtio_used("rng6", 16, 17, 18, 19, 20);
	trace_virtio_irq("rng7", 21, 22, 0, 23);
	trace_virtio_ack("rng8", 0x3, 0x1);
	trace_virtio_reset("rng9", 24);
	trace_virtio_finding("rng10", 25, "chain loops", "2.7.5.2", 26);
	trace_vm_stop(129, "guest panic");
}

static void emit_pairs(const struct options *options)
{
	for (uint64_t i = 1; i <= options->pairs; i++) {
		trace_exit(0, i, KVM_EXIT_IO, i, TRACE_SPACE_PIO, 0x3fd, 1, 0, 0);
		trace_entry(0, i, "uart0", 0x60);
		if (options->pause_us)
			(void)usleep((useconds_t)options->pause_us);
	}
}

static int parse(int argc, char **argv, struct options *ret_options)
{
	struct options options = { 0 };
	int c, r = 0;

	while (r == 0 && (c = getopt(argc, argv, "b:n:u:wkp")) != -1) {
		switch (c) {
		case 'b': r = size_parse(optarg, 1, &options.ring); break;
		case 'n': r = number_parse(optarg, 0, UINT32_MAX, &options.pairs); break;
		case 'u': r = number_parse(optarg, 0, 1000000, &options.pause_us); break;
		case 'w': options.wait = true; break;
		case 'k': options.crash = true; break;
		case 'p': options.provider_only = true; break;
		default: r = -1; break;
		}
	}
	if (r < 0 || optind + 1 != argc)
		return -1;
	options.dir = argv[optind];
	*ret_options = options;
	return 0;
}

static void wait_for_end_of_input(void)
{
	char ignored[64];

	while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		;
}

int main(int argc, char **argv)
{
	struct trace_session *session = NULL;
	struct trace_lost lost;
	struct options options;
	struct error error;

	log_init("trace_emitter", LOG_LEVEL_INFO);
	if (parse(argc, argv, &options) < 0) {
		log_error("wrong usage: see the head of trace_emitter.c");
		return 2;
	}
	if (!options.provider_only &&
	    trace_session_start(options.dir, options.ring, &session, &error) < 0) {
		log_error("%s", error.message);
		return 1;
	}
	if (trace_load(options.provider_only ? TRACE_LOAD_PROVIDER : TRACE_LOAD_RECORDING, &error) <
	    0) {
		log_error("%s", error.message);
		(void)trace_session_stop(session, &lost, NULL);
		return 1;
	}
	emit_each_event_once();
	(void)printf("started\n");
	(void)fflush(stdout);
	emit_pairs(&options);
	if (options.wait)
		wait_for_end_of_input();
	if (options.crash)
		(void)raise(SIGKILL);
	if (trace_session_stop(session, &lost, &error) < 0)
		log_error("%s", error.message);
	(void)printf("lost events=%llu packets=%llu disk_full=%d unfinished=%d\n",
		     (unsigned long long)lost.events, (unsigned long long)lost.packets,
		     lost.disk_full, lost.unfinished);
	return 0;
}
