/* SPDX-License-Identifier: MIT */
/* libcapstone is opened for a listing and closed after it: listings are rare, state is not worth
 * it. */
#include <capstone/capstone.h>
#include <errno.h>
#include <inttypes.h>

#include "vmm/disassemble.h"

#define EFER_LMA     (1u << 10) /* APM vol. 2, 3.1.7 */

/* Enough for most; a longer instruction pushes its text to the right. */
#define BYTES_COLUMN 8u

enum code_bits disassemble_code_bits(const struct x86_regs *regs, bool cs_db)
{
	if (regs->efer & EFER_LMA && regs->cs_long)
		return CODE_64;
	return cs_db ? CODE_32 : CODE_16;
}

static cs_mode capstone_mode(enum code_bits bits)
{
	switch (bits) {
	case CODE_16: return CS_MODE_16;
	case CODE_32: return CS_MODE_32;
	case CODE_64: return CS_MODE_64;
	}
	return CS_MODE_64;
}

static void write_prefix(FILE *out, bool first, enum code_bits bits, uint64_t addr,
			 const struct elf_symbols *symbols)
{
	struct elf_symbol symbol;
	char name[128];

	(void)fprintf(out, "  %s 0x%0*" PRIx64, first ? "=>" : "  ", bits == CODE_64 ? 16 : 8,
		      addr);
	if (symbols && elf_symbols_find(symbols, addr, &symbol) == 0)
		(void)fprintf(out, " <%s>", elf_symbols_format(symbols, addr, name, sizeof(name)));
	(void)fputc(':', out);
}

static void write_bytes(FILE *out, const uint8_t *code, size_t len)
{
	for (size_t i = 0; i < MAX(len, BYTES_COLUMN); i++) {
		if (i < len)
			(void)fprintf(out, " %02x", code[i]);
		else
			(void)fputs("   ", out);
	}
}

int disassemble_write(FILE *out, enum code_bits bits, uint64_t addr, const uint8_t *code,
		      size_t len, unsigned max_insns, const struct elf_symbols *symbols)
{
	const uint8_t *pos = code;
	size_t left = len;
	cs_insn *insn;
	csh handle;

	if (cs_open(CS_ARCH_X86, capstone_mode(bits), &handle) != CS_ERR_OK)
		return -ENOMEM;
	insn = cs_malloc(handle);
	if (!insn) {
		(void)cs_close(&handle);
		return -ENOMEM;
	}

	for (unsigned i = 0; i < max_insns && left > 0; i++) {
		const uint8_t *start = pos;
		uint64_t start_addr = addr;

		if (cs_disasm_iter(handle, &pos, &left, &addr, insn)) {
			write_prefix(out, i == 0, bits, start_addr, symbols);
			write_bytes(out, start, (size_t)(pos - start));
			(void)fprintf(out, "  %s%s%s\n", insn->mnemonic, insn->op_str[0] ? " " : "",
				      insn->op_str);
			continue;
		}
		if (i > 0 && left < DISASSEMBLE_MAX_INSN)
			break;
		write_prefix(out, i == 0, bits, addr, symbols);
		write_bytes(out, pos, 1);
		(void)fputs("  (bad)\n", out);
		pos++;
		left--;
		addr++;
	}
	cs_free(insn, 1);
	(void)cs_close(&handle);
	return 0;
}
