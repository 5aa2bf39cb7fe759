/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the test of sockets: a program that speaks AF_VSOCK.  It is linked
 * statically, for it is all there is in the guest beside busybox.
 *
 *     vsock_peer cid                     print the guest's CID
 *     vsock_peer refused PORT            connect to the host where nobody listens; print why not
 *     vsock_peer check PORT BYTES N      N connections to the host at once; each sends BYTES bytes
 *                                        and wants them back
 *     vsock_peer echo PORT N             accept N connections from the host; send back what comes
 *     vsock_peer hold PORT               connect to the host; print what it says, and how it ends
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_vm address(unsigned cid, unsigned port)
{
	return (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
}

/* Return: a descriptor, or -1 with errno. */
static int connect_to_host(unsigned port)
{
	struct sockaddr_vm host = address(VMADDR_CID_HOST, port);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return connect(fd, (const struct sockaddr *)&host, sizeof(host)) < 0 ? -1 : fd;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Bytes that never repeat within a test, so that loss and disorder show. */
static void fill(uint8_t *bytes, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1;
		bytes[i] = (uint8_t)(*seed >> 56);
	}
}

/* Return: exit status. */
static int send_pattern(int fd, size_t count, uint64_t seed)
{
	uint8_t bytes[20000];

	while (count) {
		size_t len = count < sizeof(bytes) ? count : sizeof(bytes);

		fill(bytes, len, &seed);
		if (!write_all(fd, bytes, len))
			return 1;
		count -= len;
	}
	return shutdown(fd, SHUT_WR) < 0;
}

static int receive_pattern(int fd, size_t count, uint64_t seed)
{
	uint8_t bytes[30000], wanted[30000];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		if ((size_t)n > count)
			return 1;
		fill(wanted, (size_t)n, &seed);
		if (memcmp(bytes, wanted, (size_t)n) != 0)
			return 1;
		count -= (size_t)n;
	}
	return n < 0 || count;
}

/* Waits for all children.  Return: how many ended well. */
static unsigned reap(void)
{
	unsigned good = 0;
	int status;

	while (wait(&status) > 0)
		good += status == 0;
	return good;
}

static int check_one(unsigned port, size_t count, uint64_t seed)
{
	int fd = connect_to_host(port), r;

	if (fd < 0)
		fail("connect");
	if (fork() == 0)
		exit(send_pattern(fd, count, seed));
	r = receive_pattern(fd, count, seed);
	return r || reap() != 1;
}

static void check(unsigned port, size_t count, unsigned connections)
{
	for (unsigned i = 0; i < connections; i++)
		if (fork() == 0)
			exit(check_one(port, count, i));
	printf("checked %u of %u\n", reap(), connections);
}

static int echo_one(int fd)
{
	static uint8_t bytes[50000];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (!write_all(fd, bytes, (size_t)n))
			return 1;
	return n < 0 || shutdown(fd, SHUT_WR) < 0;
}

static void echo(unsigned port, unsigned connections)
{
	struct sockaddr_vm any = address(VMADDR_CID_ANY, port);
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    listen(listener, 128) < 0)
		fail("listen");
	printf("listening\n");
	for (unsigned i = 0; i < connections; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			fail("accept");
		if (fork() == 0)
			exit(echo_one(fd));
		(void)close(fd);
	}
	printf("echoed %u of %u\n", reap(), connections);
}

static void hold(unsigned port)
{
	int fd = connect_to_host(port);
	char c;
	ssize_t n;

	if (fd < 0)
		fail("connect");
	printf("connected\n");
	while ((n = read(fd, &c, 1)) > 0)
		putchar(c);
	printf("ended: %s\n", n < 0 ? strerror(errno) : "orderly");
}

static void print_cid(void)
{
	unsigned cid = 0;
	int fd = open("/dev/vsock", O_RDONLY);

	if (fd < 0 || ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) < 0)
		fail("/dev/vsock");
	printf("%u\n", cid);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	unsigned numbers[3] = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 2; i < argc && i < 5; i++)
		numbers[i - 2] = (unsigned)strtoul(argv[i], NULL, 10);
	if (strcmp(command, "cid") == 0)
		print_cid();
	else if (strcmp(command, "refused") == 0)
		printf("%s\n", connect_to_host(numbers[0]) < 0 ? strerror(errno) : "connected");
	else if (strcmp(command, "check") == 0)
		check(numbers[0], numbers[1], numbers[2]);
	else if (strcmp(command, "echo") == 0)
		echo(numbers[0], numbers[1]);
	else if (strcmp(command, "hold") == 0)
		hold(numbers[0]);
	else
		return 2;
	return 0;
}
