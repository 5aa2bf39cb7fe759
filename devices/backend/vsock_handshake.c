/* SPDX-License-Identifier: MIT */
#include "devices/backend/vsock_handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/size.h"

#define BLANKS " \t\r"

/* @line: changed.  Return: 0 or -EPROTO. */
static int parse_line(char *line, uint32_t *ret_port)
{
	static const char word[] = "CONNECT";
	char *text = line + strlen(word), *end;
	uint64_t port;

	if (strncasecmp(line, word, strlen(word)) != 0 || !*text || !strchr(BLANKS, *text))
		return -EPROTO;
	text += strspn(text, BLANKS);
	end = text + strcspn(text, BLANKS);
	if (end[strspn(end, BLANKS)])
		return -EPROTO;
	*end = '\0';
	if (number_parse(text, 0, UINT32_MAX, &port) < 0)
		return -EPROTO;
	*ret_port = (uint32_t)port;
	return 0;
}

int vsock_handshake_read(struct vsock_handshake *handshake, int fd, uint32_t *ret_port)
{
	/* One by one, for what follows the line is not this function's to take. */
	while (handshake->len < VSOCK_LINE_MAX) {
		char *c = &handshake->line[handshake->len];
		ssize_t n = recv(fd, c, 1, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		if (*c == '\0')
			return -EPROTO;
		if (*c == '\n') {
			*c = '\0';
			return parse_line(handshake->line, ret_port);
		}
		handshake->len++;
	}
	return -EPROTO;
}

int vsock_handshake_answer(int fd, uint32_t host_port)
{
	char line[VSOCK_LINE_MAX];
	int len = snprintf(line, sizeof(line), "OK %u\n", host_port);
	ssize_t n = send(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == len ? 0 : -EPIPE;
}
