/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace/install_path.h"

/* The directory of the running program, without a slash at the end. */
static int program_directory(char ret_dir[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", ret_dir, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return -errno;
	ret_dir[len] = '\0';
	slash = strrchr(ret_dir, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int install_path_find(const char *name, char ret_path[PATH_MAX], struct error *error)
{
	static const char *const beside[] = { "../lib/glassbox", "../lib" };
	char dir[PATH_MAX], path[PATH_MAX];
	int r = program_directory(dir);

	if (r < 0)
		return error_set_errno(error, r, "cannot tell where this program lies, to find %s",
				       name);
	for (unsigned i = 0; i <= ARRAY_SIZE(beside); i++) {
		int len = i < ARRAY_SIZE(beside)
				  ? snprintf(path, sizeof(path), "%s/%s/%s", dir, beside[i], name)
				  : snprintf(path, sizeof(path), "%s/%s", GLASSBOX_LIBDIR, name);

		if (len < 0 || (size_t)len >= sizeof(path) || access(path, R_OK) < 0)
			continue;
		memcpy(ret_path, path, (size_t)len + 1);
		return 0;
	}
	return error_set(error, -ENOENT,
			 "%s is not in %s/../lib/glassbox, %s/../lib or %s: install Glassbox anew",
			 name, dir, dir, GLASSBOX_LIBDIR);
}
