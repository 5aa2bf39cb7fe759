/* SPDX-License-Identifier: MIT */
/*
 * See loader.h.  Main thread; the provider it loads is never unloaded, LTTng does not allow that.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/install_path.h"
#include "trace/loader.h"
#include "trace/provider.h"

#define PROVIDER_LIBRARY    "libglassbox-trace.so"
/* LTTng waits 3 s; on a loaded machine 10 were too few, and events would be missing afterwards. */
#define REGISTER_TIMEOUT_MS "40000"

static int open_provider(const struct trace_provider_export **ret_export, struct error *error)
{
	static const char variable[] = "LTTNG_UST_REGISTER_TIMEOUT";
	bool users = getenv(variable) != NULL;
	const void *symbol;
	char path[PATH_MAX];
	void *library;
	int r;

	r = install_path_find(PROVIDER_LIBRARY, path, error);
	if (r < 0)
		return r;
	if (!users && setenv(variable, REGISTER_TIMEOUT_MS, 1) < 0)
		return error_set_errno(error, -errno, "cannot set %s", variable);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!users)
		(void)unsetenv(variable);
	if (!library)
		return error_set(error, -ELIBACC,
				 "the trace provider does not load: %s (its package is "
				 "liblttng-ust1)",
				 dlerror());
	symbol = dlsym(library, TRACE_PROVIDER_SYMBOL);
	if (!symbol)
		return error_set(error, -EPROTO, "%s is not a trace provider of Glassbox", path);
	*ret_export = symbol;
	return 0;
}

static int attach(const struct trace_provider_export *export, struct error *error)
{
	if (!export->signature || strcmp(export->signature, TRACE_PROVIDER_SIGNATURE) != 0)
		return error_set(error, -EPROTO,
				 "%s belongs to another build of Glassbox: its events differ; "
				 "install both from the same build",
				 PROVIDER_LIBRARY);
	trace_attach(&export->provider);
	return 0;
}

int trace_load(enum trace_load_mode mode, struct error *error)
{
	const struct trace_provider_export *export = dlsym(RTLD_DEFAULT, TRACE_PROVIDER_SYMBOL);
	int r;

	if (!export && mode == TRACE_LOAD_PRELOADED)
		return 0;
	if (!export && !GLASSBOX_LTTNG)
		return error_set(error, -ENOTSUP,
				 "this Glassbox was built without LTTng and cannot trace: build it "
				 "with -DGLASSBOX_LTTNG=ON");
	if (!export) {
		r = open_provider(&export, error);
		if (r < 0)
			return r;
	}
	r = attach(export, error);
	if (r < 0)
		return r;
	if (mode == TRACE_LOAD_RECORDING && !trace_vm_start_enabled())
		return error_set(
			error, -ETIMEDOUT,
			"the LTTng session daemon does not record this process: it did not "
			"answer in time, or had no memory in /dev/shm for the buffers");
	return 0;
}
