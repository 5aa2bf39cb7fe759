/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/size.h"

int address_unix(const char *path, struct sockaddr_un *ret_addr, struct error *error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (path[0] == '\0' || strlen(path) >= sizeof(addr.sun_path))
		return error_set_usage(error, "socket path '%s' must have 1 to %zu characters",
				       path, sizeof(addr.sun_path) - 1);
	(void)strcpy(addr.sun_path, path);
	*ret_addr = addr;
	return 0;
}

/* True if something accepts connections at @addr. */
static bool unix_is_live(const struct sockaddr_un *addr)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;
}

/*
 * bind(2) makes the file with the permissions of the umask, and nobody may connect before
 * listen(2): the mode is narrowed in between, so there is no moment in which others can get in.
 */
static int listen_unix(const char *path, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr;
	struct stat st;
	int r = address_unix(path, &addr, error);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot make a unix socket");
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return error_set(error, -EEXIST, "'%s' exists and is not a socket", path);
		if (unix_is_live(&addr))
			return error_set(
				error, -EADDRINUSE,
				"cannot listen on 'unix:%s': another process listens there", path);
		(void)unlink(path);
	}
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_set_errno(error, -errno, "cannot listen on 'unix:%s'", path);
	if (chmod(path, 0600) < 0 || listen(fd, 8) < 0) {
		r = -errno;
		(void)unlink(path);
		return error_set_errno(error, r, "cannot listen on 'unix:%s'", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Splits "HOST:PORT", "[V6]:PORT" or ":PORT". */
static int split_host_port(const char *text, char *host, size_t host_size, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (!colon || colon[1] == '\0')
		return -EINVAL;
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= host_size)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (len == 0)
		(void)strcpy(host, "127.0.0.1");
	*ret_port = colon + 1;
	return 0;
}

static int bound_name(int fd, char **ret_bound)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[64], port[16];
	int n;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	if (getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -EINVAL;
	n = asprintf(ret_bound, addr.ss_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host,
		     port);
	return n < 0 ? -ENOMEM : 0;
}

static int listen_tcp(const char *text, int *ret_fd, char **ret_bound, struct error *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *info;
	_cleanup_close_ int fd = -EBADF;
	char host[256];
	const char *port;
	uint64_t number;
	int one = 1, r;

	if (split_host_port(text, host, sizeof(host), &port) < 0)
		return error_set_usage(error, "'tcp:%s' is not of the form tcp:HOST:PORT", text);
	/* getaddrinfo(3) takes a larger one, and drops its upper bits. */
	if (number_parse(port, 0, UINT16_MAX, &number) < 0)
		return error_set_usage(error, "'%s' in 'tcp:%s' is not a port from 0 to %d", port,
				       text, UINT16_MAX);
	r = getaddrinfo(host, port, &hints, &info);
	if (r != 0)
		return error_set(error, -EINVAL, "cannot resolve 'tcp:%s': %s", text,
				 gai_strerror(r));
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		r = -errno;
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		 bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, 8) < 0)
		r = -errno;
	freeaddrinfo(info);
	if (r == 0)
		r = bound_name(fd, ret_bound);
	if (r < 0)
		return error_set_errno(error, r, "cannot listen on 'tcp:%s'", text);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int address_listen(const char *address, int *ret_fd, char **ret_bound, struct error *error)
{
	_cleanup_free_ char *copy = NULL;
	int r;

	if (strncmp(address, "tcp:", 4) == 0)
		return listen_tcp(address + 4, ret_fd, ret_bound, error);
	if (strncmp(address, "unix:", 5) != 0)
		return error_set_usage(error, "address '%s' must be tcp:HOST:PORT or unix:PATH",
				       address);
	copy = strdup(address);
	if (!copy)
		return error_set_errno(error, -ENOMEM, "cannot listen on '%s'", address);
	r = listen_unix(address + 5, ret_fd, error);
	if (r == 0)
		*ret_bound = TAKE_PTR(copy);
	return r;
}

void address_unlink(const char *address)
{
	if (address && strncmp(address, "unix:", 5) == 0)
		(void)unlink(address + 5);
}
