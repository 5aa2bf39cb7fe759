/* SPDX-License-Identifier: MIT */
/* Reports about dead vCPUs, word for word, and the disassembly under them. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "vmm/diagnose.h"
#include "vmm/disassemble.h"
#include "vmm/exit_names.h"

#define EFER_LME_LMA 0x500
#define CR0_LINUX    0x80050033 /* PE and PG among others */

/* mov rbp, rsp; mov cr3, rax; ud2 */
static const uint8_t code64[] = { 0x48, 0x89, 0xe5, 0x0f, 0x22, 0xd8, 0x0f, 0x0b };

static const struct x86_regs long_mode = {
	.gpr = { 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0xffffc90000003f58, 8, 9, 10, 11, 12, 13, 14,
		 15 },
	.rip = 0xffffffff81000123,
	.rflags = 0x10046,
	.cs = 0x10,
	.ss = 0x18,
	.gs_base = 0xffff888007c00000,
	.cr0 = CR0_LINUX,
	.cr3 = 0x1000,
	.cr4 = 0x20,
	.efer = EFER_LME_LMA,
	.cs_long = true,
};

static struct diagnose_vcpu stopped(const struct x86_regs *regs)
{
	return (struct diagnose_vcpu){
		.processor = DIAGNOSE_PROCESSOR_VMX,
		.regs = regs,
		.code = code64,
		.code_len = sizeof(code64),
	};
}

/* What a report says before the parts that all of them share. */
static void assert_report_begins(const struct diagnose_vcpu *vcpu, const struct kvm_run *run,
				 const char *expected)
{
	_cleanup_free_ char *text = NULL;
	char *shared;

	assert_int_equal(diagnose_text(vcpu, run, &text), 0);
	shared = strstr(text, "  code, ");
	assert_non_null(shared);
	assert_non_null(strstr(shared, "  registers:\n    rax 0"));
	assert_non_null(strstr(shared, "  what to try:\n    - "));
	*shared = '\0';
	assert_string_equal(text, expected);
}

static void triple_fault_in_full(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_SHUTDOWN };
	struct diagnose_vcpu vcpu = stopped(&long_mode);
	_cleanup_free_ char *text = NULL;

	(void)state;
	vcpu.index = 1;
	assert_int_equal(diagnose_text(&vcpu, &run, &text), 0);
	assert_string_equal(
		text,
		"guest stopped by a triple fault at RIP 0xffffffff81000123, vCPU 1\n"
		"  An exception, then a double fault, and that could not be delivered either "
		"(KVM_EXIT_SHUTDOWN).\n"
		"  last page fault (CR2): 0x0\n"
		"  likely causes:\n"
		"    - an exception before the IDT was loaded, or with a damaged IDT, GDT or TSS\n"
		"    - a deliberate reset: kernels use it when nothing else works (Linux: reboot=t)\n"
		"  code, 64-bit mode:\n"
		"  => 0xffffffff81000123: 48 89 e5                 mov rbp, rsp\n"
		"     0xffffffff81000126: 0f 22 d8                 mov cr3, rax\n"
		"     0xffffffff81000129: 0f 0b                    ud2\n"
		"  registers:\n"
		"    rax 0000000000000001  rbx 0000000000000002  rcx 0000000000000003"
		"  rdx 0000000000000004\n"
		"    rsi 0000000000000005  rdi 0000000000000006  rbp 0000000000000007"
		"  rsp ffffc90000003f58\n"
		"    r8  0000000000000008  r9  0000000000000009  r10 000000000000000a"
		"  r11 000000000000000b\n"
		"    r12 000000000000000c  r13 000000000000000d  r14 000000000000000e"
		"  r15 000000000000000f\n"
		"    rip ffffffff81000123  rflags 00010046  cs 0010  ss 0018  ds 0000  es 0000"
		"  fs 0000  gs 0000\n"
		"    cr0 80050033  cr2 0000000000000000  cr3 0000000000001000  cr4 00000020  cr8 0"
		"  efer 500\n"
		"    fs_base 0000000000000000  gs_base ffff888007c00000"
		"  k_gs_base 0000000000000000\n"
		"  what to try:\n"
		"    - gdb (run with --gdb tcp:127.0.0.1:1234 --wait-gdb): hbreak shortly before, "
		"then stepi\n"
		"    - for Linux, earlyprintk=serial,ttyS0,115200 nokaslr on its command line shows "
		"what came before\n");
}

static void triple_fault_reads_the_registers(void **state)
{
	static const uint8_t ud2[] = { 0x0f, 0x0b };
	static const struct {
		uint64_t cr2;
		bool readable;
		const char *first_cause;
	} cases[] = {
		{ 0, true, "RIP is at UD2" },
		{ 0xffffffff81000123, false, "CR2 is RIP: the code itself is not mapped" },
		{ 0xffffc90000003f50, false, "CR2 is near RSP" },
		{ 0xffffc90000002fff, false, "CR2 is near RSP" },
		{ 0xffffc90000001000, false, "an exception before the IDT" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = NULL;
		struct kvm_run run = { .exit_reason = KVM_EXIT_SHUTDOWN };
		struct x86_regs regs = long_mode;
		struct diagnose_vcpu vcpu = stopped(&regs);
		char expected[128];

		regs.cr2 = cases[i].cr2;
		vcpu.code = ud2;
		vcpu.code_len = cases[i].readable ? sizeof(ud2) : 0;
		assert_int_equal(diagnose_text(&vcpu, &run, &text), 0);
		(void)snprintf(expected, sizeof(expected), "  likely causes:\n    - %s",
			       cases[i].first_cause);
		assert_non_null(strstr(text, expected));
		assert_int_equal(!strstr(text, "not readable: RIP is not mapped"),
				 cases[i].readable);
	}
}

static void triple_fault_on_amd_admits_what_is_lost(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_SHUTDOWN };
	struct x86_regs regs = { .rip = 0xfff0, .cs = 0xf000, .cr0 = 0x60000010 };
	struct diagnose_vcpu vcpu = stopped(&regs);

	(void)state;
	vcpu.processor = DIAGNOSE_PROCESSOR_SVM;
	vcpu.cs_base = 0xffff0000;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by a triple fault (registers already reset) at RIP 0xfff0 (linear "
		"0xfffffff0), vCPU 0\n"
		"  An exception, then a double fault, and that could not be delivered either "
		"(KVM_EXIT_SHUTDOWN).\n"
		"  The registers are those of a reset: on AMD, KVM resets the vCPU before it reports "
		"this, and where it happened is lost.\n");
}

__attribute__((noinline, used)) static int guest_function(int value)
{
	return value * 7 + 3;
}

static void headline_names_the_function(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_SHUTDOWN };
	struct x86_regs regs = long_mode;
	struct diagnose_vcpu vcpu = stopped(&regs);
	struct elf_symbols *symbols = NULL;
	struct elf_symbol symbol;
	_cleanup_free_ char *text = NULL;
	char expected[256];

	(void)state;
	/* this program stands in for a kernel */
	assert_int_equal(elf_symbols_open("/proc/self/exe", &symbols, NULL), 0);
	assert_int_equal(elf_symbols_lookup(symbols, "guest_function", &symbol), 0);
	elf_symbols_set_slide(symbols, 0xffffffff80000000);
	regs.rip = symbol.start + 0xffffffff80000000 + 1;
	vcpu.symbols = symbols;
	assert_int_equal(diagnose_text(&vcpu, &run, &text), 0);
	(void)snprintf(
		expected, sizeof(expected),
		"guest stopped by a triple fault at RIP 0x%llx (guest_function+0x1), vCPU 0\n",
		(unsigned long long)regs.rip);
	assert_memory_equal(text, expected, strlen(expected));
	(void)snprintf(expected, sizeof(expected), "  => 0x%llx <guest_function+0x1>: 48 89 e5",
		       (unsigned long long)regs.rip);
	assert_non_null(strstr(text, expected));
	elf_symbols_close(symbols);
	assert_int_equal(guest_function(1), 10);
}

#define EMULATION_CAUSES                                                                              \
	"  likely causes:\n"                                                                          \
	"    - RIP went astray: a wild jump, an overwritten stack or code (do the bytes look like "   \
	"code?)\n"                                                                                    \
	"    - the instruction touches memory that is not RAM (a device or nothing at all) in a way " \
	"KVM's emulator does not know, often SSE or AVX\n"                                            \
	"    - the processor cannot run this mode itself (real mode without unrestricted guest)\n"

static void emulation_failure_shows_the_instruction(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);

	(void)state;
	run.emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run.emulation_failure.ndata = 9;
	run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run.emulation_failure.insn_size = 4;
	memcpy(run.emulation_failure.insn_bytes, "\x0f\xae\x07\x90", 4); /* fxsave [rdi] */
	run.internal.data[3] = 48;
	run.internal.data[4] = 0x184;
	run.internal.data[6] = 0x80000b0e;
	run.internal.data[8] = 0x77;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by a KVM internal error (instruction emulation failed) at RIP "
		"0xffffffff81000123, vCPU 0\n"
		"  KVM had to carry out an instruction in software, and could not "
		"(KVM_EXIT_INTERNAL_ERROR, suberror 1).\n"
		"  instruction as KVM read it: 0f ae 07 90\n"
		"  => 0xffffffff81000123: 0f ae 07                 fxsave [rdi]\n"
		"  what KVM recorded:\n"
		"    exit reason: 0x30 (EPT violation)\n"
		"    exit information 1: 0x184\n"
		"    exit information 2: 0x0\n"
		"    event: 0x80000b0e (hardware exception, vector 14 #PF)\n"
		"    error code: 0x0\n"
		"    word: 0x77\n" EMULATION_CAUSES);
}

static void emulation_failure_of_old_kernels_has_less(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);

	(void)state;
	run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	/* bytes that no flag announces must not be shown */
	run.emulation_failure.insn_size = 15;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by a KVM internal error (instruction emulation failed) at RIP "
		"0xffffffff81000123, vCPU 0\n"
		"  KVM had to carry out an instruction in software, and could not "
		"(KVM_EXIT_INTERNAL_ERROR, suberror 1).\n" EMULATION_CAUSES);
}

#define EVENT_CAUSES                                                                                \
	"  likely causes:\n"                                                                        \
	"    - IDT, GDT, TSS or a stack lies in memory that is not RAM (a device, or past the end " \
	"of memory)\n"                                                                              \
	"    - page tables map one of them to such an address, or have reserved bits set\n"

static void simultaneous_exceptions_are_decoded(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);

	(void)state;
	run.internal.suberror = KVM_INTERNAL_ERROR_SIMUL_EX;
	run.internal.ndata = 4;
	run.internal.data[0] = 0x800000ec;
	run.internal.data[1] = 0x80000b0d;
	run.internal.data[2] = 0x10;
	run.internal.data[3] = 1;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by a KVM internal error (exception while delivering another event) at "
		"RIP 0xffffffff81000123, vCPU 0\n"
		"  While the processor delivered an event to the guest it met an exception that KVM "
		"never expects there (KVM_EXIT_INTERNAL_ERROR, suberror 2).\n"
		"  what KVM recorded:\n"
		"    being delivered: 0x800000ec (external interrupt, vector 236)\n"
		"    met: 0x80000b0d (hardware exception, vector 13 #GP)\n"
		"    its error code: 0x10\n"
		"    host CPU: 0x1\n" EVENT_CAUSES);
}

static void interrupted_delivery_is_decoded(void **state)
{
	static const char head[] =
		"guest stopped by a KVM internal error (event delivery interrupted by an exit) at "
		"RIP 0xffffffff81000123, vCPU 0\n"
		"  The processor left the guest in the middle of delivering an event, for a reason "
		"KVM cannot resume from (KVM_EXIT_INTERNAL_ERROR, suberror 3).\n"
		"  what KVM recorded:\n"
		"    being delivered: 0x80000202 (NMI, vector 2 NMI)\n"
		"    exit reason: 0x31 (EPT misconfiguration)\n"
		"    exit qualification: 0x0\n";
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);
	char expected[2048];

	(void)state;
	run.internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	run.internal.data[0] = 0x80000202;
	run.internal.data[1] = 49;
	run.internal.data[3] = 0xfee00000;
	run.internal.data[4] = 1;
	run.internal.ndata = 5;
	(void)snprintf(expected, sizeof(expected),
		       "%s    guest physical address: 0xfee00000\n    host CPU: 0x1\n" EVENT_CAUSES,
		       head);
	assert_report_begins(&vcpu, &run, expected);

	run.internal.data[3] = 1;
	run.internal.ndata = 4;
	(void)snprintf(expected, sizeof(expected), "%s    host CPU: 0x1\n" EVENT_CAUSES, head);
	assert_report_begins(&vcpu, &run, expected);
}

static void unexpected_exit_reason_is_named(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);

	(void)state;
	run.internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
	run.internal.ndata = 2;
	run.internal.data[0] = 0x86;
	vcpu.processor = DIAGNOSE_PROCESSOR_SVM;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by a KVM internal error (unexpected exit reason) at RIP "
		"0xffffffff81000123, vCPU 0\n"
		"  The processor left the guest for a reason KVM does not handle "
		"(KVM_EXIT_INTERNAL_ERROR, suberror 4).\n"
		"  what KVM recorded:\n"
		"    exit reason: 0x86 (SKINIT)\n"
		"    host CPU: 0x0\n"
		"  likely causes:\n"
		"    - KVM enabled no such exit: a bug in KVM, in the processor or in an outer "
		"hypervisor\n");
}

static void unknown_suberror_stays_in_bounds(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };
	struct diagnose_vcpu vcpu = stopped(&long_mode);
	_cleanup_free_ char *text = NULL;
	unsigned words = 0;

	(void)state;
	run.internal.suberror = 99;
	run.internal.ndata = UINT32_MAX;
	assert_int_equal(diagnose_text(&vcpu, &run, &text), 0);
	assert_non_null(strstr(text,
			       "KVM is newer than this program, which does not know the kind of "
			       "error (KVM_EXIT_INTERNAL_ERROR, suberror 99).\n"));
	for (const char *pos = text; (pos = strstr(pos, "    word: 0x0\n")); pos++)
		words++;
	assert_int_equal(words, 16);
}

static void failed_entries_are_decoded(void **state)
{
	static const struct {
		enum diagnose_processor processor;
		uint64_t reason;
		const char *what, *detail;
	} cases[] = {
		{ DIAGNOSE_PROCESSOR_VMX, 0x80000021, "a failed VM entry (invalid guest state)",
		  "(KVM_EXIT_FAIL_ENTRY, hardware reason 0x80000021, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_VMX, 0x80000022, "a failed VM entry (MSR loading failed)",
		  "hardware reason 0x80000022, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_VMX, 0x80000029, "a failed VM entry (machine check)",
		  "hardware reason 0x80000029, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_VMX, 7, "a failed VM entry (VMLAUNCH or VMRESUME failed)",
		  "hardware reason 0x7, invalid control fields, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_VMX, 8, "a failed VM entry (VMLAUNCH or VMRESUME failed)",
		  "hardware reason 0x8, invalid host-state fields, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_SVM, UINT64_MAX, "a failed VM entry (invalid guest state)",
		  "hardware reason 0xffffffffffffffff, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_UNKNOWN, 0xffffffff, "a failed VM entry (invalid guest state)",
		  "hardware reason 0xffffffff, host CPU 5).\n" },
		{ DIAGNOSE_PROCESSOR_SVM, 7, "a failed VM entry",
		  "hardware reason 0x7, host CPU 5)" },
		{ DIAGNOSE_PROCESSOR_VMX, 0x80000055, "a failed VM entry",
		  "hardware reason 0x80000055, host CPU 5)" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kvm_run run = { .exit_reason = KVM_EXIT_FAIL_ENTRY };
		struct diagnose_vcpu vcpu = stopped(&long_mode);
		_cleanup_free_ char *text = NULL;
		char expected[256];

		vcpu.processor = cases[i].processor;
		run.fail_entry.hardware_entry_failure_reason = cases[i].reason;
		run.fail_entry.cpu = 5;
		assert_int_equal(diagnose_text(&vcpu, &run, &text), 0);
		(void)snprintf(expected, sizeof(expected),
			       "guest stopped by %s at RIP 0xffffffff81000123, vCPU 0\n",
			       cases[i].what);
		assert_memory_equal(text, expected, strlen(expected));
		assert_non_null(strstr(text, cases[i].detail));
	}
}

static void other_exits_are_named(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_UNKNOWN };
	struct x86_regs regs = { .rip = 0x123, .cr0 = 0x10 };
	struct diagnose_vcpu vcpu = stopped(&regs);

	(void)state;
	run.hw.hardware_exit_reason = 11;
	vcpu.cs_base = 0xf0000;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by the unexpected exit 0 (KVM_EXIT_UNKNOWN) at RIP 0x123 "
		"(linear 0xf0123), vCPU 0\n"
		"  hardware exit reason: 0xb (GETSEC)\n");
	run.exit_reason = KVM_EXIT_HYPERV;
	assert_report_begins(
		&vcpu, &run,
		"guest stopped by the unexpected exit 27 (KVM_EXIT_HYPERV) at RIP 0x123 "
		"(linear 0xf0123), vCPU 0\n");
	run.exit_reason = 4000;
	assert_report_begins(&vcpu, &run,
			     "guest stopped by the unexpected exit 4000 (an exit this program does "
			     "not know) at RIP 0x123 (linear 0xf0123), vCPU 0\n");
}

static void exit_names_match_their_numbers(void **state)
{
	(void)state;
	assert_string_equal(kvm_exit_reason_name(0), "KVM_EXIT_UNKNOWN");
	assert_string_equal(kvm_exit_reason_name(6), "KVM_EXIT_MMIO");
	assert_string_equal(kvm_exit_reason_name(17), "KVM_EXIT_INTERNAL_ERROR");
	assert_string_equal(kvm_exit_reason_name(37), "KVM_EXIT_NOTIFY");
	assert_string_equal(kvm_exit_reason_name(39), "KVM_EXIT_MEMORY_FAULT");
	for (unsigned i = 0; i <= 40; i++)
		assert_memory_equal(kvm_exit_reason_name(i), "KVM_EXIT_", 9);
	assert_string_equal(vmx_exit_name(0x8000001e), "I/O instruction");
	assert_null(vmx_exit_name(35));
	assert_null(vmx_exit_name(0xffff));
	assert_string_equal(svm_exit_name(0x4e), "exception");
	assert_null(svm_exit_name(0x403));
	assert_string_equal(x86_vector_name(14), "#PF");
	assert_string_equal(x86_vector_name(21), "#CP");
	assert_null(x86_vector_name(255));
}

static void assert_listing(enum code_bits bits, uint64_t addr, const void *code, size_t len,
			   unsigned max, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(disassemble_write(out, bits, addr, code, len, max, NULL), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
}

static void code_is_read_in_its_mode(void **state)
{
	/* the same bytes mean something else in each mode */
	static const uint8_t code[] = { 0x48, 0xb8, 1, 0, 0, 0, 2, 0, 0, 0 };

	(void)state;
	assert_listing(CODE_64, 0xffffffff81000000, code, sizeof(code), 1,
		       "  => 0xffffffff81000000: 48 b8 01 00 00 00 02 00 00 00  "
		       "movabs rax, 0x200000001\n");
	assert_listing(CODE_32, 0x100000, code, sizeof(code), 2,
		       "  => 0x00100000: 48                       dec eax\n"
		       "     0x00100001: b8 01 00 00 00           mov eax, 1\n");
	assert_listing(CODE_16, 0x7c00, code, sizeof(code), 2,
		       "  => 0x00007c00: 48                       dec ax\n"
		       "     0x00007c01: b8 01 00                 mov ax, 1\n");
}

static void garbage_is_shown_as_such(void **state)
{
	static const uint8_t garbage[] = { 0x06, 0xff, 0xff, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
					   0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	uint8_t bytes[64];

	(void)state;
	assert_listing(CODE_64, 0, garbage, sizeof(garbage), 4,
		       "  => 0x0000000000000000: 06                       (bad)\n"
		       "     0x0000000000000001: ff                       (bad)\n"
		       "     0x0000000000000002: ff 90 90 90 90 90        call qword ptr [rax - "
		       "0x6f6f6f70]\n"
		       "     0x0000000000000008: 90                       nop\n");
	/* cut off: the first instruction must say something, a later one is left out */
	assert_listing(CODE_64, 0, "\xe8\x01", 2, 4,
		       "  => 0x0000000000000000: e8                       (bad)\n");
	assert_listing(CODE_64, 0, "\x90\xe8\x01", 3, 4,
		       "  => 0x0000000000000000: 90                       nop\n");
	assert_listing(CODE_64, 0, "", 0, 4, "");

	/* any byte first, in any mode: lines come out and nothing breaks */
	for (unsigned first = 0; first < 256; first++) {
		for (enum code_bits bits = CODE_16; bits <= CODE_64; bits *= 2) {
			_cleanup_free_ char *text = NULL;
			size_t size = 0;
			FILE *out = open_memstream(&text, &size);

			memset(bytes, (int)first, sizeof(bytes));
			assert_non_null(out);
			assert_int_equal(disassemble_write(out, bits, UINT64_MAX - 2, bytes,
							   sizeof(bytes), 16, NULL),
					 0);
			assert_int_equal(fclose(out), 0);
			assert_memory_equal(text, "  => 0x", 7);
		}
	}
}

static void mode_comes_from_cs_and_efer(void **state)
{
	struct x86_regs regs = { .efer = EFER_LME_LMA, .cs_long = true };

	(void)state;
	assert_int_equal(disassemble_code_bits(&regs, false), CODE_64);
	regs.cs_long = false; /* compatibility mode */
	assert_int_equal(disassemble_code_bits(&regs, true), CODE_32);
	assert_int_equal(disassemble_code_bits(&regs, false), CODE_16);
	regs = (struct x86_regs){ .cs_long = true }; /* CS.L means nothing without EFER.LMA */
	assert_int_equal(disassemble_code_bits(&regs, true), CODE_32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(triple_fault_in_full),
		cmocka_unit_test(triple_fault_reads_the_registers),
		cmocka_unit_test(triple_fault_on_amd_admits_what_is_lost),
		cmocka_unit_test(headline_names_the_function),
		cmocka_unit_test(emulation_failure_shows_the_instruction),
		cmocka_unit_test(emulation_failure_of_old_kernels_has_less),
		cmocka_unit_test(simultaneous_exceptions_are_decoded),
		cmocka_unit_test(interrupted_delivery_is_decoded),
		cmocka_unit_test(unexpected_exit_reason_is_named),
		cmocka_unit_test(unknown_suberror_stays_in_bounds),
		cmocka_unit_test(failed_entries_are_decoded),
		cmocka_unit_test(other_exits_are_named),
		cmocka_unit_test(exit_names_match_their_numbers),
		cmocka_unit_test(code_is_read_in_its_mode),
		cmocka_unit_test(garbage_is_shown_as_such),
		cmocka_unit_test(mode_comes_from_cs_and_efer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
