/* SPDX-License-Identifier: MIT */
/* From an MSI-X table to a guest's interrupt handler, and from a guest's write to an eventfd. */
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "tests/guest/guest.h"
#include "tests/unit/pci_fixture.h"
#include "vmm/doorbell.h"
#include "vmm/msi.h"

enum { SLOT = 1, NR_VECTORS = 2, BAR_GPA = 0xd0000000, MSIX_CONTROL = 0x42, MSIX_ENABLE = 0x8000 };

#define APIC_SVR        0xf0 /* spurious-interrupt vector register (Intel SDM vol. 3A, 11.9) */
#define APIC_SVR_ENABLE 0x100u
#define APIC_MESSAGE    0xfee00000u /* to the local APIC with ID 0, fixed delivery (11.11.1) */

PROBE_GUEST(wait_for_interrupts, "sti\n"
				 "1: pause\n"
				 "jmp 1b\n");

/* A function with MSI-X whose vectors KVM takes from eventfds. */
struct machine {
	struct test_bridge bridge;
	struct pci_function fn;
	struct msi_routes *routes;
	struct msi_vectors *vectors;
	struct msix *msix;
};

static void machine_create(struct machine *machine, struct probe *probe)
{
	struct msi_sender sender;

	bridge_create(&machine->bridge);
	pci_function_init(&machine->fn, NULL, "test0", &test_identity, PCI_CFG_SPACE_SIZE);
	assert_int_equal(msi_routes_create(&probe->kvm, &machine->routes), 0);
	assert_int_equal(msi_vectors_create(&probe->kvm, machine->routes, NR_VECTORS, "test0",
					    &machine->vectors),
			 0);
	sender = msi_vectors_sender(machine->vectors);
	assert_int_equal(msix_create(&machine->fn, 0, NR_VECTORS, &sender, &machine->msix), 0);
	assert_int_equal(pci_host_add(machine->bridge.host, SLOT, &machine->fn), 0);
	cfg_write(&machine->bridge, SLOT, PCI_BASE_ADDRESS_0, 4, BAR_GPA);
	cfg_write(&machine->bridge, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cfg_write(&machine->bridge, SLOT, MSIX_CONTROL, 2, MSIX_ENABLE);
}

static void machine_destroy(struct machine *machine)
{
	pci_host_destroy(machine->bridge.host);
	msix_destroy(machine->msix);
	msi_vectors_destroy(machine->vectors);
	msi_routes_destroy(machine->routes);
	pci_function_deinit(&machine->fn);
}

/* As a driver does: the message, then the mask. */
static void set_up_vector(struct machine *machine, unsigned vector, uint32_t data)
{
	uint64_t entry = BAR_GPA + vector * PCI_MSIX_ENTRY_SIZE;

	mmio_write(&machine->bridge, entry, 8, APIC_MESSAGE);
	mmio_write(&machine->bridge, entry + PCI_MSIX_ENTRY_DATA, 4, data);
}

static void set_mask(struct machine *machine, unsigned vector, bool masked)
{
	uint64_t entry = BAR_GPA + vector * PCI_MSIX_ENTRY_SIZE;

	mmio_write(&machine->bridge, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, masked);
}

/* The guest's kernel would do this by itself. */
static void enable_local_apic(struct probe *probe)
{
	struct kvm_lapic_state apic;
	uint32_t svr;

	assert_int_equal(ioctl(probe->vcpu.fd, KVM_GET_LAPIC, &apic), 0);
	memcpy(&svr, apic.regs + APIC_SVR, sizeof(svr));
	svr |= APIC_SVR_ENABLE;
	memcpy(apic.regs + APIC_SVR, &svr, sizeof(svr));
	assert_int_equal(ioctl(probe->vcpu.fd, KVM_SET_LAPIC, &apic), 0);
}

static void ring(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void expect_interrupt(struct probe *probe, uint8_t vector)
{
	guest_run(probe, KVM_EXIT_IO);
	assert_true(probe_is_out(probe, PROBE_TRAP_PORT));
	assert_int_equal(*guest_io_data(probe), vector);
}

/* No EOI is sent: each vector is of a higher priority than the one before. */
static void a_vector_reaches_the_guest_by_both_ways(void **state)
{
	struct probe *probe = *state;
	struct machine machine;

	machine_create(&machine, probe);
	enable_local_apic(probe);
	assert_int_equal(probe_start(probe, &wait_for_interrupts), 0);
	set_up_vector(&machine, 0, 0x41);
	set_mask(&machine, 0, false);
	ring(msi_vectors_fd(machine.vectors, 0));
	expect_interrupt(probe, 0x41);
	/* The same vector with another message: its route has changed. */
	set_up_vector(&machine, 0, 0x51);
	ring(msi_vectors_fd(machine.vectors, 0));
	expect_interrupt(probe, 0x51);
	set_up_vector(&machine, 1, 0x61);
	set_mask(&machine, 1, false);
	msix_notify(machine.msix, 1);
	expect_interrupt(probe, 0x61);
	machine_destroy(&machine);
}

static void a_masked_vector_waits_in_its_eventfd(void **state)
{
	struct probe *probe = *state;
	struct machine machine;

	machine_create(&machine, probe);
	enable_local_apic(probe);
	assert_int_equal(probe_start(probe, &wait_for_interrupts), 0);
	set_up_vector(&machine, 0, 0x41);
	set_up_vector(&machine, 1, 0x51);
	set_mask(&machine, 0, false);
	set_mask(&machine, 0, true);
	ring(msi_vectors_fd(machine.vectors, 0));
	assert_int_equal(mmio_read(&machine.bridge, BAR_GPA + 0x1000, 4), 1);
	set_mask(&machine, 0, false);
	expect_interrupt(probe, 0x41);
	/* It came once. */
	set_mask(&machine, 1, false);
	ring(msi_vectors_fd(machine.vectors, 1));
	expect_interrupt(probe, 0x51);
	assert_int_equal(mmio_read(&machine.bridge, BAR_GPA + 0x1000, 4), 0);
	machine_destroy(&machine);
}

PROBE_GUEST(ring_three_times,
	    "movw $1, " PROBE_STR(PROBE_MMIO) "\n"
					      "movw $2, " PROBE_STR(
						      PROBE_MMIO) "\n"
								  "movw $3, " PROBE_STR(
									  PROBE_MMIO) " + 2\n"
										      "hlt\n");

static uint64_t taken_from(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void a_doorbell_causes_no_exit_where_it_is(void **state)
{
	struct probe *probe = *state;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const struct doorbell_host host = kvm_doorbells(&probe->kvm);
	struct doorbell doorbell = { .addr = PROBE_MMIO, .len = 2, .eventfd = fd };

	assert_true(fd >= 0);
	assert_int_equal(host.ops->add(host.ctx, &doorbell), 0);
	assert_int_equal(probe_start(probe, &ring_three_times), 0);
	guest_run(probe, KVM_EXIT_MMIO);
	assert_int_equal(probe->vcpu.run->mmio.phys_addr, PROBE_MMIO + 2);
	assert_int_equal(taken_from(fd), 2);
	guest_run(probe, KVM_EXIT_HLT);
	/* Moved by two bytes, and of any width, it leaves the other writes to us. */
	host.ops->remove(host.ctx, &doorbell);
	doorbell.addr = PROBE_MMIO + 2;
	doorbell.len = 0;
	assert_int_equal(host.ops->add(host.ctx, &doorbell), 0);
	assert_int_equal(probe_start(probe, &ring_three_times), 0);
	guest_run(probe, KVM_EXIT_MMIO);
	guest_run(probe, KVM_EXIT_MMIO);
	assert_int_equal(probe->vcpu.run->mmio.phys_addr, PROBE_MMIO);
	guest_run(probe, KVM_EXIT_HLT);
	assert_int_equal(taken_from(fd), 1);
	host.ops->remove(host.ctx, &doorbell);
	assert_int_equal(close(fd), 0);
}

static int set_up_with_irqchip(void **state)
{
	return guest_set_up_with(true, state);
}

#define irqchip_test(function)                                                                     \
	cmocka_unit_test_setup_teardown(function, set_up_with_irqchip, guest_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		irqchip_test(a_vector_reaches_the_guest_by_both_ways),
		irqchip_test(a_masked_vector_waits_in_its_eventfd),
		guest_test(a_doorbell_causes_no_exit_where_it_is),
	};

	if (guest_lacks_kvm())
		return GUEST_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
