/* SPDX-License-Identifier: MIT */
/*
 * What rootfs.c, on the host, and init.c, in the guest, have agreed on: the tags of the shared
 * folders, and the files of the initial RAM disk.
 */
#ifndef GLASSBOX_VMM_ROOTFS_LAYOUT_H
#define GLASSBOX_VMM_ROOTFS_LAYOUT_H

#define ROOTFS_INIT_PROGRAM "glassbox-rootfs-init" /* where our installation has it */

#define ROOTFS_TAG          "glassbox.root"
#define ROOTFS_MODULES_TAG  "glassbox.modules"

/* Names in the archive. */
#define ROOTFS_LIST_FILE    "modules" /* a path a line, in load order */
#define ROOTFS_MODULE_DIR   "ko"      /* where these are */
#define ROOTFS_RELEASE_FILE "release" /* of the kernel, if ROOTFS_MODULES_TAG is there */
#define ROOTFS_COMMAND_FILE "command" /* for the shell; none: it is interactive */
#define ROOTFS_EXIT_FILE    "exit"    /* the port of debug-exit, in decimal; none: there is none */
#define ROOTFS_NEEDS_FILE   "transport" /* the driver without which there is no share */

/* What is written to debug-exit when the command ended: as test suites of kernels have it. */
#define ROOTFS_EXIT_SUCCESS 0x10 /* a status of 33 */
#define ROOTFS_EXIT_FAILURE 0x11 /* 35 */

#endif
