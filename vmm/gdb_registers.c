/* SPDX-License-Identifier: MIT */
/* KVM's register structures to and from the stub's. */
#include <errno.h>
#include <string.h>

#include "vmm/gdb_target.h"

#define MSR_KERNEL_GS_BASE 0xc0000102u /* Intel SDM vol. 4, table 2-2 */

static void general_to_x86(const struct kvm_regs *from, struct x86_regs *to)
{
	const uint64_t gpr[16] = { from->rax, from->rbx, from->rcx, from->rdx, from->rsi, from->rdi,
				   from->rbp, from->rsp, from->r8,  from->r9,  from->r10, from->r11,
				   from->r12, from->r13, from->r14, from->r15 };

	memcpy(to->gpr, gpr, sizeof(gpr));
	to->rip = from->rip;
	to->rflags = from->rflags;
}

static struct kvm_regs general_from_x86(const struct x86_regs *from)
{
	const uint64_t *gpr = from->gpr;

	return (struct kvm_regs){
		.rax = gpr[0],
		.rbx = gpr[1],
		.rcx = gpr[2],
		.rdx = gpr[3],
		.rsi = gpr[4],
		.rdi = gpr[5],
		.rbp = gpr[6],
		.rsp = gpr[7],
		.r8 = gpr[8],
		.r9 = gpr[9],
		.r10 = gpr[10],
		.r11 = gpr[11],
		.r12 = gpr[12],
		.r13 = gpr[13],
		.r14 = gpr[14],
		.r15 = gpr[15],
		.rip = from->rip,
		.rflags = from->rflags,
	};
}

static void system_to_x86(const struct kvm_sregs *from, struct x86_regs *to)
{
	to->cs = from->cs.selector;
	to->ss = from->ss.selector;
	to->ds = from->ds.selector;
	to->es = from->es.selector;
	to->fs = from->fs.selector;
	to->gs = from->gs.selector;
	to->fs_base = from->fs.base;
	to->gs_base = from->gs.base;
	to->cr0 = from->cr0;
	to->cr2 = from->cr2;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->cr8 = from->cr8;
	to->efer = from->efer;
	to->cs_long = from->cs.l;
}

/*
 * The FPU saves a tag of one bit a physical register: empty or not.  gdb wants the two-bit tags of
 * FSTENV, whose values follow from what is in the register (Intel SDM vol. 1, 8.1.7 and 10.5.1.1).
 */
static uint16_t full_tag_word(const struct kvm_fpu *fpu)
{
	unsigned top = (fpu->fsw >> 11) & 7;
	uint16_t tags = 0;

	for (unsigned physical = 0; physical < 8; physical++) {
		const uint8_t *st = fpu->fpr[(physical - top) & 7];
		unsigned exponent = (unsigned)(st[8] | st[9] << 8) & 0x7fff, tag;
		uint64_t mantissa;

		memcpy(&mantissa, st, sizeof(mantissa));
		if (!(fpu->ftwx & (1u << physical)))
			tag = 3; /* empty */
		else if (exponent == 0 && mantissa == 0)
			tag = 1; /* zero */
		else if (exponent == 0 || exponent == 0x7fff || !(mantissa >> 63))
			tag = 2; /* special */
		else
			tag = 0; /* valid */
		tags |= (uint16_t)(tag << (2 * physical));
	}
	return tags;
}

static uint8_t abridged_tag_word(uint16_t tags)
{
	uint8_t abridged = 0;

	for (unsigned i = 0; i < 8; i++)
		if (((tags >> (2 * i)) & 3) != 3)
			abridged |= (uint8_t)(1u << i);
	return abridged;
}

static void fpu_to_x86(const struct kvm_fpu *from, struct x86_regs *to)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(to->st[i], from->fpr[i], 10);
	to->fctrl = from->fcw;
	to->fstat = from->fsw;
	to->ftag = full_tag_word(from);
	to->fop = from->last_opcode;
	to->fip = from->last_ip;
	to->fdp = from->last_dp;
	memcpy(to->xmm, from->xmm, sizeof(to->xmm));
	to->mxcsr = from->mxcsr;
}

static void fpu_from_x86(const struct x86_regs *from, struct kvm_fpu *to)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(to->fpr[i], from->st[i], 10);
	to->fcw = from->fctrl;
	to->fsw = from->fstat;
	to->ftwx = abridged_tag_word(from->ftag);
	to->last_opcode = from->fop;
	to->last_ip = from->fip;
	to->last_dp = from->fdp;
	memcpy(to->xmm, from->xmm, sizeof(to->xmm));
	to->mxcsr = from->mxcsr;
}

int vcpu_read_x86_regs(struct vcpu *vcpu, struct x86_regs *ret_regs)
{
	struct x86_regs regs = { 0 };
	struct kvm_regs general;
	struct kvm_sregs system;
	struct kvm_fpu fpu;
	int r;

	/* A step's stop alone asks three times, and the answer takes four ioctls. */
	if (vcpu->has_regs) {
		*ret_regs = vcpu->regs;
		return 0;
	}
	r = kvm_vcpu_get_regs(&vcpu->kvm, &general);
	if (r == 0)
		r = kvm_vcpu_get_sregs(&vcpu->kvm, &system);
	if (r == 0)
		r = kvm_vcpu_get_fpu(&vcpu->kvm, &fpu);
	if (r < 0)
		return r;
	/*
	 * A host that does not offer this MSR leaves it 0; everything else is still worth showing.
	 */
	(void)kvm_vcpu_get_msr(&vcpu->kvm, MSR_KERNEL_GS_BASE, &regs.k_gs_base);
	general_to_x86(&general, &regs);
	system_to_x86(&system, &regs);
	fpu_to_x86(&fpu, &regs);
	vcpu->regs = *ret_regs = regs;
	vcpu->has_regs = true;
	return 0;
}

static bool system_differs(const struct x86_regs *a, const struct x86_regs *b)
{
	return a->fs_base != b->fs_base || a->gs_base != b->gs_base || a->cr0 != b->cr0 ||
	       a->cr2 != b->cr2 || a->cr3 != b->cr3 || a->cr4 != b->cr4 || a->cr8 != b->cr8 ||
	       a->efer != b->efer;
}

/*
 * Only what changed is written: KVM_SET_SREGS has side effects that a debugger which changes RAX
 * must not have. Selectors are read-only here: a selector without its hidden descriptor would be a
 * lie.
 */
int vcpu_write_x86_regs(struct vcpu *vcpu, const struct x86_regs *regs)
{
	struct x86_regs old;
	struct kvm_regs general = general_from_x86(regs);
	struct kvm_sregs system;
	struct kvm_fpu fpu;
	int r;

	r = vcpu_read_x86_regs(vcpu, &old);
	if (r < 0)
		return r;
	if (old.cs != regs->cs || old.ss != regs->ss || old.ds != regs->ds || old.es != regs->es ||
	    old.fs != regs->fs || old.gs != regs->gs)
		return -EPERM;
	/* What KVM makes of them is what is read next. */
	vcpu->has_regs = false;
	if (system_differs(&old, regs)) {
		r = kvm_vcpu_get_sregs(&vcpu->kvm, &system);
		if (r < 0)
			return r;
		system.fs.base = regs->fs_base;
		system.gs.base = regs->gs_base;
		system.cr0 = regs->cr0;
		system.cr2 = regs->cr2;
		system.cr3 = regs->cr3;
		system.cr4 = regs->cr4;
		system.cr8 = regs->cr8;
		system.efer = regs->efer;
		r = kvm_vcpu_set_sregs(&vcpu->kvm, &system);
		if (r < 0)
			return r;
	}
	if (old.k_gs_base != regs->k_gs_base) {
		r = kvm_vcpu_set_msr(&vcpu->kvm, MSR_KERNEL_GS_BASE, regs->k_gs_base);
		if (r < 0)
			return r;
	}
	r = kvm_vcpu_get_fpu(&vcpu->kvm, &fpu);
	if (r < 0)
		return r;
	fpu_from_x86(regs, &fpu);
	r = kvm_vcpu_set_fpu(&vcpu->kvm, &fpu);
	return r < 0 ? r : kvm_vcpu_set_regs(&vcpu->kvm, &general);
}
