/* SPDX-License-Identifier: MIT */
/* Each case ends a child in another way and looks at the terminal it leaves behind. */
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/terminal.h"
#include "base/util.h"
#include "tests/unit/cmocka_all.h"

struct child {
	pid_t pid, leader;
	int master, slave;
	int reports; /* ints: the child's pid once the terminal is raw, then its wait statuses */
};

static bool is_raw(int fd)
{
	struct termios settings;

	assert_int_equal(tcgetattr(fd, &settings), 0);
	return !(settings.c_lflag & (ICANON | ECHO | ISIG)) && (settings.c_oflag & OPOST);
}

static void wait_for_signals(void)
{
	for (;;)
		(void)pause();
}

static int next_report(struct child *child)
{
	int report = -1;

	assert_int_equal(read(child->reports, &report, sizeof(report)), sizeof(report));
	return report;
}

static void report_to(int fd, int report)
{
	if (write(fd, &report, sizeof(report)) != sizeof(report))
		_exit(97);
}

/* A job in the foreground, as a shell starts it. */
static void run_job(int slave, int reports, void (*ending)(void))
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	const struct rlimit no_core = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &no_core);
	/* cmocka's and a sanitizer's handlers would go on in this child. */
	for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++)
		(void)signal(crashes[i], SIG_DFL);
	(void)signal(SIGTTOU, SIG_IGN);
	if (setpgid(0, 0) < 0 || tcsetpgrp(slave, getpid()) < 0)
		_exit(99);
	(void)signal(SIGTTOU, SIG_DFL);
	if (terminal_enter_raw(slave) < 0)
		_exit(99);
	report_to(reports, getpid());
	ending();
	_exit(98);
}

/* The shell: leads the session and waits, so that its job is no orphan, which can't be stopped. */
static void lead_session(int slave, int reports, void (*ending)(void))
{
	pid_t job;
	int status;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		_exit(99);
	job = fork();
	if (job == 0)
		run_job(slave, reports, ending);
	do {
		if (waitpid(job, &status, WUNTRACED) != job)
			_exit(99);
		report_to(reports, status);
	} while (WIFSTOPPED(status));
	_exit(0);
}

/* Runs @ending in a process whose controlling terminal is raw. */
static void child_start(struct child *child, void (*ending)(void))
{
	int reports[2];

	assert_int_equal(openpty(&child->master, &child->slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(reports), 0);
	assert_false(is_raw(child->slave));
	child->leader = fork();
	assert_true(child->leader >= 0);
	if (child->leader == 0)
		lead_session(child->slave, reports[1], ending);
	(void)close(reports[1]);
	child->reports = reports[0];
	child->pid = next_report(child);
	assert_true(is_raw(child->slave) || ending != wait_for_signals);
}

/* After its end was reported. */
static void child_end(struct child *child)
{
	assert_int_equal(waitpid(child->leader, NULL, 0), child->leader);
	assert_false(is_raw(child->slave));
	(void)close(child->reports);
	(void)close(child->master);
	(void)close(child->slave);
}

static void end_by_exit(void)
{
	exit(7);
}

static void end_by_leaving(void)
{
	terminal_leave_raw();
	terminal_leave_raw();
	_exit(8);
}

static void end_by_abort(void)
{
	abort();
}

static void terminal_is_restored_by_leaving_and_by_exit(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, end_by_leaving);
	assert_int_equal(WEXITSTATUS(next_report(&child)), 8);
	child_end(&child);
	child_start(&child, end_by_exit);
	assert_int_equal(WEXITSTATUS(next_report(&child)), 7);
	child_end(&child);
}

static void terminal_is_restored_by_signals_that_kill(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGFPE };
	struct child child;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		child_start(&child, wait_for_signals);
		assert_int_equal(kill(child.pid, signals[i]), 0);
		assert_int_equal(WTERMSIG(next_report(&child)), signals[i]);
		child_end(&child);
	}
	child_start(&child, end_by_abort);
	assert_int_equal(WTERMSIG(next_report(&child)), SIGABRT);
	child_end(&child);
}

static void terminal_is_restored_while_stopped(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, wait_for_signals);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(kill(child.pid, SIGTSTP), 0);
		assert_int_equal(WSTOPSIG(next_report(&child)), SIGTSTP);
		assert_false(is_raw(child.slave));
		assert_int_equal(kill(child.pid, SIGCONT), 0);
		for (int i = 0; i < 5000 && !is_raw(child.slave); i++)
			(void)usleep(1000);
		assert_true(is_raw(child.slave));
	}
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	assert_int_equal(WTERMSIG(next_report(&child)), SIGTERM);
	child_end(&child);
}

static void terminal_is_raw_once(void **state)
{
	int master, slave, not_a_terminal[2];

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(not_a_terminal), 0);
	assert_int_equal(terminal_enter_raw(not_a_terminal[0]), -ENOTTY);
	assert_int_equal(terminal_enter_raw(slave), 0);
	assert_int_equal(terminal_enter_raw(slave), -EBUSY);
	terminal_leave_raw();
	assert_false(is_raw(slave));
	assert_int_equal(terminal_enter_raw(slave), 0);
	assert_true(is_raw(slave));
	terminal_leave_raw();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminal_is_restored_by_leaving_and_by_exit),
		cmocka_unit_test(terminal_is_restored_by_signals_that_kill),
		cmocka_unit_test(terminal_is_restored_while_stopped),
		cmocka_unit_test(terminal_is_raw_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
