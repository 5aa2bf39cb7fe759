/* SPDX-License-Identifier: MIT */
#include "devices/backend/vhost_user.h"

#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "devices/backend/vhost_user_wire.h"
#include "devices/virtio/spec.h"

/* Of protocol features, what we have a use for. */
#define WANTED_PROTOCOL   (VHOST_USER_PROTOCOL_MQ | VHOST_USER_PROTOCOL_REPLY_ACK)

/* Both indexes of a packed ring at 0, both wrap counters at 1 (2.8.1). */
#define PACKED_RING_START 0x80008000u

struct vhost_user {
	int socket;
	unsigned timeout_ms;
	uint64_t features; /* of the back-end, with VHOST_USER_F_PROTOCOL_FEATURES */
	uint64_t protocol; /* protocol features that both sides have */
	int error;         /* 0, or why the connection is broken */
};

const char *vhost_user_strerror(int error)
{
	switch (error) {
	case -ECONNRESET: return "it hung up";
	case -ETIMEDOUT: return "it does not answer";
	case -EPROTO: return "it does not keep to the vhost-user protocol";
	case -EREMOTEIO: return "it refuses what it was told";
	default: return strerror(-error);
	}
}

int vhost_user_error(const struct vhost_user *front)
{
	return front->error;
}

void vhost_user_fail(struct vhost_user *front, int cause)
{
	if (front->error)
		return;
	front->error = cause;
	(void)shutdown(front->socket, SHUT_RDWR);
}

/* Sends a request that is answered by @size bytes. */
static int ask(struct vhost_user *front, const struct vhost_user_request *request,
	       void *ret_payload, uint32_t size)
{
	int64_t deadline = vhost_user_deadline(front->timeout_ms);
	int r;

	if (front->error)
		return -EIO;
	r = vhost_user_send(front->socket, request, deadline);
	if (r == 0)
		r = vhost_user_receive(front->socket, request->type, ret_payload, size, deadline);
	if (r < 0)
		vhost_user_fail(front, r);
	return r;
}

static int ask_u64(struct vhost_user *front, enum vhost_user_type type, uint64_t *ret_value)
{
	const struct vhost_user_request request = { .type = type };

	return ask(front, &request, ret_value, sizeof(*ret_value));
}

/* Sends a request that is not answered, unless with whether it was carried out. */
static int tell(struct vhost_user *front, struct vhost_user_request request)
{
	uint64_t refused = 0;
	int r;

	if (front->error)
		return -EIO;
	if (front->protocol & VHOST_USER_PROTOCOL_REPLY_ACK) {
		request.need_reply = true;
		r = ask(front, &request, &refused, sizeof(refused));
	} else {
		r = vhost_user_send(front->socket, &request,
				    vhost_user_deadline(front->timeout_ms));
	}
	if (r == 0 && refused)
		r = -EREMOTEIO;
	if (r < 0)
		vhost_user_fail(front, r);
	return r;
}

static int tell_u64(struct vhost_user *front, enum vhost_user_type type, uint64_t value)
{
	return tell(front, (struct vhost_user_request){
				   .type = type, .payload = &value, .size = sizeof(value) });
}

static int tell_state(struct vhost_user *front, enum vhost_user_type type, unsigned index,
		      uint32_t num)
{
	const struct vhost_vring_state state = { .index = index, .num = num };

	return tell(front, (struct vhost_user_request){
				   .type = type, .payload = &state, .size = sizeof(state) });
}

/* The upper bits of the payload stay clear: there is a descriptor. */
static int tell_fd(struct vhost_user *front, enum vhost_user_type type, uint64_t index, int fd)
{
	return tell(front, (struct vhost_user_request){ .type = type,
							.payload = &index,
							.size = sizeof(index),
							.fds = &fd,
							.nr_fds = 1 });
}

static int share_memory(struct vhost_user *front, const struct guest_mem *mem)
{
	struct vhost_user_memory table = { .count = mem->nr_regions };
	int fds[VHOST_USER_MAX_FDS];

	_Static_assert(GUEST_MEM_MAX_REGIONS <= VHOST_USER_MAX_REGIONS, "all of them fit");
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_mem_region *region = &mem->regions[i];

		if (region->fd < 0)
			return -EBADF;
		table.regions[i] = (struct vhost_user_region){ .gpa = region->gpa,
							       .size = region->size,
							       .hva = (uintptr_t)region->hva,
							       .offset = region->fd_offset };
		fds[i] = region->fd;
	}
	return tell(front, (struct vhost_user_request){
				   .type = VHOST_USER_SET_MEM_TABLE,
				   .payload = &table,
				   .size = (uint32_t)(offsetof(struct vhost_user_memory, regions) +
						      mem->nr_regions * sizeof(*table.regions)),
				   .fds = fds,
				   .nr_fds = mem->nr_regions });
}

static int agree_on_protocol(struct vhost_user *front)
{
	uint64_t theirs;
	int r;

	if (!(front->features & VHOST_USER_F_PROTOCOL_FEATURES))
		return 0;
	r = ask_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &theirs);
	if (r < 0)
		return r;
	/* This one itself is not acknowledged yet. */
	r = tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, theirs & WANTED_PROTOCOL);
	if (r == 0)
		front->protocol = theirs & WANTED_PROTOCOL;
	return r;
}

static int negotiate(struct vhost_user *front, const struct vhost_user_config *config,
		     struct error *error)
{
	/* Who cannot say how many has them. */
	uint64_t queues = config->nr_queues;
	int r;

	r = ask_u64(front, VHOST_USER_GET_FEATURES, &front->features);
	if (r == 0)
		r = agree_on_protocol(front);
	if (r == 0)
		r = tell(front, (struct vhost_user_request){ .type = VHOST_USER_SET_OWNER });
	if (r == 0 && (front->protocol & VHOST_USER_PROTOCOL_MQ))
		r = ask_u64(front, VHOST_USER_GET_QUEUE_NUM, &queues);
	if (r < 0)
		return error_set(error, r, "%s", vhost_user_strerror(r));
	if (!(front->features & VIRTIO_FEATURE_VERSION_1))
		return error_set(error, -EOPNOTSUPP, "it does not know virtio 1");
	if (queues < config->nr_queues)
		return error_set(error, -EOPNOTSUPP, "it serves %llu queues, not %u",
				 (unsigned long long)queues, config->nr_queues);
	r = share_memory(front, config->mem);
	return r < 0 ? error_set(error, r, "%s", vhost_user_strerror(r)) : 0;
}

int vhost_user_connect(const struct vhost_user_config *config, struct vhost_user **ret_front,
		       struct error *error)
{
	_cleanup_free_ struct vhost_user *front = calloc(1, sizeof(*front));
	int r;

	if (!front)
		return error_set(error, -ENOMEM, "%s", strerror(ENOMEM));
	front->socket = config->socket;
	front->timeout_ms = config->timeout_ms;
	r = negotiate(front, config, error);
	if (r < 0)
		return r;
	*ret_front = TAKE_PTR(front);
	return 0;
}

void vhost_user_close(struct vhost_user *front)
{
	if (!front)
		return;
	(void)close(front->socket);
	free(front);
}

uint64_t vhost_user_features(const struct vhost_user *front)
{
	return front->features & ~VHOST_USER_F_PROTOCOL_FEATURES;
}

int vhost_user_socket(const struct vhost_user *front)
{
	return front->socket;
}

int vhost_user_set_features(struct vhost_user *front, uint64_t features)
{
	return tell_u64(front, VHOST_USER_SET_FEATURES,
			(features | VHOST_USER_F_PROTOCOL_FEATURES) & front->features);
}

int vhost_user_start_ring(struct vhost_user *front, const struct vhost_user_ring *ring)
{
	const struct vhost_vring_addr addr = {
		.index = ring->index,
		.desc_user_addr = (uintptr_t)ring->desc,
		.avail_user_addr = (uintptr_t)ring->driver,
		.used_user_addr = (uintptr_t)ring->device,
	};
	int r;

	r = tell_state(front, VHOST_USER_SET_VRING_NUM, ring->index, ring->size);
	if (r == 0)
		r = tell_state(front, VHOST_USER_SET_VRING_BASE, ring->index,
			       ring->packed ? PACKED_RING_START : 0);
	if (r == 0)
		r = tell(front, (struct vhost_user_request){ .type = VHOST_USER_SET_VRING_ADDR,
							     .payload = &addr,
							     .size = sizeof(addr) });
	if (r == 0)
		r = tell_fd(front, VHOST_USER_SET_VRING_CALL, ring->index, ring->call);
	/* Without protocol features rings are enabled from the start. */
	if (r == 0 && (front->features & VHOST_USER_F_PROTOCOL_FEATURES))
		r = tell_state(front, VHOST_USER_SET_VRING_ENABLE, ring->index, 1);
	/* Last, for some begin to take chains with this message already. */
	if (r == 0)
		r = tell_fd(front, VHOST_USER_SET_VRING_KICK, ring->index, ring->kick);
	return r;
}

int vhost_user_stop_ring(struct vhost_user *front, unsigned index)
{
	struct vhost_vring_state state = { .index = index };
	const struct vhost_user_request request = { .type = VHOST_USER_GET_VRING_BASE,
						    .payload = &state,
						    .size = sizeof(state) };
	struct vhost_vring_state stopped;
	int r = ask(front, &request, &stopped, sizeof(stopped));

	if (r == 0 && stopped.index != index) {
		r = -EPROTO;
		vhost_user_fail(front, r);
	}
	return r;
}
