/* SPDX-License-Identifier: MIT */
#include "devices/virtio/vsock_table.h"

#include <string.h>

void vsock_table_init(struct vsock_table *table, const char *name, uint32_t guest_cid,
		      struct vsock_host *host)
{
	memset(table, 0, sizeof(*table));
	table->name = name;
	table->guest_cid = guest_cid;
	table->host = host;
	table->next_host_port = VSOCK_FIRST_HOST_PORT;
	for (unsigned i = VSOCK_MAX_CONNS; i--;) {
		table->conns[i].next = table->free;
		table->free = &table->conns[i];
	}
}

/* A guest that chooses its ports for it makes one bucket long, but not longer than the table. */
static unsigned bucket_of(uint32_t guest_port, uint32_t host_port)
{
	return (guest_port ^ host_port ^ (guest_port >> 8) ^ (host_port >> 8)) % VSOCK_BUCKETS;
}

struct vsock_conn *vsock_table_find(const struct vsock_table *table, uint32_t guest_port,
				    uint32_t host_port)
{
	struct vsock_conn *conn = table->buckets[bucket_of(guest_port, host_port)];

	while (conn && (conn->guest_port != guest_port || conn->host_port != host_port))
		conn = conn->next;
	return conn;
}

uint32_t vsock_table_pick_host_port(struct vsock_table *table, uint32_t guest_port)
{
	uint32_t port;

	/* Ends: there are more ports than connections. */
	do {
		port = table->next_host_port++;
		if (port == VSOCK_LAST_HOST_PORT)
			table->next_host_port = VSOCK_FIRST_HOST_PORT;
	} while (vsock_table_find(table, guest_port, port));
	return port;
}

struct vsock_conn *vsock_table_add(struct vsock_table *table, uint32_t guest_port,
				   uint32_t host_port)
{
	struct vsock_conn **bucket = &table->buckets[bucket_of(guest_port, host_port)];
	struct vsock_conn *conn = table->free;

	if (!conn)
		return NULL;
	table->free = conn->next;
	*conn = (struct vsock_conn){
		.guest_port = guest_port,
		.host_port = host_port,
		.large = table->nr_large < VSOCK_LARGE_CONNS,
		.next = *bucket,
	};
	*bucket = conn;
	table->nr_large += conn->large;
	vsock_credit_init(&conn->credit, conn->large ? VSOCK_LARGE_BUF : VSOCK_SMALL_BUF);
	return conn;
}

static void leave_queue(struct vsock_table *table, struct vsock_conn *conn)
{
	if (!conn->queued)
		return;
	if (conn->prev_ready)
		conn->prev_ready->next_ready = conn->next_ready;
	else
		table->first_ready = conn->next_ready;
	if (conn->next_ready)
		conn->next_ready->prev_ready = conn->prev_ready;
	else
		table->last_ready = conn->prev_ready;
	conn->next_ready = conn->prev_ready = NULL;
	conn->queued = false;
}

void vsock_table_queue(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->queued)
		return;
	conn->queued = true;
	conn->prev_ready = table->last_ready;
	if (table->last_ready)
		table->last_ready->next_ready = conn;
	else
		table->first_ready = conn;
	table->last_ready = conn;
}

struct vsock_conn *vsock_table_dequeue(struct vsock_table *table)
{
	struct vsock_conn *conn = table->first_ready;

	if (conn)
		leave_queue(table, conn);
	return conn;
}

void vsock_table_set_ticks(struct vsock_table *table, struct vsock_conn *conn, unsigned ticks)
{
	table->nr_timed += !!ticks;
	table->nr_timed -= !!conn->ticks;
	conn->ticks = ticks;
	/* The next tick that finds nothing to be timed stops them. */
	if (ticks && !table->ticking) {
		table->ticking = true;
		table->host->ops->set_ticking(table->host, true);
	}
}

void vsock_table_forget(struct vsock_table *table, struct vsock_conn *conn)
{
	struct vsock_conn **link = &table->buckets[bucket_of(conn->guest_port, conn->host_port)];

	while (*link && *link != conn)
		link = &(*link)->next;
	if (*link)
		*link = conn->next;
	conn->next = NULL;
	conn->wanted = 0;
	leave_queue(table, conn);
	vsock_table_set_ticks(table, conn, 0);
}

void vsock_table_close_stream(struct vsock_table *table, struct vsock_conn *conn)
{
	if (conn->stream)
		table->host->ops->close(conn->stream);
	conn->stream = NULL;
	byte_ring_deinit(&conn->ring);
}

void vsock_table_release(struct vsock_table *table, struct vsock_conn *conn)
{
	vsock_table_forget(table, conn);
	vsock_table_close_stream(table, conn);
	table->nr_large -= conn->large;
	conn->state = VSOCK_FREE;
	conn->next = table->free;
	table->free = conn;
}
