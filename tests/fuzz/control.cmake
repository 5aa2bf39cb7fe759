# SPDX-License-Identifier: MIT
glassbox_fuzz_target(control_request_fuzz control_request_fuzz.c LIBS glassbox_control
    CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/control_request)
