/* SPDX-License-Identifier: MIT */
/* The doctor's checks of what tracing and networking need besides KVM. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "trace/install_path.h"
#include "trace/loader.h"
#include "trace/lttng_home.h"
#include "vmm/doctor_check.h"

#define SESSION        "glassbox-trace-session"
#define LOAD_TIMEOUT_S 2

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

/* The child: load the provider, without a wait for LTTng's session daemon. */
static void __attribute__((noreturn)) load_provider(struct error *error)
{
	(void)alarm(LOAD_TIMEOUT_S);
	(void)setenv("LTTNG_UST_REGISTER_TIMEOUT", "0", 1);
	_exit(trace_load(TRACE_LOAD_PROVIDER, error) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* In a process of its own, as LTTng comes with threads and cannot be unloaded. */
static int try_provider(struct error *error)
{
	struct error *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	if (shared == MAP_FAILED)
		return error_set_errno(error, -errno, "cannot try the trace provider");
	(void)snprintf(shared->message, sizeof(shared->message),
		       "the trace provider crashes or hangs while it is loaded");
	pid = fork();
	if (pid == 0)
		load_provider(shared);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*error = *shared;
	(void)munmap(shared, sizeof(*shared));
	if (pid < 0)
		return error_set_errno(error, -EAGAIN, "cannot try the trace provider");
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -EIO;
}

static void check_provider(struct doctor_host *host, struct doctor_result *ret_result)
{
	char session[PATH_MAX];
	struct error error;
	int r = try_provider(&error);

	(void)host;
	if (r == 0)
		r = install_path_find(SESSION, session, &error);
	if (r < 0) {
		doctor_say(ret_result, DOCTOR_FAIL, "%s", error.message);
		doctor_mend(ret_result, "build Glassbox with -DGLASSBOX_LTTNG=ON, and install all "
					"of it; sudo apt install liblttng-ust1");
		return;
	}
	doctor_say(ret_result, DOCTOR_OK, "loads, and its session helper is there");
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
	const char *home = lttng_home(), *lacking;
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
