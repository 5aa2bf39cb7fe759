# SPDX-License-Identifier: MIT
glassbox_fuzz_target(gdb_packet_fuzz gdb_packet_fuzz.c
    CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/gdb_packet
    LIBS gdbstub_test_support)
