/* SPDX-License-Identifier: MIT */
#include "vmm/boot/kernel_release.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file_map.h"
#include "vmm/boot/bzimage.h"

/* linux_banner; formats for the like go on with a '%'. */
static void find_banner(const struct file_map *map, char ret_release[KERNEL_RELEASE_LEN])
{
	static const char words[] = "Linux version ";
	const uint8_t *at = map->data, *end = map->data + map->size;
	size_t len = 0;

	while ((at = memmem(at, (size_t)(end - at), words, sizeof(words) - 1))) {
		at += sizeof(words) - 1;
		if (at < end && isdigit(*at))
			break;
	}
	while (at && at + len < end && isgraph(at[len]) && len < KERNEL_RELEASE_LEN - 1) {
		ret_release[len] = (char)at[len];
		len++;
	}
	ret_release[len] = '\0';
}

int kernel_release(const char *path, char ret_release[KERNEL_RELEASE_LEN], struct error *error)
{
	struct file_map map = { 0 };
	struct bzimage image;
	struct error cause;
	int r = file_map_open(path, "kernel", &map, error);

	if (r < 0)
		return r;
	ret_release[0] = '\0';
	if (!bzimage_probe(map.data, map.size)) {
		find_banner(&map, ret_release);
	} else {
		r = bzimage_parse(map.data, map.size, &image, &cause);
		if (r < 0)
			(void)error_set(error, r, "cannot load kernel '%s': %s", path,
					cause.message);
		else
			(void)snprintf(ret_release, KERNEL_RELEASE_LEN, "%s", image.version);
	}
	file_map_close(&map);
	return r;
}
