/* SPDX-License-Identifier: MIT */
/* A bounded walk: depth first, names sorted, so that reports of one trace are always the same. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tools/trace/discover.h"

static int add_path(struct discovered *found, const char *path)
{
	char **paths = reallocarray(found->paths, found->count + 1, sizeof(char *));

	if (!paths)
		return -ENOMEM;
	found->paths = paths;
	paths[found->count] = strdup(path);
	if (!paths[found->count])
		return -ENOMEM;
	found->count++;
	return 0;
}

static int walk(const char *path, unsigned depth, struct discovered *found);

static int visit(const char *dir, const char *name, unsigned depth, struct discovered *found)
{
	_cleanup_free_ char *path = NULL;
	struct stat info;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* What vanishes meanwhile is none of ours. */
	if (lstat(path, &info) < 0)
		return 0;
	if (S_ISREG(info.st_mode) && strcmp(name, "metadata") == 0)
		return found->count < DISCOVER_MAX_TRACES ? add_path(found, dir) : -E2BIG;
	if (S_ISDIR(info.st_mode) && depth < DISCOVER_MAX_DEPTH)
		return walk(path, depth + 1, found);
	return 0;
}

static int walk(const char *path, unsigned depth, struct discovered *found)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), r = 0;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = visit(path, entries[i]->d_name, depth, found);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int discover_traces(const char *dir, struct discovered *ret_found, struct error *error)
{
	struct discovered found = { 0 };
	int r = walk(dir, 0, &found);

	if (r == 0 && found.count == 0)
		r = error_set(error, -ENODATA,
			      "'%s' holds no trace: no file 'metadata' in or below it", dir);
	else if (r == -E2BIG)
		(void)error_set(error, r, "'%s' holds more than %u traces; name one of them", dir,
				DISCOVER_MAX_TRACES);
	else if (r < 0)
		(void)error_set_errno(error, r, "cannot read the trace directory '%s'", dir);
	if (r < 0) {
		discovered_clear(&found);
		return r;
	}
	*ret_found = found;
	return 0;
}

void discovered_clear(struct discovered *found)
{
	for (size_t i = 0; i < found->count; i++)
		free(found->paths[i]);
	free(found->paths);
	*found = (struct discovered){ 0 };
}
