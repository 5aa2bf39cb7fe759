/* SPDX-License-Identifier: MIT */
#include "devices/virtio/vsock_conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "devices/virtio/rules.h"

#define OP_BIT(op) (uint8_t)(1u << (op))

/* There is something to read, and the guest may still be told of it. */
static bool may_read(const struct vsock_conn *conn)
{
	return conn->state == VSOCK_ESTABLISHED && conn->readable &&
	       !(conn->guest_shutdown & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) &&
	       !(conn->host_shutdown & VIRTIO_VSOCK_SHUTDOWN_SEND);
}

/* As may_read(), and sure: a chain is taken from the guest's ring only for what there is. */
static bool can_read(const struct vsock_table *table, struct vsock_conn *conn)
{
	if (!may_read(conn))
		return false;
	if (conn->doubtful)
		conn->readable = table->host->ops->peek(conn->stream) != -EAGAIN;
	conn->doubtful = false;
	return conn->readable;
}

static bool has_packet(const struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->wanted)
		return true;
	/* Without space in the guest, the packet is one that asks for it. */
	return (vsock_credit_peer_free(&conn->credit) || !conn->credit_asked) &&
	       can_read(table, conn);
}

static void queue_if_needed(struct vsock_table *table, struct vsock_conn *conn)
{
	if (has_packet(table, conn))
		vsock_table_queue(table, conn);
}

static void want(struct vsock_table *table, struct vsock_conn *conn, enum virtio_vsock_op op)
{
	conn->wanted |= OP_BIT(op);
	vsock_table_queue(table, conn);
}

/* The end of it for the host; the guest is going to be told by RST. */
static void reset(struct vsock_table *table, struct vsock_conn *conn)
{
	vsock_table_close_stream(table, conn);
	vsock_table_set_ticks(table, conn, 0);
	conn->state = VSOCK_RESETTING;
	conn->wanted = 0;
	want(table, conn, VIRTIO_VSOCK_OP_RST);
}

void vsock_conn_violate(struct vsock_table *table, struct vsock_conn *conn, enum virtio_rule rule,
			uint64_t detail)
{
	virtio_finding(table->name, VSOCK_TX_QUEUE, rule, detail);
	reset(table, conn);
}

/* ---- what the host does not do any more ---- */

/* The host's program takes no more: what is kept for it is of no use. */
static void host_stops_receiving(struct vsock_table *table, struct vsock_conn *conn)
{
	vsock_credit_forward(&conn->credit, (uint32_t)conn->ring.count);
	byte_ring_pop(&conn->ring, conn->ring.count);
	if (conn->host_shutdown & VIRTIO_VSOCK_SHUTDOWN_RECEIVE)
		return;
	conn->host_shutdown |= VIRTIO_VSOCK_SHUTDOWN_RECEIVE;
	if (conn->state == VSOCK_ESTABLISHED)
		want(table, conn, VIRTIO_VSOCK_OP_SHUTDOWN);
}

static void host_stops_sending(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->host_shutdown & VIRTIO_VSOCK_SHUTDOWN_SEND)
		return;
	conn->host_shutdown |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	want(table, conn, VIRTIO_VSOCK_OP_SHUTDOWN);
}

/* The stream's other end is gone, and nobody reads what it left behind. */
static void give_up_reading(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->state == VSOCK_ESTABLISHED && conn->hung_up &&
	    (conn->guest_shutdown & VIRTIO_VSOCK_SHUTDOWN_RECEIVE))
		host_stops_sending(table, conn);
}

/* ---- from the guest to the host ---- */

/* All bytes of the guest were taken: what waited for that can be done. */
static void after_last_byte(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->state == VSOCK_LINGERING) {
		vsock_table_release(table, conn);
		return;
	}
	if (conn->guest_shutdown == VIRTIO_VSOCK_SHUTDOWN_BOTH) {
		reset(table, conn);
		return;
	}
	if ((conn->guest_shutdown & VIRTIO_VSOCK_SHUTDOWN_SEND) && !conn->shut_write) {
		conn->shut_write = true;
		table->host->ops->shutdown(conn->stream, SHUT_WR);
	}
}

/* Tells the guest of the space in the buffer, where that is news. */
static void tell_credit(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->state == VSOCK_ESTABLISHED && vsock_credit_is_news(&conn->credit))
		want(table, conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
}

/* Writes what is kept, as far as the host takes it. */
static void flush(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->ring.count == 0)
		return;
	while (conn->ring.count) {
		const uint8_t *bytes;
		size_t len = byte_ring_peek(&conn->ring, &bytes);
		/* Nothing is written to it: iovec knows no const. */
		struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
		ssize_t n = table->host->ops->write(conn->stream, &piece, 1);

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			host_stops_receiving(table, conn);
			break;
		}
		byte_ring_pop(&conn->ring, (size_t)n);
		vsock_credit_forward(&conn->credit, (uint32_t)n);
	}
	tell_credit(table, conn);
	if (conn->ring.count == 0)
		after_last_byte(table, conn);
}

/* Keeps @len bytes of the packet's payload from @off on.  Return: 0 or -ENOMEM. */
static int keep(struct vsock_conn *conn, const struct virtq_chain *chain, size_t off, size_t len)
{
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	unsigned count = virtq_chain_out_iov(chain, VSOCK_HDR_LEN + off, len, pieces);

	if (!conn->ring.bytes && byte_ring_init(&conn->ring, conn->credit.buf_alloc) < 0)
		return -ENOMEM;
	/* There is room: a guest that sent more than that broke a rule. */
	for (unsigned i = 0; i < count; i++)
		(void)byte_ring_push(&conn->ring, pieces[i].iov_base, pieces[i].iov_len);
	return 0;
}

static void pass_on(struct vsock_table *table, struct vsock_conn *conn,
		    const struct virtq_chain *chain, uint32_t len)
{
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	ssize_t n = -EAGAIN;

	if (conn->ring.count == 0) {
		unsigned count = virtq_chain_out_iov(chain, VSOCK_HDR_LEN, len, pieces);

		n = table->host->ops->write(conn->stream, pieces, count);
	}
	if (n < 0 && n != -EAGAIN) {
		host_stops_receiving(table, conn);
		vsock_credit_forward(&conn->credit, len);
		return;
	}
	n = MAX(n, 0);
	vsock_credit_forward(&conn->credit, (uint32_t)n);
	if ((uint32_t)n < len && keep(conn, chain, (size_t)n, len - (size_t)n) < 0)
		reset(table, conn);
}

static void take_data(struct vsock_table *table, struct vsock_conn *conn,
		      const struct virtio_vsock_hdr *hdr, const struct virtq_chain *chain)
{
	if (conn->guest_shutdown & VIRTIO_VSOCK_SHUTDOWN_SEND) {
		vsock_conn_violate(table, conn, VIRTIO_RULE_VSOCK_STATE, hdr->op);
		return;
	}
	if (vsock_credit_receive(&conn->credit, hdr->len) < 0) {
		vsock_conn_violate(table, conn, VIRTIO_RULE_VSOCK_CREDIT, hdr->len);
		return;
	}
	if (hdr->len == 0)
		return;
	/* The guest may not know yet that nobody takes it. */
	if (conn->host_shutdown & VIRTIO_VSOCK_SHUTDOWN_RECEIVE)
		vsock_credit_forward(&conn->credit, hdr->len);
	else
		pass_on(table, conn, chain, hdr->len);
	tell_credit(table, conn);
}

static void take_shutdown(struct vsock_table *table, struct vsock_conn *conn, uint32_t flags)
{
	bool stops_receiving = (flags & VIRTIO_VSOCK_SHUTDOWN_RECEIVE) &&
			       !(conn->guest_shutdown & VIRTIO_VSOCK_SHUTDOWN_RECEIVE);

	if (flags == 0 || (flags & ~(uint32_t)VIRTIO_VSOCK_SHUTDOWN_BOTH))
		virtio_finding(table->name, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_FLAGS, flags);
	conn->guest_shutdown |= flags & VIRTIO_VSOCK_SHUTDOWN_BOTH;
	if (stops_receiving) {
		table->host->ops->shutdown(conn->stream, SHUT_RD);
		give_up_reading(table, conn);
	}
	if (conn->ring.count == 0)
		after_last_byte(table, conn);
}

/* What was sent before is still delivered. */
static void take_reset(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->ring.count == 0) {
		vsock_table_release(table, conn);
		return;
	}
	vsock_table_forget(table, conn);
	conn->state = VSOCK_LINGERING;
}

static void take_response(struct vsock_table *table, struct vsock_conn *conn)
{
	vsock_table_set_ticks(table, conn, 0);
	conn->state = VSOCK_ESTABLISHED;
	if (table->host->ops->confirm(conn->stream, conn->host_port) < 0)
		host_stops_receiving(table, conn);
	/* It may have been known before there was somebody to tell it to. */
	if (conn->host_shutdown)
		want(table, conn, VIRTIO_VSOCK_OP_SHUTDOWN);
}

/* The guest has space again, or has said that it has none. */
static void after_credit(struct vsock_table *table, struct vsock_conn *conn)
{
	if (!conn->credit_asked || !vsock_credit_peer_free(&conn->credit))
		return;
	conn->credit_asked = false;
	if (conn->host_shutdown != VIRTIO_VSOCK_SHUTDOWN_BOTH)
		vsock_table_set_ticks(table, conn, 0);
}

static void take_established(struct vsock_table *table, struct vsock_conn *conn,
			     const struct virtio_vsock_hdr *hdr, const struct virtq_chain *chain)
{
	after_credit(table, conn);
	switch (hdr->op) {
	case VIRTIO_VSOCK_OP_RW: take_data(table, conn, hdr, chain); break;
	case VIRTIO_VSOCK_OP_SHUTDOWN: take_shutdown(table, conn, hdr->flags); break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE: break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		want(table, conn, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		break;
	default: vsock_conn_violate(table, conn, VIRTIO_RULE_VSOCK_STATE, hdr->op); break;
	}
}

void vsock_conn_packet(struct vsock_table *table, struct vsock_conn *conn,
		       const struct virtio_vsock_hdr *hdr, const struct virtq_chain *chain)
{
	/* Sent before the guest could know: its RST is in the queue. */
	if (conn->state == VSOCK_RESETTING && hdr->op != VIRTIO_VSOCK_OP_RST)
		return;
	if (hdr->op == VIRTIO_VSOCK_OP_RST) {
		take_reset(table, conn);
		return;
	}
	if (vsock_credit_hear(&conn->credit, hdr->buf_alloc, hdr->fwd_cnt) < 0) {
		vsock_conn_violate(table, conn, VIRTIO_RULE_VSOCK_CREDIT, hdr->fwd_cnt);
		return;
	}
	if (conn->state == VSOCK_ESTABLISHED) {
		take_established(table, conn, hdr, chain);
	} else if (conn->state == VSOCK_REQUESTED && hdr->op == VIRTIO_VSOCK_OP_RESPONSE &&
		   !(conn->wanted & OP_BIT(VIRTIO_VSOCK_OP_REQUEST))) {
		take_response(table, conn);
	} else {
		vsock_conn_violate(table, conn, VIRTIO_RULE_VSOCK_STATE, hdr->op);
		return;
	}
	/* Space of the guest's may be what it waited for. */
	queue_if_needed(table, conn);
}

/* ---- beginnings ---- */

static void establish(struct vsock_table *table, struct vsock_conn *conn)
{
	conn->state = VSOCK_ESTABLISHED;
	conn->readable = conn->doubtful = true;
	want(table, conn, VIRTIO_VSOCK_OP_RESPONSE);
}

int vsock_conn_connect(struct vsock_table *table, const struct virtio_vsock_hdr *hdr)
{
	struct vsock_conn *conn = vsock_table_add(table, hdr->src_port, hdr->dst_port);
	int r;

	if (!conn)
		return -ENOSPC;
	r = vsock_credit_hear(&conn->credit, hdr->buf_alloc, hdr->fwd_cnt);
	if (r < 0)
		virtio_finding(table->name, VSOCK_TX_QUEUE, VIRTIO_RULE_VSOCK_CREDIT, hdr->fwd_cnt);
	else
		r = table->host->ops->connect(table->host, hdr->dst_port, &conn->stream);
	if (r < 0 && r != -EINPROGRESS) {
		vsock_table_release(table, conn);
		return r;
	}
	conn->stream->owner = conn;
	conn->state = VSOCK_CONNECTING;
	if (r == 0)
		establish(table, conn);
	return 0;
}

int vsock_conn_request(struct vsock_table *table, struct vsock_stream *stream, uint32_t port)
{
	struct vsock_conn *conn =
		vsock_table_add(table, port, vsock_table_pick_host_port(table, port));

	if (!conn)
		return -ENOSPC;
	stream->owner = conn;
	conn->stream = stream;
	conn->state = VSOCK_REQUESTED;
	conn->readable = conn->doubtful = true;
	vsock_table_set_ticks(table, conn, VSOCK_REQUEST_TICKS);
	want(table, conn, VIRTIO_VSOCK_OP_REQUEST);
	return 0;
}

/* ---- from the host to the guest ---- */

void vsock_conn_ready(struct vsock_table *table, struct vsock_conn *conn, unsigned events)
{
	if (conn->state == VSOCK_DEAD)
		return;
	if (conn->state == VSOCK_CONNECTING) {
		if (events & VSOCK_REFUSED)
			reset(table, conn);
		else if (events & VSOCK_CONNECTED)
			establish(table, conn);
		return;
	}
	if (events & VSOCK_READABLE)
		conn->readable = true;
	if (events & VSOCK_HUNG_UP) {
		conn->hung_up = true;
		give_up_reading(table, conn);
		/* With bytes for it, the next write tells what became of them. */
		if (conn->ring.count == 0)
			host_stops_receiving(table, conn);
	}
	if (conn->state != VSOCK_REQUESTED)
		queue_if_needed(table, conn);
	/* The last, for the connection may end by it. */
	if (events & (VSOCK_WRITABLE | VSOCK_HUNG_UP))
		flush(table, conn);
}

/* Puts up to @room bytes behind the header.  As read() of the host side, without room as peek(). */
static ssize_t read_stream(struct vsock_table *table, struct vsock_conn *conn,
			   const struct virtq_chain *chain, uint32_t room)
{
	struct iovec pieces[VIRTQ_MAX_CHAIN];
	unsigned count = virtq_chain_in_iov(chain, VSOCK_HDR_LEN, room, pieces);

	/* The end can be told without room. */
	return room ? table->host->ops->read(conn->stream, pieces, count)
		    : table->host->ops->peek(conn->stream);
}

/* Return: bytes that were put behind the header; 0: none. */
static uint32_t produce_data(struct vsock_table *table, struct vsock_conn *conn,
			     const struct virtq_chain *chain)
{
	uint32_t room = MIN(chain->in_len - VSOCK_HDR_LEN, VSOCK_MAX_PAYLOAD);
	ssize_t n;

	if (!may_read(conn))
		return 0;
	room = MIN(room, vsock_credit_peer_free(&conn->credit));
	n = read_stream(table, conn, chain, room);
	if (n > 0) {
		n = MIN(n, room);
		conn->credit.tx_cnt += (uint32_t)n;
		conn->doubtful = n < room;
		return (uint32_t)n;
	}
	conn->readable = false;
	if (n == -EAGAIN)
		return 0;
	host_stops_sending(table, conn);
	if (n < 0 || conn->hung_up)
		host_stops_receiving(table, conn);
	return 0;
}

/* The operation of the next packet, in the order that makes sense.  Return: 0 if there is none. */
static unsigned produce(struct vsock_table *table, struct vsock_conn *conn,
			const struct virtq_chain *chain, struct virtio_vsock_hdr *hdr)
{
	static const uint8_t first[] = { VIRTIO_VSOCK_OP_RST, VIRTIO_VSOCK_OP_REQUEST,
					 VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_CREDIT_UPDATE };

	for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
		if (conn->wanted & OP_BIT(first[i])) {
			conn->wanted &= (uint8_t)~OP_BIT(first[i]);
			return first[i];
		}
	}
	hdr->len = produce_data(table, conn, chain);
	if (hdr->len)
		return VIRTIO_VSOCK_OP_RW;
	if (conn->wanted & OP_BIT(VIRTIO_VSOCK_OP_SHUTDOWN)) {
		conn->wanted &= (uint8_t)~OP_BIT(VIRTIO_VSOCK_OP_SHUTDOWN);
		hdr->flags = conn->host_shutdown;
		if (conn->host_shutdown == VIRTIO_VSOCK_SHUTDOWN_BOTH)
			vsock_table_set_ticks(table, conn, VSOCK_SHUTDOWN_TICKS);
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	}
	if (may_read(conn) && !conn->credit_asked) {
		conn->credit_asked = true;
		vsock_table_set_ticks(table, conn, VSOCK_CREDIT_TICKS);
		return VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	}
	return 0;
}

static bool next_packet_of(struct vsock_table *table, struct vsock_conn *conn,
			   const struct virtq_chain *chain, struct virtio_vsock_hdr *hdr)
{
	unsigned op;

	*hdr = (struct virtio_vsock_hdr){
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = table->guest_cid,
		.src_port = conn->host_port,
		.dst_port = conn->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
	};
	op = produce(table, conn, chain, hdr);
	if (!op)
		return false;
	hdr->op = (uint16_t)op;
	hdr->buf_alloc = conn->credit.buf_alloc;
	hdr->fwd_cnt = vsock_credit_tell(&conn->credit);
	if (op == VIRTIO_VSOCK_OP_RST)
		vsock_table_release(table, conn);
	else
		queue_if_needed(table, conn);
	return true;
}

bool vsock_conn_has_packet(struct vsock_table *table)
{
	/* What put one into the queue may be over. */
	while (table->first_ready && !has_packet(table, table->first_ready))
		(void)vsock_table_dequeue(table);
	return table->first_ready;
}

bool vsock_conn_next_packet(struct vsock_table *table, const struct virtq_chain *chain,
			    struct virtio_vsock_hdr *ret_hdr)
{
	struct vsock_conn *conn;

	while ((conn = vsock_table_dequeue(table)))
		if (next_packet_of(table, conn, chain, ret_hdr))
			return true;
	return false;
}

/* ---- time, and the end of all ---- */

static void overdue(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->state == VSOCK_REQUESTED && (conn->wanted & OP_BIT(VIRTIO_VSOCK_OP_REQUEST))) {
		/* The guest took no packet at all, so it knows of nothing. */
		vsock_table_release(table, conn);
	} else if (conn->state == VSOCK_REQUESTED ||
		   conn->host_shutdown == VIRTIO_VSOCK_SHUTDOWN_BOTH) {
		reset(table, conn);
	} else {
		conn->credit_asked = false;
		queue_if_needed(table, conn);
	}
}

void vsock_conn_tick_all(struct vsock_table *table)
{
	for (unsigned i = 0; i < VSOCK_MAX_CONNS && table->nr_timed; i++) {
		struct vsock_conn *conn = &table->conns[i];

		if (conn->ticks == 0 || --conn->ticks)
			continue;
		table->nr_timed--;
		overdue(table, conn);
	}
	if (table->nr_timed == 0 && table->ticking) {
		table->ticking = false;
		table->host->ops->set_ticking(table->host, false);
	}
}

void vsock_conn_reset_all(struct vsock_table *table)
{
	for (unsigned i = 0; i < VSOCK_MAX_CONNS; i++) {
		struct vsock_conn *conn = &table->conns[i];

		if (conn->state == VSOCK_FREE || conn->state == VSOCK_LINGERING)
			continue;
		vsock_table_forget(table, conn);
		conn->state = conn->ring.count ? VSOCK_LINGERING : VSOCK_DEAD;
	}
}

void vsock_conn_reap(struct vsock_table *table)
{
	for (unsigned i = 0; i < VSOCK_MAX_CONNS; i++)
		if (table->conns[i].state == VSOCK_DEAD)
			vsock_table_release(table, &table->conns[i]);
}

void vsock_conn_destroy_all(struct vsock_table *table)
{
	for (unsigned i = 0; i < VSOCK_MAX_CONNS; i++)
		if (table->conns[i].state != VSOCK_FREE)
			vsock_table_release(table, &table->conns[i]);
}
