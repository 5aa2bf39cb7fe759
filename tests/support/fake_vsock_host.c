/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_vsock_host.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/must.h"

static struct fake_vsock_host *to_fake(struct vsock_host *host)
{
	return container_of(host, struct fake_vsock_host, host);
}

/* Of the device's calls: each is for a stream that it has. */
static struct fake_vsock_stream *to_stream(struct vsock_stream *stream)
{
	struct fake_vsock_stream *s = container_of(stream, struct fake_vsock_stream, stream);

	must(s->open);
	return s;
}

static struct fake_vsock_stream *new_stream(struct fake_vsock_host *fake, uint32_t port)
{
	for (unsigned i = 0; i < FAKE_VSOCK_STREAMS; i++) {
		struct fake_vsock_stream *s = &fake->streams[i];

		if (s->open)
			continue;
		*s = (struct fake_vsock_stream){ .fake = fake, .open = true, .port = port };
		fake->nr_open++;
		return s;
	}
	must(false);
	return NULL;
}

static int fake_connect(struct vsock_host *host, uint32_t port, struct vsock_stream **ret_stream)
{
	struct fake_vsock_host *fake = to_fake(host);
	struct fake_vsock_stream *s;

	fake->connects++;
	if (fake->connect_result < 0 && fake->connect_result != -EINPROGRESS)
		return fake->connect_result;
	s = new_stream(fake, port);
	s->connecting = fake->connect_result < 0;
	s->room = fake->connect_room;
	*ret_stream = &s->stream;
	return fake->connect_result;
}

static int fake_confirm(struct vsock_stream *stream, uint32_t host_port)
{
	struct fake_vsock_stream *s = to_stream(stream);

	must(!s->connecting && !s->confirmed && s->written == 0 && host_port);
	s->confirmed = host_port;
	return s->gone ? -EPIPE : 0;
}

/* What a read says if there are no bytes. */
static int read_end(const struct fake_vsock_stream *s)
{
	if (s->broken)
		return -ECONNRESET;
	return s->ended ? 0 : -EAGAIN;
}

static int fake_peek(struct vsock_stream *stream)
{
	const struct fake_vsock_stream *s = to_stream(stream);

	must(!s->connecting);
	return s->read < s->to_guest ? 1 : read_end(s);
}

static ssize_t fake_read(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov)
{
	struct fake_vsock_stream *s = to_stream(stream);
	uint32_t before = s->read;
	size_t room = 0;

	must(!s->connecting && !s->shut_read);
	for (unsigned i = 0; i < nr_iov; i++) {
		uint8_t *bytes = iov[i].iov_base;

		room += iov[i].iov_len;
		for (size_t at = 0; at < iov[i].iov_len && s->read < s->to_guest; at++)
			bytes[at] = (uint8_t)s->read++;
	}
	must(room);
	return s->read > before ? (ssize_t)(s->read - before) : read_end(s);
}

uint32_t fake_vsock_sum(uint32_t sum, uint32_t at, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < len; i++)
		sum += byte[i] * (2 * (at + (uint32_t)i) + 1);
	return sum;
}

static ssize_t fake_write(struct vsock_stream *stream, const struct iovec *iov, unsigned nr_iov)
{
	struct fake_vsock_stream *s = to_stream(stream);
	size_t all = 0, taken = 0;

	for (unsigned i = 0; i < nr_iov; i++)
		all += iov[i].iov_len;
	must(!s->connecting && !s->shut_write && all);
	if (s->gone)
		return -EPIPE;
	if (s->room == 0)
		return -EAGAIN;
	for (unsigned i = 0; i < nr_iov && s->room; i++) {
		uint32_t len = (uint32_t)MIN(iov[i].iov_len, s->room);

		s->sum = fake_vsock_sum(s->sum, s->written, iov[i].iov_base, len);
		s->written += len;
		s->room -= len;
		taken += len;
	}
	return (ssize_t)taken;
}

static void fake_shutdown(struct vsock_stream *stream, int how)
{
	struct fake_vsock_stream *s = to_stream(stream);

	must(!s->connecting && (how == SHUT_RD || how == SHUT_WR));
	must(how == SHUT_RD ? !s->shut_read : !s->shut_write);
	if (how == SHUT_RD)
		s->shut_read = true;
	else
		s->shut_write = true;
}

static void fake_close(struct vsock_stream *stream)
{
	struct fake_vsock_stream *s = to_stream(stream);

	s->open = false;
	s->fake->nr_open--;
	s->fake->closes++;
}

static void fake_set_ticking(struct vsock_host *host, bool on)
{
	must(to_fake(host)->ticking != on);
	to_fake(host)->ticking = on;
}

static void fake_wake(struct vsock_host *host)
{
	to_fake(host)->wakes++;
}

static void fake_destroy(struct vsock_host *host)
{
	must(to_fake(host)->nr_open == 0);
	to_fake(host)->destroyed++;
}

static const struct vsock_host_ops fake_ops = {
	.connect = fake_connect,
	.confirm = fake_confirm,
	.peek = fake_peek,
	.read = fake_read,
	.write = fake_write,
	.shutdown = fake_shutdown,
	.close = fake_close,
	.set_ticking = fake_set_ticking,
	.wake = fake_wake,
	.destroy = fake_destroy,
};

void fake_vsock_host_init(struct fake_vsock_host *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->host.ops = &fake_ops;
	fake->connect_room = UINT32_MAX;
}

struct fake_vsock_stream *fake_vsock_find(struct fake_vsock_host *fake, uint32_t port)
{
	for (unsigned i = 0; i < FAKE_VSOCK_STREAMS; i++)
		if (fake->streams[i].open && fake->streams[i].port == port)
			return &fake->streams[i];
	return NULL;
}

struct fake_vsock_stream *fake_vsock_request(struct fake_vsock_host *fake, uint32_t port)
{
	struct fake_vsock_stream *s = new_stream(fake, port);

	s->room = UINT32_MAX;
	if (fake->host.guest->request(fake->host.ctx, &s->stream, port) == 0)
		return s;
	s->open = false;
	fake->nr_open--;
	return NULL;
}

static void tell(struct fake_vsock_stream *s, unsigned events)
{
	if (s->open && (!s->connecting || events == VSOCK_REFUSED))
		s->fake->host.guest->ready(s->fake->host.ctx, &s->stream, events);
}

void fake_vsock_connected(struct fake_vsock_stream *stream, bool success)
{
	must(stream->connecting);
	if (success)
		stream->connecting = false;
	tell(stream, success ? VSOCK_CONNECTED : VSOCK_REFUSED);
}

void fake_vsock_send(struct fake_vsock_stream *stream, uint32_t len)
{
	if (stream->ended || stream->broken)
		return;
	stream->to_guest += len;
	tell(stream, VSOCK_READABLE);
}

void fake_vsock_take(struct fake_vsock_stream *stream, uint32_t len)
{
	stream->room = len > UINT32_MAX - stream->room ? UINT32_MAX : stream->room + len;
	tell(stream, VSOCK_WRITABLE);
}

void fake_vsock_end(struct fake_vsock_stream *stream)
{
	stream->ended = true;
	tell(stream, VSOCK_READABLE);
}

void fake_vsock_stop(struct fake_vsock_stream *stream)
{
	stream->gone = true;
}

void fake_vsock_hang_up(struct fake_vsock_stream *stream)
{
	stream->ended = stream->gone = true;
	tell(stream, VSOCK_READABLE | VSOCK_WRITABLE | VSOCK_HUNG_UP);
}

void fake_vsock_tick(struct fake_vsock_host *fake, unsigned count)
{
	for (; count && fake->ticking; count--)
		fake->host.guest->tick(fake->host.ctx);
}

void fake_vsock_woken(struct fake_vsock_host *fake)
{
	for (; fake->wakes; fake->wakes--)
		fake->host.guest->woken(fake->host.ctx);
}
