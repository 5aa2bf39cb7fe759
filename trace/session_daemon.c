/* SPDX-License-Identifier: MIT */
/* See session_daemon.h.  The only thread of glassbox-trace-session. */
#include <errno.h>
#include <fcntl.h>
#include <lttng/lttng.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "trace/lttng_home.h"
#include "trace/session_daemon.h"

#define ROOT_LOCK_PATH    "/run/glassbox-trace.lock"
#define LOCK_TIMEOUT_MS   20000 /* somebody is ending the daemon */
#define START_TIMEOUT_MS  20000
#define RACE_TIMEOUT_MS   3000 /* somebody else has started the daemon at the same time */
#define END_TIMEOUT_MS    10000
#define SHARED_TIMEOUT_MS 1000
#define POLL_MS           20
#define EXIT_NO_DAEMON    127

static void sleep_ms(unsigned ms)
{
	const struct timespec time = { .tv_sec = ms / 1000,
				       .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&time, NULL);
}

static int choose_paths(struct session_daemon *daemon)
{
	int len;

	if (getuid() == 0) {
		daemon->home[0] = '\0';
		(void)snprintf(daemon->lock_path, sizeof(daemon->lock_path), "%s", ROOT_LOCK_PATH);
		return 0;
	}
	len = snprintf(daemon->home, sizeof(daemon->home), "%s/.lttng", lttng_home());
	if (len < 0 || (size_t)len >= sizeof(daemon->home))
		return -ENAMETOOLONG;
	len = snprintf(daemon->lock_path, sizeof(daemon->lock_path), "%s/glassbox-trace.lock",
		       daemon->home);
	if (len < 0 || (size_t)len >= sizeof(daemon->lock_path))
		return -ENAMETOOLONG;
	return 0;
}

/* Return: 0 with the lock; -EAGAIN if the file was removed meanwhile; another -errno. */
static int take_lock(const char *path, int *ret_lock)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	unsigned waited = 0;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited >= LOCK_TIMEOUT_MS)
			return -EBUSY;
		sleep_ms(POLL_MS);
		waited += POLL_MS;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return -EAGAIN;
	*ret_lock = TAKE_FD(fd);
	return 0;
}

static int join_lock(struct session_daemon *daemon)
{
	int r;

	daemon->lock = -EBADF;
	r = choose_paths(daemon);
	if (r < 0)
		return r;
	if (daemon->home[0] && mkdir(daemon->home, 0770) < 0 && errno != EEXIST)
		return -errno;
	for (unsigned attempt = 0; attempt < 10; attempt++) {
		r = take_lock(daemon->lock_path, &daemon->lock);
		if (r != -EAGAIN)
			break;
	}
	return r;
}

/* The child: becomes the daemon.  Its messages go to @output. */
static void __attribute__((noreturn)) exec_daemon(pid_t parent, int output, const sigset_t *mask)
{
	const char *program = getenv("LTTNG_SESSIOND_PATH");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* We may be killed; then nobody else ends the daemon. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(output, STDOUT_FILENO);
	(void)dup2(output, STDERR_FILENO);
	for (int signum = 1; signum < NSIG; signum++)
		(void)signal(signum, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	if (!program)
		program = "lttng-sessiond";
	(void)execlp(program, program, "--no-kernel", "--sig-parent", (char *)NULL);
	(void)dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(EXIT_NO_DAEMON);
}

/* The last line that the daemon wrote, which is why it ended. */
static void last_line(int output, char *ret_line, size_t size)
{
	off_t end = lseek(output, 0, SEEK_END);
	ssize_t len;
	char *newline;

	len = pread(output, ret_line, size - 1, MAX(end - (off_t)size + 1, 0));
	ret_line[MAX(len, 0)] = '\0';
	while (len > 0 && ret_line[len - 1] == '\n')
		ret_line[--len] = '\0';
	newline = strrchr(ret_line, '\n');
	if (newline)
		memmove(ret_line, newline + 1, strlen(newline));
	if (!ret_line[0])
		(void)snprintf(ret_line, size, "it said nothing");
}

/* Wait for a signal of @set.  Return: its number, or -ETIMEDOUT. */
static int wait_signal(const sigset_t *set, unsigned timeout_ms)
{
	const struct timespec timeout = { .tv_sec = timeout_ms / 1000 };
	int signum;

	do
		signum = sigtimedwait(set, NULL, &timeout);
	while (signum < 0 && errno == EINTR);
	return signum < 0 ? -ETIMEDOUT : signum;
}

static int daemon_failed(int status, int output, struct error *error)
{
	char line[256];

	/* Another process of this user was faster, and its daemon is as good. */
	for (unsigned waited = 0; waited < RACE_TIMEOUT_MS; waited += POLL_MS) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_DAEMON)
			break;
		if (lttng_session_daemon_alive() == 1)
			return 0;
		sleep_ms(POLL_MS);
	}
	last_line(output, line, sizeof(line));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_DAEMON)
		return error_set(error, -ENOENT,
				 "cannot start the LTTng session daemon: %s (its package is "
				 "lttng-tools)",
				 line);
	return error_set(error, -EIO, "the LTTng session daemon does not start: %s", line);
}

static int start_daemon(struct session_daemon *daemon, struct error *error)
{
	_cleanup_close_ int output = memfd_create("lttng-sessiond", MFD_CLOEXEC);
	pid_t parent = getpid(), pid;
	sigset_t set, old;
	int status, r;

	if (output < 0)
		return error_set_errno(error, -errno, "cannot start the LTTng session daemon");
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGCHLD);
	/* Stays blocked: session_daemon_end() waits for SIGCHLD likewise. */
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	pid = fork();
	if (pid < 0)
		return error_set_errno(error, -errno, "cannot start the LTTng session daemon");
	if (pid == 0)
		exec_daemon(parent, output, &old);
	do
		r = wait_signal(&set, START_TIMEOUT_MS);
	while (r == SIGCHLD && waitpid(pid, &status, WNOHANG) == 0);
	if (r == SIGCHLD)
		return daemon_failed(status, output, error);
	daemon->pid = pid;
	if (r == -ETIMEDOUT)
		return error_set(error, r, "the LTTng session daemon is not ready after %d s",
				 START_TIMEOUT_MS / 1000);
	/* Says to others that somebody will end this daemon. */
	(void)dprintf(daemon->lock, "%d\n", (int)parent);
	return 0;
}

int session_daemon_join(struct session_daemon *daemon, struct error *error)
{
	int r;

	memset(daemon, 0, sizeof(*daemon));
	r = join_lock(daemon);
	if (lttng_session_daemon_alive() == 1)
		return 0; /* even without a lock, e.g. the root daemon from a read-only home */
	if (r < 0)
		return error_set(error, r,
				 "no LTTng session daemon runs, and none can be started: '%s': %s; "
				 "set LTTNG_HOME to a directory that you can write to",
				 daemon->lock_path, strerror(-r));
	return start_daemon(daemon, error);
}

/* True if the process that started the daemon waits to end it. */
static bool owner_waits(const struct session_daemon *daemon)
{
	char text[32];
	ssize_t len = pread(daemon->lock, text, sizeof(text) - 1, 0);
	long pid;

	if (len <= 0)
		return false;
	text[len] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* With the exclusive lock, so that nobody relies on the file any more. */
static void remove_files(const struct session_daemon *daemon)
{
	(void)unlink(daemon->lock_path);
	/* Only if it is empty. */
	if (daemon->home[0])
		(void)rmdir(daemon->home);
}

bool session_daemon_leave(struct session_daemon *daemon)
{
	bool alone;

	if (daemon->lock < 0)
		return false;
	alone = flock(daemon->lock, LOCK_EX | LOCK_NB) == 0;
	if (daemon->pid)
		return !alone;
	if (alone && owner_waits(daemon)) {
		/* The owner gets the lock now, and session_daemon_end() waits for what it does. */
		(void)flock(daemon->lock, LOCK_UN);
		return false;
	}
	if (alone)
		remove_files(daemon);
	(void)close(daemon->lock);
	daemon->lock = -EBADF;
	return false;
}

/* Also the daemon's own children, which are ours once it is gone (we are their subreaper). */
static void end_children(void)
{
	char path[64], text[1024];
	_cleanup_close_ int fd = -EBADF;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[MAX(len, 0)] = '\0';
	for (char *next = text;;) {
		char *start = next;
		long pid = strtol(start, &next, 10);

		if (next == start)
			return;
		(void)kill((pid_t)pid, SIGKILL);
	}
}

static void end_daemon(const struct session_daemon *daemon)
{
	unsigned waited = 0;
	pid_t pid;

	(void)kill(daemon->pid, SIGTERM);
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (pid > 0)
			continue;
		if (waited == END_TIMEOUT_MS)
			end_children();
		else if (waited > END_TIMEOUT_MS + RACE_TIMEOUT_MS)
			break;
		sleep_ms(POLL_MS);
		waited += POLL_MS;
	}
}

/*
 * Until the process that started the daemon has ended it.  It does not if somebody else has joined
 * meanwhile: then the lock is free for others to share.
 */
static void wait_for_owner(const struct session_daemon *daemon)
{
	unsigned waited = 0, shared = 0;
	struct stat st;

	while (waited < END_TIMEOUT_MS && shared < SHARED_TIMEOUT_MS) {
		if (fstat(daemon->lock, &st) < 0 || st.st_nlink == 0 || !owner_waits(daemon))
			return;
		if (flock(daemon->lock, LOCK_SH | LOCK_NB) == 0) {
			(void)flock(daemon->lock, LOCK_UN);
			shared += POLL_MS;
		}
		sleep_ms(POLL_MS);
		waited += POLL_MS;
	}
}

void session_daemon_end(struct session_daemon *daemon)
{
	if (daemon->lock < 0)
		return;
	if (daemon->pid) {
		while (flock(daemon->lock, LOCK_EX) < 0 && errno == EINTR)
			;
		end_daemon(daemon);
		remove_files(daemon);
	} else {
		wait_for_owner(daemon);
	}
	(void)close(daemon->lock);
	daemon->lock = -EBADF;
}
