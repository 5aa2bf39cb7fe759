/* SPDX-License-Identifier: MIT */
/*
 * Reports about dead vCPUs.
 *
 * SDM: Intel 64 and IA-32 Architectures Software Developer's Manual.  APM: AMD64 Architecture
 * Programmer's Manual.  What KVM puts into its data words is from Linux arch/x86/kvm; it is not
 * ABI, so every word is also shown as it came.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/diagnose.h"
#include "vmm/disassemble.h"
#include "vmm/exit_names.h"

#define LISTING_LINES 6u

/* SDM vol. 3A, 2.5; APM vol. 2, 3.1.7 */
#define CR0_PE        (1ull << 0)
#define CR0_PG        (1ull << 31)
#define EFER_LMA      (1ull << 10)

#define PAGE_BYTES    4096u

/* What people are told about a kind of death; lists end with NULL. */
struct advice {
	const char *what; /* in the headline, after "guest stopped by" */
	const char *meaning;
	const char *const *causes;
	const char *const *tries;
};

static uint64_t linear_rip(const struct diagnose_vcpu *vcpu)
{
	uint64_t linear = vcpu->cs_base + vcpu->regs->rip;

	/* Outside 64-bit mode, linear addresses wrap at 4 GiB (SDM vol. 3A, 3.4). */
	return vcpu->regs->efer & EFER_LMA && vcpu->regs->cs_long ? vcpu->regs->rip
								  : (uint32_t)linear;
}

static void write_headline(FILE *out, const struct diagnose_vcpu *vcpu, const char *what)
{
	uint64_t addr = linear_rip(vcpu);
	struct elf_symbol symbol;
	char name[256];

	(void)fprintf(out, "guest stopped by %s at RIP 0x%" PRIx64, what, vcpu->regs->rip);
	if (addr != vcpu->regs->rip)
		(void)fprintf(out, " (linear 0x%" PRIx64 ")", addr);
	if (vcpu->symbols && elf_symbols_find(vcpu->symbols, addr, &symbol) == 0)
		(void)fprintf(out, " (%s)",
			      elf_symbols_format(vcpu->symbols, addr, name, sizeof(name)));
	(void)fprintf(out, ", vCPU %u\n", vcpu->index);
}

static void write_list(FILE *out, const char *title, const char *const *lines)
{
	if (!lines || !lines[0])
		return;
	(void)fprintf(out, "  %s:\n", title);
	for (; *lines; lines++)
		(void)fprintf(out, "    - %s\n", *lines);
}

static const char *mode_name(const struct diagnose_vcpu *vcpu)
{
	if (!(vcpu->regs->cr0 & CR0_PE))
		return "real mode";
	switch (disassemble_code_bits(vcpu->regs, vcpu->cs_db)) {
	case CODE_16: return "16-bit protected mode";
	case CODE_32: return "32-bit protected mode";
	case CODE_64: return "64-bit mode";
	}
	return "";
}

static void write_code(FILE *out, const struct diagnose_vcpu *vcpu)
{
	int r;

	(void)fprintf(out, "  code, %s:\n", mode_name(vcpu));
	if (vcpu->code_len == 0) {
		(void)fputs("     not readable: RIP is not mapped, or not to RAM\n", out);
		return;
	}
	r = disassemble_write(out, disassemble_code_bits(vcpu->regs, vcpu->cs_db), linear_rip(vcpu),
			      vcpu->code, vcpu->code_len, LISTING_LINES, vcpu->symbols);
	if (r == -ENOTSUP)
		(void)fputs("     not shown: libcapstone is not installed\n", out);
	else if (r < 0)
		(void)fputs("     the disassembler ran out of memory\n", out);
}

static void write_registers(FILE *out, const struct x86_regs *r)
{
	static const char *const names[16] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi",
					       "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					       "r12", "r13", "r14", "r15" };

	(void)fputs("  registers:\n", out);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		(void)fprintf(out, "%s%-3s %016" PRIx64 "%s", i % 4 == 0 ? "    " : "  ", names[i],
			      r->gpr[i], i % 4 == 3 ? "\n" : "");
	(void)fprintf(out,
		      "    rip %016" PRIx64 "  rflags %08" PRIx64 "  cs %04x  ss %04x  ds %04x"
		      "  es %04x  fs %04x  gs %04x\n",
		      r->rip, r->rflags, r->cs, r->ss, r->ds, r->es, r->fs, r->gs);
	(void)fprintf(out,
		      "    cr0 %08" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64
		      "  cr4 %08" PRIx64 "  cr8 %" PRIx64 "  efer %" PRIx64 "\n",
		      r->cr0, r->cr2, r->cr3, r->cr4, r->cr8, r->efer);
	(void)fprintf(out,
		      "    fs_base %016" PRIx64 "  gs_base %016" PRIx64 "  k_gs_base %016" PRIx64
		      "\n",
		      r->fs_base, r->gs_base, r->k_gs_base);
}

/* The part that is the same in every report, after what is special to it. */
static void write_machine(FILE *out, const struct diagnose_vcpu *vcpu, const char *const *tries)
{
	write_code(out, vcpu);
	write_registers(out, vcpu->regs);
	write_list(out, "what to try", tries);
}

static const char *processor_exit_name(enum diagnose_processor processor, uint64_t reason)
{
	switch (processor) {
	case DIAGNOSE_PROCESSOR_VMX: return vmx_exit_name(reason);
	case DIAGNOSE_PROCESSOR_SVM: return svm_exit_name(reason);
	case DIAGNOSE_PROCESSOR_UNKNOWN: return NULL;
	}
	return NULL;
}

static void write_exit_reason(FILE *out, enum diagnose_processor processor, uint64_t reason)
{
	const char *name = processor_exit_name(processor, reason);

	(void)fprintf(out, "0x%" PRIx64 "%s%s%s", reason, name ? " (" : "", name ? name : "",
		      name ? ")" : "");
}

/*
 * SDM vol. 3C, "IDT-Vectoring Information" and "VM-Exit Interruption Information"; EXITINTINFO and
 * EVENTINJ of APM vol. 2, 15.7.2 and 15.20 have the same layout.
 */
static void write_event(FILE *out, uint64_t info)
{
	static const char *const types[8] = {
		"external interrupt", "reserved type",      "NMI",
		"hardware exception", "software interrupt", "privileged software exception",
		"software exception", "other event",
	};
	unsigned vector = info & 0xff, type = info >> 8 & 7;
	const char *name = type == 0 || type == 4 ? NULL : x86_vector_name(vector);

	if (!(info >> 31 & 1)) {
		(void)fprintf(out, "0x%" PRIx64 " (no event)", info);
		return;
	}
	(void)fprintf(out, "0x%" PRIx64 " (%s, vector %u%s%s)", info, types[type], vector,
		      name ? " " : "", name ? name : "");
}

enum data_kind { DATA_PLAIN, DATA_EVENT, DATA_EXIT_REASON };

struct data_label {
	const char *name;
	enum data_kind kind;
};

#define INTERNAL_DATA_MAX ARRAY_SIZE(((struct kvm_run *)0)->internal.data)

/* @labels names the first words, as far as it goes; it ends with an empty element. */
static void write_data(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run,
		       unsigned first, const struct data_label *labels)
{
	unsigned nr = (unsigned)MIN(run->internal.ndata, INTERNAL_DATA_MAX);

	if (first >= nr)
		return;
	(void)fputs("  what KVM recorded:\n", out);
	for (unsigned i = first; i < nr; i++) {
		uint64_t word = run->internal.data[i];

		(void)fprintf(out, "    %s: ", labels->name ? labels->name : "word");
		switch (labels->name ? labels->kind : DATA_PLAIN) {
		case DATA_PLAIN: (void)fprintf(out, "0x%" PRIx64, word); break;
		case DATA_EVENT: write_event(out, word); break;
		case DATA_EXIT_REASON: write_exit_reason(out, vcpu->processor, word); break;
		}
		(void)fputc('\n', out);
		if (labels->name)
			labels++;
	}
}

static const char *const emulation_causes[] = {
	"RIP went astray: a wild jump, an overwritten stack or code (do the bytes look like code?)",
	"the instruction touches memory that is not RAM (a device or nothing at all) in a way KVM's "
	"emulator does not know, often SSE or AVX",
	"the processor cannot run this mode itself (real mode without unrestricted guest)",
	NULL,
};

static const char *const emulation_tries[] = {
	"break there with gdb (run with --gdb tcp:127.0.0.1:1234 --wait-gdb) and look at the addresses "
	"the instruction uses",
	"in a driver, access device memory with plain MOVs of 1, 2, 4 or 8 bytes (readl, writel)",
	"glassbox doctor, to see whether this host's KVM is fit to run kernels",
	NULL,
};

static const struct advice emulation_advice = {
	"a KVM internal error (instruction emulation failed)",
	"KVM had to carry out an instruction in software, and could not",
	emulation_causes,
	emulation_tries,
};

static const char *const event_causes[] = {
	"IDT, GDT, TSS or a stack lies in memory that is not RAM (a device, or past the end of memory)",
	"page tables map one of them to such an address, or have reserved bits set",
	NULL,
};

static const char *const event_tries[] = {
	"compare the bases of IDT and GDT and the stack pointer with the guest's memory map (e820)",
	"break with gdb before the last LIDT, LGDT, LTR or write to CR3",
	NULL,
};

static const struct advice simul_ex_advice = {
	"a KVM internal error (exception while delivering another event)",
	"While the processor delivered an event to the guest it met an exception that KVM never "
	"expects there",
	event_causes,
	event_tries,
};

static const struct advice delivery_advice = {
	"a KVM internal error (event delivery interrupted by an exit)",
	"The processor left the guest in the middle of delivering an event, for a reason KVM cannot "
	"resume from",
	event_causes,
	event_tries,
};

static const char *const unexpected_causes[] = {
	"KVM enabled no such exit: a bug in KVM, in the processor or in an outer hypervisor",
	NULL,
};

static const char *const unexpected_tries[] = {
	"look at the host's kernel log (dmesg), KVM writes more there",
	"glassbox doctor, and another host kernel; without nested virtualization if there is some",
	NULL,
};

static const struct advice unexpected_advice = {
	"a KVM internal error (unexpected exit reason)",
	"The processor left the guest for a reason KVM does not handle",
	unexpected_causes,
	unexpected_tries,
};

static const struct advice unknown_suberror_advice = {
	"a KVM internal error",
	"KVM is newer than this program, which does not know the kind of error",
	NULL,
	unexpected_tries,
};

static void write_emulation_data(FILE *out, const struct diagnose_vcpu *vcpu,
				 const struct kvm_run *run)
{
	static const struct data_label labels[] = {
		{ "exit reason", DATA_EXIT_REASON },  { "exit information 1", DATA_PLAIN },
		{ "exit information 2", DATA_PLAIN }, { "event", DATA_EVENT },
		{ "error code", DATA_PLAIN },         { NULL, DATA_PLAIN },
	};
	/* data[0] is the flags, data[1..2] the instruction if they say so. */
	bool has_insn = run->emulation_failure.ndata >= 3 &&
			run->emulation_failure.flags &
				KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	size_t size =
		MIN(run->emulation_failure.insn_size, sizeof(run->emulation_failure.insn_bytes));

	if (has_insn && size > 0) {
		(void)fputs("  instruction as KVM read it:", out);
		for (size_t i = 0; i < size; i++)
			(void)fprintf(out, " %02x", run->emulation_failure.insn_bytes[i]);
		(void)fputc('\n', out);
		(void)disassemble_write(out, disassemble_code_bits(vcpu->regs, vcpu->cs_db),
					linear_rip(vcpu), run->emulation_failure.insn_bytes, size,
					1, vcpu->symbols);
	}
	write_data(out, vcpu, run, has_insn ? 3 : 1, labels);
}

static void write_internal_data(FILE *out, const struct diagnose_vcpu *vcpu,
				const struct kvm_run *run)
{
	static const struct data_label simul_ex[] = {
		{ "being delivered", DATA_EVENT },
		{ "met", DATA_EVENT },
		{ "its error code", DATA_PLAIN },
		{ "host CPU", DATA_PLAIN },
		{ NULL, DATA_PLAIN },
	};
	/* A guest physical address comes before the CPU, if at all. */
	static const struct data_label delivery[] = {
		{ "being delivered", DATA_EVENT },
		{ "exit reason", DATA_EXIT_REASON },
		{ "exit qualification", DATA_PLAIN },
		{ "host CPU", DATA_PLAIN },
		{ NULL, DATA_PLAIN },
	};
	static const struct data_label delivery_gpa[] = {
		{ "being delivered", DATA_EVENT },    { "exit reason", DATA_EXIT_REASON },
		{ "exit qualification", DATA_PLAIN }, { "guest physical address", DATA_PLAIN },
		{ "host CPU", DATA_PLAIN },           { NULL, DATA_PLAIN },
	};
	static const struct data_label unexpected[] = {
		{ "exit reason", DATA_EXIT_REASON },
		{ "host CPU", DATA_PLAIN },
		{ NULL, DATA_PLAIN },
	};
	static const struct data_label unnamed[] = { { NULL, DATA_PLAIN } };

	switch (run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION: write_emulation_data(out, vcpu, run); break;
	case KVM_INTERNAL_ERROR_SIMUL_EX: write_data(out, vcpu, run, 0, simul_ex); break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		write_data(out, vcpu, run, 0, run->internal.ndata > 4 ? delivery_gpa : delivery);
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		write_data(out, vcpu, run, 0, unexpected);
		break;
	default: write_data(out, vcpu, run, 0, unnamed); break;
	}
}

void diagnose_internal_error(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run)
{
	static const struct advice *const known[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = &emulation_advice,
		[KVM_INTERNAL_ERROR_SIMUL_EX] = &simul_ex_advice,
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = &delivery_advice,
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = &unexpected_advice,
	};
	const struct advice *advice = NULL;

	if (run->internal.suberror < ARRAY_SIZE(known))
		advice = known[run->internal.suberror];
	if (!advice)
		advice = &unknown_suberror_advice;
	write_headline(out, vcpu, advice->what);
	(void)fprintf(out, "  %s (KVM_EXIT_INTERNAL_ERROR, suberror %u).\n", advice->meaning,
		      run->internal.suberror);
	write_internal_data(out, vcpu, run);
	write_list(out, "likely causes", advice->causes);
	write_machine(out, vcpu, advice->tries);
}

static const char *const guest_state_causes[] = {
	"registers that contradict each other were set from outside: segments that do not fit CR0, "
	"EFER or RFLAGS, a non-canonical address, reserved bits in a control register",
	"CR4 or XCR0 enables a feature that the guest's CPUID (--cpu) does not have",
	NULL,
};

static const char *const guest_state_tries[] = {
	"undo what gdb last wrote to registers (CR0, CR4, EFER and segments must agree)",
	"look at the host's kernel log (dmesg): with kvm_intel.dump_invalid_vmcs=1 it shows the state",
	NULL,
};

static const char *const host_tries[] = {
	"look at the host's kernel log (dmesg), the error is the host's or KVM's",
	"glassbox doctor, and another host kernel; without nested virtualization if there is some",
	NULL,
};

/* SDM vol. 3C, "VM-Entry Failures During or After Loading Guest State"; bit 31 is set. */
static const struct advice guest_state_advice = {
	"a failed VM entry (invalid guest state)",
	"The processor refuses to enter the guest because its registers make no sense",
	guest_state_causes,
	guest_state_tries,
};

static const struct advice msr_loading_advice = {
	"a failed VM entry (MSR loading failed)",
	"The processor could not load one of the MSRs that KVM switches for the guest",
	NULL,
	host_tries,
};

static const struct advice machine_check_advice = {
	"a failed VM entry (machine check)",
	"The host's hardware reported an error while the guest was being entered",
	NULL,
	host_tries,
};

/* SDM vol. 3C, "VM Instruction Error Numbers": the entry did not even begin. */
static const struct advice vm_instruction_advice = {
	"a failed VM entry (VMLAUNCH or VMRESUME failed)",
	"The processor refuses what KVM asked of it, before looking at the guest",
	NULL,
	host_tries,
};

static const struct advice unknown_entry_advice = {
	"a failed VM entry",
	"The processor refuses to enter the guest",
	NULL,
	host_tries,
};

static const struct advice *entry_advice(enum diagnose_processor processor, uint64_t reason)
{
	/* VMEXIT_INVALID, APM vol. 2, 15.5.1; no exit of VMX has all bits set. */
	if (reason == UINT64_MAX || reason == UINT32_MAX)
		return &guest_state_advice;
	if (processor == DIAGNOSE_PROCESSOR_SVM)
		return &unknown_entry_advice;
	switch (reason) {
	case 0x80000021: return &guest_state_advice;
	case 0x80000022: return &msr_loading_advice;
	case 0x80000029: return &machine_check_advice;
	default: break;
	}
	return reason >= 1 && reason <= 28 ? &vm_instruction_advice : &unknown_entry_advice;
}

void diagnose_fail_entry(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run)
{
	uint64_t reason = run->fail_entry.hardware_entry_failure_reason;
	const struct advice *advice = entry_advice(vcpu->processor, reason);
	const char *detail = "";

	if (advice == &vm_instruction_advice && reason == 7)
		detail = ", invalid control fields";
	else if (advice == &vm_instruction_advice && reason == 8)
		detail = ", invalid host-state fields";
	else if (advice == &vm_instruction_advice && reason == 26)
		detail = ", events blocked by MOV SS";
	write_headline(out, vcpu, advice->what);
	(void)fprintf(out,
		      "  %s (KVM_EXIT_FAIL_ENTRY, hardware reason 0x%" PRIx64 "%s, host CPU %u).\n",
		      advice->meaning, reason, detail, run->fail_entry.cpu);
	write_list(out, "likely causes", advice->causes);
	write_machine(out, vcpu, advice->tries);
}

static bool near(uint64_t a, uint64_t b)
{
	return a - b < PAGE_BYTES || b - a < PAGE_BYTES;
}

/*
 * SDM vol. 3A, table 9-1.  The VMCB is undefined after a shutdown (APM vol. 2, 15.14.3), so KVM
 * does an INIT on it before user space sees the exit.
 */
static bool is_reset_state(const struct diagnose_vcpu *vcpu)
{
	return vcpu->processor != DIAGNOSE_PROCESSOR_VMX && vcpu->regs->rip == 0xfff0 &&
	       vcpu->cs_base == 0xffff0000 && !(vcpu->regs->cr0 & CR0_PE);
}

/* The best guess first; the registers tell a little of what the exceptions were. */
static void write_triple_fault_causes(FILE *out, const struct diagnose_vcpu *vcpu)
{
	const struct x86_regs *regs = vcpu->regs;
	const char *causes[5] = { NULL };
	unsigned nr = 0;

	if (vcpu->code_len >= 2 && vcpu->code[0] == 0x0f && vcpu->code[1] == 0x0b)
		causes[nr++] =
			"RIP is at UD2, the instruction of BUG(): a check of the guest's own "
			"failed before it could print";
	if (regs->cr0 & CR0_PG && regs->cr2 && regs->cr2 == linear_rip(vcpu))
		causes[nr++] =
			vcpu->code_len == 0
				? "CR2 is RIP: the code itself is not mapped (see the last write to "
				  "CR3 or CR0.PG), or a jump went wild"
				: "CR2 is RIP: the page of the code may not be executed (no-execute, "
				  "or a user page under SMEP)";
	else if (regs->cr0 & CR0_PG && regs->cr2 && near(regs->cr2, regs->gpr[7]))
		causes[nr++] = "CR2 is near RSP: the stack is not mapped or has overflowed";
	if (!(regs->cr0 & CR0_PE))
		causes[nr++] = "real mode: the interrupt vector table at 0 or the stack is damaged";
	causes[nr++] = "an exception before the IDT was loaded, or with a damaged IDT, GDT or TSS";
	if (nr < ARRAY_SIZE(causes) - 1)
		causes[nr++] = "a deliberate reset: kernels use it when nothing else works (Linux: "
			       "reboot=t)";
	write_list(out, "likely causes", causes);
}

void diagnose_triple_fault(FILE *out, const struct diagnose_vcpu *vcpu)
{
	static const char *const tries[] = {
		"gdb (run with --gdb tcp:127.0.0.1:1234 --wait-gdb): hbreak shortly before, then stepi",
		"for Linux, earlyprintk=serial,ttyS0,115200 nokaslr on its command line shows what came "
		"before",
		NULL,
	};

	bool reset = is_reset_state(vcpu);

	write_headline(out, vcpu,
		       reset ? "a triple fault (registers already reset)" : "a triple fault");
	(void)fputs("  An exception, then a double fault, and that could not be delivered either "
		    "(KVM_EXIT_SHUTDOWN).\n",
		    out);
	if (reset)
		(void)fputs(
			"  The registers are those of a reset: on AMD, KVM resets the vCPU before "
			"it reports this, and where it happened is lost.\n",
			out);
	if (vcpu->regs->cr0 & CR0_PG)
		(void)fprintf(out, "  last page fault (CR2): 0x%" PRIx64 "\n", vcpu->regs->cr2);
	if (!reset)
		write_triple_fault_causes(out, vcpu);
	write_machine(out, vcpu, tries);
}

static void diagnose_other(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run)
{
	static const char *const tries[] = {
		"report it with this text: the VMM should handle this exit or never have asked for it",
		"look at the host's kernel log (dmesg)",
		NULL,
	};
	char what[96];

	(void)snprintf(what, sizeof(what), "the unexpected exit %u (%s)", run->exit_reason,
		       kvm_exit_reason_name(run->exit_reason));
	write_headline(out, vcpu, what);
	if (run->exit_reason == KVM_EXIT_UNKNOWN) {
		(void)fputs("  hardware exit reason: ", out);
		write_exit_reason(out, vcpu->processor, run->hw.hardware_exit_reason);
		(void)fputc('\n', out);
	}
	write_machine(out, vcpu, tries);
}

void diagnose_exit(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR: diagnose_internal_error(out, vcpu, run); break;
	case KVM_EXIT_FAIL_ENTRY: diagnose_fail_entry(out, vcpu, run); break;
	case KVM_EXIT_SHUTDOWN: diagnose_triple_fault(out, vcpu); break;
	default: diagnose_other(out, vcpu, run); break;
	}
}

int diagnose_text(const struct diagnose_vcpu *vcpu, const struct kvm_run *run, char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	diagnose_exit(out, vcpu, run);
	if (fclose(out) != 0 || !text)
		return -ENOMEM;
	*ret_text = TAKE_PTR(text);
	return 0;
}
