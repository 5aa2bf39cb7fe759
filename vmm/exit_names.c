/* SPDX-License-Identifier: MIT */
/* Names of exits and exceptions. */
#include "vmm/exit_names.h"
#include "base/kvm_reasons.h"

static const char *const vmx_exits[] = {
	[0] = "exception or NMI",
	[1] = "external interrupt",
	[2] = "triple fault",
	[3] = "INIT signal",
	[4] = "start-up IPI",
	[5] = "I/O SMI",
	[6] = "other SMI",
	[7] = "interrupt window",
	[8] = "NMI window",
	[9] = "task switch",
	[10] = "CPUID",
	[11] = "GETSEC",
	[12] = "HLT",
	[13] = "INVD",
	[14] = "INVLPG",
	[15] = "RDPMC",
	[16] = "RDTSC",
	[17] = "RSM",
	[18] = "VMCALL",
	[19] = "VMCLEAR",
	[20] = "VMLAUNCH",
	[21] = "VMPTRLD",
	[22] = "VMPTRST",
	[23] = "VMREAD",
	[24] = "VMRESUME",
	[25] = "VMWRITE",
	[26] = "VMXOFF",
	[27] = "VMXON",
	[28] = "control-register access",
	[29] = "MOV DR",
	[30] = "I/O instruction",
	[31] = "RDMSR",
	[32] = "WRMSR",
	[33] = "VM-entry failure: invalid guest state",
	[34] = "VM-entry failure: MSR loading",
	[36] = "MWAIT",
	[37] = "monitor trap flag",
	[39] = "MONITOR",
	[40] = "PAUSE",
	[41] = "VM-entry failure: machine check",
	[43] = "TPR below threshold",
	[44] = "APIC access",
	[45] = "virtualized EOI",
	[46] = "access to GDTR or IDTR",
	[47] = "access to LDTR or TR",
	[48] = "EPT violation",
	[49] = "EPT misconfiguration",
	[50] = "INVEPT",
	[51] = "RDTSCP",
	[52] = "VMX-preemption timer",
	[53] = "INVVPID",
	[54] = "WBINVD or WBNOINVD",
	[55] = "XSETBV",
	[56] = "APIC write",
	[57] = "RDRAND",
	[58] = "INVPCID",
	[59] = "VMFUNC",
	[60] = "ENCLS",
	[61] = "RDSEED",
	[62] = "page-modification log full",
	[63] = "XSAVES",
	[64] = "XRSTORS",
	[67] = "UMWAIT",
	[68] = "TPAUSE",
	[74] = "bus lock",
	[75] = "notify",
};

static const char *const svm_exits[] = {
	[0x60] = "physical interrupt",
	[0x61] = "physical NMI",
	[0x62] = "physical SMI",
	[0x63] = "physical INIT",
	[0x64] = "virtual interrupt",
	[0x6e] = "RDTSC",
	[0x6f] = "RDPMC",
	[0x70] = "PUSHF",
	[0x71] = "POPF",
	[0x72] = "CPUID",
	[0x73] = "RSM",
	[0x74] = "IRET",
	[0x75] = "software interrupt",
	[0x76] = "INVD",
	[0x77] = "PAUSE",
	[0x78] = "HLT",
	[0x79] = "INVLPG",
	[0x7a] = "INVLPGA",
	[0x7b] = "I/O instruction",
	[0x7c] = "MSR access",
	[0x7d] = "task switch",
	[0x7e] = "FERR freeze",
	[0x7f] = "shutdown",
	[0x80] = "VMRUN",
	[0x81] = "VMMCALL",
	[0x82] = "VMLOAD",
	[0x83] = "VMSAVE",
	[0x84] = "STGI",
	[0x85] = "CLGI",
	[0x86] = "SKINIT",
	[0x87] = "RDTSCP",
	[0x88] = "ICEBP",
	[0x89] = "WBINVD",
	[0x8a] = "MONITOR",
	[0x8b] = "MWAIT",
	[0x8d] = "XSETBV",
	[0x8e] = "RDPRU",
	[0xa2] = "INVPCID",
};

static const char *const vectors[] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
	"#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};

static const char *lookup(const char *const *names, size_t nr, uint64_t number)
{
	return number < nr ? names[number] : NULL;
}

const char *kvm_exit_reason_name(unsigned reason)
{
	const char *name = kvm_reason_name(reason);

	return name ? name : "an exit this program does not know";
}

const char *vmx_exit_name(uint64_t reason)
{
	return lookup(vmx_exits, ARRAY_SIZE(vmx_exits), reason & 0xffff);
}

const char *svm_exit_name(uint64_t code)
{
	/* VMEXIT_INVALID: KVM stores it as it comes, as 32 or as 64 bits. */
	if (code == UINT64_MAX || code == UINT32_MAX)
		return "invalid guest state";
	if (code == 0x400)
		return "nested page fault";
	if (code == 0x401)
		return "incomplete IPI delivery";
	if (code == 0x402)
		return "AVIC access";
	if (code >= 0x40 && code < 0x60)
		return "exception";
	return lookup(svm_exits, ARRAY_SIZE(svm_exits), code);
}

const char *x86_vector_name(unsigned vector)
{
	return lookup(vectors, ARRAY_SIZE(vectors), vector);
}
