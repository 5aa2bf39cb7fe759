/* SPDX-License-Identifier: MIT */
#include "vmm/rootfs/rootfs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file_map.h"
#include "trace/install_path.h"
#include "vmm/boot/cpio.h"
#include "vmm/boot/kernel_release.h"
#include "vmm/boot/modules.h"
#include "vmm/rootfs/cmdline.h"
#include "vmm/rootfs/layout.h"
#include "vmm/suboptions.h"
#include "vmm/virtio/kind.h"

#define CONSOLE "console=ttyS0"

/* ---- the option ---- */

static const struct suboption suboptions[] = {
	{ .parse = suboption_text, .offset = offsetof(struct rootfs_options, path) },
	{ .key = "modules",
	  .parse = suboption_text,
	  .offset = offsetof(struct rootfs_options, modules) },
	{ .key = "transport",
	  .parse = suboption_transport,
	  .offset = offsetof(struct rootfs_options, transport) },
	{ 0 },
};

static int add_share(struct virtio_list *list, const struct rootfs_options *options,
		     const char *tag, const char *path, struct error *error)
{
	const struct virtio_options share = {
		.kind = &virtio_kind_share,
		.transport = options->transport,
		.share = { .tag = tag, .path = path, .read_only = true },
	};

	return virtio_list_append(list, &share, error);
}

int rootfs_parse(char *text, struct rootfs_options *ret_options, struct virtio_list *list,
		 struct error *error)
{
	struct rootfs_options options = { 0 };
	int r;

	if (ret_options->path)
		return error_set_usage(error, "a guest has one root only");
	r = suboptions_parse(text, suboptions, &options, error);
	if (r == 0)
		r = add_share(list, &options, ROOTFS_TAG, options.path, error);
	if (r == 0 && options.modules)
		r = add_share(list, &options, ROOTFS_MODULES_TAG, options.modules, error);
	if (r == 0)
		*ret_options = options;
	return r;
}

/* ---- the initial RAM disk ---- */

/* The driver of the transport that the root is behind. */
static const char *transport_module(const struct virtio_list *devices)
{
	unsigned i = 0;

	while (devices->devices[i].kind != &virtio_kind_share ||
	       strcmp(devices->devices[i].share.tag, ROOTFS_TAG) != 0)
		i++;
	return virtio_list_transport(devices, i) == VIRTIO_TRANSPORT_MMIO ? "virtio_mmio"
									  : "virtio_pci";
}

/* Where the kernel's modules are; "" if there are none, so that all it needs has to be built in. */
static int find_modules(const struct rootfs_config *config, const char *release, char dir[PATH_MAX],
			struct error *error)
{
	const struct rootfs_options *options = config->options;
	struct stat st;
	int len;

	dir[0] = '\0';
	if (options->modules && release[0] == '\0')
		return error_set(error, -ENOEXEC,
				 "kernel '%s' does not tell its version, so its modules have no "
				 "place in the guest",
				 config->kernel);
	if (!options->modules && release[0] == '\0')
		return 0;
	len = options->modules
		      ? snprintf(dir, PATH_MAX, "%s", options->modules)
		      : snprintf(dir, PATH_MAX, "%s/lib/modules/%s", options->path, release);
	if (len >= PATH_MAX)
		return error_set_errno(error, -ENAMETOOLONG, "cannot find the kernel's modules");
	if (!options->modules && stat(dir, &st) < 0)
		dir[0] = '\0';
	return 0;
}

static void add_text(struct cpio *cpio, const char *name, const char *text)
{
	cpio_add_file(cpio, name, 0644, text, strlen(text));
}

/* The modules, and the list of them. */
static int add_modules(struct cpio *cpio, const struct module_list *list, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *lines = open_memstream(&text, &len);

	if (!lines)
		return error_set_errno(error, -ENOMEM, "cannot make the initial RAM disk");
	cpio_add_directory(cpio, ROOTFS_MODULE_DIR);
	for (unsigned i = 0; i < list->nr; i++) {
		const struct module *module = &list->modules[i];
		char path[128];

		(void)snprintf(path, sizeof(path), "/" ROOTFS_MODULE_DIR "/%s.ko", module->name);
		cpio_add_file(cpio, path + 1, 0644, module->data, module->len);
		(void)fprintf(lines, "%s\n", path);
	}
	if (fclose(lines) != 0)
		return error_set_errno(error, -ENOMEM, "cannot make the initial RAM disk");
	add_text(cpio, ROOTFS_LIST_FILE, text);
	return 0;
}

static int add_kernels_modules(struct cpio *cpio, const struct rootfs_config *config,
			       struct error *error)
{
	const char *transport = transport_module(config->devices);
	const char *wanted[] = { transport, "virtiofs", "overlay" };
	char release[KERNEL_RELEASE_LEN], dir[PATH_MAX];
	struct module_list list = { 0 };
	int r;

	r = kernel_release(config->kernel, release, error);
	if (r == 0)
		r = find_modules(config, release, dir, error);
	if (r == 0 && dir[0])
		r = module_list_load(dir, wanted, ARRAY_SIZE(wanted), &list, error);
	if (r == 0)
		r = add_modules(cpio, &list, error);
	module_list_free(&list);
	if (r < 0)
		return r;
	add_text(cpio, ROOTFS_NEEDS_FILE, transport);
	if (config->options->modules)
		add_text(cpio, ROOTFS_RELEASE_FILE, release);
	return 0;
}

static int add_init(struct cpio *cpio, struct error *error)
{
	struct file_map map = { 0 };
	char path[PATH_MAX];
	int r;

	r = install_path_find(ROOTFS_INIT_PROGRAM, path, error);
	if (r == 0)
		r = file_map_open(path, "program", &map, error);
	if (r < 0)
		return r;
	cpio_add_directory(cpio, "dev");
	/* The kernel opens it for the standard streams before anything is mounted. */
	cpio_add_device(cpio, "dev/console", 0600, 5, 1);
	cpio_add_directory(cpio, "root");
	cpio_add_file(cpio, "init", 0755, map.data, map.size);
	file_map_close(&map);
	return 0;
}

static int write_archive(int fd, const struct rootfs_config *config, struct error *error)
{
	struct cpio cpio;
	char port[16];
	int r;

	cpio_init(&cpio, fd);
	r = add_init(&cpio, error);
	if (r == 0)
		r = add_kernels_modules(&cpio, config, error);
	if (r < 0)
		return r;
	if (config->command)
		add_text(&cpio, ROOTFS_COMMAND_FILE, config->command);
	if (config->command && config->exit_port) {
		(void)snprintf(port, sizeof(port), "%u", config->exit_port);
		add_text(&cpio, ROOTFS_EXIT_FILE, port);
	}
	r = cpio_finish(&cpio);
	return r < 0 ? error_set_errno(error, r, "cannot make the initial RAM disk") : 0;
}

/* ---- */

bool rootfs_is_left_to_init(const char *append)
{
	return rootfs_find_init(append) != NULL;
}

/* Who says nothing of a console wants to see the guest. */
static char *make_cmdline(const char *append)
{
	bool has_console = strncmp(append, "console=", 8) == 0 || strstr(append, " console=");
	char *cmdline;

	/* In front: behind may be words that are not the kernel's. */
	if (asprintf(&cmdline, "%s%s%s", has_console ? "" : CONSOLE,
		     has_console || !*append ? "" : " ", append) < 0)
		return NULL;
	return cmdline;
}

int rootfs_create(const struct rootfs_config *config, struct rootfs *ret_rootfs,
		  struct error *error)
{
	struct rootfs rootfs = ROOTFS_NONE;
	int r = 0;

	rootfs.cmdline = make_cmdline(config->append);
	rootfs.fd = memfd_create("initrd", MFD_CLOEXEC);
	if (!rootfs.cmdline)
		r = -ENOMEM;
	else if (rootfs.fd < 0)
		r = -errno;
	if (r < 0)
		(void)error_set_errno(error, r, "cannot make the initial RAM disk");
	else
		r = write_archive(rootfs.fd, config, error);
	if (r < 0) {
		rootfs_destroy(&rootfs);
		return r;
	}
	(void)snprintf(rootfs.initrd, sizeof(rootfs.initrd), "/proc/self/fd/%d", rootfs.fd);
	*ret_rootfs = rootfs;
	return 0;
}

void rootfs_destroy(struct rootfs *rootfs)
{
	if (rootfs->fd >= 0)
		(void)close(rootfs->fd);
	free(rootfs->cmdline);
	*rootfs = ROOTFS_NONE;
}
