/* SPDX-License-Identifier: MIT */
/*
 * The first program of a guest that has its root in a shared folder.  Runs in the guest, is linked
 * statically, and is all there is in the initial RAM disk beside kernel modules.
 *
 *     load modules -> mount the share, read-only -> a writable layer in memory over it
 *     -> /proc, /sys, /dev, /run, /tmp -> that is the root now
 *     -> what init= on the kernel's command line says, or a shell; when it ends, power off
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/rootfs/cmdline.h"
#include "vmm/rootfs/layout.h"

#define NEW_ROOT  "/root"
#define TEXT_MAX  4096
#define NR(array) (sizeof(array) / sizeof((array)[0]))

struct mount_point {
	const char *type, *path, *options;
};

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("glassbox: ", stdout);
	(void)vprintf(format, args);
	(void)fputs("\n", stdout);
	(void)fflush(stdout);
	va_end(args);
}

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	for (;;)
		(void)pause();
}

/* The text of a small file, without the newline at its end; "" if it is not there. */
static char *read_text(const char *path, char text[TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

	if (fd >= 0)
		(void)close(fd);
	text[len > 0 ? len : 0] = '\0';
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

static void load_modules(void)
{
	char list[TEXT_MAX], *rest = read_text("/" ROOTFS_LIST_FILE, list), *path;

	while ((path = strsep(&rest, "\n"))) {
		int fd;

		if (!*path)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			say("cannot load the module %s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		/* Its memory is of better use elsewhere. */
		(void)unlink(path);
	}
}

static int make_directories(const char *path)
{
	char part[TEXT_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(part, 0755);
		*slash = '/';
	}
	return mkdir(part, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

/*
 * Mounts the share with @tag at @path, with a layer in memory that takes what is written; both are
 * below @place.  Return: NULL, or what failed.
 */
static const char *mount_share(const char *tag, const char *place, const char *path)
{
	char lower[64], layer[64], upper[96], work[96], options[512];

	(void)snprintf(lower, sizeof(lower), "%s/lower", place);
	(void)snprintf(layer, sizeof(layer), "%s/layer", place);
	(void)snprintf(upper, sizeof(upper), "%s/upper", layer);
	(void)snprintf(work, sizeof(work), "%s/work", layer);
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper,
		       work);
	if (make_directories(lower) < 0 || make_directories(layer) < 0 ||
	    make_directories(path) < 0)
		return "make directories";
	if (mount(tag, lower, "virtiofs", MS_RDONLY, NULL) < 0)
		return "mount the shared folder (virtiofs)";
	if (mount("layer", layer, "tmpfs", 0, "mode=755") < 0 || make_directories(upper) < 0 ||
	    make_directories(work) < 0)
		return "make a layer in memory (tmpfs)";
	if (mount("overlay", path, "overlay", 0, options) < 0)
		return "mount the layer (overlay)";
	return NULL;
}

static void mount_root(void)
{
	char needs[TEXT_MAX];
	const char *failed = mount_share(ROOTFS_TAG, "/parts", NEW_ROOT);
	int error = errno;

	if (!failed)
		return;
	say("cannot %s: %s", failed, strerror(error));
	say("the kernel needs %s, virtiofs and overlay, built in or as modules (modules=DIR)",
	    read_text("/" ROOTFS_NEEDS_FILE, needs));
	power_off();
}

/* What every program expects.  The order is that of mounting. */
static void mount_others(void)
{
	static const struct mount_point points[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", "mode=755" },
		{ "devpts", "/dev/pts", "mode=620,ptmxmode=666" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "tmpfs", "/run", "mode=755" },
		{ "tmpfs", "/tmp", "mode=1777" },
	};

	for (size_t i = 0; i < NR(points); i++) {
		(void)make_directories(points[i].path);
		if (mount(points[i].type, points[i].path, points[i].type, 0, points[i].options) < 0)
			say("cannot mount %s: %s", points[i].path, strerror(errno));
	}
}

static void change_root(void)
{
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0) {
		say("cannot change the root: %s", strerror(errno));
		power_off();
	}
}

static void mount_modules(const char *release)
{
	char path[TEXT_MAX + 32];
	const char *failed;

	if (!*release)
		return;
	(void)snprintf(path, sizeof(path), "/lib/modules/%s", release);
	failed = mount_share(ROOTFS_MODULES_TAG, "/run/glassbox-modules", path);
	if (failed)
		say("%s: cannot %s: %s", path, failed, strerror(errno));
}

/* ---- what runs then ---- */

/* The value of init= on the kernel's command line; NULL if there is none. */
static const char *wanted_init(char text[TEXT_MAX])
{
	const char *init = rootfs_find_init(read_text("/proc/cmdline", text));

	if (init)
		text[init - text + (ptrdiff_t)strcspn(init, " ")] = '\0';
	return init;
}

/* A shell without a controlling terminal has no job control; /dev/console cannot be one. */
static void take_console(void)
{
	char active[TEXT_MAX], path[TEXT_MAX + 8];
	const char *last = strrchr(read_text("/sys/class/tty/console/active", active), ' ');
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/%s", last ? last + 1 : active);
	(void)setsid();
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	(void)ioctl(fd, TIOCSCTTY, 0);
	for (int to = STDIN_FILENO; to <= STDERR_FILENO; to++)
		(void)dup2(fd, to);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

static void __attribute__((noreturn)) become_shell(const char *command)
{
	take_console();
	if (*command)
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	else if (access("/bin/bash", X_OK) == 0)
		(void)execl("/bin/bash", "bash", (char *)NULL);
	else
		(void)execl("/bin/sh", "sh", (char *)NULL);
	say("the shared folder has no /bin/sh: %s", strerror(errno));
	_exit(EXIT_FAILURE);
}

/* Does not return if the machine has a port for it. */
static void tell_exit(const char *port_text, bool success)
{
	unsigned long port = strtoul(port_text, NULL, 10);

	if (port == 0)
		return;
	sync();
	if (ioperm(port, 1, 1) < 0)
		say("cannot use port 0x%lx: %s", port, strerror(errno));
	else
		outb(success ? ROOTFS_EXIT_SUCCESS : ROOTFS_EXIT_FAILURE, (unsigned short)port);
}

/* As the first process it has to wait for orphans, too. */
static void run_shell(const char *command, const char *exit_port)
{
	/* Of a process that failed, if none can be started. */
	int status = W_EXITCODE(EXIT_FAILURE, 0);
	pid_t shell = fork(), ended;

	if (shell == 0)
		become_shell(command);
	if (shell < 0)
		say("cannot start a process: %s", strerror(errno));
	do
		ended = wait(&status);
	while (ended != shell && (ended >= 0 || errno == EINTR));
	if (!*command)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		say("the command ended with status %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("the command was ended by signal %d", WTERMSIG(status));
	tell_exit(exit_port, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	char command[TEXT_MAX], release[TEXT_MAX], exit_port[TEXT_MAX], cmdline[TEXT_MAX];
	const char *init;

	(void)argc;
	load_modules();
	mount_root();
	(void)read_text("/" ROOTFS_COMMAND_FILE, command);
	(void)read_text("/" ROOTFS_RELEASE_FILE, release);
	(void)read_text("/" ROOTFS_EXIT_FILE, exit_port);
	change_root();
	mount_others();
	mount_modules(release);
	(void)sethostname("glassbox", strlen("glassbox"));
	(void)setenv("HOME", "/root", 1);
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)setenv("TERM", "vt220", 1);
	init = wanted_init(cmdline);
	if (init) {
		argv[0] = (char *)(size_t)init;
		(void)execv(init, argv);
		say("cannot run %s: %s", init, strerror(errno));
	}
	run_shell(command, exit_port);
	power_off();
}
