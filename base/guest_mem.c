/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/guest_mem.h"

int guest_mem_add_region(struct guest_mem *mem, uint64_t gpa, uint64_t size, void *hva)
{
	unsigned at;

	if (size == 0 || gpa > UINT64_MAX - size)
		return -EINVAL;
	if (mem->nr_regions == GUEST_MEM_MAX_REGIONS)
		return -ENOSPC;
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_mem_region *region = &mem->regions[i];

		if (gpa < region->gpa + region->size && region->gpa < gpa + size)
			return -EEXIST;
	}
	for (at = mem->nr_regions; at > 0 && mem->regions[at - 1].gpa > gpa; at--)
		mem->regions[at] = mem->regions[at - 1];
	mem->regions[at] =
		(struct guest_mem_region){ .gpa = gpa, .size = size, .hva = hva, .fd = -EBADF };
	mem->nr_regions++;
	return 0;
}

int guest_mem_set_file(struct guest_mem *mem, uint64_t gpa, int fd, uint64_t offset)
{
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		struct guest_mem_region *region = &mem->regions[i];

		if (region->gpa != gpa)
			continue;
		region->fd = fd;
		region->fd_offset = offset;
		return 0;
	}
	return -ENOENT;
}

static const struct guest_mem_region *find_region(const struct guest_mem *mem, uint64_t gpa)
{
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_mem_region *region = &mem->regions[i];

		if (gpa >= region->gpa && gpa - region->gpa < region->size)
			return region;
	}
	return NULL;
}

void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	const struct guest_mem_region *region = find_region(mem, gpa);

	if (!region || !range_within(gpa, len, region->gpa, region->size))
		return NULL;
	return region->hva + (gpa - region->gpa);
}

static bool range_is_ram(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	while (len > 0) {
		const struct guest_mem_region *region = find_region(mem, gpa);
		uint64_t part;

		if (!region)
			return false;
		part = MIN(len, region->size - (gpa - region->gpa));
		gpa += part;
		len -= part;
	}
	return true;
}

int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, uint64_t len)
{
	uint8_t *to = buf;

	if (!range_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct guest_mem_region *region = find_region(mem, gpa);
		uint64_t part = MIN(len, region->size - (gpa - region->gpa));

		memcpy(to, region->hva + (gpa - region->gpa), part);
		to += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

int guest_mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, uint64_t len)
{
	const uint8_t *from = buf;

	if (!range_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct guest_mem_region *region = find_region(mem, gpa);
		uint64_t part = MIN(len, region->size - (gpa - region->gpa));

		memcpy(region->hva + (gpa - region->gpa), from, part);
		from += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

uint64_t guest_mem_gpa(const struct guest_mem *mem, const void *ptr)
{
	uintptr_t hva = (uintptr_t)ptr;

	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_mem_region *region = &mem->regions[i];

		if (range_within(hva, 1, (uintptr_t)region->hva, region->size))
			return region->gpa + (hva - (uintptr_t)region->hva);
	}
	return GUEST_MEM_NO_GPA;
}

int guest_mem_discard(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	if (gpa % GUEST_MEM_PAGE_SIZE || len % GUEST_MEM_PAGE_SIZE)
		return -EINVAL;
	if (!range_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct guest_mem_region *region = find_region(mem, gpa);
		uint64_t part = MIN(len, region->size - (gpa - region->gpa));
		/* Of a file, the latter would only unmap what stays in the file. */
		int advice = region->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED;

		if (madvise(region->hva + (gpa - region->gpa), part, advice) < 0)
			return -errno;
		gpa += part;
		len -= part;
	}
	return 0;
}

uint64_t guest_mem_size(const struct guest_mem *mem)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < mem->nr_regions; i++)
		size += mem->regions[i].size;
	return size;
}
