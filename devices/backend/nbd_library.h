/* SPDX-License-Identifier: MIT */
/*
 * What is used of libnbd, found when the first NBD disk is opened: the library brings TLS and XML
 * along, whose start other machines shall not wait for.
 */
#ifndef GLASSBOX_DEVICES_BACKEND_NBD_LIBRARY_H
#define GLASSBOX_DEVICES_BACKEND_NBD_LIBRARY_H

#include <libnbd.h>

#include "base/error.h"

/* By their names in nbd_create(3) and its like, without "nbd_". */
#define NBD_FUNCTIONS(X)                                                                           \
	X(create)                                                                                  \
	X(close)                                                                                   \
	X(get_error)                                                                               \
	X(get_errno)                                                                               \
	X(set_uri_allow_local_file)                                                                \
	X(set_pread_initialize)                                                                    \
	X(aio_connect_uri)                                                                         \
	X(aio_is_connecting)                                                                       \
	X(aio_is_ready)                                                                            \
	X(aio_is_dead)                                                                             \
	X(aio_is_closed)                                                                           \
	X(aio_get_fd)                                                                              \
	X(aio_get_direction)                                                                       \
	X(poll)                                                                                    \
	X(get_tls_negotiated)                                                                      \
	X(get_size)                                                                                \
	X(get_block_size)                                                                          \
	X(is_read_only)                                                                            \
	X(can_flush)                                                                               \
	X(can_fua)                                                                                 \
	X(can_trim)                                                                                \
	X(can_zero)                                                                                \
	X(aio_pread)                                                                               \
	X(aio_pwrite)                                                                              \
	X(aio_flush)                                                                               \
	X(aio_trim)                                                                                \
	X(aio_zero)                                                                                \
	X(aio_command_completed)                                                                   \
	X(aio_disconnect)

#define NBD_FUNCTION(name) __typeof__(nbd_##name) *name;
struct nbd_library {
	NBD_FUNCTIONS(NBD_FUNCTION)
};
#undef NBD_FUNCTION

/**
 * nbd_library_find() - load libnbd, for good
 *
 * Any thread.  Return: 0; or -ELIBACC with @error set to why it cannot be loaded.
 */
int nbd_library_find(struct nbd_library *ret_library, struct error *error) __must_check;

#endif
