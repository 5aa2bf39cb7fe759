/* SPDX-License-Identifier: MIT */
/*
 * The symbol table of an ELF file (a vmlinux), for address to name and name to address.
 *
 * Reads .symtab (or .dynsym) through libelf, sorted once; lookups allocate nothing.  Immutable
 * after it is opened: any thread.
 */
#ifndef GLASSBOX_BASE_ELF_SYMBOLS_H
#define GLASSBOX_BASE_ELF_SYMBOLS_H

#include "base/error.h"
#include "base/util.h"

struct elf_symbols;

struct elf_symbol {
	const char *name; /* owned by the table */
	uint64_t start;   /* link-time address */
	uint64_t size;    /* bytes; of a symbol without a size, up to the next one */
	bool is_function;
};

/**
 * elf_symbols_open() - read the symbols of the ELF file @path
 *
 * Return: 0, or -errno with @error set (not ELF, truncated, no symbols).
 */
int elf_symbols_open(const char *path, struct elf_symbols **ret_symbols, struct error *error)
	__must_check;

/** elf_symbols_close() - NULL is fine */
void elf_symbols_close(struct elf_symbols *symbols);

/** elf_symbols_set_slide() - add @slide to every address from now on (KASLR); not while others look
 * up */
void elf_symbols_set_slide(struct elf_symbols *symbols, uint64_t slide);

/**
 * elf_symbols_find() - the symbol whose [start, start + size) holds @addr
 *
 * Functions win over other symbols at the same address.  Return: 0, or -ENOENT.
 */
int elf_symbols_find(const struct elf_symbols *symbols, uint64_t addr,
		     struct elf_symbol *ret_symbol) __must_check;

/** elf_symbols_lookup() - the symbol called @name.  Return: 0, or -ENOENT. */
int elf_symbols_lookup(const struct elf_symbols *symbols, const char *name,
		       struct elf_symbol *ret_symbol) __must_check;

/**
 * elf_symbols_format() - "function+0x12" for @addr, or "0x..." where no symbol holds it
 * @symbols: may be NULL
 *
 * Return: @buf, always terminated.
 */
const char *elf_symbols_format(const struct elf_symbols *symbols, uint64_t addr, char *buf,
			       size_t size);

/** elf_symbols_build_id() - the GNU build ID, lower-case hex, or "" when the file has none */
const char *elf_symbols_build_id(const struct elf_symbols *symbols);

#endif
