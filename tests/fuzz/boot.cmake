# SPDX-License-Identifier: MIT
glassbox_fuzz_target(kernel_image_fuzz kernel_image_fuzz.c LIBS glassbox_boot
    CORPUS ${CMAKE_CURRENT_LIST_DIR}/kernel_image.corpus)
