# SPDX-License-Identifier: MIT
# `glassbox doctor` and the tiny guests that it asks KVM with.

add_library(glassbox_doctor STATIC
    doctor.c
    doctor_debug.c
    doctor_guest.c
    doctor_host.c
    doctor_kvm.c
    doctor_report.c
    probe.c
    probe_machine.c)
target_link_libraries(glassbox_doctor PUBLIC glassbox_vmm PkgConfig::JANSSON)
