/* SPDX-License-Identifier: MIT */
/*
 * Why a vCPU died, told to a person.
 *
 * Each report begins with one line that says what happened and where, fit to be logged by itself;
 * then what it means, the code, the registers and what to try.  Everything comes in as plain
 * structures, which the caller gathered while the vCPU was stopped: nothing here asks KVM or reads
 * guest memory, so any thread may call it.
 */
#ifndef GLASSBOX_VMM_DIAGNOSE_H
#define GLASSBOX_VMM_DIAGNOSE_H

#include <linux/kvm.h>
#include <stdio.h>

#include "base/elf_symbols.h"
#include "base/util.h"
#include "gdbstub/target.h"

/* Whose exit numbers KVM passes on. */
enum diagnose_processor {
	DIAGNOSE_PROCESSOR_UNKNOWN,
	DIAGNOSE_PROCESSOR_VMX,
	DIAGNOSE_PROCESSOR_SVM,
};

/* A stopped vCPU.  All pointers are borrowed for the call. */
struct diagnose_vcpu {
	unsigned index;
	enum diagnose_processor processor;
	const struct x86_regs *regs;
	uint64_t cs_base;    /* CS.base; RIP is relative to it */
	bool cs_db;          /* CS.D */
	const uint8_t *code; /* guest memory from CS.base + RIP on */
	size_t code_len;     /* bytes of @code; 0 if it could not be read, 64 is plenty */
	const struct elf_symbols *symbols; /* may be NULL */
};

/**
 * diagnose_exit() - report the exit in @run, whichever it is
 * @run: exit_reason and its union are looked at
 *
 * Calls the function below that fits; other exits are reported as unexpected, by name.
 */
void diagnose_exit(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run);

/** diagnose_internal_error() - KVM_EXIT_INTERNAL_ERROR: suberror, data and instruction bytes */
void diagnose_internal_error(FILE *out, const struct diagnose_vcpu *vcpu,
			     const struct kvm_run *run);

/** diagnose_fail_entry() - KVM_EXIT_FAIL_ENTRY: the hardware's reason for refusing the guest */
void diagnose_fail_entry(FILE *out, const struct diagnose_vcpu *vcpu, const struct kvm_run *run);

/** diagnose_triple_fault() - KVM_EXIT_SHUTDOWN */
void diagnose_triple_fault(FILE *out, const struct diagnose_vcpu *vcpu);

/**
 * diagnose_text() - diagnose_exit() into a string
 * @ret_text: for the caller to free(); ends in a newline
 *
 * Return: 0, or -ENOMEM.
 */
int diagnose_text(const struct diagnose_vcpu *vcpu, const struct kvm_run *run, char **ret_text)
	__must_check;

#endif
