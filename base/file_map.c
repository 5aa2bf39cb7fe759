/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file_map.h"

int file_map_open(const char *path, const char *what, struct file_map *ret_map, struct error *error)
{
	/* O_NONBLOCK: a FIFO without a writer is to be refused, not waited for. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *data;

	if (fd < 0)
		return error_set_errno(error, -errno, "cannot open %s '%s'", what, path);
	if (fstat(fd, &st) < 0)
		return error_set_errno(error, -errno, "cannot read %s '%s'", what, path);
	if (!S_ISREG(st.st_mode))
		return error_set(error, -EINVAL, "%s '%s' is not a regular file", what, path);
	if (st.st_size == 0)
		return error_set(error, -EINVAL, "%s '%s' is empty", what, path);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_set_errno(error, -errno, "cannot map %s '%s'", what, path);
	ret_map->data = data;
	ret_map->size = (size_t)st.st_size;
	return 0;
}

void file_map_close(struct file_map *map)
{
	if (!map->data)
		return;
	/* munmap() wants the pointer without its const. */
	(void)munmap((void *)(uintptr_t)map->data, map->size);
	*map = (struct file_map){ 0 };
}
