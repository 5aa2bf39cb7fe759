/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/elf_load.h"

#define PAGE_BYTES          4096u
#define MAX_PROGRAM_HEADERS 256u
#define MAX_NOTES           KIB(64)

/* Notes of the owner "Xen" (Xen's public/elfnote.h). */
#define XEN_NOTE_GUEST_OS   6u
#define XEN_NOTE_PHYS32     18u /* PVH entry point */

void elf_load_release(struct elf_load *load)
{
	free(load->notes);
	load->notes = NULL;
}

static int check_header(const Elf64_Ehdr *header, struct error *error)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return error_set(error, -ENOEXEC, "it is not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return error_set(error, -ENOEXEC, "it is a 32-bit ELF file; 64 bits are needed");
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
		return error_set(error, -ENOEXEC,
				 "it is an ELF file for another machine (e_machine %u), not x86-64",
				 header->e_machine);
	if (header->e_type != ET_EXEC)
		return error_set(error, -ENOEXEC, "it is %s, not an executable at fixed addresses",
				 header->e_type == ET_REL    ? "a relocatable object"
				 : header->e_type == ET_DYN  ? "position-independent"
				 : header->e_type == ET_CORE ? "a core dump"
							     : "an ELF file of unknown type");
	if (header->e_phnum == 0 || header->e_phnum > MAX_PROGRAM_HEADERS ||
	    header->e_phentsize != sizeof(Elf64_Phdr))
		return error_set(error, -ENOEXEC, "its ELF header has no sound program headers");
	return 0;
}

static int find_room(const struct elf_load *load, const Elf64_Phdr *phdr, uint8_t **ret_to,
		     struct error *error)
{
	uint64_t gpa = phdr->p_paddr, len = phdr->p_memsz;
	uint8_t *to;

	if (gpa > UINT64_MAX - len || phdr->p_filesz > len ||
	    phdr->p_offset > UINT64_MAX - phdr->p_filesz)
		return error_set(error, -ENOEXEC,
				 "a segment at %#" PRIx64 " has an impossible size", gpa);
	if (gpa < BOOT_HIGH_RAM_GPA)
		return error_set(error, -ENOEXEC,
				 "a segment wants to be at %#" PRIx64
				 ", in the first MiB, where boot data goes",
				 gpa);
	for (unsigned i = 0; i < load->nr_loaded; i++) {
		const struct boot_segment *other = &load->loaded[i];

		if (gpa < other->gpa + other->len && other->gpa < gpa + len)
			return error_set(error, -ENOEXEC, "two segments overlap at %#" PRIx64, gpa);
	}
	to = guest_mem_ptr(load->mem, gpa, len);
	if (!to)
		return error_set(error, -ENOMEM,
				 "it needs memory up to %" PRIu64 " MiB, the guest has %" PRIu64
				 " MiB",
				 (gpa + len - 1) / MIB(1) + 1, guest_mem_size(load->mem) >> 20);
	*ret_to = to;
	return 0;
}

static void add_span(struct elf_load *load, uint64_t offset, uint64_t len, uint8_t *to)
{
	load->spans[load->nr_spans++] = (struct elf_span){ .offset = offset, .len = len, .to = to };
	load->needed = MAX(load->needed, offset + len);
}

static int add_segment(struct elf_load *load, const Elf64_Phdr *phdr, struct error *error)
{
	uint8_t *to = NULL;
	int r;

	if (phdr->p_memsz == 0)
		return 0;
	if (load->nr_loaded == BOOT_MAX_SEGMENTS)
		return error_set(error, -ENOEXEC, "it has more than %u loadable segments",
				 BOOT_MAX_SEGMENTS);
	r = find_room(load, phdr, &to, error);
	if (r < 0)
		return r;
	load->loaded[load->nr_loaded++] = (struct boot_segment){ .gva = phdr->p_vaddr,
								 .gpa = phdr->p_paddr,
								 .len = phdr->p_memsz };
	if (phdr->p_filesz > 0)
		add_span(load, phdr->p_offset, phdr->p_filesz, to);
	return 0;
}

static int add_notes(struct elf_load *load, const Elf64_Phdr *phdr, struct error *error)
{
	/* One, and of sensible size, or the kernel has no notes for us. */
	if (load->notes || phdr->p_filesz == 0 || phdr->p_filesz > MAX_NOTES ||
	    phdr->p_offset > UINT64_MAX - phdr->p_filesz)
		return 0;
	load->notes = calloc(1, phdr->p_filesz);
	if (!load->notes)
		return error_set_errno(error, -ENOMEM, "cannot read its notes");
	load->notes_len = phdr->p_filesz;
	add_span(load, phdr->p_offset, phdr->p_filesz, load->notes);
	return 0;
}

static int read_headers(struct elf_load *load, const uint8_t *data, size_t len, struct error *error)
{
	Elf64_Ehdr header;
	int r;

	if (len < sizeof(header))
		return error_set(error, -ENOEXEC, "it is truncated in the ELF header");
	memcpy(&header, data, sizeof(header));
	r = check_header(&header, error);
	if (r < 0)
		return r;
	if (!range_within(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), 0,
			  MIN(len, ELF_LOAD_HEADERS_MAX)))
		return error_set(error, -ENOEXEC, "it is truncated in the program headers");
	load->e_entry = header.e_entry;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, data + header.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_LOAD)
			r = add_segment(load, &phdr, error);
		else if (phdr.p_type == PT_NOTE)
			r = add_notes(load, &phdr, error);
		if (r < 0)
			return r;
	}
	if (load->nr_loaded == 0)
		return error_set(error, -ENOEXEC, "it has no loadable segment");
	return 0;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/*
 * Leaves alone what is zero already: a stripped vmlinux carries its BSS as zeros, and each page of
 * the guest that is not touched is a page fault less.
 */
static void copy_pages(uint8_t *to, const uint8_t *from, uint64_t len)
{
	while (len > 0) {
		size_t part = MIN(len, PAGE_BYTES - ((uintptr_t)to & (PAGE_BYTES - 1)));

		if (!is_zero(from, part))
			memcpy(to, from, part);
		to += part;
		from += part;
		len -= part;
	}
}

int elf_load_write(struct elf_load *load, const uint8_t *data, size_t len, struct error *error)
{
	uint64_t start = load->received, end = start + len;

	if (start == 0) {
		int r = read_headers(load, data, len, error);

		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < load->nr_spans; i++) {
		const struct elf_span *span = &load->spans[i];
		uint64_t from = MAX(start, span->offset);
		uint64_t to = MIN(end, span->offset + span->len);

		if (from < to)
			copy_pages(span->to + (from - span->offset), data + (from - start),
				   to - from);
	}
	load->received = end;
	return 0;
}

struct notes_found {
	bool linux_os;
	uint64_t pvh_entry; /* 0: none */
};

static void take_note(const Elf64_Nhdr *note, const char *name, const uint8_t *desc,
		      struct notes_found *found)
{
	if (note->n_namesz == sizeof("Linux") && memcmp(name, "Linux", sizeof("Linux")) == 0)
		found->linux_os = true;
	if (note->n_namesz != sizeof("Xen") || memcmp(name, "Xen", sizeof("Xen")) != 0)
		return;
	if (note->n_type == XEN_NOTE_GUEST_OS && note->n_descsz >= 5 &&
	    memcmp(desc, "linux", 5) == 0)
		found->linux_os = true;
	if (note->n_type == XEN_NOTE_PHYS32 && (note->n_descsz == 4 || note->n_descsz == 8)) {
		found->pvh_entry = 0;
		memcpy(&found->pvh_entry, desc, note->n_descsz);
	}
}

static struct notes_found read_notes(const struct elf_load *load)
{
	struct notes_found found = { 0 };
	uint64_t at = 0;

	while (load->notes_len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, desc, next;

		memcpy(&note, load->notes + at, sizeof(note));
		/* 32-bit sizes: none of these can overflow.  Padding at the end may be missing. */
		name = at + sizeof(note);
		desc = name + ALIGN_UP(note.n_namesz, 4);
		next = desc + ALIGN_UP(note.n_descsz, 4);
		if (desc + note.n_descsz > load->notes_len)
			break;
		take_note(&note, (const char *)load->notes + name, load->notes + desc, &found);
		at = MIN(next, load->notes_len);
	}
	return found;
}

/* Both entries run with at most the first 4 GiB in reach. */
static bool is_loaded(const struct elf_load *load, uint64_t gpa)
{
	for (unsigned i = 0; i < load->nr_loaded; i++) {
		if (range_within(gpa, 1, load->loaded[i].gpa, load->loaded[i].len))
			return gpa < GIB(4);
	}
	return false;
}

int elf_load_finish(struct elf_load *load, struct elf_kernel *ret_kernel, struct error *error)
{
	struct elf_kernel kernel = { .start_gpa = UINT64_MAX };
	struct notes_found notes;
	bool linux64;

	if (load->received == 0)
		return error_set(error, -ENOEXEC, "there is nothing in it");
	if (load->received < load->needed)
		return error_set(error, -ENOEXEC,
				 "it is truncated: %" PRIu64 " of at least %" PRIu64 " bytes",
				 load->received, load->needed);
	notes = read_notes(load);
	linux64 = is_loaded(load, load->e_entry);
	if (is_loaded(load, notes.pvh_entry) && !(linux64 && notes.linux_os)) {
		kernel.entry = BOOT_ENTRY_PVH;
		kernel.rip = notes.pvh_entry;
	} else if (linux64) {
		kernel.entry = BOOT_ENTRY_LINUX64;
		kernel.rip = load->e_entry;
	} else {
		return error_set(
			error, -ENOEXEC,
			"its entry point %#" PRIx64
			" is not a physical address that was loaded, and it has no PVH entry",
			load->e_entry);
	}
	for (unsigned i = 0; i < load->nr_loaded; i++) {
		const struct boot_segment *segment = &load->loaded[i];

		kernel.start_gpa = MIN(kernel.start_gpa, segment->gpa);
		kernel.end_gpa = MAX(kernel.end_gpa, segment->gpa + segment->len);
		if (segment->gva != 0) /* Linux's per-CPU template */
			kernel.segments[kernel.nr_segments++] = *segment;
	}
	*ret_kernel = kernel;
	return 0;
}
