/* SPDX-License-Identifier: MIT */
#include "devices/backend/disk_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "devices/backend/disk.h"

#define MAX_BLOCK_SIZE 65536u

/* Before it is opened: to open a FIFO or a tape may wait, or move something. */
static int check_kind(const char *path, struct stat *ret_st, struct error *error)
{
	if (stat(path, ret_st) < 0)
		return error_set_errno(error, -errno, "cannot open disk image '%s'", path);
	if (S_ISDIR(ret_st->st_mode))
		return error_set(error, -EISDIR,
				 "cannot use '%s' as a disk: it is a directory, not an image",
				 path);
	if (!S_ISREG(ret_st->st_mode) && !S_ISBLK(ret_st->st_mode))
		return error_set(error, -ENOTBLK,
				 "cannot use '%s' as a disk: it is neither a file nor a block "
				 "device",
				 path);
	return 0;
}

static int open_image(const char *path, int flags, bool read_only, struct error *error)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | (read_only ? O_RDONLY : O_RDWR));

	if (fd >= 0)
		return fd;
	/* Of O_EXCL, for block devices. */
	if (errno == EBUSY)
		return error_set(error, -EBUSY,
				 "cannot write to block device '%s': the host uses it; unmount it "
				 "first",
				 path);
	if (!read_only && (errno == EACCES || errno == EPERM || errno == EROFS))
		return error_set_errno(error, -errno,
				       "cannot open disk image '%s' for writing (make it "
				       "read-only, or change who may write to it)",
				       path);
	return error_set_errno(error, -errno, "cannot open disk image '%s'", path);
}

static int lock_image(int fd, const char *path, bool read_only, struct error *error)
{
	struct flock lock = { .l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return error_set_errno(error, -errno,
				       "cannot lock disk image '%s' against a second user", path);
	if (read_only)
		return error_set(error, -EBUSY,
				 "cannot use disk image '%s': another virtual machine writes to it",
				 path);
	return error_set(error, -EBUSY,
			 "cannot use disk image '%s': another virtual machine uses it; two may "
			 "share it only if both have it read-only",
			 path);
}

static bool is_block_size(uint64_t size)
{
	return size >= DISK_SECTOR_SIZE && size <= MAX_BLOCK_SIZE && (size & (size - 1)) == 0;
}

static int measure_device(struct disk_image *image, uint64_t *ret_size)
{
	unsigned physical = 0;
	int logical = 0;

	if (ioctl(image->fd, BLKGETSIZE64, ret_size) < 0 ||
	    ioctl(image->fd, BLKSSZGET, &logical) < 0 ||
	    ioctl(image->fd, BLKPBSZGET, &physical) < 0)
		return -errno;
	if (logical > 0 && is_block_size((unsigned)logical))
		image->block_size = (unsigned)logical;
	image->physical_block_size = physical;
	return 0;
}

static int measure(struct disk_image *image, const char *path, struct error *error)
{
	struct stat st;
	uint64_t size;
	int r = 0;

	if (fstat(image->fd, &st) < 0)
		return error_set_errno(error, -errno, "cannot look at disk image '%s'", path);
	size = (uint64_t)st.st_size;
	image->block_size = DISK_SECTOR_SIZE;
	image->physical_block_size = (uint32_t)st.st_blksize;
	if (S_ISBLK(st.st_mode))
		r = measure_device(image, &size);
	if (r < 0)
		return error_set_errno(error, r, "cannot measure block device '%s'", path);
	if (!is_block_size(image->physical_block_size) ||
	    image->physical_block_size < image->block_size)
		image->physical_block_size = image->block_size;
	image->tail = (unsigned)(size % DISK_SECTOR_SIZE);
	image->size = size - image->tail;
	if (image->size == 0)
		return error_set(error, -EINVAL,
				 "cannot use '%s' as a disk: its %llu bytes are less than a sector",
				 path, (unsigned long long)size);
	return 0;
}

int disk_image_open(const char *path, bool read_only, bool direct, struct disk_image *ret_image,
		    struct error *error)
{
	_cleanup_close_ int fd = -EBADF, direct_fd = -EBADF;
	struct disk_image image = { .direct_fd = -EBADF };
	struct stat st;
	int r = check_kind(path, &st, error);

	if (r < 0)
		return r;
	/* O_EXCL: not if the host has it mounted. */
	fd = open_image(path, S_ISBLK(st.st_mode) && !read_only ? O_EXCL : 0, read_only, error);
	if (fd < 0)
		return fd;
	r = lock_image(fd, path, read_only, error);
	if (r < 0)
		return r;
	image.fd = fd;
	r = measure(&image, path, error);
	if (r < 0)
		return r;
	if (direct) {
		direct_fd = open_image(path, O_DIRECT, read_only, error);
		if (direct_fd == -EINVAL)
			return error_set(error, -EINVAL,
					 "cannot do direct I/O on disk image '%s': its file "
					 "system has none",
					 path);
		if (direct_fd < 0)
			return direct_fd;
	}
	image.fd = TAKE_FD(fd);
	image.direct_fd = TAKE_FD(direct_fd);
	*ret_image = image;
	return 0;
}

int disk_image_check_raw(const struct disk_image *image, const char *path, struct error *error)
{
	static const struct {
		const char *name, *magic;
	} formats[] = {
		{ "qcow", "QFI\xfb" },        { "VMDK", "KDMV" },     { "VMDK", "COWD" },
		{ "VMDK", "# Disk Desc" },    { "VHDX", "vhdxfile" }, { "VHD", "conectix" },
		{ "VDI", "<<< Oracle VM V" }, { "QED", "QED" },
	};
	char start[DISK_SECTOR_SIZE];

	if (pread(image->fd, start, sizeof(start), 0) != sizeof(start))
		return 0; /* the guest will see that the disk can't be read */
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (memcmp(start, formats[i].magic, strlen(formats[i].magic)) == 0)
			return error_set(error, -EMEDIUMTYPE,
					 "disk image '%s' looks like one in the format %s: convert "
					 "it ('qemu-img convert -O raw'), serve it by NBD "
					 "('qemu-nbd'), or say format=raw",
					 path, formats[i].name);
	return 0;
}

void disk_image_close(struct disk_image *image)
{
	if (image->direct_fd >= 0)
		(void)close(image->direct_fd);
	if (image->fd >= 0)
		(void)close(image->fd);
	image->fd = image->direct_fd = -EBADF;
}
