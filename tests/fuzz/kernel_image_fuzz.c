/* SPDX-License-Identifier: MIT */
/*
 * Any file as a kernel: boot_load() either refuses it, or leaves a machine whose first instruction
 * and whose segments are in the guest's memory.
 *
 * The first input byte: bit 0 asks for kaslr.  The rest is the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/boot/boot.h"

#define GUEST_SIZE MIB(8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct guest_mem *mem, const struct boot_state *state)
{
	if (!guest_mem_ptr(mem, state->rip, 1) || !guest_mem_ptr(mem, state->arg, 4096))
		abort();
	if (state->nr_segments > BOOT_MAX_SEGMENTS)
		abort();
	for (unsigned i = 0; i < state->nr_segments; i++) {
		if (!guest_mem_ptr(mem, state->segments[i].gpa, state->segments[i].len))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *ram;
	static int fd = -1;
	struct boot_config config = { .cmdline = "console=ttyS0" };
	struct guest_mem mem = { 0 };
	struct error error = { 0 };
	struct boot_state state;
	char path[64];

	if (!ram) {
		ram = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		fd = memfd_create("kernel", MFD_CLOEXEC);
		if (ram == MAP_FAILED || fd < 0)
			abort();
	}
	if (size == 0)
		return 0;
	/* Fresh memory is zero, which is what boot_load() builds on. */
	if (madvise(ram, GUEST_SIZE, MADV_DONTNEED) < 0 ||
	    guest_mem_add_region(&mem, 0, GUEST_SIZE, ram) < 0)
		abort();
	if (ftruncate(fd, (off_t)(size - 1)) < 0 ||
	    pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.kernel_path = path;
	config.kaslr = data[0] & 1;
	if (boot_load(&config, &mem, &state, &error) == 0)
		check(&mem, &state);
	else if (!strstr(error.message, path))
		abort();
	return 0;
}
