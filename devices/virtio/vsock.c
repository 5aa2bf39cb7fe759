/* SPDX-License-Identifier: MIT */
/*
 * The socket device (5.10): its queues, and packets as such.  What they mean to a connection is in
 * vsock_conn.c, where connections lead on the host in a vsock_host.
 *
 *     tx: queue_ready -> check -> connection -> host side      (the loop's thread)
 *     rx: host side, time, tx -> connection -> deliver         (the loop's thread)
 *
 * Threads: as virtio.h says.  Owns the host side.
 *
 * The two queues must not wait for each other (5.10.6.1): a packet to be sent is a bit of its
 * connection, and those that belong to none are kept in `replies`.  When these are full, no packet
 * is taken from tx until the driver has taken some from rx.
 */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/vsock_conn.h"

_Static_assert(VIRTIO_VSOCK_CID_MIN == VSOCK_CID_GUEST_MIN &&
		       VIRTIO_VSOCK_CID_MAX == VSOCK_CID_GUEST_MAX,
	       "as in 5.10.4");

#define VSOCK_QUEUE_SIZE 256
#define MAX_REPLIES      64u

/* The loop's thread has other work, too: so much at once for the guest. */
#define MAX_RX_BYTES     MIB(1)

struct virtio_vsock {
	struct virtio_dev vdev;
	struct virtio_vsock_config config;
	struct vsock_host *host;
	struct vsock_table table;
	struct virtio_vsock_hdr replies[MAX_REPLIES]; /* a ring; to packets without a connection */
	unsigned first_reply, nr_replies;
	bool tx_waits; /* for room in `replies` */
};

static struct virtio_vsock *to_vsock(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_vsock, vdev);
}

/* Return: NULL if there is no such operation. */
static const char *operation_name(unsigned op)
{
	static const char *const names[] = {
		[VIRTIO_VSOCK_OP_REQUEST] = "REQUEST",
		[VIRTIO_VSOCK_OP_RESPONSE] = "RESPONSE",
		[VIRTIO_VSOCK_OP_RST] = "RST",
		[VIRTIO_VSOCK_OP_SHUTDOWN] = "SHUTDOWN",
		[VIRTIO_VSOCK_OP_RW] = "RW",
		[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = "CREDIT_UPDATE",
		[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = "CREDIT_REQUEST",
	};

	return op < ARRAY_SIZE(names) ? names[op] : NULL;
}

static void trace_packet(const struct virtio_vsock *vsock, unsigned q,
			 const struct virtq_chain *chain, const struct virtio_vsock_hdr *hdr)
{
	const char *operation = operation_name(hdr->op);
	bool to_guest = q == VSOCK_RX_QUEUE;

	trace_vsock_packet(vsock->vdev.name, q, chain->seq, operation ? operation : "none",
			   to_guest ? hdr->dst_port : hdr->src_port,
			   to_guest ? hdr->src_port : hdr->dst_port, hdr->len, hdr->flags,
			   hdr->buf_alloc, hdr->fwd_cnt);
}

static void finding(const struct virtio_vsock *vsock, unsigned q, enum virtio_rule rule,
		    uint64_t detail)
{
	virtio_finding(vsock->vdev.name, q, rule, detail);
}

/* ---- rx: to the guest ---- */

static bool has_packet(struct virtio_vsock *vsock)
{
	return vsock->nr_replies || vsock_conn_has_packet(&vsock->table);
}

static bool next_packet(struct virtio_vsock *vsock, const struct virtq_chain *chain,
			struct virtio_vsock_hdr *ret_hdr)
{
	if (vsock->nr_replies == 0)
		return vsock_conn_next_packet(&vsock->table, chain, ret_hdr);
	*ret_hdr = vsock->replies[vsock->first_reply];
	vsock->first_reply = (vsock->first_reply + 1) % MAX_REPLIES;
	vsock->nr_replies--;
	return true;
}

/* Return: bytes of the guest's memory that were used; or as virtqueue_pop(). */
static int deliver_one(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = virtio_dev_queue(&vsock->vdev, VSOCK_RX_QUEUE);
	struct virtio_vsock_hdr hdr;
	struct virtq_chain chain;
	int r = virtqueue_pop(vq, &chain);

	if (r <= 0)
		return r;
	if (chain.out_len)
		finding(vsock, VSOCK_RX_QUEUE, VIRTIO_RULE_VSOCK_BUFFER, chain.out_len);
	if (chain.in_len <= VSOCK_HDR_LEN) {
		finding(vsock, VSOCK_RX_QUEUE, VIRTIO_RULE_VSOCK_BUFFER, chain.in_len);
		virtqueue_push(vq, &chain, 0);
		return VSOCK_HDR_LEN;
	}
	if (!next_packet(vsock, &chain, &hdr)) {
		/* A stream had less than it said. */
		virtqueue_undo_pop(vq, &chain);
		return 0;
	}
	(void)virtq_chain_write(&chain, 0, &hdr, sizeof(hdr));
	trace_packet(vsock, VSOCK_RX_QUEUE, &chain, &hdr);
	virtqueue_push(vq, &chain, VSOCK_HDR_LEN + hdr.len);
	return (int)(VSOCK_HDR_LEN + hdr.len);
}

/* Sends what there is for the guest, as far as there are buffers. */
static void deliver(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = virtio_dev_queue(&vsock->vdev, VSOCK_RX_QUEUE);
	uint64_t bytes = 0;
	int r;

	virtqueue_start_batch(vq);
	do {
		r = 0;
		virtqueue_disable_notify(vq);
		while (has_packet(vsock) && bytes < MAX_RX_BYTES && (r = deliver_one(vsock)) > 0)
			bytes += (unsigned)r;
	} while (r == 0 && has_packet(vsock) && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(&vsock->vdev, VSOCK_RX_QUEUE);
	if (virtqueue_batch_ended(vq) || (bytes >= MAX_RX_BYTES && has_packet(vsock)))
		virtio_dev_again(&vsock->vdev, VSOCK_RX_QUEUE);
	if (vsock->tx_waits && vsock->nr_replies < MAX_REPLIES) {
		vsock->tx_waits = false;
		virtio_dev_again(&vsock->vdev, VSOCK_TX_QUEUE);
	}
}

/* ---- tx: from the guest ---- */

/* 5.10.6.5: nobody is there, or nobody who understands; an RST itself has no answer. */
static void reply_reset(struct virtio_vsock *vsock, const struct virtio_vsock_hdr *hdr)
{
	unsigned at = (vsock->first_reply + vsock->nr_replies) % MAX_REPLIES;

	if (hdr->op == VIRTIO_VSOCK_OP_RST)
		return;
	vsock->nr_replies++;
	vsock->replies[at] = (struct virtio_vsock_hdr){
		.src_cid = hdr->dst_cid,
		.dst_cid = hdr->src_cid,
		.src_port = hdr->dst_port,
		.dst_port = hdr->src_port,
		.type = hdr->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};
}

/* Is something wrong with the packet, whatever connection it belongs to? */
static bool is_malformed(const struct virtio_vsock_hdr *hdr, const struct virtq_chain *chain,
			 enum virtio_rule *ret_rule, uint64_t *ret_detail)
{
	if (hdr->len > chain->out_len - VSOCK_HDR_LEN) {
		*ret_rule = VIRTIO_RULE_VSOCK_LENGTH;
		*ret_detail = hdr->len;
		return true;
	}
	if (!operation_name(hdr->op)) {
		*ret_rule = VIRTIO_RULE_VSOCK_OP;
		*ret_detail = hdr->op;
		return true;
	}
	return false;
}

static void take_packet(struct virtio_vsock *vsock, const struct virtq_chain *chain)
{
	struct virtio_vsock_hdr hdr;
	struct vsock_conn *conn;
	enum virtio_rule rule;
	uint64_t detail;

	if (chain->in_len)
		finding(vsock, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_BUFFER, chain->in_len);
	if (virtq_chain_read(chain, 0, &hdr, sizeof(hdr)) < sizeof(hdr)) {
		finding(vsock, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_HEADER, chain->out_len);
		return;
	}
	trace_packet(vsock, VSOCK_TX_QUEUE, chain, &hdr);
	/* An answer would go to somebody else. */
	if (hdr.src_cid != vsock->config.guest_cid) {
		finding(vsock, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_CID, hdr.src_cid);
		return;
	}
	if (hdr.type != VIRTIO_VSOCK_TYPE_STREAM) {
		finding(vsock, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_TYPE, hdr.type);
		reply_reset(vsock, &hdr);
		return;
	}
	conn = hdr.dst_cid == VSOCK_CID_HOST
		       ? vsock_table_find(&vsock->table, hdr.src_port, hdr.dst_port)
		       : NULL;
	if (is_malformed(&hdr, chain, &rule, &detail)) {
		if (conn) {
			vsock_conn_violate(&vsock->table, conn, rule, detail);
			return;
		}
		finding(vsock, VSOCK_TX_QUEUE, rule, detail);
		reply_reset(vsock, &hdr);
	} else if (conn) {
		vsock_conn_packet(&vsock->table, conn, &hdr, chain);
	} else if (hdr.op != VIRTIO_VSOCK_OP_REQUEST || hdr.dst_cid != VSOCK_CID_HOST ||
		   vsock_conn_connect(&vsock->table, &hdr) < 0) {
		reply_reset(vsock, &hdr);
	}
}

static void serve_tx(struct virtio_vsock *vsock)
{
	struct virtqueue *vq = virtio_dev_queue(&vsock->vdev, VSOCK_TX_QUEUE);
	struct virtq_chain chain;
	int r;

	do {
		r = 0;
		virtqueue_disable_notify(vq);
		while (vsock->nr_replies < MAX_REPLIES && (r = virtqueue_pop(vq, &chain)) > 0) {
			take_packet(vsock, &chain);
			virtqueue_push(vq, &chain, 0);
		}
		/* Without room this comes back by itself, not by a notification. */
		vsock->tx_waits = vsock->nr_replies == MAX_REPLIES;
	} while (r == 0 && !vsock->tx_waits && virtqueue_enable_notify(vq));
	virtio_dev_signal_queue(&vsock->vdev, VSOCK_TX_QUEUE);
}

/* ---- the device ---- */

static void vsock_queue_ready(struct virtio_dev *vdev, unsigned q)
{
	struct virtio_vsock *vsock = to_vsock(vdev);

	/* Nothing happens here that a driver is to be told of (5.10.6.7): buffers stay there. */
	if (q == VSOCK_EVENT_QUEUE)
		return;
	if (q == VSOCK_TX_QUEUE)
		serve_tx(vsock);
	deliver(vsock);
}

/* The streams are the loop's thread's to close. */
static void vsock_reset(struct virtio_dev *vdev)
{
	struct virtio_vsock *vsock = to_vsock(vdev);

	vsock_conn_reset_all(&vsock->table);
	vsock->nr_replies = 0;
	vsock->tx_waits = false;
	vsock->host->ops->wake(vsock->host);
}

static void vsock_destroy(struct virtio_dev *vdev)
{
	struct virtio_vsock *vsock = to_vsock(vdev);

	vsock_conn_destroy_all(&vsock->table);
	vsock_host_destroy(vsock->host);
	virtio_dev_deinit(vdev);
	free(vsock);
}

static const struct virtio_ops vsock_ops = {
	.queue_ready = vsock_queue_ready,
	.reset = vsock_reset,
	.destroy = vsock_destroy,
};

static const struct virtio_class vsock_class = {
	.name = "virtio-vsock",
	.id = VIRTIO_DEVICE_SOCKET,
	.nr_queues = VSOCK_NR_QUEUES,
	.queue_size = VSOCK_QUEUE_SIZE,
	.features = VIRTIO_VSOCK_F_STREAM,
	.config_len = sizeof(struct virtio_vsock_config),
	.ops = &vsock_ops,
};

/* ---- what the host side calls ---- */

static int on_request(void *ctx, struct vsock_stream *stream, uint32_t port)
{
	struct virtio_vsock *vsock = ctx;
	SCOPED_LOCK(&vsock->vdev.lock);
	int r;

	if (!vsock->vdev.active || (vsock->vdev.status & VIRTIO_S_NEEDS_RESET))
		return -ENOTCONN;
	r = vsock_conn_request(&vsock->table, stream, port);
	deliver(vsock);
	return r;
}

static void on_ready(void *ctx, struct vsock_stream *stream, unsigned events)
{
	struct virtio_vsock *vsock = ctx;
	SCOPED_LOCK(&vsock->vdev.lock);

	vsock_conn_ready(&vsock->table, stream->owner, events);
	deliver(vsock);
}

static void on_tick(void *ctx)
{
	struct virtio_vsock *vsock = ctx;
	SCOPED_LOCK(&vsock->vdev.lock);

	vsock_conn_tick_all(&vsock->table);
	deliver(vsock);
}

static void on_woken(void *ctx)
{
	struct virtio_vsock *vsock = ctx;
	SCOPED_LOCK(&vsock->vdev.lock);

	vsock_conn_reap(&vsock->table);
}

static const struct vsock_guest_ops guest_ops = {
	.request = on_request,
	.ready = on_ready,
	.tick = on_tick,
	.woken = on_woken,
};

int virtio_vsock_create(const struct virtio_dev_config *config, uint32_t guest_cid,
			struct vsock_host *host, struct virtio_dev **ret_vdev)
{
	_cleanup_free_ struct virtio_vsock *vsock = NULL;
	int r;

	if (guest_cid < VIRTIO_VSOCK_CID_MIN || guest_cid > VIRTIO_VSOCK_CID_MAX)
		return -EINVAL;
	vsock = calloc(1, sizeof(*vsock));
	if (!vsock)
		return -ENOMEM;
	vsock->host = host;
	vsock->config.guest_cid = guest_cid;
	vsock_table_init(&vsock->table, config->name, guest_cid, host);
	r = virtio_dev_init(&vsock->vdev, &vsock_class, config, &vsock->config);
	if (r < 0)
		return r;
	vsock_host_attach(host, &guest_ops, vsock);
	*ret_vdev = &TAKE_PTR(vsock)->vdev;
	return 0;
}
