/* SPDX-License-Identifier: MIT */
/* See probe.h. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "vmm/probe.h"
#include "vmm/probe_machine.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* which glibc left unnamed for long */
#endif

#define RFLAGS_FIXED 0x2 /* bit 1 is always set (SDM vol. 1, 3.4.3) */

/* Between the look at `expired` and KVM_RUN there is a gap; immediate_exit closes it. */
static void budget_expired(int signum, siginfo_t *info, void *context)
{
	struct probe *probe = info->si_value.sival_ptr;

	(void)signum;
	(void)context;
	if (info->si_code != SI_TIMER)
		return;
	probe->expired = 1;
	probe->vcpu.run->immediate_exit = 1;
}

static int create_timer(struct probe *probe)
{
	struct sigaction action = { .sa_sigaction = budget_expired, .sa_flags = SA_SIGINFO };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
		.sigev_value.sival_ptr = probe,
	};
	sigset_t set;

	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &probe->timer) < 0)
		return -errno;
	(void)sigaction(SIGALRM, &action, &probe->old_action);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	probe->has_timer = true;
	return 0;
}

static void arm_timer(struct probe *probe)
{
	const struct itimerspec budget = {
		.it_value = { .tv_sec = PROBE_BUDGET_MS / 1000,
			      .tv_nsec = PROBE_BUDGET_MS % 1000 * 1000000l },
	};

	(void)timer_settime(probe->timer, 0, &(struct itimerspec){ 0 }, NULL);
	probe->expired = 0;
	probe->vcpu.run->immediate_exit = 0;
	(void)timer_settime(probe->timer, 0, &budget, NULL);
}

static int set_cpuid(struct probe *probe)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	int r = kvm_get_supported_cpuid(&probe->kvm, &cpuid);

	return r < 0 ? r : kvm_vcpu_set_cpuid(&probe->vcpu, cpuid);
}

static int create_vcpu(struct probe *probe, struct error *error)
{
	struct kvm_sregs sregs;
	int r = kvm_set_memory(&probe->kvm, 0, 0, PROBE_MEMORY, probe->memory);

	if (r < 0)
		return error_set_errno(error, r, "KVM takes no guest memory");
	r = kvm_vcpu_create(&probe->kvm, 0, &probe->vcpu);
	if (r < 0)
		return error_set_errno(error, r, "KVM cannot create a vCPU");
	r = set_cpuid(probe);
	if (r < 0)
		return error_set_errno(error, r, "KVM takes no CPUID for its vCPU");
	r = kvm_vcpu_get_sregs(&probe->vcpu, &sregs);
	if (r == 0) {
		probe_machine_set_long_mode(&sregs);
		r = kvm_vcpu_set_sregs(&probe->vcpu, &sregs);
	}
	if (r < 0)
		return error_set_errno(error, r, "KVM cannot put its vCPU in 64-bit mode");
	return 0;
}

int probe_create(const char *kvm_path, bool irqchip, struct probe **ret_probe, struct error *error)
{
	_cleanup_probe_ struct probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return error_set_errno(error, -ENOMEM, "cannot probe %s", kvm_path);
	probe->kvm = KVM_INIT;
	probe->vcpu = KVM_VCPU_INIT;
	probe->memory = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe->memory == MAP_FAILED) {
		probe->memory = NULL;
		return error_set_errno(error, -errno, "cannot probe %s", kvm_path);
	}
	probe_machine_fill(probe->memory);
	r = kvm_open(kvm_path, &probe->kvm, error);
	if (r < 0)
		return r;
	r = kvm_create_vm(&probe->kvm, error);
	if (r < 0)
		return r;
	if (irqchip) {
		r = kvm_create_irqchip(&probe->kvm, error);
		if (r < 0)
			return r;
	}
	r = create_vcpu(probe, error);
	if (r < 0)
		return r;
	r = create_timer(probe);
	if (r < 0)
		return error_set_errno(error, r, "cannot bound the time of a probe");
	*ret_probe = TAKE_PTR(probe);
	return 0;
}

void probe_destroy(struct probe *probe)
{
	if (!probe)
		return;
	if (probe->has_timer) {
		/* The signal goes to this very thread: none is under way after the deletion. */
		(void)timer_delete(probe->timer);
		(void)sigaction(SIGALRM, &probe->old_action, NULL);
	}
	kvm_vcpu_destroy(&probe->vcpu);
	kvm_close(&probe->kvm);
	if (probe->memory)
		(void)munmap(probe->memory, PROBE_MEMORY);
	free(probe);
}

int probe_start(struct probe *probe, const struct probe_code *code)
{
	const struct kvm_regs regs = {
		.rip = PROBE_CODE,
		.rsp = PROBE_STACK,
		.rflags = RFLAGS_FIXED,
	};
	size_t size = (size_t)(code->end - code->start);

	if (size > PROBE_DATA - PROBE_CODE)
		return -E2BIG;
	memcpy(probe->memory + PROBE_CODE, code->start, size);
	arm_timer(probe);
	return kvm_vcpu_set_regs(&probe->vcpu, &regs);
}

int probe_run(struct probe *probe)
{
	int r;

	do {
		if (probe->expired)
			return -ETIME;
		r = kvm_vcpu_run(&probe->vcpu);
	} while (r == -EINTR || r == -EAGAIN);
	return r;
}

int probe_settle(struct probe *probe)
{
	int r;

	probe->vcpu.run->immediate_exit = 1;
	r = kvm_vcpu_run(&probe->vcpu);
	if (!probe->expired)
		probe->vcpu.run->immediate_exit = 0;
	/* Without a second exit KVM says EINTR. */
	return r == -EINTR ? 0 : r < 0 ? r : -EBUSY;
}

uint64_t probe_rip(struct probe *probe)
{
	struct kvm_regs regs;

	return kvm_vcpu_get_regs(&probe->vcpu, &regs) < 0 ? UINT64_MAX : regs.rip;
}

bool probe_is_out(const struct probe *probe, uint16_t port)
{
	const struct kvm_run *run = probe->vcpu.run;

	return run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT &&
	       run->io.port == port && run->io.size == 1 && run->io.count == 1;
}

bool probe_is_debug(const struct probe *probe, uint64_t rip)
{
	const struct kvm_run *run = probe->vcpu.run;

	return run->exit_reason == KVM_EXIT_DEBUG && run->debug.arch.pc == rip;
}

const char *probe_exit_name(uint32_t reason)
{
	static const char *const names[] = {
		[KVM_EXIT_UNKNOWN] = "KVM_EXIT_UNKNOWN",
		[KVM_EXIT_EXCEPTION] = "KVM_EXIT_EXCEPTION",
		[KVM_EXIT_IO] = "KVM_EXIT_IO",
		[KVM_EXIT_HYPERCALL] = "KVM_EXIT_HYPERCALL",
		[KVM_EXIT_DEBUG] = "KVM_EXIT_DEBUG",
		[KVM_EXIT_HLT] = "KVM_EXIT_HLT",
		[KVM_EXIT_MMIO] = "KVM_EXIT_MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "KVM_EXIT_IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "KVM_EXIT_SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "KVM_EXIT_FAIL_ENTRY",
		[KVM_EXIT_INTR] = "KVM_EXIT_INTR",
		[KVM_EXIT_INTERNAL_ERROR] = "KVM_EXIT_INTERNAL_ERROR",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

/* What the exit reason alone does not tell; "" if nothing. */
static void describe_details(const struct kvm_run *run, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port == PROBE_TRAP_PORT && run->io.direction == KVM_EXIT_IO_OUT)
			(void)snprintf(buf, size, ", the guest's own handler of vector %u",
				       ((const uint8_t *)run)[run->io.data_offset]);
		else
			(void)snprintf(buf, size, ", port 0x%x", run->io.port);
		break;
	case KVM_EXIT_MMIO:
		(void)snprintf(buf, size, ", address 0x%llx", run->mmio.phys_addr);
		break;
	case KVM_EXIT_DEBUG:
		(void)snprintf(buf, size, ", exception %u, DR6 0x%llx", run->debug.arch.exception,
			       run->debug.arch.dr6);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		(void)snprintf(buf, size, ", hardware reason 0x%llx",
			       run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		(void)snprintf(buf, size, ", suberror %u%s", run->internal.suberror,
			       run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
				       ? " (emulation failed)"
				       : "");
		break;
	default: break;
	}
}

const char *probe_describe(struct probe *probe, int result, char *buf, size_t size)
{
	const struct kvm_run *run = probe->vcpu.run;
	const char *name = probe_exit_name(run->exit_reason);
	char details[96], number[32];

	if (result == -ETIME) {
		(void)snprintf(buf, size, "no exit within %u ms, RIP 0x%llx", PROBE_BUDGET_MS,
			       (unsigned long long)probe_rip(probe));
		return buf;
	}
	if (result < 0) {
		(void)snprintf(buf, size, "KVM_RUN fails: %s", strerror(-result));
		return buf;
	}
	(void)snprintf(number, sizeof(number), "exit reason %u", run->exit_reason);
	describe_details(run, details, sizeof(details));
	(void)snprintf(buf, size, "%s at RIP 0x%llx%s", name ? name : number,
		       (unsigned long long)probe_rip(probe), details);
	return buf;
}
