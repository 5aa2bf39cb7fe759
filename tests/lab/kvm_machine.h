/* SPDX-License-Identifier: MIT */
/* A guest of a few instructions in real mode, for checks that must run on a bare machine: no
 * library. */
#ifndef TESTS_LAB_KVM_MACHINE_H
#define TESTS_LAB_KVM_MACHINE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define MEMORY_SIZE    0x10000
#define CODE_GPA       0x1000
#define RFLAGS_FIXED_1 0x2
#define RFLAGS_IF      (1u << 9)

struct machine {
	int vm;
	int vcpu;
	struct kvm_run *run;
	uint8_t *memory;
};

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(errno == ENOENT ? 77 : 1);
}

/*
 * Made for good: the end of the process is its end. With KVM's interrupt controllers, or without.
 * Exits with 77 without /dev/kvm, or with 1.
 */
static inline void machine_create(struct machine *m, const uint8_t *code, size_t code_size,
				  bool irqchip)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	m->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (m->vm < 0)
		die("KVM_CREATE_VM");
	if (irqchip && ioctl(m->vm, KVM_CREATE_IRQCHIP, 0) < 0)
		die("KVM_CREATE_IRQCHIP");
	m->memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->memory == MAP_FAILED)
		die("guest memory");
	memcpy(m->memory + CODE_GPA, code, code_size);
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY_SIZE,
		.userspace_addr = (uintptr_t)m->memory,
	};
	if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		die("KVM_SET_USER_MEMORY_REGION");
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	if (m->vcpu < 0)
		die("KVM_CREATE_VCPU");
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		die("KVM_GET_VCPU_MMAP_SIZE");
	m->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		die("struct kvm_run");

	struct kvm_sregs sregs;
	if (ioctl(m->vcpu, KVM_GET_SREGS, &sregs) < 0)
		die("KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0)
		die("KVM_SET_SREGS");
}

static inline void machine_set_regs(struct machine *m, uint64_t offset, uint64_t rflags)
{
	struct kvm_regs regs = { .rip = CODE_GPA + offset, .rflags = RFLAGS_FIXED_1 | rflags };

	if (ioctl(m->vcpu, KVM_SET_REGS, &regs) < 0)
		die("KVM_SET_REGS");
}

#endif
