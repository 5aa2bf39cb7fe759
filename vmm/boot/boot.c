/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file_map.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/boot_params.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/early_tables.h"
#include "vmm/boot/elf_load.h"
#include "vmm/boot/initrd.h"
#include "vmm/boot/pvh.h"
#include "vmm/boot/unpack.h"

#define CMDLINE_ROOM (BOOT_EBDA_GPA - BOOT_CMDLINE_GPA) /* with its NUL */
#define MAX_UNPACKED GIB(1)

/* The kernel in guest memory, whatever file it came from. */
struct loaded_kernel {
	struct elf_kernel elf; /* with kaslr: the decompressor, as if it were the kernel */
	struct setup_header header;
	char description[128];
};

static bool is_elf(const uint8_t *data, size_t len)
{
	return len >= 4 && memcmp(data, "\177ELF", 4) == 0;
}

static int load_elf(const uint8_t *data, size_t len, struct guest_mem *mem,
		    struct elf_kernel *ret_kernel, struct error *error)
{
	_cleanup_(elf_load_release) struct elf_load load = { .mem = mem };
	int r;

	r = elf_load_write(&load, data, len, error);
	if (r < 0)
		return r;
	return elf_load_finish(&load, ret_kernel, error);
}

static int load_unpacked_piece(void *opaque, const uint8_t *data, size_t len, struct error *error)
{
	return elf_load_write(opaque, data, len, error);
}

static int load_payload(const struct bzimage *image, struct guest_mem *mem,
			struct elf_kernel *ret_kernel, struct error *error)
{
	_cleanup_(elf_load_release) struct elf_load load = { .mem = mem };
	int r;

	/* CONFIG_KERNEL_UNCOMPRESSED */
	if (is_elf(image->payload, image->payload_len))
		return load_elf(image->payload, image->payload_len, mem, ret_kernel, error);
	r = unpack_stream(image->payload, image->payload_len,
			  MIN(guest_mem_size(mem), MAX_UNPACKED), load_unpacked_piece, &load,
			  error);
	if (r < 0)
		return r;
	return elf_load_finish(&load, ret_kernel, error);
}

/* The guest's own decompressor goes to the address it prefers, with the room it asks for. */
static int load_decompressor(const struct bzimage *image, struct guest_mem *mem,
			     struct elf_kernel *ret_kernel, struct error *error)
{
	uint64_t gpa = image->header.pref_address;
	uint64_t need = MAX(image->header.init_size, image->code_len);
	uint8_t *to = guest_mem_ptr(mem, gpa, need);

	if (gpa < BOOT_HIGH_RAM_GPA || gpa > GIB(4) - need ||
	    image->code_len <= BZIMAGE_ENTRY64_OFFSET)
		return error_set(error, -ENOEXEC, "its header asks for the address %#" PRIx64, gpa);
	if (!to)
		return error_set(error, -ENOMEM,
				 "it needs memory up to %" PRIu64 " MiB, the guest has %" PRIu64
				 " MiB",
				 ALIGN_UP(gpa + need, MIB(1)) >> 20, guest_mem_size(mem) >> 20);
	memcpy(to, image->code, image->code_len);
	*ret_kernel = (struct elf_kernel){
		.entry = BOOT_ENTRY_LINUX64,
		.rip = gpa + BZIMAGE_ENTRY64_OFFSET,
		.start_gpa = gpa,
		.end_gpa = gpa + need,
	};
	return 0;
}

static int load_bzimage(const struct file_map *file, bool kaslr, struct guest_mem *mem,
			struct loaded_kernel *kernel, struct error *error)
{
	struct bzimage image;
	const char *format;
	int r;

	r = bzimage_parse(file->data, file->size, &image, error);
	if (r < 0)
		return r;
	if (kaslr)
		r = load_decompressor(&image, mem, &kernel->elf, error);
	else
		r = load_payload(&image, mem, &kernel->elf, error);
	if (r < 0)
		return r;
	kernel->header = image.header;
	kernel->header.code32_start = (uint32_t)kernel->elf.start_gpa;
	format = unpack_format_name(image.payload, image.payload_len);
	(void)snprintf(kernel->description, sizeof(kernel->description), "bzImage%s%s, %s, %s",
		       image.version[0] ? " " : "", image.version, format ? format : "not packed",
		       kaslr ? "left to its own decompressor" : "unpacked");
	return 0;
}

static int load_kernel(const struct boot_config *config, const struct file_map *file,
		       struct guest_mem *mem, struct loaded_kernel *kernel, struct error *error)
{
	const char *format;
	int r;

	if (bzimage_probe(file->data, file->size))
		return load_bzimage(file, config->kaslr, mem, kernel, error);
	if (!is_elf(file->data, file->size)) {
		format = unpack_format_name(file->data, file->size);
		if (format)
			return error_set(error, -ENOEXEC, "it is packed with %s; unpack it first",
					 format);
		return error_set(error, -ENOEXEC, "it is neither a bzImage nor an ELF file");
	}
	if (config->kaslr)
		return error_set(error, -EINVAL,
				 "an ELF file cannot move itself; KASLR needs a bzImage");
	r = load_elf(file->data, file->size, mem, &kernel->elf, error);
	if (r < 0)
		return r;
	boot_params_synthesise_header(&kernel->header);
	(void)snprintf(kernel->description, sizeof(kernel->description), "ELF, %s entry",
		       kernel->elf.entry == BOOT_ENTRY_PVH ? "PVH" : "64-bit Linux");
	return 0;
}

static int load_kernel_file(const struct boot_config *config, struct guest_mem *mem,
			    struct loaded_kernel *kernel, struct error *error)
{
	struct file_map file = { 0 };
	struct error cause = { 0 };
	int r;

	r = file_map_open(config->kernel_path, "kernel", &file, error);
	if (r < 0)
		return r;
	r = load_kernel(config, &file, mem, kernel, &cause);
	file_map_close(&file);
	if (r < 0)
		return error_set(error, r, "cannot load kernel '%s': %s", config->kernel_path,
				 cause.message);
	return 0;
}

static int write_cmdline(const struct boot_config *config, const struct loaded_kernel *kernel,
			 struct guest_mem *mem, struct error *error)
{
	size_t len = strlen(config->cmdline);
	uint64_t max = MIN(kernel->header.cmdline_size, CMDLINE_ROOM - 1);

	if (len > max)
		return error_set(error, -E2BIG,
				 "the command line has %zu characters, kernel '%s' takes %" PRIu64,
				 len, config->kernel_path, max);
	return guest_mem_write(mem, BOOT_CMDLINE_GPA, config->cmdline, len + 1);
}

static int write_handover(const struct boot_config *config, const struct loaded_kernel *kernel,
			  uint64_t initrd_gpa, uint64_t initrd_size, struct guest_mem *mem)
{
	struct e820_map e820;

	e820_build(mem, config->ecam_gpa, config->ecam_size, &e820);
	if (kernel->elf.entry == BOOT_ENTRY_PVH) {
		const struct pvh_input input = {
			.e820 = &e820,
			.initrd_gpa = initrd_gpa,
			.initrd_size = initrd_size,
			.acpi_rsdp_gpa = config->acpi_rsdp_gpa,
		};

		return pvh_write(&input, mem);
	} else {
		const struct boot_params_input input = {
			.header = kernel->header,
			.e820 = &e820,
			.initrd_gpa = initrd_gpa,
			.initrd_size = initrd_size,
			.acpi_rsdp_gpa = config->acpi_rsdp_gpa,
		};

		return boot_params_write(&input, mem);
	}
}

/*
 * init_size is what a kernel wants to itself from pref_address on before it reads the memory map.
 */
static struct initrd_limits initrd_limits(const struct loaded_kernel *kernel)
{
	const struct setup_header *header = &kernel->header;

	return (struct initrd_limits){
		.max_gpa = header->initrd_addr_max,
		.kernel_start = kernel->elf.start_gpa,
		.kernel_end = MAX(kernel->elf.end_gpa, kernel->elf.start_gpa + header->init_size),
	};
}

int boot_load(const struct boot_config *config, struct guest_mem *mem, struct boot_state *ret_state,
	      struct error *error)
{
	struct loaded_kernel kernel = { 0 };
	uint64_t initrd_gpa = 0, initrd_size = 0;
	struct boot_state state = { 0 };
	int r;

	if (!guest_mem_ptr(mem, 0, BOOT_HIGH_RAM_GPA))
		return error_set(error, -EINVAL, "the guest needs more than 1 MiB of memory");
	r = load_kernel_file(config, mem, &kernel, error);
	if (r < 0)
		return r;
	r = write_cmdline(config, &kernel, mem, error);
	if (r < 0)
		return r;
	if (config->initrd_path) {
		struct initrd_limits limits = initrd_limits(&kernel);

		r = initrd_load(config->initrd_path, mem, &limits, &initrd_gpa, &initrd_size,
				error);
		if (r < 0)
			return r;
	}
	r = write_handover(config, &kernel, initrd_gpa, initrd_size, mem);
	if (r == 0)
		r = early_tables_write(mem);
	if (r < 0)
		return error_set_errno(error, r, "cannot write boot data into guest memory");
	state.entry = kernel.elf.entry;
	state.rip = kernel.elf.rip;
	state.arg = state.entry == BOOT_ENTRY_PVH ? BOOT_PVH_INFO_GPA : BOOT_ZERO_PAGE_GPA;
	memcpy(state.segments, kernel.elf.segments, sizeof(state.segments));
	state.nr_segments = kernel.elf.nr_segments;
	memcpy(state.description, kernel.description, sizeof(state.description));
	*ret_state = state;
	return 0;
}
