/* SPDX-License-Identifier: MIT */
/* Modules of a kernel and what they need, and the kernel's own name. */
#include <errno.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/module_tree.h"
#include "vmm/boot/kernel_release.h"
#include "vmm/boot/modules.h"

static int load(const struct module_tree *tree, const char *one, const char *other,
		struct module_list *list, struct error *error)
{
	const char *wanted[] = { one, other };

	return module_list_load(tree->dir, wanted, other ? 2 : 1, list, error);
}

static void modules_come_in_load_order(void **state)
{
	struct module_list list;
	struct module_tree tree;
	struct error error;

	(void)state;
	tree_create(&tree);
	tree_put_module(&tree, "kernel/a/top.ko", "mid-dle,other", NULL);
	tree_put_module(&tree, "kernel/b/mid_dle.ko.xz", "deep", "xz");
	tree_put_module(&tree, "kernel/b/deep.ko.zst", "", "zstd");
	tree_put_module(&tree, "kernel/b/c/other.ko.gz", "deep,built-in", "gzip");
	tree_put_module(&tree, "kernel/b/unused.ko", "missing", NULL);
	tree_put(&tree, "modules.builtin", "kernel/built_in.ko\n", 19);
	/* What looks like one, and is none. */
	tree_run(&tree,
		 "mkdir kernel/dir.ko && ln -s . kernel/loop && ln -s top.ko kernel/a/deep.ko "
		 "&& touch kernel/deep.kore modules.dep");
	assert_int_equal(load(&tree, "top", "built-in", &list, &error), 0);
	assert_int_equal(list.nr, 4);
	assert_string_equal(list.modules[0].name, "deep");
	assert_string_equal(list.modules[1].name, "mid_dle");
	assert_string_equal(list.modules[2].name, "other");
	assert_string_equal(list.modules[3].name, "top");
	/* They are unpacked. */
	assert_memory_equal(list.modules[0].data, "kernel/b/deep.ko.zst", 21);
	assert_memory_equal(list.modules[1].data + list.modules[1].len - 4, "more", 4);
	module_list_free(&list);
	module_list_free(&list);
	tree_destroy(&tree);
}

static void trouble_is_told(void **state)
{
	struct module_list list = { 0 };
	struct module_tree tree;
	struct error error;

	(void)state;
	tree_create(&tree);
	assert_int_equal(load(&tree, "nothing", NULL, &list, &error), -ENOENT);
	assert_non_null(strstr(error.message, "have no 'nothing'"));
	tree_put_module(&tree, "needs.ko", "missing", NULL);
	assert_int_equal(load(&tree, "needs", NULL, &list, &error), -ENOENT);
	assert_non_null(strstr(error.message, "have no 'missing'"));
	tree_put(&tree, "broken.ko.xz",
		 "\xfd"
		 "7zXZ\0garbage",
		 13);
	assert_true(load(&tree, "broken", NULL, &list, &error) < 0);
	assert_non_null(strstr(error.message, "broken.ko.xz"));
	tree_put(&tree, "empty.ko", "", 0);
	assert_true(load(&tree, "empty", NULL, &list, &error) < 0);
	tree_run(&tree, "rm -r *; rmdir . 2>/dev/null || true");
	strcat(tree.dir, "/missing");
	assert_int_equal(load(&tree, "any", NULL, &list, &error), -ENOENT);
	assert_non_null(strstr(error.message, "missing': No such file"));
	*strrchr(tree.dir, '/') = '\0';
	tree_destroy(&tree);
	assert_int_equal(list.nr, 0);
}

/* None of this is true of a module that a kernel has, but it ends. */
static void strange_modules_are_survived(void **state)
{
	static const char cut[] = "x\0depends=a,b";
	struct module_list list;
	struct module_tree tree;
	struct error error;

	(void)state;
	tree_create(&tree);
	tree_put_module(&tree, "one.ko", "two", NULL);
	tree_put_module(&tree, "two.ko", "one,two,,", NULL);
	assert_int_equal(load(&tree, "one", NULL, &list, &error), 0);
	assert_int_equal(list.nr, 2);
	module_list_free(&list);
	/* What it needs has no end: it is not believed. */
	tree_put(&tree, "cut.ko", cut, sizeof(cut) - 1);
	assert_int_equal(load(&tree, "cut", NULL, &list, &error), 0);
	assert_int_equal(list.nr, 1);
	module_list_free(&list);
	tree_destroy(&tree);
}

/* As many ways around as there are orders of them: none is gone twice. */
static void modules_that_all_need_each_other_come_once(void **state)
{
	enum { NR = 30 };
	char all[NR * 4 + 1] = "", name[16];
	struct module_list list;
	struct module_tree tree;
	struct error error;

	(void)state;
	tree_create(&tree);
	for (unsigned i = 0; i < NR; i++)
		(void)snprintf(&all[strlen(all)], sizeof(all) - strlen(all), "m%02u,", i);
	for (unsigned i = 0; i < NR; i++) {
		(void)snprintf(name, sizeof(name), "m%02u.ko", i);
		tree_put_module(&tree, name, all, NULL);
	}
	assert_int_equal(load(&tree, "m07", "m23", &list, &error), 0);
	assert_int_equal(list.nr, NR);
	module_list_free(&list);
	tree_destroy(&tree);
}

static void long_chains_are_whole(void **state)
{
	enum { NR = 40 };
	char name[16], next[16];
	struct module_list list;
	struct module_tree tree;
	struct error error;

	(void)state;
	tree_create(&tree);
	for (unsigned i = 0; i < NR; i++) {
		(void)snprintf(name, sizeof(name), "m%02u.ko", i);
		(void)snprintf(next, sizeof(next), "m%02u", i + 1);
		if (i + 1 == NR)
			next[0] = '\0';
		tree_put_module(&tree, name, next, NULL);
	}
	assert_int_equal(load(&tree, "m00", NULL, &list, &error), 0);
	assert_int_equal(list.nr, NR);
	assert_string_equal(list.modules[0].name, "m39");
	module_list_free(&list);
	tree_destroy(&tree);
}

/* Whichever of them the directory lists first. */
static void updates_go_before_the_kernels_own(void **state)
{
	static const char *const dirs[] = { "a", "kernel", "updates/dkms", "z" };
	struct module_list list;
	struct module_tree tree;
	struct error error;
	char path[64];

	(void)state;
	for (unsigned first = 0; first < ARRAY_SIZE(dirs); first++) {
		tree_create(&tree);
		for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++) {
			(void)snprintf(path, sizeof(path), "%s/one.ko",
				       dirs[(first + i) % ARRAY_SIZE(dirs)]);
			tree_put_module(&tree, path, "", NULL);
		}
		assert_int_equal(load(&tree, "one", NULL, &list, &error), 0);
		assert_int_equal(list.nr, 1);
		assert_string_equal((const char *)list.modules[0].data, "updates/dkms/one.ko");
		module_list_free(&list);
		tree_destroy(&tree);
	}
}

static void kernel_tells_its_release(void **state)
{
	static const char banner[] = "Linux version %s\0Linux version 6.9.0-own (me@here) gcc";
	struct image elf = image_elf(), bz = image_bz(&elf);
	char release[KERNEL_RELEASE_LEN], *path;
	struct error error;

	(void)state;
	path = image_path(&bz);
	assert_int_equal(kernel_release(path, release, &error), 0);
	assert_string_equal(release, IMAGE_BZ_VERSION);
	image_path_free(path);

	path = image_path(&elf);
	assert_int_equal(kernel_release(path, release, &error), 0);
	assert_string_equal(release, "");
	image_path_free(path);
	memcpy(elf.data + IMAGE_ELF_TEXT, banner, sizeof(banner));
	path = image_path(&elf);
	assert_int_equal(kernel_release(path, release, &error), 0);
	assert_string_equal(release, "6.9.0-own");
	image_path_free(path);

	assert_int_equal(kernel_release("/nonexistent", release, &error), -ENOENT);
	image_bz_header(&bz)->version = 0x100;
	path = image_path(&bz);
	assert_int_equal(kernel_release(path, release, &error), -ENOEXEC);
	image_path_free(path);
	image_free(&bz);
	image_free(&elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_come_in_load_order),
		cmocka_unit_test(trouble_is_told),
		cmocka_unit_test(strange_modules_are_survived),
		cmocka_unit_test(modules_that_all_need_each_other_come_once),
		cmocka_unit_test(long_chains_are_whole),
		cmocka_unit_test(updates_go_before_the_kernels_own),
		cmocka_unit_test(kernel_tells_its_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
