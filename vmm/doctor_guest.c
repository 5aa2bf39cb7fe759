/* SPDX-License-Identifier: MIT */
/* The doctor's checks of how guests run: as fast as the processor? at what price per exit? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/doctor_check.h"

/* Hardware does hundreds to thousands of millions, an emulator of KVM's kind one or two. */
#define MIN_MIPS          20.0
#define SPEED_RUN_NS      10000000 /* a measured run is at least so long ... */
#define FIRST_LOOPS       5000u    /* ... and has at least so many loops */
#define MAX_LOOPS         (1u << 30)

#define MAX_EXITS         4000u
#define EXITS_BUDGET      200000000ull /* ns */
#define MIN_EXITS         50u
#define SLOW_EXIT_NS      100000u

#define LOOP_INSTRUCTIONS 2.0
PROBE_GUEST(spin, "1: dec %ecx\n"
		  "   jnz 1b\n"
		  "   hlt\n");

PROBE_GUEST(exits, "1: out %al, $" PROBE_STR(PROBE_PORT) "\n"
							 "   jmp 1b\n");

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Measured in time of the processor, so that a busy host is not taken for an emulator. */
static int time_spin(struct probe *probe, uint32_t loops, uint64_t *ret_ns)
{
	struct kvm_regs regs;
	uint64_t start;
	int r = probe_start(probe, &spin);

	if (r == 0)
		r = kvm_vcpu_get_regs(&probe->vcpu, &regs);
	if (r < 0)
		return r;
	regs.rcx = loops;
	r = kvm_vcpu_set_regs(&probe->vcpu, &regs);
	if (r < 0)
		return r;
	start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	r = probe_run(probe);
	*ret_ns = MAX(now_ns(CLOCK_THREAD_CPUTIME_ID) - start, 1u);
	return r;
}

static void check_speed(struct probe *probe, struct doctor_result *ret_result)
{
	uint32_t loops = FIRST_LOOPS;
	uint64_t ns = 0;
	double mips;
	int r;

	for (;; loops *= 4) {
		r = time_spin(probe, loops, &ns);
		if (r < 0 || probe->vcpu.run->exit_reason != KVM_EXIT_HLT) {
			doctor_fail_exit(ret_result, probe, r, "a counting loop does not end");
			return;
		}
		if (ns >= SPEED_RUN_NS || loops >= MAX_LOOPS / 4)
			break;
	}
	mips = LOOP_INSTRUCTIONS * loops * 1000.0 / (double)ns;
	ret_result->value = json_pack("{sf}", "mips", mips);
	if (mips < MIN_MIPS) {
		doctor_say(ret_result, DOCTOR_FAIL,
			   "emulates guest kernel code: %.1f million instructions per second",
			   mips);
		doctor_mend(ret_result, DOCTOR_MEND_HOST);
		return;
	}
	doctor_say(ret_result, DOCTOR_OK,
		   "%.0f million instructions per second in guest kernel "
		   "code",
		   mips);
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void check_exit_cost(struct probe *probe, struct doctor_result *ret_result)
{
	_cleanup_free_ uint64_t *times = calloc(MAX_EXITS, sizeof(*times));
	uint64_t begin = now_ns(CLOCK_MONOTONIC), start, end = begin;
	unsigned nr = 0, median;
	int r = times ? probe_start(probe, &exits) : -ENOMEM;

	while (r == 0 && nr < MAX_EXITS && end - begin < EXITS_BUDGET) {
		start = now_ns(CLOCK_MONOTONIC);
		r = probe_run(probe);
		end = now_ns(CLOCK_MONOTONIC);
		if (r == 0 && !probe_is_out(probe, PROBE_PORT))
			r = -EPROTO;
		if (r == 0)
			times[nr++] = end - start;
	}
	if (r < 0 || nr < MIN_EXITS) {
		doctor_fail_exit(ret_result, probe, r == -EPROTO ? 0 : r,
				 "an OUT does not reach the VMM");
		return;
	}
	qsort(times, nr, sizeof(*times), compare_times);
	median = (unsigned)times[nr / 2];
	ret_result->value = json_pack("{si si si}", "median_ns", (int)median, "p99_ns",
				      (int)times[nr * 99 / 100], "exits", (int)nr);
	doctor_say(ret_result, median < SLOW_EXIT_NS ? DOCTOR_OK : DOCTOR_WARN,
		   "%u ns, the median of %u exits by OUT%s", median, nr,
		   median < SLOW_EXIT_NS ? "" : "; nested virtualisation? Devices will be slow");
}

PROBE_LABEL(at_out);
PROBE_LABEL(at_in);
PROBE_LABEL(at_write);
PROBE_LABEL(at_read);
PROBE_LABEL(after_read);
PROBE_GUEST(
	accesses,
	"at_out:     out %al, $" PROBE_STR(
		PROBE_PORT) "\n"
			    "at_in:      in $" PROBE_STR(
				    PROBE_PORT) ", %al\n"
						"at_write:   mov %ecx, " PROBE_STR(
							PROBE_MMIO) "\n"
								    "at_read:    mov " PROBE_STR(
									    PROBE_MMIO) ", %ecx\n"
											"after_read: hlt\n");

/* Where RIP is while the VMM answers an access: reports name guest functions by it. */
static void check_rip(struct probe *probe, struct doctor_result *ret_result)
{
	const struct {
		const char *name;
		const uint8_t *at, *next;
	} kinds[] = {
		{ "out", at_out, at_in },
		{ "in", at_in, at_write },
		{ "mmio_write", at_write, at_read },
		{ "mmio_read", at_read, after_read },
	};
	const char *found[ARRAY_SIZE(kinds)];
	int r = probe_start(probe, &accesses);

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t rip;

		if (r == 0)
			r = probe_run(probe);
		if (r < 0 ||
		    probe->vcpu.run->exit_reason != (i < 2 ? KVM_EXIT_IO : KVM_EXIT_MMIO)) {
			doctor_fail_exit(ret_result, probe, r, kinds[i].name);
			return;
		}
		rip = probe_rip(probe);
		found[i] = rip == probe_address(&accesses, kinds[i].at)     ? "current"
			   : rip == probe_address(&accesses, kinds[i].next) ? "next"
									    : "other";
	}
	ret_result->value = json_pack("{ss ss ss ss}", kinds[0].name, found[0], kinds[1].name,
				      found[1], kinds[2].name, found[2], kinds[3].name, found[3]);
	doctor_say(ret_result, DOCTOR_OK,
		   "OUT: %s instruction, IN: %s, MMIO write: %s, MMIO read: %s", found[0], found[1],
		   found[2], found[3]);
}

#define SYNC_RAX 0x1122334455667788
PROBE_GUEST(out_rax, "movabs $" PROBE_STR(SYNC_RAX) ", %rax\n"
						    "out %al, $" PROBE_STR(PROBE_PORT) "\n"
										       "hlt\n");

/* The registers that come with an exit must be those that an ioctl would bring. */
static void check_sync_regs(struct probe *probe, struct doctor_result *ret_result)
{
	struct kvm_run *run = probe->vcpu.run;
	struct kvm_regs regs;
	int r;

	if (!probe->kvm.has_sync_regs) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "KVM_CAP_SYNC_REGS is missing: tracing costs "
			   "one more ioctl per exit");
		doctor_mend(ret_result, "use Linux 4.17 or newer");
		return;
	}
	r = probe_start(probe, &out_rax);
	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (r == 0)
		r = probe_run(probe);
	run->kvm_valid_regs = 0;
	if (r < 0 || !probe_is_out(probe, PROBE_PORT) ||
	    kvm_vcpu_get_regs(&probe->vcpu, &regs) < 0) {
		doctor_fail_exit(ret_result, probe, r, "an OUT does not reach the VMM");
		return;
	}
	if (memcmp(&run->s.regs.regs, &regs, sizeof(regs)) != 0 || regs.rax != SYNC_RAX) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "registers at an exit differ from "
			   "KVM_GET_REGS: traces name wrong functions");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "registers come with every exit (KVM_CAP_SYNC_REGS)");
}

/* KVM counts the exits that it handles by itself only there. */
static void check_statistics(struct probe *probe, struct doctor_result *ret_result)
{
	struct kvm_vcpu_stats before = { 0 }, after = { 0 };
	int r = kvm_vcpu_read_stats(&probe->vcpu, &before);

	if (r < 0) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "not there (%s): reports cannot say what share "
			   "of the exits they saw",
			   strerror(-r));
		doctor_mend(ret_result, "use Linux 5.14 or newer");
		return;
	}
	r = probe_start(probe, &exits);
	for (unsigned i = 0; i < 10 && r == 0; i++)
		r = probe_run(probe);
	if (r == 0)
		r = kvm_vcpu_read_stats(&probe->vcpu, &after);
	if (r < 0) {
		doctor_fail_exit(ret_result, probe, r, "an OUT does not reach the VMM");
		return;
	}
	ret_result->value = json_pack("{sI sI}", "exits", (json_int_t)(after.exits - before.exits),
				      "io_exits", (json_int_t)(after.io_exits - before.io_exits));
	if (after.exits == before.exits) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "there, but 10 exits were not counted: reports "
			   "cannot say what share they saw");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "KVM counts exits (KVM_CAP_BINARY_STATS_FD)");
}

static const struct doctor_check checks[] = {
	{ .id = "speed",
	  .title = "speed of guest kernels",
	  .area = DOCTOR_AREA_RUN,
	  .needs_kvm = true,
	  .probe = check_speed },
	{ .id = "exit-cost",
	  .title = "cost of an exit",
	  .area = DOCTOR_AREA_RUN,
	  .needs_kvm = true,
	  .probe = check_exit_cost },
	{ .id = "exit-rip", .title = "RIP at an exit", .needs_kvm = true, .probe = check_rip },
	{ .id = "sync-regs",
	  .title = "registers at an exit",
	  .needs_kvm = true,
	  .probe = check_sync_regs },
	{ .id = "statistics",
	  .title = "KVM's statistics",
	  .needs_kvm = true,
	  .probe = check_statistics },
};

const struct doctor_table doctor_guest_checks = { checks, ARRAY_SIZE(checks) };
