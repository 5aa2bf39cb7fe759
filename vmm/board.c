/* SPDX-License-Identifier: MIT */
#include "vmm/board.h"
#include "base/cleanup.h"
#include "devices/backend/host_clock.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pm.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/serial.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot_thread.h"
#include "vmm/cpuid.h"
#include "vmm/vcpu.h"

/* ISA interrupts of a PC; the MADT keeps them where they are on the IOAPIC. */
#define SERIAL_PORT 0x3f8
#define SERIAL_GSI  4
#define RTC_GSI     8

_Static_assert(ACPI_PM1_EVT_PORT + PM_CONTROL_OFF == ACPI_PM1_CNT_PORT &&
		       ACPI_PM1_EVT_PORT + PM_TIMER_OFF == ACPI_PM_TIMER_PORT &&
		       ACPI_PM1_EVT_PORT + PM_RESET_OFF == ACPI_RESET_PORT,
	       "the FADT and the device must mean the same ports");

/* On the vCPU's thread; what becomes of it is the owner's decision, on the loop's thread. */
static void power_requested(void *ctx, enum power_request request)
{
	struct board *board = ctx;
	const struct vm_stop stop = {
		.kind = request == POWER_REQUEST_OFF ? VM_STOP_POWER_OFF : VM_STOP_RESET,
		.vcpu = vm_current_vcpu(board->vm),
	};

	vm_stop_for(board->vm, &stop);
}

static int create_vcpus(struct board *board, const struct run_options *options, struct error *error)
{
	_cleanup_free_ struct kvm_cpuid2 *supported = NULL;
	struct vm *vm = board->vm;
	struct cpu_model model;
	struct cpuid_config config = {
		.model = &model,
		.nr_vcpus = options->cpus,
		.tsc_deadline = vm->kvm.has_tsc_deadline,
	};
	int r;

	r = cpu_model_parse(options->cpu, &model, error);
	if (r < 0)
		return r;
	r = kvm_get_supported_cpuid(&vm->kvm, &supported);
	if (r < 0)
		return error_set_errno(error, r, "KVM does not tell which CPUID it supports");
	r = vm_add_vcpus(vm, options->cpus, error);
	if (r < 0)
		return r;
	config.tsc_khz = (uint32_t)kvm_vcpu_tsc_khz(&vm->vcpus[0].kvm);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;

		r = cpuid_build(supported, &config, i, &cpuid, error);
		if (r < 0)
			return r;
		r = kvm_vcpu_set_cpuid(&vm->vcpus[i].kvm, cpuid);
		if (r < 0)
			return error_set_errno(error, r, "KVM refuses the CPUID of vCPU %u", i);
	}
	return 0;
}

static int create_devices(struct board *board, struct consoles *consoles)
{
	struct vm *vm = board->vm;
	const struct kvm *kvm = &vm->kvm;
	const struct power_control power = { .request = power_requested, .ctx = board };
	const struct serial_config serial = {
		.name = "serial0",
		.irq = irq_wire(&board->serial_irq, kvm, SERIAL_GSI),
		.backend = consoles_serial_backend(consoles),
	};
	const struct rtc_config rtc = {
		.name = "rtc",
		.irq = irq_wire(&board->rtc_irq, kvm, RTC_GSI),
		.clock = host_wall_clock(),
		.timer = host_timer_line(board->rtc_timer),
		.memory_below_4g = MIN(vm->ram_size, BOOT_MMIO_HOLE_GPA),
		.memory_above_4g = vm->ram_size - MIN(vm->ram_size, BOOT_MMIO_HOLE_GPA),
	};
	const struct pm_config pm = {
		.name = "acpi-pm",
		.sci = irq_wire(&board->sci_irq, kvm, ACPI_SCI_IRQ),
		.clock = host_monotonic_clock(),
		.power = power,
		.sleep_type_s5 = ACPI_SLEEP_TYPE_S5,
		.reset_value = ACPI_RESET_VALUE,
	};
	struct char_receiver receiver;
	int r;

	r = serial_create(&serial, &board->serial);
	if (r < 0)
		return r;
	receiver = serial_receiver(board->serial);
	consoles_plug_serial(consoles, &receiver);
	r = bus_add(&vm->pio, SERIAL_PORT, SERIAL_NR_PORTS, board->serial);
	if (r == 0)
		r = rtc_create(&rtc, &board->rtc);
	if (r == 0)
		host_timer_set_expire(board->rtc_timer, rtc_expire, board->rtc);
	if (r == 0)
		r = bus_add(&vm->pio, RTC_PORT, RTC_NR_PORTS, board->rtc);
	if (r == 0)
		r = i8042_create("i8042", &power, &board->i8042);
	if (r == 0)
		r = bus_add(&vm->pio, I8042_PORT, I8042_NR_PORTS, board->i8042);
	if (r == 0)
		r = pm_create(&pm, &board->pm);
	if (r == 0)
		r = bus_add(&vm->pio, ACPI_PM1_EVT_PORT, PM_NR_PORTS, board->pm);
	return r;
}

/* The loader has the guest's memory until boot_thread_finish(). */
static int start_loading(struct board *board, const struct run_options *options,
			 struct boot_thread **ret_loader, struct error *error)
{
	const struct acpi_config acpi = {
		.nr_cpus = options->cpus,
		.ecam_gpa = ACPI_PCI_ECAM_GPA,
		.ecam_buses = 1,
		.nr_virtio_mmio = virtio_list_count(&options->virtio, VIRTIO_TRANSPORT_MMIO),
		.pvpanic = options->pvpanic,
	};
	struct boot_config boot = {
		.kernel_path = options->kernel,
		.initrd_path = options->initrd,
		.cmdline = options->append,
		.kaslr = options->kaslr,
		.ecam_gpa = ACPI_PCI_ECAM_GPA,
		.ecam_size = PCI_ECAM_SIZE,
	};
	int r;

	r = acpi_write_tables(&acpi, &board->vm->mem, &boot.acpi_rsdp_gpa, error);
	if (r < 0)
		return r;
	r = boot_thread_start(&boot, &board->vm->mem, ret_loader);
	return r < 0 ? error_set_errno(error, r, "cannot start a thread to load the kernel") : 0;
}

/* Everything of the machine but what is in its memory. */
static int build_machine(struct board *board, const struct board_config *config,
			 struct error *error)
{
	const struct run_options *options = config->options;
	struct machine_virtio_config virtio = { .devices = &options->virtio,
						.vm = board->vm,
						.loop = config->loop,
						.consoles = config->consoles,
						.trace_doorbells = options->trace_doorbells };
	int r;

	r = vm_attach_kvm(board->vm, options->kvm_device, error);
	if (r < 0)
		return r;
	r = host_timer_create(config->loop, &board->rtc_timer);
	if (r < 0)
		return error_set_errno(error, r, "cannot make the timer of the RTC");
	r = create_vcpus(board, options, error);
	if (r < 0)
		return r;
	r = create_devices(board, config->consoles);
	if (r < 0)
		return error_set_errno(error, r, "cannot make the devices");
	r = machine_pci_create(board->vm, &board->pci, error);
	if (r < 0)
		return r;
	r = guest_end_create(board->vm, options, &board->end, error);
	if (r < 0)
		return r;
	virtio.pci = board->pci;
	return machine_virtio_create(&virtio, &board->virtio, error);
}

int board_create(const struct board_config *config, struct board **ret_board, struct error *error)
{
	const struct run_options *options = config->options;
	struct board *board = calloc(1, sizeof(*board));
	struct boot_thread *loader = NULL;
	int r;

	if (!board)
		return error_set_errno(error, -ENOMEM, "cannot build the machine");
	r = vm_create(options->memory, virtio_list_shares_memory(&options->virtio), config->loop,
		      &board->vm, error);
	if (r < 0)
		goto fail;
	board->vm->events = config->events;
	r = start_loading(board, options, &loader, error);
	if (r < 0)
		goto fail;
	r = build_machine(board, config, error);
	if (r < 0) {
		boot_thread_cancel(loader);
		goto fail;
	}
	r = boot_thread_finish(loader, &board->boot, error);
	if (r < 0)
		goto fail;
	r = vcpu_set_boot_state(&board->vm->vcpus[0], &board->boot);
	if (r < 0) {
		(void)error_set_errno(error, r, "KVM refuses the registers to boot with");
		goto fail;
	}
	*ret_board = board;
	return 0;

fail:
	board_destroy(board);
	return r;
}

void board_release(struct board *board)
{
	/* Transports are on a bus, and whoever controls the machine may still look there. */
	bus_clear(&board->vm->mmio);
	machine_virtio_destroy(board->virtio);
	board->virtio = NULL;
	vm_discard_ram(board->vm);
}

void board_destroy(struct board *board)
{
	if (!board)
		return;
	if (board->vm) {
		vm_end(board->vm);
		vm_join(board->vm);
	}
	machine_virtio_destroy(board->virtio);
	guest_end_destroy(board->end);
	machine_pci_destroy(board->pci);
	device_destroy(board->pm);
	device_destroy(board->i8042);
	device_destroy(board->rtc);
	device_destroy(board->serial);
	host_timer_destroy(board->rtc_timer);
	vm_destroy(board->vm);
	free(board);
}
