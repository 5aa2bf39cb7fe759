/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/elf_load.h"

#define GUEST_SIZE      MIB(8)
#define XEN_NOTE_OS     6
#define XEN_NOTE_PHYS32 18
#define PVH_ENTRY       (IMAGE_ELF_TEXT_GPA + 0x456)

/* Loads the image in pieces of @piece bytes. */
static int load_in_pieces(const struct image *image, size_t piece, struct guest_mem *mem,
			  struct elf_kernel *kernel, struct error *error)
{
	struct elf_load load = { .mem = mem };
	int r = 0;

	for (size_t at = 0; at < image->len && r == 0; at += piece)
		r = elf_load_write(&load, image->data + at, MIN(piece, image->len - at), error);
	if (r == 0)
		r = elf_load_finish(&load, kernel, error);
	elf_load_release(&load);
	return r;
}

static void loads_segments_to_physical_addresses(void **state)
{
	const size_t pieces[] = { SIZE_MAX / 2, 0x1000, 1031, 512 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct guest_mem mem = guest_create(GUEST_SIZE);
		struct image image = image_elf();
		struct error error = { 0 };
		struct elf_kernel kernel;
		const uint8_t *ram = mem.regions[0].hva;

		assert_int_equal(load_in_pieces(&image, pieces[i], &mem, &kernel, &error), 0);
		assert_memory_equal(ram + IMAGE_ELF_TEXT_GPA, image.data + IMAGE_ELF_TEXT,
				    IMAGE_ELF_TEXT_SIZE);
		assert_memory_equal(ram + IMAGE_ELF_DATA_GPA, image.data + IMAGE_ELF_DATA,
				    IMAGE_ELF_DATA_SIZE);
		for (size_t at = IMAGE_ELF_DATA_SIZE; at < IMAGE_ELF_DATA_TOTAL; at++)
			assert_int_equal(ram[IMAGE_ELF_DATA_GPA + at], 0);
		assert_int_equal(kernel.entry, BOOT_ENTRY_LINUX64);
		assert_int_equal(kernel.rip, IMAGE_ELF_ENTRY);
		assert_int_equal(kernel.start_gpa, IMAGE_ELF_TEXT_GPA);
		assert_int_equal(kernel.end_gpa, IMAGE_ELF_DATA_GPA + IMAGE_ELF_DATA_TOTAL + 0x100);
		/* The one linked at 0 is loaded, and not told. */
		assert_int_equal(kernel.nr_segments, 2);
		assert_int_equal(kernel.segments[0].gva, IMAGE_ELF_TEXT_GVA);
		assert_int_equal(kernel.segments[0].gpa, IMAGE_ELF_TEXT_GPA);
		assert_int_equal(kernel.segments[0].len, IMAGE_ELF_TEXT_SIZE);
		assert_int_equal(kernel.segments[1].len, IMAGE_ELF_DATA_TOTAL);
		image_free(&image);
		guest_destroy(&mem);
	}
}

static void refuses_every_truncation(void **state)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image image = image_elf();
	size_t needed = IMAGE_ELF_DATA + IMAGE_ELF_DATA_SIZE;

	(void)state;
	for (size_t len = 0; len < needed; len += len < 0x200 ? 1 : 97) {
		struct image cut = image_cut(&image, len);
		struct error error = { 0 };
		struct elf_kernel kernel;

		assert_int_equal(load_in_pieces(&cut, 0x1000, &mem, &kernel, &error), -ENOEXEC);
		assert_true(error.message[0] != '\0');
		image_free(&cut);
	}
	image_free(&image);
	guest_destroy(&mem);
}

/* Loads, expects @code and @words, and frees the image. */
static void expect_refusal(struct image *image, int code, const char *words)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct error error = { 0 };
	struct elf_kernel kernel;

	assert_int_equal(load_in_pieces(image, image->len, &mem, &kernel, &error), code);
	if (!strstr(error.message, words))
		fail_msg("'%s' does not say '%s'", error.message, words);
	image_free(image);
	guest_destroy(&mem);
}

static void refuses_other_elf_files(void **state)
{
	struct image image = image_elf();

	(void)state;
	image_elf_header(&image)->e_ident[EI_CLASS] = ELFCLASS32;
	expect_refusal(&image, -ENOEXEC, "32-bit ELF");

	image = image_elf();
	image_elf_header(&image)->e_machine = EM_AARCH64;
	expect_refusal(&image, -ENOEXEC, "another machine (e_machine 183)");

	image = image_elf();
	image_elf_header(&image)->e_type = ET_REL;
	expect_refusal(&image, -ENOEXEC, "relocatable object");

	image = image_elf();
	image_elf_header(&image)->e_type = ET_DYN;
	expect_refusal(&image, -ENOEXEC, "position-independent");

	image = image_elf();
	image_elf_header(&image)->e_type = ET_CORE;
	expect_refusal(&image, -ENOEXEC, "core dump");

	image = image_elf();
	image.data[0] = 0;
	expect_refusal(&image, -ENOEXEC, "not an ELF file");
}

static void refuses_bad_program_headers(void **state)
{
	struct image image = image_elf();

	(void)state;
	image_elf_header(&image)->e_phnum = 0;
	expect_refusal(&image, -ENOEXEC, "no sound program headers");

	image = image_elf();
	image_elf_header(&image)->e_phentsize = 32;
	expect_refusal(&image, -ENOEXEC, "no sound program headers");

	image = image_elf();
	image_elf_header(&image)->e_phoff = UINT64_MAX - 8;
	expect_refusal(&image, -ENOEXEC, "truncated in the program headers");

	image = image_elf();
	for (unsigned i = 0; i < IMAGE_ELF_PHDRS; i++)
		image_elf_phdr(&image, i)->p_type = PT_NULL;
	expect_refusal(&image, -ENOEXEC, "no loadable segment");
}

static void refuses_segments_that_cannot_be(void **state)
{
	struct image image = image_elf();

	(void)state;
	image_elf_phdr(&image, 1)->p_paddr = UINT64_MAX - 100;
	expect_refusal(&image, -ENOEXEC, "impossible size");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_memsz = UINT64_MAX;
	expect_refusal(&image, -ENOEXEC, "impossible size");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_filesz = image_elf_phdr(&image, 1)->p_memsz + 1;
	expect_refusal(&image, -ENOEXEC, "impossible size");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_offset = UINT64_MAX - 1;
	expect_refusal(&image, -ENOEXEC, "impossible size");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_offset = MIB(1);
	expect_refusal(&image, -ENOEXEC, "truncated");

	image = image_elf();
	image_elf_phdr(&image, 0)->p_paddr = BOOT_PAGE_TABLES_GPA;
	expect_refusal(&image, -ENOEXEC, "in the first MiB");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_paddr = IMAGE_ELF_TEXT_GPA + IMAGE_ELF_TEXT_SIZE - 1;
	expect_refusal(&image, -ENOEXEC, "overlap");
}

static void says_how_much_memory_is_missing(void **state)
{
	struct image image = image_elf();

	(void)state;
	image_elf_phdr(&image, 1)->p_memsz = GUEST_SIZE;
	image_elf_phdr(&image, 2)->p_type = PT_NULL;
	expect_refusal(&image, -ENOMEM, "needs memory up to 11 MiB, the guest has 8 MiB");

	image = image_elf();
	image_elf_phdr(&image, 1)->p_paddr = GUEST_SIZE;
	expect_refusal(&image, -ENOMEM, "needs memory up to 9 MiB, the guest has 8 MiB");
}

static void expect_entry(struct image *image, enum boot_entry entry, uint64_t rip)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct error error = { 0 };
	struct elf_kernel kernel;

	assert_int_equal(load_in_pieces(image, 0x1000, &mem, &kernel, &error), 0);
	assert_int_equal(kernel.entry, entry);
	assert_int_equal(kernel.rip, rip);
	image_free(image);
	guest_destroy(&mem);
}

static void chooses_between_linux_and_pvh(void **state)
{
	const uint64_t entry64 = PVH_ENTRY;
	const uint32_t entry32 = PVH_ENTRY;
	struct image image = image_elf();

	(void)state;
	/* Linux, by either of its notes, is entered at e_entry. */
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry64, sizeof(entry64));
	image_elf_add_note(&image, "Linux", 0x100, "6.1", 4);
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);

	image = image_elf();
	image_elf_add_note(&image, "Xen", XEN_NOTE_OS, "linux", 6);
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry64, sizeof(entry64));
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);

	/* Another kernel by its PVH entry, and so is Linux where e_entry is virtual. */
	image = image_elf();
	image_elf_add_note(&image, "Xen", XEN_NOTE_OS, "FreeBSD", 8);
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry32, sizeof(entry32));
	expect_entry(&image, BOOT_ENTRY_PVH, PVH_ENTRY);

	image = image_elf();
	image_elf_header(&image)->e_entry = IMAGE_ELF_TEXT_GVA;
	image_elf_add_note(&image, "Linux", 0x100, "6.1", 4);
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry32, sizeof(entry32));
	expect_entry(&image, BOOT_ENTRY_PVH, PVH_ENTRY);

	/* A number of another owner is no entry. */
	image = image_elf();
	image_elf_add_note(&image, "GNU", XEN_NOTE_PHYS32, &entry32, sizeof(entry32));
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);

	/* The last note may end without its padding. */
	image = image_elf();
	image_elf_add_note(&image, "Xen", XEN_NOTE_OS, "other", 5);
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry32, sizeof(entry32));
	image_elf_add_note(&image, "Linux", 1, "abcde", 5);
	image_elf_phdr(&image, 3)->p_filesz -= 3;
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);
}

static void refuses_an_entry_outside(void **state)
{
	const uint32_t outside = 0x100000;
	struct image image = image_elf();

	(void)state;
	image_elf_header(&image)->e_entry = IMAGE_ELF_TEXT_GVA;
	expect_refusal(&image, -ENOEXEC, "entry point 0xffffffff80200000 is not");

	image = image_elf();
	image_elf_header(&image)->e_entry = 0;
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &outside, sizeof(outside));
	expect_refusal(&image, -ENOEXEC, "it has no PVH entry");
}

static void damaged_notes_are_no_notes(void **state)
{
	const uint32_t entry = PVH_ENTRY;
	struct image image = image_elf();
	Elf64_Nhdr *note = (void *)(image.data + IMAGE_ELF_NOTES);

	(void)state;
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry, sizeof(entry));
	note->n_namesz = UINT32_MAX;
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);

	image = image_elf();
	note = (void *)(image.data + IMAGE_ELF_NOTES);
	image_elf_add_note(&image, "Xen", XEN_NOTE_PHYS32, &entry, sizeof(entry));
	note->n_descsz = UINT32_MAX;
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);

	image = image_elf();
	image_elf_phdr(&image, 3)->p_filesz = UINT64_MAX;
	expect_entry(&image, BOOT_ENTRY_LINUX64, IMAGE_ELF_ENTRY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_segments_to_physical_addresses),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_other_elf_files),
		cmocka_unit_test(refuses_bad_program_headers),
		cmocka_unit_test(refuses_segments_that_cannot_be),
		cmocka_unit_test(says_how_much_memory_is_missing),
		cmocka_unit_test(chooses_between_linux_and_pvh),
		cmocka_unit_test(refuses_an_entry_outside),
		cmocka_unit_test(damaged_notes_are_no_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
