/* SPDX-License-Identifier: MIT */
/*
 * libcapstone is loaded and opened for a listing, and closed after it: listings are rare, state is
 * not worth it.  Linked, it would cost every start half a millisecond and every machine 1.5 MiB:
 * all of its tables, for all of its processors, are pointers that the loader has to relocate.
 */
#include <capstone/capstone.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "vmm/disassemble.h"

#define EFER_LMA         (1u << 10) /* APM vol. 2, 3.1.7 */

/* The library's name has the version of the interface it was compiled for. */
#define SONAME_OF(major) "libcapstone.so." #major
#define SONAME(major)    SONAME_OF(major)

/* What is used of libcapstone. */
struct capstone {
	void *library;
	__typeof__(cs_open) *open;
	__typeof__(cs_close) *close;
	__typeof__(cs_malloc) *malloc;
	__typeof__(cs_free) *free;
	__typeof__(cs_disasm_iter) *disasm_iter;
	csh handle;
	cs_insn *insn;
};

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

static void capstone_close(struct capstone *capstone)
{
	if (capstone->insn)
		capstone->free(capstone->insn, 1);
	if (capstone->handle)
		(void)capstone->close(&capstone->handle);
	if (capstone->library)
		(void)dlclose(capstone->library);
}

/* What it took before a failure is for capstone_close(). */
static int capstone_open(struct capstone *capstone, enum code_bits bits)
{
	capstone->library = dlopen(SONAME(CS_API_MAJOR), RTLD_NOW | RTLD_LOCAL);
	if (!capstone->library)
		return -ENOTSUP;
	capstone->open = dlsym(capstone->library, "cs_open");
	capstone->close = dlsym(capstone->library, "cs_close");
	capstone->malloc = dlsym(capstone->library, "cs_malloc");
	capstone->free = dlsym(capstone->library, "cs_free");
	capstone->disasm_iter = dlsym(capstone->library, "cs_disasm_iter");
	if (!capstone->open || !capstone->close || !capstone->malloc || !capstone->free ||
	    !capstone->disasm_iter)
		return -ENOTSUP;
	if (capstone->open(CS_ARCH_X86, capstone_mode(bits), &capstone->handle) != CS_ERR_OK)
		return -ENOMEM;
	capstone->insn = capstone->malloc(capstone->handle);
	return capstone->insn ? 0 : -ENOMEM;
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
	_cleanup_(capstone_close) struct capstone capstone = { 0 };
	const cs_insn *insn;
	const uint8_t *pos = code;
	size_t left = len;
	int r;

	r = capstone_open(&capstone, bits);
	if (r < 0)
		return r;
	insn = capstone.insn;
	for (unsigned i = 0; i < max_insns && left > 0; i++) {
		const uint8_t *start = pos;
		uint64_t start_addr = addr;

		if (capstone.disasm_iter(capstone.handle, &pos, &left, &addr, capstone.insn)) {
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
	return 0;
}
