# SPDX-License-Identifier: MIT
# `glassbox run` with kernels of a few instructions, which the tests assemble themselves (as and ld of binutils).

foreach(test IN ITEMS run_control_test run_debug_test run_end_test run_io_test run_share_test)
    glassbox_test(${test} guest any-kvm 600 ${CMAKE_CURRENT_SOURCE_DIR}/${test}.py)
endforeach()
