/* SPDX-License-Identifier: MIT */
/* The handlers run on any thread and use async-signal-safe functions only. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/terminal.h"

/*
 * Signals that end the process.  The first are always ours while the terminal is raw, the last only
 * if they would kill us.
 */
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,  SIGABRT,
				     SIGSYS,  SIGHUP, SIGINT, SIGQUIT, SIGTERM };
#define NR_ALWAYS_OURS 6

static struct {
	volatile sig_atomic_t raw; /* the settings below are in force or to be, when foreground */
	bool exit_registered;
	int fd;
	struct termios before, during;
	struct sigaction old_fatal[ARRAY_SIZE(fatal_signals)];
	struct sigaction old_stop, old_continue;
} terminal;

/*
 * Touching the terminal from the background would stop the process, or spoil the settings of the
 * program in the foreground.  A terminal that isn't ours by job control (-1) may be touched.
 */
static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(terminal.fd);

	return group < 0 || group == getpgrp();
}

static void apply(const struct termios *settings)
{
	int saved = errno;

	if (in_foreground())
		(void)tcsetattr(terminal.fd, TCSANOW, settings);
	errno = saved;
}

static void on_fatal(int sig)
{
	if (terminal.raw)
		apply(&terminal.before);
	/*
	 * What happened before this handler was there happens now: the signal is blocked until the
	 * handler returns.
	 */
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++) {
		if (fatal_signals[i] == sig)
			(void)sigaction(sig, &terminal.old_fatal[i], NULL);
	}
	(void)raise(sig);
}

/* Stops as SIGTSTP does by default; goes on after SIGCONT. */
static void on_stop(int sig)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL }, ours;
	sigset_t only, mask;
	int saved = errno;

	if (terminal.raw)
		apply(&terminal.before);
	(void)sigemptyset(&only);
	(void)sigaddset(&only, sig);
	(void)sigaction(sig, &by_default, &ours);
	(void)raise(sig);
	(void)pthread_sigmask(SIG_UNBLOCK, &only, &mask); /* stopped in here */
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	(void)sigaction(sig, &ours, NULL);
	errno = saved;
}

/* Also comes when a shell moves a job between background and foreground. */
static void on_continue(int sig)
{
	(void)sig;
	if (terminal.raw)
		apply(&terminal.during);
}

static void install(int sig, void (*handler)(int), bool only_if_default, struct sigaction *ret_old)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	(void)sigaction(sig, NULL, ret_old);
	if (only_if_default && ((ret_old->sa_flags & SA_SIGINFO) || ret_old->sa_handler != SIG_DFL))
		return;
	(void)sigaction(sig, &action, NULL);
}

/* Whoever replaced our handler since then keeps theirs. */
static void uninstall(int sig, void (*handler)(int), const struct sigaction *old)
{
	struct sigaction current;

	if (sigaction(sig, NULL, &current) == 0 && !(current.sa_flags & SA_SIGINFO) &&
	    current.sa_handler == handler)
		(void)sigaction(sig, old, NULL);
}

int terminal_enter_raw(int fd)
{
	if (terminal.raw)
		return -EBUSY;
	if (tcgetattr(fd, &terminal.before) < 0)
		return -errno;
	terminal.fd = fd;
	terminal.during = terminal.before;
	cfmakeraw(&terminal.during);
	/* Messages of the host end in a bare newline. */
	terminal.during.c_oflag = terminal.before.c_oflag;
	if (!terminal.exit_registered && atexit(terminal_leave_raw) != 0)
		return -ENOMEM;
	terminal.exit_registered = true;
	if (in_foreground() && tcsetattr(fd, TCSANOW, &terminal.during) < 0)
		return -errno;
	terminal.raw = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		install(fatal_signals[i], on_fatal, i >= NR_ALWAYS_OURS, &terminal.old_fatal[i]);
	install(SIGTSTP, on_stop, true, &terminal.old_stop);
	install(SIGCONT, on_continue, true, &terminal.old_continue);
	return 0;
}

void terminal_leave_raw(void)
{
	if (!terminal.raw)
		return;
	terminal.raw = 0;
	apply(&terminal.before);
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		uninstall(fatal_signals[i], on_fatal, &terminal.old_fatal[i]);
	uninstall(SIGTSTP, on_stop, &terminal.old_stop);
	uninstall(SIGCONT, on_continue, &terminal.old_continue);
}
