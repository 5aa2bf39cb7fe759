/* SPDX-License-Identifier: MIT */
/*
 * glassbox-trace-session: holds the recording session of one Glassbox process, which starts it and
 * talks to it through a socket on standard input (session_protocol.h).
 *
 *	glassbox-trace-session DIR RING_BYTES PID
 *
 * Lives as long as that process records, and longer if it started a daemon that others still use.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "trace/session_buffer.h"
#include "trace/session_daemon.h"
#include "trace/session_lttng.h"
#include "trace/session_protocol.h"

/* liblttng-ctl waits for the daemon without a bound; less than the VMM waits for us. */
#define DAEMON_TIMEOUT_S 45

/* For the signal handler: a daemon of ours to kill if it hangs, else 0. */
static volatile sig_atomic_t hung_pid;

/* Its death ends the call that waits for it.  A daemon of the user's we leave alone. */
static void kill_hung_daemon(int signum)
{
	(void)signum;
	if (hung_pid)
		(void)kill(hung_pid, SIGKILL);
}

/* Moves the socket from standard input to where no child of ours inherits it. */
static int take_socket(int *ret_socket)
{
	_cleanup_close_ int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || null < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	if (dup2(null, STDIN_FILENO) < 0)
		return -errno;
	*ret_socket = TAKE_FD(fd);
	return 0;
}

/* Nobody may be there any more to read it. */
static void send_reply(int socket, const struct session_reply *reply)
{
	(void)send(socket, reply, sizeof(*reply), MSG_NOSIGNAL);
}

static void wait_for_stop(int socket)
{
	char ignored;
	ssize_t len;

	do
		len = recv(socket, &ignored, sizeof(ignored), 0);
	while (len > 0 || (len < 0 && errno == EINTR));
}

static int start(struct session_recording *recording, uint64_t ring, struct error *error)
{
	struct session_room room;
	int r = session_room_read(&room);

	if (r < 0)
		return error_set_errno(error, r, "no room for the trace buffers in /dev/shm");
	r = session_buffer_size(&room, ring, &recording->subbuffer_size, error);
	if (r < 0)
		return r;
	return session_recording_start(recording, error);
}

static void record(int socket, struct session_recording *recording, uint64_t ring)
{
	struct session_reply reply = { 0 };
	struct session_daemon daemon;

	reply.code = session_daemon_join(&daemon, &reply.error);
	if (reply.code == 0)
		reply.code = start(recording, ring, &reply.error);
	if (reply.code == 0) {
		send_reply(socket, &reply);
		wait_for_stop(socket);
		hung_pid = daemon.pid;
		(void)alarm(DAEMON_TIMEOUT_S);
		session_recording_stop(recording, &reply);
		(void)alarm(0);
	}
	if (session_daemon_leave(&daemon))
		reply.flags |= SESSION_REPLY_STAYS;
	send_reply(socket, &reply);
	if (reply.flags & SESSION_REPLY_STAYS)
		(void)close(socket);
	session_daemon_end(&daemon);
}

int main(int argc, char **argv)
{
	struct session_recording recording = { 0 };
	uint64_t ring = 0, pid = 0;
	int socket = -EBADF;

	if (argc != 4 || number_parse(argv[2], 0, UINT64_MAX, &ring) < 0 ||
	    number_parse(argv[3], 1, INT32_MAX, &pid) < 0 || take_socket(&socket) < 0) {
		(void)fprintf(stderr,
			      "%s: part of `glassbox run --trace DIR`, not to be started "
			      "by hand\n",
			      SESSION_HELPER);
		return EXIT_FAILURE;
	}
	recording.dir = argv[1];
	recording.pid = (pid_t)pid;
	/* What ends the VM (Ctrl-C, a service manager) must not end its trace before it. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* BSD semantics: the call it interrupts goes on. */
	(void)signal(SIGALRM, kill_hung_daemon);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	record(socket, &recording, ring);
	return EXIT_SUCCESS;
}
