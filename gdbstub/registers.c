/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "gdbstub/registers.h"

/* The features gdb knows by name, with the registers it demands in each, and one of our own. */
#define CORE                "org.gnu.gdb.i386.core"
#define SSE                 "org.gnu.gdb.i386.sse"
#define SEGMENTS            "org.gnu.gdb.i386.segments"
#define SYSTEM              "org.glassbox.x86.system"

#define MEMBER_SIZE(member) sizeof(((struct x86_regs *)0)->member)

/* A register whose value is the first bytes of @member_, from byte @skip_ of it. */
#define REG(feature_, name_, type_, group_, bytes_, member_, skip_, stored_)                       \
	{                                                                                          \
		.feature = (feature_), .name = (name_), .type = (type_), .group = (group_),        \
		.bytes = (bytes_), .offset = offsetof(struct x86_regs, member_) + (skip_),         \
		.stored = (stored_),                                                               \
	}
#define GPR(name, index, type)                                                                     \
	REG(CORE, name, type, NULL, 8, gpr[index], 0, MEMBER_SIZE(gpr[index]))
#define SEGMENT(member)                 REG(CORE, #member, "int32", NULL, 4, member, 0, MEMBER_SIZE(member))
#define ST(index)                       REG(CORE, "st" #index, "i387_ext", NULL, 10, st[index], 0, 10)
#define X87(name, member, skip, stored) REG(CORE, name, "int", "float", 4, member, skip, stored)
#define XMM(index)                      REG(SSE, "xmm" #index, "vec128", NULL, 16, xmm[index], 0, 16)
#define BASE(feature, member)           REG(feature, #member, "int", NULL, 8, member, 0, 8)
#define CONTROL(member, type)           REG(SYSTEM, #member, type, NULL, 8, member, 0, 8)

const struct gdb_register gdb_registers[] = {
	GPR("rax", 0, "int64"),
	GPR("rbx", 1, "int64"),
	GPR("rcx", 2, "int64"),
	GPR("rdx", 3, "int64"),
	GPR("rsi", 4, "int64"),
	GPR("rdi", 5, "int64"),
	GPR("rbp", 6, "data_ptr"),
	GPR("rsp", 7, "data_ptr"),
	GPR("r8", 8, "int64"),
	GPR("r9", 9, "int64"),
	GPR("r10", 10, "int64"),
	GPR("r11", 11, "int64"),
	GPR("r12", 12, "int64"),
	GPR("r13", 13, "int64"),
	GPR("r14", 14, "int64"),
	GPR("r15", 15, "int64"),
	REG(CORE, "rip", "code_ptr", NULL, 8, rip, 0, 8),
	REG(CORE, "eflags", "i386_eflags", NULL, 4, rflags, 0, 4),
	SEGMENT(cs),
	SEGMENT(ss),
	SEGMENT(ds),
	SEGMENT(es),
	SEGMENT(fs),
	SEGMENT(gs),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	/* SDM vol. 1, 8.1; gdb has the 64-bit pointers in two halves, "seg" being the upper one. */
	X87("fctrl", fctrl, 0, 2),
	X87("fstat", fstat, 0, 2),
	X87("ftag", ftag, 0, 2),
	X87("fiseg", fip, 4, 4),
	X87("fioff", fip, 0, 4),
	X87("foseg", fdp, 4, 4),
	X87("fooff", fdp, 0, 4),
	X87("fop", fop, 0, 2),
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	REG(SSE, "mxcsr", "i386_mxcsr", "vector", 4, mxcsr, 0, 4),
	BASE(SEGMENTS, fs_base),
	BASE(SEGMENTS, gs_base),
	BASE(SYSTEM, k_gs_base),
	CONTROL(cr0, "x86_cr0"),
	CONTROL(cr2, "data_ptr"),
	CONTROL(cr3, "x86_cr3"),
	CONTROL(cr4, "x86_cr4"),
	CONTROL(cr8, "x86_cr8"),
	CONTROL(efer, "x86_efer"),
};

const unsigned gdb_nr_registers = ARRAY_SIZE(gdb_registers);

void gdb_register_get(const struct gdb_register *reg, const struct x86_regs *regs,
		      uint8_t *ret_bytes)
{
	memset(ret_bytes, 0, reg->bytes);
	memcpy(ret_bytes, (const uint8_t *)regs + reg->offset, reg->stored);
}

void gdb_register_set(const struct gdb_register *reg, struct x86_regs *regs, const uint8_t *bytes)
{
	memcpy((uint8_t *)regs + reg->offset, bytes, reg->stored);
}
