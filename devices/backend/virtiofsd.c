/* SPDX-License-Identifier: MIT */
#include "devices/backend/virtiofsd.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "devices/backend/jail.h"

/* A slow host, or a request to a slow disk, which has to end before a queue can stop. */
#define TIMEOUT_MS 30000
#define LINE_LEN   200 /* of what it says, that is kept */

/* QEMU's, as Debian has it.  The one in Rust that came after it has other options. */
#define PROGRAM    "/usr/lib/qemu/virtiofsd"

struct virtiofsd {
	struct vhost_backend backend;
	pid_t pid; /* 0: ended; the device's lock, once there is one */
	void (*lost)(void *ctx, const char *why);
	void *ctx;

	/* Loop thread: its standard output and error. */
	int log;
	struct loop_source *log_source;
	char line[LINE_LEN]; /* the last whole one */
	char next[LINE_LEN]; /* the one that is being said */
	size_t next_len;
};

static struct virtiofsd *to_virtiofsd(struct vhost_backend *backend)
{
	return container_of(backend, struct virtiofsd, backend);
}

/* ---- what it says ---- */

/* For people, in a line of ours: no control characters, no end of line. */
static void take_text(struct virtiofsd *fsd, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || fsd->next_len == sizeof(fsd->next) - 1) {
			if (fsd->next_len)
				memcpy(fsd->line, fsd->next, sizeof(fsd->line));
			memset(fsd->next, 0, sizeof(fsd->next));
			fsd->next_len = 0;
		}
		if (isprint((unsigned char)text[i]))
			fsd->next[fsd->next_len++] = text[i];
	}
}

/* Return: false at the end. */
static bool read_log(struct virtiofsd *fsd)
{
	char text[4096];
	ssize_t len = read(fsd->log, text, sizeof(text));

	if (len > 0)
		take_text(fsd, text, (size_t)len);
	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

/* A guest may be able to make it complain all the time: none of it is printed. */
static void on_log(void *ctx, uint32_t events)
{
	struct virtiofsd *fsd = ctx;

	(void)events;
	if (read_log(fsd))
		return;
	loop_remove(fsd->log_source);
	fsd->log_source = NULL;
}

/* ---- its end ---- */

static void virtiofsd_kill(struct vhost_backend *backend)
{
	struct virtiofsd *fsd = to_virtiofsd(backend);

	if (fsd->pid == 0)
		return;
	/* There is nothing that it would have to save. */
	(void)kill(fsd->pid, SIGKILL);
	while (waitpid(fsd->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	fsd->pid = 0;
}

const char *virtiofsd_last_words(struct vhost_backend *backend, const char *otherwise)
{
	struct virtiofsd *fsd = to_virtiofsd(backend);
	struct pollfd pollfd = { .fd = fsd->log, .events = POLLIN };

	virtiofsd_kill(backend);
	/* Nobody has the other end any more, so there is one. */
	while (poll(&pollfd, 1, 0) > 0 && read_log(fsd))
		continue;
	take_text(fsd, "\n", 1);
	return fsd->line[0] ? fsd->line : otherwise;
}

static void virtiofsd_lost(struct vhost_backend *backend, int error)
{
	struct virtiofsd *fsd = to_virtiofsd(backend);
	char why[LINE_LEN + 64];

	if (error == -ECONNRESET) {
		const char *words = virtiofsd_last_words(backend, NULL);

		(void)snprintf(why, sizeof(why), "it ended%s%s", words ? ": " : "",
			       words ? words : "");
	} else {
		(void)snprintf(why, sizeof(why), "%s", vhost_user_strerror(error));
	}
	fsd->lost(fsd->ctx, why);
}

static void virtiofsd_destroy(struct vhost_backend *backend)
{
	struct virtiofsd *fsd = to_virtiofsd(backend);

	virtiofsd_kill(backend);
	loop_remove(fsd->log_source);
	if (fsd->log >= 0)
		(void)close(fsd->log);
	if (backend->socket >= 0)
		(void)close(backend->socket);
	free(fsd);
}

static const struct vhost_backend_ops virtiofsd_ops = {
	.kill = virtiofsd_kill,
	.lost = virtiofsd_lost,
	.destroy = virtiofsd_destroy,
};

/* ---- its start ---- */

/* A socket that listens at @path, and one that is connected to it. */
static int connect_at(const char *path, int *ret_listener, int *ret_socket)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || client < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	if (bind(listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(listener, 1) < 0 ||
	    connect(client, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	*ret_listener = TAKE_FD(listener);
	*ret_socket = TAKE_FD(client);
	return 0;
}

/*
 * virtiofsd takes a socket that listens, no connected one.  Ours is in a directory where nobody
 * else gets to, is connected to before virtiofsd is started, and has no name any more by then.
 */
static int make_sockets(int *ret_listener, int *ret_socket)
{
	char dir[] = "/tmp/glassbox-XXXXXX", path[sizeof(dir) + sizeof("/socket")];
	int r;

	if (!mkdtemp(dir))
		return -errno;
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	r = connect_at(path, ret_listener, ret_socket);
	(void)unlink(path);
	(void)rmdir(dir);
	return r;
}

static int run(struct virtiofsd *fsd, const char *program, const struct virtiofsd_config *config,
	       int listener, int log, struct error *error)
{
	char name[PATH_MAX], fd[32], options[128], o[] = "-o";
	const char *root = jail_find_root();
	char *argv[] = { name, fd, o, options, NULL };
	const struct jail_config jail = {
		.argv = argv,
		.path = config->path,
		.root = root,
		.read_only = config->read_only,
		.fd = listener,
		.log = log,
	};

	(void)snprintf(name, sizeof(name), "%s", program);
	(void)snprintf(fd, sizeof(fd), "--fd=%d", JAIL_FD);
	/* In the namespace that it makes for itself there is nothing but the directory. */
	(void)snprintf(options, sizeof(options), "source=%s,sandbox=namespace,log_level=err", root);
	return jail_start(&jail, &fsd->pid, error);
}

static int start(struct virtiofsd *fsd, const char *program, const struct virtiofsd_config *config,
		 struct error *error)
{
	_cleanup_close_ int listener = -EBADF, log = -EBADF;
	struct error cause;
	int pipes[2], r;

	r = make_sockets(&listener, &fsd->backend.socket);
	if (r == 0 && pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0)
		r = -errno;
	if (r < 0)
		return error_set_errno(error, r, "cannot share '%s': cannot talk to virtiofsd",
				       config->path);
	fsd->log = pipes[0];
	log = pipes[1];
	r = loop_add(config->loop, fsd->log, EPOLLIN, on_log, fsd, &fsd->log_source);
	if (r < 0)
		return error_set_errno(error, r, "cannot share '%s'", config->path);
	r = run(fsd, program, config, listener, log, &cause);
	return r < 0 ? error_set(error, r, "cannot share '%s'%s: %s", config->path,
				 config->read_only ? " read-only" : "", cause.message)
		     : 0;
}

static int check_directory(const char *path, struct error *error)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set_errno(error, -errno, "cannot share '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(error, -ENOTDIR, "cannot share '%s': it is not a directory", path);
	return 0;
}

int virtiofsd_start(const struct virtiofsd_config *config, struct vhost_backend **ret_backend,
		    struct error *error)
{
	const char *program = config->program ? config->program : PROGRAM;
	struct virtiofsd *fsd;
	int r = check_directory(config->path, error);

	if (r < 0)
		return r;
	if (!config->program && access(program, X_OK) < 0)
		return error_set(
			error, -ENOENT,
			"cannot share '%s': QEMU's virtiofsd is not installed (Debian 12: package "
			"qemu-system-common)",
			config->path);
	fsd = calloc(1, sizeof(*fsd));
	if (!fsd)
		return error_set_errno(error, -ENOMEM, "cannot share '%s'", config->path);
	fsd->backend = (struct vhost_backend){ .ops = &virtiofsd_ops,
					       .socket = -EBADF,
					       .timeout_ms = TIMEOUT_MS };
	fsd->log = -EBADF;
	fsd->lost = config->lost;
	fsd->ctx = config->ctx;
	r = start(fsd, program, config, error);
	if (r < 0) {
		virtiofsd_destroy(&fsd->backend);
		return r;
	}
	*ret_backend = &fsd->backend;
	return 0;
}
