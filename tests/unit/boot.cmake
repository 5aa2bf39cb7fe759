# SPDX-License-Identifier: MIT
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBLZMA REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(LIBZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LIBLZ4 REQUIRED IMPORTED_TARGET liblz4)

# Kernel images for the tests, packed by the same libraries that unpack them.
add_library(glassbox_test_kernel_image STATIC ${CMAKE_CURRENT_LIST_DIR}/kernel_image.c)
target_link_libraries(glassbox_test_kernel_image PUBLIC glassbox_boot
    PRIVATE PkgConfig::ZLIB PkgConfig::LIBLZMA PkgConfig::LIBZSTD PkgConfig::LIBLZ4)

foreach(name IN ITEMS acpi boot_load bzimage cpio e820 early_tables elf_load modules unpack)
    glassbox_unit_test(boot_${name}_test ${name}_test.c LIBS glassbox_test_kernel_image)
endforeach()
