/* SPDX-License-Identifier: MIT */
/*
 * report_bench_trace DIR EXITS: write a trace of so many exits (two events each), that looks like
 * the boot of a Linux guest on two vCPUs: a busy UART, PCI configuration, some MMIO, 200 places in
 * the kernel.
 */
#include <linux/kvm.h>
#include <stdio.h>

#include "base/size.h"
#include "tests/trace/report_synthetic.h"

struct boot {
	uint64_t exits, wanted;
	uint64_t random;
	int64_t time;
	uint64_t seq[2];
	bool in_guest[2];
};

static uint64_t next_random(struct boot *boot)
{
	boot->random ^= boot->random << 13;
	boot->random ^= boot->random >> 7;
	boot->random ^= boot->random << 17;
	return boot->random;
}

static void make_exit(struct boot *boot, struct record *record)
{
	static const uint64_t ports[] = { 0x3f8, 0x3f8, 0x3fd, 0x3fd, 0x3fd, 0xcf8, 0xcfc, 0x70 };
	uint64_t random = next_random(boot);

	record->exit.rip = 0xffffffff81000000 + random % 200 * 4096;
	record->exit.is_write = random >> 20 & 1;
	record->exit.len = 4;
	if (random >> 32 & 3) {
		record->exit.reason = KVM_EXIT_IO;
		record->exit.space = TRACE_SPACE_PIO;
		record->exit.addr = ports[random >> 40 & 7];
	} else {
		record->exit.reason = KVM_EXIT_MMIO;
		record->exit.space = TRACE_SPACE_MMIO;
		record->exit.addr = 0xfeb00000 + (random >> 40 & 63) * 4;
	}
}

static bool next_item(void *context, struct synthetic_item *ret_item)
{
	struct boot *boot = context;
	uint32_t vcpu = next_random(boot) & 1;
	struct record *record = &ret_item->record;

	if (boot->exits == boot->wanted)
		return false;
	boot->time += (int64_t)(500 + next_random(boot) % 4000);
	record->time = boot->time;
	if (boot->in_guest[vcpu]) {
		record->event = TRACE_EVENT_exit;
		make_exit(boot, record);
		record->exit.vcpu = vcpu;
		record->exit.seq = boot->seq[vcpu];
		boot->exits++;
	} else {
		record->event = TRACE_EVENT_entry;
		record->entry.vcpu = vcpu;
		record->entry.seq = ++boot->seq[vcpu];
		record->entry.device = "serial0";
	}
	boot->in_guest[vcpu] = !boot->in_guest[vcpu];
	return true;
}

int main(int argc, char **argv)
{
	struct boot boot = { .random = 88172645463325252u };
	struct synthetic_trace trace = { .pid = 1, .next = next_item, .context = &boot };

	if (argc != 3 || number_parse(argv[2], 1, UINT64_MAX / 2, &boot.wanted) < 0) {
		(void)fprintf(stderr, "Usage: report_bench_trace DIR EXITS\n");
		return 2;
	}
	trace.path = argv[1];
	return synthetic_write(&trace) < 0 ? 1 : 0;
}
