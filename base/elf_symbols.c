/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/elf_symbols.h"

#define BUILD_ID_MAX 64u

struct elf_symbols {
	Elf *elf;                   /* keeps the string table alive */
	int fd;                     /* the same file */
	struct elf_symbol *by_addr; /* sorted by start, then functions first; sizes filled in */
	size_t count;
	uint64_t slide;
	char build_id[2 * BUILD_ID_MAX + 1];
};

static int compare_address(const void *left, const void *right)
{
	const struct elf_symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	/*
	 * A function, then a sized symbol, is what people mean by an address that has several
	 * names.
	 */
	if (a->is_function != b->is_function)
		return a->is_function ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool symbol_wanted(const GElf_Sym *sym, const char *name, size_t percpu_section)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	if (!name || name[0] == '\0' || sym->st_shndx == SHN_UNDEF)
		return false;
	/*
	 * Absolute symbols and Linux's per-CPU offsets are numbers, not places in the text or data.
	 */
	if (sym->st_shndx == SHN_ABS || sym->st_shndx == percpu_section)
		return false;
	return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE;
}

/*
 * The index of Linux's section of per-CPU variables, which is linked at 0; SHN_UNDEF if there is
 * none.
 */
static size_t find_percpu_section(Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return SHN_UNDEF;
	while ((section = elf_nextscn(elf, section))) {
		const char *name;
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (name && header.sh_addr == 0 && strcmp(name, ".data..percpu") == 0)
			return elf_ndxscn(section);
	}
	return SHN_UNDEF;
}

static int read_table(struct elf_symbols *symbols, Elf_Scn *section, const GElf_Shdr *header)
{
	size_t percpu_section = find_percpu_section(symbols->elf);
	Elf_Data *data = elf_getdata(section, NULL);
	size_t nr;

	if (!data || header->sh_entsize == 0)
		return -EINVAL;
	nr = header->sh_size / header->sh_entsize;
	symbols->by_addr = calloc(nr ? nr : 1, sizeof(*symbols->by_addr));
	if (!symbols->by_addr)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, (int)i, &sym))
			return -EINVAL;
		name = elf_strptr(symbols->elf, header->sh_link, sym.st_name);
		if (!symbol_wanted(&sym, name, percpu_section))
			continue;
		symbols->by_addr[symbols->count++] = (struct elf_symbol){
			.name = name,
			.start = sym.st_value,
			.size = sym.st_size,
			.is_function = GELF_ST_TYPE(sym.st_info) == STT_FUNC,
		};
	}
	return 0;
}

static void fill_sizes(struct elf_symbols *symbols)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = symbols->count; i-- > 0;) {
		struct elf_symbol *symbol = &symbols->by_addr[i];

		if (i + 1 < symbols->count && symbols->by_addr[i + 1].start != symbol->start)
			next = symbols->by_addr[i + 1].start;
		if (symbol->size == 0)
			symbol->size = next == UINT64_MAX ? 1 : next - symbol->start;
	}
}

static void read_build_id(struct elf_symbols *symbols)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(symbols->elf, section))) {
		GElf_Shdr header;
		GElf_Nhdr note;
		size_t name, desc, offset = 0;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_NOTE)
			continue;
		data = elf_getdata(section, NULL);
		while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
			const uint8_t *id = (const uint8_t *)data->d_buf + desc;

			if (note.n_type != NT_GNU_BUILD_ID || note.n_descsz > BUILD_ID_MAX ||
			    note.n_namesz != sizeof(ELF_NOTE_GNU) ||
			    memcmp((const char *)data->d_buf + name, ELF_NOTE_GNU, note.n_namesz) !=
				    0)
				continue;
			for (unsigned i = 0; i < note.n_descsz; i++)
				(void)sprintf(symbols->build_id + 2 * i, "%02x", id[i]);
			return;
		}
	}
}

static int read_symbols(struct elf_symbols *symbols)
{
	Elf_Scn *section = NULL, *best = NULL;
	GElf_Shdr header, best_header = { 0 };
	int r;

	while ((section = elf_nextscn(symbols->elf, section))) {
		if (!gelf_getshdr(section, &header))
			return -EINVAL;
		if (header.sh_type == SHT_SYMTAB || (header.sh_type == SHT_DYNSYM && !best)) {
			best = section;
			best_header = header;
		}
	}
	if (!best)
		return -ENODATA;
	r = read_table(symbols, best, &best_header);
	if (r < 0)
		return r;
	if (symbols->count == 0)
		return -ENODATA;
	qsort(symbols->by_addr, symbols->count, sizeof(*symbols->by_addr), compare_address);
	fill_sizes(symbols);
	read_build_id(symbols);
	return 0;
}

int elf_symbols_open(const char *path, struct elf_symbols **ret_symbols, struct error *error)
{
	struct elf_symbols *symbols;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(error, -ENOSYS, "libelf is too old for this program");
	symbols = calloc(1, sizeof(*symbols));
	if (!symbols)
		return error_set_errno(error, -ENOMEM, "cannot read symbols of '%s'", path);
	/* O_NONBLOCK: a FIFO without a writer is to be refused, not waited for. */
	symbols->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (symbols->fd < 0) {
		r = error_set_errno(error, -errno, "cannot open '%s'", path);
		goto fail;
	}
	symbols->elf = elf_begin(symbols->fd, ELF_C_READ_MMAP, NULL);
	if (!symbols->elf || elf_kind(symbols->elf) != ELF_K_ELF) {
		r = error_set(error, -ENOEXEC, "'%s' is not an ELF file", path);
		goto fail;
	}
	r = read_symbols(symbols);
	if (r == -ENODATA)
		r = error_set(error, r, "'%s' has no symbols: give a vmlinux that is not stripped",
			      path);
	else if (r == -EINVAL)
		r = error_set(error, r, "'%s' is a damaged ELF file: %s", path, elf_errmsg(-1));
	else if (r < 0)
		r = error_set_errno(error, r, "cannot read symbols of '%s'", path);
	if (r < 0)
		goto fail;
	*ret_symbols = symbols;
	return 0;

fail:
	elf_symbols_close(symbols);
	return r;
}

void elf_symbols_close(struct elf_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->by_addr);
	if (symbols->elf)
		(void)elf_end(symbols->elf);
	if (symbols->fd >= 0)
		(void)close(symbols->fd);
	free(symbols);
}

void elf_symbols_set_slide(struct elf_symbols *symbols, uint64_t slide)
{
	symbols->slide = slide;
}

static struct elf_symbol slid(const struct elf_symbols *symbols, const struct elf_symbol *symbol)
{
	struct elf_symbol copy = *symbol;

	copy.start += symbols->slide;
	return copy;
}

int elf_symbols_find(const struct elf_symbols *symbols, uint64_t addr,
		     struct elf_symbol *ret_symbol)
{
	size_t low = 0, high = symbols->count;

	addr -= symbols->slide;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->by_addr[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	/*
	 * Walk back over names of the same address to the best one, and past labels inside a
	 * function.
	 */
	for (size_t back = 0; back < 16 && low > back; back++) {
		const struct elf_symbol *symbol = &symbols->by_addr[low - back - 1];
		bool best_of_address = low - back - 1 == 0 || symbol[-1].start != symbol->start;

		if (best_of_address && addr - symbol->start < symbol->size) {
			*ret_symbol = slid(symbols, symbol);
			return 0;
		}
	}
	return -ENOENT;
}

int elf_symbols_lookup(const struct elf_symbols *symbols, const char *name,
		       struct elf_symbol *ret_symbol)
{
	for (size_t i = 0; i < symbols->count; i++) {
		if (strcmp(symbols->by_addr[i].name, name) == 0) {
			*ret_symbol = slid(symbols, &symbols->by_addr[i]);
			return 0;
		}
	}
	return -ENOENT;
}

const char *elf_symbols_format(const struct elf_symbols *symbols, uint64_t addr, char *buf,
			       size_t size)
{
	struct elf_symbol symbol;

	if (!symbols || elf_symbols_find(symbols, addr, &symbol) < 0)
		(void)snprintf(buf, size, "0x%" PRIx64, addr);
	else if (addr == symbol.start)
		(void)snprintf(buf, size, "%s", symbol.name);
	else
		(void)snprintf(buf, size, "%s+0x%" PRIx64, symbol.name, addr - symbol.start);
	return buf;
}

const char *elf_symbols_build_id(const struct elf_symbols *symbols)
{
	return symbols->build_id;
}
