/* SPDX-License-Identifier: MIT */
/*
 * Routes, vectors and doorbells against a KVM of the test's own, which notes what it is asked for
 * and can refuse.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "vmm/doorbell.h"
#include "vmm/msi.h"

#define NR_CHIP_ENTRIES 39u /* 16 of the 8259s, 23 of the I/O APIC */

/* State of the fake; functions have no other way to it than the struct kvm they are given. */
struct fake_kvm {
	struct kvm kvm;
	struct kvm_irq_routing_entry entries[NR_CHIP_ENTRIES + MSI_MAX_ROUTES];
	unsigned nr_entries, nr_commits;
	int refusal;      /* -errno for whatever is to be added, or 0 */
	int irqfd_of[64]; /* by GSI - MSI_FIRST_GSI; 0: none */
	unsigned nr_irqfd_calls;
	struct kvm_ioeventfd doorbell; /* the last */
	unsigned nr_doorbells, nr_signals;
	struct msi_message signalled;
};

static struct fake_kvm *to_fake(const struct kvm *kvm)
{
	return (struct fake_kvm *)(uintptr_t)kvm;
}

int kvm_set_gsi_routing(const struct kvm *kvm, const struct kvm_irq_routing_entry *entries,
			unsigned nr_entries)
{
	struct fake_kvm *fake = to_fake(kvm);

	if (fake->refusal)
		return fake->refusal;
	assert_in_range(nr_entries, NR_CHIP_ENTRIES, ARRAY_SIZE(fake->entries));
	memcpy(fake->entries, entries, nr_entries * sizeof(*entries));
	fake->nr_entries = nr_entries;
	fake->nr_commits++;
	return 0;
}

int kvm_irqfd(const struct kvm *kvm, int fd, unsigned gsi, bool assign)
{
	struct fake_kvm *fake = to_fake(kvm);
	int *irqfd = &fake->irqfd_of[gsi - MSI_FIRST_GSI];

	fake->nr_irqfd_calls++;
	if (fake->refusal && assign)
		return fake->refusal;
	assert_int_equal(*irqfd, assign ? 0 : fd);
	*irqfd = assign ? fd : 0;
	return 0;
}

int kvm_signal_msi(const struct kvm *kvm, uint64_t address, uint32_t data)
{
	struct fake_kvm *fake = to_fake(kvm);

	fake->nr_signals++;
	fake->signalled = (struct msi_message){ address, data };
	return fake->refusal ? fake->refusal : 1;
}

int kvm_ioeventfd(const struct kvm *kvm, const struct kvm_ioeventfd *request)
{
	struct fake_kvm *fake = to_fake(kvm);

	if (request->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		assert_int_equal(request->addr, fake->doorbell.addr);
		assert_int_equal(request->flags & ~KVM_IOEVENTFD_FLAG_DEASSIGN,
				 fake->doorbell.flags);
		fake->nr_doorbells--;
		return 0;
	}
	if (fake->refusal)
		return fake->refusal;
	fake->doorbell = *request;
	fake->nr_doorbells++;
	return 0;
}

static const struct kvm_irq_routing_entry *find_entry(const struct fake_kvm *fake, unsigned gsi,
						      unsigned type, unsigned chip)
{
	for (unsigned i = 0; i < fake->nr_entries; i++) {
		const struct kvm_irq_routing_entry *entry = &fake->entries[i];

		if (entry->gsi == gsi && entry->type == type &&
		    (type == KVM_IRQ_ROUTING_MSI || entry->u.irqchip.irqchip == chip))
			return entry;
	}
	return NULL;
}

static unsigned pin_of(const struct fake_kvm *fake, unsigned gsi, unsigned chip)
{
	const struct kvm_irq_routing_entry *entry =
		find_entry(fake, gsi, KVM_IRQ_ROUTING_IRQCHIP, chip);

	assert_non_null(entry);
	return entry->u.irqchip.pin;
}

static void interrupt_controllers_keep_their_routes(void **state)
{
	struct fake_kvm fake = { 0 };
	struct msi_routes *routes;

	(void)state;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), 0);
	assert_int_equal(fake.nr_commits, 1);
	assert_int_equal(fake.nr_entries, NR_CHIP_ENTRIES);
	for (unsigned gsi = 0; gsi < 16; gsi++)
		assert_int_equal(pin_of(&fake, gsi,
					gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE),
				 gsi % 8);
	assert_int_equal(pin_of(&fake, 0, KVM_IRQCHIP_IOAPIC), 2);
	assert_int_equal(pin_of(&fake, 1, KVM_IRQCHIP_IOAPIC), 1);
	assert_null(find_entry(&fake, 2, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_IOAPIC));
	for (unsigned gsi = 3; gsi < 24; gsi++)
		assert_int_equal(pin_of(&fake, gsi, KVM_IRQCHIP_IOAPIC), gsi);
	msi_routes_destroy(routes);
	msi_routes_destroy(NULL);
}

static void routes_are_set_changed_and_freed(void **state)
{
	const struct msi_message one = { 0xfee00000, 0x31 }, two = { 0x1fee01000ull, 0x32 };
	const struct kvm_irq_routing_entry *entry;
	struct fake_kvm fake = { 0 };
	struct msi_routes *routes;
	unsigned a, b, c;

	(void)state;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), 0);
	assert_int_equal(msi_routes_alloc(routes, &a), 0);
	assert_int_equal(msi_routes_alloc(routes, &b), 0);
	assert_true(a >= MSI_FIRST_GSI && b >= MSI_FIRST_GSI && a != b);
	assert_int_equal(fake.nr_commits, 1);
	assert_int_equal(msi_routes_set(routes, b, &one), 0);
	assert_int_equal(msi_routes_set(routes, b, &one), 0);
	assert_int_equal(fake.nr_commits, 2);
	assert_int_equal(fake.nr_entries, NR_CHIP_ENTRIES + 1);
	assert_int_equal(msi_routes_set(routes, b, &two), 0);
	entry = find_entry(&fake, b, KVM_IRQ_ROUTING_MSI, 0);
	assert_non_null(entry);
	assert_int_equal(entry->u.msi.address_lo, 0xfee01000);
	assert_int_equal(entry->u.msi.address_hi, 1);
	assert_int_equal(entry->u.msi.data, 0x32);
	msi_routes_free(routes, b);
	assert_int_equal(msi_routes_set(routes, b, &one), -EINVAL);
	assert_int_equal(msi_routes_alloc(routes, &c), 0);
	assert_int_equal(c, b);
	assert_int_equal(msi_routes_set(routes, a, &one), 0);
	assert_null(find_entry(&fake, b, KVM_IRQ_ROUTING_MSI, 0));
	msi_routes_destroy(routes);
}

static void routes_refuse_what_is_not_theirs(void **state)
{
	const struct msi_message message = { 0xfee00000, 0x31 };
	struct fake_kvm fake = { .refusal = -ENOMEM };
	struct msi_routes *routes = NULL;
	unsigned gsi = 0;

	(void)state;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), -ENOMEM);
	assert_null(routes);
	fake.refusal = 0;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), 0);
	assert_int_equal(msi_routes_set(routes, 0, &message), -EINVAL);
	assert_int_equal(msi_routes_set(routes, 23, &message), -EINVAL);
	assert_int_equal(msi_routes_set(routes, 24, &message), -EINVAL);
	assert_int_equal(msi_routes_set(routes, UINT32_MAX, &message), -EINVAL);
	msi_routes_free(routes, 5);
	for (unsigned i = 0; i < MSI_MAX_ROUTES; i++)
		assert_int_equal(msi_routes_alloc(routes, &gsi), 0);
	assert_int_equal(msi_routes_alloc(routes, &gsi), -ENOSPC);
	assert_int_equal(gsi, MSI_FIRST_GSI + MSI_MAX_ROUTES - 1);
	/* A route that KVM refuses is as it was before. */
	fake.refusal = -EINVAL;
	assert_int_equal(msi_routes_set(routes, gsi, &message), -EINVAL);
	fake.refusal = 0;
	assert_int_equal(msi_routes_set(routes, gsi - 1, &message), 0);
	assert_int_equal(fake.nr_entries, NR_CHIP_ENTRIES + 1);
	msi_routes_destroy(routes);
}

static void vectors_keep_irqfds_in_step(void **state)
{
	const struct msi_message one = { 0xfee00000, 0x31 }, two = { 0xfee01000, 0x32 };
	struct fake_kvm fake = { 0 };
	struct msi_vectors *vectors;
	struct msi_routes *routes;
	struct msi_sender sender;
	uint64_t ring = 1;
	int fd;

	(void)state;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), 0);
	assert_int_equal(msi_vectors_create(&fake.kvm, routes, 3, "test0", &vectors), 0);
	assert_int_equal(msi_vectors_fd(vectors, 3), -EINVAL);
	fd = msi_vectors_fd(vectors, 1);
	assert_true(fd >= 0);
	sender = msi_vectors_sender(vectors);
	sender.vector_changed(sender.ctx, 1, NULL);
	assert_int_equal(fake.nr_irqfd_calls, 0);
	sender.vector_changed(sender.ctx, 1, &one);
	assert_int_equal(fake.irqfd_of[1], fd);
	assert_int_equal(find_entry(&fake, 25, KVM_IRQ_ROUTING_MSI, 0)->u.msi.data, 0x31);
	/* Another message is another route of the same irqfd. */
	sender.vector_changed(sender.ctx, 1, &two);
	assert_int_equal(fake.nr_irqfd_calls, 1);
	assert_int_equal(find_entry(&fake, 25, KVM_IRQ_ROUTING_MSI, 0)->u.msi.data, 0x32);
	sender.vector_changed(sender.ctx, 1, NULL);
	assert_int_equal(fake.irqfd_of[1], 0);
	/* Masked: what is written waits. */
	assert_false(sender.is_pending(sender.ctx, 1));
	assert_int_equal(write(fd, &ring, sizeof(ring)), sizeof(ring));
	assert_true(sender.is_pending(sender.ctx, 1));
	assert_false(sender.is_pending(sender.ctx, 0));
	assert_false(sender.is_pending(sender.ctx, 3));
	sender.vector_changed(sender.ctx, 3, &one);
	sender.vector_changed(sender.ctx, 0, &one);
	assert_int_equal(fake.irqfd_of[0], msi_vectors_fd(vectors, 0));
	sender.send(sender.ctx, 2, &two);
	assert_int_equal(fake.nr_signals, 1);
	assert_int_equal(fake.signalled.address, two.address);
	msi_vectors_destroy(vectors);
	assert_int_equal(fake.irqfd_of[0], 0);
	msi_vectors_destroy(NULL);
	msi_routes_destroy(routes);
}

static void vectors_survive_refusals(void **state)
{
	const struct msi_message one = { 0xfee00000, 0x31 }, two = { 0xfee01000, 0x32 };
	struct fake_kvm fake = { 0 };
	struct msi_vectors *vectors, *others = NULL;
	struct msi_routes *routes;
	struct msi_sender sender;
	unsigned gsi;

	(void)state;
	assert_int_equal(msi_routes_create(&fake.kvm, &routes), 0);
	assert_int_equal(
		msi_vectors_create(&fake.kvm, routes, MSI_MAX_ROUTES + 1, "test0", &others),
		-ENOSPC);
	assert_null(others);
	/* Nothing was left behind. */
	assert_int_equal(msi_routes_alloc(routes, &gsi), 0);
	assert_int_equal(gsi, MSI_FIRST_GSI);
	assert_int_equal(msi_vectors_create(&fake.kvm, routes, 1, "test0", &vectors), 0);
	sender = msi_vectors_sender(vectors);
	sender.vector_changed(sender.ctx, 0, &one);
	assert_int_equal(fake.irqfd_of[1], msi_vectors_fd(vectors, 0));
	/* With no route for its new message, it must not raise the old one. */
	fake.refusal = -EINVAL;
	sender.vector_changed(sender.ctx, 0, &two);
	sender.send(sender.ctx, 0, &two);
	assert_int_equal(fake.irqfd_of[1], 0);
	fake.refusal = 0;
	sender.vector_changed(sender.ctx, 0, NULL);
	sender.vector_changed(sender.ctx, 0, &two);
	assert_int_equal(find_entry(&fake, 25, KVM_IRQ_ROUTING_MSI, 0)->u.msi.data, 0x32);
	msi_vectors_destroy(vectors);
	msi_routes_destroy(routes);
}

static void doorbells_are_ioeventfds(void **state)
{
	struct fake_kvm fake = { 0 };
	const struct doorbell_host host = kvm_doorbells(&fake.kvm);
	const struct doorbell any = { .addr = 0xd0003004, .eventfd = 5 };
	const struct doorbell valued = { 0xd0001000, 4, true, 7, 5 };

	(void)state;
	assert_int_equal(host.ops->add(host.ctx, &any), 0);
	assert_int_equal(fake.nr_doorbells, 1);
	assert_int_equal(fake.doorbell.addr, 0xd0003004);
	assert_int_equal(fake.doorbell.len, 0);
	assert_int_equal(fake.doorbell.fd, 5);
	assert_int_equal(fake.doorbell.flags, 0);
	host.ops->remove(host.ctx, &any);
	assert_int_equal(fake.nr_doorbells, 0);
	assert_int_equal(host.ops->add(host.ctx, &valued), 0);
	assert_int_equal(fake.doorbell.flags, KVM_IOEVENTFD_FLAG_DATAMATCH);
	assert_int_equal(fake.doorbell.datamatch, 7);
	assert_int_equal(fake.doorbell.len, 4);
	host.ops->remove(host.ctx, &valued);
	assert_int_equal(fake.nr_doorbells, 0);
	fake.refusal = -ENOSPC;
	assert_int_equal(host.ops->add(host.ctx, &valued), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupt_controllers_keep_their_routes),
		cmocka_unit_test(routes_are_set_changed_and_freed),
		cmocka_unit_test(routes_refuse_what_is_not_theirs),
		cmocka_unit_test(vectors_keep_irqfds_in_step),
		cmocka_unit_test(vectors_survive_refusals),
		cmocka_unit_test(doorbells_are_ioeventfds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
