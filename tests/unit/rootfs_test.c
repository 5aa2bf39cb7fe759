/* SPDX-License-Identifier: MIT */
/* --rootfs-share: the shared folders it takes, and the initial RAM disk it makes. */
#include <errno.h>
#include <sys/stat.h>

#include "tests/support/cpio_reader.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/module_tree.h"
#include "vmm/rootfs/rootfs.h"
#include "vmm/virtio/kind.h"

#define MODULES "lib/modules/" IMAGE_BZ_VERSION "/"

struct fixture {
	struct module_tree tree; /* the root, with modules of the kernel */
	char *kernel, text[256];
	struct virtio_list list;
	struct rootfs_options options;
	unsigned exit_port;
	struct rootfs rootfs;
	struct error error;
	struct file_map archive;
};

static void setup(struct fixture *f)
{
	struct image elf = image_elf(), bz = image_bz(&elf);

	memset(f, 0, sizeof(*f));
	f->list.transport = VIRTIO_TRANSPORT_PCI;
	f->rootfs = ROOTFS_NONE;
	tree_create(&f->tree);
	tree_put_module(&f->tree, MODULES "fuse.ko", "", NULL);
	tree_put_module(&f->tree, MODULES "virtiofs.ko", "fuse", NULL);
	tree_put_module(&f->tree, MODULES "overlay.ko", "", NULL);
	tree_put_module(&f->tree, MODULES "virtio_pci.ko", "", NULL);
	tree_put_module(&f->tree, MODULES "virtio_mmio.ko", "", NULL);
	f->kernel = image_path(&bz);
	image_free(&bz);
	image_free(&elf);
}

static int parse(struct fixture *f, const char *more)
{
	(void)snprintf(f->text, sizeof(f->text), "%s%s", f->tree.dir, more);
	return rootfs_parse(f->text, &f->options, &f->list, &f->error);
}

static int create(struct fixture *f, const char *append, const char *command)
{
	const struct rootfs_config config = { .options = &f->options,
					      .devices = &f->list,
					      .kernel = f->kernel,
					      .append = append,
					      .command = command,
					      .exit_port = f->exit_port };
	int r = rootfs_create(&config, &f->rootfs, &f->error);

	if (r == 0)
		assert_int_equal(file_map_open(f->rootfs.initrd, "initrd", &f->archive, NULL), 0);
	return r;
}

static void destroy(struct fixture *f)
{
	file_map_close(&f->archive);
	rootfs_destroy(&f->rootfs);
	rootfs_destroy(&f->rootfs);
}

static void teardown(struct fixture *f)
{
	destroy(f);
	image_path_free(f->kernel);
	tree_destroy(&f->tree);
}

static void assert_text(const struct fixture *f, const char *name, const char *text)
{
	struct cpio_entry entry;

	assert_true(cpio_find(&f->archive, name, &entry));
	assert_true(cpio_is_text(&entry, text));
}

static void root_is_a_read_only_share(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(parse(&f, ",transport=mmio"), 0);
	assert_int_equal(f.list.nr, 1);
	assert_ptr_equal(f.list.devices[0].kind, &virtio_kind_share);
	assert_string_equal(f.list.devices[0].share.tag, "glassbox.root");
	assert_string_equal(f.list.devices[0].share.path, f.tree.dir);
	assert_true(f.list.devices[0].share.read_only);
	assert_int_equal(virtio_list_transport(&f.list, 0), VIRTIO_TRANSPORT_MMIO);
	assert_int_equal(parse(&f, ""), -EINVAL);
	assert_string_equal(f.error.message, "a guest has one root only");
	teardown(&f);
}

static void archive_has_program_and_modules(void **state)
{
	struct cpio_entry entry;
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(parse(&f, ""), 0);
	assert_int_equal(create(&f, "quiet", NULL), 0);
	assert_true(cpio_find(&f.archive, "init", &entry));
	assert_int_equal(entry.mode, S_IFREG | 0755);
	assert_memory_equal(entry.data, "\177ELF", 4);
	assert_true(cpio_find(&f.archive, "dev/console", &entry));
	assert_text(&f, "modules",
		    "/ko/virtio_pci.ko\n/ko/fuse.ko\n/ko/virtiofs.ko\n/ko/overlay.ko\n");
	assert_true(cpio_find(&f.archive, "ko/virtiofs.ko", &entry));
	assert_text(&f, "transport", "virtio_pci");
	assert_false(cpio_find(&f.archive, "command", &entry));
	assert_false(cpio_find(&f.archive, "release", &entry));
	teardown(&f);
}

/* The transport is that of the root, whatever others have. */
static void transport_decides_on_the_module(void **state)
{
	char other[] = "files=/,transport=pci";
	struct cpio_entry entry;
	struct fixture f;

	(void)state;
	setup(&f);
	f.list.transport = VIRTIO_TRANSPORT_MMIO;
	assert_int_equal(virtio_list_add(&f.list, &virtio_kind_share, other, &f.error), 0);
	assert_int_equal(parse(&f, ""), 0);
	assert_int_equal(create(&f, "", "make test"), 0);
	assert_true(cpio_find(&f.archive, "ko/virtio_mmio.ko", &entry));
	assert_false(cpio_find(&f.archive, "ko/virtio_pci.ko", &entry));
	assert_text(&f, "command", "make test");
	assert_false(cpio_find(&f.archive, "exit", &entry));
	destroy(&f);

	f.exit_port = 0xf4;
	assert_int_equal(create(&f, "", "make test"), 0);
	assert_text(&f, "exit", "244");
	teardown(&f);
}

static void modules_may_be_elsewhere(void **state)
{
	char more[128];
	struct fixture f;

	(void)state;
	setup(&f);
	tree_run(&f.tree, "mv lib/modules/* elsewhere && rmdir lib/modules lib");
	(void)snprintf(more, sizeof(more), ",modules=%s/elsewhere", f.tree.dir);
	assert_int_equal(parse(&f, more), 0);
	assert_int_equal(f.list.nr, 2);
	assert_string_equal(f.list.devices[1].share.tag, "glassbox.modules");
	assert_true(f.list.devices[1].share.read_only);
	assert_int_equal(create(&f, "", NULL), 0);
	assert_text(&f, "release", IMAGE_BZ_VERSION);
	destroy(&f);

	/* Said to be there, they have to be. */
	tree_run(&f.tree, "rm elsewhere/overlay.ko");
	assert_int_equal(create(&f, "", NULL), -ENOENT);
	assert_non_null(strstr(f.error.message, "have no 'overlay'"));
	teardown(&f);
}

static void kernel_has_to_be_there(void **state)
{
	char more[128], missing[] = "/nonexistent", *kernel;
	struct fixture f;

	(void)state;
	setup(&f);
	(void)snprintf(more, sizeof(more), ",modules=%s", f.tree.dir);
	assert_int_equal(parse(&f, more), 0);
	kernel = f.kernel;
	f.kernel = missing;
	assert_int_equal(create(&f, "", NULL), -ENOENT);
	assert_non_null(strstr(f.error.message, "'/nonexistent'"));
	f.kernel = kernel;
	teardown(&f);
}

static void kernel_may_have_all_built_in(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	tree_run(&f.tree, "rm -r lib");
	assert_int_equal(parse(&f, ""), 0);
	assert_int_equal(create(&f, "", NULL), 0);
	assert_text(&f, "modules", "");
	teardown(&f);
}

static void console_is_added_to_the_command_line(void **state)
{
	static const char *const lines[][2] = {
		{ "", "console=ttyS0" },
		{ "quiet", "console=ttyS0 quiet" },
		{ "console=ttyS0", "console=ttyS0" },
		{ "quiet console=hvc0", "quiet console=hvc0" },
		{ "noconsole=1 -- x", "console=ttyS0 noconsole=1 -- x" },
	};
	struct fixture f;

	(void)state;
	setup(&f);
	assert_int_equal(parse(&f, ""), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(create(&f, lines[i][0], NULL), 0);
		assert_string_equal(f.rootfs.cmdline, lines[i][1]);
		destroy(&f);
	}
	teardown(&f);
}

static void init_is_found_on_the_command_line(void **state)
{
	static const char *const with[] = { "init=/bin/sh", "quiet init=/sbin/init", "  init=/x  y",
					    "a init= -- b" };
	static const char *const without[] = { "",        " ",          "quiet",       "rdinit=/x",
					       "x-init=", "-- init=/x", "a  -- init=", "init" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(with); i++)
		assert_true(rootfs_is_left_to_init(with[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(without); i++)
		assert_false(rootfs_is_left_to_init(without[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_a_read_only_share),
		cmocka_unit_test(archive_has_program_and_modules),
		cmocka_unit_test(transport_decides_on_the_module),
		cmocka_unit_test(modules_may_be_elsewhere),
		cmocka_unit_test(kernel_has_to_be_there),
		cmocka_unit_test(kernel_may_have_all_built_in),
		cmocka_unit_test(console_is_added_to_the_command_line),
		cmocka_unit_test(init_is_found_on_the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
