/* SPDX-License-Identifier: MIT */
/*
 * The CPUID of one vCPU, made from what KVM supports.
 *
 * KVM_GET_SUPPORTED_CPUID describes one processor of the host: features are masked to what KVM can
 * do, but the topology is the host's or empty.  This gives each vCPU its identity in a machine of
 * one package with one thread per core, applies the user's CPU model, and keeps leaves that speak
 * of the same thing in agreement.  No ioctl here; pure functions: any thread.
 */
#ifndef GLASSBOX_VMM_CPUID_H
#define GLASSBOX_VMM_CPUID_H

#include <linux/kvm.h>

#include "base/error.h"
#include "vmm/cpu_features.h"

/* The most vCPUs that cpuid_build() describes (x86 KVM's own highest limit). */
#define CPUID_MAX_VCPUS 4096u

/* What is the same for every vCPU. */
struct cpuid_config {
	const struct cpu_model *model; /* borrowed for the call; NULL is `host` */
	unsigned nr_vcpus;             /* 1..CPUID_MAX_VCPUS; above 255 needs x2apic */
	bool tsc_deadline;     /* KVM_CAP_TSC_DEADLINE_TIMER, with the in-kernel local APIC */
	bool hide_pmu;         /* the VM was created with its PMU disabled */
	uint32_t tsc_khz;      /* KVM_GET_TSC_KHZ; 0: unknown, no frequency leaves */
	uint32_t apic_bus_khz; /* local APIC timer input clock; 0: KVM's default, 1 GHz */
};

/**
 * cpuid_build() - what KVM_SET_CPUID2 shall get for vCPU @vcpu
 * @supported: from KVM_GET_SUPPORTED_CPUID; Intel, AMD or a relative of either
 * @vcpu: 0..nr_vcpus - 1; its APIC ID is the same number
 * @ret_cpuid: for the caller to free()
 * @error: set on every failure but -ENOMEM; may be NULL
 *
 * Return: 0; -EINVAL for a @vcpu or nr_vcpus out of range; -ENOTSUP when the model requires a
 * feature that KVM cannot give on this host; -ENOMEM.
 */
int cpuid_build(const struct kvm_cpuid2 *supported, const struct cpuid_config *config,
		unsigned vcpu, struct kvm_cpuid2 **ret_cpuid, struct error *error) __must_check;

/** cpuid_find() - the entry of a leaf and sub-leaf, or NULL.  @index counts only where it matters.
 */
const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t leaf,
					  uint32_t index);

/** cpuid_has() - whether @cpuid reports the feature @name of cpu_features[]; false if unknown */
bool cpuid_has(const struct kvm_cpuid2 *cpuid, const char *name);

#endif
