/* SPDX-License-Identifier: MIT */
/* The doctor's checks of what tracing and networking need besides KVM. */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/doctor_check.h"

#define PROVIDER "libglassbox-trace.so"
#define SESSION  "glassbox-trace-session"

/* The readable file @name in one of the places where Glassbox keeps its libraries.
 * Return: 0 or -ENOENT. */
static int find_library_file(const char *name, char ret_path[PATH_MAX])
{
	static const char *const places[] = { "/../lib/glassbox", "/../lib" };
	char program[PATH_MAX], path[2 * PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	program[MAX(len, 0)] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	for (unsigned i = 0; i <= ARRAY_SIZE(places); i++) {
		if (i < ARRAY_SIZE(places))
			(void)snprintf(path, sizeof(path), "%s%s/%s", program, places[i], name);
		else
			(void)snprintf(path, sizeof(path), "%s/%s", GLASSBOX_LIBDIR, name);
		if (access(path, R_OK) == 0 && realpath(path, ret_path))
			return 0;
	}
	return -ENOENT;
}

/* The program @name, by PATH unless it has a slash. */
static int find_program(const char *name, char ret_path[PATH_MAX])
{
	const char *path = getenv("PATH"), *end;
	size_t len;

	if (strchr(name, '/')) {
		(void)snprintf(ret_path, PATH_MAX, "%s", name);
		return access(name, X_OK) == 0 ? 0 : -errno;
	}
	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		len = (size_t)(end - path);
		if (len == 0 || len >= PATH_MAX)
			continue;
		if (snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)len, path, name) < PATH_MAX &&
		    access(ret_path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static void check_provider(struct doctor_host *host, struct doctor_result *ret_result)
{
	char provider[PATH_MAX], session[PATH_MAX];

	(void)host;
	if (!GLASSBOX_LTTNG) {
		doctor_say(ret_result, DOCTOR_FAIL, "this Glassbox was built without LTTng");
		doctor_mend(ret_result, "build it with -DGLASSBOX_LTTNG=ON");
		return;
	}
	if (find_library_file(PROVIDER, provider) < 0 || find_library_file(SESSION, session) < 0) {
		doctor_say(ret_result, DOCTOR_FAIL,
			   "%s and %s are neither beside this program nor in %s", PROVIDER, SESSION,
			   GLASSBOX_LIBDIR);
		doctor_mend(ret_result, "build or install all of Glassbox");
		return;
	}
	ret_result->value = json_pack("{ss ss}", "provider", provider, "session", session);
	doctor_say(ret_result, DOCTOR_OK, "%s", provider);
}

/* As LTTng's own programs look for it. */
static const char *home_directory(void)
{
	const char *home = getenv("LTTNG_HOME");
	const struct passwd *user;

	if (!home)
		home = getenv("HOME");
	if (home)
		return home;
	user = getpwuid(getuid());
	return user ? user->pw_dir : "/";
}

/* The pid of the session daemon whose file is in @dir; 0 without one. */
static pid_t read_daemon(const char *dir)
{
	_cleanup_fclose_ FILE *file = NULL, *comm = NULL;
	char path[PATH_MAX], name[32] = "";
	int pid = 0;

	if (snprintf(path, sizeof(path), "%s/lttng-sessiond.pid", dir) >= (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	if (!file || fscanf(file, "%d", &pid) != 1 || pid <= 0)
		return 0;
	/* The file outlives a daemon that was killed, and pids are used again. */
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	comm = fopen(path, "re");
	if (!comm || !fgets(name, sizeof(name), comm))
		return 0;
	return strncmp(name, "lttng-sessiond", strlen("lttng-sessiond")) == 0 ? pid : 0;
}

/* Where Glassbox's own daemon leaves its files: what it may not write, or NULL. */
static const char *unwritable_place(const char *run)
{
	if (access("/dev/shm", W_OK) < 0)
		return "/dev/shm";
	return access(run, W_OK) < 0 ? run : NULL;
}

static void check_daemon(struct doctor_host *host, struct doctor_result *ret_result)
{
	const char *program = getenv("LTTNG_SESSIOND_PATH");
	const char *home = home_directory(), *lacking;
	bool root = getuid() == 0;
	char path[PATH_MAX], dir[PATH_MAX];
	pid_t pid;

	(void)host;
	(void)snprintf(dir, sizeof(dir), "%s/.lttng", home);
	pid = read_daemon(root ? "/run/lttng" : dir);
	lacking = unwritable_place(root ? "/run" : home);
	if (lacking) {
		doctor_say(ret_result, DOCTOR_FAIL, "%s cannot be written to, LTTng needs it",
			   lacking);
		if (strcmp(lacking, home) == 0)
			doctor_mend(ret_result, "export LTTNG_HOME=DIRECTORY, one of your own");
		else
			doctor_mend(ret_result, "sudo mount -t tmpfs -o mode=1777 tmpfs %s",
				    lacking);
		return;
	}
	if (find_program(program ? program : "lttng-sessiond", path) < 0) {
		doctor_say(ret_result, pid ? DOCTOR_WARN : DOCTOR_FAIL,
			   "lttng-sessiond is not there%s",
			   pid ? ", but one runs" : ", and none runs");
		doctor_mend(ret_result, "sudo apt install lttng-tools");
		return;
	}
	ret_result->value = json_pack("{ss sb}", "program", path, "running", pid != 0);
	if (pid)
		doctor_say(ret_result, DOCTOR_OK, "%s runs as process %d", path, (int)pid);
	else
		doctor_say(ret_result, DOCTOR_OK,
			   "%s is started for the time of a trace, with the rights of %s", path,
			   root ? "root" : "this user");
}

static void check_reader(struct doctor_host *host, struct doctor_result *ret_result)
{
	char path[PATH_MAX];

	(void)host;
	if (find_program("babeltrace2", path) < 0) {
		doctor_say(ret_result, DOCTOR_WARN,
			   "babeltrace2 is not there: traces can be "
			   "recorded, not read");
		doctor_mend(ret_result, "sudo apt install babeltrace2");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "%s", path);
}

static void check_tun(struct doctor_host *host, struct doctor_result *ret_result)
{
	_cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)host;
	if (fd >= 0) {
		doctor_say(ret_result, DOCTOR_OK, "/dev/net/tun opens");
		return;
	}
	doctor_say(ret_result, DOCTOR_WARN, "cannot open /dev/net/tun: %s; no tap networking",
		   strerror(errno));
	doctor_mend(ret_result,
		    errno == EACCES ? "sudo chmod 0666 /dev/net/tun" : "sudo modprobe tun");
}

static const struct doctor_check checks[] = {
	{ .id = "trace-provider",
	  .title = "trace provider",
	  .area = DOCTOR_AREA_TRACE,
	  .look = check_provider },
	{ .id = "trace-daemon",
	  .title = "LTTng session daemon",
	  .area = DOCTOR_AREA_TRACE,
	  .look = check_daemon },
	{ .id = "trace-reader", .title = "trace reader", .look = check_reader },
	{ .id = "tun", .title = "TUN/TAP", .look = check_tun },
};

const struct doctor_table doctor_host_checks = { checks, ARRAY_SIZE(checks) };
