/* SPDX-License-Identifier: MIT */
/*
 * A port by which a guest ends the machine with an exit status: QEMU's isa-debug-exit.
 *
 * A write of VALUE, of any width and to any of the ports, asks for the status VALUE * 2 + 1; a read
 * gives 0.  Test suites of kernels have it at port 0xf4, four ports wide, rather than at QEMU's own
 * default of 0x501.
 */
#ifndef GLASSBOX_DEVICES_LEGACY_DEBUG_EXIT_H
#define GLASSBOX_DEVICES_LEGACY_DEBUG_EXIT_H

#include "devices/device.h"

#define DEBUG_EXIT_PORT     0xf4
#define DEBUG_EXIT_NR_PORTS 4

/* Called on the vCPU's thread that wrote the port.  @status: 1 to 255, as of a process; odd */
struct exit_listener {
	void (*exit)(void *ctx, int status);
	void *ctx;
};

/**
 * debug_exit_create() - @name is borrowed, e.g. "debug-exit"
 *
 * Return: 0 or -ENOMEM.
 */
int debug_exit_create(const char *name, const struct exit_listener *listener,
		      struct device **ret_dev) __must_check;

#endif
