/* SPDX-License-Identifier: MIT */
#include "devices/backend/nbd_library.h"

#include <dlfcn.h>
#include <errno.h>

/* The one version of its binary interface that there is. */
#define LIBNBD             "libnbd.so.0"

#define NBD_FUNCTION(name) { "nbd_" #name, offsetof(struct nbd_library, name) },
static const struct {
	const char *name;
	size_t offset;
} functions[] = { NBD_FUNCTIONS(NBD_FUNCTION) };

int nbd_library_find(struct nbd_library *ret_library, struct error *error)
{
	void *handle = dlopen(LIBNBD, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	struct nbd_library library;

	if (!handle)
		return error_set(error, -ELIBACC, "%s (its package is libnbd0)", dlerror());
	for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(handle, functions[i].name);

		if (!function) {
			(void)error_set(error, -ELIBACC, "%s", dlerror());
			(void)dlclose(handle);
			return -ELIBACC;
		}
		*(void **)((char *)&library + functions[i].offset) = function;
	}
	/* It stays (RTLD_NODELETE). */
	(void)dlclose(handle);
	*ret_library = library;
	return 0;
}
