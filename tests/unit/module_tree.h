/* SPDX-License-Identifier: MIT */
/* A tree of kernel modules that are nothing but what they need, in a directory of the test's own.
 */
#ifndef GLASSBOX_TESTS_UNIT_MODULE_TREE_H
#define GLASSBOX_TESTS_UNIT_MODULE_TREE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/must.h"
#include "tests/unit/kernel_image.h"

struct module_tree {
	char dir[64];
};

static inline void tree_create(struct module_tree *tree)
{
	strcpy(tree->dir, "/tmp/module_tree.XXXXXX");
	must(mkdtemp(tree->dir) != NULL);
}

static inline void tree_run(const struct module_tree *tree, const char *command)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "cd '%s' && %s", tree->dir, command);
	must(system(line) == 0);
}

static inline void tree_destroy(const struct module_tree *tree)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "rm -r '%s'", tree->dir);
	must(system(line) == 0);
}

static inline void tree_put(const struct module_tree *tree, const char *name, const void *data,
			    size_t len)
{
	char path[256], *slash;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", tree->dir, name);
	for (slash = path + strlen(tree->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "we");
	must(file && fwrite(data, 1, len, file) == len && fclose(file) == 0);
}

/* A module with @depends between the NULs of its .modinfo, packed in @format (NULL: not). */
static inline void tree_put_module(const struct module_tree *tree, const char *name,
				   const char *depends, const char *format)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "%s%clicense=GPL%cdepends=%s%cmore", name, 0, 0,
			   depends, 0);
	struct image plain = { .data = (uint8_t *)text, .len = (size_t)len }, packed;

	if (!format) {
		tree_put(tree, name, text, (size_t)len);
		return;
	}
	packed = image_pack(&plain, format);
	/* Modules have no size behind them, as kernels do. */
	tree_put(tree, name, packed.data, packed.len - (strcmp(format, "gzip") == 0 ? 0 : 4));
	image_free(&packed);
}

#endif
