/* SPDX-License-Identifier: MIT */
#include "tests/support/mock_vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "devices/virtio/spec.h"
#include "tests/support/must.h"

#define CHAIN_MAX  65536
#define ANSWER_LEN 8 /* all that there are */

struct message {
	struct vhost_user_header header;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_user_memory memory;
	} payload;
	int fds[VHOST_USER_MAX_FDS];
	unsigned nr_fds;
};

void mock_vhost_init(struct mock_vhost *mock)
{
	memset(mock, 0, sizeof(*mock));
	mock->features = VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_INDIRECT |
			 VHOST_USER_F_PROTOCOL_FEATURES;
	mock->protocol = VHOST_USER_PROTOCOL_MQ | VHOST_USER_PROTOCOL_REPLY_ACK | UINT64_C(0x8c20);
	mock->queues = MOCK_VHOST_RINGS;
	for (unsigned i = 0; i < MOCK_VHOST_RINGS; i++)
		mock->rings[i].kick = mock->rings[i].call = -1;
}

/* ---- rings ---- */

/* Where a range is mapped here; by the address that the front-end, or the guest, has for it. */
static void *translate(const struct mock_vhost *mock, uint64_t addr, uint64_t len, bool is_gpa)
{
	for (unsigned i = 0; i < mock->memory.count; i++) {
		const struct vhost_user_region *region = &mock->memory.regions[i];
		uint64_t base = is_gpa ? region->gpa : region->hva;

		if (range_within(addr, len, base, region->size))
			return (uint8_t *)mock->mapped[i] + region->offset + (addr - base);
	}
	return NULL;
}

static uint32_t echo_chain(const struct mock_vhost *mock, const struct vring_desc *table,
			   uint16_t head, unsigned size)
{
	static __thread uint8_t bytes[CHAIN_MAX];
	uint32_t have = 0, done = 0;
	uint16_t at = head;

	for (unsigned i = 0; i < size && at < size; i++) {
		const struct vring_desc desc = table[at];
		uint8_t *host = translate(mock, desc.addr, desc.len, true);
		uint32_t n;

		must(host);
		if (desc.flags & VRING_DESC_F_WRITE) {
			n = MIN(desc.len, have - done);
			memcpy(host, bytes + done, n);
			done += n;
		} else {
			n = MIN(desc.len, CHAIN_MAX - have);
			memcpy(bytes + have, host, n);
			have += n;
		}
		if (!(desc.flags & VRING_DESC_F_NEXT))
			break;
		at = desc.next;
	}
	return done;
}

/* Are all areas of the ring where they can be used? */
static void check_ring(const struct mock_vhost *mock, const struct mock_vhost_ring *ring)
{
	const struct vhost_vring_addr *addr = &ring->addr;
	uint64_t num = ring->num;

	must(num && num <= 256 && (num & (num - 1)) == 0);
	must(translate(mock, addr->desc_user_addr, 16 * num, false));
	must(translate(mock, addr->avail_user_addr, 6 + 2 * num, false));
	must(translate(mock, addr->used_user_addr, 6 + 8 * num, false));
}

static void serve(struct mock_vhost *mock, struct mock_vhost_ring *ring)
{
	const struct vring_desc *table = translate(mock, ring->addr.desc_user_addr,
						   sizeof(*table) * (uint64_t)ring->num, false);
	const struct vring_avail *avail = translate(mock, ring->addr.avail_user_addr, 4, false);
	struct vring_used *used = translate(mock, ring->addr.used_user_addr, 4, false);
	const uint64_t one = 1;
	bool any = false;

	must(table && avail && used && ring->num);
	while (ring->last_avail != __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE)) {
		uint16_t head = avail->ring[ring->last_avail++ % ring->num];
		struct vring_used_elem *elem = &used->ring[used->idx % ring->num];

		elem->len = echo_chain(mock, table, head, ring->num);
		elem->id = head;
		__atomic_store_n(&used->idx, (uint16_t)(used->idx + 1), __ATOMIC_RELEASE);
		any = true;
	}
	if (any)
		must(write(ring->call, &one, sizeof(one)) == sizeof(one));
}

/* ---- messages ---- */

/* Return: false at the end of the connection. */
static bool receive(const struct mock_vhost *mock, struct message *message)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(message->fds))];
	struct iovec iov = { .iov_base = &message->header, .iov_len = sizeof(message->header) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const struct cmsghdr *cmsg;
	ssize_t n = recvmsg(mock->socket, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);

	message->nr_fds = 0;
	if (n != (ssize_t)sizeof(message->header))
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg) {
		message->nr_fds = (unsigned)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(message->fds, CMSG_DATA(cmsg), message->nr_fds * sizeof(int));
	}
	must(message->header.size <= sizeof(message->payload));
	n = message->header.size == 0
		    ? 0
		    : recv(mock->socket, &message->payload, message->header.size, MSG_WAITALL);
	return n == (ssize_t)message->header.size;
}

static void send_all(const struct mock_vhost *mock, const void *bytes, size_t len)
{
	/* The front-end may have gone. */
	(void)!send(mock->socket, bytes, len, MSG_NOSIGNAL);
}

static void send_with_fd(const struct mock_vhost *mock, const void *bytes, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &mock->socket, sizeof(int));
	(void)!sendmsg(mock->socket, &msg, MSG_NOSIGNAL);
}

/* Return: false to hang up. */
static bool spoil(struct mock_vhost *mock, struct vhost_user_header header, const void *payload)
{
	uint8_t bytes[sizeof(header) + sizeof(struct vhost_user_memory) + 1] = { 0 };
	size_t len = sizeof(header) + header.size;

	switch (mock->fault) {
	case MOCK_VHOST_HANG_UP: return false;
	case MOCK_VHOST_SILENT: mock->silent = true; return true;
	case MOCK_VHOST_OTHER_TYPE: header.type++; break;
	case MOCK_VHOST_LONGER:
		header.size++;
		len++;
		break;
	case MOCK_VHOST_SHORTER:
		header.size--;
		len--;
		break;
	case MOCK_VHOST_ENDLESS: header.size = UINT32_MAX; break;
	case MOCK_VHOST_NO_REPLY_FLAG: header.flags &= ~VHOST_USER_REPLY; break;
	case MOCK_VHOST_OTHER_VERSION: header.flags ^= VHOST_USER_VERSION_MASK; break;
	default: break;
	}
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, ANSWER_LEN);
	if (mock->fault == MOCK_VHOST_HALF_HEADER)
		len = 5;
	else if (mock->fault == MOCK_VHOST_HALF_PAYLOAD)
		len -= 3;
	if (mock->fault == MOCK_VHOST_WITH_FD)
		send_with_fd(mock, bytes, len);
	else
		send_all(mock, bytes, len);
	return mock->fault != MOCK_VHOST_HALF_HEADER && mock->fault != MOCK_VHOST_HALF_PAYLOAD;
}

static bool answer(struct mock_vhost *mock, const struct message *message, const void *payload)
{
	const struct vhost_user_header header = { .type = message->header.type,
						  .flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
						  .size = ANSWER_LEN };
	uint8_t bytes[sizeof(header) + ANSWER_LEN];

	if (mock->fault && (uint32_t)mock->fault_at == header.type)
		return spoil(mock, header, payload);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, ANSWER_LEN);
	send_all(mock, bytes, sizeof(bytes));
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void forget_memory(struct mock_vhost *mock)
{
	for (unsigned i = 0; i < mock->memory.count; i++) {
		const struct vhost_user_region *region = &mock->memory.regions[i];

		must(munmap(mock->mapped[i], region->offset + region->size) == 0);
	}
	mock->memory.count = 0;
}

static void take_memory(struct mock_vhost *mock, struct message *message)
{
	forget_memory(mock);
	must(message->payload.memory.count == message->nr_fds);
	mock->tables++;
	mock->memory = message->payload.memory;
	for (unsigned i = 0; i < message->nr_fds; i++) {
		const struct vhost_user_region *region = &mock->memory.regions[i];

		mock->mapped[i] = mmap(NULL, region->offset + region->size, PROT_READ | PROT_WRITE,
				       MAP_SHARED, message->fds[i], 0);
		must(mock->mapped[i] != MAP_FAILED);
		close_fd(&message->fds[i]);
	}
	message->nr_fds = 0;
}

/* Takes the one descriptor that the message came with. */
static int take_fd(struct mock_vhost *mock, struct message *message)
{
	if (message->nr_fds != 1) {
		mock->bad_messages++;
		return -1;
	}
	message->nr_fds = 0;
	/* The flag is not the descriptor's: it is that of all who have the eventfd. */
	if (mock->blocks_eventfds)
		must(fcntl(message->fds[0], F_SETFL, 0) == 0);
	return message->fds[0];
}

static bool stop_ring(struct mock_vhost *mock, const struct message *message,
		      struct mock_vhost_ring *ring)
{
	struct vhost_vring_state state = { .index = message->payload.state.index,
					   .num = ring->last_avail };

	/* As virtiofsd, which ends itself over this. */
	if (!ring->started)
		mock->bad_messages++;
	ring->started = false;
	ring->stops++;
	close_fd(&ring->kick);
	close_fd(&ring->call);
	if (mock->fault == MOCK_VHOST_BAD_VALUE && mock->fault_at == VHOST_USER_GET_VRING_BASE)
		state.index ^= 1;
	return answer(mock, message, &state);
}

static struct mock_vhost_ring *ring_of(struct mock_vhost *mock, uint64_t index)
{
	must(index < MOCK_VHOST_RINGS);
	return &mock->rings[index];
}

static void note_ring(struct mock_vhost *mock, struct message *message)
{
	struct mock_vhost_ring *ring = ring_of(mock, message->payload.state.index);

	switch ((enum vhost_user_type)message->header.type) {
	case VHOST_USER_SET_VRING_NUM: ring->num = message->payload.state.num; break;
	case VHOST_USER_SET_VRING_BASE:
		ring->base = message->payload.state.num;
		ring->last_avail = (uint16_t)ring->base;
		break;
	case VHOST_USER_SET_VRING_ENABLE: ring->enabled = message->payload.state.num; break;
	case VHOST_USER_SET_VRING_ADDR: ring->addr = message->payload.addr; break;
	case VHOST_USER_SET_VRING_CALL:
		close_fd(&ring->call);
		ring->call = take_fd(mock, message);
		break;
	case VHOST_USER_SET_VRING_KICK:
		if (ring->started)
			mock->bad_messages++;
		close_fd(&ring->kick);
		ring->kick = take_fd(mock, message);
		if (mock->idle)
			check_ring(mock, ring);
		ring->started = true;
		ring->starts++;
		break;
	default: mock->bad_messages++; break;
	}
}

/* Return: false to hang up. */
static bool handle(struct mock_vhost *mock, struct message *message)
{
	uint64_t ack = 0;

	switch ((enum vhost_user_type)message->header.type) {
	case VHOST_USER_GET_FEATURES: return answer(mock, message, &mock->features);
	case VHOST_USER_GET_PROTOCOL_FEATURES: return answer(mock, message, &mock->protocol);
	case VHOST_USER_GET_QUEUE_NUM: return answer(mock, message, &mock->queues);
	case VHOST_USER_GET_VRING_BASE:
		return stop_ring(mock, message, ring_of(mock, message->payload.state.index));
	case VHOST_USER_SET_FEATURES: mock->chosen_features = message->payload.u64; break;
	case VHOST_USER_SET_PROTOCOL_FEATURES: mock->chosen_protocol = message->payload.u64; break;
	case VHOST_USER_SET_OWNER: mock->owners++; break;
	case VHOST_USER_SET_MEM_TABLE: take_memory(mock, message); break;
	default: note_ring(mock, message); break;
	}
	if (!(message->header.flags & VHOST_USER_NEED_REPLY))
		return true;
	if (!(mock->chosen_protocol & VHOST_USER_PROTOCOL_REPLY_ACK))
		mock->bad_messages++;
	if (mock->fault == MOCK_VHOST_BAD_VALUE && (uint32_t)mock->fault_at == message->header.type)
		ack = 1;
	return answer(mock, message, &ack);
}

static bool handle_message(struct mock_vhost *mock)
{
	struct message message;
	bool more = receive(mock, &message);

	if (more && !mock->silent) {
		SCOPED_LOCK(&mock->lock);

		more = handle(mock, &message);
	}
	for (unsigned i = 0; i < message.nr_fds; i++) {
		mock->bad_messages++;
		(void)close(message.fds[i]);
	}
	return more;
}

static void handle_kick(struct mock_vhost *mock, struct mock_vhost_ring *ring)
{
	uint64_t count;
	SCOPED_LOCK(&mock->lock);

	if (read(ring->kick, &count, sizeof(count)) == sizeof(count) && ring->enabled &&
	    !mock->idle)
		serve(mock, ring);
}

static void *run(void *ctx)
{
	struct mock_vhost *mock = ctx;
	bool more = true;

	while (more) {
		struct pollfd fds[2 + MOCK_VHOST_RINGS] = {
			{ .fd = mock->quit, .events = POLLIN },
			{ .fd = mock->socket, .events = POLLIN },
		};

		for (unsigned i = 0; i < MOCK_VHOST_RINGS; i++)
			fds[2 + i] = (struct pollfd){ .fd = mock->rings[i].kick, .events = POLLIN };
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			break;
		/* Before a message, which may say to stop. */
		for (unsigned i = 0; i < MOCK_VHOST_RINGS; i++)
			if (fds[2 + i].revents)
				handle_kick(mock, &mock->rings[i]);
		if (fds[1].revents)
			more = handle_message(mock);
	}
	for (unsigned i = 0; i < MOCK_VHOST_RINGS; i++) {
		close_fd(&mock->rings[i].kick);
		close_fd(&mock->rings[i].call);
	}
	(void)shutdown(mock->socket, SHUT_RDWR);
	return NULL;
}

void mock_vhost_start(struct mock_vhost *mock)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	mock->front = pair[0];
	mock->socket = pair[1];
	mock->quit = eventfd(0, EFD_CLOEXEC);
	must(mock->quit >= 0);
	must(pthread_mutex_init(&mock->lock, NULL) == 0);
	must(pthread_create(&mock->thread, NULL, run, mock) == 0);
	mock->running = true;
}

void mock_vhost_stop(struct mock_vhost *mock)
{
	const uint64_t one = 1;

	if (!mock->running)
		return;
	mock->running = false;
	must(write(mock->quit, &one, sizeof(one)) == sizeof(one));
	must(pthread_join(mock->thread, NULL) == 0);
	forget_memory(mock);
	(void)close(mock->quit);
	(void)close(mock->socket);
	(void)pthread_mutex_destroy(&mock->lock);
}

void mock_vhost_say(struct mock_vhost *mock, const void *bytes, size_t len)
{
	send_all(mock, bytes, len);
}
