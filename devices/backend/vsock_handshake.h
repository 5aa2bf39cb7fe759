/* SPDX-License-Identifier: MIT */
/*
 * How a program on the host says to which port of the guest it wants to be connected: a line
 * "CONNECT PORT\n", which is answered by "OK PORT\n", the port of the host's end.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_VSOCK_HANDSHAKE_H
#define GLASSBOX_DEVICES_BACKEND_VSOCK_HANDSHAKE_H

#include "base/util.h"

#define VSOCK_LINE_MAX 32 /* with the newline; room for some blanks */

struct vsock_handshake {
	char line[VSOCK_LINE_MAX];
	unsigned len;
};

/**
 * vsock_handshake_read() - read what is there of the line, and nothing behind it
 * @fd: non-blocking
 *
 * Return: 0 with @ret_port set; -EAGAIN: there has to come more; -EPROTO: that is no such line;
 * other -errno if the connection broke.
 */
int vsock_handshake_read(struct vsock_handshake *handshake, int fd, uint32_t *ret_port)
	__must_check;

/** vsock_handshake_answer() - "OK @host_port\n"; Return: 0 or -errno */
int vsock_handshake_answer(int fd, uint32_t host_port) __must_check;

#endif
