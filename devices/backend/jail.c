/* SPDX-License-Identifier: MIT */
/*
 * How the program is started: clone, wait until its IDs are mapped, mounts, descriptors, exec. What
 * runs between clone and exec is alone in a copy of our memory, in which other threads may have
 * held locks: it makes system calls only.
 */
#include "devices/backend/jail.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* What the child says if it fails; it has our constants at the same addresses. */
struct report {
	const char *step;
	int error; /* errno */
};

const char *jail_find_root(void)
{
	/* Every host has the first, but it may be a symbolic link. */
	static const char *const places[] = { "/mnt", "/srv", "/media", "/tmp" };
	struct stat st;

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (lstat(places[i], &st) == 0 && S_ISDIR(st.st_mode))
			return places[i];
	return places[0];
}

/* ---- the child ---- */

/* Return: NULL, or what failed, with errno set. */
static const char *mount_tree(const struct jail_config *config)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	int tree;

	/* What is mounted from here on stays in here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno == EINVAL ? "keep its mounts to itself in a chroot whose root is "
					 "no mount point"
				       : "keep its mounts to itself";
	tree = open_tree(AT_FDCWD, config->path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return "take hold of the directory";
	/* Whatever the program can be made to do: it writes to nothing else. */
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof(read_only)) < 0)
		return "make the host's other files read-only";
	if (config->read_only && mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only,
					       sizeof(read_only)) < 0)
		return "make it read-only";
	if (move_mount(tree, "", AT_FDCWD, config->root, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return "mount the directory for it";
	(void)close(tree);
	return NULL;
}

/* The standard streams, JAIL_FD, and behind it our own end of the pair until exec. */
static const char *arrange_fds(const struct jail_config *config, int *pair)
{
	enum { OWN_FD = JAIL_FD + 1, SPARE_FD };
	/* First out of the way: any of them may be where another has to go. */
	int fd = fcntl(config->fd, F_DUPFD_CLOEXEC, SPARE_FD);
	int log = fcntl(config->log, F_DUPFD_CLOEXEC, SPARE_FD);
	int own = fcntl(*pair, F_DUPFD_CLOEXEC, SPARE_FD);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || log < 0 || own < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(fd, JAIL_FD) < 0 ||
	    dup3(own, OWN_FD, O_CLOEXEC) < 0)
		return "arrange its descriptors";
	*pair = OWN_FD;
	return close_range(SPARE_FD, ~0u, 0) < 0 ? "close our descriptors" : NULL;
}

/*
 * The guest's memory would be in its core dump, and it may be the guest that makes it crash.  At 0
 * the kernel would still dump to a program that core_pattern(5) names; at 1 it does not.
 */
static const char *forbid_core_dump(void)
{
	const struct rlimit one = { .rlim_cur = 1, .rlim_max = 1 };

	return setrlimit(RLIMIT_CORE, &one) < 0 ? "forbid its core dumps" : NULL;
}

/* Signals as a program expects them: we block some, and ignore one. */
static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *become_program(const struct jail_config *config, int *pair)
{
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	/* Not what was meant for us, such as libraries to preload. */
	char *const environment[] = { path, NULL };
	const char *failed = mount_tree(config);

	if (!failed)
		failed = arrange_fds(config, pair);
	if (!failed)
		failed = forbid_core_dump();
	if (failed)
		return failed;
	/* Ctrl-C at our terminal is not for it. */
	(void)setsid();
	(void)execve(config->argv[0], config->argv, environment);
	return "run the program";
}

static void __attribute__((noreturn)) child(const struct jail_config *config, const int pair[2])
{
	struct report report = { .step = "tie its life to ours" };
	int own = pair[1];
	char go;

	(void)close(pair[0]);
	reset_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
		/* Should we have died before that call, there is nobody to say so. */
		if (recv(own, &go, 1, 0) != 1)
			_exit(EXIT_FAILURE);
		report.step = become_program(config, &own);
	}
	report.error = errno;
	(void)!send(own, &report, sizeof(report), MSG_NOSIGNAL);
	_exit(EXIT_FAILURE);
}

/* ---- the parent ---- */

static int explain_clone(bool new_user, int code, struct error *error)
{
	if (new_user)
		return error_set(error, code,
				 "a normal user may not make namespaces on this host: %s (see the "
				 "sysctls user.max_user_namespaces and "
				 "kernel.unprivileged_userns_clone)",
				 strerror(-code));
	return error_set(error, code, "this process may not make namespaces: %s", strerror(-code));
}

/* Return: 0 when the program runs. */
static int wait_for_program(int socket, struct error *error)
{
	struct report report;
	ssize_t len;

	do
		len = recv(socket, &report, sizeof(report), 0);
	while (len < 0 && errno == EINTR);
	if (len == 0)
		return 0;
	if (len != (ssize_t)sizeof(report))
		return error_set(error, -EIO, "it does not start");
	return error_set(error, -report.error, "cannot %s: %s", report.step,
			 strerror(report.error));
}

static int let_go(int socket, pid_t pid, bool new_user, struct error *error)
{
	int r = new_user ? jail_map_ids(pid, error) : 0;

	if (r < 0)
		return r;
	if (send(socket, "", 1, MSG_NOSIGNAL) != 1)
		return error_set(error, -EIO, "it does not start");
	return wait_for_program(socket, error);
}

int jail_start(const struct jail_config *config, pid_t *ret_pid, struct error *error)
{
	bool new_user = geteuid() != 0;
	unsigned long flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(error, -errno, "cannot talk to it: %s", strerror(errno));
	/* As fork(), which has no flags: no stack of its own, no thread IDs. */
	pid = (pid_t)syscall(SYS_clone, flags | (new_user ? CLONE_NEWUSER : 0), NULL, NULL, NULL,
			     NULL);
	if (pid == 0)
		child(config, pair);
	r = pid < 0 ? explain_clone(new_user, -errno, error) : 0;
	(void)close(pair[1]);
	if (pid > 0)
		r = let_go(pair[0], pid, new_user, error);
	(void)close(pair[0]);
	if (r < 0 && pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (r == 0)
		*ret_pid = pid;
	return r;
}
