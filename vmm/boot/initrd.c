/* SPDX-License-Identifier: MIT */
/* The initial RAM disk: as high in memory as the kernel allows, copied once.  Main thread. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/file_map.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/initrd.h"

#define PAGE_BYTES 4096u

/* The highest page-aligned place for @size bytes in [@start, @end); 0 when there is none. */
static uint64_t highest_in(uint64_t start, uint64_t end, uint64_t size)
{
	uint64_t at;

	if (end < start || end - start < size)
		return 0;
	at = ALIGN_DOWN(end - size, PAGE_BYTES);
	return at >= start ? at : 0;
}

static uint64_t find_place(const struct guest_mem *mem, const struct initrd_limits *limits,
			   uint64_t size)
{
	for (unsigned i = mem->nr_regions; i-- > 0;) {
		const struct guest_mem_region *region = &mem->regions[i];
		uint64_t start = MAX(region->gpa, BOOT_HIGH_RAM_GPA);
		uint64_t end = MIN(region->gpa + region->size,
				   MIN(limits->max_gpa, BOOT_MMIO_HOLE_GPA - 1) + 1);
		uint64_t at = highest_in(MAX(start, limits->kernel_end), end, size);

		if (at == 0)
			at = highest_in(start, MIN(end, limits->kernel_start), size);
		if (at != 0)
			return at;
	}
	return 0;
}

int initrd_load(const char *path, struct guest_mem *mem, const struct initrd_limits *limits,
		uint64_t *ret_gpa, uint64_t *ret_size, struct error *error)
{
	struct file_map map = { 0 };
	uint64_t gpa;
	int r;

	r = file_map_open(path, "initrd", &map, error);
	if (r < 0)
		return r;
	gpa = find_place(mem, limits, map.size);
	if (gpa == 0) {
		r = error_set(error, -ENOMEM,
			      "initrd '%s' (%" PRIu64 " MiB) does not fit into the guest's memory "
			      "(%" PRIu64 " MiB) beside the kernel (%" PRIu64 " MiB)",
			      path, ALIGN_UP(map.size, MIB(1)) >> 20, guest_mem_size(mem) >> 20,
			      ALIGN_UP(limits->kernel_end - limits->kernel_start, MIB(1)) >> 20);
	} else {
		r = guest_mem_write(mem, gpa, map.data, map.size);
		*ret_gpa = gpa;
		*ret_size = map.size;
	}
	file_map_close(&map);
	return r;
}
