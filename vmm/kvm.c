/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "vmm/kvm.h"

/*
 * Three pages for the TSS and one for the identity map, below the BIOS area, where no RAM is (4.35,
 * 4.37).
 */
#define KVM_TSS_GPA          0xfffbd000ul
#define KVM_IDENTITY_MAP_GPA 0xfffbc000ull
#define KVM_CPUID_MAX        256u

static int kvm_ioctl(int fd, unsigned long request, void *argument)
{
	int r = ioctl(fd, request, argument);

	return r < 0 ? -errno : r;
}

/* The ioctls want pointers without const, though they only read what these point to. */
static void *unconst(const void *ptr)
{
	return (void *)(uintptr_t)ptr;
}

int kvm_check_extension(const struct kvm *kvm, unsigned capability)
{
	int fd = kvm->vm_fd >= 0 ? kvm->vm_fd : kvm->fd;
	int r = ioctl(fd, KVM_CHECK_EXTENSION, capability);

	return r < 0 ? 0 : r;
}

static int explain_open_failure(const char *path, int code, struct error *error)
{
	switch (-code) {
	case ENOENT:
		return error_set(error, code,
				 "'%s' does not exist: load kvm_intel or kvm_amd, or enable "
				 "virtualisation in the firmware (or in the outer hypervisor)",
				 path);
	case EACCES:
	case EPERM:
		return error_set(error, code,
				 "no permission to open '%s': add yourself to its group "
				 "(usermod -aG kvm USER) and log in again",
				 path);
	default: return error_set_errno(error, code, "cannot open '%s'", path);
	}
}

static int check_needs(const struct kvm *kvm, const char *path, struct error *error)
{
	/* `missing` below has room for all of these names. */
	static const struct {
		unsigned capability;
		const char *name;
	} needed[] = {
		{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
		{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
		{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
		{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
		{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
		{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
		{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	};
	char missing[256] = "";
	size_t len = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
		if (kvm_check_extension(kvm, needed[i].capability) == 0)
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len ? ", " : "", needed[i].name);
	if (!len)
		return 0;
	return error_set(error, -ENOTSUP, "'%s' lacks %s: a newer host kernel is needed", path,
			 missing);
}

int kvm_open(const char *path, struct kvm *ret_kvm, struct error *error)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	struct kvm kvm = KVM_INIT;
	int r;

	if (fd < 0)
		return explain_open_failure(path, -errno, error);
	r = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (r != KVM_API_VERSION)
		return error_set(error, -ENOTSUP,
				 "'%s' is not KVM, or not its stable API (version %d)", path, r);
	kvm.fd = fd;
	r = check_needs(&kvm, path, error);
	if (r < 0)
		return r;
	kvm.run_size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (kvm.run_size < (int)sizeof(struct kvm_run))
		return error_set(error, -ENOTSUP, "'%s' reports a vCPU area of %d bytes", path,
				 kvm.run_size);
	kvm.has_sync_regs = kvm_check_extension(&kvm, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS;
	kvm.has_blockirq = kvm_check_extension(&kvm, KVM_CAP_SET_GUEST_DEBUG2) &
			   KVM_GUESTDBG_BLOCKIRQ;
	kvm.has_stats_fd = kvm_check_extension(&kvm, KVM_CAP_BINARY_STATS_FD);
	kvm.has_tsc_deadline = kvm_check_extension(&kvm, KVM_CAP_TSC_DEADLINE_TIMER);
	*ret_kvm = kvm;
	ret_kvm->fd = TAKE_FD(fd);
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	if (kvm->vm_fd >= 0)
		(void)close(kvm->vm_fd);
	if (kvm->fd >= 0)
		(void)close(kvm->fd);
	*kvm = KVM_INIT;
}

int kvm_create_vm(struct kvm *kvm, struct error *error)
{
	uint64_t identity_map = KVM_IDENTITY_MAP_GPA;
	_cleanup_close_ int fd = -EBADF;

	/* EINTR: a signal arrived while KVM allocated; nothing was made. */
	do
		fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return error_set_errno(error, -errno, "KVM cannot create a virtual machine");
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (ioctl(fd, KVM_SET_TSS_ADDR, KVM_TSS_GPA) < 0 ||
	    ioctl(fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return error_set_errno(error, -errno, "KVM cannot place its TSS and identity map");
	/*
	 * KVM asked for the rate of the host's TSC when it was loaded, which may be before the
	 * kernel had measured it for good.  A KVM that can't scale then takes a guest's TSC
	 * for 0, and its timers are late by all that this has counted.  0 asks again; before
	 * Linux 5.18 a VM can't.
	 */
	(void)ioctl(fd, KVM_SET_TSC_KHZ, 0);
	kvm->vm_fd = TAKE_FD(fd);
	return 0;
}

int kvm_create_irqchip(struct kvm *kvm, struct error *error)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return error_set_errno(error, -errno,
				       "KVM cannot create its interrupt controllers");
	if (ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return error_set_errno(error, -errno, "KVM cannot create its interval timer");
	return 0;
}

int kvm_set_memory(const struct kvm *kvm, unsigned slot, uint64_t gpa, uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return kvm_ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

int kvm_irq_line(const struct kvm *kvm, unsigned gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return kvm_ioctl(kvm->vm_fd, KVM_IRQ_LINE, &line);
}

int kvm_signal_msi(const struct kvm *kvm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)address,
		.address_hi = (uint32_t)(address >> 32),
		.data = data,
	};

	return kvm_ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

int kvm_set_gsi_routing(const struct kvm *kvm, const struct kvm_irq_routing_entry *entries,
			unsigned nr_entries)
{
	size_t size = nr_entries * sizeof(*entries);
	_cleanup_free_ struct kvm_irq_routing *routing = calloc(1, sizeof(*routing) + size);

	if (!routing)
		return -ENOMEM;
	routing->nr = nr_entries;
	memcpy(routing->entries, entries, size);
	return kvm_ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, routing);
}

int kvm_irqfd(const struct kvm *kvm, int fd, unsigned gsi, bool assign)
{
	struct kvm_irqfd request = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return kvm_ioctl(kvm->vm_fd, KVM_IRQFD, &request);
}

int kvm_ioeventfd(const struct kvm *kvm, const struct kvm_ioeventfd *request)
{
	return kvm_ioctl(kvm->vm_fd, KVM_IOEVENTFD, unconst(request));
}

int kvm_get_supported_cpuid(const struct kvm *kvm, struct kvm_cpuid2 **ret_cpuid)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	int r;

	cpuid = calloc(1, sizeof(*cpuid) + KVM_CPUID_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = KVM_CPUID_MAX;
	r = kvm_ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (r < 0)
		return r;
	*ret_cpuid = TAKE_PTR(cpuid);
	return 0;
}

int kvm_vcpu_create(const struct kvm *kvm, unsigned index, struct kvm_vcpu *ret_vcpu)
{
	struct kvm_vcpu vcpu = KVM_VCPU_INIT;
	int r;

	vcpu.fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu.fd < 0)
		return -errno;
	(void)fcntl(vcpu.fd, F_SETFD, FD_CLOEXEC);
	vcpu.run_size = kvm->run_size;
	vcpu.run =
		mmap(NULL, (size_t)kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);
	if (vcpu.run == MAP_FAILED) {
		r = -errno;
		vcpu.run = NULL;
		kvm_vcpu_destroy(&vcpu);
		return r;
	}
	if (kvm->has_stats_fd)
		vcpu.stats_fd = ioctl(vcpu.fd, KVM_GET_STATS_FD, 0);
	*ret_vcpu = vcpu;
	return 0;
}

void kvm_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	if (vcpu->run)
		(void)munmap(vcpu->run, (size_t)vcpu->run_size);
	if (vcpu->stats_fd >= 0)
		(void)close(vcpu->stats_fd);
	if (vcpu->fd >= 0)
		(void)close(vcpu->fd);
	*vcpu = KVM_VCPU_INIT;
}

int kvm_vcpu_run(struct kvm_vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

int kvm_vcpu_set_cpuid(struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_CPUID2, unconst(cpuid));
}

int kvm_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *ret_regs)
{
	return kvm_ioctl(vcpu->fd, KVM_GET_REGS, ret_regs);
}

int kvm_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *regs)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_REGS, unconst(regs));
}

int kvm_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *ret_sregs)
{
	return kvm_ioctl(vcpu->fd, KVM_GET_SREGS, ret_sregs);
}

int kvm_vcpu_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_SREGS, unconst(sregs));
}

int kvm_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_fpu *ret_fpu)
{
	return kvm_ioctl(vcpu->fd, KVM_GET_FPU, ret_fpu);
}

int kvm_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_FPU, unconst(fpu));
}

int kvm_vcpu_get_mp_state(struct kvm_vcpu *vcpu, uint32_t *ret_state)
{
	struct kvm_mp_state state;
	int r = kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, &state);

	if (r == 0)
		*ret_state = state.mp_state;
	return r;
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int kvm_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *ret_value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };
	int r = kvm_ioctl(vcpu->fd, KVM_GET_MSRS, &msr);

	if (r < 0)
		return r;
	if (r != 1)
		return -ENOENT;
	*ret_value = msr.entry.data;
	return 0;
}

int kvm_vcpu_set_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };
	int r = kvm_ioctl(vcpu->fd, KVM_SET_MSRS, &msr);

	if (r < 0)
		return r;
	return r == 1 ? 0 : -ENOENT;
}

int kvm_vcpu_tsc_khz(struct kvm_vcpu *vcpu)
{
	int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	return khz < 0 ? 0 : khz;
}

int kvm_vcpu_set_guest_debug(struct kvm_vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	return kvm_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, unconst(debug));
}

void kvm_vcpu_clock_paused(struct kvm_vcpu *vcpu)
{
	/* EINVAL means that this vCPU uses no kvmclock: nothing to tell it. */
	(void)ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
}

struct wanted_stat {
	const char *name;
	size_t offset; /* in struct kvm_vcpu_stats */
};

static const struct wanted_stat wanted_stats[] = {
	{ "exits", offsetof(struct kvm_vcpu_stats, exits) },
	{ "io_exits", offsetof(struct kvm_vcpu_stats, io_exits) },
	{ "mmio_exits", offsetof(struct kvm_vcpu_stats, mmio_exits) },
	{ "halt_exits", offsetof(struct kvm_vcpu_stats, halt_exits) },
	{ "irq_exits", offsetof(struct kvm_vcpu_stats, irq_exits) },
};

/* KVM's file has a header, an array of descriptors with names, and the values (api.rst, 4.133). */
int kvm_vcpu_read_stats(struct kvm_vcpu *vcpu, struct kvm_vcpu_stats *ret_stats)
{
	struct kvm_vcpu_stats stats = { 0 };
	struct kvm_stats_header header;

	if (vcpu->stats_fd < 0)
		return -ENOTSUP;
	if (pread(vcpu->stats_fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.name_size == 0 || header.name_size > 256)
		return -EIO;
	for (unsigned i = 0; i < header.num_desc; i++) {
		size_t desc_size = sizeof(struct kvm_stats_desc) + header.name_size;
		struct {
			struct kvm_stats_desc desc;
			char name[257];
		} one = { 0 };
		uint64_t value;

		if (pread(vcpu->stats_fd, &one, desc_size,
			  (off_t)(header.desc_offset + i * desc_size)) != (ssize_t)desc_size)
			return -EIO;
		for (unsigned w = 0; w < ARRAY_SIZE(wanted_stats); w++) {
			if (strcmp(one.desc.name, wanted_stats[w].name) != 0)
				continue;
			if (pread(vcpu->stats_fd, &value, sizeof(value),
				  (off_t)(header.data_offset + one.desc.offset)) != sizeof(value))
				return -EIO;
			memcpy((char *)&stats + wanted_stats[w].offset, &value, sizeof(value));
		}
	}
	*ret_stats = stats;
	return 0;
}
