/* SPDX-License-Identifier: MIT */
/*
 * Do a processor's interrupts survive what KVM does to learn when a guest can take one? It asks for
 * a virtual interrupt at VMRUN (AMD APM vol. 2, 15.21.4). An emulator that changes the list of
 * pending interrupts for it while another of its threads does loses one of these now and then. The
 * last of a timer is never followed by another, and the processor sleeps for ever. So run a timer
 * and ask all the time. It is for a machine with one processor: on another one something would wake
 * this. One thread, no library.
 *
 * Prints one line; exit status 0 if the timer kept going, 1 if not, 77 without /dev/kvm.
 */
#include "kvm_machine.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define WINDOWS       200000
#define TIMER_US      100
/* So long without a signal, in windows and in seconds, that it is not the machine's slowness. */
#define SILENT_RUNS   10000
#define SILENT_TIME_S 2

static const uint8_t code[] = {
	0xeb, 0xfe, /* jmp . */
};

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms = alarms + 1;
}

static void start_timer(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_interval.tv_usec = TIMER_US, .it_value.tv_usec = TIMER_US };

	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
		die("a timer");
}

static time_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* The guest can always take an interrupt, so each run ends with that message, or with a signal. */
static void run_to_window(struct machine *m)
{
	m->run->request_interrupt_window = 1;
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
		die("KVM_RUN");
	if (m->run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN &&
	    m->run->exit_reason != KVM_EXIT_INTR) {
		printf("not ok - a window for interrupts opens (exit reason %u)\n",
		       m->run->exit_reason);
		exit(1);
	}
}

int main(void)
{
	struct machine m;
	sig_atomic_t alarms_before = 0;
	time_t since;
	long run, run_before = 0;

	machine_create(&m, code, sizeof(code), false);
	machine_set_regs(&m, 0, RFLAGS_IF);
	start_timer();
	since = now();
	for (run = 0; run < WINDOWS; run++) {
		run_to_window(&m);
		if (alarms != alarms_before) {
			alarms_before = alarms;
			run_before = run;
			since = now();
		} else if (run - run_before > SILENT_RUNS && now() - since > SILENT_TIME_S) {
			break;
		}
	}
	printf("%s - the timer goes on (%ld windows, %ld signals)\n",
	       run == WINDOWS ? "ok" : "not ok", run, (long)alarms);
	return run != WINDOWS;
}
