/* SPDX-License-Identifier: MIT */
/* The command line of `glassbox run`. */
#ifndef GLASSBOX_VMM_OPTIONS_H
#define GLASSBOX_VMM_OPTIONS_H

#include "vmm/rootfs/rootfs.h"

struct run_options {
	const char *kernel;    /* never NULL */
	const char *initrd;    /* NULL: none */
	const char *append;    /* "" when not given */
	const char *console;   /* stdio, file:PATH, unix:PATH, pty or none */
	const char *cpu;       /* host[,-FEATURE][,+FEATURE]... */
	const char *gdb;       /* address, NULL: no debugger */
	const char *control;   /* address, NULL: no control socket */
	const char *trace_dir; /* NULL: no recording of our own */
	const char
		*symbols; /* ELF file with the kernel's symbols; NULL: the kernel, if it has any */
	const char *kvm_device; /* /dev/kvm */
	uint64_t memory;        /* bytes, a multiple of 4 KiB */
	unsigned cpus;
	struct virtio_list virtio;
	struct rootfs_options rootfs;
	const char *exec;     /* of the guest's shell; NULL: it is interactive */
	bool trace_doorbells; /* notifications of virtio drivers are exits, not ioeventfds */
	bool wait_gdb;        /* the first instruction waits for gdb */
	bool kaslr;           /* bzImage: let the guest unpack and move itself */
	bool reboot;          /* a guest's reset starts it anew */
	bool trace_provider;  /* load the LTTng provider for a session of the user's own */
	bool pvpanic;         /* a port by which the guest's kernel says that it has panicked */
	uint16_t debug_exit;  /* port by which the guest ends with a status; 0: none */
	bool verbose;
};

/**
 * options_parse_run() - parse the arguments after `glassbox run`
 *
 * Prints help and version, and ends the program for these (status 0) and for a wrong command line
 * (status 2, one line on standard error).
 */
void options_parse_run(int argc, char **argv, struct run_options *ret_options);

#endif
