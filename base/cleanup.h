/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound ownership.  A local that owns something says so at its declaration and is released on
 * every way out of its scope; TAKE_PTR and TAKE_FD hand the ownership on.
 */
#ifndef GLASSBOX_BASE_CLEANUP_H
#define GLASSBOX_BASE_CLEANUP_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(func) __attribute__((cleanup(func)))

static inline void cleanup_free(void *ptr)
{
	free(*(void **)ptr);
}

/* Keeps errno, so that a failing path may read it after its descriptors are closed. */
static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		(void)close(*fd);
		errno = saved;
	}
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static inline void cleanup_unlock(pthread_mutex_t **mutex)
{
	if (*mutex)
		(void)pthread_mutex_unlock(*mutex);
}

static inline pthread_mutex_t *cleanup_lock(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_lock(mutex);
	return mutex;
}

#define _cleanup_free_   _cleanup_(cleanup_free)
#define _cleanup_close_  _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

/* Holds @mutex until the end of the scope. */
#define SCOPED_LOCK(mutex)                                                                         \
	_cleanup_(cleanup_unlock) pthread_mutex_t *scoped_lock                                     \
		__attribute__((unused)) = cleanup_lock(mutex)

#define TAKE_PTR(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) taken_ = (ptr);                                                    \
		(ptr) = NULL;                                                                      \
		taken_;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -EBADF;                                                                     \
		taken_;                                                                            \
	})

#endif
