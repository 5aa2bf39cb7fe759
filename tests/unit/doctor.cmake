# SPDX-License-Identifier: MIT
glassbox_unit_test(vmm_doctor_test doctor_test.c LIBS glassbox_doctor)
target_compile_definitions(vmm_doctor_test PRIVATE DOCTOR="$<TARGET_FILE:glassbox> doctor" PROGRAM="$<TARGET_FILE:glassbox>")
add_dependencies(vmm_doctor_test glassbox)
