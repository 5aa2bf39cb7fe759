/* SPDX-License-Identifier: MIT */
#include "vmm/boot/modules.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file_map.h"
#include "vmm/boot/unpack.h"

#define DEPTH_MAX    16       /* of directories */
#define UNPACKED_MAX MIB(256) /* of one module, unpacked */
#define NAME_BYTES   64
#define DEPENDS      "depends="

struct file {
	char name[NAME_BYTES]; /* of the module */
	char *path;            /* NULL: built in */
	bool update;           /* goes before those that came with the kernel */
	bool taken;            /* in the list of modules, or about to be */
};

struct tree {
	const char *dir;
	struct file *files;
	unsigned nr, room;
};

/* ---- which files there are ---- */

/* A module's name as the kernel has it: no directory, no suffix, no dashes.  Return: is it one? */
static bool module_name(const char *path, char ret_name[NAME_BYTES])
{
	const char *base = strrchr(path, '/'), *suffix;
	size_t len;

	base = base ? base + 1 : path;
	suffix = strstr(base, ".ko");
	if (!suffix || (suffix[3] != '\0' && suffix[3] != '.' && suffix[3] != '\n'))
		return false;
	len = MIN((size_t)(suffix - base), NAME_BYTES - 1);
	for (size_t i = 0; i < len; i++)
		ret_name[i] = base[i] == '-' ? '_' : base[i];
	ret_name[len] = '\0';
	return true;
}

static bool is_update(const struct tree *tree, const char *path)
{
	static const char dir[] = "/updates/";

	return strncmp(path + strlen(tree->dir), dir, sizeof(dir) - 1) == 0;
}

/* Takes @path over, also on failure. */
static int add_file(struct tree *tree, const char *name, char *path)
{
	struct file *file;

	if (tree->nr == tree->room) {
		unsigned room = tree->room ? 2 * tree->room : 1024;
		struct file *files = realloc(tree->files, room * sizeof(*files));

		if (!files) {
			free(path);
			return -ENOMEM;
		}
		tree->files = files;
		tree->room = room;
	}
	file = &tree->files[tree->nr++];
	*file = (struct file){ .path = path, .update = path && is_update(tree, path) };
	strcpy(file->name, name);
	return 0;
}

static int add_directory(struct tree *tree, const char *dir, unsigned depth);

static int add_entry(struct tree *tree, const char *dir, const struct dirent *entry, unsigned depth)
{
	char name[NAME_BYTES], *path;
	struct stat st;
	int r = 0;

	if (entry->d_name[0] == '.')
		return 0;
	if (asprintf(&path, "%s/%s", dir, entry->d_name) < 0)
		return -ENOMEM;
	/* Links lead to where the kernel was built. */
	if (lstat(path, &st) < 0)
		st.st_mode = 0;
	if (S_ISREG(st.st_mode) && module_name(path, name))
		return add_file(tree, name, path);
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		r = add_directory(tree, path, depth + 1);
	free(path);
	return r;
}

static int add_directory(struct tree *tree, const char *dir, unsigned depth)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	int r = 0;

	if (!stream)
		return depth ? 0 : -errno;
	while (r == 0 && (entry = readdir(stream)))
		r = add_entry(tree, dir, entry, depth);
	(void)closedir(stream);
	return r;
}

/* modules.builtin: a path a line, as if they were there. */
static int add_builtin(struct tree *tree)
{
	char path[PATH_MAX], line[PATH_MAX], name[NAME_BYTES];
	_cleanup_fclose_ FILE *file = NULL;
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/modules.builtin", tree->dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	while (r == 0 && file && fgets(line, sizeof(line), file))
		if (module_name(line, name))
			r = add_file(tree, name, NULL);
	return r;
}

/* Of several that have the name, the one depmod(8) takes if it is not told otherwise. */
static struct file *find(struct tree *tree, const char *name)
{
	struct file *found = NULL;

	for (unsigned i = 0; i < tree->nr; i++) {
		struct file *file = &tree->files[i];

		if (strcmp(file->name, name) == 0 && (!found || (file->update && !found->update)))
			found = file;
	}
	return found;
}

static void free_tree(struct tree *tree)
{
	for (unsigned i = 0; i < tree->nr; i++)
		free(tree->files[i].path);
	free(tree->files);
}

/* ---- what is in one ---- */

static int append(void *opaque, const uint8_t *data, size_t len, struct error *error)
{
	struct module *module = opaque;
	uint8_t *grown = realloc(module->data, module->len + len);

	if (!grown)
		return error_set_errno(error, -ENOMEM, "it does not fit into memory");
	memcpy(grown + module->len, data, len);
	module->data = grown;
	module->len += len;
	return 0;
}

static int read_module(const char *path, struct module *module, struct error *error)
{
	struct file_map map = { 0 };
	struct error cause;
	int r = file_map_open(path, "module", &map, error);

	if (r < 0)
		return r;
	r = unpack_format_name(map.data, map.size)
		    ? unpack_stream(map.data, map.size, UNPACKED_MAX, append, module, &cause)
		    : append(module, map.data, map.size, &cause);
	file_map_close(&map);
	return r < 0 ? error_set(error, r, "cannot use module '%s': %s", path, cause.message) : 0;
}

/* The modules that it needs, between commas; "" if it does not say. */
static const char *depends_of(const struct module *module)
{
	static const char key[] = "\0" DEPENDS;
	const uint8_t *found = memmem(module->data, module->len, key, sizeof(key) - 1);
	const char *value;

	if (!found)
		return "";
	value = (const char *)found + sizeof(key) - 1;
	/* Ended by a NUL in the file, not behind it. */
	return memchr(value, '\0', (size_t)((const char *)module->data + module->len - value))
		       ? value
		       : "";
}

static int add_module(struct tree *tree, const char *name, struct module_list *list,
		      struct error *error);

static int add_needed(struct tree *tree, const struct module *module, struct module_list *list,
		      struct error *error)
{
	_cleanup_free_ char *names = strdup(depends_of(module));
	char *rest = names, *name;
	int r = 0;

	if (!names)
		return error_set_errno(error, -ENOMEM, "cannot load modules");
	while (r == 0 && (name = strsep(&rest, ",")))
		if (*name)
			r = add_module(tree, name, list, error);
	return r;
}

static void free_module(struct module *module)
{
	free(module->name);
	free(module->data);
}

/* Takes @module over on success. */
static int keep_module(struct module_list *list, const struct module *module, struct error *error)
{
	struct module *modules = realloc(list->modules, (list->nr + 1) * sizeof(*modules));

	if (!modules)
		return error_set_errno(error, -ENOMEM, "cannot load modules");
	modules[list->nr] = *module;
	list->modules = modules;
	list->nr++;
	return 0;
}

static int add_module(struct tree *tree, const char *wanted, struct module_list *list,
		      struct error *error)
{
	struct module module = { 0 };
	struct file *file;
	char name[NAME_BYTES];
	int r;

	(void)snprintf(name, sizeof(name), "%s", wanted);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	file = find(tree, name);
	if (!file)
		return error_set(error, -ENOENT, "the modules in '%s' have no '%s'", tree->dir,
				 name);
	/* Modules in a ring, which need each other, are none that could be loaded; but it ends. */
	if (!file->path || file->taken)
		return 0;
	file->taken = true;
	module.name = strdup(name);
	r = module.name ? read_module(file->path, &module, error)
			: error_set_errno(error, -ENOMEM, "cannot load modules");
	if (r == 0)
		r = add_needed(tree, &module, list, error);
	if (r == 0)
		r = keep_module(list, &module, error);
	if (r < 0)
		free_module(&module);
	return r;
}

int module_list_load(const char *dir, const char *const *wanted, unsigned nr_wanted,
		     struct module_list *ret_list, struct error *error)
{
	struct tree tree = { .dir = dir };
	struct module_list list = { 0 };
	int r = add_directory(&tree, dir, 0);

	if (r == 0)
		r = add_builtin(&tree);
	if (r < 0)
		(void)error_set_errno(error, r, "cannot read the modules in '%s'", dir);
	for (unsigned i = 0; r == 0 && i < nr_wanted; i++)
		r = add_module(&tree, wanted[i], &list, error);
	free_tree(&tree);
	if (r < 0) {
		module_list_free(&list);
		return r;
	}
	*ret_list = list;
	return 0;
}

void module_list_free(struct module_list *list)
{
	for (unsigned i = 0; i < list->nr; i++)
		free_module(&list->modules[i]);
	free(list->modules);
	*list = (struct module_list){ 0 };
}
