/* SPDX-License-Identifier: MIT */
/*
 * --rootfs-share: a guest whose root is a directory of the host, such as the host's own, with a
 * layer in memory over it that takes what the guest writes.
 *
 * The directory is a shared folder, read-only.  What mounts it in the guest is an initial RAM disk
 * that is made here, of a program of ours (init.c) and the modules that the kernel needs for it.
 */
#ifndef GLASSBOX_VMM_ROOTFS_ROOTFS_H
#define GLASSBOX_VMM_ROOTFS_ROOTFS_H

#include "vmm/virtio/options.h"

#define ROOTFS_COMMAND_MAX 4000 /* bytes */

struct rootfs_options {
	const char *path;    /* NULL: there is no such root */
	const char *modules; /* of the kernel; NULL: those below path, if it has any */
	enum virtio_transport transport;
};

/**
 * rootfs_parse() - read the option, and add the shared folders that it takes
 * @text: taken apart in place; lives as long as the options
 *
 * Return: 0, or -EINVAL with @error set.
 */
int rootfs_parse(char *text, struct rootfs_options *ret_options, struct virtio_list *list,
		 struct error *error) __must_check;

/** rootfs_is_left_to_init() - does the kernel's command line @append say what runs, with init=? */
bool rootfs_is_left_to_init(const char *append);

struct rootfs_config {
	const struct rootfs_options *options;
	const struct virtio_list *devices;
	const char *kernel, *append;
	const char *command; /* for the guest's shell; NULL: none */
	unsigned exit_port;  /* of debug-exit, which tells how the command ended; 0: none */
};

/* To boot with; both are owned by the struct rootfs. */
struct rootfs {
	int fd; /* the initial RAM disk, in memory */
	char initrd[32];
	char *cmdline;
};

/**
 * rootfs_create() - make the initial RAM disk
 *
 * Return: 0, or -errno with @error set: kernel or modules cannot be read.
 */
int rootfs_create(const struct rootfs_config *config, struct rootfs *ret_rootfs,
		  struct error *error) __must_check;

#define ROOTFS_NONE ((struct rootfs){ .fd = -1 })

/** rootfs_destroy() - when no machine is to be booted from it any more; fine on ROOTFS_NONE */
void rootfs_destroy(struct rootfs *rootfs);

#endif
