/* SPDX-License-Identifier: MIT */
/*
 * boot_load() on a thread of its own, while its caller sets up KVM: that waits for grace periods of
 * the host's kernel, some ms each, and unpacking a kernel takes as long or longer.
 */
#ifndef GLASSBOX_VMM_BOOT_BOOT_THREAD_H
#define GLASSBOX_VMM_BOOT_BOOT_THREAD_H

#include "vmm/boot/boot.h"

struct boot_thread;

/**
 * boot_thread_start() - begin to load what @config names into @mem
 * @config: copied; what it points to is borrowed until boot_thread_finish()
 * @mem: borrowed, and nobody else's to write to, until boot_thread_finish()
 *
 * Return: 0, or -errno.
 */
int boot_thread_start(const struct boot_config *config, struct guest_mem *mem,
		      struct boot_thread **ret_thread) __must_check;

/**
 * boot_thread_finish() - wait for the end of it and free it, on the thread that started it
 *
 * Return: what boot_load() returned, with @error and @ret_state as it left them.
 */
int boot_thread_finish(struct boot_thread *thread, struct boot_state *ret_state,
		       struct error *error) __must_check;

/** boot_thread_cancel() - the same for a caller that has failed; NULL is fine */
void boot_thread_cancel(struct boot_thread *thread);

#endif
