# SPDX-License-Identifier: MIT
# What a vCPU looks like to its guest, and what is to be said when it dies: no ioctl, tested without KVM.
pkg_check_modules(CAPSTONE REQUIRED IMPORTED_TARGET capstone)

add_library(glassbox_vmm_cpu STATIC
    cpu_features.c
    cpu_features_table.c
    cpuid.c
    diagnose.c
    disassemble.c
    exit_names.c)
target_link_libraries(glassbox_vmm_cpu PUBLIC glassbox_compiler glassbox_base PRIVATE PkgConfig::CAPSTONE)
