/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "vmm/boot/boot_thread.h"

/* The loader's while it runs, the starter's otherwise. */
struct boot_thread {
	pthread_t thread;
	struct boot_config config;
	struct guest_mem *mem;
	struct boot_state state;
	struct error error;
	int result;
};

static void *load(void *arg)
{
	struct boot_thread *thread = arg;

	(void)pthread_setname_np(pthread_self(), "boot");
	thread->result = boot_load(&thread->config, thread->mem, &thread->state, &thread->error);
	return NULL;
}

int boot_thread_start(const struct boot_config *config, struct guest_mem *mem,
		      struct boot_thread **ret_thread)
{
	struct boot_thread *thread = calloc(1, sizeof(*thread));
	sigset_t all, old;
	int r;

	if (!thread)
		return -ENOMEM;
	thread->config = *config;
	thread->mem = mem;
	/* Signals are for the starter. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&thread->thread, NULL, load, thread);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0) {
		free(thread);
		return r;
	}
	*ret_thread = thread;
	return 0;
}

int boot_thread_finish(struct boot_thread *thread, struct boot_state *ret_state,
		       struct error *error)
{
	int r;

	(void)pthread_join(thread->thread, NULL);
	r = thread->result;
	if (r == 0)
		*ret_state = thread->state;
	else if (error)
		*error = thread->error;
	free(thread);
	return r;
}

void boot_thread_cancel(struct boot_thread *thread)
{
	if (!thread)
		return;
	(void)pthread_join(thread->thread, NULL);
	free(thread);
}
