/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/kernel_image.h"

#define SECTOR        512u
#define SETUP_SECTORS 2u
#define HEADER        0x1f1u
#define VERSION_AT    0x400u /* in the setup part */
#define PAYLOAD_AT    0x240u /* in the protected-mode code, behind the 64-bit entry */

/* Not assert(): these checks stay in a release build. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct guest_mem guest_create(uint64_t size)
{
	struct guest_mem mem = { 0 };
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	MUST(hva != MAP_FAILED);
	MUST(guest_mem_add_region(&mem, 0, size, hva) == 0);
	return mem;
}

void guest_destroy(struct guest_mem *mem)
{
	(void)munmap(mem->regions[0].hva, mem->regions[0].size);
}

static struct image image_alloc(size_t len)
{
	struct image image = { .data = calloc(1, len ? len : 1), .len = len };

	MUST(image.data);
	return image;
}

void image_free(struct image *image)
{
	free(image->data);
	*image = (struct image){ 0 };
}

struct image image_cut(const struct image *image, size_t len)
{
	struct image cut = image_alloc(len);

	MUST(len <= image->len);
	memcpy(cut.data, image->data, len);
	return cut;
}

Elf64_Ehdr *image_elf_header(struct image *image)
{
	return (void *)image->data;
}

Elf64_Phdr *image_elf_phdr(struct image *image, unsigned index)
{
	return (Elf64_Phdr *)(void *)(image->data + sizeof(Elf64_Ehdr)) + index;
}

struct image image_elf(void)
{
	struct image image = image_alloc(IMAGE_ELF_SIZE);

	*image_elf_header(&image) = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = IMAGE_ELF_ENTRY,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = IMAGE_ELF_PHDRS,
	};
	*image_elf_phdr(&image, 0) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = IMAGE_ELF_TEXT,
		.p_vaddr = IMAGE_ELF_TEXT_GVA,
		.p_paddr = IMAGE_ELF_TEXT_GPA,
		.p_filesz = IMAGE_ELF_TEXT_SIZE,
		.p_memsz = IMAGE_ELF_TEXT_SIZE,
	};
	*image_elf_phdr(&image, 1) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = IMAGE_ELF_DATA,
		.p_vaddr = IMAGE_ELF_TEXT_GVA + (IMAGE_ELF_DATA_GPA - IMAGE_ELF_TEXT_GPA),
		.p_paddr = IMAGE_ELF_DATA_GPA,
		.p_filesz = IMAGE_ELF_DATA_SIZE,
		.p_memsz = IMAGE_ELF_DATA_TOTAL,
	};
	*image_elf_phdr(&image, 2) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = IMAGE_ELF_DATA,
		.p_paddr = IMAGE_ELF_DATA_GPA + IMAGE_ELF_DATA_TOTAL,
		.p_filesz = 0x100,
		.p_memsz = 0x100,
	};
	*image_elf_phdr(&image, 3) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = IMAGE_ELF_NOTES };
	for (size_t i = IMAGE_ELF_TEXT; i < IMAGE_ELF_NOTES; i++)
		image.data[i] = (uint8_t)(i * 7 + (i >> 8));
	/* A page of zeros in the middle of the text, which the loader does not copy. */
	memset(image.data + IMAGE_ELF_TEXT + 0x1000, 0, 0x1000);
	return image;
}

void image_elf_add_note(struct image *image, const char *owner, uint32_t type, const void *desc,
			uint32_t len)
{
	Elf64_Phdr *notes = image_elf_phdr(image, 3);
	uint8_t *at = image->data + notes->p_offset + notes->p_filesz;
	uint32_t name_len = (uint32_t)strlen(owner) + 1;
	Elf64_Nhdr note = { .n_namesz = name_len, .n_descsz = len, .n_type = type };
	size_t size = sizeof(note) + ALIGN_UP(name_len, 4) + ALIGN_UP(len, 4);

	MUST(notes->p_offset + notes->p_filesz + size <= image->len);
	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), owner, name_len);
	memcpy(at + sizeof(note) + ALIGN_UP(name_len, 4), desc, len);
	notes->p_filesz += size;
}

static size_t pack_gzip(const struct image *from, struct image *to)
{
	z_stream z = { .next_in = from->data,
		       .avail_in = (unsigned)from->len,
		       .next_out = to->data,
		       .avail_out = (unsigned)to->len };

	MUST(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
	MUST(deflateEnd(&z) == Z_OK);
	return z.total_out;
}

static size_t pack_lzma(const struct image *from, struct image *to, bool xz)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	size_t len;

	if (xz) {
		MUST(lzma_easy_encoder(&lzma, 1, LZMA_CHECK_CRC32) == LZMA_OK);
	} else {
		MUST(!lzma_lzma_preset(&options, 1));
		MUST(lzma_alone_encoder(&lzma, &options) == LZMA_OK);
	}
	lzma.next_in = from->data;
	lzma.avail_in = from->len;
	lzma.next_out = to->data;
	lzma.avail_out = to->len;
	MUST(lzma_code(&lzma, LZMA_FINISH) == LZMA_STREAM_END);
	len = (size_t)lzma.total_out;
	lzma_end(&lzma);
	return len;
}

static size_t pack_zstd(const struct image *from, struct image *to)
{
	size_t len = ZSTD_compress(to->data, to->len, from->data, from->len, 3);

	MUST(!ZSTD_isError(len));
	return len;
}

static void put_le32(uint8_t *to, size_t value)
{
	uint32_t le = htole32((uint32_t)value);

	memcpy(to, &le, sizeof(le));
}

static size_t pack_lz4(const struct image *from, struct image *to)
{
	size_t at = 4;

	put_le32(to->data, 0x184c2102);
	for (size_t done = 0; done < from->len;) {
		size_t part = MIN(from->len - done, MIB(8));
		int len = LZ4_compress_default((const char *)from->data + done,
					       (char *)to->data + at + 4, (int)part,
					       (int)(to->len - at - 4));

		MUST(len > 0);
		put_le32(to->data + at, (size_t)len);
		at += 4 + (size_t)len;
		done += part;
	}
	return at;
}

struct image image_pack(const struct image *from, const char *format)
{
	struct image to = image_alloc(from->len * 2 + 4096);

	if (strcmp(format, "gzip") == 0) {
		to.len = pack_gzip(from, &to);
		return to;
	}
	if (strcmp(format, "xz") == 0)
		to.len = pack_lzma(from, &to, true);
	else if (strcmp(format, "lzma") == 0)
		to.len = pack_lzma(from, &to, false);
	else if (strcmp(format, "zstd") == 0)
		to.len = pack_zstd(from, &to);
	else if (strcmp(format, "lz4") == 0)
		to.len = pack_lz4(from, &to);
	else
		MUST(!"a known format");
	put_le32(to.data + to.len, from->len);
	to.len += 4;
	return to;
}

struct setup_header *image_bz_header(struct image *image)
{
	return (void *)(image->data + HEADER);
}

struct image image_bz(const struct image *payload)
{
	size_t setup = (1 + SETUP_SECTORS) * SECTOR;
	size_t code = ALIGN_UP(PAYLOAD_AT + payload->len, 16);
	struct image image = image_alloc(setup + code);

	*image_bz_header(&image) = (struct setup_header){
		.setup_sects = SETUP_SECTORS,
		.syssize = (uint32_t)(code / 16),
		.boot_flag = 0xaa55,
		.jump = (uint16_t)(0xeb | (sizeof(struct setup_header) - 0x11) << 8),
		.header = 0x53726448,
		.version = 0x20f,
		.kernel_version = VERSION_AT - 0x200,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.payload_offset = PAYLOAD_AT,
		.payload_length = (uint32_t)payload->len,
		.pref_address = IMAGE_BZ_PREF_GPA,
		.init_size = IMAGE_BZ_INIT_SIZE,
	};
	(void)strcpy((char *)image.data + VERSION_AT, IMAGE_BZ_VERSION " (nobody) #1");
	memset(image.data + setup, 0x90, PAYLOAD_AT);
	memcpy(image.data + setup + PAYLOAD_AT, payload->data, payload->len);
	return image;
}

char *image_path(const struct image *image)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char *path;

	MUST(fd >= 0);
	MUST(write(fd, image->data, image->len) == (ssize_t)image->len);
	MUST(asprintf(&path, "/proc/self/fd/%d", fd) > 0);
	return path;
}

void image_path_free(char *path)
{
	(void)close(atoi(path + strlen("/proc/self/fd/")));
	free(path);
}
