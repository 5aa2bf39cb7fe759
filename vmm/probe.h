/* SPDX-License-Identifier: MIT */
/*
 * Guests of a few instructions, to ask a KVM how it behaves.
 *
 * A probe is a virtual machine with one vCPU in 64-bit mode at CPL 0, paging on, the first GiB
 * mapped to itself, and PROBE_MEMORY bytes of RAM.  Whatever the guest or KVM does, probe_run()
 * comes back within PROBE_BUDGET_MS of probe_start(): a timer makes KVM_RUN return.
 *
 * A probe belongs to the thread that made it.  SIGALRM is the probe's while there is one, so that
 * a process has at most one probe at a time.
 */
#ifndef GLASSBOX_VMM_PROBE_H
#define GLASSBOX_VMM_PROBE_H

#include <signal.h>
#include <time.h>

#include "base/cleanup.h"
#include "vmm/kvm.h"

#define PROBE_BUDGET_MS 400

/* The guest's address space.  All below PROBE_MEMORY is RAM; the tables lie below PROBE_CODE. */
#define PROBE_CODE      0x8000 /* where the guest's instructions go, 16 KiB */
#define PROBE_DATA      0xc000 /* 8 KiB that nothing else uses */
#define PROBE_STACK     0x10000
#define PROBE_MEMORY    0x10000
#define PROBE_MMIO      0x100000 /* mapped, but no RAM: every access leaves KVM_RUN */

/*
 * An exception or interrupt that reaches the guest's own handler writes its vector (a byte) here,
 * then returns.
 */
#define PROBE_TRAP_PORT 0xe0
/* A port that no part of KVM answers. */
#define PROBE_PORT      0xe4

#define PROBE_STR_(x)   #x
#define PROBE_STR(x)    PROBE_STR_(x)

/* The instructions of a guest; they run at PROBE_CODE. */
struct probe_code {
	const uint8_t *start, *end;
};

/*
 * Defines `static const struct probe_code NAME` from assembler text; its labels may be named to C
 * by PROBE_LABEL().
 */
#define PROBE_GUEST(name, text)                                                                    \
	__asm__(".pushsection .rodata\n" #name "_start:\n" text "\n" #name "_end:\n.popsection");  \
	PROBE_LABEL(name##_start);                                                                 \
	PROBE_LABEL(name##_end);                                                                   \
	static const struct probe_code name = { name##_start, name##_end }

#define PROBE_LABEL(label) extern const uint8_t label[]

struct probe {
	struct kvm kvm;
	struct kvm_vcpu vcpu;
	uint8_t *memory; /* PROBE_MEMORY bytes, the guest's RAM from address 0 */
	struct sigaction old_action;
	timer_t timer;
	bool has_timer;
	volatile sig_atomic_t expired; /* the budget is used up; set by the signal handler */
};

/**
 * probe_create() - a machine that has not run yet
 * @kvm_path: usually "/dev/kvm"
 * @irqchip: with KVM's interrupt controllers; without them HLT leaves KVM_RUN
 *
 * Return: 0; -errno with a sentence.  probe_destroy() the result.
 */
int probe_create(const char *kvm_path, bool irqchip, struct probe **ret_probe, struct error *error)
	__must_check;

void probe_destroy(struct probe *probe);

static inline void cleanup_probe(struct probe **probe)
{
	probe_destroy(*probe);
}

#define _cleanup_probe_ _cleanup_(cleanup_probe)

/**
 * probe_start() - put @code at PROBE_CODE, the vCPU in front of it, and start the time budget
 *
 * General registers are zero but RIP, RSP (PROBE_STACK) and RFLAGS (interrupts off).  The rest of
 * RAM and of the vCPU is as the guest before left it.  A guest that stopped at an IN, OUT or MMIO
 * access must be past that (probe_settle()).  Return: 0; -E2BIG; -errno of KVM.
 */
int probe_start(struct probe *probe, const struct probe_code *code) __must_check;

/** probe_address() - where a label of @code is in the guest */
static inline uint64_t probe_address(const struct probe_code *code, const uint8_t *label)
{
	return PROBE_CODE + (uint64_t)(label - code->start);
}

/**
 * probe_run() - one KVM_RUN, to the next exit, which is in probe->vcpu.run
 *
 * Return: 0; -ETIME when the budget is used up; -errno of KVM.
 */
int probe_run(struct probe *probe) __must_check;

/**
 * probe_settle() - finish the IN, OUT or MMIO access that the vCPU left KVM_RUN for, and no more
 *
 * Registers may be set, and steps begin, only after that (api.rst, 5: KVM_EXIT_IO and others).
 * Return: 0; -EBUSY if KVM had something else to say (in vcpu.run), as when a step ends there.
 */
int probe_settle(struct probe *probe) __must_check;

/** probe_rip() - the vCPU's RIP; all ones if KVM won't tell */
uint64_t probe_rip(struct probe *probe);

/** probe_is_out() - the vCPU left KVM_RUN for one OUT of a byte to @port */
bool probe_is_out(const struct probe *probe, uint16_t port);

/** probe_is_debug() - the vCPU left KVM_RUN for the debugger, at @rip */
bool probe_is_debug(const struct probe *probe, uint64_t rip);

/**
 * probe_describe() - why the vCPU is out of KVM_RUN and where, for people
 * @result: of the probe_run() before
 */
const char *probe_describe(struct probe *probe, int result, char *buf, size_t size);

/** probe_exit_name() - "KVM_EXIT_DEBUG"; NULL for a reason that has no name here */
const char *probe_exit_name(uint32_t reason);

#endif
