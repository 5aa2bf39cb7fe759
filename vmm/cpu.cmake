# SPDX-License-Identifier: MIT
# What a vCPU looks like to its guest, and what is to be said when it dies: no ioctl, tested without KVM.
# Of libcapstone only the header: disassemble.c loads the library when a listing is wanted.
pkg_check_modules(CAPSTONE REQUIRED capstone)

add_library(glassbox_vmm_cpu STATIC
    cpu_features.c
    cpu_features_table.c
    cpuid.c
    diagnose.c
    disassemble.c
    exit_names.c)
target_link_libraries(glassbox_vmm_cpu PUBLIC glassbox_compiler glassbox_base PRIVATE ${CMAKE_DL_LIBS})
target_include_directories(glassbox_vmm_cpu PRIVATE ${CAPSTONE_INCLUDE_DIRS})
