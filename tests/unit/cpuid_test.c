/* SPDX-License-Identifier: MIT */
/* The CPUID of vCPUs from synthetic Intel and AMD tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/cpuid.h"

#define INDEXED       KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define TABLE_ENTRIES 48

#define LEAF(f, a, b, c, d)                                                                        \
	{                                                                                          \
		.function = (f), .eax = (a), .ebx = (b), .ecx = (c), .edx = (d)                    \
	}
#define SUBLEAF(f, i, a, b, c, d)                                                                  \
	{                                                                                          \
		.function = (f), .index = (i), .flags = INDEXED, .eax = (a), .ebx = (b),           \
		.ecx = (c), .edx = (d)                                                             \
	}

/*
 * The features of a server with AVX-512 and AMX; the topology of its 40 threads, as KVM leaks it.
 */
static const struct kvm_cpuid_entry2 intel[] = {
	LEAF(0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69), /* GenuineIntel */
	LEAF(1, 0x806f8, 0x1f400800, 0xfefa7203 | 1u << 27, 0x1f8bfbff),
	SUBLEAF(4, 0, 0xfc004121, 0x02c0003f, 0x3f, 0),
	SUBLEAF(4, 1, 0xfc004122, 0x01c0003f, 0x3f, 0),
	SUBLEAF(4, 2, 0xfc01c143, 0x03c0003f, 0x7ff, 0),
	SUBLEAF(4, 3, 0xfc0fc163, 0x0380003f, 0xffff, 4),
	SUBLEAF(4, 4, 0, 0, 0, 0),
	LEAF(6, 4, 0, 0, 0),
	SUBLEAF(7, 0, 2, 0xf1bf2ffb, 0x1b415f7e, 0xffc14410),
	SUBLEAF(7, 1, 0x1c30, 0, 0, 0),
	SUBLEAF(7, 2, 0, 0, 0, 0x3f),
	LEAF(0xa, 0x8300805, 0, 0, 0x603),
	SUBLEAF(0xb, 0, 0, 0, 0, 0x1f),
	SUBLEAF(0xd, 0, 0x602e7, 0x2b00, 0x2b00, 0),
	SUBLEAF(0xd, 1, 0x1f, 0x2800, 0, 0),
	SUBLEAF(0xd, 2, 0x100, 0x240, 0, 0),
	SUBLEAF(0xd, 5, 0x40, 0x440, 0, 0),
	SUBLEAF(0xd, 6, 0x200, 0x480, 0, 0),
	SUBLEAF(0xd, 7, 0x400, 0x680, 0, 0),
	SUBLEAF(0xd, 9, 8, 0xa80, 0, 0),
	SUBLEAF(0xd, 17, 0x40, 0xac0, 2, 0),
	SUBLEAF(0xd, 18, 0x2000, 0xb00, 6, 0),
	LEAF(0x15, 0, 0, 0, 0),
	LEAF(0x16, 0, 0, 0, 0),
	SUBLEAF(0x1d, 0, 1, 0, 0, 0),
	SUBLEAF(0x1f, 0, 0, 0, 0, 0x1f),
	LEAF(0x40000000, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d),
	LEAF(0x40000001, 0x01007efb, 0, 0, 0),
	LEAF(0x80000000, 0x80000008, 0, 0, 0),
	LEAF(0x80000001, 0, 0, 0x121, 0x2c100800),
	LEAF(0x80000007, 0, 0, 0, 0x100),
	LEAF(0x80000008, 0x3934, 0, 0, 0),
};

static const struct kvm_cpuid_entry2 amd[] = {
	LEAF(0, 0x10, 0x68747541, 0x444d4163, 0x69746e65), /* AuthenticAMD */
	LEAF(1, 0xa20f12, 0x0b180800, 0xf6fa3203, 0x178bfbff),
	SUBLEAF(4, 0, 0, 0, 0, 0),
	SUBLEAF(7, 0, 1, 0x219c07ab, 0x0040068c, 0x10000010),
	LEAF(0xa, 0, 0, 0, 0),
	SUBLEAF(0xb, 0, 0, 0, 0, 0),
	SUBLEAF(0xd, 0, 7, 0x340, 0x340, 0),
	SUBLEAF(0xd, 1, 0xf, 0x340, 0, 0),
	SUBLEAF(0xd, 2, 0x100, 0x240, 0, 0),
	LEAF(0x40000000, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d),
	LEAF(0x40000001, 0x01007efb, 0, 0, 0),
	LEAF(0x80000000, 0x80000022, 0x68747541, 0x444d4163, 0x69746e65),
	LEAF(0x80000001, 0xa20f12, 0x20000000, 0x00c003f7, 0x2fd3fbff),
	LEAF(0x80000007, 0, 0, 0, 0x100),
	LEAF(0x80000008, 0x3030, 0x111ed205, 0x700b, 0),
	LEAF(0x8000000a, 1, 0x8000, 0, 0x1bcff),
	SUBLEAF(0x8000001d, 0, 0x4121, 0x01c0003f, 0x3f, 0),
	SUBLEAF(0x8000001d, 1, 0x4122, 0x01c0003f, 0x3f, 0),
	SUBLEAF(0x8000001d, 2, 0x4143, 0x01c0003f, 0x3ff, 2),
	SUBLEAF(0x8000001d, 3, 0x2c163, 0x03c0003f, 0x7fff, 1),
	SUBLEAF(0x8000001d, 4, 0, 0, 0, 0),
	LEAF(0x8000001e, 0x1f, 0x105, 0x101, 0),
	LEAF(0x80000021, 0x145, 0, 0, 0),
	LEAF(0x80000022, 1, 0, 0, 6),
	SUBLEAF(0x80000026, 0, 1, 2, 0x100, 0x1f),
};

union table {
	struct kvm_cpuid2 cpuid;
	unsigned char
		room[sizeof(struct kvm_cpuid2) + TABLE_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

static void fill(union table *table, const struct kvm_cpuid_entry2 *entries, size_t nr)
{
	assert_true(nr <= TABLE_ENTRIES);
	memset(table, 0, sizeof(*table));
	table->cpuid.nent = (uint32_t)nr;
	memcpy(table->cpuid.entries, entries, nr * sizeof(*entries));
}

static int build_with(const struct kvm_cpuid_entry2 *entries, size_t nr,
		      const struct cpuid_config *config, unsigned vcpu, struct kvm_cpuid2 **ret,
		      struct error *error)
{
	union table table;

	fill(&table, entries, nr);
	return cpuid_build(&table.cpuid, config, vcpu, ret, error);
}

#define BUILD(table, config, vcpu, ret, error)                                                     \
	build_with(table, ARRAY_SIZE(table), config, vcpu, ret, error)

static const struct kvm_cpuid_entry2 *entry(const struct kvm_cpuid2 *cpuid, uint32_t leaf,
					    uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = cpuid_find(cpuid, leaf, index);

	assert_non_null(found);
	return found;
}

static void assert_zero(const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index)
{
	const struct kvm_cpuid_entry2 *e = entry(cpuid, leaf, index);

	assert_int_equal(e->eax | e->ebx | e->ecx | e->edx, 0);
}

/* KVM takes the first match, so a second one would be a lie nobody sees. */
static void assert_no_duplicates(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		for (uint32_t j = i + 1; j < cpuid->nent; j++)
			assert_false(cpuid->entries[i].function == cpuid->entries[j].function &&
				     cpuid->entries[i].index == cpuid->entries[j].index);
	}
}

static void assert_extended_topology(const struct kvm_cpuid2 *cpuid, uint32_t leaf, unsigned vcpu,
				     unsigned nr, unsigned bits)
{
	assert_int_equal(entry(cpuid, leaf, 0)->eax, 0);
	assert_int_equal(entry(cpuid, leaf, 0)->ebx, 1);
	assert_int_equal(entry(cpuid, leaf, 0)->ecx, 0x100);
	assert_int_equal(entry(cpuid, leaf, 1)->eax, bits);
	assert_int_equal(entry(cpuid, leaf, 1)->ebx, nr);
	assert_int_equal(entry(cpuid, leaf, 1)->ecx, 0x201);
	assert_int_equal(entry(cpuid, leaf, 2)->eax, 0);
	assert_int_equal(entry(cpuid, leaf, 2)->ebx, 0);
	assert_int_equal(entry(cpuid, leaf, 2)->ecx, 2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(entry(cpuid, leaf, i)->edx, vcpu);
}

/* What every vCPU of either vendor must hold to. */
static void assert_common_topology(const struct kvm_cpuid2 *cpuid, unsigned vcpu, unsigned nr,
				   unsigned bits)
{
	const struct kvm_cpuid_entry2 *leaf1 = entry(cpuid, 1, 0);

	assert_no_duplicates(cpuid);
	assert_int_equal(leaf1->ebx >> 24, vcpu);
	assert_int_equal(leaf1->ebx >> 16 & 0xff, nr);
	assert_int_equal(leaf1->ebx & 0xffff, 0x0800);
	assert_int_equal(leaf1->edx >> 28 & 1, nr > 1);
	assert_int_equal(leaf1->ecx >> 31, 1);
	assert_int_equal(leaf1->ecx >> 27 & 1, 0);
	assert_extended_topology(cpuid, 0xb, vcpu, nr, bits);
	/* all APIC IDs fit below the package's shift, so there is one package */
	assert_int_equal(vcpu >> bits, 0);
}

static const struct {
	unsigned nr, bits;
} machines[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 32, 5 }, { 33, 6 } };

static void intel_topology_is_consistent(void **state)
{
	(void)state;
	for (unsigned m = 0; m < ARRAY_SIZE(machines); m++) {
		unsigned nr = machines[m].nr, bits = machines[m].bits;
		struct cpuid_config config = { .nr_vcpus = nr };

		for (unsigned vcpu = 0; vcpu < nr; vcpu++) {
			_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;

			assert_int_equal(BUILD(intel, &config, vcpu, &cpuid, NULL), 0);
			assert_common_topology(cpuid, vcpu, nr, bits);
			assert_extended_topology(cpuid, 0x1f, vcpu, nr, bits);
			for (unsigned i = 0; i < 4; i++) {
				uint32_t eax = entry(cpuid, 4, i)->eax;

				assert_int_equal(eax >> 14 & 0xfff, i == 3 ? (1 << bits) - 1 : 0);
				assert_int_equal(eax >> 26, (1 << bits) - 1);
				assert_int_equal(eax & 0x3fff, intel[2 + i].eax & 0x3fff);
			}
			assert_zero(cpuid, 4, 4);
			/* reserved on Intel */
			assert_int_equal(entry(cpuid, 0x80000008, 0)->ecx, 0);
			assert_false(cpuid_has(cpuid, "cmp_legacy"));
			assert_null(cpuid_find(cpuid, 0x8000001e, 0));
		}
	}
}

static void amd_topology_is_consistent(void **state)
{
	(void)state;
	for (unsigned m = 0; m < ARRAY_SIZE(machines); m++) {
		unsigned nr = machines[m].nr, bits = machines[m].bits;
		struct cpuid_config config = { .nr_vcpus = nr };

		for (unsigned vcpu = 0; vcpu < nr; vcpu++) {
			_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
			const struct kvm_cpuid_entry2 *e;

			assert_int_equal(BUILD(amd, &config, vcpu, &cpuid, NULL), 0);
			assert_common_topology(cpuid, vcpu, nr, bits);
			assert_null(cpuid_find(cpuid, 0x1f, 0));
			assert_int_equal(cpuid_has(cpuid, "cmp_legacy"), nr > 1);
			assert_zero(cpuid, 4, 0);
			for (unsigned i = 0; i < 4; i++)
				assert_int_equal(entry(cpuid, 0x8000001d, i)->eax >> 14,
						 i == 3 ? nr - 1 : 0);
			e = entry(cpuid, 0x80000008, 0);
			assert_int_equal(e->ecx, (nr - 1) | bits << 12);
			assert_int_equal(e->eax, 0x3030);
			e = entry(cpuid, 0x8000001e, 0);
			assert_int_equal(e->eax, vcpu);
			assert_int_equal(e->ebx, vcpu);
			assert_int_equal(e->ecx | e->edx, 0);
			assert_zero(cpuid, 0x80000026, 0);
		}
	}
}

static void large_machines_saturate(void **state)
{
	struct cpuid_config config = { .nr_vcpus = 300 };
	_cleanup_free_ struct kvm_cpuid2 *on_intel = NULL, *on_amd = NULL;

	(void)state;
	assert_int_equal(BUILD(intel, &config, 299, &on_intel, NULL), 0);
	assert_int_equal(entry(on_intel, 1, 0)->ebx, 0x2bff0800);
	assert_int_equal(entry(on_intel, 4, 3)->eax >> 26, 63);
	assert_int_equal(entry(on_intel, 4, 3)->eax >> 14 & 0xfff, 511);
	assert_extended_topology(on_intel, 0xb, 299, 300, 9);
	assert_int_equal(BUILD(amd, &config, 299, &on_amd, NULL), 0);
	assert_int_equal(entry(on_amd, 0x80000008, 0)->ecx, 0x90ff);
	assert_int_equal(entry(on_amd, 0x8000001e, 0)->eax, 299);
}

static void build_refuses_impossible_machines(void **state)
{
	struct cpu_model model = { 0 };
	struct cpuid_config config = { .nr_vcpus = 0 };
	struct kvm_cpuid2 *cpuid = NULL;
	struct error error;

	(void)state;
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), -EINVAL);
	config.nr_vcpus = 2;
	assert_int_equal(BUILD(intel, &config, 2, &cpuid, &error), -EINVAL);
	config.nr_vcpus = CPUID_MAX_VCPUS + 1;
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), -EINVAL);
	config.nr_vcpus = 256;
	config.model = &model;
	assert_int_equal(cpu_model_parse("host,-x2apic", &model, &error), 0);
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), -EINVAL);
	assert_string_equal(error.message,
			    "256 vCPUs need the feature 'x2apic', without it 255 is the most");
	assert_null(cpuid);
}

static void dynamic_bits_follow_the_parameters(void **state)
{
	struct cpuid_config config = { .nr_vcpus = 1 };
	_cleanup_free_ struct kvm_cpuid2 *without = NULL, *with = NULL;

	(void)state;
	assert_int_equal(BUILD(intel, &config, 0, &without, NULL), 0);
	assert_false(cpuid_has(without, "tsc_deadline_timer"));
	assert_true(cpuid_has(without, "arch_perfmon"));
	assert_int_equal(entry(without, 7, 0)->ecx & 1u << 4, 0); /* OSPKE */
	assert_true(cpuid_has(without, "pku"));
	config.tsc_deadline = true;
	config.hide_pmu = true;
	assert_int_equal(BUILD(intel, &config, 0, &with, NULL), 0);
	assert_true(cpuid_has(with, "tsc_deadline_timer"));
	assert_zero(with, 0xa, 0);
	assert_false(cpuid_has(with, "pdcm"));
}

static void amd_pmu_is_hidden_whole(void **state)
{
	struct cpuid_config config = { .nr_vcpus = 1, .hide_pmu = true };
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;

	(void)state;
	assert_int_equal(BUILD(amd, &config, 0, &cpuid, NULL), 0);
	assert_zero(cpuid, 0xa, 0);
	assert_zero(cpuid, 0x80000022, 0);
	assert_false(cpuid_has(cpuid, "perfctr_core"));
}

static void frequencies_agree(void **state)
{
	struct cpuid_config config = { .nr_vcpus = 1, .tsc_khz = 2600000 };
	_cleanup_free_ struct kvm_cpuid2 *even = NULL, *odd = NULL, *none = NULL, *on_amd = NULL;
	const struct kvm_cpuid_entry2 *e;

	(void)state;
	assert_int_equal(BUILD(intel, &config, 0, &even, NULL), 0);
	assert_int_equal(entry(even, 0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(entry(even, 0x40000010, 0)->eax, 2600000);
	assert_int_equal(entry(even, 0x40000010, 0)->ebx, 1000000);
	e = entry(even, 0x15, 0);
	assert_int_equal((uint64_t)e->ecx * e->ebx / e->eax, 2600000000u);
	assert_int_equal(e->ecx, 1000000000);
	assert_int_equal(entry(even, 0x16, 0)->eax, 2600);

	/* the guest's 32-bit product would overflow */
	config.tsc_khz = 2599999;
	assert_int_equal(BUILD(intel, &config, 0, &odd, NULL), 0);
	assert_zero(odd, 0x15, 0);
	assert_int_equal(entry(odd, 0x40000010, 0)->eax, 2599999);

	assert_int_equal(BUILD(amd, &config, 0, &on_amd, NULL), 0);
	assert_int_equal(entry(on_amd, 0x40000010, 0)->eax, 2599999);
	assert_null(cpuid_find(on_amd, 0x15, 0));

	config.tsc_khz = 0;
	assert_int_equal(BUILD(intel, &config, 0, &none, NULL), 0);
	assert_null(cpuid_find(none, 0x40000010, 0));
	assert_int_equal(entry(none, 0x40000000, 0)->eax, 0x40000001);
}

static void kvm_signature_is_there_even_if_not_reported(void **state)
{
	static const struct kvm_cpuid_entry2 tiny[] = {
		LEAF(0, 1, 0x756e6547, 0x6c65746e, 0x49656e69),
		LEAF(1, 0x600, 0, 0, 0x1000001),
	};
	struct cpuid_config config = { .nr_vcpus = 2, .tsc_khz = 1000000 };
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	const struct kvm_cpuid_entry2 *e;

	(void)state;
	assert_int_equal(BUILD(tiny, &config, 1, &cpuid, NULL), 0);
	e = entry(cpuid, 0x40000000, 0);
	assert_memory_equal(&e->ebx, "KVMK", 4);
	assert_memory_equal(&e->ecx, "VMKV", 4);
	assert_memory_equal(&e->edx, "M\0\0\0", 4);
	assert_zero(cpuid, 0x40000001, 0);
	/* leaf 0 says that there is no 0xB */
	assert_null(cpuid_find(cpuid, 0xb, 0));
	assert_int_equal(cpuid->nent, 5);
}

static void host_keeps_features_and_xsave_sizes(void **state)
{
	struct cpuid_config config = { .nr_vcpus = 4, .tsc_deadline = true };
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;

	(void)state;
	assert_int_equal(BUILD(intel, &config, 2, &cpuid, NULL), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(intel); i++) {
		const struct kvm_cpuid_entry2 *before = &intel[i];

		if (before->function == 0xd || before->function == 0xa ||
		    (before->function == 7 && before->index))
			assert_memory_equal(entry(cpuid, before->function, before->index), before,
					    sizeof(*before));
	}
	assert_int_equal(entry(cpuid, 7, 0)->ebx, 0xf1bf2ffb);
}

static void build_masked(const char *text, const struct kvm_cpuid_entry2 *table, size_t nr,
			 struct kvm_cpuid2 **ret)
{
	struct cpu_model model;
	struct cpuid_config config = { .model = &model, .nr_vcpus = 2, .tsc_deadline = true };
	struct error error = { 0 };

	assert_int_equal(cpu_model_parse(text, &model, &error), 0);
	assert_int_equal(build_with(table, nr, &config, 1, ret, &error), 0);
}

static void masks_take_away_what_builds_on_them(void **state)
{
	static const char *const gone[] = { "avx",      "avx2",        "fma",      "avx512f",
					    "avx512vl", "avx512_vnni", "avx_vnni", "vaes" };
	_cleanup_free_ struct kvm_cpuid2 *avx = NULL, *xsave = NULL, *amx = NULL;

	(void)state;
	build_masked("host,-avx,-cx16", intel, ARRAY_SIZE(intel), &avx);
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		assert_false(cpuid_has(avx, gone[i]));
	assert_false(cpuid_has(avx, "cx16"));
	assert_true(cpuid_has(avx, "sse4_2"));
	assert_true(cpuid_has(avx, "xsave"));
	/* XCR0: x87, SSE, PKRU and AMX stay; AMX ends last */
	assert_int_equal(entry(avx, 0xd, 0)->eax, 0x60203);
	assert_int_equal(entry(avx, 0xd, 0)->ecx, 0xb00 + 0x2000);
	assert_zero(avx, 0xd, 2);
	assert_zero(avx, 0xd, 7);

	build_masked("host,-xsave", intel, ARRAY_SIZE(intel), &xsave);
	assert_zero(xsave, 0xd, 0);
	assert_zero(xsave, 0xd, 1);
	assert_false(cpuid_has(xsave, "avx"));
	assert_false(cpuid_has(xsave, "pku"));
	assert_false(cpuid_has(xsave, "amx_tile"));

	build_masked("host,-amx-tile", intel, ARRAY_SIZE(intel), &amx);
	assert_zero(amx, 0x1d, 0);
	assert_false(cpuid_has(amx, "amx_int8"));
	assert_int_equal(entry(amx, 0xd, 0)->eax, 0x2e7);
	assert_int_equal(entry(amx, 0xd, 0)->ecx, 0xa88);
}

static void masks_on_amd_reach_the_copies(void **state)
{
	_cleanup_free_ struct kvm_cpuid2 *mmx = NULL, *svm = NULL, *topoext = NULL;

	(void)state;
	build_masked("host,-mmx", amd, ARRAY_SIZE(amd), &mmx);
	assert_int_equal(entry(mmx, 0x80000001, 0)->edx & 1u << 23, 0);
	assert_false(cpuid_has(mmx, "mmxext"));
	build_masked("host,-svm", amd, ARRAY_SIZE(amd), &svm);
	assert_zero(svm, 0x8000000a, 0);
	build_masked("host,-topoext", amd, ARRAY_SIZE(amd), &topoext);
	assert_zero(topoext, 0x8000001d, 3);
	assert_zero(topoext, 0x8000001e, 0);
}

static void hypervisor_can_be_hidden(void **state)
{
	_cleanup_free_ struct kvm_cpuid2 *hidden = NULL, *clock = NULL;

	(void)state;
	build_masked("host,-hypervisor", intel, ARRAY_SIZE(intel), &hidden);
	assert_false(cpuid_has(hidden, "hypervisor"));
	assert_null(cpuid_find(hidden, 0x40000000, 0));
	assert_null(cpuid_find(hidden, 0x40000001, 0));
	build_masked("host,kvmclock=off,-pmu", intel, ARRAY_SIZE(intel), &clock);
	assert_int_equal(entry(clock, 0x40000001, 0)->eax, 0x7ef2);
	assert_zero(clock, 0xa, 0);
}

static void required_features_are_checked(void **state)
{
	struct cpu_model model;
	struct cpuid_config config = { .model = &model, .nr_vcpus = 1 };
	struct kvm_cpuid2 *cpuid = NULL;
	struct error error;

	(void)state;
	assert_int_equal(cpu_model_parse("host,+avx512f", &model, &error), 0);
	assert_int_equal(BUILD(amd, &config, 0, &cpuid, &error), -ENOTSUP);
	assert_string_equal(error.message, "--cpu: KVM does not offer the required feature "
					   "'avx512f' on this host");
	assert_null(cpuid);
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), 0);
	free(cpuid);
	cpuid = NULL;

	/* the capability decides, not the table */
	assert_int_equal(cpu_model_parse("host,+tsc-deadline", &model, &error), 0);
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), -ENOTSUP);
	config.tsc_deadline = true;
	assert_int_equal(BUILD(intel, &config, 0, &cpuid, &error), 0);
	free(cpuid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intel_topology_is_consistent),
		cmocka_unit_test(amd_topology_is_consistent),
		cmocka_unit_test(large_machines_saturate),
		cmocka_unit_test(build_refuses_impossible_machines),
		cmocka_unit_test(dynamic_bits_follow_the_parameters),
		cmocka_unit_test(amd_pmu_is_hidden_whole),
		cmocka_unit_test(frequencies_agree),
		cmocka_unit_test(kvm_signature_is_there_even_if_not_reported),
		cmocka_unit_test(host_keeps_features_and_xsave_sizes),
		cmocka_unit_test(masks_take_away_what_builds_on_them),
		cmocka_unit_test(masks_on_amd_reach_the_copies),
		cmocka_unit_test(hypervisor_can_be_hidden),
		cmocka_unit_test(required_features_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
