/* SPDX-License-Identifier: MIT */
/* boot_load() as a whole: from files to what the first instruction finds in memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/kernel_image.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/boot_thread.h"
#include "vmm/boot/e820.h"
#include "vmm/boot/pvh.h"

#define GUEST_SIZE MIB(16)
#define RSDP_GPA   0xe0000ull

/* Loads @kernel with @config, whose kernel_path is filled in. */
static int load(const struct image *kernel, struct boot_config config, struct guest_mem *mem,
		struct boot_state *state, struct error *error)
{
	char *path = image_path(kernel);
	int r;

	config.kernel_path = path;
	if (!config.cmdline)
		config.cmdline = "";
	r = boot_load(&config, mem, state, error);
	if (r < 0 && !strstr(error->message, path))
		fail_msg("'%s' does not name the kernel", error->message);
	image_path_free(path);
	return r;
}

static struct boot_params read_zero_page(const struct guest_mem *mem)
{
	struct boot_params params;

	assert_int_equal(guest_mem_read(mem, BOOT_ZERO_PAGE_GPA, &params, sizeof(params)), 0);
	return params;
}

static void expect_elf_in_memory(const struct image *elf, const struct guest_mem *mem)
{
	const uint8_t *ram = mem->regions[0].hva;

	assert_memory_equal(ram + IMAGE_ELF_TEXT_GPA, elf->data + IMAGE_ELF_TEXT,
			    IMAGE_ELF_TEXT_SIZE);
	assert_memory_equal(ram + IMAGE_ELF_DATA_GPA, elf->data + IMAGE_ELF_DATA,
			    IMAGE_ELF_DATA_SIZE);
}

static void expect_words(const struct error *error, const char *words)
{
	if (!strstr(error->message, words))
		fail_msg("'%s' does not say '%s'", error->message, words);
	assert_null(strchr(error->message, '\n'));
}

static void elf_gets_a_zero_page(void **unused)
{
	const struct boot_config config = { .cmdline = "console=ttyS0 quiet",
					    .acpi_rsdp_gpa = RSDP_GPA,
					    .ecam_gpa = 0xe0000000,
					    .ecam_size = MIB(256) };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf();
	struct error error = { 0 };
	struct boot_params params;
	struct boot_state state;

	(void)unused;
	assert_int_equal(load(&elf, config, &mem, &state, &error), 0);
	expect_elf_in_memory(&elf, &mem);
	assert_int_equal(state.entry, BOOT_ENTRY_LINUX64);
	assert_int_equal(state.rip, IMAGE_ELF_ENTRY);
	assert_int_equal(state.arg, BOOT_ZERO_PAGE_GPA);
	assert_int_equal(state.nr_segments, 2);
	assert_string_equal(state.description, "ELF, 64-bit Linux entry");
	params = read_zero_page(&mem);
	assert_int_equal(params.hdr.boot_flag, 0xaa55);
	assert_int_equal(params.hdr.header, 0x53726448);
	assert_int_equal(params.hdr.type_of_loader, 0xff);
	assert_int_equal(params.hdr.cmd_line_ptr, BOOT_CMDLINE_GPA);
	assert_int_equal(params.hdr.ramdisk_image, 0);
	assert_int_equal(params.hdr.ramdisk_size, 0);
	assert_int_equal(params.acpi_rsdp_addr, RSDP_GPA);
	assert_int_equal(params.sentinel, 0);
	assert_int_equal(params.e820_entries, 5);
	assert_int_equal(params.e820_table[3].addr, MIB(1));
	assert_int_equal(params.e820_table[3].size, GUEST_SIZE - MIB(1));
	assert_int_equal(params.e820_table[3].type, E820_RAM);
	assert_int_equal(params.e820_table[4].addr, config.ecam_gpa);
	assert_int_equal(params.e820_table[4].type, E820_RESERVED);
	assert_string_equal(guest_mem_ptr(&mem, BOOT_CMDLINE_GPA, 64), config.cmdline);
	/* The tables are there: an entry of the page directory, and code in the GDT. */
	assert_int_equal(*(uint64_t *)guest_mem_ptr(&mem, BOOT_PAGE_TABLES_GPA, 8) & 3, 3);
	assert_int_not_equal(*(uint64_t *)guest_mem_ptr(&mem, BOOT_GDT_GPA + BOOT_GDT_CODE64, 8),
			     0);
	image_free(&elf);
	guest_destroy(&mem);
}

static void bzimage_is_unpacked(void **unused)
{
	static const char *const formats[] = { "gzip", "xz", "lzma", "zstd", "lz4" };
	const struct boot_config config = { 0 };
	struct image elf = image_elf();

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct guest_mem mem = guest_create(GUEST_SIZE);
		struct image payload = image_pack(&elf, formats[i]), kernel = image_bz(&payload);
		struct error error = { 0 };
		struct boot_params params;
		struct boot_state state;
		char description[64];

		assert_int_equal(load(&kernel, config, &mem, &state, &error), 0);
		expect_elf_in_memory(&elf, &mem);
		assert_int_equal(state.entry, BOOT_ENTRY_LINUX64);
		assert_int_equal(state.rip, IMAGE_ELF_ENTRY);
		assert_int_equal(state.nr_segments, 2);
		(void)snprintf(description, sizeof(description),
			       "bzImage " IMAGE_BZ_VERSION ", %s, unpacked", formats[i]);
		assert_string_equal(state.description, description);
		params = read_zero_page(&mem);
		assert_int_equal(params.hdr.setup_sects, 2);
		assert_int_equal(params.hdr.pref_address, IMAGE_BZ_PREF_GPA);
		assert_int_equal(params.hdr.type_of_loader, 0xff);
		image_free(&payload);
		image_free(&kernel);
		guest_destroy(&mem);
	}
	image_free(&elf);
}

static void bzimage_may_hold_a_plain_elf(void **unused)
{
	const struct boot_config config = { 0 };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf(), kernel = image_bz(&elf);
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), 0);
	expect_elf_in_memory(&elf, &mem);
	assert_string_equal(state.description,
			    "bzImage " IMAGE_BZ_VERSION ", not packed, unpacked");
	image_free(&elf);
	image_free(&kernel);
	guest_destroy(&mem);
}

static void kaslr_leaves_the_unpacking_to_the_guest(void **unused)
{
	const struct boot_config config = { .kaslr = true };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf(), payload = image_pack(&elf, "lz4");
	struct image kernel = image_bz(&payload);
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), 0);
	assert_memory_equal(mem.regions[0].hva + IMAGE_BZ_PREF_GPA, kernel.data + 3 * 512,
			    kernel.len - 3 * 512);
	assert_int_equal(state.entry, BOOT_ENTRY_LINUX64);
	assert_int_equal(state.rip, IMAGE_BZ_PREF_GPA + 0x200);
	assert_int_equal(state.nr_segments, 0);
	assert_int_equal(read_zero_page(&mem).hdr.code32_start, IMAGE_BZ_PREF_GPA);

	image_bz_header(&kernel)->init_size = (uint32_t)GUEST_SIZE;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -ENOMEM);
	expect_words(&error, "it needs memory up to 18 MiB, the guest has 16 MiB");
	image_bz_header(&kernel)->pref_address = UINT64_MAX - 5;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -ENOEXEC);
	image_bz_header(&kernel)->pref_address = 0x7000;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -ENOEXEC);
	assert_int_equal(load(&elf, config, &mem, &state, &error), -EINVAL);
	expect_words(&error, "KASLR needs a bzImage");
	image_free(&elf);
	image_free(&payload);
	image_free(&kernel);
	guest_destroy(&mem);
}

static void pvh_gets_start_info(void **unused)
{
	const uint32_t entry = IMAGE_ELF_TEXT_GPA + 0x10;
	struct image initrd = { .data = (uint8_t[5000]){ 1, 2, 3 }, .len = 5000 };
	char *initrd_path = image_path(&initrd);
	const struct boot_config config = { .cmdline = "hello",
					    .acpi_rsdp_gpa = RSDP_GPA,
					    .initrd_path = initrd_path };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf();
	struct error error = { 0 };
	const struct pvh_memory_map_entry *map;
	const struct pvh_start_info *info;
	const struct pvh_module *module;
	struct boot_state state;

	(void)unused;
	image_elf_add_note(&elf, "Xen", 18, &entry, sizeof(entry));
	assert_int_equal(load(&elf, config, &mem, &state, &error), 0);
	assert_int_equal(state.entry, BOOT_ENTRY_PVH);
	assert_int_equal(state.rip, entry);
	assert_int_equal(state.arg, BOOT_PVH_INFO_GPA);
	assert_string_equal(state.description, "ELF, PVH entry");
	info = guest_mem_ptr(&mem, BOOT_PVH_INFO_GPA, sizeof(*info));
	assert_int_equal(info->magic, 0x336ec578);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->rsdp_gpa, RSDP_GPA);
	assert_string_equal(guest_mem_ptr(&mem, info->cmdline_gpa, 6), "hello");
	assert_int_equal(info->memory_map_entries, 4);
	map = guest_mem_ptr(&mem, info->memory_map_gpa, 4 * sizeof(*map));
	assert_int_equal(map[3].addr, MIB(1));
	assert_int_equal(map[3].size, GUEST_SIZE - MIB(1));
	assert_int_equal(map[3].type, E820_RAM);
	assert_int_equal(info->nr_modules, 1);
	module = guest_mem_ptr(&mem, info->modules_gpa, sizeof(*module));
	assert_int_equal(module->size, initrd.len);
	assert_memory_equal(guest_mem_ptr(&mem, module->gpa, module->size), initrd.data,
			    initrd.len);
	image_path_free(initrd_path);
	image_free(&elf);
	guest_destroy(&mem);
}

/* Loads a bzImage with an initrd of @size bytes; returns where it went, or the error. */
static int64_t place_initrd(size_t size, uint32_t addr_max, uint32_t init_size,
			    struct guest_mem *mem, struct error *error)
{
	struct image initrd = { .data = malloc(size), .len = size };
	struct image elf = image_elf(), payload = image_pack(&elf, "gzip");
	struct image kernel = image_bz(&payload);
	struct boot_config config = { 0 };
	struct boot_params params = { 0 };
	struct boot_state state;
	char *initrd_path, *kernel_path;
	int r;

	memset(initrd.data, 0x5a, size);
	initrd.data[size - 1] = 0xa5;
	initrd_path = image_path(&initrd);
	config.initrd_path = initrd_path;
	image_bz_header(&kernel)->initrd_addr_max = addr_max;
	image_bz_header(&kernel)->init_size = init_size;
	kernel_path = image_path(&kernel);
	config.kernel_path = kernel_path;
	config.cmdline = "";
	r = boot_load(&config, mem, &state, error);
	image_path_free(kernel_path);
	if (r == -ENOMEM)
		expect_words(error, initrd_path);
	if (r == 0) {
		params = read_zero_page(mem);
		assert_int_equal(params.hdr.ramdisk_size, size);
		assert_memory_equal(guest_mem_ptr(mem, params.hdr.ramdisk_image, size), initrd.data,
				    size);
		expect_elf_in_memory(&elf, mem);
	}
	image_path_free(initrd_path);
	image_free(&initrd);
	image_free(&elf);
	image_free(&payload);
	image_free(&kernel);
	return r < 0 ? r : (int64_t)params.hdr.ramdisk_image;
}

static void initrd_goes_as_high_as_it_may(void **unused)
{
	const uint64_t after_kernel = IMAGE_BZ_PREF_GPA + IMAGE_BZ_INIT_SIZE;
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct error error = { 0 };

	(void)unused;
	assert_int_equal(place_initrd(5000, UINT32_MAX, IMAGE_BZ_INIT_SIZE, &mem, &error),
			 GUEST_SIZE - 8192);
	assert_int_equal(place_initrd(8192, UINT32_MAX, IMAGE_BZ_INIT_SIZE, &mem, &error),
			 GUEST_SIZE - 8192);
	/* initrd_addr_max is its last byte. */
	assert_int_equal(place_initrd(8192, 0xafffff, IMAGE_BZ_INIT_SIZE, &mem, &error), 0xafe000);
	/* As much as fits between the kernel and the end, and not a byte more. */
	assert_int_equal(place_initrd(GUEST_SIZE - after_kernel, UINT32_MAX, IMAGE_BZ_INIT_SIZE,
				      &mem, &error),
			 after_kernel);
	assert_int_equal(place_initrd(GUEST_SIZE - after_kernel + 1, UINT32_MAX, IMAGE_BZ_INIT_SIZE,
				      &mem, &error),
			 -ENOMEM);
	expect_words(&error, "(11 MiB)");
	expect_words(&error, "(16 MiB)");
	expect_words(&error, "(4 MiB)");
	/* With no room above the kernel it goes below. */
	assert_int_equal(place_initrd(MIB(1), UINT32_MAX, (uint32_t)GUEST_SIZE, &mem, &error),
			 MIB(1));
	guest_destroy(&mem);
}

static void initrd_stays_below_4g(void **unused)
{
	struct guest_mem mem = guest_create(GUEST_SIZE), high = guest_create(MIB(16));
	struct error error = { 0 };

	(void)unused;
	assert_int_equal(
		guest_mem_add_region(&mem, BOOT_ABOVE_4G_GPA, MIB(16), high.regions[0].hva), 0);
	assert_int_equal(place_initrd(4096, UINT32_MAX, IMAGE_BZ_INIT_SIZE, &mem, &error),
			 GUEST_SIZE - 4096);
	guest_destroy(&mem);
	guest_destroy(&high);
}

static void cmdline_is_checked_against_the_kernel(void **unused)
{
	struct boot_config config = { 0 };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf(), payload = image_pack(&elf, "gzip");
	struct image kernel = image_bz(&payload);
	struct error error = { 0 };
	struct boot_state state;
	char line[2049];

	(void)unused;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	config.cmdline = line;
	assert_int_equal(load(&elf, config, &mem, &state, &error), -E2BIG);
	expect_words(&error, "the command line has 2048 characters");
	expect_words(&error, "takes 2047");
	config.cmdline = line + 1;
	assert_int_equal(load(&elf, config, &mem, &state, &error), 0);
	image_bz_header(&kernel)->cmdline_size = 255;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -E2BIG);
	expect_words(&error, "takes 255");
	/* A header may promise more than there is room for. */
	image_bz_header(&kernel)->cmdline_size = UINT32_MAX;
	assert_int_equal(load(&kernel, config, &mem, &state, &error), 0);
	image_free(&elf);
	image_free(&payload);
	image_free(&kernel);
	guest_destroy(&mem);
}

static void missing_files_are_named(void **unused)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf(), empty = { .data = (uint8_t[1]){ 0 }, .len = 0 };
	struct boot_config config = { .kernel_path = "/nonexistent/vmlinuz", .cmdline = "" };
	struct error error = { 0 };
	struct boot_state state;
	char *path = image_path(&elf);

	(void)unused;
	assert_int_equal(boot_load(&config, &mem, &state, &error), -ENOENT);
	expect_words(&error, "cannot open kernel '/nonexistent/vmlinuz': No such file");
	config.kernel_path = path;
	config.initrd_path = "/nonexistent/initrd";
	assert_int_equal(boot_load(&config, &mem, &state, &error), -ENOENT);
	expect_words(&error, "cannot open initrd '/nonexistent/initrd': No such file");
	config.initrd_path = "/";
	assert_int_equal(boot_load(&config, &mem, &state, &error), -EINVAL);
	expect_words(&error, "initrd '/' is not a regular file");
	config.initrd_path = NULL;
	assert_int_equal(load(&empty, config, &mem, &state, &error), -EINVAL);
	expect_words(&error, "is empty");
	image_path_free(path);
	image_free(&elf);
	guest_destroy(&mem);
}

static void what_is_no_kernel_is_refused(void **unused)
{
	const struct boot_config config = { 0 };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf(), packed = image_pack(&elf, "xz");
	struct image zeros = { .data = calloc(1, 8192), .len = 8192 };
	struct image text = { .data = (uint8_t[]){ '#', '!', '/', 'b', 'i', 'n', '/', 's', 'h' },
			      .len = 9 };
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	assert_int_equal(load(&zeros, config, &mem, &state, &error), -ENOEXEC);
	expect_words(&error, "neither a bzImage nor an ELF file");
	assert_int_equal(load(&text, config, &mem, &state, &error), -ENOEXEC);
	for (size_t i = 0; i < zeros.len; i++)
		zeros.data[i] = (uint8_t)((i * 2654435761u) >> 13);
	assert_int_equal(load(&zeros, config, &mem, &state, &error), -ENOEXEC);
	assert_int_equal(load(&packed, config, &mem, &state, &error), -ENOEXEC);
	expect_words(&error, "packed with xz; unpack it first");
	image_free(&zeros);
	image_free(&packed);
	image_free(&elf);
	guest_destroy(&mem);
}

static void bad_payloads_are_refused(void **unused)
{
	const struct boot_config config = { 0 };
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image big = { .data = calloc(1, GUEST_SIZE + 1), .len = GUEST_SIZE + 1 };
	struct image elf = image_elf(), payload, kernel;
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	payload = image_pack(&elf, "zstd");
	payload.len /= 2;
	kernel = image_bz(&payload);
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -EILSEQ);
	expect_words(&error, "its zstd data is truncated");
	image_free(&payload);
	image_free(&kernel);

	/* More than the guest's memory, behind sound headers. */
	memcpy(big.data, elf.data, elf.len);
	payload = image_pack(&big, "lz4");
	kernel = image_bz(&payload);
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -E2BIG);
	expect_words(&error, "unpacks to more than the 16 MiB");
	image_free(&payload);
	image_free(&kernel);

	/* Something else was packed. */
	memset(big.data, 0, KIB(4));
	big.len = KIB(4);
	payload = image_pack(&big, "gzip");
	kernel = image_bz(&payload);
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -ENOEXEC);
	expect_words(&error, "not an ELF file");
	image_free(&payload);
	image_free(&kernel);

	/* It needs more memory than there is. */
	image_elf_phdr(&elf, 1)->p_paddr = GIB(1);
	payload = image_pack(&elf, "gzip");
	kernel = image_bz(&payload);
	assert_int_equal(load(&kernel, config, &mem, &state, &error), -ENOMEM);
	expect_words(&error, "needs memory up to 1025 MiB, the guest has 16 MiB");
	image_free(&payload);
	image_free(&kernel);
	image_free(&elf);
	image_free(&big);
	guest_destroy(&mem);
}

static void a_guest_of_less_than_a_mebibyte_is_refused(void **unused)
{
	struct guest_mem mem = guest_create(KIB(512));
	const struct boot_config config = { .kernel_path = "/nonexistent", .cmdline = "" };
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	assert_int_equal(boot_load(&config, &mem, &state, &error), -EINVAL);
	expect_words(&error, "more than 1 MiB");
	guest_destroy(&mem);
}

static void a_thread_loads_what_its_starter_asked_for(void **unused)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	struct image elf = image_elf();
	char *path = image_path(&elf);
	struct boot_config config = { .kernel_path = path, .cmdline = "quiet" };
	struct boot_thread *thread = NULL;
	struct error error = { 0 };
	struct boot_state state;

	(void)unused;
	assert_int_equal(boot_thread_start(&config, &mem, &thread), 0);
	config = (struct boot_config){ 0 }; /* it has a copy */
	assert_int_equal(boot_thread_finish(thread, &state, &error), 0);
	expect_elf_in_memory(&elf, &mem);
	assert_int_equal(state.rip, IMAGE_ELF_ENTRY);
	assert_string_equal(state.description, "ELF, 64-bit Linux entry");
	image_path_free(path);
	image_free(&elf);
	guest_destroy(&mem);
}

static void a_thread_tells_why_it_failed(void **unused)
{
	struct guest_mem mem = guest_create(GUEST_SIZE);
	const struct boot_config config = { .kernel_path = "/nonexistent", .cmdline = "" };
	struct boot_thread *thread = NULL;
	struct boot_state state = { .rip = 1 };
	struct error error = { 0 };

	(void)unused;
	assert_int_equal(boot_thread_start(&config, &mem, &thread), 0);
	assert_int_equal(boot_thread_finish(thread, &state, &error), -ENOENT);
	expect_words(&error, "/nonexistent");
	assert_int_equal(state.rip, 1);
	assert_int_equal(boot_thread_start(&config, &mem, &thread), 0);
	boot_thread_cancel(thread);
	boot_thread_cancel(NULL);
	guest_destroy(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_gets_a_zero_page),
		cmocka_unit_test(bzimage_is_unpacked),
		cmocka_unit_test(bzimage_may_hold_a_plain_elf),
		cmocka_unit_test(kaslr_leaves_the_unpacking_to_the_guest),
		cmocka_unit_test(pvh_gets_start_info),
		cmocka_unit_test(initrd_goes_as_high_as_it_may),
		cmocka_unit_test(initrd_stays_below_4g),
		cmocka_unit_test(cmdline_is_checked_against_the_kernel),
		cmocka_unit_test(missing_files_are_named),
		cmocka_unit_test(what_is_no_kernel_is_refused),
		cmocka_unit_test(bad_payloads_are_refused),
		cmocka_unit_test(a_guest_of_less_than_a_mebibyte_is_refused),
		cmocka_unit_test(a_thread_loads_what_its_starter_asked_for),
		cmocka_unit_test(a_thread_tells_why_it_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
