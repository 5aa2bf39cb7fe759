/* SPDX-License-Identifier: MIT */
/* A whole regular file, mapped read-only: nothing is copied until somebody reads it. */
#ifndef GLASSBOX_BASE_FILE_MAP_H
#define GLASSBOX_BASE_FILE_MAP_H

#include "base/error.h"
#include "base/util.h"

struct file_map {
	const uint8_t *data; /* NULL when nothing is mapped */
	size_t size;         /* bytes, never 0 when mapped */
};

/**
 * file_map_open() - map @path
 * @what: what the file is to the user, e.g. "kernel"; goes into the message
 *
 * Return: 0, or -errno with @error set (missing, unreadable, a directory, empty).
 */
int file_map_open(const char *path, const char *what, struct file_map *ret_map, struct error *error)
	__must_check;

/** file_map_close() - unmap; fine on an empty map */
void file_map_close(struct file_map *map);

#endif
