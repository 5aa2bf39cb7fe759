/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "gdbstub/page_walk.h"
#include "vmm/death.h"
#include "vmm/diagnose.h"
#include "vmm/gdb_target.h"

#define CODE_BYTES 64u

static enum diagnose_processor host_processor(void)
{
	if (access("/sys/module/kvm_intel", F_OK) == 0)
		return DIAGNOSE_PROCESSOR_VMX;
	if (access("/sys/module/kvm_amd", F_OK) == 0)
		return DIAGNOSE_PROCESSOR_SVM;
	return DIAGNOSE_PROCESSOR_UNKNOWN;
}

/* Byte by byte: the guest may be able to run the last bytes before a hole. */
static size_t read_code(struct vcpu *vcpu, const struct x86_regs *regs, uint64_t addr,
			uint8_t *code)
{
	struct gdb_target_vm target;
	size_t n;

	gdb_target_init(&target, vcpu->vm, NULL, NULL, NULL);
	for (n = 0; n < CODE_BYTES; n++) {
		uint64_t gpa, left;

		if (gdb_page_walk(&target.target, regs, addr + n, &gpa, &left) < 0 ||
		    guest_mem_read(&vcpu->vm->mem, gpa, &code[n], 1) < 0)
			break;
	}
	return n;
}

/* The report's first line is the message; what follows is for reading. */
static void print_report(char *text)
{
	char *end = strchr(text, '\n');

	if (end)
		*end = '\0';
	log_error("%s", text);
	if (end && fputs(end + 1, stderr) < 0)
		return;
}

void death_report(struct vcpu *vcpu, const struct vm_stop *stop, const struct elf_symbols *symbols)
{
	_cleanup_free_ char *text = NULL;
	uint8_t code[CODE_BYTES];
	struct kvm_sregs sregs = { 0 };
	struct x86_regs regs = { 0 };
	struct diagnose_vcpu dead = {
		.index = vcpu->index,
		.processor = host_processor(),
		.regs = &regs,
		.code = code,
		.symbols = symbols,
	};

	if (stop->code < 0) {
		log_error("KVM cannot run vCPU %u: %s", vcpu->index, strerror(-stop->code));
		return;
	}
	if (vcpu_read_x86_regs(vcpu, &regs) == 0 && kvm_vcpu_get_sregs(&vcpu->kvm, &sregs) == 0) {
		dead.cs_base = sregs.cs.base;
		dead.cs_db = sregs.cs.db;
		dead.code_len = read_code(vcpu, &regs, sregs.cs.base + regs.rip, code);
	}
	if (diagnose_text(&dead, vcpu->kvm.run, &text) == 0)
		print_report(text);
	else
		log_error("vCPU %u stopped with KVM exit %u", vcpu->index,
			  vcpu->kvm.run->exit_reason);
}

void death_report_panic(struct vcpu *vcpu, const char *message, const char *what,
			const struct elf_symbols *symbols)
{
	const char *colon = message[0] ? ": " : "";
	struct x86_regs regs = { 0 };
	char where[256];

	if (vcpu_read_x86_regs(vcpu, &regs) < 0) {
		log_error("guest kernel panicked%s%s", colon, message);
		return;
	}
	log_error("guest kernel panicked%s%s; it %s at RIP 0x%" PRIx64 " (%s)", colon, message,
		  what, regs.rip, elf_symbols_format(symbols, regs.rip, where, sizeof(where)));
}
