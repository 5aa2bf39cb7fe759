/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_nbd.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/support/must.h"

#define GREETING            UINT64_C(0x4e42444d41474943) /* NBDMAGIC */
#define OPTION              UINT64_C(0x49484156454f5054) /* IHAVEOPT */
#define OPTION_REPLY        UINT64_C(0x0003e889045565a9)
#define REQUEST             UINT32_C(0x25609513)
#define SIMPLE_REPLY        UINT32_C(0x67446698)
#define STRUCTURED_REPLY    UINT32_C(0x668e33ef)

#define HANDSHAKE_FLAGS     3 /* fixed newstyle, no zeroes */

#define NBD_OPT_ABORT       2u
#define NBD_OPT_GO          7u
#define NBD_REP_ACK         1u
#define NBD_REP_INFO        3u
#define NBD_REP_ERR_UNSUP   0x80000001u
#define NBD_REP_ERR_UNKNOWN 0x80000006u
#define NBD_INFO_EXPORT     0
#define NBD_INFO_BLOCK_SIZE 3

#define MAX_BATCH           256
#define GATHER_MS           2 /* to wait for the rest of a batch, which may not come */

struct __attribute__((packed)) option {
	uint64_t magic;
	uint32_t option, len;
};

struct __attribute__((packed)) option_reply {
	uint64_t magic;
	uint32_t option, type, len;
};

struct __attribute__((packed)) info_export {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
};

struct __attribute__((packed)) info_block_size {
	uint16_t type;
	uint32_t minimum, preferred, maximum;
};

struct __attribute__((packed)) request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t len;
};

struct __attribute__((packed)) reply {
	uint32_t magic, error;
	uint64_t cookie;
};

/* Return: is there something to read?  If not, the test ends or the time is over. */
static bool wait_readable(const struct fake_nbd *fake, int fd, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = fake->stop_fd, .events = POLLIN } };
	int r;

	do
		r = poll(fds, 2, timeout_ms);
	while (r < 0 && errno == EINTR);
	return r > 0 && fds[0].revents;
}

/* Return: false if the client has gone, or the test ends. */
static bool receive(const struct fake_nbd *fake, int fd, void *buf, size_t len)
{
	for (uint8_t *at = buf; len;) {
		ssize_t count;

		if (!wait_readable(fake, fd, -1))
			return false;
		count = recv(fd, at, len, 0);
		if (count <= 0)
			return false;
		at += count;
		len -= (size_t)count;
	}
	return true;
}

static bool answer(int fd, const void *buf, size_t len)
{
	for (const uint8_t *at = buf; len;) {
		ssize_t count = send(fd, at, len, MSG_NOSIGNAL);

		if (count <= 0)
			return false;
		at += count;
		len -= (size_t)count;
	}
	return true;
}

static bool answer_option(int fd, uint32_t option, uint32_t type, const void *data, size_t len)
{
	const struct option_reply reply = { htobe64(OPTION_REPLY), htobe32(option), htobe32(type),
					    htobe32((uint32_t)len) };

	return answer(fd, &reply, sizeof(reply)) && answer(fd, data, len);
}

static bool answer_go(const struct fake_nbd *fake, int fd)
{
	const struct fake_nbd_config *config = &fake->config;
	const struct info_export export = { htobe16(NBD_INFO_EXPORT),
					    htobe64(config->said_size ? config->said_size
								      : config->size),
					    htobe16((uint16_t)config->flags) };
	const struct info_block_size blocks = { htobe16(NBD_INFO_BLOCK_SIZE),
						htobe32(config->minimum),
						htobe32(config->preferred),
						htobe32(config->maximum) };

	if (config->fault == FAKE_NBD_NO_EXPORT)
		return answer_option(fd, NBD_OPT_GO, NBD_REP_ERR_UNKNOWN, NULL, 0);
	return answer_option(fd, NBD_OPT_GO, NBD_REP_INFO, &export, sizeof(export)) &&
	       (!config->minimum ||
		answer_option(fd, NBD_OPT_GO, NBD_REP_INFO, &blocks, sizeof(blocks))) &&
	       answer_option(fd, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
}

/* Return: has the client chosen the export? */
static bool shake_hands(const struct fake_nbd *fake, int fd)
{
	struct __attribute__((packed)) {
		uint64_t greeting, option;
		uint16_t flags;
	} greeting = { htobe64(GREETING), htobe64(OPTION), htobe16(HANDSHAKE_FLAGS) };
	struct option option;
	uint32_t flags;

	if (fake->config.fault == FAKE_NBD_HANG_UP_AT_ONCE)
		return false;
	if (fake->config.fault == FAKE_NBD_NO_GREETING) {
		(void)wait_readable(fake, -1, -1);
		return false;
	}
	if (fake->config.fault == FAKE_NBD_GARBAGE_GREETING)
		greeting.greeting = 0;
	if (!answer(fd, &greeting, sizeof(greeting)) || !receive(fake, fd, &flags, sizeof(flags)))
		return false;
	while (receive(fake, fd, &option, sizeof(option))) {
		uint32_t number = be32toh(option.option);
		char data[512];

		must(be64toh(option.magic) == OPTION && be32toh(option.len) <= sizeof(data));
		if (!receive(fake, fd, data, be32toh(option.len)))
			return false;
		if (number == NBD_OPT_GO && !answer_go(fake, fd))
			return false;
		if (number == NBD_OPT_GO && fake->config.fault != FAKE_NBD_NO_EXPORT)
			return true;
		if (number == NBD_OPT_ABORT)
			return false;
		if (number != NBD_OPT_GO && !answer_option(fd, number, NBD_REP_ERR_UNSUP, NULL, 0))
			return false;
	}
	return false;
}

/* Does the client keep to what the server said? */
static void check(const struct fake_nbd *fake, const struct fake_nbd_command *command)
{
	const struct fake_nbd_config *config = &fake->config;
	static const unsigned needs[] = {
		[NBD_CMD_FLUSH] = NBD_FLAG_SEND_FLUSH,
		[NBD_CMD_TRIM] = NBD_FLAG_SEND_TRIM,
		[NBD_CMD_WRITE_ZEROES] = NBD_FLAG_SEND_WRITE_ZEROES,
	};
	bool changes = command->kind != NBD_CMD_READ && command->kind != NBD_CMD_FLUSH;
	uint32_t block = config->minimum ? config->minimum : 1;

	must(command->kind < ARRAY_SIZE(needs));
	must((config->flags & needs[command->kind]) == needs[command->kind]);
	must(!changes || !(config->flags & NBD_FLAG_READ_ONLY));
	must(!(command->flags & NBD_CMD_FLAG_FUA) || (config->flags & NBD_FLAG_SEND_FUA));
	must(!(command->flags & NBD_CMD_FLAG_NO_HOLE) || command->kind == NBD_CMD_WRITE_ZEROES);
	if (command->kind == NBD_CMD_FLUSH) {
		must(command->offset == 0 && command->len == 0);
		return;
	}
	must(command->len && range_within(command->offset, command->len, 0, config->size));
	must(command->offset % block == 0 && command->len % block == 0);
	if (command->kind == NBD_CMD_READ || command->kind == NBD_CMD_WRITE)
		must(command->len <= (config->maximum ? config->maximum : MIB(32)));
}

/* Return: false at the client's good-bye, or if it has gone without. */
static bool take_command(struct fake_nbd *fake, int fd, struct fake_nbd_command *ret_command)
{
	struct request request;
	struct fake_nbd_command command;

	if (!receive(fake, fd, &request, sizeof(request)))
		return false;
	must(be32toh(request.magic) == REQUEST);
	command = (struct fake_nbd_command){
		.kind = be16toh(request.type),
		.flags = be16toh(request.flags),
		.cookie = be64toh(request.cookie),
		.offset = be64toh(request.offset),
		.len = be32toh(request.len),
	};
	if (command.kind == NBD_CMD_DISC) {
		SCOPED_LOCK(&fake->lock);
		fake->disconnects++;
		return false;
	}
	check(fake, &command);
	if (command.kind == NBD_CMD_WRITE &&
	    !receive(fake, fd, fake->bytes + command.offset, command.len))
		return false;
	*ret_command = command;
	return true;
}

static void erase(struct fake_nbd *fake, const struct fake_nbd_command *command)
{
	SCOPED_LOCK(&fake->lock);

	if (command->kind == NBD_CMD_TRIM)
		memset(fake->bytes + command->offset, 0xdd, command->len);
	if (command->kind == NBD_CMD_WRITE_ZEROES)
		memset(fake->bytes + command->offset, 0, command->len);
}

static bool answer_well(struct fake_nbd *fake, int fd, const struct fake_nbd_command *command,
			uint32_t error)
{
	const struct reply reply = { htobe32(SIMPLE_REPLY), htobe32(error),
				     htobe64(command->cookie) };

	if (error)
		return answer(fd, &reply, sizeof(reply));
	erase(fake, command);
	return answer(fd, &reply, sizeof(reply)) &&
	       (command->kind != NBD_CMD_READ ||
		answer(fd, fake->bytes + command->offset, command->len));
}

static void note(struct fake_nbd *fake, const struct fake_nbd_command *commands, unsigned count)
{
	SCOPED_LOCK(&fake->lock);

	fake->most = MAX(fake->most, count);
	for (unsigned i = 0; i < count && fake->nr_log < FAKE_NBD_LOG; i++)
		fake->log[fake->nr_log++] = commands[i];
}

/* Return: false to hang up. */
static bool answer_command(struct fake_nbd *fake, int fd, const struct fake_nbd_command *command)
{
	struct reply reply = { htobe32(SIMPLE_REPLY), 0, htobe64(command->cookie) };

	if (fake->config.good && fake->config.fault != FAKE_NBD_HONEST) {
		fake->config.good--;
		return answer_well(fake, fd, command, 0);
	}
	switch (fake->config.fault) {
	case FAKE_NBD_ERROR:
		return answer_well(fake, fd, command,
				   command->kind == fake->config.of ? fake->config.error : 0);
	case FAKE_NBD_SILENT: return true;
	case FAKE_NBD_HANG_UP: return false;
	case FAKE_NBD_HANG_UP_IN_DATA:
		(void)answer(fd, &reply, sizeof(reply));
		(void)answer(fd, fake->bytes, command->len / 2);
		return false;
	case FAKE_NBD_GARBAGE: reply.magic = 0; break;
	case FAKE_NBD_OTHER_COOKIE: reply.cookie = ~reply.cookie; break;
	case FAKE_NBD_STRUCTURED: reply.magic = htobe32(STRUCTURED_REPLY); break;
	case FAKE_NBD_TWICE: (void)answer_well(fake, fd, command, 0); break;
	default: return answer_well(fake, fd, command, 0);
	}
	/* What follows is for the client to do: to hang up. */
	return answer(fd, &reply, sizeof(reply));
}

static void serve(struct fake_nbd *fake, int fd)
{
	static const struct fake_nbd_command unasked = { .kind = NBD_CMD_FLUSH, .cookie = 1 };
	struct fake_nbd_command commands[MAX_BATCH];
	unsigned at_least = MAX(fake->config.at_least, 1u);
	unsigned batch = MAX(fake->config.batch, at_least), count;

	must(batch <= MAX_BATCH);
	if (fake->config.fault == FAKE_NBD_UNASKED)
		(void)answer_well(fake, fd, &unasked, 0);
	for (;;) {
		for (count = 0; count < batch; count++)
			if ((count >= at_least && !wait_readable(fake, fd, GATHER_MS)) ||
			    !take_command(fake, fd, &commands[count]))
				break;
		if (count == 0)
			return;
		note(fake, commands, count);
		while (count--)
			if (!answer_command(fake, fd, &commands[count]))
				return;
	}
}

static void *run(void *ctx)
{
	struct fake_nbd *fake = ctx;

	while (wait_readable(fake, fake->listen_fd, -1)) {
		int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		must(fd >= 0);
		if (shake_hands(fake, fd))
			serve(fake, fd);
		(void)close(fd);
	}
	return NULL;
}

static void listen_on(struct fake_nbd *fake, const void *address, socklen_t len)
{
	const struct sockaddr *generic = address;

	fake->listen_fd = socket(generic->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fake->listen_fd >= 0);
	must(bind(fake->listen_fd, generic, len) == 0);
	must(listen(fake->listen_fd, 1) == 0);
}

static void listen_tcp(struct fake_nbd *fake)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	listen_on(fake, &address, len);
	must(getsockname(fake->listen_fd, (struct sockaddr *)&address, &len) == 0);
	(void)snprintf(fake->uri, sizeof(fake->uri), "nbd://127.0.0.1:%u/",
		       ntohs(address.sin_port));
}

static void listen_unix(struct fake_nbd *fake)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(fake->dir, sizeof(fake->dir), "/tmp/fake_nbd.XXXXXX");
	must(mkdtemp(fake->dir));
	(void)snprintf(fake->socket, sizeof(fake->socket), "%s/socket", fake->dir);
	(void)snprintf(fake->uri, sizeof(fake->uri), "nbd+unix:///?socket=%s", fake->socket);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake->socket);
	listen_on(fake, &address, sizeof(address));
}

void fake_nbd_start(struct fake_nbd *fake, const struct fake_nbd_config *config)
{
	memset(fake, 0, sizeof(*fake));
	fake->config = *config;
	(void)pthread_mutex_init(&fake->lock, NULL);
	fake->bytes = malloc(config->size + 1);
	must(fake->bytes);
	for (size_t i = 0; i < config->size; i++)
		fake->bytes[i] = (uint8_t)(i / 512 + 1);
	fake->stop_fd = eventfd(0, EFD_CLOEXEC);
	must(fake->stop_fd >= 0);
	if (config->tcp)
		listen_tcp(fake);
	else
		listen_unix(fake);
	must(pthread_create(&fake->thread, NULL, run, fake) == 0);
}

unsigned fake_nbd_count(struct fake_nbd *fake, enum nbd_cmd kind)
{
	unsigned count = 0;
	SCOPED_LOCK(&fake->lock);

	for (unsigned i = 0; i < fake->nr_log; i++)
		count += fake->log[i].kind == kind;
	return count;
}

struct fake_nbd_command fake_nbd_command(struct fake_nbd *fake, unsigned i)
{
	SCOPED_LOCK(&fake->lock);

	must(i < fake->nr_log);
	return fake->log[i];
}

void fake_nbd_forget(struct fake_nbd *fake)
{
	SCOPED_LOCK(&fake->lock);

	fake->nr_log = 0;
}

uint8_t fake_nbd_byte(struct fake_nbd *fake, uint64_t offset)
{
	SCOPED_LOCK(&fake->lock);

	must(offset < fake->config.size);
	return fake->bytes[offset];
}

void fake_nbd_stop(struct fake_nbd *fake)
{
	must(eventfd_write(fake->stop_fd, 1) == 0);
	must(pthread_join(fake->thread, NULL) == 0);
	(void)close(fake->listen_fd);
	(void)close(fake->stop_fd);
	if (!fake->config.tcp)
		must(unlink(fake->socket) == 0 && rmdir(fake->dir) == 0);
}

void fake_nbd_free(struct fake_nbd *fake)
{
	(void)pthread_mutex_destroy(&fake->lock);
	free(fake->bytes);
}
