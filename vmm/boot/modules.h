/* SPDX-License-Identifier: MIT */
/*
 * A tree of a kernel's modules, as `make modules_install` makes it or a package has it: which file
 * is a module, and what it needs.  Each module says that itself (the "depends" of its .modinfo
 * section), so depmod need not have run.
 */
#ifndef GLASSBOX_VMM_BOOT_MODULES_H
#define GLASSBOX_VMM_BOOT_MODULES_H

#include "base/error.h"

struct module {
	char *name;    /* e.g. "virtio_pci" */
	uint8_t *data; /* the ELF file, unpacked */
	size_t len;
};

/* In the order in which they can be loaded. */
struct module_list {
	struct module *modules;
	unsigned nr;
};

/**
 * module_list_load() - read the modules that are wanted, and those that they need
 * @dir: e.g. /lib/modules/6.1.0-56-amd64
 * @wanted: names; what the kernel has built in (modules.builtin) is no module, and fine
 *
 * Return: 0; -ENOENT if one is not there; or another -errno; @error names directory or file.
 */
int module_list_load(const char *dir, const char *const *wanted, unsigned nr_wanted,
		     struct module_list *ret_list, struct error *error) __must_check;

/** module_list_free() - fine on an empty one */
void module_list_free(struct module_list *list);

#endif
