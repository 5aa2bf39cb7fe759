/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gdb_client.h"

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += bytes[i];
	return sum;
}

size_t gdb_client_frame(const void *body, size_t len, char **ret_frame)
{
	char *frame = malloc(len + 5);

	if (!frame)
		abort();
	frame[0] = '$';
	memcpy(frame + 1, body, len);
	(void)sprintf(frame + 1 + len, "#%02x", checksum(body, len));
	*ret_frame = frame;
	return len + 4;
}

static void expect(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "the stub sent %s\n", what);
		abort();
	}
}

/* The body as it was before run-length encoding and escaping. */
static char *expand(const uint8_t *bytes, size_t len, size_t *ret_len)
{
	char *body = malloc(len * 100 + 1);
	size_t n = 0;

	if (!body)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '*') {
			expect(n > 0 && i + 1 < len && bytes[i + 1] >= 32 && bytes[i + 1] < 127,
			       "an impossible run");
			memset(body + n, body[n - 1], bytes[i + 1] - 29u);
			n += bytes[i + 1] - 29u;
			i++;
		} else if (bytes[i] == '}') {
			expect(i + 1 < len, "half an escape");
			body[n++] = (char)(bytes[++i] ^ 0x20);
		} else {
			expect(bytes[i] != '$', "a '$' in a frame");
			body[n++] = (char)bytes[i];
		}
	}
	body[n] = '\0';
	*ret_len = n;
	return body;
}

size_t gdb_client_parse(const uint8_t *bytes, size_t len, char **ret_body, size_t *ret_body_len)
{
	size_t start = 0, end;
	char sum[3] = "";

	while (start < len && bytes[start] == '+')
		start++;
	for (end = start; end < len && bytes[end] != '#'; end++)
		;
	if (len - end < 3 || end == len)
		return 0;
	expect(bytes[start] == '$', "garbage in front of a frame");
	memcpy(sum, bytes + end + 1, 2);
	expect(strtoul(sum, NULL, 16) == checksum(bytes + start + 1, end - start - 1),
	       "a wrong checksum");
	*ret_body = expand(bytes + start + 1, end - start - 1, ret_body_len);
	return end + 3;
}
