/* SPDX-License-Identifier: MIT */
/* Instruction bytes as text, through libcapstone.  No state: any thread. */
#ifndef GLASSBOX_VMM_DISASSEMBLE_H
#define GLASSBOX_VMM_DISASSEMBLE_H

#include <stdio.h>

#include "base/elf_symbols.h"
#include "base/util.h"
#include "gdbstub/target.h"

/* Longest x86 instruction, bytes (SDM vol. 2A, 2.3.11) */
#define DISASSEMBLE_MAX_INSN 15u

/* Operand and address size of code. */
enum code_bits { CODE_16 = 16, CODE_32 = 32, CODE_64 = 64 };

/**
 * disassemble_code_bits() - how the processor reads code now
 * @cs_db: CS.D, which struct x86_regs does not carry
 *
 * 64-bit only with EFER.LMA and CS.L, else by CS.D (SDM vol. 3A, 3.4.5).
 */
enum code_bits disassemble_code_bits(const struct x86_regs *regs, bool cs_db);

/**
 * disassemble_write() - one line an instruction: marker, address, symbol, bytes, text
 * @addr: linear address of @code[0]
 * @max_insns: lines at most
 * @symbols: may be NULL
 *
 * A byte that starts no instruction is shown as "(bad)".  An instruction cut off by the end of
 * @code ends the listing, unless it is the first.  Return: 0; -ENOTSUP without libcapstone,
 * which is loaded now; -ENOMEM if it cannot start.
 */
int disassemble_write(FILE *out, enum code_bits bits, uint64_t addr, const uint8_t *code,
		      size_t len, unsigned max_insns, const struct elf_symbols *symbols);

#endif
