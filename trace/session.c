/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of a recording session: the directory, and the helper process that does the rest.
 * Main thread.  Owns the helper and one end of a socket to it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/monotonic.h"
#include "trace/install_path.h"
#include "trace/session.h"
#include "trace/session_protocol.h"

/* Bounds for an LTTng that hangs.  The helper has shorter ones for each of its steps. */
#define START_TIMEOUT_MS  40000
#define STOP_TIMEOUT_MS   60000
#define END_TIMEOUT_MS    20000
/* Of a program whose shared libraries are not all there, by ld.so. */
#define STATUS_NOT_LOADED 127
/* Less room than this is filled by the start of any trace. */
#define ROOM_MIN          MIB(16)

struct trace_session {
	pid_t helper; /* reaped by us */
	int socket;
};

static int check_empty(const char *dir, struct error *error)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	bool empty = true;
	int r = -errno;

	if (!stream)
		return error_set_errno(error, r, "cannot read the trace directory '%s'", dir);
	while (empty && (entry = readdir(stream)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	(void)closedir(stream);
	if (empty)
		return 0;
	return error_set(error, -ENOTEMPTY,
			 "the trace directory '%s' is not empty: name a new one, or remove the "
			 "old trace first",
			 dir);
}

/* @ret_path is absolute, because the daemon that writes there has another working directory. */
static int prepare_directory(const char *dir, char ret_path[PATH_MAX], bool *ret_created,
			     struct error *error)
{
	bool created = mkdir(dir, 0777) == 0;
	struct statvfs room;
	struct stat st;
	int r = created ? 0 : -errno;

	if (r < 0 && r != -EEXIST)
		return error_set_errno(error, r, "cannot create the trace directory '%s'", dir);
	r = stat(dir, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISDIR(st.st_mode))
		return error_set(error, -EEXIST, "cannot trace to '%s': it is not a directory",
				 dir);
	if (r == 0 && !created) {
		r = check_empty(dir, error);
		if (r < 0)
			return r;
	}
	if (r == 0 && (!realpath(dir, ret_path) || statvfs(dir, &room) < 0))
		r = -errno;
	if (r < 0)
		r = error_set_errno(error, r, "cannot use the trace directory '%s'", dir);
	else if ((uint64_t)room.f_bavail * room.f_frsize < ROOM_MIN)
		r = error_set(error, -ENOSPC,
			      "no room for a trace in '%s': %llu MiB are free, %llu are the least",
			      dir, (unsigned long long)room.f_bavail * room.f_frsize / MIB(1),
			      (unsigned long long)(ROOM_MIN / MIB(1)));
	else if (!created && access(dir, W_OK | X_OK) < 0)
		r = error_set_errno(error, -errno, "cannot write to the trace directory '%s'", dir);
	if (r < 0 && created)
		(void)rmdir(dir);
	if (r == 0)
		*ret_created = created;
	return r;
}

/*
 * The environment for the helper: without LD_PRELOAD, else a provider that the user preloaded here
 * would trace the helper and the session daemon too.  The array is the caller's, its strings not.
 */
static char **helper_environment(void)
{
	size_t count = 0, used = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", strlen("LD_PRELOAD=")) != 0)
			copy[used++] = environ[i];
	return copy;
}

/* A session of its own keeps Ctrl-C at the terminal from the helper: it must outlive that. */
static int spawn_helper(const char *path, char *const argv[], int socket, pid_t *ret_pid)
{
	_cleanup_free_ char **env = helper_environment();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	if (!env)
		return -ENOMEM;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	r = -posix_spawnattr_init(&attr);
	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0) {
		(void)posix_spawnattr_destroy(&attr);
		return r;
	}
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETSIGMASK);
	r = -posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	for (int fd = STDOUT_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
		r = -posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (r == 0)
		r = -posix_spawn(ret_pid, path, &actions, &attr, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return r;
}

/* Return: 1 and the reply, 0 at the end of file, -ETIMEDOUT or another -errno. */
static int receive(const struct trace_session *session, int64_t deadline_ms,
		   struct session_reply *ret_reply)
{
	struct pollfd poll_socket = { .fd = session->socket, .events = POLLIN };

	for (;;) {
		int64_t left = deadline_ms - monotonic_ms();
		ssize_t len;
		int r;

		r = poll(&poll_socket, 1, (int)MAX(left, 0));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		len = recv(session->socket, ret_reply, sizeof(*ret_reply), MSG_DONTWAIT);
		if (len == 0 || (len < 0 && errno == ECONNRESET))
			return 0;
		if (len == (ssize_t)sizeof(*ret_reply))
			return 1;
		if (len >= 0)
			return -EPROTO;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

/*
 * A helper that does not end in time is killed; its daemon gets SIGTERM from the kernel then.
 * Return: its exit status, or -1 if it has none.
 */
static int end_helper(struct trace_session *session, bool stays)
{
	int64_t deadline_ms = monotonic_ms() + END_TIMEOUT_MS;
	struct session_reply ignored;
	int r, status = 0;
	bool ended = false;

	do
		r = receive(session, deadline_ms, &ignored);
	while (r > 0);
	if (!stays) {
		if (r < 0)
			(void)kill(session->helper, SIGKILL);
		do
			ended = waitpid(session->helper, &status, 0) == session->helper;
		while (!ended && errno == EINTR);
	}
	(void)close(session->socket);
	free(session);
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start_helper(const char *dir, uint64_t buffer_size, struct trace_session **ret_session,
			struct error *error)
{
	_cleanup_free_ struct trace_session *session = calloc(1, sizeof(*session));
	char program[PATH_MAX], path[PATH_MAX], size[32], pid[32];
	char *argv[] = { program, path, size, pid, NULL };
	int pair[2], r;

	if (!session)
		return error_set_errno(error, -ENOMEM, "cannot start a trace");
	r = install_path_find(SESSION_HELPER, program, error);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s", dir);
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)buffer_size);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_errno(error, -errno, "cannot start %s", program);
	r = spawn_helper(program, argv, pair[1], &session->helper);
	(void)close(pair[1]);
	if (r < 0) {
		(void)close(pair[0]);
		return error_set_errno(error, r, "cannot start %s", program);
	}
	session->socket = pair[0];
	*ret_session = TAKE_PTR(session);
	return 0;
}

static int record_to(const char *path, uint64_t buffer_size, struct trace_session **ret_session,
		     struct error *error)
{
	struct trace_session *session = NULL;
	struct session_reply reply = { 0 };
	int r, status;
	bool died;

	r = start_helper(path, buffer_size, &session, error);
	if (r < 0)
		return r;
	r = receive(session, monotonic_ms() + START_TIMEOUT_MS, &reply);
	if (r > 0 && reply.code == 0) {
		*ret_session = session;
		return 0;
	}
	died = r == 0;
	if (r > 0)
		r = error_set(error, reply.code, "%s", reply.error.message);
	else if (r < 0)
		r = error_set_errno(error, r, "LTTng does not start recording");
	(void)shutdown(session->socket, SHUT_WR);
	if (r == -ETIMEDOUT)
		(void)kill(session->helper, SIGKILL);
	status = end_helper(session, reply.flags & SESSION_REPLY_STAYS);
	if (died && status == STATUS_NOT_LOADED)
		r = error_set(error, -ELIBACC,
			      "%s does not load, a library is missing (its package is "
			      "liblttng-ctl0)",
			      SESSION_HELPER);
	else if (died)
		r = error_set(error, -EPIPE, "%s ended before it recorded", SESSION_HELPER);
	return r;
}

int trace_session_start(const char *dir, uint64_t buffer_size, struct trace_session **ret_session,
			struct error *error)
{
	char path[PATH_MAX];
	bool created = false;
	int r;

	if (!GLASSBOX_LTTNG)
		return error_set(error, -ENOTSUP,
				 "this Glassbox was built without LTTng and cannot trace: build it "
				 "with -DGLASSBOX_LTTNG=ON");
	r = prepare_directory(dir, path, &created, error);
	if (r < 0)
		return r;
	r = record_to(path, buffer_size, ret_session, error);
	if (r < 0 && created)
		(void)rmdir(path);
	return r;
}

int trace_session_stop(struct trace_session *session, struct trace_lost *ret_lost,
		       struct error *error)
{
	struct session_reply reply = { 0 };
	int r;

	*ret_lost = (struct trace_lost){ 0 };
	if (!session)
		return 0;
	(void)shutdown(session->socket, SHUT_WR);
	r = receive(session, monotonic_ms() + STOP_TIMEOUT_MS, &reply);
	if (r > 0 && reply.code < 0)
		r = error_set(error, reply.code, "%s", reply.error.message);
	else if (r == 0)
		r = error_set(error, -EPIPE,
			      "%s died while it recorded: the end of the trace may be missing",
			      SESSION_HELPER);
	else if (r < 0)
		r = error_set_errno(
			error, r, "LTTng does not finish the trace: the end of it may be missing");
	else
		r = 0;
	ret_lost->events = reply.lost_events;
	ret_lost->packets = reply.lost_packets;
	ret_lost->disk_full = reply.flags & SESSION_REPLY_DISK_FULL;
	ret_lost->unfinished = r < 0 || (reply.flags & SESSION_REPLY_UNFINISHED);
	if (r == -ETIMEDOUT)
		(void)kill(session->helper, SIGKILL);
	(void)end_helper(session, reply.flags & SESSION_REPLY_STAYS);
	return r;
}
