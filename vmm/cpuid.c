/* SPDX-License-Identifier: MIT */
/*
 * From KVM's supported CPUID to a vCPU's.
 *
 * SDM: Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 2A, CPUID, and vol. 3A,
 * "Multiple-Processor Management" (topology enumeration).  APM: AMD64 Architecture Programmer's
 * Manual, vol. 3, appendix E.  KVM: Linux Documentation/virt/kvm/x86/cpuid.rst and api.rst 4.46.
 *
 * The order matters: identity and topology first, then the user's mask, then what follows from a
 * missing feature, and last the check of what the user requires.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/cpuid.h"

/* Leaves 0xB and 0x1F with three sub-leaves each, and three hypervisor leaves. */
#define EXTRA_ENTRIES          9u

#define KVM_LEAF_SIGNATURE     0x40000000u
#define KVM_LEAF_FEATURES      0x40000001u
#define HYPERVISOR_LEAF_TIMING 0x40000010u
#define HYPERVISOR_LEAF_LAST   0x400000ffu

#define APIC_BUS_KHZ_DEFAULT   1000000u

/* CPUID.01H */
#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_OSXSAVE      (1u << 27)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_EDX_HTT          (1u << 28)
/* CPUID.07H.0 */
#define LEAF7_ECX_OSPKE        (1u << 4)
/* CPUID.80000001H */
#define EXT1_ECX_CMP_LEGACY    (1u << 1)
/* CPUID.80000001H:EDX repeats these bits of CPUID.01H:EDX on AMD (APM vol. 3, E.4.2). */
#define EXT1_EDX_MIRRORED      0x0183f3ffu

/* SDM vol. 2A, CPUID leaf 0BH, ECX[15:8] */
enum topology_level { LEVEL_INVALID = 0, LEVEL_SMT = 1, LEVEL_CORE = 2 };

struct topology {
	uint32_t apic_id;
	uint32_t nr_vcpus;
	unsigned core_bits; /* APIC ID bits within the package */
};

/* What one build works on. */
struct builder {
	struct kvm_cpuid2 *cpuid;
	const struct kvm_cpuid2 *supported;
	const struct cpuid_config *config;
	struct topology topology;
	bool amd; /* or Hygon, its licensee: leaves above 0x80000000 carry the topology */
};

/* The index of the entry, or nent. */
static uint32_t find_index(const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == leaf &&
		    (entry->index == index || !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			break;
	}
	return i;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index)
{
	uint32_t i = find_index(cpuid, leaf, index);

	return i < cpuid->nent ? &cpuid->entries[i] : NULL;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t leaf,
					  uint32_t index)
{
	uint32_t i = find_index(cpuid, leaf, index);

	return i < cpuid->nent ? &cpuid->entries[i] : NULL;
}

static uint32_t *entry_register(struct kvm_cpuid_entry2 *entry, enum cpuid_register reg)
{
	switch (reg) {
	case CPUID_EAX: return &entry->eax;
	case CPUID_EBX: return &entry->ebx;
	case CPUID_ECX: return &entry->ecx;
	case CPUID_EDX: return &entry->edx;
	}
	return &entry->eax;
}

static bool has_feature(const struct kvm_cpuid2 *cpuid, const struct cpu_feature *feature)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, feature->leaf, feature->index);
	struct kvm_cpuid_entry2 copy;

	if (!entry)
		return false;
	copy = *entry;
	return *entry_register(&copy, feature->reg) & feature->mask;
}

bool cpuid_has(const struct kvm_cpuid2 *cpuid, const char *name)
{
	size_t index;

	return cpu_feature_find(name, &index) == 0 && has_feature(cpuid, &cpu_features[index]);
}

/* The highest leaf of a range that starts at @base; 0 if there is none. */
static uint32_t max_leaf(const struct kvm_cpuid2 *cpuid, uint32_t base)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, base, 0);

	return entry ? entry->eax : 0;
}

static void remove_leaves(struct kvm_cpuid2 *cpuid, uint32_t first, uint32_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function < first || cpuid->entries[i].function > last)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
}

/* cpuid_build() has made room for EXTRA_ENTRIES of these. */
static struct kvm_cpuid_entry2 *add_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index,
					  uint32_t flags)
{
	struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->nent++];

	*entry = (struct kvm_cpuid_entry2){ .function = leaf, .index = index, .flags = flags };
	return entry;
}

static void clear_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == leaf)
			entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
	}
}

static uint32_t replace_field(uint32_t value, unsigned shift, unsigned width, uint32_t field)
{
	uint32_t mask = ((1u << width) - 1) << shift;

	return (value & ~mask) | (MIN(field, mask >> shift) << shift);
}

static bool is_amd(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 0, 0);
	char vendor[12];

	if (!entry)
		return false;
	memcpy(vendor, &entry->ebx, 4);
	memcpy(vendor + 4, &entry->edx, 4);
	memcpy(vendor + 8, &entry->ecx, 4);
	return memcmp(vendor, "AuthenticAMD", sizeof(vendor)) == 0 ||
	       memcmp(vendor, "HygonGenuine", sizeof(vendor)) == 0;
}

/* SDM vol. 2A, CPUID leaf 01H; APM vol. 3, E.3.2 */
static void build_identity(const struct builder *b)
{
	struct kvm_cpuid_entry2 *leaf1 = find(b->cpuid, 1, 0), *leaf7 = find(b->cpuid, 7, 0);

	if (leaf1) {
		leaf1->ebx = replace_field(leaf1->ebx, 16, 8, MIN(b->topology.nr_vcpus, 255u));
		leaf1->ebx = replace_field(leaf1->ebx, 24, 8, b->topology.apic_id & 0xff);
		leaf1->edx &= ~LEAF1_EDX_HTT;
		if (b->topology.nr_vcpus > 1)
			leaf1->edx |= LEAF1_EDX_HTT;
		leaf1->ecx |= LEAF1_ECX_HYPERVISOR;
		/* Old KVMs leave the bit out of the supported set and tell by the capability. */
		leaf1->ecx &= ~LEAF1_ECX_TSC_DEADLINE;
		if (b->config->tsc_deadline)
			leaf1->ecx |= LEAF1_ECX_TSC_DEADLINE;
		/* These two mirror CR4 of the guest; KVM keeps them. */
		leaf1->ecx &= ~LEAF1_ECX_OSXSAVE;
	}
	if (leaf7)
		leaf7->ecx &= ~LEAF7_ECX_OSPKE;
}

/* SDM vol. 2A, CPUID leaves 0BH and 1FH: one sub-leaf a level, closed by an invalid one. */
static void build_extended_topology(const struct builder *b, uint32_t leaf)
{
	const struct {
		enum topology_level level;
		uint32_t shift, count;
	} levels[] = {
		{ LEVEL_SMT, 0, 1 },
		{ LEVEL_CORE, b->topology.core_bits, b->topology.nr_vcpus },
		{ LEVEL_INVALID, 0, 0 },
	};

	remove_leaves(b->cpuid, leaf, leaf);
	for (uint32_t i = 0; i < ARRAY_SIZE(levels); i++) {
		struct kvm_cpuid_entry2 *entry =
			add_entry(b->cpuid, leaf, i, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

		entry->eax = levels[i].shift;
		entry->ebx = levels[i].count;
		entry->ecx = i | (uint32_t)levels[i].level << 8;
		entry->edx = b->topology.apic_id;
	}
}

/*
 * SDM vol. 2A, CPUID leaf 04H; APM vol. 3, E.4.15 (8000001DH).  Type in EAX[4:0], level in
 * EAX[7:5], sharers - 1 in EAX[25:14]: the levels below the third belong to one core, the rest to
 * the package. Intel counts addressable APIC IDs, AMD processors.
 */
static void build_cache_sharing(const struct builder *b)
{
	uint32_t leaf = b->amd ? 0x8000001du : 4u;
	uint32_t addressable = 1u << b->topology.core_bits;
	uint32_t sharers = b->amd ? b->topology.nr_vcpus : addressable;

	for (uint32_t i = 0; i < b->cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &b->cpuid->entries[i];
		unsigned type = entry->eax & 0x1f, level = entry->eax >> 5 & 7;

		if (entry->function != leaf || type == 0)
			continue;
		entry->eax = replace_field(entry->eax, 14, 12, level < 3 ? 0 : sharers - 1);
		/* EAX[31:26], addressable core IDs - 1, is Intel's alone; it saturates. */
		entry->eax = replace_field(entry->eax, 26, 6, b->amd ? 0 : addressable - 1);
	}
}

/* APM vol. 3, E.4.2 (80000001H), E.4.7 (80000008H), E.4.16 (8000001EH) */
static void build_amd_topology(const struct builder *b)
{
	struct kvm_cpuid_entry2 *entry = find(b->cpuid, 0x80000001, 0);

	if (entry) {
		entry->ecx &= ~EXT1_ECX_CMP_LEGACY;
		if (b->amd && b->topology.nr_vcpus > 1)
			entry->ecx |= EXT1_ECX_CMP_LEGACY;
	}
	if (!b->amd)
		return;

	entry = find(b->cpuid, 0x80000008, 0);
	if (entry) {
		/* NC, ECX[7:0]: processors - 1; ApicIdSize, ECX[15:12] */
		entry->ecx = replace_field(entry->ecx, 0, 8, b->topology.nr_vcpus - 1);
		entry->ecx = replace_field(entry->ecx, 12, 4, b->topology.core_bits);
	}
	entry = find(b->cpuid, 0x8000001e, 0);
	if (entry) {
		entry->eax = b->topology.apic_id;
		/* ThreadsPerCore - 1 in EBX[15:8], CoreId in EBX[7:0] */
		entry->ebx = b->topology.apic_id & 0xff;
		/* NodesPerProcessor - 1 in ECX[10:8], NodeId in ECX[7:0] */
		entry->ecx = 0;
		entry->edx = 0;
	}
	/* The newer AMD topology leaf would speak of the host; without it guests use 0xB. */
	clear_leaf(b->cpuid, 0x80000026);
}

static void build_topology(const struct builder *b)
{
	uint32_t max = max_leaf(b->cpuid, 0);

	build_cache_sharing(b);
	build_amd_topology(b);
	if (max >= 0xb)
		build_extended_topology(b, 0xb);
	/* Guests prefer 0x1F, so it must not stay empty where the host's processor has it. */
	if (cpuid_find(b->cpuid, 0x1f, 0))
		build_extended_topology(b, 0x1f);
}

/*
 * Linux Documentation/virt/kvm/x86/cpuid.rst; the timing leaf is a convention among hypervisors:
 * EAX is the TSC's frequency, EBX the local APIC bus's, both in kHz.
 */
static void build_hypervisor_leaves(const struct builder *b)
{
	struct kvm_cpuid_entry2 *entry = find(b->cpuid, KVM_LEAF_SIGNATURE, 0);
	char signature[12] = "KVMKVMKVM";

	if (!entry)
		entry = add_entry(b->cpuid, KVM_LEAF_SIGNATURE, 0, 0);
	entry->eax = MAX(entry->eax, KVM_LEAF_FEATURES);
	memcpy(&entry->ebx, signature, 4);
	memcpy(&entry->ecx, signature + 4, 4);
	memcpy(&entry->edx, signature + 8, 4);

	if (b->config->tsc_khz) {
		entry->eax = MAX(entry->eax, HYPERVISOR_LEAF_TIMING);
		remove_leaves(b->cpuid, HYPERVISOR_LEAF_TIMING, HYPERVISOR_LEAF_TIMING);
		entry = add_entry(b->cpuid, HYPERVISOR_LEAF_TIMING, 0, 0);
		entry->eax = b->config->tsc_khz;
		entry->ebx = b->config->apic_bus_khz;
	}
	if (!find(b->cpuid, KVM_LEAF_FEATURES, 0))
		(void)add_entry(b->cpuid, KVM_LEAF_FEATURES, 0, 0);
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * SDM vol. 2A, CPUID leaves 15H and 16H: TSC = ECX Hz * EBX / EAX.  The crystal has to be the APIC
 * timer's clock, for guests take the one for the other.  Guests multiply in 32 bits; where that
 * would overflow the leaf says nothing, which the SDM allows.
 */
static void build_frequencies(const struct builder *b)
{
	struct kvm_cpuid_entry2 *tsc = find(b->cpuid, 0x15, 0), *cpu = find(b->cpuid, 0x16, 0);
	uint32_t tsc_khz = b->config->tsc_khz, bus_khz = b->config->apic_bus_khz;
	uint32_t divisor, product, hz;

	if (!tsc_khz || b->amd)
		return;
	clear_leaf(b->cpuid, 0x15);
	clear_leaf(b->cpuid, 0x16);
	divisor = greatest_common_divisor(tsc_khz, bus_khz);
	if (tsc && !__builtin_mul_overflow(bus_khz, tsc_khz / divisor, &product) &&
	    !__builtin_mul_overflow(bus_khz, 1000u, &hz)) {
		tsc->eax = bus_khz / divisor;
		tsc->ebx = tsc_khz / divisor;
		tsc->ecx = hz;
	}
	if (cpu) {
		/* base, maximum and bus frequency in MHz */
		cpu->eax = (tsc_khz + 500) / 1000;
		cpu->ebx = cpu->eax;
		cpu->ecx = bus_khz / 1000;
	}
}

static void remove_feature(struct kvm_cpuid2 *cpuid, const struct cpu_feature *feature)
{
	struct kvm_cpuid_entry2 *entry = find(cpuid, feature->leaf, feature->index);

	if (entry)
		*entry_register(entry, feature->reg) &= ~feature->mask;
}

static void apply_model(const struct builder *b)
{
	static const char *const pmu[] = { "arch_perfmon", "pdcm", "perfctr_core", "perfmon_v2" };
	size_t index;

	for (size_t i = 0; b->config->model && i < cpu_features_nr; i++) {
		if (cpu_model_removes(b->config->model, i))
			remove_feature(b->cpuid, &cpu_features[i]);
	}
	for (size_t i = 0; b->config->hide_pmu && i < ARRAY_SIZE(pmu); i++) {
		if (cpu_feature_find(pmu[i], &index) == 0)
			remove_feature(b->cpuid, &cpu_features[index]);
	}
}

static bool was_removed(const struct builder *b, const char *name)
{
	return cpuid_has(b->supported, name) && !cpuid_has(b->cpuid, name);
}

/*
 * SDM vol. 2A, CPUID leaf 0DH, and vol. 1, 13.1: the state components XCR0 may enable (EDX:EAX of
 * sub-leaf 0) and IA32_XSS (ECX of sub-leaf 1) go when their feature was taken away.  KVM keeps EBX
 * itself, from the guest's XCR0; ECX is the size with everything enabled.
 */
static void trim_xsave(const struct builder *b)
{
	static const struct {
		unsigned component;
		const char *feature, *or_feature;
	} components[] = {
		{ 2, "avx", NULL },       { 3, "mpx", NULL },       { 4, "mpx", NULL },
		{ 5, "avx512f", NULL },   { 6, "avx512f", NULL },   { 7, "avx512f", NULL },
		{ 8, "intel_pt", NULL },  { 9, "pku", NULL },       { 10, "enqcmd", NULL },
		{ 11, "shstk", "ibt" },   { 11, "ibt", "shstk" },   { 12, "shstk", "ibt" },
		{ 12, "ibt", "shstk" },   { 15, "arch_lbr", NULL }, { 17, "amx_tile", NULL },
		{ 18, "amx_tile", NULL },
	};
	struct kvm_cpuid_entry2 *user = find(b->cpuid, 0xd, 0), *system = find(b->cpuid, 0xd, 1);
	uint32_t size = 512 + 64; /* legacy area and header: SDM vol. 1, 13.4 */
	uint32_t before;

	if (!user)
		return;
	before = user->eax;
	for (unsigned i = 0; i < ARRAY_SIZE(components); i++) {
		unsigned component = components[i].component;
		struct kvm_cpuid_entry2 *entry = find(b->cpuid, 0xd, component);

		if (!was_removed(b, components[i].feature) ||
		    (components[i].or_feature && cpuid_has(b->cpuid, components[i].or_feature)))
			continue;
		user->eax &= ~(1u << component);
		if (system)
			system->ecx &= ~(1u << component);
		if (entry)
			entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
	}
	if (user->eax == before)
		return;
	for (unsigned i = 2; i < 32; i++) {
		const struct kvm_cpuid_entry2 *entry = cpuid_find(b->cpuid, 0xd, i);

		if (entry && user->eax >> i & 1)
			size = MAX(size, entry->ebx + entry->eax);
	}
	user->ecx = size;
	user->ebx = MIN(user->ebx, size);
}

/* What follows from a feature that is not there, whoever took it away. */
static void settle(const struct builder *b)
{
	static const struct {
		uint32_t leaf;
		const char *needs;
	} leaves[] = {
		{ 0xa, "arch_perfmon" },
		{ 0xd, "xsave" },
		{ 0x12, "sgx" },
		{ 0x14, "intel_pt" },
		{ 0x1c, "arch_lbr" },
		{ 0x1d, "amx_tile" },
		{ 0x1e, "amx_tile" },
		{ 0x8000000a, "svm" },
		{ 0x8000001d, "topoext" },
		{ 0x8000001e, "topoext" },
		{ 0x80000022, "perfmon_v2" },
	};
	const struct kvm_cpuid_entry2 *leaf1 = cpuid_find(b->cpuid, 1, 0);
	struct kvm_cpuid_entry2 *ext1 = find(b->cpuid, 0x80000001, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (!cpuid_has(b->cpuid, leaves[i].needs))
			clear_leaf(b->cpuid, leaves[i].leaf);
	}
	trim_xsave(b);
	if (b->amd && leaf1 && ext1)
		ext1->edx &= leaf1->edx | ~EXT1_EDX_MIRRORED;
	/* Without the bit nobody looks for them, and whoever takes it away wants them hidden. */
	if (!cpuid_has(b->cpuid, "hypervisor"))
		remove_leaves(b->cpuid, KVM_LEAF_SIGNATURE, HYPERVISOR_LEAF_LAST);
}

static int check_model(const struct builder *b, struct error *error)
{
	for (size_t i = 0; b->config->model && i < cpu_features_nr; i++) {
		if (cpu_model_requires(b->config->model, i) &&
		    !has_feature(b->cpuid, &cpu_features[i]))
			return error_set(error, -ENOTSUP,
					 "--cpu: KVM does not offer the required feature '%s' on "
					 "this host",
					 cpu_features[i].name);
	}
	if (b->config->nr_vcpus > 255 && !cpuid_has(b->cpuid, "x2apic"))
		return error_set(error, -EINVAL,
				 "%u vCPUs need the feature 'x2apic', without it 255 is the most",
				 b->config->nr_vcpus);
	return 0;
}

int cpuid_build(const struct kvm_cpuid2 *supported, const struct cpuid_config *config,
		unsigned vcpu, struct kvm_cpuid2 **ret_cpuid, struct error *error)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	struct cpuid_config settled = *config;
	struct builder b = { .supported = supported, .config = &settled };
	size_t size;
	int r;

	if (config->nr_vcpus < 1 || config->nr_vcpus > CPUID_MAX_VCPUS || vcpu >= config->nr_vcpus)
		return error_set(error, -EINVAL,
				 "vCPU %u of %u cannot be: 1 to %u vCPUs are possible", vcpu,
				 config->nr_vcpus, CPUID_MAX_VCPUS);
	if (!settled.apic_bus_khz)
		settled.apic_bus_khz = APIC_BUS_KHZ_DEFAULT;

	size = sizeof(*cpuid) +
	       ((size_t)supported->nent + EXTRA_ENTRIES) * sizeof(cpuid->entries[0]);
	cpuid = calloc(1, size);
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = supported->nent;
	memcpy(cpuid->entries, supported->entries, supported->nent * sizeof(cpuid->entries[0]));

	b.cpuid = cpuid;
	b.amd = is_amd(cpuid);
	b.topology = (struct topology){ .apic_id = vcpu, .nr_vcpus = config->nr_vcpus };
	while ((1u << b.topology.core_bits) < config->nr_vcpus)
		b.topology.core_bits++;

	build_identity(&b);
	build_topology(&b);
	build_hypervisor_leaves(&b);
	build_frequencies(&b);
	apply_model(&b);
	settle(&b);
	r = check_model(&b, error);
	if (r < 0)
		return r;
	*ret_cpuid = TAKE_PTR(cpuid);
	return 0;
}
