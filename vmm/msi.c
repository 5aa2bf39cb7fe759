/* SPDX-License-Identifier: MIT */
/* Routes and irqfds.  Any thread; owns the eventfds. */
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/msi.h"

#define NR_PIC_INPUTS    16u
#define NR_IOAPIC_INPUTS 24u
#define PIT_IOAPIC_INPUT 2u /* where IRQ 0 is; that of the second 8259, IRQ 2, is nowhere */
#define MAX_ENTRIES      (NR_PIC_INPUTS + NR_IOAPIC_INPUTS + MSI_MAX_ROUTES)

struct route {
	bool allocated;
	bool has_message;
	struct msi_message message;
};

struct msi_routes {
	const struct kvm *kvm;                             /* immutable */
	pthread_mutex_t lock;                              /* protects what follows */
	struct route routes[MSI_MAX_ROUTES];               /* of GSI MSI_FIRST_GSI and up */
	struct kvm_irq_routing_entry entries[MAX_ENTRIES]; /* what KVM is told; scratch */
};

struct vector {
	int fd;
	unsigned gsi;
	bool has_gsi;
	bool attached; /* the sender's callbacks: the MSI-X table's lock */
};

struct msi_vectors {
	const struct kvm *kvm; /* immutable, as what follows up to warned */
	struct msi_routes *routes;
	const char *name;
	unsigned nr;
	bool warned; /* as vector.attached */
	struct vector vectors[];
};

static struct kvm_irq_routing_entry irqchip_entry(unsigned gsi, unsigned chip, unsigned pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static struct kvm_irq_routing_entry msi_entry(unsigned gsi, const struct msi_message *message)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)message->address,
			   .address_hi = (uint32_t)(message->address >> 32),
			   .data = message->data },
	};
}

static unsigned add_irqchip_entries(struct kvm_irq_routing_entry *entries)
{
	unsigned nr = 0;

	for (unsigned irq = 0; irq < NR_PIC_INPUTS; irq++)
		entries[nr++] = irqchip_entry(
			irq, irq < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, irq % 8);
	for (unsigned gsi = 0; gsi < NR_IOAPIC_INPUTS; gsi++) {
		if (gsi == PIT_IOAPIC_INPUT)
			continue;
		entries[nr++] =
			irqchip_entry(gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? PIT_IOAPIC_INPUT : gsi);
	}
	return nr;
}

static int commit_locked(struct msi_routes *routes)
{
	unsigned nr = add_irqchip_entries(routes->entries);

	for (unsigned i = 0; i < MSI_MAX_ROUTES; i++)
		if (routes->routes[i].has_message)
			routes->entries[nr++] =
				msi_entry(MSI_FIRST_GSI + i, &routes->routes[i].message);
	return kvm_set_gsi_routing(routes->kvm, routes->entries, nr);
}

int msi_routes_create(const struct kvm *kvm, struct msi_routes **ret_routes)
{
	struct msi_routes *routes = calloc(1, sizeof(*routes));
	int r;

	if (!routes)
		return -ENOMEM;
	routes->kvm = kvm;
	(void)pthread_mutex_init(&routes->lock, NULL);
	r = commit_locked(routes);
	if (r < 0) {
		msi_routes_destroy(routes);
		return r;
	}
	*ret_routes = routes;
	return 0;
}

void msi_routes_destroy(struct msi_routes *routes)
{
	if (!routes)
		return;
	(void)pthread_mutex_destroy(&routes->lock);
	free(routes);
}

int msi_routes_alloc(struct msi_routes *routes, unsigned *ret_gsi)
{
	SCOPED_LOCK(&routes->lock);

	for (unsigned i = 0; i < MSI_MAX_ROUTES; i++) {
		if (routes->routes[i].allocated)
			continue;
		routes->routes[i] = (struct route){ .allocated = true };
		*ret_gsi = MSI_FIRST_GSI + i;
		return 0;
	}
	return -ENOSPC;
}

static struct route *find_route_locked(struct msi_routes *routes, unsigned gsi)
{
	struct route *route;

	if (gsi < MSI_FIRST_GSI || gsi - MSI_FIRST_GSI >= MSI_MAX_ROUTES)
		return NULL;
	route = &routes->routes[gsi - MSI_FIRST_GSI];
	return route->allocated ? route : NULL;
}

void msi_routes_free(struct msi_routes *routes, unsigned gsi)
{
	SCOPED_LOCK(&routes->lock);
	struct route *route = find_route_locked(routes, gsi);

	/* KVM keeps the old route until the next change: nothing raises it, so it does no harm. */
	if (route)
		*route = (struct route){ 0 };
}

int msi_routes_set(struct msi_routes *routes, unsigned gsi, const struct msi_message *message)
{
	SCOPED_LOCK(&routes->lock);
	struct route *route = find_route_locked(routes, gsi);
	struct route before;
	int r;

	if (!route)
		return -EINVAL;
	if (route->has_message && route->message.address == message->address &&
	    route->message.data == message->data)
		return 0;
	before = *route;
	route->has_message = true;
	route->message = *message;
	r = commit_locked(routes);
	if (r < 0)
		*route = before;
	return r;
}

int msi_vectors_create(const struct kvm *kvm, struct msi_routes *routes, unsigned nr,
		       const char *name, struct msi_vectors **ret_vectors)
{
	struct msi_vectors *vectors =
		calloc(1, sizeof(*vectors) + nr * sizeof(vectors->vectors[0]));
	int r = 0;

	if (!vectors)
		return -ENOMEM;
	vectors->kvm = kvm;
	vectors->routes = routes;
	vectors->name = name;
	vectors->nr = nr;
	for (unsigned i = 0; i < nr; i++)
		vectors->vectors[i].fd = -EBADF;
	for (unsigned i = 0; i < nr && r == 0; i++) {
		struct vector *vector = &vectors->vectors[i];

		r = msi_routes_alloc(routes, &vector->gsi);
		vector->has_gsi = r == 0;
		if (r < 0)
			break;
		vector->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vector->fd < 0)
			r = -errno;
	}
	if (r < 0) {
		msi_vectors_destroy(vectors);
		return r;
	}
	*ret_vectors = vectors;
	return 0;
}

static void detach(struct msi_vectors *vectors, struct vector *vector)
{
	if (vector->attached)
		(void)kvm_irqfd(vectors->kvm, vector->fd, vector->gsi, false);
	vector->attached = false;
}

void msi_vectors_destroy(struct msi_vectors *vectors)
{
	if (!vectors)
		return;
	for (unsigned i = 0; i < vectors->nr; i++) {
		struct vector *vector = &vectors->vectors[i];

		detach(vectors, vector);
		if (vector->fd >= 0)
			(void)close(vector->fd);
		if (vector->has_gsi)
			msi_routes_free(vectors->routes, vector->gsi);
	}
	free(vectors);
}

/* A guest can write messages that KVM refuses: say so once. */
static void warn_once(struct msi_vectors *vectors, const char *what, int code)
{
	if (!vectors->warned)
		log_warning("%s: %s: %s; interrupts of this device may be lost", vectors->name,
			    what, strerror(-code));
	vectors->warned = true;
}

static void vectors_send(void *ctx, unsigned index, const struct msi_message *message)
{
	struct msi_vectors *vectors = ctx;
	int r = kvm_signal_msi(vectors->kvm, message->address, message->data);

	(void)index;
	if (r < 0)
		warn_once(vectors, "KVM does not deliver an MSI", r);
}

/*
 * The route first, so that an irqfd never raises an old message.  An eventfd that was signalled
 * while it was detached raises its interrupt as soon as KVM takes it.
 */
static void vectors_changed(void *ctx, unsigned index, const struct msi_message *message)
{
	struct msi_vectors *vectors = ctx;
	struct vector *vector;
	int r;

	if (index >= vectors->nr)
		return;
	vector = &vectors->vectors[index];
	if (!message) {
		detach(vectors, vector);
		return;
	}
	r = msi_routes_set(vectors->routes, vector->gsi, message);
	if (r < 0) {
		detach(vectors, vector);
		warn_once(vectors, "KVM refuses the route of an MSI", r);
		return;
	}
	if (vector->attached)
		return;
	r = kvm_irqfd(vectors->kvm, vector->fd, vector->gsi, true);
	if (r < 0)
		warn_once(vectors, "KVM refuses an irqfd", r);
	vector->attached = r == 0;
}

static bool vectors_are_pending(void *ctx, unsigned index)
{
	struct msi_vectors *vectors = ctx;
	struct pollfd fd = { .events = POLLIN };

	if (index >= vectors->nr)
		return false;
	fd.fd = vectors->vectors[index].fd;
	return poll(&fd, 1, 0) > 0;
}

struct msi_sender msi_vectors_sender(struct msi_vectors *vectors)
{
	return (struct msi_sender){
		.send = vectors_send,
		.vector_changed = vectors_changed,
		.is_pending = vectors_are_pending,
		.ctx = vectors,
	};
}

int msi_vectors_fd(const struct msi_vectors *vectors, unsigned index)
{
	return index < vectors->nr ? vectors->vectors[index].fd : -EINVAL;
}
